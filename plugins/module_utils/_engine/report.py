# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Report: what was done, or would be done, to every object. Its shape never varies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .plan import Action, Change, Unknown


@dataclass
class Entry:
    """One object's line. `started` and `seconds` are seconds since the run began and spent on it. Objects with the same
    `lock` take turns."""

    kind: str
    name: str
    id: str = ""
    action: Action = Action.NONE
    changes: tuple[Change, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    status: str = "ok"  # ok | failed | skipped
    error: str = ""
    note: str = ""
    disruptive: bool = False
    needs: tuple[str, ...] = ()
    lock: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "id": self.id,
            "action": self.action.value,
            "changes": [change_as_dict(change) for change in self.changes],
            "seconds": round(self.seconds, 3),
            "started": round(self.started, 3),
            "status": self.status,
            "error": self.error,
            "note": self.note,
            "disruptive": self.disruptive,
            "needs": list(self.needs),
            "lock": self.lock,
        }


@dataclass
class Report:
    """What one run did. `outputs` are the site's addresses and ids; `warnings` are for people."""

    check: bool
    state: str
    entries: list[Entry] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    orphans: list[dict[str, str]] | None = None  # None: not looked for
    kept: list[dict[str, str]] | None = None  # what stays on purpose (final snapshots); looked for with the orphans
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """A failed action counts: the cloud may have done part of it."""
        return any(entry.action is not Action.NONE and entry.status != "skipped" for entry in self.entries)

    @property
    def failed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.status == "failed"]

    def summary(self) -> str:
        """One sentence for a failed run: what failed and why, and what was left undone."""
        skipped = [entry for entry in self.entries if entry.status == "skipped"]
        text = " ".join(entry.error for entry in self.failed)
        if skipped:
            names = ", ".join(f"{entry.kind} {entry.name}" for entry in skipped)
            text += f" Not attempted because of that: {names}."
        return text + " What was finished stays; run again to go on from here." if text else text

    def as_dict(self) -> dict[str, Any]:
        return {
            "changed": self.changed,
            "resources": [entry.as_dict() for entry in self.entries],
            "diff": [
                diff_as_dict(entry)
                for entry in self.entries
                if entry.action is not Action.NONE and entry.status != "skipped"
            ],
            "outputs": plain(self.outputs),
            "orphans": self.orphans,
            "kept": self.kept,
            "seconds": round(self.seconds, 3),
        }


def plain(value: Any) -> Any:
    """The value as JSON can carry it; what is not known yet says so."""
    if isinstance(value, Unknown):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def change_as_dict(change: Change) -> dict[str, Any]:
    return {"field": change.path, "before": plain(change.shown_before), "after": plain(change.shown_after)}


def diff_as_dict(entry: Entry) -> dict[str, Any]:
    """The shape that `ansible-playbook --diff` prints: exactly the fields that change."""
    changes = [change_as_dict(change) for change in entry.changes]
    return {
        "before_header": f"{entry.kind} {entry.name}",
        "after_header": f"{entry.kind} {entry.name} ({entry.action.value})",
        "before": {} if entry.action is Action.CREATE else {c["field"]: c["before"] for c in changes},
        "after": {} if entry.action is Action.DELETE else {c["field"]: c["after"] for c in changes},
    }
