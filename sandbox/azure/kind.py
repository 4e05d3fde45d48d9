"""What is common to all resource types: reading, writing and deleting by the rules of ARM."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from . import armid, schema
from .call import Call, Reply
from .documents import merged, title, without
from .errors import ArmError, not_found
from .flows import Flow
from .models import MODELS
from .operations import Operation
from .store import Document, Record

if TYPE_CHECKING:
    from .emulator import AzureEmulator

# Members of a tracked resource that ARM itself knows; it refuses others before the provider sees them.
_ENVELOPE = {
    *("id", "name", "type", "location", "tags", "plan", "sku", "kind", "managedBy", "identity", "properties"),
    *("zones", "extendedLocation", "scale", "systemData", "etag", "placement", "eTag"),
}
Action = Callable[[Call, Record], Reply]


class Kind:
    """One resource type. Subclasses say what the service adds, refuses and does."""

    type: ClassVar[str]
    versions: ClassVar[tuple[str, ...]] = ()
    flow: ClassVar[Flow | None] = None  # None: the provider answers synchronously
    duration: ClassVar[str] = ""  # rows "<duration>.create|update|delete" of the table of durations
    retry_after: ClassVar[int | None] = None
    tracked: ClassVar[bool] = True  # has location and tags, and shows in lists of resources
    locations: ClassVar[str] = "regional"  # "regional" or "global"
    extension: ClassVar[bool] = False  # sits on any other resource
    creating: ClassVar[str] = "Creating"  # provisioningState while it is created
    updating: ClassVar[str] = "Updating"
    since: ClassVar[dict[str, str]] = {}  # property -> first api-version that shows it
    conceals: ClassVar[tuple[str, ...]] = ()  # properties not shown before creation has ended
    has_state: ClassVar[bool] = True
    ignored: ClassVar[tuple[str, ...]] = ()  # shown by a GET, not in the model of a PUT, and taken back silently
    holds: ClassVar[bool] = False  # what it refers to cannot be deleted

    def __init__(self, emulator: AzureEmulator) -> None:
        self.emulator = emulator
        self.store = emulator.store
        self.actions: dict[str, Action] = {}

    # -- what providers change ------------------------------------------------------------------------------------

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        """The provider's answer to a body that does not fit the model."""
        return ArmError(400, "InvalidRequestContent", f"The request content is invalid at '{mismatch.path}'.")

    def error(self, status: int, code: str, message: str) -> ArmError:
        """An error in the provider's form."""
        return ArmError(status, code, message)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        """The new document: the body with all that the service fills in, rewrites or keeps."""
        return body

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        """The body of a PATCH laid over the document."""
        return merged(previous.document, body)

    def check_busy(self, call: Call, record: Record) -> None:
        """ArmError when a running operation forbids another write."""

    def check_delete(self, call: Call, record: Record) -> None:
        """ArmError when the resource is in use."""

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        """Called when a write was accepted and stored."""

    def settled(self, record: Record, operation: Operation) -> None:
        """Called when a create or update has ended well."""

    def removed(self, record: Record) -> None:
        """Called when the resource is gone."""

    def show(self, record: Record, document: Document, version: str) -> None:
        """Add what is computed on reading to ``document`` (a copy)."""

    def working(self, record: Record) -> bool:
        """Whether a server behind the resource still does what an ended operation asked of it."""
        return False

    def close(self) -> None:
        """Called when the subscription is forgotten: end what runs outside of it."""

    def missing(self, call: Call) -> ArmError:
        """404 of a GET."""
        target = call.target
        if target.parent:
            return self.error(404, "NotFound", f"Resource {target.path} not found.")
        return not_found(self.type, target.name, target.group)

    def deleted_status(self, call: Call, record: Record) -> Reply:
        """Answer of a synchronous DELETE."""
        return call.reply(200, None)

    def seconds(self, verb: str, record: Record) -> float:
        """How long an operation takes."""
        return self.emulator.context.profile.seconds(f"{self.duration}.{verb}")

    def short_update(self, record: Record, previous: Document) -> bool:
        """Whether an accepted update is over at once (Network: only tags changed)."""
        return False

    # -- requests -------------------------------------------------------------------------------------------------

    def get(self, call: Call) -> Reply:
        """GET of one resource."""
        return call.reply(200, self.render(self.find(call), call.version))

    def find(self, call: Call) -> Record:
        """The record that the path names; 404 as the provider answers."""
        self.emulator.require_group(call.target)
        record = self.store.get(call.target.path)
        if record is not None:
            return record
        self._require_parent(call, "read")
        raise self.missing(call)

    def collection(self, call: Call) -> Reply:
        """GET of a collection."""
        records = self.store.of_kind(self.type, self.collection_scope(call))
        return call.reply(200, {"value": [self.render(record, call.version) for record in records]})

    def collection_scope(self, call: Call) -> str:
        """What a collection is listed of; 404 when it is not there."""
        self.emulator.require_group(call.target)
        self._require_parent(call, "read")
        return call.target.parent or call.target.scope

    def put(self, call: Call) -> Reply:
        """PUT: create or replace."""
        previous = self._before_write(call)
        body = self.read_body(call, MODELS[self.type][0])
        self._check_location(call, body, previous)
        return self._write(call, self.build(call, body, previous), previous)

    def patch(self, call: Call) -> Reply:
        """PATCH: lay the body over what there is."""
        previous = self._before_write(call)
        model = MODELS[self.type][1]
        if model is None:
            raise ArmError(405, "MethodNotAllowed", f"The HTTP method 'PATCH' is not supported at scope '{self.type}'.")
        if previous is None:
            raise self.missing(call)
        return self._write(call, self.merge(call, self.read_body(call, model), previous), previous)

    def delete(self, call: Call) -> Reply:
        """DELETE; a resource that is not there is 204."""
        self.emulator.require_group(call.target)
        record = self.store.get(call.target.path)
        if record is None:
            self._require_parent(call, "delete")
            return call.reply(204, None)
        self.check_etag(call, record)
        if record.state != "Deleting" or not record.busy:
            self.check_busy(call, record)
        self.check_delete(call, record)
        return self.start_delete(call, record)

    # -- machinery ------------------------------------------------------------------------------------------------

    def read_body(self, call: Call, model: str) -> Document:
        """The request's body, checked and stripped of what is read-only."""
        body = call.json()
        if self.tracked:
            unknown = next((key for key in body if key not in _ENVELOPE), None)
            if unknown is not None:
                message = (
                    "The request content was invalid and could not be deserialized: 'Could not find member "
                    f"'{unknown}' on object of type 'ResourceDefinition'. Path '{unknown}', line 1, position 1.'."
                )
                raise ArmError(400, "InvalidRequestContent", message)
        try:
            read: Document = schema.load(model).read(without(body, self.ignored), "", "")
        except schema.Mismatch as mismatch:
            raise self.problem(mismatch) from None
        read.pop("id", None)
        return read

    def etag_of(self, record: Record) -> str:
        """The etag that the resource shows."""
        return record.etag

    def check_etag(self, call: Call, record: Record | None) -> None:
        """412 when If-Match or If-None-Match forbid the request."""
        wanted, unwanted = call.request.headers.get("If-Match"), call.request.headers.get("If-None-Match")
        current = self.etag_of(record) if record is not None else ""
        stale = wanted is not None and (record is None or (wanted != "*" and wanted.strip('W/"') != current))
        if stale or (unwanted == "*" and record is not None):
            raise self.error(412, "PreconditionFailed", "The condition specified by the ETag is not satisfied.")

    def start_delete(self, call: Call, record: Record) -> Reply:
        """Accept a deletion."""
        failure = self.emulator.context.take_operation_failure(call.operation)
        if self.flow is None:
            if failure is not None:
                raise self.emulator.failed(failure)
            reply = self.deleted_status(call, record)
            self.drop(record)
            return reply
        if record.state == "Deleting" and record.operation is not None:
            operation = record.operation
        else:
            record.state = "Deleting"

            def finish(ended: Operation) -> None:
                if ended.error is not None:
                    record.state = "Failed"
                else:
                    self.drop(record)

            operation = self.start(call, "delete", record, self.seconds("delete", record), finish, failure)
        return call.reply(202, None, self.flow.headers(call, operation, self.retry_after))

    def drop(self, record: Record) -> None:
        """Take a resource, and all below it, out of the store."""
        for nested in self.store.below(record.id):
            nested.kind.removed(nested)
        self.store.remove(record)
        self.removed(record)

    def start(
        self,
        call: Call,
        verb: str,
        record: Record | None,
        seconds: float,
        finish: Callable[[Operation], None],
        failure: Any = None,
    ) -> Operation:
        """Start a long-running operation on a record."""
        assert self.flow is not None  # noqa: S101 - a programming error, not input
        clock = self.emulator.context.clock
        operation = Operation(
            verb=verb,
            title=title(call.method, self.type),
            ends_at=clock.now() + seconds,
            started_at=clock.now(),
            started=clock.wall(),
            flow=self.flow,
            record=record,
            location=(record.location if record is not None else "") or self.location_of(call),
            api_version=call.version,
            finish=finish,
            failure=failure,
        )
        if record is not None:
            record.operation = operation
        return self.emulator.operations.start(operation)

    def location_of(self, call: Call) -> str:
        """The region of a nested resource: its parent's, else its group's."""
        parent = self.store.get(call.target.parent) if call.target.parent else None
        if parent is not None and parent.location:
            return parent.location
        group = self.emulator.group_of(call.target)
        return group.location if group is not None else "global"

    def new_record(self, call: Call, document: Document) -> Record:
        """A record for a resource that did not exist."""
        return self.make(self.emulator.canonical(call.target, self), call.target.name, call.target.group, document)

    def make(self, resource_id: str, name: str, group: str, document: Document) -> Record:
        """A record of this type that is not stored yet."""
        moment = self.emulator.context.clock.wall()
        parent = armid.parse(resource_id).parent
        return Record(resource_id, self, name, group, document, moment, moment, parent)

    def render(self, record: Record, version: str) -> Document:
        """The resource as a GET of ``version`` shows it."""
        document: Document = {"id": record.id, "name": record.name, "type": self.type, **record.document}
        if "properties" in document or self.has_state:
            properties = {
                key: value
                for key, value in (document.get("properties") or {}).items()
                if key not in record.hidden and version >= self.since.get(key, "")
            }
            state = {"provisioningState": record.state} if self.has_state else {}
            document["properties"] = {**state, **properties}
        self.show(record, document, version)
        return document

    def _before_write(self, call: Call) -> Record | None:
        self.emulator.require_registered(call.target.namespace)
        self.emulator.require_group(call.target, writing=True)
        self._require_parent(call, "write")
        record = self.store.get(call.target.path)
        self.check_etag(call, record)
        if record is not None:
            self.check_busy(call, record)
        return record

    def _require_parent(self, call: Call, verb: str) -> None:
        parent = call.target.parent
        if not parent or self.store.get(parent) is not None:
            return
        target = armid.parse(parent)
        kind = self.emulator.kinds.get(target.kind.lower())
        name = kind.type if kind is not None else target.kind
        if verb == "write":
            message = (
                f"Failed to perform '{verb}' on resource(s) of type '{'/'.join(call.target.types)}', because the "
                f"parent resource '{parent}' could not be found."
            )
            raise ArmError(404, "ParentResourceNotFound", message)
        raise not_found(name, "/".join(target.names), target.group)

    def _check_location(self, call: Call, body: Document, previous: Record | None) -> None:
        if not self.tracked:
            return
        sent = body.get("location")
        if not sent:
            if self.locations == "global":
                body["location"] = "global"
                return
            raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
        location = sent.replace(" ", "").lower()
        known = ("global",) if self.locations == "global" else self.emulator.regions
        if location not in known:
            message = (
                f"The provided location '{sent}' is not available for resource type '{self.type}'. List of available "
                f"regions for the resource type is '{','.join(sorted(known))}'."
            )
            raise ArmError(400, "LocationNotAvailableForResourceType", message)
        if previous is not None and previous.location != location:
            message = (
                f"The resource '{call.target.name}' already exists in location '{previous.location}' in resource group "
                f"'{previous.group}'. A resource with the same name cannot be created in location '{location}'. Please "
                "select a new resource name."
            )
            raise ArmError(409, "InvalidResourceLocation", message)
        body["location"] = location

    def _write(self, call: Call, document: Document, previous: Record | None) -> Reply:
        failure = self.emulator.context.take_operation_failure(call.operation)
        if failure is not None and self.flow is None:
            raise self.emulator.failed(failure)
        before = previous.document if previous is not None else None
        if previous is None:
            record = self.new_record(call, document)
            record.hidden = frozenset(self.conceals)
        else:
            record = previous
            record.document = document
            record.changed = self.emulator.context.clock.wall()
        record.etag = str(uuid.uuid4())
        self.store.put(record)
        self.saved(call, record, before)
        status = 201 if previous is None else 200
        if self.flow is None:
            return self.written(call, record, status)
        return self.accept(call, record, before, failure)

    def written(self, call: Call, record: Record, status: int) -> Reply:
        """Answer of a synchronous PUT or PATCH."""
        return call.reply(status, self.render(record, call.version))

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        """Answer of a PUT or PATCH that starts a long-running operation."""
        assert self.flow is not None  # noqa: S101 - a programming error, not input
        creating = before is None
        if before is not None and failure is None and record.state == "Succeeded" and self.short_update(record, before):
            operation = self.start(call, "update", record, 0.0, lambda _: None)
            return call.reply(200, self.render(record, call.version), self.flow.headers(call, operation, None))
        record.state = self.creating if creating else call.notes.get("updating", self.updating)

        def finish(ended: Operation) -> None:
            if ended.error is not None:
                record.state = "Failed"
            else:
                record.state = "Succeeded"
                record.hidden = frozenset()
                self.settled(record, ended)
                self.store.put(record)
            record.etag = str(uuid.uuid4())

        verb = "create" if creating else "update"
        operation = self.start(call, verb, record, self.seconds(verb, record), finish, failure)
        headers = self.flow.headers(call, operation, self.retry_after)
        return call.reply(201 if creating else 200, self.accepted_body(record, call, creating), headers)

    def accepted_body(self, record: Record, call: Call, creating: bool) -> Any:
        """Body of an accepted PUT or PATCH."""
        return self.render(record, call.version)
