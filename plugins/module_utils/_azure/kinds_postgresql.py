# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flexible servers of Azure Database for PostgreSQL, and their read replicas.

A server cannot be renamed. Which one a specification means is told by a tag, so that a restored server can take the
place of another; its own name only has to be free. Writes are answered 202 whatever comes of them, and a server that
is busy says so in the poll (recorded traffic).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .._engine.errors import Busy, Conflict
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Mode
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Recovery, Resource, Status
from .._spec import names
from .arm import ArmResource, Body, at
from .bodies import changeable, created
from .fields import TRACKED, ArmFields, canonical
from .kinds_common import ResourceGroup
from .operations import started
from .session import Session

TAG = "database-server"  # the name that a specification has for the server
ORIGIN = "restored-from"
PORT = 5432
_SERVERS = "flexible servers"
_GONE_DAYS = 5  # for which the service keeps the backups of a dropped server
_LARGE_DISK_GB = 4095

# One change a call, in this order: what others depend on comes first.
_STEPS = (
    ("power",),
    ("sku",),
    ("properties.storage",),
    ("properties.version",),
    ("properties.highAvailability",),
    ("properties.replicationRole",),
)


def physical(session: Session, logical: str) -> str:
    """The name that a server gets unless it is taken."""
    return names.globally_unique(session.site, logical)


def servers_of(session: Session) -> list[dict[str, Any]]:
    """Every server of the subscription: one list, kept until a server changes."""
    path = f"{session.subscription}/providers/{FlexibleServer.type}"
    return session.once(_SERVERS, lambda: session.patient(lambda: session.client.pages(path, FlexibleServer.type)))


def holder(session: Session, logical: str) -> dict[str, Any] | None:
    """The server that a specification means. One that lost its tags is known by its name, and so is somebody else's.

    Raises: Conflict where several say that they are meant.
    """
    listed = servers_of(session)
    ours = [item for item in listed if is_ours(session, item) and item["tags"].get(TAG) == logical]
    if len(ours) > 1:
        told = ", ".join(str(item["name"]) for item in ours)
        raise Conflict(f"the servers {told} all carry the tag {TAG}={logical}. Give all but one another.")
    name = physical(session, logical)
    named = [item for item in listed if str(item["name"]).lower() == name]
    plain = [item for item in named if not is_ours(session, item) or TAG not in item["tags"]]
    return next(iter(ours or plain), None)


def is_ours(session: Session, server: dict[str, Any]) -> bool:
    return session.site.owner.owns(server.get("tags") or {})


def replicas_of(session: Session, server: dict[str, Any]) -> list[dict[str, Any]]:
    """The read replicas of a server."""
    source = str(server["id"]).lower()
    listed = servers_of(session)
    return [item for item in listed if str(at(item, "properties.sourceServerResourceId")).lower() == source]


def _smaller(replica: dict[str, Any], primary: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether a primary that grows by this body would outgrow its replica."""
    disk = "properties.storage.storageSizeGB"
    if at(body, disk) is not None:
        return int(at(replica, disk) or 0) < int(at(body, disk))
    size = str(at(body, "sku.name"))
    grows = _cores(size) > _cores(str(at(primary, "sku.name")))
    return grows and _cores(str(at(replica, "sku.name"))) < _cores(size)


def _cores(size: str) -> int:
    """The vCores in the name of a size: Standard_D4ds_v5 has 4."""
    found = re.search(r"_[A-Z]+(\d+)", size)
    return int(found.group(1)) if found else 0


class FlexibleServer(ArmResource):
    """A server. outputs: host, version, admin.

    password: the administrator's, for a server that is made from nothing. origin: for one that is made from another,
    what to add to its body.
    """

    kind = "azure.postgresql.server"
    type = "Microsoft.DBforPostgreSQL/flexibleServers"
    patches = True
    replaceable = False
    exposes = {
        "host": "properties.fullyQualifiedDomainName",
        "version": "properties.version",
        "admin": "properties.administratorLogin",
    }
    fields = ArmFields(
        {
            **TRACKED,
            "power": Field(normalise=canonical),
            "sku": Field(disruptive=True, normalise=canonical),
            "properties.version": Field(disruptive=True),
            "properties.administratorLogin": IMMUTABLE,
            "properties.availabilityZone": IMMUTABLE,
            "properties.storage.type": IMMUTABLE,
            "properties.storage": MUTABLE,
            "properties.backup.geoRedundantBackup": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.network": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.dataEncryption.type": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.replicationRole": MUTABLE,
            "properties.sourceServerResourceId": CREATE_ONLY,
        }
    )

    def __init__(
        self,
        session: Session,
        logical: str,
        group: ResourceGroup,
        body: Body = dict,
        *,
        password: Callable[[], str] | None = None,
        origin: Callable[[], dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        path = session.in_group(group.name, self.type, physical(session, logical))
        # What is only referred to may lie in any group: it is told by its tag.
        parent = group if options.get("managed", True) else None
        super().__init__(session, logical, path, body, parent=parent, **options)
        session.retract(path)
        session.expect_found(lambda: str((holder(session, logical) or {}).get("id", "")))
        self.logical = logical
        self.group = group
        self._password = password
        self._origin = origin

    @classmethod
    def comparable(cls, body: dict[str, Any]) -> dict[str, Any]:
        """A server that is made from another takes little but its place from its body (recorded traffic)."""
        properties = body.get("properties") or {}
        if canonical(properties.get("createMode") or "") in ("", "default", "create", "update"):
            return body
        kept = {name: value for name, value in properties.items() if name in ("network", "createMode")}
        return {**{name: value for name, value in body.items() if name != "sku"}, "properties": kept}

    # -- what is wanted --------------------------------------------------------------------------------------------

    def desired(self) -> dict[str, Any]:
        body = super().desired()
        body["tags"][TAG] = self.logical
        if self.raw is not None:
            # What has grown by itself stays as it is.
            storage, size = body["properties"].get("storage") or {}, at(self.raw, "properties.storage.storageSizeGB")
            if size and canonical(storage.get("autoGrow") or "") == "enabled":
                storage["storageSizeGB"] = max(int(size), int(storage.get("storageSizeGB") or 0))
        elif self._origin is not None:
            self._origin()  # whether there is anything to begin with shows before anything is made
        return {**body, "power": "on"}

    # -- what there is ---------------------------------------------------------------------------------------------

    def fetch(self) -> dict[str, Any] | None:
        if self._direct:
            raw = self.session.read(self.path, self.type, direct=True)
            other = (
                raw is not None and is_ours(self.session, raw) and raw["tags"].get(TAG, self.logical) != self.logical
            )
            return None if other else raw
        raw = holder(self.session, self.logical)
        if raw is not None:
            self.path = str(raw["id"])
        return raw

    def observe(self, raw: dict[str, Any]) -> Observed:
        observed = super().observe(raw)
        state = str(at(raw, "properties.state") or "")
        observed.values["power"] = "off" if state.lower() in ("stopped", "stopping") else "on"
        observed.reason = state
        observed.recovery = Recovery.REPORT
        if state.lower() in ("ready", "stopped"):
            observed.status = Status.READY
        elif state.lower() == "dropping":
            observed.status = Status.DELETING
        elif state.lower() in ("disabled", "inaccessible"):
            observed.status = Status.FAILED
            observed.reason = f"the server is {state}: Azure or a missing encryption key keeps it from running."
        else:
            observed.status = Status.PENDING
        return observed

    # -- changes ---------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        self.path = self._free_path()
        body = created({name: value for name, value in desired.items() if name != "power"}, self.fields)
        properties = body["properties"]
        properties.pop("maintenanceWindow", None)  # taken by updates alone
        properties.pop("replicationRole", None)
        if self._origin is not None:
            for name in ("administratorLogin", "version", "storage", "backup", "highAvailability", "authConfig"):
                properties.pop(name, None)  # those of the origin, changed afterwards
            body.pop("sku", None)
            properties.update(self._origin())
        elif self._password is not None:
            properties.update({"createMode": "Default", "administratorLoginPassword": self._password()})
        return self.write("PUT", body)

    def _free_path(self) -> str:
        """The first name that no other server has: one of a former life may still hold the plain one."""
        self.session.drop(_SERVERS)
        listed = servers_of(self.session)
        mine = holder(self.session, self.logical)
        if mine is not None:
            return str(mine["id"])
        taken = {str(item["name"]).lower() for item in listed}
        plain = physical(self.session, self.logical)
        count, name = 1, plain
        while name in taken:
            count += 1
            name = f"{plain[:59]}-{count}"
        return self.session.in_group(self.group.name, self.type, name)

    def name_is_ours(self, name: str) -> bool:
        """Whether a name is taken by another server of the site, which is no hindrance."""
        return any(
            str(item["name"]).lower() == name and is_ours(self.session, item) for item in servers_of(self.session)
        )

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        for paths in _STEPS:
            if change.touches(*paths):
                return self._step(paths[0], observed, desired)
        names_ = {item.top for item in change.changes}
        body = changeable({name: desired[name] for name in names_ if name in desired}, self.fields)
        if "properties" in body:
            changed = {item.path.split(".")[1].split("[")[0] for item in change.changes if "." in item.path}
            body["properties"] = {name: value for name, value in body["properties"].items() if name in changed}
        if "tags" in body:
            body["tags"] = {**(observed.raw.get("tags") or {}), **body["tags"]}
        return self.write("PATCH", body)

    def _step(self, path: str, observed: Observed, desired: dict[str, Any]) -> Operation:
        if path == "power":
            return self.act("start")
        wanted = changeable(desired, self.fields)
        if path == "sku":
            self._replicas_first(observed, {"sku": wanted["sku"]})
            return self.write("PATCH", {"sku": wanted["sku"]})
        name = path.rpartition(".")[2]
        value = wanted["properties"][name]
        if name == "storage":
            self._replicas_first(observed, {"properties": {"storage": value}})
        if name == "highAvailability":
            mode = canonical(at(observed.raw, "properties.highAvailability.mode") or "disabled")
            if "disabled" not in (mode, canonical(value["mode"])):
                value = {"mode": "Disabled"}  # one kind does not become the other
        if name == "replicationRole":
            return self.promote()
        return self.write("PATCH", {"properties": {name: value}})

    def _replicas_first(self, observed: Observed, body: dict[str, Any]) -> None:
        """A replica must never be smaller than its primary, so it grows before it does (Read replicas, "Scale").

        Raises: Busy while one is on its way.
        """
        for replica in replicas_of(self.session, observed.raw):
            ready = str(at(replica, "properties.state")).lower() == "ready"
            if ready and not _smaller(replica, observed.raw, body):
                continue
            if ready:
                self.client.send("PATCH", str(replica["id"]), self.type, body)
            self.session.drop(_SERVERS)
            raise Busy(f"its replica {replica['name']} is changed first.")

    def promote(self) -> Operation:
        raise NotImplementedError  # replicas alone have another role to take

    def act(self, verb: str, body: Any = None) -> Operation:
        """start or restart."""
        return started(self.client.send("POST", f"{self.path}/{verb}", self.type, body), self.client)

    def check_update(self, observed: Observed, change: Plan) -> str:
        made = str((observed.tags or {}).get(ORIGIN, ""))
        for item in change.changes:
            if item.path == f"tags.{ORIGIN}":
                told = f"it was restored from {made}" if made else "it was not made by a restore"
                return f"it exists already, and {told}. A restore never overwrites: choose another name."
            if item.path == "properties.version" and int(item.after) < int(item.before):
                return f"version: {item.after} is less than {item.before}, and a server never goes back."
            if item.path == "properties.storage.storageSizeGB" and int(item.after) < int(item.before):
                return f"storage_gb: {item.after} is less than {item.before}, and storage can only grow."
        return ""

    def disruption(self, observed: Observed, change: Plan) -> str:
        for item in change.changes:
            crosses = item.path == "properties.storage.storageSizeGB" and item.before <= _LARGE_DISK_GB < item.after
            if crosses:
                return f"storage that grows beyond {_LARGE_DISK_GB} GiB restarts the server"
        return super().disruption(observed, change)

    def check_delete(self, observed: Observed) -> str:
        replicas = replicas_of(self.session, observed.raw)
        strangers = sorted(str(item["name"]) for item in replicas if not self.session.announced(item["id"]))
        if not strangers:
            return ""
        return f"it has read replicas that the specification does not name: {', '.join(strangers)}. Remove them first."

    def remains(self, observed: Observed) -> str:
        return (
            f"the service keeps the backups of {observed.raw['name']} for {_GONE_DAYS} days: "
            f"restore.server: {self.logical} brings it back"
        )

    def forget(self) -> None:
        super().forget()
        self.session.drop(_SERVERS)


class ServerReference(FlexibleServer):
    """A server that is only referred to."""

    kind = "azure.postgresql.server_reference"

    def __init__(self, session: Session, logical: str, group: ResourceGroup) -> None:
        super().__init__(session, logical, group, managed=False)


class ReadReplica(FlexibleServer):
    """A read replica, and the server of its own that it becomes by promotion. lag: how far it is behind, in seconds;
    None where nobody knows."""

    kind = "azure.postgresql.replica"

    def __init__(
        self, *args: Any, source: FlexibleServer, most: int, lag: Callable[[str], float | None], **options: Any
    ) -> None:
        needs: Sequence[Resource] = (source, *options.pop("needs", ()))
        super().__init__(*args, needs=needs, origin=self._of_source, **options)
        self.source = source
        self._most = most
        self._lag = lag

    def _of_source(self) -> dict[str, Any]:
        return {"createMode": "Replica", "sourceServerResourceId": self.source.path}

    def check_update(self, observed: Observed, change: Plan) -> str:
        for item in change.changes:
            if item.path == "properties.replicationRole":
                if canonical(item.after) != "primary":
                    return "it was promoted and follows nobody any more. Delete it, or set promote: true."
                return self._behind()
        return super().check_update(observed, change)

    def _behind(self) -> str:
        lag = self._lag(self.path)
        if lag is None:
            return "nobody can tell how far it is behind: its metric shows nothing. Try again in a few minutes."
        if lag > self._most:
            return f"it is {lag:.0f} s behind, and max_lag_seconds is {self._most}. Wait, or allow more."
        return ""

    def promote(self) -> Operation:
        reason = self._behind()
        if reason:
            raise Conflict(reason)
        # `planned`: it takes over once it has all that the primary has written (Servers - Update, REST reference).
        role = {"role": "None", "promoteMode": "Standalone", "promoteOption": "Planned"}
        return self.write("PATCH", {"properties": {"replica": role}})

    def remains(self, observed: Observed) -> str:
        return ""
