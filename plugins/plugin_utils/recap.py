# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's report as a table for terminals and logs: plain text, at most 100 columns. Controller side only."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .progress import duration

WIDTH = 100
_INDENT = "  "
_KIND = 36
_MARKS = {"create": "+", "update": "~", "replace": "!", "delete": "-", "none": " "}
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_HEADS = {"plan": "plan, nothing was changed", "apply": "rolled out", "destroy": "destroyed"}
_VALUE = 44
_OUTPUTS = 12


def recap(report: Mapping[str, Any]) -> str:
    """The table: one row per object that changes, what changes in it, counts, and what stands now."""
    lines = [_heading(report), *_rows(report), _INDENT + summary(report)]
    if report["mode"] == "apply" and not report["failed"]:
        lines += _outputs(report["outputs"])
    lines += _orphans(report)
    return "\n".join(lines)


def summary(report: Mapping[str, Any]) -> str:
    """For example: 12 created, 1 updated, 40 unchanged."""
    counted = report["counts"]
    if report["mode"] == "plan":
        parts = [f"{counted[name]} to {name}" for name in _DONE if counted[name]]
    else:
        parts = [f"{counted[name]} {word}" for name, word in _DONE.items() if counted[name]]
    if counted["none"]:
        parts.append(f"{counted['none']} {'gone already' if report['state'] == 'absent' else 'unchanged'}")
    parts += [f"{counted[name]} {name.upper()}" for name in ("failed", "skipped") if counted[name]]
    if report["failed"] and not any(counted.values()):
        return "nothing was touched"
    return ", ".join(parts) or "nothing to do"


def _heading(report: Mapping[str, Any]) -> str:
    site = report["site"]
    where = " ".join(site[name] for name in ("cloud", "region", "account") if site.get(name))
    what = _HEADS[report["mode"]]
    if report["mode"] == "plan" and report["state"] == "absent":
        what = "plan of destruction, nothing was changed"
    if report["failed"]:
        what = "FAILED"
    return f"{site['name']}{f' ({where})' if where else ''}: {what}, {duration(report['seconds'])}"


def _rows(report: Mapping[str, Any]) -> Iterator[str]:
    items = [item for item in report["resources"] if item["action"] != "none" or item.get("status", "ok") != "ok"]
    if report["state"] == "absent":
        items.reverse()  # in the order in which it happens
    if not items:
        return
    kind_width = min(_KIND, max(len(item["kind"]) for item in items))
    name_width = min(WIDTH - kind_width - 24, max(len(item["name"]) for item in items))
    for item in items:
        status = item.get("status", "ok")
        time = "" if report["mode"] == "plan" else duration(item["seconds"]) if status == "ok" else status.upper()
        kind, name = _cut(item["kind"], kind_width), _cut(item["name"], name_width)
        row = f"{_MARKS[item['action']]} {item['action']:<7}  {kind:<{kind_width}}  {name:<{name_width}}  {time:>7}"
        yield (_INDENT + row).rstrip()
        yield from _details(item, status)


def _details(item: Mapping[str, Any], status: str) -> Iterator[str]:
    indent = _INDENT + " " * 6
    if item["action"] in ("update", "replace") and status != "skipped":
        for change in item["changes"]:
            yield from _wrap(f"{change['field']}: {_value(change['before'])} -> {_value(change['after'])}", indent)
    error = item.get("error", "").removeprefix(f"{item['kind']} {item['name']}: {item['action']}: ")
    for text in (item.get("note", ""), error if status == "failed" else ""):
        if text:
            yield from _wrap(text, indent)


def _outputs(outputs: Mapping[str, Any]) -> list[str]:
    """What stands, as far as it is short: names, ids and addresses."""
    found = [(path, value) for path, value in _scalars("", outputs) if not path.startswith("resolved.")]
    shown = [(path, value) for path, value in found if len(path) + len(value) + 4 <= WIDTH][:_OUTPUTS]
    if not shown:
        return []
    width = max(len(path) for path, _value_ in shown)
    return [f"{_INDENT}{path:<{width}}  {value}" for path, value in shown if width + len(value) + 4 <= WIDTH]


def _scalars(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, (str, int, float)) and value != "":
        yield path, str(value)


def _orphans(report: Mapping[str, Any]) -> list[str]:
    if not report["orphans"]:
        return []
    lines = [_INDENT + "Left behind: these carry the site's tags and are not in its specification."]
    for item in report["orphans"]:
        lines += _wrap(f"{item['kind']} {item['name']} ({item['id']})", _INDENT + "? ")
    return lines


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, default=str)
    return text if len(text) <= _VALUE else text[: _VALUE - 3] + "..."


def _cut(text: str, width: int) -> str:
    """The middle goes: names differ at their ends."""
    if len(text) <= width:
        return text
    head = (width - 3) // 2
    return f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def _wrap(text: str, indent: str) -> list[str]:
    rest = " " * len(indent)
    flat = " ".join(text.split())
    return textwrap.wrap(flat, WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)
