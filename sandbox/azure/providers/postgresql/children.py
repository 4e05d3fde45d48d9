"""What is in a flexible server: parameters, databases, firewall rules, backups, endpoints, administrators."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, ClassVar

from ...call import Call, Reply
from ...errors import ArmError
from ...flows import stamp
from ...operations import Operation
from ...store import Document, Record
from . import catalog
from .base import SERVERS, PostgresKind, Trouble, busy, invalid
from .servers import Servers

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


class ChildKind(PostgresKind):
    """A part of a server. ``alone``: it is written only when nothing else is, and keeps the server busy."""

    tracked = False
    duration = "azure.postgresql_child"
    retry_after = 10
    alone: ClassVar[bool] = True
    shown_type: ClassVar[str] = ""  # the type that its 404 names

    @property
    def servers(self) -> Servers:
        """The type above."""
        found = self.emulator.kinds[SERVERS.lower()]
        assert isinstance(found, Servers)  # noqa: S101 - a programming error, not input
        return found

    def server_of(self, call: Call) -> Record:
        """The server of the path, which was found before."""
        server = self.store.get(call.target.parent)
        assert server is not None  # noqa: S101 - checked before
        return server

    def holder(self, record: Record) -> Record | None:
        return self.store.get(record.parent) if self.alone else None

    def working(self, record: Record) -> bool:
        server = self.store.get(record.parent)
        return server is not None and self.servers.working(server)

    def trouble(self, call: Call, document: Document | None, previous: Record | None) -> Trouble | None:
        server = self.server_of(call)
        if server.private.get("stopped"):
            return "ServerNotReady", f"Server {server.name} is stopped: start it before it is changed."
        running = server.operation
        own = running is not None and running.record is server
        return self.in_the_way(server) if own or (running is not None and self.alone) else None

    def in_the_way(self, server: Record) -> Trouble:
        """What the poll says while another operation runs."""
        return busy(server)

    def missing(self, call: Call) -> ArmError:
        message = (
            f"The requested resource of type '{self.shown_type or self.type}' with name '{call.target.name}' was not "
            "found."
        )
        return ArmError(404, "ResourceNotFound", message)


class Configurations(ChildKind):
    """Server parameters. All are there from the start; static ones wait for a restart."""

    type = f"{SERVERS}/configurations"
    names = ("UpdateOrcasServerParameterManagementOperation", "")

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        name = call.target.name.lower()
        parameter = catalog.PARAMETERS.get(name)
        if parameter is None:
            raise self.missing(call)
        sent = body.get("properties") or {}
        source = str(sent.get("source") or "user-override")
        value = parameter.default if source == "system-default" else str(sent.get("value", parameter.default))
        if not catalog.allows(parameter, value):
            raise invalid(name, f"Allowed are: {parameter.allowed}.")
        return {"properties": {"value": value, "source": "system-default" if value == parameter.default else source}}

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return self.build(call, body, previous)

    def patch(self, call: Call) -> Reply:
        if self.store.get(call.target.path) is None:
            return self.put(call)
        return super().patch(call)

    def began(self, call: Call, record: Record, creating: bool) -> None:
        record.private["before"] = None if creating else record.properties.get("value")

    def settled(self, record: Record, operation: Operation) -> None:
        if record.kind is not self:  # the server has been restarted
            for item in self.store.of_kind(self.type, record.id):
                item.private.pop("pending", None)
            return
        parameter = catalog.PARAMETERS[record.name.lower()]
        before = record.private.pop("before", None)
        if not parameter.dynamic and record.properties["value"] != (before or parameter.default):
            record.private["pending"] = True
        server = self.store.get(record.parent)
        if server is not None:
            self.servers.backing.parameter(server, record.name.lower(), str(record.properties["value"]))

    def get(self, call: Call) -> Reply:
        record = self.store.get(call.target.path)
        if record is not None:
            return super().get(call)
        self.emulator.require_group(call.target)
        self._require_parent(call, "read")
        return call.reply(200, self.render(self._default(call, call.target.name), call.version))

    def _default(self, call: Call, name: str) -> Record:
        parameter = catalog.PARAMETERS.get(name.lower())
        if parameter is None:
            raise self.missing(call)
        document: Document = {"properties": {"value": parameter.default, "source": "system-default"}}
        server = self.server_of(call)
        return self.make(f"{server.id}/configurations/{name.lower()}", name.lower(), server.group, document)

    def collection(self, call: Call) -> Reply:
        self.collection_scope(call)
        server = self.server_of(call)
        written = {record.name.lower(): record for record in self.store.of_kind(self.type, server.id)}
        records = [written.get(name) or self._default(call, name) for name in catalog.PARAMETERS]
        return call.reply(200, {"value": [self.render(record, call.version) for record in records]})

    def show(self, record: Record, document: Document, version: str) -> None:
        parameter = catalog.PARAMETERS[record.name.lower()]
        document["properties"] = {
            "value": document["properties"]["value"],
            "description": parameter.description,
            "defaultValue": parameter.default,
            "dataType": parameter.data_type,
            "allowedValues": parameter.allowed,
            "source": document["properties"]["source"],
            "isDynamicConfig": parameter.dynamic,
            "isReadOnly": False,
            "isConfigPendingRestart": bool(record.private.get("pending")),
            "documentationLink": parameter.link,
        }

    def delete(self, call: Call) -> Reply:
        raise ArmError(405, "MethodNotAllowed", "Server parameters cannot be deleted.")


class Databases(ChildKind):
    """Databases; they can be made while another child is written."""

    type = f"{SERVERS}/databases"
    names = ("UpsertServerDatabaseManagementOperation", "DropServerDatabaseManagementOperation")
    alone = False

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        if call.target.name.lower() in ("template0", "template1", "azure_maintenance", "azure_sys"):
            raise invalid("databaseName")
        charset = str(sent.get("charset") or "UTF8").upper()
        collation = str(sent.get("collation") or "en_US.utf8")
        document = {"properties": {"charset": charset, "collation": collation}}
        if previous is not None and previous.document != document:
            raise invalid("charset", "Charset and collation of a database cannot be changed.")
        return document

    def settled(self, record: Record, operation: Operation) -> None:
        server = self.store.get(record.parent)
        if server is not None:
            self.servers.backing.database(server, record.name, gone=False)

    def removed(self, record: Record) -> None:
        server = self.store.get(record.parent)
        # What is still in the store goes with its server, whose backups hold it.
        if server is not None and self.store.get(record.id) is None:
            self.servers.backing.database(server, record.name, gone=True)


class FirewallRules(ChildKind):
    """Addresses that reach a public server."""

    type = f"{SERVERS}/firewallRules"
    names = ("UpsertServerFirewallRulesManagementOperation", "DropServerFirewallRulesManagementOperation")
    shown_type = SERVERS
    retry_after = 60

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body["properties"]
        if self.server_of(call).properties["network"].get("delegatedSubnetResourceId"):
            message = "Firewall rule operations cannot be requested for a private access enabled server."
            raise ArmError(400, "FirewallRulesNotSupported", message)
        try:
            first, last = (ipaddress.IPv4Address(sent[key]) for key in ("startIpAddress", "endIpAddress"))
        except ValueError:
            raise invalid("startIpAddress") from None
        if first > last:
            raise invalid("endIpAddress")
        return {"properties": {"startIpAddress": str(first), "endIpAddress": str(last)}}


class Backups(ChildKind):
    """Backups on demand; the service's own are listed with them."""

    type = f"{SERVERS}/backups"
    duration = "azure.postgresql_backup"
    names = ("SnapshotManagementOperation", "DeleteBackupManagementOperation")
    retry_after = 15

    def read_body(self, call: Call, model: str) -> Document:
        return super().read_body(call, model) if call.content else {}  # clients send none

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        if previous is not None:
            raise ArmError(409, "BackupAlreadyExists", f"There is a backup {call.target.name} already.")
        if self.server_of(call).document["sku"]["tier"] == "Burstable":
            message = "On-demand backups are not supported for servers of the Burstable tier."
            raise ArmError(400, "OnDemandBackupNotSupported", message)
        return {"properties": {"backupType": "Customer On-Demand", "source": "Customer Initiated"}}

    def in_the_way(self, server: Record) -> Trouble:
        # Seen while a parameter was written and while the server's first own backup was taken.
        return "InternalServerError", "An unexpected error occured while processing the request."

    def settled(self, record: Record, operation: Operation) -> None:
        record.properties["completedTime"] = stamp(self.emulator.context.clock.wall())
        server = self.store.get(record.parent)
        if server is not None:
            self.servers.backing.backup(server, record)

    def removed(self, record: Record) -> None:
        self.servers.backing.forget_backup(self.store.get(record.parent), record)

    def collection(self, call: Call) -> Reply:
        self.collection_scope(call)
        server = self.server_of(call)
        found = self.store.of_kind(self.type, server.id)
        first = self.servers.first_backup(server)
        if first <= self.emulator.context.clock.wall():
            done = {"backupType": "Full", "source": "Automatic", "completedTime": stamp(first)}
            name = f"backup_{int(first.timestamp() * 10**6)}"
            found = [self.make(f"{server.id}/backups/{name}", name, server.group, {"properties": done}), *found]
        return call.reply(200, {"value": [self.render(record, call.version) for record in found]})


class VirtualEndpoints(ChildKind):
    """Names that follow the primary and its replica."""

    type = f"{SERVERS}/virtualendpoints"
    names = ("VirtualEndpointCreateManagementOperation", "VirtualEndpointDropManagementOperation")
    retry_after = 60

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        name = call.target.name
        members = list(sent.get("members") or [])
        known = {record.name.lower() for record in self.store.of_kind(SERVERS)}
        if not members or any(member.lower() not in known for member in members):
            raise invalid("members")
        hosts = [f"{name}.{role}.postgres.database.azure.com" for role in ("writer", "reader")]
        return {"properties": {"endpointType": "ReadWrite", "virtualEndpoints": hosts, "members": members}}

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return self.build(call, body, previous)

    def in_the_way(self, server: Record) -> Trouble:
        message = f'Server {server.name} should be in Ready state to create/update/drop virtual endpoint"'
        return "VirtualEndpointOwnerServerNotInReadyState", message


class Administrators(ChildKind):
    """Entra principals that administer the server."""

    type = f"{SERVERS}/administrators"
    names = ("UpsertAadAuthPrincipalManagementOperation", "DropAadAuthPrincipalManagementOperation")
    retry_after = 60

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        auth = self.server_of(call).properties["authConfig"]
        if auth.get("activeDirectoryAuth", "Disabled").lower() != "enabled":
            message = "Microsoft Entra authentication is not enabled for the server."
            raise ArmError(400, "AadAuthOperationCannotBePerformedWhenServerIsNotAadEnabled", message)
        return {"properties": {**(body.get("properties") or {}), "objectId": call.target.name}}


def install(emulator: AzureEmulator) -> None:
    """Add the types."""
    for kind in (Configurations, Databases, FirewallRules, Backups, VirtualEndpoints, Administrators):
        emulator.add(kind(emulator))
