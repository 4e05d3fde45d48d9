"""Service addresses and node ports: given once, free again when their service goes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

SERVICE_RANGE = "10.96.0.0/16"
NODE_PORTS = range(30000, 32768)
_RESERVED = 10  # the first addresses: the API server and cluster DNS


class Exhausted(Exception):
    """Nothing is left to give."""


class Addresses:
    """Cluster addresses of services."""

    def __init__(self, cidr: str = SERVICE_RANGE) -> None:
        self.network = ipaddress.ip_network(cidr)
        self._held: dict[str, str] = {}  # address to owner
        self._next = _RESERVED

    def take(self, owner: str, wanted: str = "") -> str:
        """The wanted address, or any. ValueError when it is not possible, Exhausted when none is left."""
        if wanted:
            self._check(owner, wanted)
            return wanted
        for own, holder in self._held.items():
            if holder == owner:
                return own
        size = self.network.num_addresses - 2
        for _ in range(size):
            self._next = self._next % size + 1
            candidate = str(self.network[self._next])
            if candidate not in self._held:
                return candidate
        raise Exhausted("range is full")

    def _check(self, owner: str, wanted: str) -> None:
        try:
            address = ipaddress.ip_address(wanted)
        except ValueError:
            raise ValueError("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)") from None
        if address not in self.network:
            detail = f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {self.network}"
            raise ValueError(f"failed to allocate IP {wanted}: {detail}")
        if self._held.get(wanted, owner) != owner:
            raise ValueError(f"failed to allocate IP {wanted}: provided IP is already allocated")

    def keep(self, owner: str, addresses: Iterable[str]) -> None:
        """The owner holds these and no others."""
        self.release(owner)
        self._held.update(dict.fromkeys(addresses, owner))

    def release(self, owner: str) -> None:
        """The owner is gone."""
        self._held = {address: holder for address, holder in self._held.items() if holder != owner}


class NodePorts:
    """Ports that services open on every node."""

    def __init__(self, ports: range = NODE_PORTS) -> None:
        self._range = ports
        self._held: dict[int, str] = {}
        self._next = 0

    def take(self, owner: str, wanted: int = 0) -> int:
        """The wanted port, or any. ValueError when it is not possible."""
        if wanted:
            if wanted not in self._range:
                last = self._range[-1]
                raise ValueError(f"provided port is not in the valid range. The range of valid ports is 30000-{last}")
            if self._held.get(wanted, owner) != owner:
                raise ValueError("provided port is already allocated")
            return wanted
        for _ in self._range:
            candidate = self._range[self._next % len(self._range)]
            self._next += 1
            if candidate not in self._held:
                return candidate
        raise Exhausted("range is full")

    def keep(self, owner: str, ports: Iterable[int]) -> None:
        """The owner holds these and no others."""
        self.release(owner)
        self._held.update(dict.fromkeys(ports, owner))

    def release(self, owner: str) -> None:
        """The owner is gone."""
        self._held = {port: holder for port, holder in self._held.items() if holder != owner}
