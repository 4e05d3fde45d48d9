"""Microsoft.Authorization: role assignments and role definitions at any scope. Everything is synchronous."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from .. import armid, schema
from ..call import Call, Reply
from ..errors import ArmError
from ..flows import stamp
from ..identity import CLIENT_OBJECT
from ..kind import Kind
from ..models import MODELS
from ..store import Document, Record
from .roles import BUILT_IN, document

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2020-10-01-preview", "2022-04-01")
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
_CLUSTERS = "Microsoft.ContainerService/managedClusters"
_VAULTS = "Microsoft.KeyVault/vaults"
_EQUALS = re.compile(r"(\w+)(?:\(\))?\s+eq\s+'([^']*)'|(\w+)\(\s*(?:'([^']*)')?\s*\)")


class AuthorizationKind(Kind):
    """Extension resources of any scope."""

    versions: ClassVar[tuple[str, ...]] = VERSIONS
    tracked = False
    extension = True
    has_state = False

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        message = "The request was incorrectly formatted."
        if mismatch.problem != "required":
            message = f"The request content was invalid at '{mismatch.path}' ({mismatch.problem})."
        return ArmError(400, "BadRequestFormat", message)

    def require_scope(self, call: Call) -> str:
        """The scope, in the case of the resource that it names; 404 when there is none."""
        scope = call.target.scope
        call.emulator.require_group(call.target)
        if call.target.group:
            found = self.store.get(scope)
            cluster = self.store.get(scope.lower().partition("/namespaces/")[0])
            if found is None and cluster is not None and cluster.kind.type == _CLUSTERS:
                return scope  # a namespace inside of a cluster; ARM does not ask whether it exists
            head, _, secret = scope.lower().rpartition("/secrets/")
            vault = self.store.get(head) if head and "/" not in secret else None
            if found is None and vault is not None and vault.kind.type == _VAULTS:
                return scope  # a secret inside of a vault, which is data and no resource
            if found is None:
                target = armid.parse(scope)
                message = (
                    f"The Resource '{target.kind}/{'/'.join(target.names)}' under resource group '{target.group}' was "
                    "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
                )
                raise ArmError(404, "ResourceNotFound", message)
            return found.id
        return scope

    def render(self, record: Record, version: str) -> Document:
        properties = {"createdBy": CLIENT_OBJECT, **record.properties}
        return {"properties": properties, "id": record.id, "type": self.type, "name": record.name}

    def written(self, call: Call, record: Record, status: int) -> Reply:
        shown = self.render(record, call.version)
        if status == 201:
            shown["properties"]["createdBy"] = None  # as recorded: known on reading only
        return call.reply(status, shown)

    def deleted_status(self, call: Call, record: Record) -> Reply:
        return call.reply(200, self.render(record, call.version))


class RoleAssignments(AuthorizationKind):
    """Role assignments."""

    type = ASSIGNMENTS

    def put(self, call: Call) -> Reply:
        body = self.read_body(call, MODELS[self.type][0])
        scope = self.require_scope(call)
        properties: Document = body.get("properties") or {}
        for name in ("roleDefinitionId", "principalId"):
            if not properties.get(name):
                raise ArmError(400, "BadRequestFormat", "The request was incorrectly formatted.")
        try:
            uuid.UUID(call.target.name)
        except ValueError:
            message = (
                f"The role assignment ID '{call.target.name}' is not valid. The role assignment ID must be a GUID."
            )
            raise ArmError(400, "InvalidRoleAssignmentId", message) from None
        previous = self.store.get(call.target.path)
        self._check_role(properties["roleDefinitionId"])
        self._check_principal(properties)
        self._check_duplicate(call, scope, properties, previous)
        return self._write(call, self._document(scope, properties, previous), previous)

    def _document(self, scope: str, properties: Document, previous: Record | None) -> Document:
        moment = stamp(self.emulator.context.clock.wall())
        created = previous.properties["createdOn"] if previous is not None else moment
        return {
            "properties": {
                "roleDefinitionId": properties["roleDefinitionId"],
                "principalId": properties["principalId"],
                "principalType": properties.get("principalType", "ServicePrincipal"),
                "scope": scope,
                "condition": properties.get("condition"),
                "conditionVersion": properties.get("conditionVersion"),
                "createdOn": created,
                "updatedOn": moment,
                "updatedBy": CLIENT_OBJECT,
                "delegatedManagedIdentityResourceId": properties.get("delegatedManagedIdentityResourceId"),
                "description": properties.get("description"),
            }
        }

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        if previous is None:
            record.private["heeded_at"] = self.emulator.context.ends_at("azure.role.propagate")

    def _check_role(self, role_id: str) -> None:
        name = role_id.rpartition("/")[2].lower()
        custom = any(record.name.lower() == name for record in self.store.of_kind(DEFINITIONS))
        if not custom and all(role.id != name for role in BUILT_IN):
            message = f"The specified role definition with ID '{name.replace('-', '')}' does not exist."
            raise ArmError(404, "RoleDefinitionDoesNotExist", message)

    def _check_principal(self, properties: Document) -> None:
        principal = properties["principalId"]
        directory = self.emulator.directory
        # With a principalType the service does not wait for the directory to have replicated.
        found = directory.exists(principal) if properties.get("principalType") else directory.replicated(principal)
        if not found:
            message = (
                f"Principal {principal.replace('-', '')} does not exist in the directory "
                f"{self.emulator.tenant_id}. Check that you have the correct principal ID. If you are creating this "
                "principal and then immediately assigning a role, this error might be related to a replication delay. "
                "In this case, set the role assignment principalType property to a value, such as ServicePrincipal, "
                "User, or Group.  See https://aka.ms/docs-principaltype"
            )
            raise ArmError(400, "PrincipalNotFound", message)

    def _check_duplicate(self, call: Call, scope: str, properties: Document, previous: Record | None) -> None:
        wanted = _grant(scope, properties)
        if previous is not None:
            if _grant(scope, previous.properties) != wanted:
                message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
                raise ArmError(409, "RoleAssignmentUpdateNotPermitted", message)
            return
        for record in self.store.of_kind(ASSIGNMENTS):
            if _grant(record.properties["scope"], record.properties) == wanted:
                message = (
                    "The role assignment already exists. The ID of the existing role assignment is "
                    f"{record.name.replace('-', '')}."
                )
                raise ArmError(409, "RoleAssignmentExists", message)
            if record.name.lower() == call.target.name.lower():
                message = f"A role assignment with the ID '{record.name}' exists already at another scope."
                raise ArmError(409, "RoleAssignmentExists", message)

    def collection(self, call: Call) -> Reply:
        """Assignments at the scope, above it (inherited) and, unless ``atScope()`` is asked for, below it."""
        scope = self.require_scope(call).lower().rstrip("/")
        filters = _filters(call.query.get("$filter", ""))
        found = []
        for record in self.store.of_kind(ASSIGNMENTS):
            where = record.properties["scope"].lower()
            above = scope == where or scope.startswith(where.rstrip("/") + "/")
            below = where.startswith(scope + "/") and "atscope" not in filters
            principal = filters.get("principalid") or filters.get("assignedto")
            if (above or below) and (not principal or record.properties["principalId"].lower() == principal.lower()):
                found.append(self.render(record, call.version))
        return call.reply(200, {"value": found})

    def missing(self, call: Call) -> ArmError:
        name = call.target.name
        return ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")


class RoleDefinitions(AuthorizationKind):
    """Built-in roles, and roles of the tenant's own."""

    type = DEFINITIONS

    def get(self, call: Call) -> Reply:
        name = call.target.name.lower()
        for role in BUILT_IN:
            if role.id == name:
                return call.reply(200, document(role, self.emulator.subscription_id))
        for record in self.store.of_kind(DEFINITIONS):
            if record.name.lower() == name:
                return call.reply(200, self.render(record, call.version))
        raise self.missing(call)

    def collection(self, call: Call) -> Reply:
        filters = _filters(call.query.get("$filter", ""))
        found: list[Any] = [document(role, self.emulator.subscription_id) for role in BUILT_IN]
        found += [self.render(record, call.version) for record in self.store.of_kind(DEFINITIONS)]
        for key, field in (("rolename", "roleName"), ("type", "type")):
            if key in filters:
                found = [role for role in found if role["properties"][field].lower() == filters[key].lower()]
        return call.reply(200, {"value": found})

    def put(self, call: Call) -> Reply:
        body = self.read_body(call, MODELS[self.type][0])
        self.require_scope(call)
        previous = self._custom(call)
        properties: Document = body.get("properties") or {}
        moment = stamp(self.emulator.context.clock.wall())
        parts = ("actions", "notActions", "dataActions", "notDataActions")
        permissions = [{part: item.get(part) or [] for part in parts} for item in properties.get("permissions") or []]
        new = {
            "properties": {
                "roleName": properties.get("roleName"),
                "type": "CustomRole",
                "description": properties.get("description"),
                "assignableScopes": properties.get("assignableScopes") or [call.target.scope],
                "permissions": permissions,
                "createdOn": previous.properties["createdOn"] if previous is not None else moment,
                "updatedOn": moment,
                "updatedBy": CLIENT_OBJECT,
            }
        }
        return self._write(call, new, previous)

    def new_record(self, call: Call, document: Document) -> Record:
        # Role definitions live at the subscription, whatever scope they were written at.
        path = f"/subscriptions/{self.emulator.subscription_id}/providers/{DEFINITIONS}/{call.target.name}"
        return self.make(path, call.target.name, "", document)

    def delete(self, call: Call) -> Reply:
        record = self._custom(call)
        if record is None:
            return call.reply(204, None)
        users = [
            item
            for item in self.store.of_kind(ASSIGNMENTS)
            if item.properties["roleDefinitionId"].lower().endswith(record.name.lower())
        ]
        if users:
            message = "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)."
            raise ArmError(400, "RoleDefinitionHasAssignments", message)
        return self.start_delete(call, record)

    def _custom(self, call: Call) -> Record | None:
        name = call.target.name.lower()
        return next((item for item in self.store.of_kind(DEFINITIONS) if item.name.lower() == name), None)

    def missing(self, call: Call) -> ArmError:
        name = call.target.name
        message = f"The specified role definition with ID '{name}' does not exist."
        return ArmError(404, "RoleDefinitionDoesNotExist", message)


def _grant(scope: str, properties: Document) -> tuple[str, str, str]:
    role = properties["roleDefinitionId"].rpartition("/")[2]
    return scope.lower().rstrip("/"), properties["principalId"].lower(), role.lower()


def _filters(text: str) -> dict[str, str]:
    found = {}
    for name, value, function, argument in _EQUALS.findall(text):
        found[(name or function).lower()] = value or argument
    return found


def allows(emulator: AzureEmulator, principal: str, scope: str, *role_names: str) -> bool:
    """Whether a principal holds one of the roles (or Contributor, Owner) at a scope or above it."""
    return holds(emulator, principal, scope, *role_names, "Owner", "Contributor")


def holds(
    emulator: AzureEmulator, principal: str, scope: str, *role_names: str, without: Sequence[Record] = ()
) -> bool:
    """Whether a principal holds one of exactly these roles at a scope or above it (actions on data)."""
    wanted = {role.id for role in BUILT_IN if role.name in role_names}
    for record in emulator.store.of_kind(ASSIGNMENTS):
        where = record.properties["scope"].lower()
        if record in without or record.properties["principalId"].lower() != principal.lower():
            continue
        if record.properties["roleDefinitionId"].rpartition("/")[2].lower() not in wanted:
            continue
        if scope.lower() == where or scope.lower().startswith(where.rstrip("/") + "/"):
            return True
    return False


def heeds(emulator: AzureEmulator, principal: str, scope: str, *role_names: str) -> bool:
    """As `holds`, but a data plane hears of a new assignment after a while (Azure RBAC, "Troubleshoot": up to ten
    minutes)."""
    now = emulator.context.clock.now()
    late = [record for record in emulator.store.of_kind(ASSIGNMENTS) if record.private.get("heeded_at", 0.0) > now]
    return holds(emulator, principal, scope, *role_names, without=late)


def permits(emulator: AzureEmulator, principals: Collection[str], scope: str, data_action: str) -> bool:
    """Whether the roles of the principals at a scope or above it allow an action on data; custom roles count.

    New assignments are heard of after a while, as in `heeds`.
    """
    wanted = {principal.lower() for principal in principals}
    now, where = emulator.context.clock.now(), scope.lower()
    for record in emulator.store.of_kind(ASSIGNMENTS):
        properties = record.properties
        held = properties["scope"].lower()
        if properties["principalId"].lower() not in wanted or record.private.get("heeded_at", 0.0) > now:
            continue
        if where != held and not where.startswith(held.rstrip("/") + "/"):
            continue
        for allowed, excepted in _data_actions(emulator, properties["roleDefinitionId"]):
            if _names(allowed, data_action) and not _names(excepted, data_action):
                return True
    return False


def _data_actions(emulator: AzureEmulator, role_id: str) -> list[tuple[Sequence[str], Sequence[str]]]:
    """dataActions and notDataActions of a role, per entry of its permissions."""
    name = role_id.rpartition("/")[2].lower()
    for role in BUILT_IN:
        if role.id == name:
            return [(role.data_actions, role.not_data_actions)]
    for record in emulator.store.of_kind(DEFINITIONS):
        if record.name.lower() == name:
            return [(item["dataActions"], item["notDataActions"]) for item in record.properties["permissions"]]
    return []


def _names(patterns: Sequence[str], action: str) -> bool:
    return any(_pattern(one).fullmatch(action) for one in patterns)


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.IGNORECASE)


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(RoleAssignments(emulator))
    emulator.add(RoleDefinitions(emulator))
