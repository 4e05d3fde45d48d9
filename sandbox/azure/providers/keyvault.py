"""Microsoft.KeyVault: vaults with soft deletion, and the keys that other services encrypt with."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .. import schema
from ..call import Call, Reply
from ..documents import merged
from ..errors import ArmError
from ..flows import VAULT, stamp
from ..kind import Kind
from ..operations import Operation
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    "2019-09-01",
    "2021-10-01",
    "2022-07-01",
    "2023-02-01",
    "2023-07-01",
    "2024-11-01",
    "2025-05-01",
    "2026-05-15",
)
VAULTS = "Microsoft.KeyVault/vaults"
KEYS = VAULTS + "/keys"
DELETED = "Microsoft.KeyVault/locations/deletedVaults"
_NAME = re.compile(r"^(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$")


@dataclass
class Deleted:
    """A soft-deleted vault."""

    record: Record
    keys: list[Record]
    document: Document


class Vaults(Kind):
    """Key vaults. A new one is ready when its name has been registered; a deleted one has to be purged."""

    type = VAULTS
    versions = VERSIONS

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.deleted: dict[str, Deleted] = {}
        self._ready: dict[str, float] = {}

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        if mismatch.problem == "unknown":
            message = f"The parameter {mismatch.path} is not known."
            return ArmError(400, "BadRequest", message)
        message = f"The parameter {mismatch.path} is invalid ({mismatch.problem})."
        return ArmError(400, "BadRequest", message)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = dict(body["properties"])
        mode = str(sent.pop("createMode", "default"))
        name = call.target.name
        gone = self.deleted.get(name.lower())
        if previous is None and mode == "recover":
            if gone is None:
                message = f"A vault with the name {name} in deleted state is not found."
                raise ArmError(404, "DeletedVaultNotFound", message)
            return self._recovered(call, gone, body, sent)
        if previous is None:
            self._check_name(name, gone)
        before = previous.properties if previous is not None else {}
        if before.get("enablePurgeProtection") and sent.get("enablePurgeProtection") is False:
            message = (
                'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a '
                "vault is an irreversible action."
            )
            raise ArmError(400, "BadRequest", message)
        if sent.get("enableSoftDelete") is False:
            message = 'The property "enableSoftDelete" can be set to false only for creating new vault.'
            raise ArmError(400, "BadRequest", message)
        days = int(sent.get("softDeleteRetentionInDays") or before.get("softDeleteRetentionInDays") or 90)
        if not 7 <= days <= 90 or (before and days != before["softDeleteRetentionInDays"]):
            message = (
                'The property "softDeleteRetentionInDays" is invalid or has been set already and cannot be modified.'
            )
            raise ArmError(400, "BadRequest", message)
        return self._document(call, body, merged(self._fresh(name, sent), sent) if not before else {**before, **sent})

    def _fresh(self, name: str, sent: Document) -> Document:
        return {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": sent.get("tenantId"),
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": False,
            "vaultUri": self.emulator.secrets.uri(name),
            "publicNetworkAccess": "Enabled",
        }

    def _document(self, call: Call, body: Document, properties: Document) -> Document:
        return {"location": body["location"], "tags": body.get("tags") or {}, "properties": properties}

    def _recovered(self, call: Call, gone: Deleted, body: Document, sent: Document) -> Document:
        del self.deleted[call.target.name.lower()]
        call.notes["recovered"] = gone
        return self._document(call, body, {**gone.record.properties, **sent})

    def _check_name(self, name: str, gone: Deleted | None) -> None:
        if not _NAME.match(name):
            message = (
                f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The "
                "name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
            )
            raise ArmError(400, "VaultNameNotValid", message)
        if gone is not None:
            message = (
                "A vault with the same name already exists in deleted state. You need to either recover or purge "
                "existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more "
                "information on soft delete."
            )
            raise ArmError(409, "ConflictError", message)
        if any(record.name.lower() == name.lower() for record in self.store.of_kind(VAULTS)):
            message = (
                f"The vault name '{name}' is already in use. Vault names are globally unique so it "
                "is possible that the "
                "name is already taken."
            )
            raise ArmError(409, "VaultAlreadyExists", message)

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        document = merged(previous.document, {key: value for key, value in body.items() if key != "properties"})
        sent = {key: value for key, value in (body.get("properties") or {}).items() if key != "createMode"}
        document["properties"] = {**previous.properties, **sent}
        return document

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        recovered = call.notes.get("recovered")
        if recovered is not None:
            for key in recovered.keys:
                self.store.put(key)
        elif previous is None:
            self._ready[record.key] = self.emulator.context.ends_at("azure.key_vault.register_dns")
            call.notes["created"] = True

    def written(self, call: Call, record: Record, status: int) -> Reply:
        shown = self.render(record, call.version)
        if call.notes.get("created"):
            shown["properties"]["provisioningState"] = "RegisteringDns"
        return call.reply(200, shown)

    def check_busy(self, call: Call, record: Record) -> None:
        if self._ready.get(record.key, 0.0) > call.now():
            message = "A conflict occurred: another operation on the vault is in progress."
            raise ArmError(409, "ConflictError", message)

    def show(self, record: Record, document: Document, version: str) -> None:
        state = "Succeeded"
        if self._ready.get(record.key, 0.0) > self.emulator.context.clock.now():
            state = "RegisteringDns"
        properties = document["properties"]
        properties.pop("provisioningState", None)
        document["properties"] = {**properties, "provisioningState": state}
        user = {"By": self.emulator.client_name, "ByType": "Application"}
        document["systemData"] = {
            "createdBy": user["By"],
            "createdByType": user["ByType"],
            "createdAt": stamp(record.created),
            "lastModifiedBy": user["By"],
            "lastModifiedByType": user["ByType"],
            "lastModifiedAt": stamp(record.changed),
        }

    def drop(self, record: Record) -> None:
        self._bury(record)
        super().drop(record)

    def removed(self, record: Record) -> None:
        self._bury(record)

    def _bury(self, record: Record) -> None:
        """Keep a deleted vault until it is purged; also when its whole group is deleted."""
        if record.name.lower() in self.deleted:
            return
        moment = self.emulator.context.clock.wall()
        purge = moment + timedelta(days=record.properties["softDeleteRetentionInDays"])
        document = {
            "id": f"/subscriptions/{self.emulator.subscription_id}/providers/Microsoft.KeyVault/locations/"
            f"{record.location}/deletedVaults/{record.name}",
            "name": record.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": record.id,
                "location": record.location,
                "tags": record.tags,
                "deletionDate": stamp(moment),
                "scheduledPurgeDate": stamp(purge),
            },
        }
        if record.properties.get("enablePurgeProtection"):
            document["properties"]["purgeProtectionEnabled"] = True  # type: ignore[index]
        self.deleted[record.name.lower()] = Deleted(record, self.store.of_kind(KEYS, record.id), document)

    # -- deleted vaults -------------------------------------------------------------------------------------------

    def list_deleted(self, call: Call) -> Reply:
        """GET of all deleted vaults."""
        return call.reply(200, {"value": [item.document for item in self.deleted.values()]})

    def get_deleted(self, call: Call) -> Reply:
        """GET of one deleted vault."""
        return call.reply(200, self._deleted(call.target.names[1]).document)

    def purge(self, call: Call) -> Reply:
        """POST …/purge."""
        gone = self._deleted(call.target.names[1])
        if gone.record.properties.get("enablePurgeProtection"):
            message = 'Operation "DeletedVaultPurge" is not allowed because purge protection is enabled for this vault.'
            raise ArmError(409, "DeletedVaultPurge", message)

        def finish(operation: Operation) -> None:
            if operation.error is None:
                self.deleted.pop(gone.record.name.lower(), None)
                self.emulator.secrets.forget(gone.record.name)

        failure = self.emulator.context.take_operation_failure(call.operation)
        seconds = self.emulator.context.profile.seconds("azure.key_vault.purge")
        operation = Operation(
            verb="delete",
            title="PurgeVault",
            ends_at=call.now() + seconds,
            started_at=call.now(),
            started=self.emulator.context.clock.wall(),
            flow=VAULT,
            record=None,
            location=gone.record.location,
            api_version=call.version,
            finish=finish,
            failure=failure,
        )
        self.emulator.operations.start(operation)
        return call.reply(202, None, VAULT.headers(call, operation, None))

    def _deleted(self, name: str) -> Deleted:
        gone = self.deleted.get(name.lower())
        if gone is None:
            message = f"The specified deleted vault '{name}' does not exist."
            raise ArmError(404, "DeletedVaultNotFound", message)
        return gone


class Keys(Kind):
    """Keys as ARM shows them. A PUT on an existing key changes nothing."""

    type = KEYS
    versions = VERSIONS
    tracked = False
    has_state = False

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        return ArmError(400, "BadRequest", f"The parameter {mismatch.path} is invalid ({mismatch.problem}).")

    def put(self, call: Call) -> Reply:
        existing = self.store.get(call.target.path)
        if existing is not None:
            return call.reply(200, self.render(existing, call.version))
        return super().put(call)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent: Document = dict(body.get("properties") or {})
        kind = sent.setdefault("kty", "RSA")
        if kind.startswith("RSA"):
            sent.setdefault("keySize", 2048)
        else:
            sent.setdefault("curveName", "P-256")
        sent.setdefault("keyOps", ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"])
        created = int(self.emulator.context.clock.wall().timestamp())
        attributes = {"enabled": True, "created": created, "updated": created, "recoveryLevel": "Recoverable"}
        vault, name = call.target.names
        uri = f"https://{vault.lower()}.vault.azure.net/keys/{name}"
        properties = {
            "attributes": {**attributes, **(sent.pop("attributes", None) or {})},
            **sent,
            "keyUri": uri,
            "keyUriWithVersion": f"{uri}/{uuid.uuid4().hex}",
        }
        parent = self.store.get(call.target.parent)
        document: Document = {"location": parent.location if parent is not None else "", "properties": properties}
        if body.get("tags"):
            document["tags"] = body["tags"]
        return document

    def written(self, call: Call, record: Record, status: int) -> Reply:
        return call.reply(200, self.render(record, call.version))

    def delete(self, call: Call) -> Reply:
        raise ArmError(405, "HttpMethodNotSupported", "Keys are deleted on the data plane of the vault.")

    def missing(self, call: Call) -> ArmError:
        return ArmError(404, "KeyNotFound", f"A key with (name/id) {call.target.name} was not found in this key vault.")


def find_key(emulator: AzureEmulator, key_id: str) -> Record | None:
    """The key of a data plane URL, with or without a version."""
    pattern = (
        r"https://(?:([^./]+)\.vault\.[^/]+|[^/]+/vault/([^/]+))/keys/([^/]+)"  # Azure's own form, and this server's
    )
    match = re.match(pattern, key_id, re.IGNORECASE)
    if match is None:
        return None
    for record in emulator.store.of_kind(KEYS):
        vault = record.parent.rpartition("/")[2]
        named = match.group(1) or match.group(2)
        if vault.lower() == named.lower() and record.name.lower() == match.group(3).lower():
            return record
    return None


def _check_name(emulator: AzureEmulator, vaults: Vaults, call: Call) -> Reply:
    name = str(call.json().get("name") or "")
    taken = name.lower() in vaults.deleted or any(
        record.name.lower() == name.lower() for record in emulator.store.of_kind(VAULTS)
    )
    answer: dict[str, Any] = {"nameAvailable": not taken}
    if taken:
        answer.update(reason="AlreadyExists", message=f"The vault name '{name}' is already in use.")
    return call.reply(200, answer)


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of this module."""
    vaults = Vaults(emulator)
    emulator.add(vaults)
    emulator.add(Keys(emulator))
    add = emulator.function
    add("Microsoft.KeyVault/deletedVaults", "GET", VERSIONS, vaults.list_deleted)
    add(DELETED, "GET", VERSIONS, vaults.get_deleted)
    add(f"{DELETED}/purge", "POST", VERSIONS, vaults.purge)
    add("Microsoft.KeyVault/checkNameAvailability", "POST", VERSIONS, lambda call: _check_name(emulator, vaults, call))
