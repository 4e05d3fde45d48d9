"""Service Networking: the private connection between a network and Google's managed services."""

from __future__ import annotations

import re
from typing import Any

from . import lro
from .calls import Call, handles
from .compute.links import link
from .compute.networks import drop_peering
from .errors import GoogleError, invalid, permission_denied, precondition
from .state import NUMBER, PROJECT, State, compute_time, hex_id

SERVICE = "services/servicenetworking.googleapis.com"
PEERING = "servicenetworking-googleapis-com"
_NETWORK = re.compile(r"projects/([^/]+)/global/networks/([^/]+)")
_TYPE = "type.googleapis.com/google.cloud.servicenetworking.v1.Connection"


def _network(text: str | None) -> str:
    """The network's path; the project may be its id or its number."""
    found = _NETWORK.fullmatch(text or "")
    if found is None:
        raise invalid(f"Invalid network '{text or ''}': must be projects/{{project}}/global/networks/{{network}}.")
    if found[1] not in (PROJECT, NUMBER):
        raise permission_denied()
    return f"projects/{PROJECT}/global/networks/{found[2]}"


def _must_exist(state: State, path: str) -> None:
    record = state.compute.get(path)
    if record is None:
        raise GoogleError(404, f"Network '{path}' was not found.")
    if not record.ready:
        raise precondition(f"The network '{path}' is not ready.")


def _service(call: Call) -> None:
    parent = call.path.get("parent") or call.path["name"].partition("/connections/")[0]
    if parent not in (SERVICE, "services/-"):
        raise permission_denied(f"Permission denied on service {parent}, or it does not exist.")


def _ranges(call: Call, path: str, names: list[str]) -> list[str]:
    """Every range must be a VPC_PEERING address of the network."""
    if not names:
        raise invalid("At least one reserved peering range must be given.", field="reserved_peering_ranges")
    for name in names:
        record = call.state.compute.get(f"projects/{PROJECT}/global/addresses/{name}")
        data = record.data if record else {}
        if record is None or not record.ready:
            raise invalid(f"Peering range '{name}' was not found in network '{path}'.")
        if data.get("purpose") != "VPC_PEERING" or data.get("network") != link(path):
            raise invalid(f"Address '{name}' is not an allocated range of network '{path}'.")
    return names


def _connect(call: Call, path: str, ranges: list[str]) -> dict[str, Any]:
    state = call.state
    _must_exist(state, path)
    network = state.compute[path].data
    peerings = network.setdefault("peerings", [])
    if PEERING not in [item["name"] for item in peerings]:
        tenant = f"{hex_id(13)}-tp"
        peerings.append(
            {
                "name": PEERING,
                "network": link(f"projects/{tenant}/global/networks/servicenetworking"),
                "state": "ACTIVE",
                "stateDetails": f"[{compute_time(state.wall())}]: Connected.",
                "autoCreateRoutes": True,
                "exchangeSubnetRoutes": True,
                "exportCustomRoutes": False,
                "importCustomRoutes": False,
                "exportSubnetRoutesWithPublicIp": False,
                "importSubnetRoutesWithPublicIp": False,
                "stackType": "IPV4_ONLY",
            }
        )
    connection = {
        "network": f"projects/{NUMBER}/global/networks/{path.rpartition('/')[2]}",
        "peering": PEERING,
        "reservedPeeringRanges": list(ranges),
        "service": SERVICE,
    }
    state.connections[f"{path}#{PEERING}"] = connection
    return {"@type": _TYPE, **connection}


def _operation() -> str:
    return f"operations/pssn.p24-{NUMBER}-{hex_id(8)}-{hex_id(4)}-{hex_id(4)}-{hex_id(4)}-{hex_id(12)}"


@handles("servicenetworking.services.connections.list")
def listing(call: Call) -> dict[str, Any]:
    """The connection of a network, if there is one."""
    _service(call)
    path = _network(call.query.get("network"))
    found = [item for key, item in call.state.connections.items() if key.startswith(f"{path}#")]
    return {"connections": found} if found else {}


@handles("servicenetworking.services.connections.create")
def create(call: Call) -> dict[str, Any]:
    """Connect a network; refused when it is connected with other ranges."""
    _service(call)
    path = _network(call.body.get("network"))
    _must_exist(call.state, path)
    ranges = _ranges(call, path, call.body.get("reservedPeeringRanges", []))
    present = call.state.connections.get(f"{path}#{PEERING}")
    if present and not set(present["reservedPeeringRanges"]) <= set(ranges):
        raise precondition(
            "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.\nExisting allocated "
            f"IP ranges: {present['reservedPeeringRanges']}."
        )
    return lro.start(call, _operation(), "servicenetworking.connect", lambda: _connect(call, path, ranges))


@handles("servicenetworking.services.connections.patch")
def patch(call: Call) -> dict[str, Any]:
    """Change the ranges; creates the connection when there is none. Taking ranges away needs ``force``."""
    _service(call)
    path = _network(call.body.get("network"))
    _must_exist(call.state, path)
    mask = call.query.get("updateMask", "reservedPeeringRanges")
    if mask.replace("reserved_peering_ranges", "reservedPeeringRanges") != "reservedPeeringRanges":
        raise invalid(f"Invalid update mask '{mask}': only reservedPeeringRanges can be updated.", field="update_mask")
    ranges = _ranges(call, path, call.body.get("reservedPeeringRanges", []))
    present = call.state.connections.get(f"{path}#{PEERING}", {}).get("reservedPeeringRanges", [])
    if set(present) - set(ranges) and not call.query.get("force"):
        raise precondition("Cannot remove allocated ranges without force.")
    return lro.start(call, _operation(), "servicenetworking.connect", lambda: _connect(call, path, ranges))


@handles("servicenetworking.services.connections.deleteConnection")
def delete(call: Call) -> dict[str, Any]:
    """Cut the connection of a network."""
    path = _network(call.body.get("consumerNetwork"))
    if f"{path}#{PEERING}" not in call.state.connections:
        raise GoogleError(404, f"Connection for network '{path}' was not found.")

    def response() -> dict[str, Any]:
        if any(key.startswith(f"{path}#") for key in call.state.producer_ranges):
            raise precondition(
                "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using "
                "this connection."
            )
        drop_peering(call.state, path, PEERING)
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}

    return lro.start(call, _operation(), "servicenetworking.disconnect", response)
