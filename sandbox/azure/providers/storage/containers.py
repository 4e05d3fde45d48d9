"""Blob service settings, containers and their immutability policies. Everything is synchronous."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...call import Call, Reply
from ...documents import merged
from ...errors import ArmError
from ...flows import stamp
from ...store import Document, Record
from .base import ACCOUNTS, BLOB_SERVICES, CONTAINERS, IMMUTABILITY, StorageKind

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_NAME = re.compile(r"^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$|^\$(root|web|logs)$")
_FRESH_SERVICE = {
    "staticWebsite": {"enabled": False},
    "cors": {"corsRules": []},
    "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False},
}


class BlobServices(StorageKind):
    """The blob service of an account; there from the start, always named ``default``."""

    type = BLOB_SERVICES
    tracked = False
    has_state = False
    since = {"staticWebsite": "2025-01-01"}

    def find(self, call: Call) -> Record:
        self.emulator.require_group(call.target)
        self._require_parent(call, "read")
        if call.target.name.lower() != "default":
            raise ArmError(400, "InvalidUri", "The requested URI does not represent any resource.")
        return self.ensure(call)

    def ensure(self, call: Call) -> Record:
        """The service's record; made when it is first looked at."""
        found = self.store.get(call.target.path)
        if found is not None:
            return found
        return self.store.put(self.new_record(call, {"properties": dict(_FRESH_SERVICE)}))

    def put(self, call: Call) -> Reply:
        self._before_write(call)
        record = self.ensure(call)
        return super().put(call) if record is not None else call.reply(404, None)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        before = previous.properties if previous is not None else _FRESH_SERVICE
        for key in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy", "restorePolicy"):
            policy = sent.get(key) or {}
            if policy.get("enabled") and not 1 <= policy.get("days", 0) <= 365:
                message = f"The days of {key} must be between 1 and 365."
                raise ArmError(400, "InvalidValuesForRequestParameters", message)
        properties = merged(before, sent)
        for key in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            policy = properties.get(key)
            if policy and not policy.get("enabled"):
                policy.pop("days", None)
        call.notes["sent"] = sent
        return {"properties": properties}

    def written(self, call: Call, record: Record, status: int) -> Reply:
        # The service echoes what was sent (recorded); a GET shows the whole.
        answer: Document = {"name": "default"}
        if call.notes.get("sent"):
            answer = {"id": record.id, "name": "default", "type": self.type, "properties": call.notes["sent"]}
        return call.reply(200, answer)

    def delete(self, call: Call) -> Reply:
        raise ArmError(405, "HttpMethodNotSupported", "The HTTP method 'DELETE' is not supported at this scope.")

    def collection(self, call: Call) -> Reply:
        self.emulator.require_group(call.target)
        self._require_parent(call, "read")
        found = self.store.get(f"{call.target.parent}/blobServices/default")
        return call.reply(200, {"value": [self.render(found, call.version)] if found is not None else []})

    def render(self, record: Record, version: str) -> Document:
        account = self.store.get(record.parent)
        sku = account.document["sku"] if account is not None else {}
        return {"sku": sku, **super().render(record, version)}


class Containers(StorageKind):
    """Blob containers. The management plane deletes them with what is in them."""

    type = CONTAINERS
    tracked = False
    has_state = False

    def _require_parent(self, call: Call, verb: str) -> None:
        # The service above needs no record of its own: the account is what counts.
        account_id = call.target.path[: call.target.path.lower().index("/blobservices")]
        if self.store.get(account_id) is None:
            name = account_id.rpartition("/")[2]
            message = f"The Resource '{ACCOUNTS}/{name}' under resource group '{call.target.group}' was not found. For "
            raise ArmError(
                404, "ResourceNotFound", message + "more details please go to https://aka.ms/ARMResourceNotFoundFix"
            )

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        name = call.target.name
        if not _NAME.match(name):
            message = "The specified resource name contains invalid characters."
            raise ArmError(400, "ContainerOperationFailure", message)
        sent = body.get("properties") or {}
        account = self.store.get(call.target.path[: call.target.path.lower().index("/blobservices")])
        public = sent.get("publicAccess", "None")
        if public != "None" and account is not None and not account.properties.get("allowBlobPublicAccess"):
            message = "Public access is not permitted on this storage account."
            raise ArmError(409, "PublicAccessNotPermitted", message)
        before = previous.properties if previous is not None else {}
        properties = {**before, **sent}
        versioning = sent.get("immutableStorageWithVersioning")
        if previous is not None and versioning is not None:
            kept = before.get("immutableStorageWithVersioning")
            if (kept or {}).get("enabled", False) != versioning.get("enabled", False):
                message = "Immutable storage with versioning can be set when the container is created only."
                raise ArmError(409, "ImmutableStorageWithVersioningCannotBeUpdated", message)
        return {"properties": properties}

    def written(self, call: Call, record: Record, status: int) -> Reply:
        shown: Document = {"id": record.id, "name": record.name, "type": self.type}
        if record.properties:
            shown["properties"] = dict(record.properties)
        return call.reply(status, shown)

    def check_delete(self, call: Call, record: Record) -> None:
        account = record.id[: record.id.lower().index("/blobservices")].rpartition("/")[2]
        if record.private.get("immutability") and self.emulator.blobs.count(account, record.name):
            message = "The operation is not permitted as the container has a immutability policy."
            raise ArmError(409, "ContainerImmutabilityPolicyFailure", message)
        if record.properties.get("legalHold", {}).get("hasLegalHold"):
            raise ArmError(409, "ContainerOperationFailure", "The container has a legal hold.")

    def removed(self, record: Record) -> None:
        account = record.id[: record.id.lower().index("/blobservices")].rpartition("/")[2]
        self.emulator.blobs.forget(account, record.name)

    def missing(self, call: Call) -> ArmError:
        return ArmError(404, "ContainerNotFound", "The specified container does not exist.")

    def show(self, record: Record, document: Document, version: str) -> None:
        policy = record.private.get("immutability")
        document["etag"] = f'"0x8DE{record.etag[:12].replace("-", "").upper()}"'
        properties: Document = {
            "deleted": False,
            "remainingRetentionDays": 0,
            "defaultEncryptionScope": "$account-encryption-key",
            "denyEncryptionScopeOverride": False,
            "publicAccess": "None",
            **document["properties"],
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "lastModifiedTime": stamp(record.changed),
            "legalHold": {"hasLegalHold": False, "tags": []},
            "hasImmutabilityPolicy": policy is not None,
            "hasLegalHold": False,
        }
        if policy is not None:
            properties["immutabilityPolicy"] = {
                "etag": document["etag"],
                "updateHistory": [],
                "properties": dict(policy),
            }
        document["properties"] = properties


class ImmutabilityPolicies(StorageKind):
    """The time-based retention of a container, always named ``default``; a locked one stays."""

    type = IMMUTABILITY
    tracked = False
    has_state = False

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.actions = {"lock": self._lock, "extend": self._extend}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        days = sent.get("immutabilityPeriodSinceCreationInDays")
        if days is None or not 1 <= days <= 146000:
            message = "immutabilityPeriodSinceCreationInDays must be between 1 and 146000."
            raise ArmError(400, "InvalidValuesForRequestParameters", message)
        if previous is not None and previous.properties.get("state") == "Locked":
            raise ArmError(412, "ImmutabilityPolicyLocked", "A locked policy can only be extended.")
        return {"properties": {"state": "Unlocked", **sent}}

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        self._tell(record)

    def written(self, call: Call, record: Record, status: int) -> Reply:
        return call.reply(200, self.render(record, call.version))

    def removed(self, record: Record) -> None:
        container = self.store.get(record.parent)
        if container is not None:
            container.private.pop("immutability", None)

    def check_delete(self, call: Call, record: Record) -> None:
        if record.properties["state"] == "Locked":
            message = "The operation is not permitted: the immutability policy is locked."
            raise ArmError(412, "ImmutabilityPolicyDeleteNotAllowed", message)

    def _tell(self, record: Record) -> None:
        container = self.store.get(record.parent)
        if container is not None:
            container.private["immutability"] = record.properties

    def _lock(self, call: Call, record: Record) -> Reply:
        record.document = {"properties": {**record.properties, "state": "Locked"}}
        self._tell(record)
        return call.reply(200, self.render(record, call.version))

    def _extend(self, call: Call, record: Record) -> Reply:
        days = (call.json().get("properties") or {}).get("immutabilityPeriodSinceCreationInDays", 0)
        if days < record.properties["immutabilityPeriodSinceCreationInDays"]:
            raise ArmError(409, "ImmutabilityPolicyExtendFailure", "The retention can only be made longer.")
        record.document = {"properties": {**record.properties, "immutabilityPeriodSinceCreationInDays": days}}
        self._tell(record)
        return call.reply(200, self.render(record, call.version))

    def show(self, record: Record, document: Document, version: str) -> None:
        document["etag"] = f'"{record.etag}"'


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(BlobServices(emulator))
    emulator.add(Containers(emulator))
    emulator.add(ImmutabilityPolicies(emulator))
