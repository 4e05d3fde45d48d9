# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a picture: a page with a Gantt chart of all its sites, the critical path marked. Controller side only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from .progress import cut, duration
from .reports import began, critical_path, finished

LEFT, RIGHT, CHART = 380, 125, 745  # label column, room for times after bars, time axis; pixels
ROW, BAR, HEAD, AXIS = 20, 12, 40, 26
SHORT = 0.02  # of the whole: what took less shares a row, unless it is on the critical path
LABEL = 46  # characters
TOLD = 0.01  # of the whole: steps of the critical path that its sentence leaves out are shorter
FEW = 3  # so many short ones are worth a row each
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2530; --soft: #647182; --line: #e4e8ee; --band: #f6f8fa;
  --create: #3b82c4; --update: #d08a1d; --replace: #8a5cc2; --delete: #7b8794; --failed: #cf3b3b; --critical: #d9480f;
  --look: #c3ccd8; }
@media (prefers-color-scheme: dark) { :root { --back: #12171e; --text: #e3e9f0; --soft: #93a1b3; --line: #2a333f;
  --band: #181f28; --create: #5b9fdd; --update: #e0a23c; --replace: #a981dd; --delete: #8492a3; --failed: #ef6a6a;
  --critical: #ff9152; --look: #3d4856; } }
body { background: var(--back); color: var(--text); font: 14px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  margin: 2rem auto; max-width: 1200px; padding: 0 1rem; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; } p { margin: .2rem 0 1rem; color: var(--soft); }
p.path { color: var(--text); } p.path b { color: var(--critical); }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, "Segoe UI", sans-serif; }
.name { fill: var(--text); } .kind, .tick, .time { fill: var(--soft); } .site { fill: var(--text); font-weight: 600; }
.time { paint-order: stroke; stroke: var(--back); stroke-width: 4px; } .many { opacity: .6; }
.grid { stroke: var(--line); } .band { fill: var(--band); } .look { fill: var(--look); }
.create { fill: var(--create); } .update { fill: var(--update); } .replace { fill: var(--replace); }
.delete { fill: var(--delete); } .failed { fill: var(--failed); }
.critical { stroke: var(--critical); stroke-width: 2.5; }
.chain { stroke: var(--critical); stroke-width: 1.5; fill: none; }
text.critical { stroke: none; fill: var(--critical); font-weight: 600; }
rect.bar:hover, g.row:hover rect.bar { filter: brightness(1.2); }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; color: var(--soft); }
li i { display: inline-block; width: 14px; height: 12px; border-radius: 3px; margin-right: .4rem;
  vertical-align: -1px; }
"""


@dataclass
class _Site:
    """One site's rows. offset: seconds from the beginning of the run to the site's."""

    report: Mapping[str, Any]
    offset: float
    chain: list[str]
    rows: list[Mapping[str, Any]] = field(default_factory=list)  # long and critical objects, one row each
    short: list[Mapping[str, Any]] = field(default_factory=list)  # the many others, one row for all

    @property
    def height(self) -> int:
        return HEAD + ROW * max(1, len(self.rows) + bool(self.short))

    @property
    def end(self) -> float:
        return self.offset + float(self.report["seconds"])


def page(reports: Sequence[Mapping[str, Any]]) -> str:
    """The HTML of a run's timeline, complete in itself: no script, nothing loaded from anywhere."""
    sites = _sites(reports)
    total = max((site.end for site in sites), default=0.0)
    for site in sites:
        _arrange(site, total)
    body = [_intro(reports, sites, total), _chart(sites, total), _legend(sites)]
    title = escape(_title(reports))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{''.join(body)}</body></html>\n"
    )


def _title(reports: Sequence[Mapping[str, Any]]) -> str:
    platforms = sorted({report["site"].get("platform", "") for report in reports} - {""})
    destroying = any(report["mode"] == "destroy" for report in reports)
    return f"{', '.join(platforms) or 'Platform'}: {'destruction' if destroying else 'rollout'} timeline"


def _sites(reports: Sequence[Mapping[str, Any]]) -> list[_Site]:
    known = [began(report) for report in reports if began(report)]
    zero = min(known, default=0.0)
    sites = [_Site(report, max(0.0, began(report) - zero), critical_path(report["resources"])) for report in reports]
    return sorted(sites, key=lambda site: (site.offset, site.report["site"]["name"]))


def _arrange(site: _Site, total: float) -> None:
    """Long and critical objects get a row of their own; the many short ones share one."""
    acted = [item for item in site.report["resources"] if _shown(item)]
    acted.sort(key=lambda item: (item["started"], finished(item)))
    for item in acted:
        long = item["seconds"] >= SHORT * total or _failed(item) or _key(item) in site.chain
        (site.rows if long else site.short).append(item)
    if len(site.short) <= FEW:
        site.rows, site.short = acted, []


def _chart(sites: Sequence[_Site], total: float) -> str:
    width = LEFT + CHART + RIGHT
    height = AXIS + sum(site.height for site in sites) + 10
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Timeline of all sites">']
    bodies, top = [], float(AXIS)
    for site in sites:
        bodies.append(_site(site, top, total))
        top += site.height
    parts += [_axis(total, height), *bodies, "</svg>\n"]
    return "".join(parts)


def _axis(total: float, height: float) -> str:
    step = next((tick for tick in TICKS if total / tick <= 10), TICKS[-1])
    parts = []
    for index in range(int(total / step) + 1):
        x = _x(index * step, total)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{AXIS - 6}" y2="{height - 6}"/>')
        label = "0" if index == 0 else duration(index * step).replace("m00s", "m")
        parts.append(f'<text class="tick" x="{x:.1f}" y="14" text-anchor="middle">{label}</text>')
    return "".join(parts)


def _site(site: _Site, top: float, total: float) -> str:
    report, where = site.report, site.report["site"]
    place = " ".join(where[name] for name in ("cloud", "region") if where.get(name))
    verdict = "failed" if report["failed"] else "done"
    head = (
        f'<rect class="band" x="0" y="{top + 8}" width="{LEFT + CHART + RIGHT}" height="24" rx="4"/>'
        f'<text class="site" x="8" y="{top + 25}">{escape(where["name"])}'
        f'<tspan class="kind" font-weight="400" dx="10">{escape(place)}</tspan></text>'
        f'<text class="{"failed" if report["failed"] else "time"}" x="{LEFT + CHART + RIGHT - 8}" y="{top + 25}" '
        f'text-anchor="end">{verdict} after {duration(report["seconds"])}</text>'
    )
    acted = site.rows + site.short
    first = min((item["started"] for item in acted), default=report["seconds"])
    if first > 0:
        head += _bar(site.offset, first, top + 14, total, "look", "reading and planning: everything is looked at first")
    if not acted:
        text = "nothing was touched" if report["failed"] else "nothing to change"
        return head + f'<text class="kind" x="8" y="{top + HEAD + 14}">{text}</text>'
    parts, places = [], {}
    for index, item in enumerate(site.rows):
        y = top + HEAD + ROW * index
        places[_key(item)] = (site.offset + item["started"], site.offset + finished(item), y + BAR / 2 + 2)
        parts.append(_row(item, y, site, total))
    if site.short:
        parts.append(_together(site, top + HEAD + ROW * len(site.rows), total))
    return head + _chain(site.chain, places, total) + "".join(parts)


def _row(item: Mapping[str, Any], y: float, site: _Site, total: float) -> str:
    critical = " critical" if _key(item) in site.chain else ""
    end = max(_x(site.offset + finished(item), total), _x(0, total) + 3) + 6
    return (
        f'<g class="row"><text class="name{critical}" x="{LEFT - 12}" y="{y + 12}" text-anchor="end">'
        f"{escape(_short(item))}</text>"
        + _item(item, y, site, total)
        + f'<text class="time" x="{end:.1f}" y="{y + 12}">{duration(item["seconds"])}</text></g>'
    )


def _together(site: _Site, y: float, total: float) -> str:
    """The short ones: a bar wherever at least one of them was under way, its details tell which."""
    text = f'<text class="kind" x="{LEFT - 12}" y="{y + 12}" text-anchor="end">{len(site.short)} short ones</text>'
    spans: list[tuple[float, list[Mapping[str, Any]]]] = []
    for item in site.short:  # in the order of their beginnings
        if spans and item["started"] <= spans[-1][0] + total * 2 / CHART:
            spans[-1] = (max(spans[-1][0], finished(item)), [*spans[-1][1], item])
        else:
            spans.append((finished(item), [item]))
    for end, items in spans:
        start = items[0]["started"]
        kinds = {item["action"] for item in items}
        about = [f"{item['action']} {item['kind']} {item['name']}, {duration(item['seconds'])}" for item in items]
        classes = kinds.pop() if len(kinds) == 1 else "update"
        text += _bar(site.offset + start, end - start, y + 2, total, f"{classes} many", "\n".join(about))
    return text


def _item(item: Mapping[str, Any], y: float, site: _Site, total: float) -> str:
    kind = "failed" if _failed(item) else item["action"]
    critical = " critical" if _key(item) in site.chain else ""
    start = site.offset + item["started"]
    about = [
        f"{item['action']} {item['kind']} {item['name']}",
        f"{duration(item['started'])} to {duration(finished(item))}, took {duration(item['seconds'])}",
        *([f"id: {item['id']}"] if item.get("id") else []),
        *([f"needs: {', '.join(item['needs'])}"] if item.get("needs") else []),
        *[f"{change['field']} changes" for change in item["changes"] if item["action"] == "update"],
        *(["restarts or fails over what is running"] if item.get("disruptive") else []),
        *([item["error"]] if item.get("error") else []),
    ]
    return _bar(start, item["seconds"], y + 2, total, f"{kind}{critical}", "\n".join(about))


def _bar(start: float, seconds: float, y: float, total: float, classes: str, about: str) -> str:
    x = _x(start, total)
    width = max(3.0, _x(start + seconds, total) - x)
    return (
        f'<rect class="bar {classes}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3">'
        f"<title>{escape(about)}</title></rect>"
    )


def _chain(chain: Iterable[str], places: Mapping[str, tuple[float, float, float]], total: float) -> str:
    """A line from the end of each step of the critical path to the beginning of the next."""
    keys = [key for key in chain if key in places]
    parts = []
    for before, after in pairwise(keys):
        x, middle = _x(places[before][1], total), _x(places[after][0], total)
        parts.append(
            f'<path class="chain" d="M{x:.1f} {places[before][2]:.1f} H{middle:.1f} V{places[after][2]:.1f}"/>'
        )
    return "".join(parts)


def _intro(reports: Sequence[Mapping[str, Any]], sites: Sequence[_Site], total: float) -> str:
    if not sites:
        return "<p>No site has reported.</p>"
    when = min((report["started"] for report in reports if report["started"]), default="")[:19].replace("T", " ")
    acted = sum(len(site.rows) + len(site.short) for site in sites)
    text = f"<p>{len(sites)} site{'s' * (len(sites) != 1)}, {acted} changes in {duration(total)}, begun {when} UTC</p>"
    last = max(sites, key=lambda site: site.end)
    if not last.chain:
        return text
    by_key = {_key(item): item for item in last.report["resources"]}
    steps = [by_key[key] for key in last.chain]
    spent = sum(item["seconds"] for item in steps)
    told = [item for item in steps if item["seconds"] >= TOLD * total]
    chain = " &rarr; ".join(f"{escape(_kind(item))} {duration(item['seconds'])}" for item in told)
    name = escape(last.report["site"]["name"])
    return text + f'<p class="path"><b>Critical path</b> ({name}, {duration(spent)} of {duration(total)}): {chain}</p>'


def _legend(sites: Sequence[_Site]) -> str:
    used = {"failed" if _failed(item) else item["action"] for site in sites for item in site.rows + site.short}
    names = [name for name in ("create", "update", "replace", "delete", "failed") if name in used]
    items = "".join(f'<li><i style="background: var(--{name})"></i>{name}</li>' for name in names)
    items += '<li><i style="background: var(--look)"></i>reading and planning</li>'
    if any(site.chain for site in sites):
        items += '<li><i style="border: 2px solid var(--critical); height: 8px"></i>critical path of the site</li>'
    return f"<ul>{items}</ul><p>Point at a bar for details.</p>\n"


def _x(seconds: float, total: float) -> float:
    return LEFT + CHART * (seconds / total if total else 0.0)


def _key(item: Mapping[str, Any]) -> str:
    return f"{item['kind']}/{item['name']}"


def _kind(item: Mapping[str, Any]) -> str:
    """The kind without its cloud, which stands in the site's heading."""
    return str(item["kind"]).partition(".")[2] or str(item["kind"])


def _short(item: Mapping[str, Any]) -> str:
    kind = _kind(item)
    return f"{kind}  {cut(item['name'], max(12, LABEL - len(kind)))}"


def _failed(item: Mapping[str, Any]) -> bool:
    return item.get("status") == "failed"


def _shown(item: Mapping[str, Any]) -> bool:
    return _failed(item) or (item["action"] != "none" and item.get("status") != "skipped")
