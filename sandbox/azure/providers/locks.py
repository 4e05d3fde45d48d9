"""Microsoft.Authorization/locks: what is locked, and all below it, cannot be deleted by a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..call import Call, Reply
from ..errors import ArmError
from ..store import Document, Record
from .authorization import AuthorizationKind

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

LOCKS = "Microsoft.Authorization/locks"
VERSIONS = ("2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01")
_MARK = "/providers/microsoft.authorization/locks/"


class Locks(AuthorizationKind):
    """Management locks at any scope."""

    type = LOCKS
    versions = VERSIONS

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        self.require_scope(call)
        properties = body.get("properties") or {}
        level = str(properties.get("level") or "")
        if level not in ("CanNotDelete", "ReadOnly"):
            message = f"The lock level '{level}' is not valid. The valid levels are 'CanNotDelete,ReadOnly'."
            raise ArmError(400, "InvalidLockLevel", message)
        return {"properties": {key: value for key, value in properties.items() if value is not None}}

    def render(self, record: Record, version: str) -> Document:
        return {
            "properties": dict(record.properties),
            "id": record.id,
            "type": self.type,
            "name": record.name,
        }

    def written(self, call: Call, record: Record, status: int) -> Reply:
        return call.reply(status, self.render(record, call.version))

    def deleted_status(self, call: Call, record: Record) -> Reply:
        return call.reply(200, None)

    def missing(self, call: Call) -> ArmError:
        return ArmError(404, "LockNotFound", f"The lock '{call.target.name}' could not be found.")


def check(emulator: AzureEmulator, path: str, *, deleting: bool) -> None:
    """ArmError 409 when a lock on the path, above it or (for a deletion) below it forbids the request."""
    target = path.lower().rstrip("/")
    if _MARK in target:
        return
    locked = []
    for record in emulator.store.of_kind(LOCKS):
        scope = record.id[: record.id.lower().index(_MARK)]
        if not deleting and record.properties.get("level") != "ReadOnly":
            continue
        above = f"{target}/".startswith(scope.lower() + "/")
        below = deleting and scope.lower().startswith(target + "/")
        if above or below:
            locked.append(scope)
    if locked:
        verb = "delete" if deleting else "write"
        message = (
            f"The scope '{path}' cannot perform {verb} operation because following scope(s) are locked: "
            f"'{','.join(locked)}'. Please remove the lock and try again."
        )
        raise ArmError(409, "ScopeLocked", message)


def install(emulator: AzureEmulator) -> None:
    """Add the type."""
    emulator.add(Locks(emulator))
