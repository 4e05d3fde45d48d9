"""Everything that the emulated project holds."""

from __future__ import annotations

import base64
import hashlib
import heapq
import itertools
import json
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ..core.connection import GCP_PROJECT, GCP_PROJECT_NUMBER
from ..core.context import Context

if TYPE_CHECKING:
    from .container.kubernetes import Clusters
    from .engines import Engines

PROJECT, NUMBER = GCP_PROJECT, GCP_PROJECT_NUMBER
_PACIFIC = timezone(timedelta(hours=-8))
_JUMP = timedelta(milliseconds=100)
_AGAIN = 0.02  # seconds between two looks at work that a thread does


@dataclass
class Operation:
    """A long-running operation; ``state`` of it is computed from the clock.

    ``data`` holds the answer without what changes with time. ``error`` is the API's own form of failure, set when the
    operation ends. ``extra`` is what only the answer of a finished operation carries.
    """

    name: str
    begin: float
    end: float
    started: datetime
    data: dict[str, Any]
    error: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    ended: datetime | None = None
    # Called at the end, whatever came of it.
    on_end: list[Callable[[Operation], None]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the effect has been applied."""
        return self.ended is not None

    def share(self, now: float) -> float:
        """How much of it is over, 0 to 1."""
        if self.done or self.end <= self.begin:
            return 1.0 if self.done else 0.0
        return max(0.0, min(1.0, (now - self.begin) / (self.end - self.begin)))


@dataclass
class Record:
    """One object: its fields, and the operation that still works on it."""

    data: dict[str, Any]
    operation: Operation | None = None
    # Set for what Google creates by itself; such objects go away with their owner.
    owner: str | None = None

    @property
    def ready(self) -> bool:
        """Whether no operation is under way."""
        return self.operation is None or self.operation.done


class State:
    """All objects, by API; and the operations whose end is still to come."""

    def __init__(self, context: Context, engines: Engines, kubernetes: Clusters) -> None:
        self.context = context
        self.engines = engines
        self.kubernetes = kubernetes
        self.compute: dict[str, Record] = {}
        self.clusters: dict[str, Record] = {}
        self.operations: dict[str, Operation] = {}
        self.service_accounts: dict[str, dict[str, Any]] = {}
        self.account_keys: dict[str, list[dict[str, Any]]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.services: dict[str, bool] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.kms: dict[str, dict[str, Any]] = {}
        self.retired_keys: set[str] = set()
        self.buckets: dict[str, Any] = {}
        # network#user -> the block that a managed service has of the network's allocated ranges
        self.producer_ranges: dict[str, str] = {}
        # Managed services; each package says what its values are.
        self.sql: dict[str, Any] = {}
        self.sql_backups: dict[str, Any] = {}
        # Names of deleted instances that are held back -> until when
        self.sql_names: dict[str, float] = {}
        self.redis: dict[str, Record] = {}
        self.memorystore: dict[str, Record] = {}
        self.cache_backups: dict[str, dict[str, Any]] = {}
        self.connection_policies: dict[str, Record] = {}
        self.secrets: dict[str, Any] = {}
        self.secret_etag = 0
        self.repositories: dict[str, Record] = {}
        self.uploads: dict[str, Any] = {}
        self.idempotent: dict[tuple[str, str], dict[str, Any]] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        # Emulated and real time at the beginning, and whenever the emulated clock was moved.
        self._jumps = [(self.wall(), datetime.now(UTC))]
        self.addresses = itertools.count(1)
        # location/cluster -> host:port of the API server that serves it; loopback while there is none.
        self.api_servers: dict[str, str] = {}

    def at(self, end: float, effect: Callable[[], None]) -> None:
        """Let ``effect`` happen at the instant ``end``: it is applied by the first request after it."""
        heapq.heappush(self._due, (end, next(self._order), effect))

    def when_done(self, end: float, work: Future[Any] | None, effect: Callable[[], None]) -> None:
        """Let ``effect`` happen at ``end``, but not before ``work`` (real, in a thread) is done."""

        def attempt() -> None:
            if work is None or work.done():
                effect()
            else:
                self.at(self.context.clock.now() + _AGAIN, attempt)

        self.at(end, attempt)

    def real_time(self, moment: datetime) -> datetime:
        """When it was on the machine's own clock: the emulated one may have been moved forward since."""
        emulated, real = next((item for item in reversed(self._jumps) if item[0] <= moment), self._jumps[0])
        later = [item[1] for item in self._jumps if item[0] > emulated]
        return min([real + (moment - emulated), *later])

    def settle(self) -> None:
        """Apply every effect that is due."""
        now = self.context.clock.now()
        emulated, real = self.wall(), datetime.now(UTC)
        if abs((emulated - real) - (self._jumps[-1][0] - self._jumps[-1][1])) > _JUMP:
            self._jumps.append((emulated, real))
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def api_server(self, location: str, cluster: str) -> str:
        """Where the API server of a cluster lives."""
        return self.api_servers.get(f"{location}/{cluster}", "127.0.0.1")

    def wall(self) -> datetime:
        """The date that objects carry."""
        return self.context.clock.wall()


def number_id() -> str:
    """A unique 64-bit number, as compute uses for ids."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def hex_id(length: int) -> str:
    """Random lower-case hex digits."""
    return secrets.token_hex((length + 1) // 2)[:length]


def uuid() -> str:
    """A random UUID."""
    text = hex_id(32)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fingerprint(value: Any) -> str:
    """A hash of a value, base64 as compute prints fingerprints."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest[:8]).decode()


def short_hash(value: Any) -> str:
    """Eight hex digits, as GKE prints label fingerprints and resource versions."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def compute_time(moment: datetime) -> str:
    """``2024-04-01T04:34:56.123-08:00``."""
    return moment.astimezone(_PACIFIC).isoformat(timespec="milliseconds")


def zulu(moment: datetime, digits: int = 6) -> str:
    """``2024-04-01T12:34:56.123456Z`` with 0, 3, 6 or 9 digits."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if digits:
        text += f".{moment.microsecond:06d}000"[: digits + 1]
    return text + "Z"
