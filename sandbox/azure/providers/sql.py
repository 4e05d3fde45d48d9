"""Microsoft.Sql: logical servers and their databases. The control plane alone: no engine is behind it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..call import Call, Reply
from ..documents import merged
from ..errors import ArmError
from ..flows import SQL, stamp
from ..operations import Operation
from ..regions import REGIONS
from ..store import Document, Record
from .postgresql.base import PostgresKind, Trouble
from .postgresql.checks import check_password

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2021-02-01-preview", "2021-11-01", "2022-05-01-preview", "2023-08-01", "2023-08-01-preview", "2025-01-01")
SERVERS = "Microsoft.Sql/servers"
DATABASES = SERVERS + "/databases"
_GIGABYTE = 1024**3
_SERVERLESS = "GP_S_Gen5"


class SqlKind(PostgresKind):
    """Rules of both types: answered as PostgreSQL servers are, with URLs of their own."""

    versions = VERSIONS
    flow = SQL
    retry_after = 15

    def check_busy(self, call: Call, record: Record) -> None:
        if record.operation is not None:
            message = f"A conflicting operation is in progress on '{record.name}'. Please wait for it to complete."
            raise ArmError(409, "ConflictingServerOperation", message)


class Servers(SqlKind):
    """Logical servers; their names are global."""

    type = SERVERS
    duration = "azure.sql_server"
    names = ("UpsertLogicalServer", "DropLogicalServer")

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        before = previous.properties if previous is not None else {}
        if previous is None:
            if any(record.name.lower() == call.target.name.lower() for record in self.store.of_kind(SERVERS)):
                message = f"Server '{call.target.name}' is already existing."
                raise ArmError(409, "NameAlreadyExists", message)
            only_entra = (sent.get("administrators") or {}).get("azureADOnlyAuthentication")
            for name in () if only_entra else ("administratorLogin", "administratorLoginPassword"):
                if not sent.get(name):
                    raise ArmError(400, "InvalidParameterValue", f"Invalid value given for parameter {name}.")
        login = str(sent.get("administratorLogin") or before.get("administratorLogin") or "")
        if before and login != before.get("administratorLogin", ""):
            message = "The administrator login of a server cannot be changed."
            raise ArmError(400, "InvalidParameterValue", message)
        if sent.get("administratorLoginPassword"):
            check_password(str(sent.pop("administratorLoginPassword")), login)
        filled = {
            "version": "12.0",
            "minimalTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "restrictOutboundNetworkAccess": "Disabled",
        }
        document: Document = {key: body[key] for key in ("tags", "identity") if body.get(key)}
        document["location"] = body.get("location") or (previous.location if previous is not None else "")
        document["properties"] = {**filled, **before, **sent}
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return self.build(call, {**previous.document, **body}, previous)

    def began(self, call: Call, record: Record, creating: bool) -> None:
        record.state = "Updating"

    def settled(self, record: Record, operation: Operation) -> None:
        record.state = "Succeeded"

    def gave_up(self, record: Record, creating: bool) -> None:
        record.state = "Succeeded"

    def show(self, record: Record, document: Document, version: str) -> None:
        document["kind"] = "v12.0"
        properties = document["properties"]
        properties["state"] = "Ready"
        properties["fullyQualifiedDomainName"] = f"{record.name.lower()}.database.windows.net"
        properties["privateEndpointConnections"] = []


class Databases(SqlKind):
    """Databases of a logical server."""

    type = DATABASES
    duration = "azure.sql_database"
    names = ("CreateLogicalDatabase", "DropLogicalDatabase")

    def operation_name_of(self, call: Call, creating: bool) -> str:
        return "CreateLogicalDatabase" if creating else "UpdateLogicalDatabase"

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        server = self.store.get(call.target.parent)
        assert server is not None  # noqa: S101 - checked before
        if body.get("location") and body["location"] != server.location:
            message = f"The database has to be in the region of its server, {server.location}."
            raise ArmError(400, "LocationMismatch", message)
        mode = str(sent.pop("createMode", "Default"))
        source = self._source(sent, mode) if mode in ("Copy", "PointInTimeRestore", "Secondary") else None
        filled: Document = {
            "collation": "SQL_Latin1_General_CP1_CI_AS",
            "maxSizeBytes": 32 * _GIGABYTE,
            "catalogCollation": "SQL_Latin1_General_CP1_CI_AS",
            "zoneRedundant": False,
            "licenseType": "LicenseIncluded",
            "readScale": "Disabled",
            "requestedBackupStorageRedundancy": "Geo",
            "databaseId": str(uuid.uuid4()),
        }
        before = previous.properties if previous is not None else {}
        if source is not None:
            filled = {**source.properties, "databaseId": filled["databaseId"]}
        if before and sent.get("collation", before["collation"]) != before["collation"]:
            raise ArmError(400, "InvalidParameterValue", "The collation of a database cannot be changed.")
        document: Document = {"tags": body["tags"]} if body.get("tags") else {}
        document["location"] = server.location
        held = previous or source
        sku = merged(held.document["sku"] if held is not None else _sku({}), _sku(body.get("sku") or {}, held is None))
        document["sku"] = sku
        document["properties"] = {**filled, **before, **sent}
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        document = self.build(call, {key: value for key, value in body.items() if key != "location"}, previous)
        return {**previous.document, **document}

    def _source(self, sent: Document, mode: str) -> Record:
        source = self.store.get(str(sent.pop("sourceDatabaseId", "") or ""))
        sent.pop("restorePointInTime", None)
        if source is None or source.kind is not self:
            raise ArmError(404, "SourceDatabaseNotFound", f"The source database of a {mode} was not found.")
        return source

    def trouble(self, call: Call, document: Document | None, previous: Record | None) -> Trouble | None:
        region = REGIONS.get((document or {}).get("location", ""))
        if document is not None and document["properties"].get("zoneRedundant") and region and not region.zones:
            message = "Provisioning of zone redundant database/pool is not supported for your current request."
            return "ProvisioningDisabled", message
        return None

    def show(self, record: Record, document: Document, version: str) -> None:
        properties, sku = document["properties"], document["sku"]
        objective = f"{sku['name']}_{sku['capacity']}" if sku["tier"] != "Standard" else str(sku["name"])
        region = REGIONS[record.location]
        document["kind"] = "v12.0,user,vcore" + (",serverless" if sku["name"] == _SERVERLESS else "")
        properties.update(
            {
                "status": "Online",
                "creationDate": stamp(record.created),
                "currentServiceObjectiveName": objective,
                "requestedServiceObjectiveName": objective,
                "defaultSecondaryLocation": region.pair,
                "maxLogSizeBytes": 193273528320,
                "currentSku": dict(sku),
                "currentBackupStorageRedundancy": properties["requestedBackupStorageRedundancy"],
                "earliestRestoreDate": stamp(record.created + timedelta(minutes=10)),
                "isInfraEncryptionEnabled": False,
            }
        )


def _sku(sent: dict[str, Any], whole: bool = True) -> dict[str, Any]:
    """A SKU with what the service fills in; only what was sent where there is one already."""
    name = str(sent.get("name") or "GP_Gen5")
    tier = {"GP": "GeneralPurpose", "BC": "BusinessCritical", "HS": "Hyperscale"}.get(name.partition("_")[0])
    if tier is None:
        raise ArmError(400, "InvalidSkuName", f"The SKU name '{name}' is invalid.")
    if not whole and not sent:
        return {}
    # A name may carry its size: GP_Gen5_2.
    head, _, cores = name.rpartition("_")
    if cores.isdigit():
        return {"name": head, "tier": tier, "family": "Gen5", "capacity": int(cores)}
    return {"tier": tier, "family": "Gen5", "capacity": 2, **sent, "name": name}


def _check_name(emulator: AzureEmulator, call: Call) -> Reply:
    name = str(call.json().get("name") or "")
    taken = any(record.name.lower() == name.lower() for record in emulator.store.of_kind(SERVERS))
    answer: dict[str, Any] = {"name": name, "available": not taken}
    if taken:
        answer.update(reason="AlreadyExists", message=f"Specified server name '{name}' is already used.")
    return call.reply(200, answer)


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of this module."""
    emulator.add(Servers(emulator))
    emulator.add(Databases(emulator))
    kind = "Microsoft.Sql/checkNameAvailability"
    emulator.function(kind, "POST", VERSIONS, lambda call: _check_name(emulator, call))
