# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots on demand, and what can be brought back of servers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from .._engine.backups import Backup, History
from .._engine.capability import Built
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Status
from .._spec import names
from .._spec.database import Database, DatabaseServer
from .base import Item, as_dict, as_list
from .client import Session
from .existing import Reference
from .rds_lists import LABEL_TAG, SERVER_TAG, SNAPSHOTS, aware, instances, snapshots
from .rds_network import RdsResource
from .rds_restore import identifier, snapshots_of, windows_of

_STATES = {"available": Status.READY, "failed": Status.FAILED, "deleting": Status.DELETING}


class ExistingInstance(Reference):
    """The instance that is to be backed up: it must be there."""

    kind: ClassVar[str] = "aws.rds.instance"

    def read(self) -> Observed | None:
        found = instances(self.session).get(self.name)
        return None if found is None else Observed({}, {"id": found["DBInstanceArn"]})


class Snapshot(RdsResource):
    """A snapshot of one server with a label. Made once; nothing about it changes."""

    kind: ClassVar[str] = "aws.rds.snapshot"
    fields: ClassVar[Fields] = Fields({"tags": MUTABLE})

    def __init__(self, session: Session, server: str, label: str) -> None:
        # A name of its own for each pair of server and label: "a-b" of "c" is not "b" of "c-a".
        mark = names.digest(f"{server}/{label}", 4)
        instance = ExistingInstance(session, identifier(session, server))
        super().__init__(session, f"{instance.name}-{label}-{mark}", [instance])
        self.server, self.label = server, label

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, SERVER_TAG: self.server, LABEL_TAG: self.label}

    @property
    def instance(self) -> str:
        return identifier(self.session, self.server)

    def lists(self) -> Sequence[Hashable]:
        return (SNAPSHOTS,)

    def predicted(self) -> dict[str, Any]:
        return {"id": self.session.arn("rds", f"snapshot:{self.name}")}

    def desired(self) -> dict[str, Any]:
        return {"tags": self.tags}

    def read(self) -> Observed | None:
        found = next((item for item in snapshots(self.session) if item["DBSnapshotIdentifier"] == self.name), None)
        if found is None:
            return None
        tags = as_dict(found.get("TagList"))
        word = str(found["Status"])
        status = _STATES.get(word, Status.PENDING)
        reason = f"{word}, {found.get('PercentProgress', 0)} %"
        # One that failed holds nothing.
        return Observed({"tags": tags}, {"id": found["DBSnapshotArn"]}, status, reason, tags, Recovery.RECREATE)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "rds",
            "create_db_snapshot",
            DBSnapshotIdentifier=self.name,
            DBInstanceIdentifier=self.instance,
            Tags=as_list(desired["tags"]),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.rds_retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("rds", "delete_db_snapshot", DBSnapshotIdentifier=self.name)
        return WATCH


def backups(session: Session, label: str, spec: Database) -> Built:
    """One snapshot of every server, called `label`."""
    made = {server.name: Snapshot(session, server.name, label) for server in spec.servers if server.state == "present"}
    return Built(list(made.values()), {}, lambda: {"database": {name: item.out("id") for name, item in made.items()}})


def histories(session: Session, spec: Database) -> list[History]:
    """What can be brought back of each server."""
    return [_history(session, server) for server in spec.servers]


def _history(session: Session, server: DatabaseServer) -> History:
    found = instances(session).get(identifier(session, server.name))
    windows = windows_of(session, server.name)
    days = int((found or (windows[-1][2] if windows else {})).get("BackupRetentionPeriod") or 0)
    newest = windows[-1] if windows else None
    return History(
        "database",
        server.name,
        exists=found is not None and found["DBInstanceStatus"] != "deleting",
        retention_days=days,
        restorable_from=newest[0] if newest else None,
        restorable_to=newest[1] if newest else None,
        backups=tuple(
            _backup(item, days) for item in snapshots_of(session, server.name) if item.get("SnapshotCreateTime")
        ),
    )


def _backup(item: Item, days: int) -> Backup:
    """RDS tells the size of the instance's storage; what a snapshot takes of it is less, and not told."""
    label = as_dict(item.get("TagList")).get(LABEL_TAG, "")
    automatic = item.get("SnapshotType") != "manual"
    taken = aware(item["SnapshotCreateTime"])
    return Backup(
        id=item["DBSnapshotIdentifier"],
        label=label,
        kind="automatic" if automatic else "final" if "-final-" in item["DBSnapshotIdentifier"] else "manual",
        status={"available": "ready", "failed": "failed"}.get(str(item["Status"]), "pending"),  # type: ignore[arg-type]
        taken=taken,
        expires=taken + timedelta(days=days) if automatic and days else None,
    )
