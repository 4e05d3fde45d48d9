"""Operations of Google's managed services: a target, a verb, and ``done: false`` until the end.

What they print: recorded traffic of Memorystore and Network Connectivity.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from . import lro
from .calls import Call, handles
from .errors import GoogleError
from .listing import page, predicate
from .state import PROJECT, Operation, Record, hex_id, zulu

Data = dict[str, Any]
EMPTY: Data = {"@type": "type.googleapis.com/google.protobuf.Empty"}
# API -> (package of its metadata, how it spells that nobody asked to stop)
_METADATA = {
    "memorystore": ("google.cloud.memorystore.v1", "requestedCancellation"),
    "networkconnectivity": ("google.cloud.networkconnectivity.v1", "requestedCancellation"),
    "redis": ("google.cloud.redis.v1", "cancelRequested"),
}


def busy() -> GoogleError:
    """409 for a second operation on an object."""
    return GoogleError(409, "unable to queue the operation", status="ABORTED")


def check_idle(record: Record) -> None:
    """One operation at a time."""
    if not record.ready:
        raise busy()


def start(
    call: Call,
    record: Record,
    verb: str,
    duration: str,
    response: Callable[[], Data],
    failed: Callable[[str], None] | None = None,
    work: Future[Any] | None = None,
) -> Data:
    """Begin an operation on ``record``; ``response`` is applied at its end and gives the answer (with ``@type``).

    ``failed(message)`` is called instead when it fails. It does not end before ``work`` (of an engine) has.
    """
    state, api = call.state, call.document.api
    target = record.data["name"]
    place = target.split("/")[3]
    package, cancelled = _METADATA[api]
    metadata: Data = {
        "@type": f"type.googleapis.com/{package}.OperationMetadata",
        "createTime": zulu(state.wall(), 9),
        "target": target,
        "verb": verb,
        cancelled: False,
        "apiVersion": "v1",
    }
    stamp = int(state.wall().timestamp() * 1000)
    name = f"projects/{PROJECT}/locations/{place}/operations/operation-{stamp}-{hex_id(13)}-{hex_id(8)}-{hex_id(8)}"
    answer = lro.start(call, name, duration, response, metadata, work)
    operation = lro.find(state, api, name)
    operation.data["done"] = answer["done"] = False
    record.operation = operation

    def ended(finished: Operation) -> None:
        metadata["endTime"] = zulu(finished.ended or state.wall(), 9)
        if finished.error is not None and failed is not None:
            failed(finished.error["message"])

    operation.on_end.append(ended)
    return answer


@handles(
    "memorystore.projects.locations.operations.get",
    "networkconnectivity.projects.locations.operations.get",
    "redis.projects.locations.operations.get",
)
def get(call: Call) -> Data:
    """One operation."""
    return lro.render(lro.find(call.state, call.document.api, call.name))


@handles(
    "memorystore.projects.locations.operations.list",
    "networkconnectivity.projects.locations.operations.list",
    "redis.projects.locations.operations.list",
)
def listing(call: Call) -> Data:
    """The operations of a location, newest first."""
    prefix = f"{call.document.api}/{call.name}/operations/"
    test = predicate(call.query.get("filter"))
    items = [lro.render(item) for key, item in call.state.operations.items() if key.startswith(prefix)]
    items = [item for item in reversed(items) if test(item)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=100)
    answer: Data = {"operations": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer
