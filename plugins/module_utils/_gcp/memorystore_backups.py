# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of Memorystore for Valkey: they stand in a collection of their own, which outlives the instance
(Memorystore API v1, backupCollections)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .._engine.backups import Backup
from .._engine.errors import AuthError, NotFound
from .._engine.resource import Observed, Operation, Progress, Recovery, State, Status
from .._engine.retry import retry_call
from . import errors
from .client import Cloud
from .memorystore import Instance
from .references import FIXED_REFERENCE, ProtoFields, last, same_reference, tail
from .rest import Request, RestResource, Style

FINAL = re.compile(r"final-\d{8}-\d{6}")  # a label that people choose may begin like it
GIB = 2**30
_FRESH = timedelta(hours=1)  # a final backup as young as this was made by a run that was ended before the deletion
_FOR_EVER = timedelta(days=50 * 365)  # without a ttl a backup expires in 100 years


def collection(cloud: Cloud, uid: str) -> str:
    return f"projects/{cloud.project}/locations/{cloud.region}/backupCollections/{uid}"


def collections(cloud: Cloud) -> list[dict[str, Any]]:
    """All of the region, one list."""
    path = f"projects/{cloud.project}/locations/{cloud.region}/backupCollections"
    return list(cloud.pages("memorystore", path, "backupCollections"))


def backups_in(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    """Every backup of a collection. None where there is no collection: the first backup makes it."""
    try:
        return list(cloud.pages("memorystore", f"{path}/backups", "backups"))
    except NotFound:
        return []


def needs_key(cloud: Cloud, key: str) -> bool:
    """Whether there are backups that can be read with this key only."""

    def look() -> bool:
        own = [each["name"] for each in collections(cloud) if same_reference(key, each.get("kmsKey"))]
        return any(backups_in(cloud, path) for path in own)

    try:
        return retry_call(look, cloud.clock)
    except AuthError as error:
        if error.code != errors.SERVICE_DISABLED:
            raise
        return False  # a service that is off holds nothing


def shown(raw: dict[str, Any]) -> Backup:
    name, made = last(raw["name"]), _moment(raw["createTime"])
    asked_for = raw.get("backupType") == "ON_DEMAND"
    final = asked_for and FINAL.fullmatch(name) is not None
    size, expires = raw.get("totalSizeBytes"), _moment(raw["expireTime"]) if raw.get("expireTime") else None
    return Backup(
        id=tail(raw["name"]),
        label=name if asked_for and not final else "",
        kind="final" if final else "manual" if asked_for else "automatic",
        status="ready" if raw.get("state") == "ACTIVE" else "failed" if raw.get("state") == "SUSPENDED" else "pending",
        taken=made,
        size_gb=round(int(size) / GIB, 3) if size else None,
        expires=expires if expires and expires - made < _FOR_EVER else None,
    )


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value.replace("Z", "+00:00"))


class ValkeyBackup(RestResource):
    """A backup on demand, called as its label. It stays until it is deleted."""

    kind = "gcp.memorystore.backup"
    service = "memorystore"
    style = Style.RPC
    replaceable = False
    fields = ProtoFields({"instance": FIXED_REFERENCE})

    def __init__(self, cloud: Cloud, label: str, instance: Instance) -> None:
        body = {"instance": instance.path}
        super().__init__(cloud, f"{instance.name}/{label}", body, (instance,), lock=f"memorystore/{instance.name}")
        self.label = label
        self.instance = instance

    @property
    def path(self) -> str:
        return f"{collection(self.cloud, self.instance.known('uid'))}/backups/{self.label}"

    def predicted(self) -> dict[str, Any]:
        return {}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": tail(raw["name"]), "taken": raw.get("createTime")}

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        state = str(raw.get("state"))
        known = {"ACTIVE": Status.READY, "DELETING": Status.DELETING, "SUSPENDED": Status.FAILED}
        return known.get(state, Status.PENDING), state.lower(), Recovery.REPORT

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", f"{self.instance.path}:backup", {"backupId": self.label})


@dataclass
class _Ending:
    """Where a deletion with a final backup is. operation: the one that is waited for."""

    operation: str | None
    deleting: bool = False


class KeptInstance(Instance):
    """An instance that leaves a final backup when it is deleted."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._final = f"final-{datetime.now(UTC):%Y%m%d-%H%M%S}"

    def _collection(self, observed: Observed) -> str:
        return collection(self.cloud, str(observed.values.get("uid")))

    def remains(self, observed: Observed) -> str:
        name = self._made(observed) or self._final
        return f"a final backup stays: {self._collection(observed)}/backups/{name}"

    def _made(self, observed: Observed) -> str:
        """A final backup that was made just now, by a run that did not get to the deletion."""
        path, now = self._collection(observed), datetime.now(UTC)
        found = retry_call(lambda: backups_in(self.cloud, path), self.cloud.clock)
        names = [last(each["name"]) for each in found if now - _moment(each["createTime"]) < _FRESH]
        return next((name for name in names if FINAL.fullmatch(name)), "")

    def delete(self, observed: Observed) -> Operation:
        if self._made(observed):
            return self.send(self.deletion(observed))  # refused as busy until the backup is there
        request = Request("POST", f"{self.path}:backup", {"backupId": self._final})
        return Operation(_Ending(self.send(request).handle))

    def poll(self, operation: Operation) -> Progress:
        ending = operation.handle
        if not isinstance(ending, _Ending):
            return super().poll(operation)
        progress = super().poll(Operation(ending.operation))
        if progress.state is not State.DONE or ending.deleting:
            return progress
        try:
            ending.operation = self.send(Request("DELETE", self.path)).handle
        except NotFound:
            return Progress(State.DONE)
        ending.deleting = True
        return Progress(State.RUNNING, "the final backup is made; deleting")
