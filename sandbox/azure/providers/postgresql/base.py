"""Rules that all types of Microsoft.DBforPostgreSQL share.

A write is answered 202 with ``{"operation", "startTime"}`` whatever comes of it; what stands in its way shows in the
poll, which answers 200 with ``status: Failed``. A change is seen when its operation has ended well.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ... import schema
from ...call import Call, Reply
from ...errors import ArmError
from ...flows import POSTGRESQL, stamp
from ...kind import Kind
from ...operations import Operation
from ...store import Document, Record

SERVERS = "Microsoft.DBforPostgreSQL/flexibleServers"
VERSIONS = (
    *("2022-12-01", "2023-03-01-preview", "2023-06-01-preview", "2023-12-01-preview", "2024-03-01-preview"),
    *("2024-08-01", "2024-11-01-preview", "2025-01-01-preview", "2025-06-01-preview", "2025-08-01"),
    *("2026-01-01-preview", "2026-10-01"),
)
Trouble = tuple[str, str]  # code and message of an operation that fails


def invalid(parameter: str, more: str = "Specify a valid parameter value.") -> ArmError:
    """400 of a value that the service does not take."""
    return ArmError(400, "InvalidParameterValue", f"Invalid value given for parameter {parameter}. {more}")


def busy(server: Record) -> Trouble:
    """Another operation runs on the server."""
    message = (
        f"Cannot complete operation while server '{server.name}' is busy processing another operation. Try again later."
    )
    return "ServerIsBusy", message


class PostgresKind(Kind):
    """A type of the provider. ``names`` are those of its create (or update) and delete operations."""

    versions: ClassVar[tuple[str, ...]] = VERSIONS
    flow = POSTGRESQL
    has_state = False
    names: ClassVar[tuple[str, str]]

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        if mismatch.problem == "required":
            message = f"The required parameter {mismatch.member} is missing."
            return ArmError(400, "MissingRequiredParameter", message)
        return invalid(mismatch.path)

    def trouble(self, call: Call, document: Document | None, previous: Record | None) -> Trouble | None:
        """Why an accepted operation will fail; ``document`` is None for a deletion."""
        return None

    def holder(self, record: Record) -> Record | None:
        """The server that an operation on a record keeps busy; None when it does not."""
        return record

    def operation_name_of(self, call: Call, creating: bool) -> str:
        """The name that the answer gives to an operation."""
        return self.names[0]

    def began(self, call: Call, record: Record, creating: bool) -> None:
        """Called when a write was accepted."""

    def gave_up(self, record: Record, creating: bool) -> None:
        """Called when the operation has failed."""

    def accepted(self, call: Call, operation: Operation, name: str) -> Reply:
        """The answer to every write."""
        assert self.flow is not None  # noqa: S101 - set above
        body = {"operation": name, "startTime": stamp(operation.started)}
        return call.reply(202, body, self.flow.headers(call, operation, self.retry_after))

    def run(
        self, call: Call, verb: str, record: Record, finish: Any, trouble: Trouble | None, seconds: float | None = None
    ) -> Operation:
        """Start an operation; ``trouble`` ends it badly, after the time that the service takes to find out."""
        failure = self.emulator.context.take_operation_failure(call.operation)

        def end(operation: Operation) -> None:
            if trouble is not None and operation.error is None:
                operation.error = {"code": trouble[0], "message": trouble[1]}
            finish(operation)

        if trouble is not None:
            refused = self.emulator.context.profile.seconds("azure.postgresql.refuse")
            return self.start(call, verb, None, refused, end, failure)
        if seconds is None:
            seconds = self.seconds(verb, record)
        operation = self.start(call, verb, record, seconds, end, failure)
        holder = self.holder(record)
        if holder is not None and holder is not record:
            holder.operation = operation
        return operation

    def _write(self, call: Call, document: Document, previous: Record | None) -> Reply:
        creating = previous is None
        record = previous if previous is not None else self.new_record(call, document)
        trouble = self.trouble(call, document, previous)
        if trouble is None:
            self.began(call, record, creating)

        def finish(operation: Operation) -> None:
            self.release(record, operation)
            if operation.error is not None:
                if trouble is None:
                    self.gave_up(record, creating)
                return
            record.document = document
            record.changed = self.emulator.context.clock.wall()
            self.store.put(record)
            self.emulator.activity.note(record.id, f"{self.type}/write")
            self.settled(record, operation)

        operation = self.run(call, "create" if creating else "update", record, finish, trouble)
        return self.accepted(call, operation, self.operation_name_of(call, creating))

    def release(self, record: Record, operation: Operation) -> None:
        """The server is free again."""
        holder = self.holder(record)
        if holder is not None and holder.operation is operation:
            holder.operation = None

    def start_delete(self, call: Call, record: Record) -> Reply:
        trouble = self.trouble(call, None, record)

        def finish(operation: Operation) -> None:
            self.release(record, operation)
            if operation.error is None:
                self.drop(record)
            else:
                record.state = "Succeeded"

        if trouble is None:
            record.state = "Deleting"
        operation = self.run(call, "delete", record, finish, trouble)
        return self.accepted(call, operation, self.names[1])


def same_text(first: Any, second: Any) -> bool:
    """Comparison without case, as the service compares words."""
    return str(first).lower() == str(second).lower()
