# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be brought back: backups by store, and whether they are as fresh as they have to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Backup:
    """One backup. label: what it was called when it was asked for; empty for those that the service makes itself.
    size_gb: GiB, None where the cloud does not tell. expires: None for one that stays until it is deleted."""

    id: str
    label: str
    kind: Literal["manual", "automatic", "final"]
    status: Literal["ready", "pending", "failed"]
    taken: datetime
    size_gb: float | None = None
    expires: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "label": self.label,
            "kind": self.kind,
            "status": self.status,
            "taken": moment(self.taken),
            "size_gb": self.size_gb,
            "expires": moment(self.expires),
        }


@dataclass(frozen=True)
class History:
    """What can be brought back of one store. restorable_from and restorable_to: the moments between which any can be
    restored, None where the service cannot do that or does not exist any more."""

    capability: Literal["database", "cache"]
    name: str
    exists: bool
    retention_days: int = 0
    restorable_from: datetime | None = None
    restorable_to: datetime | None = None
    backups: tuple[Backup, ...] = ()

    def newest(self) -> datetime | None:
        """The newest state that could be restored now."""
        moments = [backup.taken for backup in self.backups if backup.status == "ready"]
        return max([*moments, *([self.restorable_to] if self.restorable_to else [])], default=None)

    def as_dict(self, now: datetime, rpo_minutes: int | None) -> dict[str, Any]:
        """age_seconds: how much would be lost if it had to be restored now. within_rpo: None without a bound."""
        newest = self.newest()
        age = max(0.0, (now - newest).total_seconds()) if newest else None
        within = None if rpo_minutes is None else age is not None and age <= rpo_minutes * 60
        return {
            "capability": self.capability,
            "name": self.name,
            "exists": self.exists,
            "retention_days": self.retention_days,
            "restorable_from": moment(self.restorable_from),
            "restorable_to": moment(self.restorable_to),
            "newest": moment(newest),
            "age_seconds": None if age is None else round(age),
            "within_rpo": within,
            "backups": [backup.as_dict() for backup in sorted(self.backups, key=lambda each: each.taken, reverse=True)],
        }


def moment(value: datetime | None) -> str | None:
    """ISO 8601 with its zone, or None."""
    return None if value is None else value.isoformat(timespec="seconds")
