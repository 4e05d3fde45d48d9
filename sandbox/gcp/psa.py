"""Private services access: the ranges that managed services take from what a network has allocated for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from .servicenetworking import PEERING
from .state import PROJECT, State

Cidr = ipaddress.IPv4Network
NO_ROOM = (
    "Failed to create subnetwork. Couldn't find free blocks in allocated IP ranges. Please allocate new ranges for "
    "this service provider."
)


def connected(state: State, network: str) -> bool:
    """Whether a network (``projects/<id>/global/networks/<name>``) has a connection to Google's services."""
    return f"{network}#{PEERING}" in state.connections


def ranges(state: State, network: str) -> Iterator[tuple[str, Cidr]]:
    """Name and addresses of every range that is allocated on the connection."""
    connection = state.connections.get(f"{network}#{PEERING}", {})
    for name in connection.get("reservedPeeringRanges", []):
        record = state.compute.get(f"projects/{PROJECT}/global/addresses/{name}")
        if record is not None:
            yield name, Cidr(f"{record.data['address']}/{record.data['prefixLength']}")


def take(state: State, network: str, user: str, length: int, wanted: str = "") -> Cidr | None:
    """A free block for ``user`` from the ranges (only the one named ``wanted``); what it has is kept. None: no room."""
    key = f"{network}#{user}"
    if key in state.producer_ranges:
        return Cidr(state.producer_ranges[key])
    used = [Cidr(item) for other, item in state.producer_ranges.items() if other.startswith(f"{network}#")]
    for name, block in ranges(state, network):
        if (wanted and name != wanted) or block.prefixlen > length:
            continue
        for candidate in block.subnets(new_prefix=length):
            if not any(candidate.overlaps(item) for item in used):
                state.producer_ranges[key] = str(candidate)
                return candidate
    return None


def give_back(state: State, network: str, user: str) -> None:
    """The block is free again."""
    state.producer_ranges.pop(f"{network}#{user}", None)


def in_use(state: State, network: str) -> bool:
    """Whether any service has something in the network."""
    return any(key.startswith(f"{network}#") for key in state.producer_ranges)
