"""A cluster's API server for integration tests of what the collection does in it, and how it is reached."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from module_utils._engine.access import Endpoint, Token
from module_utils._engine.clock import SystemClock
from module_utils._kubernetes.client import Client

from sandbox.core.faults import Faults
from sandbox.kubernetes import MASTERS, ApiServer, UserInfo, start


@dataclass
class Access:
    """Admits with tokens that can be made to end."""

    server: str
    ca: str
    user: UserInfo = field(default_factory=lambda: UserInfo("site", groups=(MASTERS,)))
    lifetime: float | None = None  # of new tokens, in seconds
    made: int = 0
    _valid: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def endpoint(self) -> Endpoint:
        return Endpoint("test", self.server, self.ca)

    def token(self) -> Token:
        with self._lock:
            self.made += 1
            value = f"token-{id(self)}-{self.made}"
            self._valid.add(value)
        return Token(value, None if self.lifetime is None else time.time() + self.lifetime)

    def exec_plugin(self) -> dict[str, Any]:
        return {}

    def revoke(self) -> None:
        """No token made so far is accepted any more."""
        with self._lock:
            self._valid.clear()

    def check(self, token: str) -> UserInfo | None:
        return self.user if token in self._valid else None


class World:
    """A running server, what was asked of it, and ways to reach and to break it."""

    def __init__(self, directory: Path, version: str) -> None:
        self.faults = Faults()
        self.requests: list[dict[str, Any]] = []
        self._accesses: list[Access] = []
        self.server: ApiServer = start(
            "test", version, self._check, directory, record=self._record, strike=self.faults.match
        )

    def access(self, user: UserInfo | None = None, lifetime: float | None = None) -> Access:
        """Of a new identity; an administrator unless told otherwise."""
        made = Access(self.server.url, self.server.ca_pem.decode(), lifetime=lifetime)
        made.user = user or made.user
        self._accesses.append(made)
        return made

    def client(self, access: Access | None = None, **options: Any) -> Client:
        """The collection's client, with an identity of its own."""
        return Client(access or self.access(), SystemClock(), **options)

    @contextmanager
    def watched(self) -> Iterator[list[dict[str, Any]]]:
        """The requests that come in meanwhile."""
        seen: list[dict[str, Any]] = []
        before = len(self.requests)
        yield seen
        seen += self.requests[before:]

    def _check(self, token: str) -> UserInfo | None:
        return next((user for user in (each.check(token) for each in self._accesses) if user), None)

    def _record(self, **entry: Any) -> None:
        self.requests.append(entry)


@contextmanager
def world(version: str = "1.34.2") -> Iterator[World]:
    """A fresh cluster."""
    with tempfile.TemporaryDirectory() as name:
        made = World(Path(name), version)
        try:
            yield made
        finally:
            made.server.stop()


def writes(requests: list[dict[str, Any]]) -> list[str]:
    """What changed something, or tried to: dry runs do not count."""
    return [each["operation"] for each in requests if each["write"]]
