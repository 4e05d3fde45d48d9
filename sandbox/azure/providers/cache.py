"""Microsoft.Cache/redisEnterprise: Azure Managed Redis, clusters with one database.

Where Redis or Valkey is installed a database has a real server behind it, at the port of the cloud and a loopback
address that the cluster shows as its ``hostName``.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from .. import schema
from ..call import Call, Reply
from ..documents import merged
from ..errors import ArmError
from ..flows import CACHE
from ..kind import Kind
from ..operations import Operation
from ..regions import REGIONS
from ..store import Document, Record
from .cache_engine import Backing
from .network.endpoints import disconnect

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    *("2022-01-01", "2023-07-01", "2023-11-01", "2024-02-01", "2024-09-01-preview", "2024-10-01"),
    *("2025-04-01", "2025-05-01-preview", "2025-07-01", "2025-08-01-preview"),
)
CLUSTERS = "Microsoft.Cache/redisEnterprise"
DATABASES = CLUSTERS + "/databases"
_RETIRING = ("Enterprise_", "EnterpriseFlash_")  # sizes of the generation before Azure Managed Redis
SIZES = {
    "Balanced_B": (0, 1, 3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700, 1000),
    "MemoryOptimized_M": (10, 20, 50, 100, 150, 250, 350, 500, 700, 1000, 1500, 2000),
    "ComputeOptimized_X": (3, 5, 10, 20, 50, 100, 150, 250, 350, 500, 700),
}
_FIXED = ("clientProtocol", "clusteringPolicy", "port", "modules", "geoReplication")


class CacheKind(Kind):
    """Rules of both types."""

    versions = VERSIONS
    flow = CACHE

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        return ArmError(400, "BadRequest", f"The request is invalid at '{mismatch.path}' ({mismatch.problem}).")

    def missing(self, call: Call) -> ArmError:
        message = "A requested resource could not be found. It may already have been deleted."
        return ArmError(404, "ResourceNotFound", message)

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy:
            message = f"The resource {record.name} is busy processing a previous update or is undergoing maintenance."
            raise ArmError(409, "Conflict", message)

    def start_delete(self, call: Call, record: Record) -> Reply:
        reply = super().start_delete(call, record)
        headers = {name: reply.headers[name] for name in ("Azure-AsyncOperation", "Location")}
        return call.reply(202, self.render(record, call.version), headers)

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        reply = super().accept(call, record, before, failure)
        if call.method == "PATCH":
            headers = {name: reply.headers[name] for name in ("Azure-AsyncOperation", "Location")}
            return call.reply(202, self.render(record, call.version), headers)
        if before is not None and self.short_update(record, before):
            return call.reply(200, self.render(record, call.version))
        return reply

    def short_update(self, record: Record, previous: Document) -> bool:
        return {**record.document, "tags": None} == {**previous, "tags": None}

    def resource_state(self, record: Record) -> str:
        """``resourceState``, which says Running where the provisioning state says Succeeded."""
        return {"Succeeded": "Running", "Failed": "CreateFailed"}.get(record.state, record.state)


class Clusters(CacheKind):
    """Clusters; their names are unique in a region."""

    type = CLUSTERS
    duration = "azure.redis_cluster"

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.actions = {"listskusforscaling": self._sizes}

    def _sizes(self, call: Call, record: Record) -> Reply:
        """The sizes that a cluster can be scaled to from where it is."""
        current = str(record.document["sku"]["name"])
        names = [f"{family}{size}" for family, sizes in SIZES.items() for size in sizes]
        offered = [name for name in names if name != current and _memory(name) >= _memory(current)]
        return call.reply(200, {"skus": [{"name": name, "sizeInGB": float(_memory(name))} for name in offered]})

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sku = str((body.get("sku") or {}).get("name") or "")
        sent: Document = dict(body.get("properties") or {})
        if previous is None:
            self._check_new(call, body, sku)
        document = {key: body[key] for key in ("location", "tags", "zones") if body.get(key)}
        document["sku"] = dict(body["sku"])
        document["identity"] = body.get("identity") or {"type": "None"}
        available = sent.get("highAvailability") or "Enabled"
        document["properties"] = {"minimumTlsVersion": "1.2", **sent, "highAvailability": available}
        if previous is not None:
            self._check_change(previous, document)
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        document = merged(previous.document, body)
        if "tags" in body:
            document["tags"] = body["tags"]
        secured = (body.get("properties") or {}).get("encryption") or {}
        if "customerManagedKeyEncryption" in secured and not secured["customerManagedKeyEncryption"]:
            # "Set this to an empty object to use Microsoft-managed key encryption" (the SDK's model).
            document["properties"] = {**document["properties"], "encryption": {}}
        self._check_change(previous, document)
        return document

    def _check_new(self, call: Call, body: Document, sku: str) -> None:
        name = call.target.name
        if not name.replace("-", "").isalnum() or "--" in name or not 1 <= len(name) <= 60:
            raise ArmError(400, "InvalidName", f"The name {name} of the cluster is invalid.")
        if sku.startswith(_RETIRING):
            message = f"New caches of the size {sku} can no longer be made: use a size of Azure Managed Redis."
            raise ArmError(400, "SkuNotAvailable", message)
        for record in self.store.of_kind(CLUSTERS):
            if record.name.lower() == name.lower() and record.location == body["location"]:
                raise ArmError(409, "NameNotAvailable", f"The name {name} is not available in {body['location']}.")

    def _check_change(self, previous: Record, document: Document) -> None:
        before, after = previous.properties, document["properties"]
        if before["highAvailability"] == "Enabled" and after["highAvailability"] == "Disabled":
            raise ArmError(400, "BadRequest", "High availability of a cluster cannot be switched off.")
        old, new = previous.document["sku"]["name"], document["sku"]["name"]
        if old != new and _memory(new) < _memory(old) and self.store.of_kind(DATABASES, previous.id):
            raise ArmError(400, "ScaleDownNotAllowed", f"A cluster cannot be scaled from {old} down to {new}.")

    @property
    def _backing(self) -> Backing:
        databases = self.emulator.kinds[DATABASES.lower()]
        assert isinstance(databases, Databases)  # noqa: S101 - installed with this type
        return databases.backing

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        if previous is None:
            self._backing.reserve(record)

    def removed(self, record: Record) -> None:
        self._backing.release(record)
        disconnect(self.emulator, record)

    def show(self, record: Record, document: Document, version: str) -> None:
        region = REGIONS[record.location]
        document["location"], document["kind"] = region.display, "v2"
        properties = document["properties"]
        name = f"{record.name.lower()}.{record.location}.redis.azure.net"
        properties["hostName"] = self._backing.host(record) or name
        properties["resourceState"] = self.resource_state(record)
        properties["privateEndpointConnections"] = []
        available = properties["highAvailability"] == "Enabled"
        properties["redundancyMode"] = ("ZR" if region.zones else "LR") if available else "None"


class Databases(CacheKind):
    """The database of a cluster, with its access keys."""

    type = DATABASES
    duration = "azure.redis_database"
    tracked = False

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.backing = Backing(emulator)
        self.actions = {
            "listkeys": self._list_keys,
            "regeneratekey": self._regenerate,
            "export": self._export,
            "import": self._import,
            "flush": self._flush,
        }

    def working(self, record: Record) -> bool:
        return self.backing.working(record)

    def close(self) -> None:
        self.backing.close()

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        cluster = self.store.get(call.target.parent)
        assert cluster is not None  # noqa: S101 - checked before
        if previous is None:
            if cluster.state != "Succeeded":
                message = f"The cluster {cluster.name} is not running yet: its state is {cluster.state}."
                raise ArmError(409, "Conflict", message)
            if call.target.name != "default":
                raise ArmError(400, "BadRequest", "The name of the database has to be 'default'.")
        filled: Document = {
            "clientProtocol": "Encrypted",
            "port": 10000,
            "clusteringPolicy": "OSSCluster",
            "evictionPolicy": "VolatileLRU",
            "deferUpgrade": "NotDeferred",
            "accessKeysAuthentication": "Disabled" if call.version > "2025-04-01" else "Enabled",
        }
        base = previous.properties if previous is not None else filled
        document: Document = {"properties": {**base, **(body.get("properties") or {})}}
        return self._checked(document, previous)

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        sent = body.get("properties") or {}
        return self._checked({"properties": {**previous.properties, **sent}}, previous)

    def _checked(self, document: Document, previous: Record | None) -> Document:
        properties = document["properties"]
        stored = properties.get("persistence") or {}
        if stored.get("aofEnabled") and stored.get("rdbEnabled"):
            raise ArmError(400, "BadRequest", "AOF and RDB persistence cannot be enabled together.")
        if properties["port"] != 10000:
            raise ArmError(400, "BadRequest", "The port of the database has to be 10000.")
        for name in _FIXED if previous is not None else ():
            if previous is not None and properties.get(name) != previous.properties.get(name):
                raise ArmError(400, "BadRequest", f"The property {name} of a database cannot be changed.")
        return document

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        for name in ("primaryKey", "secondaryKey"):
            record.private.setdefault(name, secrets.token_urlsafe(32))

    def settled(self, record: Record, operation: Operation) -> None:
        if operation.verb == "create":
            self.backing.create(record)
        else:
            self.backing.update(record)

    def removed(self, record: Record) -> None:
        self.backing.remove(record)

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        properties["resourceState"] = self.resource_state(record)
        properties["redisVersion"] = "7.4"
        if version < "2024-09-01":
            properties.pop("accessKeysAuthentication", None)

    # -- actions --------------------------------------------------------------------------------------------------

    def _keys(self, record: Record) -> Document:
        if record.properties["accessKeysAuthentication"] != "Enabled":
            message = "Access keys are disabled for the database: accessKeysAuthentication is Disabled."
            raise ArmError(400, "BadRequest", message)
        return {name: record.private[name] for name in ("primaryKey", "secondaryKey")}

    def _list_keys(self, call: Call, record: Record) -> Reply:
        return call.reply(200, self._keys(record))

    def _regenerate(self, call: Call, record: Record) -> Reply:
        self.check_busy(call, record)
        kind = str(call.json().get("keyType") or "")
        if kind not in ("Primary", "Secondary"):
            raise ArmError(400, "BadRequest", "The keyType has to be Primary or Secondary.")
        self._keys(record)
        record.private[f"{kind.lower()}Key"] = secrets.token_urlsafe(32)
        return self._long(call, record, "key", lambda: self.backing.update(record))

    def _flush(self, call: Call, record: Record) -> Reply:
        self.check_busy(call, record)
        return self._long(call, record, "key", lambda: self.backing.flush(record))

    def _export(self, call: Call, record: Record) -> Reply:
        self.check_busy(call, record)
        place = self.emulator.blobs.locate(str(call.json().get("sasUri") or ""), "wc")
        if place is None:
            raise ArmError(400, "BadRequest", "The container of sasUri cannot be reached.")
        cluster = record.parent.rpartition("/")[2]
        name = f"{place[2]}/{cluster}_{uuid.uuid4().hex[:8]}.rdb".lstrip("/")

        def keep(content: bytes) -> None:
            self.emulator.blobs.store(place[0], place[1], name, content)

        return self._long(call, record, "transfer", lambda: self.backing.export(record, keep))

    def _import(self, call: Call, record: Record) -> Reply:
        self.check_busy(call, record)
        places = [self.emulator.blobs.locate(str(uri), "r") for uri in call.json().get("sasUris") or []]
        contents = [self.emulator.blobs.read(*place) for place in places if place is not None]
        if len(contents) != 1 or contents[0] is None:
            raise ArmError(400, "BadRequest", "sasUris has to name one exported file, which can be read.")
        content = contents[0]
        return self._long(call, record, "transfer", lambda: self.backing.restore(record, content))

    def _long(self, call: Call, record: Record, row: str, work: Any) -> Reply:
        assert self.flow is not None  # noqa: S101 - set above
        record.state = "Updating"

        def finish(operation: Operation) -> None:
            record.state = "Succeeded"
            if operation.error is None:
                work()

        seconds = self.emulator.context.profile.seconds(f"{self.duration}.{row}")
        failure = self.emulator.context.take_operation_failure(call.operation)
        operation = self.start(call, "action", record, seconds, finish, failure)
        return call.reply(202, None, self.flow.headers(call, operation, None))


def _memory(sku: str) -> int:
    """The size in a SKU's name, which orders sizes of one family."""
    digits = "".join(letter for letter in sku.rpartition("_")[2] if letter.isdigit())
    return int(digits or 0)


def install(emulator: AzureEmulator) -> None:
    """Add the types."""
    emulator.add(Clusters(emulator))
    emulator.add(Databases(emulator))
