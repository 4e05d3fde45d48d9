# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a flexible server: databases, parameters, the administrator's password, backups, lock, logs.

Their paths follow the server's, which is known when it has been found. A server takes one change at a time, so all of
them carry its lock, and `ServerIsBusy` is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._engine.credential import Credential, Vault
from .._engine.errors import Busy, Conflict, InvalidRequest, Unsupported
from .._engine.fields import IMMUTABLE, MUTABLE, Field
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Resource, State
from .arm import ArmResource, Body, at
from .fields import ArmFields, canonical
from .kinds_common import DiagnosticSetting, Lock
from .kinds_postgresql import FlexibleServer
from .operations import started


class _OfServer(ArmResource):
    """A part of a server. leaf: its path below the server's."""

    tracked = False
    inside = True

    def __init__(self, server: FlexibleServer, leaf: str, body: Body, **options: Any) -> None:
        name = f"{server.name}/{leaf.rpartition('/')[2]}"
        super().__init__(server.session, name, f"{server.path}/{leaf}", body, parent=server, **options)
        self.server = server
        self.leaf = leaf
        self.goes_with = server if self.inside else None

    def read(self) -> Observed | None:
        self.path = f"{self.server.path}/{self.leaf}"
        return super().read()

    def create(self, desired: dict[str, Any]) -> Operation:
        self.path = f"{self.server.path}/{self.leaf}"
        return super().create(desired)


class ServerDatabase(_OfServer):
    """A database. It is never dropped because a specification got shorter, only with the server."""

    kind = "azure.postgresql.database"
    type = "Microsoft.DBforPostgreSQL/flexibleServers/databases"
    replaceable = False
    fields = ArmFields({"properties": IMMUTABLE})


class ServerLock(Lock, _OfServer):
    """deletion_protection of a server."""

    inside = False


class ServerLogs(DiagnosticSetting, _OfServer):
    """Where a server's logs go. It outlives a deleted server, and would count for the next one of its name."""

    inside = False


class Parameters(_OfServer):
    """The parameters that the specification names, and those that it implies: each is a write of its own, and static
    ones wait for a restart, which is the last step. values: name -> value, as text."""

    kind = "azure.postgresql.parameters"
    type = "Microsoft.DBforPostgreSQL/flexibleServers/configurations"
    fields = ArmFields({"values": MUTABLE, "pendingRestart": Field(disruptive=True)})

    def __init__(self, server: FlexibleServer, values: Mapping[str, str], **options: Any) -> None:
        super().__init__(server, "configurations", dict, **options)
        self.values = {name.lower(): str(value) for name, value in values.items()}

    def desired(self) -> dict[str, Any]:
        return {"values": dict(self.values), "pendingRestart": False}

    def read(self) -> Observed | None:
        if not self.server.outputs:
            return None
        self.path = f"{self.server.path}/{self.leaf}"
        shown = self._shown()
        unknown = sorted(self.values.keys() - shown.keys())
        if unknown:
            raise InvalidRequest(
                f"parameters: {', '.join(unknown)} does not exist on the server, or cannot be set on Azure.",
                what=self.key,
            )
        values = {name: str(at(item, "properties.value") or "") for name, item in shown.items()}
        pending = any(at(item, "properties.isConfigPendingRestart") for item in shown.values())
        return Observed({"values": values, "pendingRestart": pending}, {"id": self.path}, raw=shown)

    def _shown(self) -> dict[str, dict[str, Any]]:
        listed = self.session.once(self.path, lambda: self.client.pages(self.path, self.type))
        return {
            str(item["name"]).lower(): item
            for item in listed
            if str(item["name"]).lower() in self.values and not at(item, "properties.isReadOnly")
        }

    def create(self, desired: dict[str, Any]) -> Operation:
        self.path = f"{self.server.path}/{self.leaf}"
        return self._next(self.session.patient(self._shown), desired["values"])

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._next(observed.raw, desired["values"])

    def _next(self, shown: dict[str, dict[str, Any]], wanted: Mapping[str, str]) -> Operation:
        for name, value in wanted.items():
            item = shown.get(name)
            if item is None or canonical(str(at(item, "properties.value") or "")) != canonical(value):
                body = {"properties": {"value": value, "source": "user-override"}}
                return self._put(f"{self.path}/{name}", body)
        if any(at(item, "properties.isConfigPendingRestart") for item in shown.values()):
            return self.server.act("restart", {"restartWithFailover": False})
        return DONE

    def _put(self, path: str, body: dict[str, Any]) -> Operation:
        return started(self.client.send("PUT", path, self.type, body), self.client)

    def disruption(self, observed: Observed, change: Plan) -> str:
        static = [
            item.path.partition(".")[2]
            for item in change.changes
            if item.under("values")
            and not at(observed.raw.get(item.path.partition(".")[2]), "properties.isDynamicConfig")
        ]
        if static:
            return f"a change of {', '.join(static)} restarts the server"
        return super().disruption(observed, change)

    def forget(self) -> None:
        super().forget()
        self.session.drop(self.path)


class AdminPassword(Credential):
    """The administrator's password of a server. A new server is told it when it is made."""

    kind = "azure.postgresql.password"
    inside = True

    def __init__(self, server: ArmResource, vault: Vault, place: Resource, **options: Any) -> None:
        super().__init__(server.name, vault, place, (server,), lock=server.lock, **options)
        self.server = server
        self.goes_with = server

    def give(self, password: str) -> Operation:
        return self.server.write("PATCH", {"properties": {"administratorLoginPassword": password}})

    def follow(self, operation: Operation) -> Progress:
        return self.server.poll(operation)


class OnDemandBackup(_OfServer):
    """A backup that was asked for. It goes with its server, and by the service's own rules after the retention time."""

    kind = "azure.postgresql.backup"
    type = "Microsoft.DBforPostgreSQL/flexibleServers/backups"
    fields = ArmFields({})

    def read(self) -> Observed | None:
        if canonical(at(self.server.raw, "sku.tier") or "") == "burstable":
            raise Unsupported(
                "servers of the Burstable tier take no backups on demand; those that the service takes itself can be "
                "restored to any moment.",
                what=self.key,
            )
        return super().read()

    def create(self, desired: dict[str, Any]) -> Operation:
        self.path = f"{self.server.path}/{self.leaf}"
        try:
            return self.write("PUT", {})
        except Conflict:  # one that a run before has asked for ended just now: the next read shows it
            return DONE

    def poll(self, operation: Operation) -> Progress:
        progress = super().poll(operation)
        error = progress.error
        if progress.state is State.FAILED and error is not None and error.code.lower() == "internalservererror":
            # What it says while it takes its own first backup (recorded traffic).
            busy = Busy(error.message, code=error.code)
            return Progress(State.FAILED, error.message, error=busy)
        return progress


def moment(text: Any) -> datetime | None:
    """A time as the service writes it: up to seven digits of a second."""
    if not text:
        return None
    head, _point, tail = str(text).replace("Z", "+00:00").partition(".")
    digits = tail[: next((i for i, c in enumerate(tail) if not c.isdigit()), len(tail))]
    zone = tail[len(digits) :] or ("" if "+" in head[10:] else "+00:00")
    return datetime.fromisoformat(f"{head}.{digits[:6]:0<6}{zone}" if digits else f"{head}{zone}")
