# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored instance takes the name of the one it was restored from: RDS renames instances."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.capability import Built
from .._engine.errors import Conflict, InvalidRequest
from .._engine.fields import Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, WATCH, Observed, Operation, Status
from .._spec.database import Database, DatabaseServer, Restore, former_name
from .base import AwsResource, Item, as_dict
from .client import Session
from .database_settings import engine_of, parameters_of, version_of
from .rds_lists import AS_TAG, INSTANCES, ORIGIN_TAG, instances
from .rds_parameters import ParameterGroup
from .rds_restore import identifier, origin_mark
from .rds_versions import ServerVersion


def promotion(session: Session, spec: Database, server: str, restored: str) -> Built:
    """`spec` holds the entries of both servers; that of the restored one has its `restore`."""
    entries = {entry.name: entry for entry in spec.servers}
    new = entries[restored]
    version = ServerVersion(session, engine_of(new), version_of(new), identifier(session, restored))
    group = ParameterGroup(session, identifier(session, server), version, parameters_of(new))
    return Built([group, Promotion(session, server, new, group)])


class Promotion(AwsResource):
    """Who is called `server`. The steps, each of which is found done after a kill: the restored instance gets the
    parameters of that name and a restart for them, the holder gives up the name, the restored instance takes it."""

    kind: ClassVar[str] = "aws.rds.promotion"
    fields: ClassVar[Fields] = Fields(
        {"Holder": Field(disruptive=True), "ParameterGroup": Field(disruptive=True), "Applied": Field(disruptive=True)}
    )
    replaceable: ClassVar[bool] = False

    def __init__(self, session: Session, server: str, new: DatabaseServer, group: ParameterGroup) -> None:
        super().__init__(session, identifier(session, server), [group])
        self.restored = identifier(session, new.name)
        self.former = identifier(session, former_name(server, new.name))
        self.mark = (new.name, origin_mark(new.restore or Restore(server)))
        self.group = group
        self._changed = False

    def lists(self) -> Sequence[Hashable]:
        return (INSTANCES,)

    def desired(self) -> dict[str, Any]:
        return {"Holder": self.restored, "ParameterGroup": self.group.out("name"), "Applied": "in-sync"}

    def _is_new(self, item: Item | None) -> bool:
        tags = as_dict((item or {}).get("TagList"))
        return (tags.get(AS_TAG), tags.get(ORIGIN_TAG)) == self.mark

    def read(self) -> Observed | None:
        listed = instances(self.session)
        holder, restored = listed.get(self.name), listed.get(self.restored)
        values = {"Holder": holder and holder["DbiResourceId"], "ParameterGroup": None, "Applied": None}
        if self._is_new(holder) and restored is None:
            values = {"Holder": self.restored, "ParameterGroup": self.group.out("name"), "Applied": "in-sync"}
        elif restored is not None:
            group = (restored.get("DBParameterGroups") or [{}])[0]
            values |= {
                "ParameterGroup": group.get("DBParameterGroupName"),
                "Applied": group.get("ParameterApplyStatus"),
            }
        watched = [item for item in (holder, restored, listed.get(self.former)) if item]
        busy = next((str(item["DBInstanceStatus"]) for item in watched if self._busy(item)), "")
        owner = restored or holder
        tags = as_dict(owner.get("TagList")) if owner else None
        identity = str((restored or holder or {}).get("DBInstanceArn") or self.name)
        return Observed(values, {"id": identity}, Status.PENDING if busy else Status.READY, busy, tags)

    def _busy(self, item: Item) -> bool:
        group = (item.get("DBParameterGroups") or [{}])[0]
        if item["DBInstanceStatus"] not in ("available", "backing-up", "storage-optimization", "stopped"):
            return True
        return self._changed and bool(
            item.get("PendingModifiedValues") or group.get("ParameterApplyStatus") == "applying"
        )

    def check_update(self, observed: Observed, change: Plan) -> str:
        listed = instances(self.session)
        if self.restored not in listed:
            return f"there is no instance {self.restored} that could take the name. Restore it first."
        if not self._is_new(listed[self.restored]):
            return (
                f"the instance {self.restored} was not made by this restore. Choose another name for the restored one."
            )
        if self.name in listed and self.former in listed:
            return f"{self.former} exists already, from an earlier promotion. Remove it with state: absent first."
        return ""

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE  # never: there is always an answer to who holds the name

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        listed = instances(self.session)
        holder, restored = listed.get(self.name), listed.get(self.restored)
        if restored is None:
            raise InvalidRequest(f"There is no instance {self.restored} any more.")
        self._changed = True
        if change.touches("ParameterGroup"):
            self._modify(self.restored, DBParameterGroupName=desired["ParameterGroup"])
        elif change.touches("Applied"):
            self.session.call("rds", "reboot_db_instance", DBInstanceIdentifier=self.restored)
        elif holder is not None:
            if self.former in listed:
                raise Conflict(f"{self.former} exists already.")
            self._modify(self.name, NewDBInstanceIdentifier=self.former)
        else:
            self._modify(self.restored, NewDBInstanceIdentifier=self.name)
        return WATCH

    def _modify(self, name: str, **change: str) -> None:
        self.session.call("rds", "modify_db_instance", DBInstanceIdentifier=name, ApplyImmediately=True, **change)

    def delete(self, observed: Observed) -> Operation:
        return DONE  # a name is not taken back
