"""The data plane of key vaults, for secrets: ``<vaultUri>secrets/…`` and ``<vaultUri>deletedsecrets/…``.

A vault's ``vaultUri`` is ``<emulator>/vault/<name>/``. Ids of secrets keep the form that they have in the cloud
(``https://<name>.vault.azure.net/secrets/…``), which SDKs take apart. Deletion is soft, and access is checked by the
vault's own model: roles or access policies. Error codes are those of the service's REST reference.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..core.connection import AZURE_TENANT
from .errors import ArmError

if TYPE_CHECKING:
    from .emulator import AzureEmulator
    from .store import Record

_VAULTS = "Microsoft.KeyVault/vaults"
_NAME = re.compile(r"^[0-9A-Za-z-]{1,127}$")
_MOST = 25 * 1024  # bytes of a value
_READERS = ("Key Vault Administrator", "Key Vault Secrets Officer", "Key Vault Secrets User")
_WRITERS = ("Key Vault Administrator", "Key Vault Secrets Officer")
_LISTED = ("id", "contentType", "attributes", "tags")


@dataclass
class Secret:
    """A secret with its versions, newest last. ``ready_at`` is when a deletion or recovery is over."""

    name: str
    versions: list[dict[str, Any]] = field(default_factory=list)
    ready_at: float = 0.0
    deleted: dict[str, Any] | None = None
    purge_at: float = 0.0


class SecretError(Exception):
    """An error answer of the data plane."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.inner = status, code, message, inner

    def answer(self, headers: dict[str, str] | None = None) -> web.Response:
        """As the service writes it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner:
            error["innererror"] = {"code": self.inner}
        return web.json_response({"error": error}, status=self.status, headers=headers)


class SecretService:
    """Secrets by vault and name."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._vaults: dict[str, dict[str, Secret]] = {}

    def uri(self, vault: str) -> str:
        """The address of a vault."""
        return f"{self._emulator.context.url}/vault/{vault}/"

    def forget(self, vault: str) -> None:
        """Drop the secrets of a purged vault."""
        self._vaults.pop(vault.lower(), None)

    def handle(self, request: web.Request, content: bytes) -> web.Response:
        """Answer one request."""
        _, _, name, *rest = request.path.rstrip("/").split("/")
        try:
            claims = self._emulator.authority.authenticate(request)
        except ArmError as error:
            challenge = f'Bearer authorization="{self._emulator.context.url}/{AZURE_TENANT}", resource="https://vault.azure.net"'
            return SecretError(401, "Unauthorized", error.message).answer({"WWW-Authenticate": challenge})
        try:
            vault = self._vault(name)
            if not request.query.get("api-version"):
                raise SecretError(400, "BadParameter", "The request URI contains an invalid api-version.")
            self._expire(vault)
            return self._route(request, vault, rest, content, claims)
        except SecretError as error:
            return error.answer()

    def _vault(self, name: str) -> Record:
        for record in self._emulator.store.of_kind(_VAULTS):
            if record.name.lower() == name.lower():
                return record
        # The name of a vault that is not there, or is deleted, does not resolve in the cloud.
        raise SecretError(404, "VaultNotFound", f"The vault {name} does not exist.")

    def _route(
        self, request: web.Request, vault: Record, rest: list[str], content: bytes, claims: dict[str, Any]
    ) -> web.Response:
        method, collection, names = request.method, rest[0] if rest else "", rest[1:]
        secrets = self._vaults.setdefault(vault.name.lower(), {})
        if collection == "deletedsecrets":
            return self._route_deleted(method, vault, secrets, names, claims)
        if collection != "secrets":
            raise SecretError(404, "NotFound", "The emulated vaults hold secrets alone.")
        if not names:
            self._allow(vault, claims, "list")
            live = [item for _, item in sorted(secrets.items()) if item.deleted is None]
            return self._list([self._listed(vault, item, item.versions[-1]) for item in live])
        name, version = names[0], names[1] if len(names) > 1 else ""
        if method == "PUT" and not version:
            self._allow(vault, claims, "set")
            return web.json_response(self._set(vault, secrets, name, _body(content)))
        secret = self._live(secrets, name, {"PATCH": "set"}.get(method, method.lower()), vault, claims)
        if version == "versions":
            return self._list([self._listed(vault, secret, item, versioned=True) for item in secret.versions])
        if method == "DELETE" and not version:
            return web.json_response(self._delete(vault, secret))
        found = next((item for item in secret.versions if item["version"] == version), None)
        found = found if version else secret.versions[-1]
        if found is None:
            raise _not_found(f"{name}/{version}")
        if method == "GET":
            return self._get(vault, secret, found)
        if method == "PATCH":
            return web.json_response(self._update(vault, secret, found, _body(content)))
        raise SecretError(405, "BadParameter", f"The method {method} is not allowed here.")

    # -- access ---------------------------------------------------------------------------------------------------

    def _allow(self, vault: Record, claims: dict[str, Any], permission: str) -> None:
        from .providers.authorization import heeds

        self._check_network(vault)
        properties, who = vault.properties, str(claims["oid"])
        if properties.get("enableRbacAuthorization"):
            roles = _READERS if permission in ("get", "list") else _WRITERS
            if not heeds(self._emulator, who, vault.id, *roles):
                message = (
                    "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments "
                    "or role definitions were changed recently, please observe propagation time.\r\n"
                    f"Caller: appid={claims['appid']};oid={who}\r\nAction: 'secrets/{permission}'\r\n"
                    f"Vault: {vault.name};location={vault.location}"
                )
                raise SecretError(403, "Forbidden", message, "ForbiddenByRbac")
            return
        for policy in properties.get("accessPolicies") or []:
            granted = [item.lower() for item in (policy.get("permissions") or {}).get("secrets") or []]
            if str(policy.get("objectId")).lower() == who.lower() and {permission, "all"} & set(granted):
                return
        message = (
            f"The user, group or application 'appid={claims['appid']};oid={who}' does not have secrets {permission} "
            f"permission on key vault '{vault.name};location={vault.location}'."
        )
        raise SecretError(403, "Forbidden", message, "AccessDenied")

    def _check_network(self, vault: Record) -> None:
        """A closed vault answers over a private endpoint alone; the emulator takes its clients to be behind one."""
        if str(vault.properties.get("publicNetworkAccess")).lower() != "disabled":
            return
        if not self._emulator.store.users(vault.id, "Microsoft.Network/privateEndpoints"):
            message = (
                "Public network access is disabled and request is not from a trusted service nor via an approved "
                "private link."
            )
            raise SecretError(403, "Forbidden", message, "ForbiddenByConnection")

    # -- secrets --------------------------------------------------------------------------------------------------

    def _live(
        self, secrets: dict[str, Secret], name: str, permission: str, vault: Record, claims: dict[str, Any]
    ) -> Secret:
        self._allow(vault, claims, permission)
        secret = secrets.get(name.lower())
        if secret is None or secret.deleted is not None or secret.ready_at > self._now():
            raise _not_found(name)
        return secret

    def _set(self, vault: Record, secrets: dict[str, Secret], name: str, body: dict[str, Any]) -> dict[str, Any]:
        value = body.get("value")
        if not _NAME.match(name):
            raise SecretError(400, "BadParameter", f"The request URI contains an invalid name: {name}")
        if not isinstance(value, str) or len(value.encode()) > _MOST:
            raise SecretError(400, "BadParameter", "Property value has to be a string of at most 25600 bytes.")
        secret = secrets.get(name.lower())
        if secret is not None and secret.deleted is not None:
            message = (
                f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in "
                "this state, the secret can only be recovered or purged."
            )
            raise SecretError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        secret = secrets.setdefault(name.lower(), Secret(name))
        moment = self._seconds()
        version = {
            "version": uuid.uuid4().hex,
            "value": value,
            "attributes": {"enabled": True, **_times(body), "created": moment, "updated": moment},
            "tags": dict(body.get("tags") or {}),
        }
        if body.get("contentType"):
            version["contentType"] = body["contentType"]
        secret.versions.append(version)
        return self._shown(vault, secret, version)

    def _get(self, vault: Record, secret: Secret, version: dict[str, Any]) -> web.Response:
        if not version["attributes"]["enabled"]:
            message = "Operation get is not allowed on a disabled secret."
            raise SecretError(403, "Forbidden", message, "SecretDisabled")
        return web.json_response(self._shown(vault, secret, version))

    def _update(self, vault: Record, secret: Secret, version: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        version["attributes"] = {**version["attributes"], **_times(body), "updated": self._seconds()}
        for key in ("tags", "contentType"):
            if body.get(key) is not None:
                version[key] = body[key]
        shown = self._shown(vault, secret, version)
        del shown["value"]
        return shown

    def _delete(self, vault: Record, secret: Secret) -> dict[str, Any]:
        clock = self._emulator.context.clock
        days = int(vault.properties["softDeleteRetentionInDays"])
        secret.ready_at = self._emulator.context.ends_at("azure.key_vault.secret")
        secret.purge_at = clock.now() + timedelta(days=days).total_seconds()
        secret.deleted = {
            "recoveryId": f"https://{vault.name.lower()}.vault.azure.net/deletedsecrets/{secret.name}",
            "deletedDate": self._seconds(),
            "scheduledPurgeDate": self._seconds() + timedelta(days=days).total_seconds(),
        }
        return self._buried(vault, secret)

    def _expire(self, vault: Record) -> None:
        secrets = self._vaults.get(vault.name.lower(), {})
        for key, secret in list(secrets.items()):
            if secret.deleted is not None and secret.purge_at <= self._now():
                del secrets[key]

    # -- deleted secrets ------------------------------------------------------------------------------------------

    def _route_deleted(
        self, method: str, vault: Record, secrets: dict[str, Secret], names: list[str], claims: dict[str, Any]
    ) -> web.Response:
        gone = {key: item for key, item in secrets.items() if item.deleted and item.ready_at <= self._now()}
        if not names:
            self._allow(vault, claims, "list")
            return self._list([self._buried(vault, item) for _, item in sorted(gone.items())])
        recovering = method == "POST" and names[1:] == ["recover"]
        permission = "recover" if recovering else {"GET": "get", "DELETE": "purge"}.get(method, "")
        self._allow(vault, claims, permission)
        secret = gone.get(names[0].lower())
        if secret is None:
            raise _not_found(names[0])
        if recovering:
            secret.deleted = None
            secret.ready_at = self._emulator.context.ends_at("azure.key_vault.secret")
            shown = self._shown(vault, secret, secret.versions[-1])
            del shown["value"]
            return web.json_response(shown)
        if method == "GET":
            return web.json_response(self._buried(vault, secret))
        if method == "DELETE":
            if vault.properties.get("enablePurgeProtection"):
                message = 'Operation "purge" is not allowed because purge protection is enabled for this vault.'
                raise SecretError(403, "Forbidden", message, "ForbiddenByPolicy")
            del secrets[names[0].lower()]
            return web.Response(status=204)
        raise SecretError(405, "BadParameter", f"The method {method} is not allowed here.")

    # -- documents ------------------------------------------------------------------------------------------------

    def _shown(self, vault: Record, secret: Secret, version: dict[str, Any]) -> dict[str, Any]:
        protected = bool(vault.properties.get("enablePurgeProtection"))
        attributes = {
            **version["attributes"],
            "recoveryLevel": "Recoverable" if protected else "Recoverable+Purgeable",
            "recoverableDays": vault.properties["softDeleteRetentionInDays"],
        }
        rest = {key: item for key, item in version.items() if key != "version"}
        return {**rest, "id": f"{self._id(vault, secret)}/{version['version']}", "attributes": attributes}

    def _listed(
        self, vault: Record, secret: Secret, version: dict[str, Any], versioned: bool = False
    ) -> dict[str, Any]:
        shown = self._shown(vault, secret, version)
        if not versioned:
            shown["id"] = self._id(vault, secret)
        return {key: shown[key] for key in _LISTED if key in shown}

    def _buried(self, vault: Record, secret: Secret) -> dict[str, Any]:
        return {**self._listed(vault, secret, secret.versions[-1], versioned=True), **(secret.deleted or {})}

    def _list(self, items: list[dict[str, Any]]) -> web.Response:
        return web.json_response({"value": items, "nextLink": None})

    def _id(self, vault: Record, secret: Secret) -> str:
        return f"https://{vault.name.lower()}.vault.azure.net/secrets/{secret.name}"

    def _now(self) -> float:
        return self._emulator.context.clock.now()

    def _seconds(self) -> int:
        return int(self._emulator.context.clock.wall().timestamp())


def _times(body: dict[str, Any]) -> dict[str, Any]:
    sent = body.get("attributes") or {}
    return {key: sent[key] for key in ("enabled", "nbf", "exp") if sent.get(key) is not None}


def _body(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SecretError(400, "BadParameter", "The request body is no valid JSON object.")
    return found


def _not_found(name: str) -> SecretError:
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may "
        "be able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return SecretError(404, "SecretNotFound", message)
