"""Rules that all types of Microsoft.Network share."""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any, ClassVar

from ... import armid, schema
from ...call import Call
from ...documents import references
from ...errors import ArmError
from ...flows import NETWORK
from ...kind import Kind
from ...operations import Operation
from ...store import Document, Record

VERSIONS = (
    *("2019-11-01", "2020-03-01", "2020-05-01", "2020-06-01", "2020-08-01", "2020-11-01", "2021-02-01", "2021-05-01"),
    *("2021-08-01", "2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01", "2023-02-01", "2023-04-01"),
    *("2023-05-01", "2023-06-01", "2023-09-01", "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01"),
    *("2024-10-01", "2025-01-01", "2025-03-01", "2025-05-01", "2025-07-01", "2026-01-01", "2026-03-01"),
)
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def refuse(code: str, message: str, status: int = 400, **more: Any) -> ArmError:
    """An error in the provider's form: ``details`` is always there."""
    return ArmError(status, code, message, details=more.pop("details", []), **more)


def cannot_parse(code: str, message: str) -> ArmError:
    """A body that the provider cannot read."""
    return refuse("InvalidRequestFormat", "Cannot parse the request.", details=[{"code": code, "message": message}])


def check_type(reference: str, expected: str, path: str) -> None:
    """ArmError unless a reference names a resource of the expected type."""
    if armid.type_of(reference) != expected.lower():
        raise cannot_parse(
            "InvalidJsonReferenceFormat",
            f"Reference Id {reference} is not formatted correctly. The Id is expected to reference resources of type "
            f"{expected.rpartition('/')[2]}. Path {path}.",
        )


def network_of(prefix: str, owner: str) -> IpNetwork:
    """A CIDR; ArmError when it is not written as one, or has host bits set."""
    try:
        found = ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        raise refuse(
            "InvalidAddressPrefixFormat",
            f"Address prefix {prefix} of resource {owner} is not formatted correctly. It should follow CIDR notation, "
            "for example 10.0.0.0/24.",
        ) from None
    if "/" not in prefix or str(found).lower() != prefix.lower():
        raise refuse(
            "InvalidCIDRNotation",
            f"The address prefix {prefix} in resource {owner} has an invalid CIDR notation. For the "
            "given prefix length, "
            f"the address prefix should be {found}.",
        )
    return found


class NetworkKind(Kind):
    """A type of Microsoft.Network. ``defaults`` are properties that the service fills in."""

    versions = VERSIONS
    flow = NETWORK
    retry_after: ClassVar[int | None] = 10
    creating = "Updating"
    holds = True
    defaults: ClassVar[dict[str, Any]] = {}
    top_level: ClassVar[tuple[str, ...]] = ("sku", "zones", "extendedLocation", "identity")
    expects: ClassVar[dict[str, str]] = {}  # last name on the path of a reference -> type that it has to be of
    guid: ClassVar[bool] = True

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        where = f"Path '{mismatch.path}', line 1, position 1."
        owner = mismatch.model.removesuffix("Format")
        if mismatch.problem == "unknown":
            return cannot_parse(
                "InvalidJson", f"Could not find member '{mismatch.member}' on object of type '{owner}'. {where}"
            )
        if mismatch.problem == "required":
            return cannot_parse(
                "MissingJsonProperty", f"Required property '{mismatch.member}' not found in JSON. {where}"
            )
        return cannot_parse(
            "InvalidJson", f"Error converting value {_shown(mismatch.value)} to type '{mismatch.expected}'. {where}"
        )

    def error(self, status: int, code: str, message: str) -> ArmError:
        return refuse(code, message, status)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        properties = body.get("properties") or {}
        kept = previous.properties.get("resourceGuid") if previous is not None else None
        filled: Document = {"resourceGuid": kept or str(uuid.uuid4())} if self.guid else {}
        filled.update(_copy(self.defaults))
        filled.update(properties)
        document: Document = {}
        if self.tracked:
            document["location"] = body["location"]
            if body.get("tags"):
                document["tags"] = body["tags"]
        document["properties"] = filled
        for key in self.top_level:
            if body.get(key):
                document[key] = body[key]
        self.complete(call, document, previous)
        self.check_references(call, document)
        return document

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        """Fill in and check what is particular to the type."""

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return {**previous.document, "tags": body.get("tags") or {}}

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Any:
        # A PATCH changes tags alone and is over at once, without an operation to poll.
        if call.method == "PATCH" and failure is None:
            return call.reply(200, self.render(record, call.version))
        return super().accept(call, record, before, failure)

    def short_update(self, record: Record, previous: Document) -> bool:
        return record.document.get("properties") == previous.get("properties")

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy and record.operation is not None:
            raise self.retryable(call, record, record.operation)

    def retryable(self, call: Call, record: Record, operation: Operation) -> ArmError:
        """Another operation holds the resource."""
        return ArmError(
            429,
            "RetryableError",
            "A retryable error occurred.",
            details=[
                {
                    "code": "RetryableErrorDueToAnotherOperation",
                    "message": f"Operation {operation.title} ({operation.id}) is updating resource "
                    "{record.id}. The call "
                    "can be retried in 12 seconds.",
                }
            ],
            headers={"Retry-After": call.retry_after(12)},
        )

    def check_references(self, call: Call, document: Document) -> None:
        """Every reference must be of the expected type, and name something that exists in the same region."""
        resource_id = call.target.path
        for path, reference in references(document.get("properties") or {}, "properties"):
            name = path.rpartition(".")[2].partition("[")[0]
            expected = self.expects.get(name)
            if expected is None:
                continue
            check_type(reference, expected, path)
            self.require(reference, resource_id, document.get("location") or self.location_of(call))

    def require(self, reference: str, user: str, location: str) -> Record:
        """The record of a reference."""
        found = self.store.get(reference)
        holder = found
        if found is not None and not found.location and found.parent:
            holder = self.store.get(found.parent)
        gone = found is None or found.state == "Deleting"
        if found is None or gone or (holder is not None and holder.location not in ("", "global", location)):
            raise refuse(
                "InvalidResourceReference",
                f"Resource {reference} referenced by resource {user} was not found. Please make "
                "sure that the referenced "
                "resource exists, and that both resources are in the same region.",
                details=[{"code": "NotFound", "message": f"Resource {reference} not found."}] if gone else [],
            )
        return found

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        ordered: Document = {"name": shown.pop("name"), "id": shown.pop("id"), "etag": f'W/"{self.etag_of(record)}"'}
        ordered["type"] = shown.pop("type")
        return {**ordered, **shown}

    def etag_of(self, record: Record) -> str:
        """Parts of a resource carry its etag."""
        parent = self.store.get(record.parent) if record.parent else None
        return parent.etag if parent is not None else record.etag


class PartKind(NetworkKind):
    """A part of another resource (a subnet, a rule): no tags, no region; a change of it is a change of the whole."""

    tracked = False
    guid = False

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        self.touch(record)

    def settled(self, record: Record, operation: Operation) -> None:
        self.touch(record)

    def removed(self, record: Record) -> None:
        self.touch(record)

    def touch(self, record: Record) -> None:
        """Give the whole a new etag."""
        parent = self.store.get(record.parent)
        if parent is not None:
            parent.etag = str(uuid.uuid4())


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def names(records: list[Record]) -> str:
    """Ids of users, as the in-use errors list them."""
    return ", ".join(record.id for record in records)
