# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of Cloud SQL servers: those that are asked for, and what can be brought back (sql.backups, API v1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from .._engine.backups import Backup, History
from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.fields import IMMUTABLE, MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Recovery, Resource, Status
from .._spec import names
from .._spec.database import Database
from .client import Cloud
from .cloudsql import INSTANCES, SqlResource, holder, instance_path, instances, labels
from .cloudsql_origins import BACKUPS, backups, backups_of, is_gone, recovery_span, taken
from .references import last
from .rest import Request

GIB = 2**30
_KINDS: dict[str, Literal["manual", "automatic", "final"]] = {"ON_DEMAND": "manual", "FINAL": "final"}
_STATES: dict[str, Literal["ready", "pending", "failed"]] = {"SUCCESSFUL": "ready", "FAILED": "failed"}


class _OfServer(SqlResource):
    """What concerns the instance that a server is at the time."""

    replaceable = False

    def __init__(self, cloud: Cloud, name: str, server: str, needs: Sequence[Resource] = ()) -> None:
        super().__init__(cloud, name, {}, needs, lock=f"sql/{server}")
        self.server = server

    def predicted(self) -> dict[str, Any]:
        return {}

    def instance(self) -> dict[str, Any]:
        """Raises SpecError where there is no such server."""
        found = holder(self.cloud, self.server)
        if found is None:
            raise SpecError(f"database server {self.server!r} does not exist in this project: it cannot be backed up.")
        return found


class Retention(_OfServer):
    """Backups outlive their server. Without this, Cloud SQL would delete them along with it."""

    kind = "gcp.sql.backup_retention"
    lasting = True
    fields = Fields({"retainBackupsOnDelete": MUTABLE})

    def desired(self) -> dict[str, Any]:
        return {"retainBackupsOnDelete": True}

    def read(self) -> Observed | None:
        raw = holder(self.cloud, self.server)
        if raw is None:
            return None
        values = {"retainBackupsOnDelete": (raw["settings"] or {}).get("retainBackupsOnDelete", False)}
        return Observed(values, {"id": instance_path(self.cloud, raw["name"])}, tags=labels(raw), raw=raw)

    def create(self, desired: dict[str, Any]) -> Operation:
        raw = self.instance()
        settings = {"settingsVersion": raw["settings"]["settingsVersion"], **desired}
        return self.send(Request("PATCH", instance_path(self.cloud, raw["name"]), {"settings": settings}))

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.create(desired)

    def delete(self, observed: Observed) -> Operation:
        return DONE  # lasting

    def forget(self) -> None:
        self.cloud.shared.drop(INSTANCES)


class LabelledBackup(_OfServer):
    """A backup on demand. Its description is the label: one per label of an instance, which stays until it is
    deleted."""

    kind = "gcp.sql.backup"
    place = "projects/{project}/backups"
    fields = Fields({"description": IMMUTABLE})

    def __init__(self, cloud: Cloud, server: str, label: str, needs: Sequence[Resource] = ()) -> None:
        super().__init__(cloud, names.of(cloud.site, server, label), server, needs)
        self.label = label

    def desired(self) -> dict[str, Any]:
        return {"description": self.label}

    def fetch(self) -> dict[str, Any] | None:
        server = holder(self.cloud, self.server)
        if server is None:
            return None
        name = server["name"]
        own = (each for each in backups(self.cloud) if each.get("instance") == name and not each.get("expiryTime"))
        return next((each for each in own if each.get("description") == self.label), None)

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": raw["name"], "taken": taken(raw).isoformat(timespec="seconds")}

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        state = str(raw.get("state") or "")
        if state == "SUCCESSFUL":
            return Status.READY, "", Recovery.REPORT
        if state == "FAILED":
            # It holds nothing: another one is made in its place.
            return Status.FAILED, str((raw.get("error") or {}).get("message") or state), Recovery.RECREATE
        return (Status.DELETING if state == "DELETING" else Status.PENDING), state, Recovery.REPORT

    def owners(self, raw: dict[str, Any]) -> dict[str, str]:
        return labels(raw["instanceSettings"])

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", self.collection, {"instance": self.instance()["name"], **desired})

    def deletion(self, observed: Observed) -> Request:
        return Request("DELETE", observed.outputs["id"])

    def forget(self) -> None:
        self.cloud.shared.drop(BACKUPS)


def build(cloud: Cloud, label: str, spec: Database) -> Built:
    """One backup of every server, called `label`."""
    resources: list[Resource] = []
    made: dict[str, LabelledBackup] = {}
    for server in spec.servers:
        if server.state == "present":
            retention = Retention(cloud, names.of(cloud.site, server.name), server.name)
            made[server.name] = LabelledBackup(cloud, server.name, label, (retention,))
            resources += [retention, made[server.name]]
    return Built(resources, outputs=lambda: {"database": {name: each.outputs.get("id") for name, each in made.items()}})


def histories(cloud: Cloud, spec: Database) -> list[History]:
    """What can be brought back of every server, also of one that does not exist any more."""
    return [_history(cloud, server.name) for server in spec.servers]


def _history(cloud: Cloud, server: str) -> History:
    raw = holder(cloud, server)
    config = ((raw or {}).get("settings") or {}).get("backupConfiguration") or {}
    kept = config.get("backupRetentionSettings") or {}
    span = recovery_span(cloud, raw) if raw else None
    return History(
        "database",
        server,
        exists=raw is not None,
        # One backup is made a day.
        retention_days=int(kept.get("retainedBackups") or 0) if config.get("enabled") else 0,
        restorable_from=span[0] if span else None,
        restorable_to=span[1] if span else None,
        backups=tuple(_shown(each) for each in backups_of(cloud, server)),
    )


def _shown(raw: dict[str, Any]) -> Backup:
    kind = _KINDS.get(str(raw.get("type")), "automatic")
    size, expires = raw.get("maxChargeableBytes"), raw.get("expiryTime")
    return Backup(
        id=str(raw["name"]),
        label=str(raw.get("description") or "") if kind == "manual" else "",
        kind=kind,
        status=_STATES.get(str(raw.get("state")), "pending"),
        taken=taken(raw),
        size_gb=round(int(size) / GIB, 3) if size else None,
        expires=datetime.fromisoformat(str(expires).replace("Z", "+00:00")) if expires else None,
    )


def needs_key(cloud: Cloud, key: str) -> bool:
    """Whether there are backups of this key that outlive, or have outlived, their server."""
    return any(_key(each) == key and _outlives(cloud, each) for each in backups(cloud))


def _outlives(cloud: Cloud, backup: dict[str, Any]) -> bool:
    settings = (instances(cloud).get(str(backup.get("instance"))) or {}).get("settings") or {}
    return is_gone(cloud, backup) or bool(settings.get("retainBackupsOnDelete"))


def kept_keys(cloud: Cloud) -> set[str]:
    """Keys without which backups that are kept could not be restored."""
    return {_key(each) for each in backups(cloud) if is_gone(cloud, each)} - {""}


def _key(backup: dict[str, Any]) -> str:
    return str(backup.get("kmsKey") or "").partition("/cryptoKeyVersions/")[0]


def kept(cloud: Cloud) -> list[dict[str, str]]:
    """Backups that have outlived their server, for the report of what stays on purpose."""
    return [
        {"kind": LabelledBackup.kind, "id": str(each["name"]), "name": _title(each), "kept": _why(each)}
        for each in backups(cloud)
        if is_gone(cloud, each)
    ]


def _title(backup: dict[str, Any]) -> str:
    return f"{backup.get('instance')}/{backup.get('description') or last(str(backup['name']))}"


def _why(backup: dict[str, Any]) -> str:
    until = f"until {backup['expiryTime']}" if backup.get("expiryTime") else "until it is deleted"
    if backup.get("type") == "FINAL":
        return f"the final backup of a deleted server, {until}"
    if backup.get("type") == "AUTOMATED":
        return "a backup of a deleted server, as long as its backups were to be retained"
    return f"a backup that was asked for, of a deleted server, {until}"
