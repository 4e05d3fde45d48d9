# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as data: what is written to files, counted, and drawn. Controller side only, no Ansible."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

VERSION = 1
ACTIONS = ("create", "update", "replace", "delete")
# What the results of some modules tell beside their objects.
DETAILS = {
    "backup": ("stores", "within_rpo"),
    "application": ("rolled_back",),
    "verify": ("checks", "latencies"),
    "load": ("loads",),
    "restore": (
        "restored_to",
        "data_age_seconds",
        "restore_seconds",
        "verified",
        "verification",
        "promoted",
        "former",
    ),
}


# What changes nothing, in check mode or not.
READING = ("verify", "load")


def site_report(
    result: Mapping[str, Any], *, run: str, host: str, state: str, check: bool, subject: str = "site"
) -> dict[str, Any]:
    """One site's report from the result of a module of this collection.

    A result that is only a message (the module could not start) gives a report with nothing in it but that.
    subject: site | backup | restore | kubernetes_base | application | verify | load.
    mode: plan | apply | destroy, or the subject.
    """
    resources = list(result.get("resources") or [])
    message = result.get("msg", "")
    if not message and not {"resources", "stores", "checks", "loads"} & result.keys():
        # Whatever happened, it was no run: that must never look like one with nothing to do.
        message = f"The module gave no result. {result.get('failed_when_suppressed_exception', '')}".strip()
    failed = bool(result.get("failed")) or bool(message)
    return {
        "version": VERSION,
        "run": run,
        "subject": subject,
        "mode": "plan" if check and subject not in READING else _MODES[state] if subject == "site" else subject,
        "state": state,
        "check": check,
        "site": {"name": host, **(result.get("site") or {})},
        "started": result.get("started", ""),
        "seconds": result.get("seconds", 0.0),
        "failed": failed,
        "msg": message,
        "changed": bool(result.get("changed")),
        "counts": counts(resources),
        "resources": resources,
        "outputs": result.get("outputs") or {},
        "orphans": result.get("orphans"),
        "kept": result.get("kept"),
        "details": {name: result.get(name) for name in DETAILS.get(subject, ())},
    }


_MODES = {"present": "apply", "absent": "destroy"}


def counts(resources: list[dict[str, Any]]) -> dict[str, int]:
    """How many objects each action was carried out for, or would be; and how many failed, were skipped, or stayed.
    What shall not exist and does not is no object.
    disruptive: how many of the updates restart or fail over what is running."""
    found = dict.fromkeys((*ACTIONS, "none", "failed", "skipped", "disruptive"), 0)
    for item in resources:
        status = item.get("status", "ok")
        if status == "ok" and item["action"] == "none" and not item["id"]:
            continue
        found[item["action"] if status == "ok" else status] += 1
        found["disruptive"] += bool(item.get("disruptive")) and status == "ok"
    return found


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hosts report side by side, in processes of their own: one at a time touches what they share."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, text: str) -> None:
    """Write as a whole or not at all. Only the user may read it: outputs tell addresses and account ids."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, data: Any) -> None:
    """Indented, in a stable order, so that two reports can be compared."""
    write(path, json.dumps(data, indent=2, default=str) + "\n")


def of_run(directory: Path, run: str) -> list[dict[str, Any]]:
    """The site reports of one run that stand in a directory, by name. What is not one of ours is passed over."""
    found = []
    for path in sorted(directory.glob("*.json")):
        data = _load(path)
        if data.get("version") == VERSION and data.get("run") == run and "resources" in data:
            found.append(data)
    return found


def add_to_plan(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Keep a file that holds the reports of all sites of one run, such as plan.json; returns what it holds now. That
    of an earlier run is replaced."""
    plan = _load(path)
    if plan.get("run") != report["run"]:
        plan = {"version": VERSION, "run": report["run"], "sites": {}}
    sites = {**plan["sites"], report["site"]["name"]: report}
    plan["sites"] = dict(sorted(sites.items()))
    plan["changed"] = any(site["changed"] for site in sites.values())
    plan["failed"] = any(site["failed"] for site in sites.values())
    plan["counts"] = {name: sum(site["counts"][name] for site in sites.values()) for name in report["counts"]}
    write_json(path, plan)
    return plan


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def began(report: Mapping[str, Any]) -> float:
    """When a site's call began, in seconds of the epoch; 0 when it never did."""
    try:
        return datetime.fromisoformat(report["started"]).timestamp()
    except ValueError:
        return 0.0


def critical_path(resources: list[dict[str, Any]]) -> list[str]:
    """The chain that decided when a site was finished, as keys (kind/name), first to last.

    It ends at the object that was finished last. Before each object comes the one, of those it had to wait for, that
    was finished last before it began: what it needs; for a deletion what needs it; and those it takes turns with.
    """
    acted = {f"{item['kind']}/{item['name']}": item for item in resources if item["seconds"] > 0 and _ran(item)}
    if not acted:
        return []
    waits: dict[str, set[str]] = {key: set() for key in acted}
    for key, item in acted.items():
        for need in acted.keys() & set(item.get("needs", ())):
            if item["action"] != "delete":
                waits[key].add(need)
            if acted[need]["action"] in ("delete", "replace"):
                waits[need].add(key)
        if item.get("lock"):
            waits[key] |= {other for other in acted if other != key and acted[other].get("lock") == item["lock"]}
    key = max(acted, key=lambda name: finished(acted[name]))
    chain = [key]
    while True:
        began_at = acted[key]["started"] + 0.05  # clocks are read a moment before and after
        before = [name for name in waits[key] if finished(acted[name]) <= began_at and name not in chain]
        if not before:
            return chain[::-1]
        key = max(before, key=lambda name: finished(acted[name]))
        chain.append(key)


def finished(item: Mapping[str, Any]) -> float:
    """When an object was finished, in seconds since its site began."""
    return float(item["started"]) + float(item["seconds"])


def _ran(item: Mapping[str, Any]) -> bool:
    return item["action"] != "none" and item.get("status") != "skipped"
