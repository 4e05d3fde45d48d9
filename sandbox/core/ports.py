"""Ports that emulated API endpoints will be served at."""

from __future__ import annotations

import socket

_FIRST, _LAST = 30000, 32700  # below the range that the kernel hands out by itself
_given: set[int] = set()


def reserve_port() -> int:
    """A loopback port that is free now and that this process has not reserved before."""
    for port in range(_FIRST, _LAST):
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def release_port(port: int) -> None:
    """Give a reserved port back."""
    _given.discard(port)
