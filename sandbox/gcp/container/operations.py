"""GKE's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.faults import FaultRule
from ..calls import Call, handles
from ..errors import GoogleError
from ..state import NUMBER, Operation, Record, uuid, zulu
from .common import Data, kind_of, link, parts

# What the answer of a cluster creation counts. Source: recorded traffic.
_STAGES = (("CLUSTER_CONFIGURING", 13), ("CLUSTER_DEPLOYING", 12), ("CLUSTER_HEALTHCHECKING", 2))
_COUNT_NODES = ("UPDATE_CLUSTER", "UPGRADE_NODES")
# These begin PENDING, all others RUNNING. Source: recorded traffic.
_QUEUED = ("CREATE_NODE_POOL", "DELETE_NODE_POOL", "SET_NODE_POOL_SIZE", "UPGRADE_NODES", "SET_NODE_POOL_MANAGEMENT")


def start(
    call: Call,
    record: Record,
    operation_type: str,
    duration: str,
    effect: Callable[[], None],
    failed: Callable[[str, list[Data]], None],
    pool: str = "",
) -> Data:
    """Begin an operation on a cluster (or a node pool of it).

    ``effect`` is applied at its end; a ``fail_operation`` fault applies ``failed(message, conditions)`` instead.
    """
    state = call.state
    location, name = record.data["location"], record.data["name"]
    now = call.context.clock.now()
    target = f"clusters/{name}/nodePools/{pool}" if pool else f"clusters/{name}"
    data = {
        "name": f"operation-{int(state.wall().timestamp() * 1000)}-{uuid()}",
        "zone": location,
        "operationType": operation_type,
        "startTime": zulu(state.wall(), 9),
        "#target": f"projects/{NUMBER}/{kind_of(location)}/{location}/{target}",
    }
    operation = Operation(data["name"], now, now + call.context.profile.seconds(duration), state.wall(), data)
    failure = call.context.take_operation_failure(call.method.id)
    record.operation = operation
    state.operations[f"container/{location}/{operation.name}"] = operation

    def finish() -> None:
        operation.ended = state.wall()
        if failure is None:
            effect()
            return
        operation.error = _error(failure)
        failed(operation.error["statusMessage"], operation.error["clusterConditions"])

    state.at(operation.end, finish)
    return render(call, operation)


def _error(rule: FaultRule) -> Data:
    message = rule.message or "Internal error."
    condition = {"code": rule.code or "UNKNOWN", "message": message, "canonicalCode": "INTERNAL"}
    return {"statusMessage": message, "error": {"code": 13, "message": message}, "clusterConditions": [condition]}


def render(call: Call, operation: Operation) -> Data:
    """The operation as it is now."""
    answer = {key: value for key, value in operation.data.items() if not key.startswith("#")}
    location = answer["zone"]
    answer["selfLink"] = link(call, f"projects/{NUMBER}/{kind_of(location)}/{location}/operations/{operation.name}")
    answer["targetLink"] = link(call, operation.data["#target"])
    share = operation.share(call.context.clock.now())
    if operation.done:
        answer["status"] = "DONE"
        answer["endTime"] = zulu(operation.ended or operation.started, 9)
        answer.update(operation.error or {})
    else:
        queued = answer["operationType"] in _QUEUED and share < 0.1
        answer["status"] = "PENDING" if queued else "RUNNING"
    if answer["operationType"] == "CREATE_CLUSTER" and (operation.done or share > 0) and not operation.error:
        answer["progress"] = {"metrics": _progress(1.0 if operation.done else share)}
    if answer["operationType"] in _COUNT_NODES and "/nodePools/" in answer["targetLink"] and operation.done:
        answer["progress"] = {"metrics": [{"name": "NODES_TOTAL", "intValue": "0"}]}
    return answer


def _progress(share: float) -> list[dict[str, Any]]:
    total = sum(count for _, count in _STAGES)
    over = int(share * total)
    metrics = []
    for stage, count in _STAGES:
        metrics.append({"name": stage, "intValue": str(max(0, min(count, over)))})
        metrics.append({"name": f"{stage}_TOTAL", "intValue": str(count)})
        over -= count
    return metrics


@handles("container.projects.locations.operations.get")
def get(call: Call) -> Data:
    """One operation."""
    location = parts(call)[0]
    name = call.name.rpartition("/")[2]
    operation = call.state.operations.get(f"container/{location}/{name}")
    if operation is None:
        raise GoogleError(404, f"Not found: operation {name}.")
    return render(call, operation)


@handles("container.projects.locations.operations.list")
def listing(call: Call) -> Data:
    """The operations of a location, ``-`` for all; newest first."""
    location = parts(call)[0]
    prefix = "container/" if location == "-" else f"container/{location}/"
    found = [render(call, item) for key, item in call.state.operations.items() if key.startswith(prefix)]
    found.reverse()
    return {"operations": found} if found else {}


@handles("container.projects.locations.operations.cancel")
def cancel(call: Call) -> Data:
    """Cancelling is refused: the sandbox's operations cannot be undone half-way."""
    get(call)
    raise GoogleError(400, "Operation cannot be cancelled.", status="FAILED_PRECONDITION")
