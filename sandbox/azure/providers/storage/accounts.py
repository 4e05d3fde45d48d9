"""Storage accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ....core.connection import AZURE_TENANT
from ... import armid
from ...call import Call, Reply
from ...documents import merged
from ...errors import ArmError
from ...flows import STORAGE, stamp
from ...regions import REGIONS
from ...signatures import KEYS, account_key
from ...store import Document, Record
from ..authorization import allows
from ..keyvault import find_key
from .base import ACCOUNTS, VERSIONS, StorageKind

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_NAME = re.compile(r"^[a-z0-9]{3,24}$")
_FOREIGN = {"storage", "test", "data", "backup", "mystorageaccount", "terraformstate"}  # taken by other subscriptions
_FIXED = ("isHnsEnabled", "isNfsV3Enabled", "dnsEndpointType")
_SERVICE_S_OWN = (
    *("provisioningState", "keyCreationTime", "creationTime", "privateEndpointConnections", "primaryEndpoints"),
    *("primaryLocation", "statusOfPrimary", "secondaryLocation", "statusOfSecondary", "secondaryEndpoints"),
)
_ACCOUNT_LIMIT = 250


class StorageAccounts(StorageKind):
    """Storage accounts: creation is long-running, everything else is synchronous."""

    type = ACCOUNTS
    flow = STORAGE
    duration = "azure.storage_account"
    ignored = tuple(f"properties.{name}" for name in _SERVICE_S_OWN)
    since = {"allowCrossTenantDelegationSas": "2025-06-01"}

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        emulator.context.quotas.declare({"storage.StorageAccounts": float(_ACCOUNT_LIMIT)})
        self.actions = {"listkeys": self._keys, "regeneratekey": self._keys}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        if previous is None:
            self._check_name(call)
            self._check_quota(body["location"])
        return self._document(call, body, previous)

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        whole = {
            "location": previous.location,
            "kind": previous.document["kind"],
            "sku": previous.document["sku"],
            **body,
        }
        return self._document(call, whole, previous)

    def _document(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent: Document = body.get("properties") or {}
        old: Document = previous.document if previous is not None else {}
        before: Document = old.get("properties") or {}
        kind, sku = body["kind"], body["sku"]["name"]
        self._check_change(previous, body, sent)
        if kind == "BlobStorage" and not (sent.get("accessTier") or before.get("accessTier")):
            message = "Account property accessTier is required for the request."
            raise ArmError(400, "AccountPropertyIsRequired", message)
        moment = stamp(self.emulator.context.clock.wall())
        fresh: Document = {
            "allowCrossTenantDelegationSas": False,
            "keyCreationTime": {"key1": moment, "key2": moment},
            "allowCrossTenantReplication": False,
            "privateEndpointConnections": [],
            "minimumTlsVersion": "TLS1_2",
            "allowBlobPublicAccess": False,
            "networkAcls": {
                "ipv6Rules": [],
                "bypass": "AzureServices",
                "virtualNetworkRules": [],
                "ipRules": [],
                "defaultAction": "Allow",
            },
            "supportsHttpsTrafficOnly": True,
            "encryption": {"services": _services(moment), "keySource": "Microsoft.Storage"},
            "accessTier": "Hot",
            "creationTime": moment,
            "primaryEndpoints": self._endpoints(call.target.name, kind),
            "primaryLocation": body["location"],
            "statusOfPrimary": "available",
        }
        base = before or fresh
        properties = merged(base, sent)
        if "networkAcls" in sent:
            properties["networkAcls"] = self._rules(call, merged(fresh["networkAcls"], sent["networkAcls"]))
        if "GRS" in sku or "GZRS" in sku:
            properties["secondaryLocation"] = REGIONS[body["location"]].pair
            properties["statusOfSecondary"] = "available"
        if kind.startswith("BlockBlob"):
            properties.pop("accessTier", None)
        document: Document = {
            "sku": {"name": sku, "tier": sku.partition("_")[0]},
            "kind": kind,
            "location": body["location"],
            "tags": body["tags"] if body.get("tags") is not None else old.get("tags") or {},
            "properties": properties,
        }
        identity = self._identity(call, body.get("identity"), old.get("identity"))
        if identity is not None:
            document["identity"] = identity
        for key in ("zones", "extendedLocation"):
            if body.get(key):
                document[key] = body[key]
        self._check_encryption(document, moment)
        return document

    def _check_name(self, call: Call) -> None:
        name = call.target.name
        if not _NAME.match(name):
            raise ArmError(400, "AccountNameInvalid", _invalid_name(name))
        for record in self.store.of_kind(ACCOUNTS):
            if record.name == name:
                message = f"The account {name} is already in another resource group in this subscription."
                raise ArmError(409, "StorageAccountInAnotherResourceGroup", message)
        if name in _FOREIGN:
            raise ArmError(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")

    def _check_quota(self, location: str) -> None:
        limit = int(self.emulator.context.quotas.get("storage.StorageAccounts"))
        used = sum(1 for record in self.store.of_kind(ACCOUNTS) if record.location == location)
        if used >= limit:
            message = (
                f"Subscription {self.emulator.subscription_id} already contains {used} storage accounts in location "
                f"{location} and the maximum allowed is {limit}."
            )
            raise ArmError(409, "MaxStorageAccountsCountPerSubscriptionExceeded", message)

    def _check_change(self, previous: Record | None, body: Document, sent: Document) -> None:
        if previous is None:
            return
        old, new = previous.document["kind"], body["kind"]
        if old != new and not (new == "StorageV2" and old in ("Storage", "BlobStorage")):
            message = "The property 'kind' was specified in the input, but it cannot be updated."
            raise ArmError(409, "StorageAccountPropertyCannotBeUpdated", message)
        for key in _FIXED:
            if key in sent and sent[key] != previous.properties.get(key, False):
                message = (
                    f"The property '{key}' was specified in the input, but it cannot be updated as it is read-only."
                )
                raise ArmError(409, "StorageAccountPropertyCannotBeUpdated", message)
        if sent.get("encryption", {}).get("requireInfrastructureEncryption"):
            kept = previous.properties["encryption"].get("requireInfrastructureEncryption")
            if not kept:
                message = "Infrastructure encryption can be set when the account is created only."
                raise ArmError(400, "RequireInfrastructureEncryptionCannotBeUpdated", message)

    def _rules(self, call: Call, acls: Document) -> Document:
        rules = []
        for rule in acls.get("virtualNetworkRules") or []:
            subnet = self.store.get(str(rule.get("id") or ""))
            endpoints = (
                [item["service"] for item in (subnet.properties.get("serviceEndpoints") or [])] if subnet else []
            )
            if not any(service.lower().startswith("microsoft.storage") for service in endpoints):
                message = (
                    "Validation of network acls failure: SubnetsHaveNoServiceEndpointsConfigured:Subnets "
                    f"{str(rule.get('id') or '').rpartition('/')[2]} of virtual network do not have "
                    "ServiceEndpoints for "
                    "Microsoft.Storage resources configured. Add Microsoft.Storage to subnet's ServiceEndpoints "
                    "collection before trying to ACL Microsoft.Storage resources to these subnets.."
                )
                raise ArmError(400, "NetworkAclsValidationFailure", message)
            rules.append({"id": rule["id"], "action": rule.get("action", "Allow"), "state": "Succeeded"})
        addresses = [
            {"value": rule["value"], "action": rule.get("action", "Allow")} for rule in acls.get("ipRules") or []
        ]
        return {**acls, "virtualNetworkRules": rules, "ipRules": addresses}

    def _identity(self, call: Call, sent: Document | None, old: Document | None) -> Document | None:
        if not sent:
            return old
        kind = sent.get("type") or "None"
        if kind == "None":
            return None
        result: Document = {"type": kind}
        if "SystemAssigned" in kind:
            kept = (old or {}).get("principalId")
            result["principalId"] = kept or self.emulator.directory.add(call.target.name).object_id
            result["tenantId"] = AZURE_TENANT
        wanted = dict.fromkeys(sent.get("userAssignedIdentities") or {})
        if "UserAssigned" in kind:
            result["userAssignedIdentities"] = {}
            for identity_id in wanted:
                found = self.store.get(identity_id)
                if found is None:
                    message = f"The identity '{identity_id}' of the request is not found."
                    raise ArmError(400, "FailedIdentityOperation", message)
                result["userAssignedIdentities"][identity_id] = {
                    "principalId": found.properties["principalId"],
                    "clientId": found.properties["clientId"],
                }
        return result

    def _check_encryption(self, document: Document, moment: str) -> None:
        encryption = document["properties"]["encryption"]
        encryption["services"] = {
            name: {"keyType": "Account", "enabled": True, "lastEnabledTime": moment, **(value or {})}
            for name, value in {**_services(moment), **(encryption.get("services") or {})}.items()
        }
        if encryption.get("keySource") != "Microsoft.Keyvault":
            encryption.pop("keyvaultproperties", None)
            return
        wanted = encryption.get("keyvaultproperties") or {}
        uri = f"{str(wanted.get('keyvaulturi') or '').rstrip('/')}/keys/{wanted.get('keyname')}"
        key = find_key(self.emulator, uri)
        if key is None:
            message = f"The operation failed because of authentication issue on the keyvault: key {uri} is not found."
            raise ArmError(400, "KeyVaultAuthenticationFailure", message)
        vault = self.store.get(key.parent)
        assert vault is not None  # noqa: S101
        if not vault.properties.get("enablePurgeProtection"):
            message = "The operation failed because of key vault policy: purge protection is not enabled."
            raise ArmError(400, "KeyVaultPolicyError", message)
        principal = self._key_principal(document, encryption)
        granted = allows(
            self.emulator, principal, key.id, "Key Vault Crypto Service Encryption User", "Key Vault Administrator"
        )
        in_policy = any(
            entry.get("objectId", "").lower() == principal.lower()
            for entry in vault.properties.get("accessPolicies") or []
        )
        if not (granted if vault.properties.get("enableRbacAuthorization") else in_policy):
            message = (
                "The operation failed because of authentication issue on the keyvault. For more information, see - "
                "https://aka.ms/storagekeyvaultaccesspolicy"
            )
            raise ArmError(400, "KeyVaultAuthenticationFailure", message)
        wanted["currentVersionedKeyIdentifier"] = key.properties["keyUriWithVersion"]
        wanted["lastKeyRotationTimestamp"] = moment

    def _key_principal(self, document: Document, encryption: Document) -> str:
        chosen = (encryption.get("identity") or {}).get("userAssignedIdentity")
        identity = document.get("identity") or {}
        for identity_id, values in (identity.get("userAssignedIdentities") or {}).items():
            if chosen and armid.same(identity_id, chosen):
                return str(values["principalId"])
        return str(identity.get("principalId") or "")

    def _endpoints(self, name: str, kind: str) -> Document:
        # The blob endpoint is the emulator's own, as it is that of another cloud on another cloud.
        endpoints = {
            "dfs": f"https://{name}.dfs.core.windows.net/",
            "blob": f"{self.emulator.context.url}/blob/{name}/",
            "table": f"https://{name}.table.core.windows.net/",
        }
        if kind == "StorageV2":
            endpoints["web"] = f"https://{name}.z6.web.core.windows.net/"
            endpoints["queue"] = f"https://{name}.queue.core.windows.net/"
            endpoints["file"] = f"https://{name}.file.core.windows.net/"
        return endpoints

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy:
            message = "An operation is currently performing on this storage account that requires exclusive access."
            raise ArmError(409, "StorageAccountOperationInProgress", message)

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        if before is not None:
            if failure is not None:
                raise self.emulator.failed(failure)
            record.state = "Succeeded"
            return call.reply(200, self.render(record, call.version))
        reply = super().accept(call, record, before, failure)
        headers = {name: reply.headers[name] for name in ("Location", "Retry-After") if name in reply.headers}
        return call.reply(202, None, headers)

    def start_delete(self, call: Call, record: Record) -> Reply:
        failure = self.emulator.context.take_operation_failure(call.operation)
        if failure is not None:
            raise self.emulator.failed(failure)
        self.drop(record)
        return call.reply(200, None)

    def check_delete(self, call: Call, record: Record) -> None:
        for policy in self.store.of_kind("Microsoft.Storage/storageAccounts/blobServices/containers", record.id):
            if policy.private.get("immutability", {}).get("state") == "Locked":
                message = (
                    f"The storage account {record.name} cannot be deleted: container {policy.name} has a locked "
                    "immutability policy."
                )
                raise ArmError(409, "OperationNotPermitted", message)

    def removed(self, record: Record) -> None:
        self.emulator.blobs.forget(record.name)
        principal = (record.document.get("identity") or {}).get("principalId")
        if principal:
            self.emulator.directory.remove(principal)

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        head: Document = {key: shown.pop(key) for key in ("identity", "sku", "kind") if key in shown}
        return {**head, **shown}

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        if version < "2025-06-01":
            properties["networkAcls"] = {
                key: value for key, value in properties["networkAcls"].items() if key != "ipv6Rules"
            }
        endpoints = self.store.users(record.id, "Microsoft.Network/privateEndpoints")
        properties["privateEndpointConnections"] = [
            {
                "id": f"{record.id}/privateEndpointConnections/{record.name}.{endpoint.name}",
                "name": f"{record.name}.{endpoint.name}",
                "type": f"{ACCOUNTS}/privateEndpointConnections",
                "properties": {
                    "provisioningState": "Succeeded",
                    "privateEndpoint": {"id": endpoint.id},
                    "privateLinkServiceConnectionState": {"status": "Approved", "description": "Auto-Approved"},
                },
            }
            for endpoint in endpoints
            if endpoint.state == "Succeeded"
        ]

    def _keys(self, call: Call, record: Record) -> Reply:
        if record.properties.get("allowSharedKeyAccess") is False and call.target.path.endswith("regenerateKey"):
            raise ArmError(409, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted.")
        created = record.properties["keyCreationTime"]
        keys = [
            {
                "creationTime": created[name],
                "keyName": name,
                "value": account_key(record, name),
                "permissions": "FULL",
            }
            for name in KEYS
        ]
        return call.reply(200, {"keys": keys})


def _services(moment: str) -> Document:
    entry = {"keyType": "Account", "enabled": True, "lastEnabledTime": moment}
    return {"file": dict(entry), "blob": dict(entry)}


def _invalid_name(name: str) -> str:
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 "
        "characters in length "
        "and use numbers and lower-case letters only."
    )


def _check_name(emulator: AzureEmulator, call: Call) -> Reply:
    name = str(call.json().get("name") or "")
    if not _NAME.match(name):
        answer = {"nameAvailable": False, "reason": "AccountNameInvalid", "message": _invalid_name(name)}
    elif name in _FOREIGN or any(record.name == name for record in emulator.store.of_kind(ACCOUNTS)):
        message = f"The storage account named {name} is already taken."
        answer = {"nameAvailable": False, "reason": "AlreadyExists", "message": message}
    else:
        answer = {"nameAvailable": True}
    return call.reply(200, answer)


def _usages(emulator: AzureEmulator, call: Call) -> Reply:
    location = call.target.names[0].lower()
    usage = {
        "unit": "Count",
        "currentValue": sum(1 for record in emulator.store.of_kind(ACCOUNTS) if record.location == location),
        "limit": int(emulator.context.quotas.get("storage.StorageAccounts")),
        "name": {"value": "StorageAccounts", "localizedValue": "Storage Accounts"},
    }
    return call.reply(200, {"value": [usage]})


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of this module."""
    emulator.add(StorageAccounts(emulator))
    emulator.function(
        "Microsoft.Storage/checkNameAvailability", "POST", VERSIONS, lambda call: _check_name(emulator, call)
    )
    emulator.function("Microsoft.Storage/locations/usages", "GET", VERSIONS, lambda call: _usages(emulator, call))
