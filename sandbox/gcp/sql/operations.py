"""Cloud SQL's operations: one at a time per instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ..auth import ACCOUNT
from ..calls import Call, handles
from ..errors import GoogleError
from ..listing import page
from ..state import PROJECT, Operation, uuid, zulu
from .model import Data, Instance, link, sql_error

_BUSY = (
    "Operation failed because another operation was already in progress. Try your request after the current operation "
    "is complete."
)
_PENDING_SHARE = 0.05


def check_idle(*instances: Instance) -> None:
    """409 while an operation works on one of them."""
    for instance in instances:
        if instance.operation is not None and not instance.operation.done:
            raise sql_error(409, _BUSY, "operationInProgress")


def check_ready(*instances: Instance) -> None:
    """409 for an instance that is not there to be worked with."""
    check_idle(*instances)
    if any(instance.data["state"] not in ("RUNNABLE",) for instance in instances):
        raise sql_error(
            409, "The instance or operation is not in an appropriate state to handle the request.", "invalidState"
        )


def check_running(instance: Instance) -> None:
    """400 for an instance that is stopped."""
    check_ready(instance)
    if not instance.running:
        raise sql_error(400, "Invalid request: Invalid request since instance is not running.", "invalid")


def start(
    call: Call,
    instances: Sequence[Instance],
    kind: str,
    duration: str,
    effect: Callable[[], None],
    *,
    failed: Callable[[str], None] | None = None,
    work: Future[Any] | None = None,
    target: str = "",
    extra: Data | None = None,
    quick: bool = False,
) -> Data:
    """Begin an operation on ``instances``; the first is its target. ``effect`` is applied at its end.

    ``failed(message)`` is called instead when it fails. It does not end before ``work`` (of an engine) has.
    ``quick``: one that is over by now is answered as done, as the real service does for databases and users.
    """
    state, name = call.state, uuid()
    now, path = call.context.clock.now(), target or f"instances/{instances[0].name}"
    data: Data = {
        "kind": "sql#operation",
        "name": name,
        "operationType": kind,
        "targetId": path.split("/")[1],
        "targetProject": PROJECT,
        "user": ACCOUNT,
        "insertTime": zulu(state.wall(), 3),
        "#target": path,
        **(extra or {}),
    }
    operation = Operation(name, now, now + call.context.profile.seconds(duration), state.wall(), data)
    failure = call.context.take_operation_failure(call.method.id)
    if failure is not None:
        state.engines.discard()
    state.operations[f"sqladmin/{name}"] = operation
    for instance in instances:
        instance.operation = operation

    def finish() -> None:
        operation.ended = state.wall()
        message, code = "", "INTERNAL_ERROR"
        if failure is not None:
            message, code = failure.message or "An unknown error occurred.", failure.code or "UNKNOWN"
        elif work is not None and work.exception() is not None:
            message = f"An internal error occurred: {work.exception()}"
        else:
            try:
                effect()
            except GoogleError as error:
                message, code = error.message, error.reason
        if message:
            operation.error = _error(code, message)
            if failed is not None:
                failed(message)

    if quick and operation.end <= now and (work is None or work.done()):
        finish()
    else:
        state.when_done(operation.end, work, finish)
    return render(call, operation)


def _error(code: str, message: str) -> Data:
    entry = {"kind": "sql#operationError", "code": code, "message": message}
    return {"error": {"kind": "sql#operationErrors", "errors": [entry]}}


def render(call: Call, operation: Operation) -> Data:
    """The operation as it is now."""
    answer = {key: value for key, value in operation.data.items() if not key.startswith("#")}
    answer["targetLink"] = link(call, operation.data["#target"])
    answer["selfLink"] = link(call, f"operations/{operation.name}")
    begun = zulu(operation.started, 3)
    if operation.done:
        answer |= {"status": "DONE", "startTime": begun, "endTime": zulu(operation.ended or operation.started, 3)}
        answer |= operation.error or {}
    elif operation.share(call.context.clock.now()) < _PENDING_SHARE:
        answer["status"] = "PENDING"
    else:
        answer |= {"status": "RUNNING", "startTime": begun}
    return answer


@handles("sql.operations.get")
def get(call: Call) -> Data:
    """One operation."""
    operation = call.state.operations.get(f"sqladmin/{call.path['operation']}")
    if operation is None:
        raise sql_error(404, "The Cloud SQL instance operation does not exist.", "operationDoesNotExist")
    return render(call, operation)


@handles("sql.operations.list")
def listing(call: Call) -> Data:
    """The operations of the project or of one instance, newest first."""
    wanted = call.query.get("instance", "").rpartition(":")[2]
    items = [
        render(call, item)
        for key, item in reversed(call.state.operations.items())
        if key.startswith("sqladmin/") and (not wanted or item.data["targetId"].rpartition(":")[2] == wanted)
    ]
    found, token = page(items, call.query.get("maxResults"), call.query.get("pageToken"), default=500)
    answer: Data = {"kind": "sql#operationsList", **({"items": found} if found else {})}
    if token:
        answer["nextPageToken"] = token
    return answer
