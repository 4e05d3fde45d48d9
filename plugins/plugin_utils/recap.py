# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's report as a table for terminals and logs: plain text, at most 100 columns. Controller side only."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .checks import TABLES, summary_of_checks
from .progress import cut, duration

WIDTH = 100
_INDENT = "  "
_KIND = 36
_MARKS = {"create": "+", "update": "~", "replace": "!", "delete": "-", "none": " "}
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_HEADS = {
    "plan": "plan, nothing was changed",
    "apply": "rolled out",
    "destroy": "destroyed",
    "backup": "backed up",
    "restore": "restored",
    "kubernetes_base": "base of the cluster laid",
    "application": "applications rolled out",
    "verify": "verified",
    "load": "under load",
}
_VALUE = 44


def recap(report: Mapping[str, Any]) -> str:
    """The table: one row per object that changes, what changes in it, counts, and what stands now. Or one per check."""
    if report["subject"] in TABLES:
        told = TABLES[report["subject"]](report["details"])
        return "\n".join([_heading(report), *(told or _wrap(report["msg"], _INDENT)), _INDENT + summary(report)])
    lines = [_heading(report), *_rows(report), _INDENT + summary(report)]
    if report["failed"] and not report["counts"]["failed"]:
        lines += _wrap(report["msg"], _INDENT)
    if report["mode"] == "apply" and not report["failed"]:
        lines += [cut(line, WIDTH) for line in _standing(report["outputs"])]
    if report["subject"] == "application":
        lines += [cut(line, WIDTH) for line in _services(report["outputs"])]
    lines += _orphans(report)
    if not report["failed"]:
        lines += {"backup": _stores, "restore": _restored}.get(report["subject"], lambda details: [])(report["details"])
    return "\n".join(lines)


def summary(report: Mapping[str, Any]) -> str:
    """For example: 12 created, 1 updated, 40 unchanged."""
    if report["subject"] in TABLES:
        return summary_of_checks(report)
    counted = report["counts"]
    if report["mode"] == "plan":
        parts = [f"{counted[name]} to {name}" for name in _DONE if counted[name]]
    else:
        parts = [f"{counted[name]} {word}" for name, word in _DONE.items() if counted[name]]
    if counted["disruptive"]:
        parts.append(f"{counted['disruptive']} of them disruptive")
    if counted["none"]:
        parts.append(f"{counted['none']} unchanged")
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
    room = WIDTH - kind_width - (15 if report["mode"] == "plan" else 24)
    name_width = min(room, max(len(item["name"]) for item in items))
    for item in items:
        status = item.get("status", "ok")
        time = "" if report["mode"] == "plan" else duration(item["seconds"]) if status == "ok" else status.upper()
        kind, name = cut(item["kind"], kind_width), cut(item["name"], name_width)
        row = f"{_MARKS[item['action']]} {item['action']:<7}  {kind:<{kind_width}}  {name:<{name_width}}  {time:>7}"
        yield (_INDENT + row).rstrip()
        yield from _details(item, status)


def _details(item: Mapping[str, Any], status: str) -> Iterator[str]:
    indent = _INDENT + " " * 6
    if item["action"] in ("update", "replace") and status != "skipped":
        for change in item["changes"]:
            yield from _wrap(f"{change['field']}: {_value(change['before'])} -> {_value(change['after'])}", indent)
    error = item.get("error", "").removeprefix(f"{item['kind']} {item['name']}: {item['action']}: ")
    if item.get("note"):
        wrapped = _wrap(f"disruptive: {item['note']}" if item.get("disruptive") else item["note"], indent)
        # The chain of what stopped a skipped object can be long, and its first link is enough.
        yield from wrapped[:1] if status == "skipped" else wrapped
    if status == "failed" and error:
        yield from _wrap(error, indent)


def _services(outputs: Mapping[str, Any]) -> Iterator[str]:
    """What runs of every service, also when something failed."""
    for name, service in (outputs.get("services") or {}).items():
        if not service["image"]:
            continue
        count = f"{service['ready']}/{service['replicas']} ready"
        canary = service["canary"]
        beside = f"{canary['image']} for {canary['share']} %" if canary else ""
        back = "ROLLED BACK" if service["rolled_back"] else ""
        facts = (name, service["image"].rpartition("/")[2], count, back, beside, service["url"])
        yield f"{_INDENT}service  {'  '.join(fact for fact in facts if fact)}"


def _standing(outputs: Mapping[str, Any]) -> Iterator[str]:
    """What stands now, in what every cloud tells: address block, cluster and how to reach it, stores, buckets,
    who workloads are."""
    block = outputs.get("network", {}).get("addresses", {}).get("block")
    if block:
        yield f"{_INDENT}network  {block}"
    cluster = outputs.get("cluster", {})
    facts = [str(cluster[name]) for name in ("name", "version") if cluster.get(name)]
    if facts:
        yield f"{_INDENT}cluster  {'  '.join(facts)}"
    if cluster.get("endpoint"):
        yield f"{_INDENT}         {cluster['endpoint']}"
    for label, of, members in (("database", "database", "servers"), ("cache", "cache", "instances")):
        for name, store in (outputs.get(of) or {}).get(members, {}).items():
            engine = " ".join(str(store[key]) for key in ("engine", "version") if store.get(key))
            place = f"{store.get('host')}:{store.get('port')}"
            yield f"{_INDENT}{label:<9}{'  '.join(fact for fact in (name, engine, place) if fact)}"
    if (outputs.get("registry") or {}).get("url"):
        yield f"{_INDENT}registry {outputs['registry']['url']}"
    secrets = (outputs.get("secret_store") or {}).get("secrets") or {}
    if secrets:
        yield f"{_INDENT}secrets  {', '.join(sorted(secrets))}"
    for name, bucket in outputs.get("object_store", {}).get("buckets", {}).items():
        place = bucket.get("url") or bucket.get("name", "") if isinstance(bucket, Mapping) else bucket
        yield f"{_INDENT}bucket   {name}  {place}"
    for name, each in ((outputs.get("workload_identity") or {}).get("workloads") or {}).items():
        yield f"{_INDENT}workload {name}  {each['namespace']}/{each['service_account']}  {each['identity']}"


def _stores(details: Mapping[str, Any]) -> list[str]:
    """How fresh the backups are."""
    lines: list[str] = []
    for store in details["stores"] or []:
        age = store["age_seconds"]
        newest = "nothing to restore" if age is None else f"restorable to {duration(age)} ago"
        kept = f", kept {store['retention_days']} days" if store["exists"] and store["retention_days"] else ""
        verdict = {True: ", within the objective", False: ", NOT WITHIN THE OBJECTIVE", None: ""}[store["within_rpo"]]
        lines += _wrap(f"{store['capability']} {store['name']}: {newest}{kept}{verdict}", _INDENT)
    return lines


def _restored(details: Mapping[str, Any]) -> list[str]:
    """What came back, how old it is, how long it took, and how that is known."""
    lines = []
    if details["restored_to"]:
        lines.append(f"data of {details['restored_to']}, {duration(details['data_age_seconds'])} old at the beginning")
    if details["restore_seconds"] is not None:
        lines.append(f"took {duration(details['restore_seconds'])} until it answered")
    if details["verification"]:
        lines.append(f"{'verified' if details['verified'] else 'NOT VERIFIED'} {details['verification']}")
    if details["promoted"]:
        kept = f", its predecessor is {details['former']}" if details["former"] else ""
        lines.append(f"promoted{kept}")
    return [line for text in lines for line in _wrap(text, _INDENT)]


def _orphans(report: Mapping[str, Any]) -> list[str]:
    kept: list[str] = []
    for item in report["kept"] or []:
        kept += _wrap(f"{item['kind']} {item['name']}: {item['kept']}", _INDENT + "= ")
    if kept:
        kept.insert(0, _INDENT + "Kept on purpose, and not deleted with the site:")
    if report["orphans"] == [] and report["mode"] == "destroy":
        left = "Nothing else is left" if kept else "Nothing is left"
        return [*kept, f"{_INDENT}{left}: no {'other ' * bool(kept)}object of the account carries this site's tags."]
    if not report["orphans"]:
        return kept
    lines = [*kept, _INDENT + "Left behind: these carry the site's tags and are not in its specification."]
    for item in report["orphans"]:
        lines += _wrap(f"{item['kind']} {item['name']} ({item['id']})", _INDENT + "? ")
    return lines


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, default=str)
    return text if len(text) <= _VALUE else text[: _VALUE - 3] + "..."


def _wrap(text: str, indent: str) -> list[str]:
    rest = " " * len(indent)
    flat = " ".join(text.split())
    return textwrap.wrap(flat, WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)
