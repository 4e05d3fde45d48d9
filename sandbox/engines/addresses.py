"""Loopback addresses for servers: a port that was asked for is kept by giving the server an address of its own."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_TRIES = 200


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


def free_address(seed: str, port: int | None, avoid: set[Address]) -> Address:
    """An address nobody listens on. ``port`` None = any port of 127.0.0.1.

    Where all of 127.0.0.0/8 is loopback (Linux), a wanted port is had at an address made from ``seed``;
    elsewhere another port is given.
    """
    if port is not None and sys.platform == "linux":
        for host in _hosts(seed):
            address = Address(host, port)
            if address not in avoid and is_free(address):
                return address
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return Address(LOOPBACK, probe.getsockname()[1])


def _hosts(seed: str) -> Iterator[str]:
    for attempt in range(_TRIES):
        digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
        # 127.0.*.* is left to others (resolvers of Debian and systemd live there).
        yield f"127.{1 + digest[0] % 254}.{digest[1]}.{1 + digest[2] % 254}"


def is_free(address: Address) -> bool:
    """Whether nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
