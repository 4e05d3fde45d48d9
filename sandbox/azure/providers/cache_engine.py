"""A real Redis behind each database of Azure Managed Redis, where Redis or Valkey is installed."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ...engines import Address, RedisEngine, redis_engine
from ..store import Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

_PORT = 10000
_LOG = logging.getLogger(__name__)
_EVICTION = {
    "AllKeysLFU": "allkeys-lfu",
    "AllKeysLRU": "allkeys-lru",
    "AllKeysRandom": "allkeys-random",
    "VolatileLRU": "volatile-lru",
    "VolatileLFU": "volatile-lfu",
    "VolatileTTL": "volatile-ttl",
    "VolatileRandom": "volatile-random",
    "NoEviction": "noeviction",
}


class Backing:
    """Does on local servers what the control plane says; an operation is over when its server has done the work."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._engine: RedisEngine | None = None
        self._asked = False

    @property
    def engine(self) -> RedisEngine | None:
        """The engine, made with the first database; None without Redis and Valkey."""
        if not self._asked:
            self._asked = True
            context = self._emulator.context
            self._engine = redis_engine(context.state_dir / "engines" / "managed", context.authority)
        return self._engine

    def close(self) -> None:
        """End every server."""
        if self._engine is not None:
            self._engine.close()
            self._engine, self._asked = None, False

    def reserve(self, cluster: Record) -> None:
        """The loopback address of a cluster's database, which is the cluster's from the beginning."""
        if self.engine is not None:
            cluster.private["address"] = self.engine.reserve(cluster.name.lower(), _PORT)

    def release(self, cluster: Record) -> None:
        """A cluster is gone, and its address free."""
        address: Address | None = cluster.private.get("address")
        if self.engine is not None and address is not None:
            self.engine.release(address)

    def host(self, cluster: Record) -> str:
        """The loopback address of a cluster; empty without an engine."""
        address: Address | None = cluster.private.get("address")
        return address.host if address is not None else ""

    def working(self, record: Record) -> bool:
        """Whether work on a server is under way."""
        future: Future[Any] | None = record.private.get("work")
        return future is not None and not future.done()

    def _run(self, record: Record, method: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any] | None:
        engine = self.engine
        if engine is None:
            return None
        future: Future[Any] = engine.background(method, *arguments, **options)
        future.add_done_callback(_note)
        record.private["work"] = future
        return future

    def create(self, record: Record, snapshot: str | None = None) -> None:
        """A new server."""
        engine = self.engine
        if engine is None:
            return
        properties, cluster = record.properties, self._emulator.store.get(record.parent)
        server = record.private["engine"] = f"{record.parent.rpartition('/')[2].lower()}.{uuid.uuid4().hex[:6]}"
        options = {
            "tls": properties["clientProtocol"] == "Encrypted",
            "port": properties["port"],
            "parameters": {"maxmemory-policy": _EVICTION[properties["evictionPolicy"]]},
            "cluster": properties["clusteringPolicy"] == "OSSCluster",
            "snapshot": snapshot,
            "address": cluster.private.get("address") if cluster is not None else None,
        }
        self._run(record, engine.start, server, secrets.token_urlsafe(32), **options)
        self._run(record, engine.set_passwords, server, *self._passwords(record))

    def _passwords(self, record: Record) -> list[str]:
        if record.properties["accessKeysAuthentication"] != "Enabled":
            return [secrets.token_urlsafe(32)]  # nobody's: principals of the directory alone may enter
        return [record.private["primaryKey"], record.private["secondaryKey"]]

    def update(self, record: Record) -> None:
        """New keys, another eviction policy."""
        engine, server = self.engine, record.private.get("engine")
        if engine is None or server is None:
            return
        policy = _EVICTION[record.properties["evictionPolicy"]]
        self._run(record, engine.set_parameters, server, {"maxmemory-policy": policy})
        self._run(record, engine.set_passwords, server, *self._passwords(record))

    def flush(self, record: Record) -> None:
        """Remove every key."""
        if self.engine is not None and record.private.get("engine"):
            self._run(record, self.engine.flush, record.private["engine"])

    def export(self, record: Record, keep: Callable[[bytes], None]) -> None:
        """Hand the keys to ``keep`` as a file; an empty one without an engine."""
        engine, server = self.engine, record.private.get("engine")
        if engine is None or server is None:
            keep(b"")
            return

        def work() -> None:
            name = f"export.{uuid.uuid4().hex[:8]}"
            engine.snapshot(server, name)
            keep(engine.snapshot_bytes(name))
            engine.delete_snapshot(name)

        self._run(record, work)

    def restore(self, record: Record, content: bytes) -> None:
        """Replace the keys with those of a file."""
        engine, server = self.engine, record.private.get("engine")
        if engine is None or server is None or not content:
            return
        name = f"import.{uuid.uuid4().hex[:8]}"
        self._run(record, engine.put_snapshot, name, content)
        self._run(record, engine.delete, server)
        self.create(record, name)

    def remove(self, record: Record) -> None:
        """A deleted database."""
        if self.engine is not None and record.private.get("engine"):
            self._run(record, self.engine.delete, record.private["engine"])


def _note(future: Future[Any]) -> None:
    """Work that fails is the sandbox's own fault: say so in its log."""
    if not future.cancelled() and future.exception() is not None:
        _LOG.error("a local server failed", exc_info=future.exception())
