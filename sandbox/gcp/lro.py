"""Long-running operations of the OnePlatform APIs (``google.longrunning``)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .calls import Call, handles
from .errors import GoogleError
from .state import Operation, State

# google.rpc.Code
_CODES = {
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
}


def start(
    call: Call,
    name: str,
    duration: str,
    response: Callable[[], dict[str, Any]],
    metadata: dict[str, Any] | None = None,
    work: Future[Any] | None = None,
) -> dict[str, Any]:
    """Begin an operation; ``response`` is applied at its end and gives the answer (with ``@type``).

    A ``fail_operation`` fault leaves it unapplied. ``response`` may raise GoogleError: the operation ends with it.
    It does not end before ``work`` has, and fails when that did.
    """
    state = call.state
    now = call.context.clock.now()
    data: dict[str, Any] = {"name": name}
    if metadata:
        data["metadata"] = metadata
    operation = Operation(name, now, now + call.context.profile.seconds(duration), state.wall(), data)
    failure = call.context.take_operation_failure(call.method.id)
    if failure is not None:
        state.engines.discard()
    state.operations[f"{call.document.api}/{name}"] = operation

    def finish() -> None:
        operation.ended = state.wall()
        if failure is not None:
            code = _CODES.get(failure.code, failure.status if 0 < failure.status < 17 else 13)
            operation.error = {"code": code, "message": failure.message or "An internal error has occurred"}
        elif work is not None and work.exception() is not None:
            operation.error = {"code": 13, "message": f"An internal error has occurred: {work.exception()}"}
        else:
            try:
                operation.extra = {"response": response()}
            except GoogleError as error:
                operation.error = {"code": _CODES.get(error.status, 13), "message": error.message}
        for listener in operation.on_end:
            listener(operation)

    state.when_done(operation.end, work, finish)
    return render(operation)


def render(operation: Operation) -> dict[str, Any]:
    """The operation as it is now."""
    answer = dict(operation.data)
    if operation.done:
        answer["done"] = True
        if operation.error is not None:
            answer["error"] = operation.error
        else:
            answer.update(operation.extra)
    return answer


def find(state: State, api: str, name: str) -> Operation:
    """The operation, or 404."""
    operation = state.operations.get(f"{api}/{name}")
    if operation is None:
        raise GoogleError(404, f"Operation not found: {name}")
    return operation


@handles(
    "serviceusage.operations.get",
    "servicenetworking.operations.get",
    "cloudresourcemanager.operations.get",
)
def get(call: Call) -> dict[str, Any]:
    """One operation."""
    return render(find(call.state, call.document.api, call.path["name"]))


@handles("serviceusage.operations.list", "servicenetworking.operations.list")
def listing(call: Call) -> dict[str, Any]:
    """All operations of the API."""
    prefix = f"{call.document.api}/"
    found = [render(item) for key, item in call.state.operations.items() if key.startswith(prefix)]
    return {"operations": found} if found else {}
