"""Flexible servers: creation, restore, replicas, high availability, updates, restart, stop and start."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ... import armid
from ...call import Call, Reply
from ...documents import merged
from ...errors import ArmError
from ...flows import stamp
from ...operations import Operation
from ...regions import REGIONS
from ...store import Document, Record
from . import catalog, checks
from .base import SERVERS, PostgresKind, Trouble, busy, invalid, same_text
from .dropped import Dropped
from .engine import Backing

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

# Sent, and never shown.
_WRITE_ONLY = ("administratorLoginPassword", "createMode", "pointInTimeUTC")
_CREATE = {
    "default": "UpsertServerManagementOperationV2",
    "create": "UpsertServerManagementOperationV2",
    "update": "UpsertServerManagementOperationV2",
    "pointintimerestore": "RestoreSnapshotManagementOperation",
    "georestore": "RestoreSnapshotManagementOperation",
    "replica": "CreateReadReplicaManagementOperation",
    "revivedropped": "RestoreSnapshotManagementOperation",
}
_FROM_SOURCE = ("pointintimerestore", "georestore", "replica", "revivedropped")
_MAX_REPLICAS = 5


class Servers(PostgresKind):
    """Flexible servers."""

    type = SERVERS
    duration = "azure.postgresql"
    retry_after = 60
    names = ("UpsertServerManagementOperationV2", "DropServerManagementOperation")
    since = {"replica": "2023-06-01-preview", "privateEndpointConnections": "2023-06-01-preview"}

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.backing = Backing(emulator)
        self.dropped = Dropped(emulator, self.backing)
        self.actions = {
            "restart": lambda call, server: self._action(call, server, "restart", "RestartServerManagementOperation"),
            "stop": lambda call, server: self._action(call, server, "stop", "StopServerManagementOperation"),
            "start": lambda call, server: self._action(call, server, "start", "StartServerManagementOperation"),
        }

    def working(self, record: Record) -> bool:
        return self.backing.working(record)

    def close(self) -> None:
        self.backing.close()

    # -- documents ------------------------------------------------------------------------------------------------

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent: Document = dict(body.get("properties") or {})
        mode = str(sent.get("createMode") or "Default").lower()
        if mode not in _CREATE:
            raise invalid("createMode")
        call.notes["mode"], call.notes["sent"] = mode, sent
        if previous is not None:
            return self._changed(call, body, previous)
        self._check_name(call.target.name)
        source = self._source(sent, mode) if mode in _FROM_SOURCE else None
        if source is None:
            checks.check_new(sent, body.get("sku"))
        document = self._envelope(body)
        document["sku"] = body.get("sku") or (dict(source.document["sku"]) if source is not None else {})
        document["properties"] = self._filled(call, sent, source, mode)
        checks.check_values(document)
        checks.check_network(self.store, call.target, document)
        call.notes["source"] = source
        return document

    def _envelope(self, body: Document) -> Document:
        document: Document = {"location": body["location"]}
        for key in ("tags", "identity"):
            if body.get(key):
                document[key] = body[key]
        return document

    def _filled(self, call: Call, sent: Document, source: Record | None, mode: str) -> Document:
        kept = {key: value for key, value in sent.items() if key not in _WRITE_ONLY}
        base: Document = {
            "authConfig": {"activeDirectoryAuth": "Disabled", "passwordAuth": "Enabled"},
            "dataEncryption": {"type": "SystemManaged"},
            "availabilityZone": "1",
            "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
            "network": {"publicNetworkAccess": "Enabled"},
            "highAvailability": {"mode": "Disabled"},
            "maintenanceWindow": {"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0},
            "storage": {"autoGrow": "Disabled"},
            "replicationRole": "Primary",
        }
        if source is not None:
            for key in ("administratorLogin", "version", "storage", "authConfig"):
                base[key] = source.properties[key]
        properties = merged(base, {key: value for key, value in kept.items() if value not in (None, "")})
        if not properties["authConfig"].get("tenantId"):
            properties["authConfig"].pop("tenantId", None)
        if mode == "replica":
            properties["replicationRole"] = "AsyncReplica"
        else:
            properties.pop("sourceServerResourceId", None)
        if properties["network"].get("delegatedSubnetResourceId"):
            properties["network"]["publicNetworkAccess"] = "Disabled"
        properties["fullyQualifiedDomainName"] = f"{call.target.name.lower()}.postgres.database.azure.com"
        return properties

    def _changed(self, call: Call, body: Document, previous: Record) -> Document:
        """A PUT on an existing server, and a PATCH, change what they name and leave the rest."""
        sent = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        before = previous.properties
        checks.check_change(before, sent)
        envelope: Document = {key: body[key] for key in ("tags", "identity") if key in body}
        document: Document = {**previous.document, **envelope}
        if body.get("sku"):
            document["sku"] = {**document["sku"], **body["sku"]}
        promotion = sent.pop("replica", None) or {}
        role = sent.pop("replicationRole", None)
        kept = {key: value for key, value in sent.items() if key not in (*_WRITE_ONLY, "sourceServerResourceId")}
        document["properties"] = merged(before, kept)
        if promotion.get("promoteMode") or (role and before["replicationRole"] != "Primary"):
            if before["replicationRole"] == "Primary":
                raise invalid("replica.promoteMode", "The server is not a read replica.")
            mode = str(promotion.get("promoteMode") or "Standalone")
            call.notes["promote"] = mode
            call.notes["switched"] = before.get("sourceServerResourceId")
            document["properties"]["replicationRole"] = "Primary"
            document["properties"].pop("sourceServerResourceId", None)
        checks.check_values(document)
        call.notes["sent"] = body.get("properties") or {}
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return self._changed(call, body, previous)

    def _check_name(self, name: str) -> None:
        checks.check_name(name)
        if any(record.name.lower() == name.lower() for record in self.store.of_kind(SERVERS)):
            raise ArmError(409, "ServerNameAlreadyExists", "Specified server name is already used.")

    def _source(self, sent: Document, mode: str) -> Record:
        reference = str(sent.get("sourceServerResourceId") or "")
        if not reference:
            message = "The required parameter sourceServerResourceId is missing."
            raise ArmError(400, "MissingRequiredParameter", message)
        if mode == "revivedropped" and not sent.get("pointInTimeUTC"):
            raise ArmError(400, "MissingRequiredParameter", "The required parameter pointInTimeUTC is missing.")
        source = self.dropped.find(reference) if mode == "revivedropped" else self.store.get(reference)
        if source is None or source.kind is not self:
            target = armid.parse(reference)
            raise ArmError(404, "ResourceNotFound", f"The Resource '{SERVERS}/{target.name}' was not found.")
        return source

    # -- operations -----------------------------------------------------------------------------------------------

    def trouble(self, call: Call, document: Document | None, previous: Record | None) -> Trouble | None:
        if document is None:
            return None
        if previous is not None and previous.operation is not None:
            return busy(previous)
        if previous is not None and previous.private.get("stopped"):
            return "ServerNotReady", f"Server {previous.name} is stopped: start it before it is changed."
        source: Record | None = call.notes.get("source")
        if source is not None:
            problem = self._source_trouble(call, source)
            if problem is not None:
                return problem
        region = REGIONS.get(document["location"])
        return checks.trouble(call.target.name, document, region is not None and region.zones)

    def _source_trouble(self, call: Call, source: Record) -> Trouble | None:
        mode = call.notes["mode"]
        if source.state == "Provisioning" or (mode == "replica" and source.operation is not None):
            return busy(source)
        if mode == "replica":
            if source.document["sku"]["tier"] == "Burstable":
                return "ReadReplicaNotSupported", "Read replicas are not supported for burstable servers."
            if len(self.replicas(source)) >= _MAX_REPLICAS:
                return "ReadReplicaLimitReached", f"The server {source.name} has {_MAX_REPLICAS} read replicas already."
            return None
        moment = checks.moment(call.notes["sent"].get("pointInTimeUTC"))
        earliest = self.first_backup(source)
        now = self.dropped.moment(source) or self.emulator.context.clock.wall()
        if earliest > now or (moment is not None and not earliest <= moment <= now):
            return (
                "InvalidPointInTime",
                f"The point in time is outside of the backups of {source.name}: they begin at {earliest.isoformat()}.",
            )
        return None

    def operation_name_of(self, call: Call, creating: bool) -> str:
        return _CREATE[call.notes["mode"]] if creating else self.names[0]

    def seconds(self, verb: str, record: Record) -> float:
        row = record.private.pop("duration", verb)
        return self.emulator.context.profile.seconds(f"{self.duration}.{row}")

    def began(self, call: Call, record: Record, creating: bool) -> None:
        if creating:
            record.state = "Provisioning"
            mode = call.notes["mode"]
            long = "replica" if mode == "replica" else "restore" if mode in _FROM_SOURCE else "create"
            record.private["duration"] = long
            self.store.put(record)
        else:
            record.state = "Updating"
            if call.notes.get("promote"):
                record.private["duration"] = "promote"
        record.private["wanted"] = dict(call.notes)

    def gave_up(self, record: Record, creating: bool) -> None:
        record.state = "Succeeded"
        if creating:
            self.drop(record)

    def settled(self, record: Record, operation: Operation) -> None:
        record.state = "Succeeded"
        wanted: dict[str, Any] = record.private.pop("wanted", {})
        if operation.verb == "create":
            self._mark_subnet(record)
            self.backing.create(record, wanted)
        else:
            self.backing.update(record, wanted)
            if wanted.get("promote"):
                self._promoted(record, wanted)

    def _promoted(self, record: Record, wanted: dict[str, Any]) -> None:
        former = self.store.get(str(wanted.get("switched") or ""))
        if former is None or not same_text(wanted["promote"], "Switchover"):
            return
        for replica in self.replicas(former):
            replica.properties["sourceServerResourceId"] = record.id
        former.properties["replicationRole"], former.properties["sourceServerResourceId"] = "AsyncReplica", record.id

    def _mark_subnet(self, record: Record) -> None:
        subnet = self.store.get(record.properties["network"].get("delegatedSubnetResourceId") or "")
        if subnet is not None:
            subnet.private["delegated"] = True

    def removed(self, record: Record) -> None:
        self.emulator.activity.note(record.id, f"{SERVERS}/delete")
        self.dropped.add(record)
        reference = record.properties["network"].get("delegatedSubnetResourceId") or ""
        subnet = self.store.get(reference)
        if subnet is not None and not [user for user in self.store.users(reference, SERVERS) if user is not record]:
            subnet.private.pop("delegated", None)

    def check_delete(self, call: Call, record: Record) -> None:
        replicas = self.replicas(record)
        if replicas:
            message = (
                f"The source server {record.name} has read replicas {', '.join(item.name for item in replicas)}: "
                "delete or promote them before the server is deleted."
            )
            raise ArmError(400, "ReadReplicaServersExistForSourceServer", message)

    def _action(self, call: Call, server: Record, verb: str, name: str) -> Reply:
        trouble = None
        stopped = bool(server.private.get("stopped"))
        if server.operation is not None:
            trouble = busy(server)
        elif stopped is not (verb == "start"):
            trouble = ("ServerNotReady", f"Server {server.name} is {'stopped' if stopped else 'started'}.")
        else:
            server.state = {"restart": "Restarting", "stop": "Stopping", "start": "Starting"}[verb]

        def finish(operation: Operation) -> None:
            if trouble is None:
                server.state = "Succeeded"
            if operation.error is not None:
                return
            if verb == "stop":
                server.private["stopped"] = True
            else:
                server.private.pop("stopped", None)
                self.emulator.kinds[f"{SERVERS}/configurations".lower()].settled(server, operation)
            self.backing.action(server, verb)

        seconds = self.emulator.context.profile.seconds(f"{self.duration}.{verb}")
        operation = self.run(call, "action", server, finish, trouble, seconds)
        return self.accepted(call, operation, name)

    # -- reading --------------------------------------------------------------------------------------------------

    def replicas(self, record: Record) -> list[Record]:
        """The read replicas of a server."""
        users = self.store.users(record.id, SERVERS)
        return [user for user in users if armid.same(user.properties.get("sourceServerResourceId") or "", record.id)]

    def lag(self, record: Record) -> float | None:
        """How many seconds a read replica is behind; None for a server that is none."""
        return None if record.properties["replicationRole"] == "Primary" else self.backing.lag(record)

    def first_backup(self, record: Record) -> Any:
        """When the first full backup was (or will be) taken: the earliest point that a restore can name."""
        seconds = self.emulator.context.profile.seconds("azure.postgresql.first_backup")
        return record.created + timedelta(seconds=seconds)

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        region = REGIONS.get(record.location)
        document["location"] = region.display if region is not None else record.location
        document["systemData"] = {"createdAt": stamp(record.created)}
        document["properties"] = self._shown(record, properties, version)

    def _shown(self, record: Record, properties: Document, version: str) -> Document:
        running = record.operation is not None or self.backing.working(record)
        state = {"Succeeded": "Updating" if running else "Ready", "Deleting": "Dropping"}.get(
            record.state, record.state
        )
        if state == "Ready" and record.private.get("stopped"):
            state = "Stopped"
        high = dict(properties["highAvailability"])
        off = same_text(high.get("mode"), "Disabled")
        high["state"] = ("" if running else "NotEnabled") if off else ("CreatingStandby" if running else "Healthy")
        if not off and not high.get("standbyAvailabilityZone"):
            zone = properties["availabilityZone"]
            high["standbyAvailabilityZone"] = zone if same_text(high["mode"], "SameZone") else str(int(zone) % 3 + 1)
        primary = properties["replicationRole"] == "Primary"
        capacity = _MAX_REPLICAS if primary else 0
        backup = dict(properties["backup"])
        first = self.first_backup(record)
        if first <= self.emulator.context.clock.wall() and state != "Provisioning":
            oldest = self.emulator.context.clock.wall() - timedelta(days=backup["backupRetentionDays"])
            backup["earliestRestoreDate"] = stamp(max(first, oldest))
        shown = {
            **properties,
            "state": state,
            "minorVersion": catalog.MINORS[properties["version"]],
            "storage": _storage(properties["storage"], version),
            "backup": backup,
            "highAvailability": high,
            "replicaCapacity": capacity,
            "fullyQualifiedDomainName": self.backing.host(record) or properties["fullyQualifiedDomainName"],
        }
        if version >= "2023-06-01-preview":
            shown["replica"] = {"role": properties["replicationRole"], "capacity": capacity}
            shown["privateEndpointConnections"] = []
        return shown


def _storage(sent: Document, version: str) -> Document:
    size = sent["storageSizeGB"]
    if version < "2023-06-01-preview":
        return {"storageSizeGB": size}
    tier, iops = catalog.DISKS[size]
    tier = str(sent.get("tier") or tier)
    iops = dict(catalog.DISKS.values()).get(tier, iops)
    kind = "Premium_LRS" if version >= "2025-08-01" else ""
    auto = "Enabled" if same_text(sent.get("autoGrow"), "Enabled") else "Disabled"
    return {"type": sent.get("type") or kind, "iops": iops, "tier": tier, "storageSizeGB": size, "autoGrow": auto}


def install(emulator: AzureEmulator) -> None:
    """Add the type."""
    emulator.add(Servers(emulator))
