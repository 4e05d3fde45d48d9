"""Microsoft.ManagedIdentity: user-assigned identities and their federated credentials. Everything is synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.connection import AZURE_TENANT
from .. import schema
from ..armid import small_group
from ..call import Call, Reply
from ..errors import ArmError
from ..kind import Kind
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31", "2023-07-31-preview", "2024-11-30")
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
CREDENTIALS = IDENTITIES + "/federatedIdentityCredentials"
_MOST_CREDENTIALS = 20


class IdentityKind(Kind):
    """Rules of the provider. Its ids write ``resourcegroups`` in small letters."""

    versions = VERSIONS
    has_state = False

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        message = f"The request format was unexpected: '{mismatch.path}' ({mismatch.problem})."
        return ArmError(400, "BadRequest", message)

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        shown["id"] = small_group(record.id)
        return shown

    def written(self, call: Call, record: Record, status: int) -> Reply:
        headers = {"Location": small_group(record.id)} if status == 201 else {}
        return call.reply(status, self.render(record, call.version), headers)


class Identities(IdentityKind):
    """User-assigned identities; each is a service principal of the directory."""

    type = IDENTITIES

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        if previous is not None:
            identity = previous.properties
        else:
            principal = self.emulator.directory.add(call.target.name)
            identity = {
                "tenantId": AZURE_TENANT,
                "principalId": principal.object_id,
                "clientId": principal.client_id,
            }
        # Tags that a PUT leaves out are gone.
        return {"location": body["location"], "tags": body.get("tags") or {}, "properties": identity}

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return {**previous.document, "tags": body.get("tags", previous.document["tags"])}

    def removed(self, record: Record) -> None:
        self.emulator.directory.remove(record.properties["principalId"])


class Credentials(IdentityKind):
    """Federated credentials; only one may be written at a time per identity."""

    type = CREDENTIALS
    tracked = False

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self._writing: dict[str, float] = {}  # identity -> until when its last write goes on

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        identity = self.store.get(call.target.parent)
        assert identity is not None  # noqa: S101 - checked before
        self._claim(identity)
        properties: Document = body.get("properties") or {}
        others = [item for item in self.store.of_kind(CREDENTIALS, identity.id) if item is not previous]
        if len(others) >= _MOST_CREDENTIALS:
            message = f"Too many Federated Identity Credentials: at most {_MOST_CREDENTIALS} per managed identity."
            raise ArmError(400, "BadRequest", message)
        for other in others:
            if all(other.properties[key] == properties[key] for key in ("issuer", "subject")):
                message = (
                    f"Issuer and subject combination already exists for this Managed Identity: issuer "
                    f"'{properties['issuer']}', subject '{properties['subject']}'."
                )
                raise ArmError(409, "Conflict", message)
        return {"properties": properties}

    def delete(self, call: Call) -> Reply:
        identity = self.store.get(call.target.parent)
        if identity is not None and self.store.get(call.target.path) is not None:
            self._claim(identity)
        return super().delete(call)

    def _claim(self, identity: Record) -> None:
        clock, profile = self.emulator.context.clock, self.emulator.context.profile
        if self._writing.get(identity.key, 0.0) > clock.now():
            message = (
                "Too many Federated Identity Credentials are written concurrently for the managed identity "
                f"'{identity.id.lower()}'. Concurrent Federated Identity Credentials writes under the same managed "
                "identity are not supported."
            )
            raise ArmError(409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", message)
        self._writing[identity.key] = clock.now() + profile.seconds("azure.federated_credential.write")

    def missing(self, call: Call) -> ArmError:
        return ArmError(404, "NotFound", f"Resource '{small_group(call.target.path)}' was not found.")


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(Identities(emulator))
    emulator.add(Credentials(emulator))
