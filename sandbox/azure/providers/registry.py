"""Microsoft.ContainerRegistry: registries (written synchronously) and their replications (which take a while)."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from .. import schema
from ..call import Call, Reply
from ..documents import merged
from ..errors import ArmError
from ..flows import REGISTRY, stamp
from ..kind import Kind
from ..operations import Operation
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    *("2019-05-01", "2021-09-01", "2022-12-01", "2023-01-01-preview", "2023-07-01", "2023-11-01-preview"),
    *("2024-11-01-preview", "2025-03-01-preview", "2025-04-01", "2025-05-01-preview", "2025-11-01"),
)
REGISTRIES = "Microsoft.ContainerRegistry/registries"
REPLICATIONS = REGISTRIES + "/replications"
_NAME = re.compile(r"^[A-Za-z0-9]{5,50}$")
_PREMIUM: dict[str, tuple[str, Any]] = {  # what a registry has to be Premium for: path -> (feature, harmless value)
    "policies.retentionPolicy.status": ("retention policy", "disabled"),
    "policies.trustPolicy.status": ("content trust", "disabled"),
    "policies.exportPolicy.status": ("export policy", "enabled"),
    "encryption.status": ("customer-managed keys", "disabled"),
    "publicNetworkAccess": ("private access", "Enabled"),
    "networkRuleSet.defaultAction": ("network rules", "Allow"),
    "zoneRedundancy": ("zone redundancy", "Disabled"),
    "dataEndpointEnabled": ("dedicated data endpoints", False),
}
_DEFAULTS: dict[str, Any] = {
    "adminUserEnabled": False,
    "networkRuleSet": {"defaultAction": "Allow", "ipRules": []},
    "policies": {
        "quarantinePolicy": {"status": "disabled"},
        "trustPolicy": {"type": "Notary", "status": "disabled"},
        "retentionPolicy": {"days": 7, "status": "disabled"},
        "exportPolicy": {"status": "enabled"},
        "azureADAuthenticationAsArmPolicy": {"status": "enabled"},
        "softDeletePolicy": {"retentionDays": 7, "status": "disabled"},
    },
    "encryption": {"status": "disabled"},
    "dataEndpointEnabled": False,
    "publicNetworkAccess": "Enabled",
    "networkRuleBypassOptions": "AzureServices",
    "zoneRedundancy": "Disabled",
    "anonymousPullEnabled": False,
}


class RegistryKind(Kind):
    """Rules of both types."""

    versions = VERSIONS
    flow = REGISTRY
    retry_after = 10

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        message = f"The request body is invalid at '{mismatch.path}' ({mismatch.problem})."
        return ArmError(400, "InvalidRequestBody", message)

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy:
            message = f"Another operation on the resource '{record.name}' is in progress."
            raise ArmError(409, "OperationInProgress", message)

    def start_delete(self, call: Call, record: Record) -> Reply:
        reply = super().start_delete(call, record)
        headers = {name: reply.headers[name] for name in ("Location", "Retry-After") if name in reply.headers}
        return call.reply(202, self.render(record, call.version), headers)

    def show(self, record: Record, document: Document, version: str) -> None:
        document.setdefault("tags", {})
        user = {"By": self.emulator.client_name, "ByType": "Application"}
        document["systemData"] = {
            "createdBy": user["By"],
            "createdByType": user["ByType"],
            "createdAt": stamp(record.created),
            "lastModifiedBy": user["By"],
            "lastModifiedByType": user["ByType"],
            "lastModifiedAt": stamp(record.changed),
        }

    def _envelope(self, body: Document) -> Document:
        return {key: body[key] for key in ("location", "tags", "sku", "identity") if body.get(key)}


class Registries(RegistryKind):
    """Registries: 200 and nothing to poll; their names are global."""

    type = REGISTRIES
    duration = "azure.registry"
    ignored = ("properties.policies.softDeletePolicy",)

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.actions = {"listcredentials": self._credentials, "regeneratecredential": self._regenerate}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        if not body.get("sku"):
            raise ArmError(400, "SkuRequired", "The sku of the registry is required.")
        if previous is None:
            problem = name_problem(self.emulator, call.target.name)
            if problem is not None:
                raise ArmError(409 if problem[0] == "AlreadyExists" else 400, problem[0], problem[1])
        document = self._envelope(body)
        properties = merged(_DEFAULTS, body.get("properties") or {})
        return self._complete(call, document, properties, previous)

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        document = {**previous.document, **self._envelope(body)}
        return self._complete(call, document, merged(previous.properties, body.get("properties") or {}), previous)

    def _complete(self, call: Call, document: Document, properties: Document, previous: Record | None) -> Document:
        tier = document["sku"]["name"]
        document["sku"] = {"name": tier, "tier": tier}
        for path, (feature, harmless) in _PREMIUM.items():
            found: Any = properties
            for part in path.split("."):
                found = (found or {}).get(part)
            if tier != "Premium" and str(found).lower() != str(harmless).lower():
                message = f"The {feature} feature is not supported by registries with the sku {tier}: use Premium."
                raise ArmError(400, "FeatureNotSupportedBySku", message)
        if tier == "Basic" and properties["anonymousPullEnabled"]:
            raise ArmError(400, "FeatureNotSupportedBySku", "Anonymous pull is not supported by the sku Basic.")
        if previous is not None:
            if properties["zoneRedundancy"] != previous.properties["zoneRedundancy"]:
                raise ArmError(400, "ZoneRedundancyCannotBeChanged", "Zone redundancy of a registry cannot be changed.")
            if tier != "Premium" and self.store.of_kind(REPLICATIONS, previous.id):
                message = "The sku of a registry with replications cannot be lowered: delete the replications first."
                raise ArmError(400, "SkuDowngradeNotAllowed", message)
        properties["loginServer"] = self.emulator.images.login_server(call.target.name)
        document["properties"] = properties
        return document

    def removed(self, record: Record) -> None:
        self.emulator.images.forget(record.name)

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        if failure is not None:
            if before is None:
                self.store.remove(record)
            else:
                record.document = before
            raise self.emulator.failed(failure)
        return call.reply(200, self.render(record, call.version))

    def show(self, record: Record, document: Document, version: str) -> None:
        super().show(record, document, version)
        properties = document["properties"]
        changed = stamp(record.changed)
        policies = {key: dict(value) for key, value in properties["policies"].items()}
        for name in ("retentionPolicy", "softDeletePolicy"):
            policies[name]["lastUpdatedTime"] = changed
        properties["policies"] = policies
        properties["creationDate"] = stamp(record.created)
        properties["dataEndpointHostNames"] = []
        if properties["dataEndpointEnabled"]:
            places = [record.location, *(item.location for item in self.store.of_kind(REPLICATIONS, record.id))]
            hosts = [f"{record.name.lower()}.{place}.data.azurecr.io" for place in places]
            properties["dataEndpointHostNames"] = hosts
        properties["privateEndpointConnections"] = []
        if version >= "2025-04-01":
            properties.setdefault("roleAssignmentMode", "LegacyRegistryPermissions")

    def _credentials(self, call: Call, record: Record) -> Reply:
        if not record.properties["adminUserEnabled"]:
            message = "Cannot perform credential operations for a registry whose admin user is disabled."
            raise ArmError(400, "UnAuthorizedForCredentialOperations", message)
        held = record.private.setdefault("passwords", {name: uuid.uuid4().hex for name in ("password", "password2")})
        passwords = [{"name": name, "value": value} for name, value in held.items()]
        return call.reply(200, {"username": record.name, "passwords": passwords})

    def _regenerate(self, call: Call, record: Record) -> Reply:
        name = str(call.json().get("name") or "")
        if name not in ("password", "password2"):
            raise ArmError(400, "InvalidPasswordName", "The name has to be password or password2.")
        self._credentials(call, record)
        record.private["passwords"][name] = uuid.uuid4().hex
        return self._credentials(call, record)


class Replications(RegistryKind):
    """Copies of a Premium registry in other regions."""

    type = REPLICATIONS
    duration = "azure.registry_replication"

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        registry = self.store.get(call.target.parent)
        assert registry is not None  # noqa: S101 - checked before
        if registry.document["sku"]["name"] != "Premium":
            message = f"Replications are not supported by registries with the sku {registry.document['sku']['name']}."
            raise ArmError(400, "FeatureNotSupportedBySku", message)
        others = [item.location for item in self.store.of_kind(REPLICATIONS, registry.id) if item is not previous]
        if body["location"] in (registry.location, *others):
            message = f"There is a replication of the registry in {body['location']} already."
            raise ArmError(409, "ReplicationAlreadyExists", message)
        document = self._envelope(body)
        sent = body.get("properties") or {}
        document["properties"] = {"regionEndpointEnabled": True, "zoneRedundancy": "Disabled", **sent}
        return document

    def short_update(self, record: Record, previous: Document) -> bool:
        return True  # recorded: an update is over with its answer

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        reply = super().accept(call, record, before, failure)
        return reply if before is None else call.reply(200, self.render(record, call.version))

    def delete(self, call: Call) -> Reply:
        self.emulator.require_group(call.target)
        if self.store.get(call.target.parent) is None:
            return call.reply(204, None)  # also where the registry is gone
        return super().delete(call)

    def settled(self, record: Record, operation: Operation) -> None:
        record.changed = self.emulator.context.clock.wall()

    def show(self, record: Record, document: Document, version: str) -> None:
        super().show(record, document, version)
        status = {"displayStatus": "Ready"} if record.state == "Succeeded" else {}
        document["properties"]["status"] = {**status, "timestamp": stamp(record.changed)}


def name_problem(emulator: AzureEmulator, name: str) -> tuple[str, str] | None:
    """Reason and message when a registry cannot have a name."""
    if not _NAME.match(name):
        return "Invalid", f"The registry name {name} is invalid: 5 to 50 alphanumeric characters are allowed."
    if any(record.name.lower() == name.lower() for record in emulator.store.of_kind(REGISTRIES)):
        return "AlreadyExists", f"The registry {name} is already in use."
    return None


def _check_name(emulator: AzureEmulator, call: Call) -> Reply:
    problem = name_problem(emulator, str(call.json().get("name") or ""))
    if problem is None:
        return call.reply(200, {"nameAvailable": True})
    return call.reply(200, {"nameAvailable": False, "reason": problem[0], "message": problem[1]})


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of this module."""
    emulator.add(Registries(emulator))
    emulator.add(Replications(emulator))
    kind = "Microsoft.ContainerRegistry/checkNameAvailability"
    emulator.function(kind, "POST", VERSIONS, lambda call: _check_name(emulator, call))
