"""Subscriptions, resource groups and generic lists of resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from ...core.connection import AZURE_SUBSCRIPTION, AZURE_TENANT
from .. import armid
from ..armid import Target
from ..call import Call, Reply
from ..errors import ArmError, group_not_found
from ..flows import GROUP, stamp
from ..kind import Kind
from ..models import MODELS
from ..operations import Operation
from ..regions import REGIONS, describe
from ..store import Document, Record
from . import locks

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    *("2016-06-01", "2018-05-01", "2019-10-01", "2020-01-01", "2020-06-01", "2020-10-01", "2021-01-01", "2021-04-01"),
    *("2022-01-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01"),
    *("2025-04-01", "2026-02-01"),
)
_CONDITION = re.compile(r"(?P<field>[\w/]+)\s+(?P<operator>eq|ne)\s+'(?P<value>(?:[^']|'')*)'", re.IGNORECASE)
_STARTS = re.compile(r"startswith\(\s*tagName\s*,\s*'(?P<value>(?:[^']|'')*)'\s*\)", re.IGNORECASE)


class ResourceGroups(Kind):
    """Resource groups: synchronous PUT, cascading DELETE."""

    type = "Microsoft.Resources/resourceGroups"
    versions = VERSIONS
    flow = GROUP
    duration = "azure.resource_group"
    updating: ClassVar[str] = "Succeeded"

    def put(self, call: Call) -> Reply:
        body = self.read_body(call, MODELS[self.type][0])
        if not re.fullmatch(r"[-\w.()]{1,90}(?<!\.)", call.target.group):
            message = (
                f"The provided resource group name '{call.target.group}' has these invalid characters or is too long. "
                "The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
            )
            raise ArmError(400, "InvalidResourceGroup", message)
        previous = self.store.get(call.target.path)
        location = self._location(body, previous)
        if previous is not None and previous.state == "Deleting":
            message = (
                f"The resource group '{previous.name}' is in deprovisioning state and cannot perform this operation."
            )
            raise ArmError(409, "ResourceGroupBeingDeleted", message)
        failure = self.emulator.context.take_operation_failure(call.operation)
        if failure is not None:
            raise self.emulator.failed(failure)
        document: Document = {"location": location}
        for key in ("tags", "managedBy"):
            if body.get(key):
                document[key] = body[key]
        if previous is None:
            record = self.store.put(self.ensure(call.target.group, document))
            return call.reply(201, self.render(record, call.version))
        if "managedBy" not in document and previous.document.get("managedBy"):
            document["managedBy"] = previous.document["managedBy"]
        previous.document = document
        self.store.put(previous)
        return call.reply(200, self.render(previous, call.version))

    def ensure(self, name: str, document: Document) -> Record:
        """A group that a service makes (a cluster's nodes), or the one that is there."""
        resource_id = f"/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/{name}"
        found = self.store.get(resource_id)
        return found or self.store.put(self.make(resource_id, name, name, document))

    def patch(self, call: Call) -> Reply:
        record = self.find(call)
        body = self.read_body(call, MODELS[self.type][1] or "")
        record.document = {**record.document, **{key: body[key] for key in ("tags",) if key in body}}
        self.store.put(record)
        return call.reply(200, self.render(record, call.version))

    def find(self, call: Call) -> Record:
        record = self.emulator.group_of(call.target)
        if record is None:
            raise group_not_found(call.target.group)
        return record

    def collection(self, call: Call) -> Reply:
        wanted = _filter(call.query.get("$filter", ""))
        records = [record for record in self.store.of_kind(self.type) if wanted(record)]
        return call.reply(200, {"value": [self.render(record, call.version) for record in records]})

    def delete(self, call: Call) -> Reply:
        group = self.find(call)
        if group.state == "Deleting" and group.operation is not None:
            return call.reply(202, None, GROUP.headers(call, group.operation, None))
        locks.check(self.emulator, group.id, deleting=True)
        failure = self.emulator.context.take_operation_failure(call.operation)
        group.state = "Deleting"
        content = self.store.below(group.id)
        seconds = [record.kind.seconds("delete", record) for record in content if record.kind.duration]
        longest = max([self.seconds("delete", group), *seconds])

        def finish(operation: Operation) -> None:
            blocked = self._blocked(group)
            if operation.error is None and blocked:
                operation.error = self._blocked_error(group, blocked)
            if operation.error is not None:
                group.state = "Succeeded"
                return
            self._empty(group)

        operation = self.start(call, "delete", group, longest, finish, failure)
        return call.reply(202, None, GROUP.headers(call, operation, None))

    def render(self, record: Record, version: str) -> Document:
        document: Document = {"id": record.id, "name": record.name, "type": self.type, **record.document}
        document["properties"] = {"provisioningState": record.state}
        return document

    def _location(self, body: Document, previous: Record | None) -> str:
        sent = body["location"] if body.get("location") else ""
        location = sent.replace(" ", "").lower()
        if location not in REGIONS:
            message = (
                f"The provided location '{sent}' is not available for resource group. List of available regions is "
                f"'{','.join(sorted(REGIONS))}'."
            )
            raise ArmError(400, "LocationNotAvailableForResourceGroup", message)
        if previous is not None and previous.location != location:
            message = (
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{previous.location}'."
            )
            raise ArmError(409, "InvalidResourceGroupLocation", message)
        return location

    def problem(self, mismatch: Any) -> ArmError:
        if mismatch.path == "location" and mismatch.problem == "required":
            return ArmError(400, "LocationRequired", "The location property is required for this definition.")
        return super().problem(mismatch)

    def _blocked(self, group: Record) -> list[Record]:
        """Content that something outside of the group still uses."""
        inside = group.key + "/"
        extra = {owned.key + "/" for owned in self._owned(group)}
        blocked = []
        for record in self.store.below(group.id):
            if record.kind.extension or record.kind.type.startswith("Microsoft.Authorization"):
                continue
            for user in self.store.users(record.id):
                outside = not user.key.startswith(inside) and not any(user.key.startswith(key) for key in extra)
                if outside and user.kind.holds and _holding(record):
                    blocked.append(record)
                    break
        return blocked

    def _owned(self, group: Record) -> list[Record]:
        """Groups that go with this one: those of its clusters' nodes."""
        inside = group.key + "/"
        return [
            other
            for other in self.store.of_kind(self.type)
            if str(other.document.get("managedBy") or "").lower().startswith(inside)
        ]

    def _blocked_error(self, group: Record, blocked: list[Record]) -> Document:
        names = ",".join(f"{record.kind.type}/{record.name}" for record in blocked)
        message = (
            f"Deletion of resource group '{group.name}' failed as resources with identifiers '{names}' could not be "
            "deleted. The provisioning state of the resource group will be rolled back. Please check audit logs for "
            "more details."
        )
        details = [
            {"target": record.id, "message": f"The resource {record.id} is in use by another resource."}
            for record in blocked
        ]
        return {"code": "ResourceGroupDeletionBlocked", "message": message, "details": details}

    def _empty(self, group: Record) -> None:
        for owned in self._owned(group):
            self._empty(owned)
        for record in self.store.below(group.id):
            record.kind.removed(record)
        self.store.remove(group)


def _holding(record: Record) -> bool:
    """Whether a reference from outside keeps the resource from being deleted (Microsoft.Network does that)."""
    return record.kind.type.startswith("Microsoft.Network/") and "privateDnsZones" not in record.kind.type


class Subscription:
    """The subscription's own requests: itself, its regions, providers, groups and resources."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator

    def serves(self, target: Target) -> bool:
        """Whether a path with a namespace is about the provider itself."""
        if target.group or target.scope.count("/") > 2:
            return False
        return not target.types or (
            len(target.types) == 1 and not target.names and target.types[0].lower() in ("register", "unregister")
        )

    def route(self, call: Call) -> Reply:
        """Answer a request that names no resource of a provider."""
        target = call.target
        parts = target.path.strip("/").split("/")
        if target.namespace:
            return self._emulator.namespaces.handle(call)
        if target.group:
            return self._group(call, parts[4:])
        what = parts[2].lower() if len(parts) > 2 else ""
        if parts[0].lower() == "tenants":
            return call.reply(200, {"value": [{"id": f"/tenants/{AZURE_TENANT}", "tenantId": AZURE_TENANT}]})
        if parts[0].lower() == "providers":
            return self._emulator.namespaces.handle(call)
        if parts[0].lower() == "subscriptions" and call.method == "GET":
            if not target.subscription:
                return call.reply(200, {"value": [_subscription()], "count": {"type": "Total", "value": 1}})
            if not what:
                return call.reply(200, _subscription())
            if what == "locations":
                return call.reply(200, {"value": describe(target.subscription)})
            if what == "providers":
                return self._emulator.namespaces.handle(call)
            if what == "resourcegroups":
                return self._groups.collection(call)
            if what == "resources":
                return self._resources(call, "")
        raise ArmError(404, "NotFound", f"No HTTP resource was found that matches the request URI '{target.path}'.")

    @property
    def _groups(self) -> ResourceGroups:
        kind = self._emulator.kinds["microsoft.resources/resourcegroups"]
        assert isinstance(kind, ResourceGroups)  # noqa: S101
        return kind

    def _group(self, call: Call, rest: list[str]) -> Reply:
        if rest and rest[0].lower() == "resources" and call.method == "GET":
            self._groups.find(call)
            return self._resources(call, call.target.path.rpartition("/")[0])
        if rest:
            message = f"No HTTP resource was found that matches the request URI '{call.target.path}'."
            raise ArmError(404, "NotFound", message)
        if call.method == "HEAD":
            found = self._emulator.store.get(call.target.path) is not None
            return call.reply(204 if found else 404, None)
        groups = self._groups
        handlers = {"GET": groups.get, "PUT": groups.put, "PATCH": groups.patch, "DELETE": groups.delete}
        if call.method not in handlers:
            raise ArmError(405, "HttpMethodNotSupported", f"The HTTP method '{call.method}' is not supported.")
        return handlers[call.method](call)

    def _resources(self, call: Call, scope: str) -> Reply:
        wanted = _filter(call.query.get("$filter", ""))
        expand = {word.strip().lower() for word in call.query.get("$expand", "").split(",")}
        records = sorted(
            (
                record
                for record in self._emulator.store
                if record.kind.tracked
                and not isinstance(record.kind, ResourceGroups)
                and (not scope or record.key.startswith(scope.lower() + "/"))
                and wanted(record)
            ),
            key=lambda record: record.key,
        )
        start = int(call.query.get("$skiptoken") or 0)
        top = int(call.query.get("$top") or 1000)
        page = records[start : start + top]
        answer: dict[str, Any] = {"value": [_entry(record, expand) for record in page]}
        if start + top < len(records):
            path, version = call.request.path, call.version
            answer["nextLink"] = f"{call.base}{path}?api-version={version}&%24skiptoken={start + top}&%24top={top}"
            if call.query.get("$filter"):
                answer["nextLink"] += f"&%24filter={quote(call.query['$filter'], safe='')}"
        return call.reply(200, answer)


def _subscription() -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{AZURE_SUBSCRIPTION}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": AZURE_SUBSCRIPTION,
        "tenantId": AZURE_TENANT,
        "displayName": "Sandbox",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _entry(record: Record, expand: set[str]) -> dict[str, Any]:
    document = record.document
    entry: dict[str, Any] = {"id": record.id, "name": _short_name(record), "type": record.kind.type}
    for key in ("kind", "managedBy", "sku", "identity", "zones", "plan", "location", "tags"):
        if document.get(key) is not None:
            entry[key] = document[key]
    if "createdtime" in expand:
        entry["createdTime"] = stamp(record.created)
    if "changedtime" in expand:
        entry["changedTime"] = stamp(record.changed)
    if "provisioningstate" in expand:
        entry["provisioningState"] = record.state
    return entry


def _short_name(record: Record) -> str:
    """Nested resources are listed with their parents' names before their own."""
    return "/".join(armid.parse(record.id).names)


def _filter(text: str) -> Any:
    """A predicate over records for an OData ``$filter``; ArmError for what ARM does not understand."""
    text = text.strip()
    if not text:
        return lambda _: True
    starts = _STARTS.fullmatch(text)
    if starts:
        prefix = _unquoted(starts["value"]).lower()
        return lambda record: any(tag.lower().startswith(prefix) for tag in record.tags)
    conditions = list(_CONDITION.finditer(text))
    rest = _CONDITION.sub("", text)
    if not conditions or rest.replace("and", "").replace("or", "").strip():
        raise ArmError(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
    fields = {item["field"].lower() for item in conditions}
    tags, others = fields & {"tagname", "tagvalue"}, fields - {"tagname", "tagvalue"}
    if tags and others:
        # ARM refuses tags together with anything else.
        raise ArmError(400, "InvalidFilterInQueryString", "Filtering by tags cannot be combined with other conditions.")
    if tags:
        return _tag_filter({item["field"].lower(): _unquoted(item["value"]) for item in conditions})
    tests = [_field_test(item) for item in conditions]
    either = " or " in text.lower()
    return lambda record: (any if either else all)(test(record) for test in tests)


def _tag_filter(values: dict[str, str]) -> Any:
    name, value = values.get("tagname"), values.get("tagvalue")

    def matches(record: Record) -> bool:
        return any(
            (name is None or key.lower() == name.lower()) and (value is None or item.lower() == value.lower())
            for key, item in record.tags.items()
        )

    return matches


def _field_test(item: re.Match[str]) -> Any:
    field, value = item["field"].lower(), _unquoted(item["value"]).lower()
    readers: dict[str, Any] = {
        "resourcetype": lambda record: record.kind.type,
        "name": lambda record: record.name,
        "location": lambda record: record.location,
        "resourcegroup": lambda record: record.group,
    }
    if field not in readers:
        raise ArmError(400, "InvalidFilterInQueryString", f"'{item['field']}' is not supported in $filter.")
    equal = item["operator"].lower() == "eq"
    return lambda record: (readers[field](record).lower() == value) == equal


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(ResourceGroups(emulator))
