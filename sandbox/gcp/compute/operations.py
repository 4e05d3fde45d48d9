"""Compute's operations: global, regional and zonal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..auth import ACCOUNT
from ..calls import Answer, Call, handles
from ..errors import GoogleError
from ..listing import page, predicate
from ..state import PROJECT, Operation, Record, State, compute_time, hex_id, number_id
from .links import link, scope_path

_WAIT_LIMIT = 120.0
_PENDING_SHARE = 0.1


def start(
    call: Call,
    path: str,
    operation_type: str,
    duration: str,
    *,
    record: Record | None = None,
    effect: Callable[[], dict[str, Any] | None] = lambda: None,
    undo: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Begin an operation on the object at ``path`` and answer it as it is at its start.

    ``effect`` is applied at the end; what it returns is the operation's ``error``. A ``fail_operation`` fault applies
    ``undo`` instead. A repeated ``requestId`` is answered with the operation that it began.
    """
    state = call.state
    now = call.context.clock.now()
    name = f"operation-{int(state.wall().timestamp() * 1000)}-{hex_id(13)}-{hex_id(8)}-{hex_id(8)}"
    scope = scope_path(path)
    data: dict[str, Any] = {
        "kind": "compute#operation",
        "id": number_id(),
        "name": name,
        "operationType": operation_type,
        "targetLink": link(path),
        "user": ACCOUNT,
        "insertTime": compute_time(state.wall()),
        "selfLink": link(f"{scope}/operations/{name}"),
    }
    target = record.data.get("id") if record else None
    if target:
        data["targetId"] = target
    if "/regions/" in scope:
        data["region"] = link(scope)
    if "/zones/" in scope:
        data["zone"] = link(scope)
    operation = Operation(name, now, now + call.context.profile.seconds(duration), state.wall(), data)
    failure = call.context.take_operation_failure(call.method.id)
    state.operations[f"compute/{scope}/operations/{name}"] = operation
    if record is not None:
        record.operation = operation

    def finish() -> None:
        operation.ended = state.wall()
        if failure is not None:
            undo()
            message = failure.message or "Internal error. Please try again or contact Google Support."
            operation.error = _failed(failure.code or "INTERNAL_ERROR", message, failure.status or 500)
        else:
            operation.error = effect()

    state.at(operation.end, finish)
    answer = render(state, operation)
    request_id = call.query.get("requestId")
    if request_id:
        state.idempotent[(call.method.id, request_id)] = answer
    return answer


def repeated(call: Call) -> dict[str, Any] | None:
    """The operation that an earlier request with the same ``requestId`` began."""
    request_id = call.query.get("requestId")
    begun = call.state.idempotent.get((call.method.id, request_id)) if request_id else None
    if begun is None:
        return None
    key = f"compute/{scope_path(begun['selfLink'].split('/compute/v1/')[1])}/operations/{begun['name']}"
    return render(call.state, call.state.operations[key])


def render(state: State, operation: Operation) -> dict[str, Any]:
    """The operation as it is now."""
    share = operation.share(state.context.clock.now())
    answer = dict(operation.data)
    if operation.done:
        answer.update(status="DONE", progress=100, startTime=compute_time(operation.started))
        answer["endTime"] = compute_time(operation.ended or operation.started)
        if operation.error:
            answer.update(operation.error)
    elif operation.end > operation.begin and share < _PENDING_SHARE:
        answer.update(status="PENDING", progress=0)
    else:
        answer.update(status="RUNNING", progress=int(share * 100), startTime=compute_time(operation.started))
    return answer


def in_use(what: str, path: str, user: str) -> dict[str, Any]:
    """The error of a delete operation that ends DONE and has deleted nothing."""
    message = f"The {what} resource '{path}' is already being used by '{user}'"
    return _failed("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", message, 400)


def _failed(code: str, message: str, status: int) -> dict[str, Any]:
    words = {400: "BAD REQUEST", 403: "FORBIDDEN", 409: "CONFLICT", 503: "SERVICE UNAVAILABLE"}
    return {
        "error": {"errors": [{"code": code, "message": message}]},
        "httpErrorStatusCode": status,
        "httpErrorMessage": words.get(status, "INTERNAL SERVER ERROR"),
    }


def _key(call: Call) -> str:
    path = call.path
    scope = f"regions/{path['region']}" if "region" in path else f"zones/{path['zone']}" if "zone" in path else "global"
    return f"compute/projects/{PROJECT}/{scope}/operations/"


def _find(call: Call) -> Operation:
    key = _key(call) + call.path["operation"]
    operation = call.state.operations.get(key)
    if operation is None:
        raise GoogleError(404, f"The resource '{key.partition('/')[2]}' was not found")
    return operation


@handles("compute.globalOperations.get", "compute.regionOperations.get", "compute.zoneOperations.get")
def get(call: Call) -> dict[str, Any]:
    """One operation."""
    return render(call.state, _find(call))


@handles("compute.globalOperations.wait", "compute.regionOperations.wait", "compute.zoneOperations.wait")
async def wait(call: Call) -> dict[str, Any]:
    """One operation, when it is over or after two minutes."""
    operation = _find(call)
    clock = call.context.clock
    limit = clock.now() + _WAIT_LIMIT
    while not operation.done and clock.now() < limit:
        await asyncio.sleep(max(0.005, min(operation.end - clock.now(), 0.25)))
        call.state.settle()
    return render(call.state, operation)


@handles("compute.globalOperations.delete", "compute.regionOperations.delete", "compute.zoneOperations.delete")
def delete(call: Call) -> Answer:
    """Forget an operation."""
    _find(call)
    del call.state.operations[_key(call) + call.path["operation"]]
    return Answer(status=204)


@handles("compute.globalOperations.list", "compute.regionOperations.list", "compute.zoneOperations.list")
def listing(call: Call) -> dict[str, Any]:
    """The operations of a scope, newest first."""
    prefix = _key(call)
    test = predicate(call.query.get("filter"))
    found = [render(call.state, item) for key, item in call.state.operations.items() if key.startswith(prefix)]
    found.reverse()
    items, token = page(filter(test, found), call.query.get("maxResults"), call.query.get("pageToken"))
    scope = prefix.removeprefix("compute/").rstrip("/")
    answer: dict[str, Any] = {"kind": "compute#operationList", "id": scope, "selfLink": link(scope)}
    if items:
        answer["items"] = items
    if token:
        answer["nextPageToken"] = token
    return answer
