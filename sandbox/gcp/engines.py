"""Real servers behind the instances of the project, where PostgreSQL and Redis are installed.

An instance has a server of its own at the standard port of a loopback address, which the API prints as the
instance's address. Without the software the control plane alone is emulated: addresses are those of the network.
Where a machine has one loopback address only, servers get other ports: ``GET /_sandbox/servers`` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from ..core.context import Context
from ..engines import Address, PostgresEngine, RedisEngine, postgres_engine, redis_engine
from .state import hex_id


class Server:
    """One server of an engine; its address is known when the work that makes it is done."""

    def __init__(self, kind: str, instance: str) -> None:
        self.kind = kind
        self.instance = instance
        # Names of instances come again; those of servers do not.
        self.id = f"{instance.replace('/', '.')}.{hex_id(6)}"
        self.address: Address | None = None

    def place(self, address: Address) -> Address:
        """Note where it listens."""
        self.address = address
        return address


class Engines:
    """The engines of one emulator, started with the first instance that needs them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._postgres: PostgresEngine | None = None
        self._redis: RedisEngine | None = None
        self._asked: set[str] = set()
        self.servers: dict[str, Server] = {}
        self._held: list[tuple[PostgresEngine | RedisEngine, Callable[[], None], Future[Any]]] = []
        # Access tokens that are good now: passwords of caches that trust IAM.
        self.access_tokens: Callable[[], list[str]] = list

    @property
    def postgres(self) -> PostgresEngine | None:
        """The engine of Cloud SQL; None without PostgreSQL."""
        if "postgres" not in self._asked:
            self._asked.add("postgres")
            self._postgres = postgres_engine(
                self._context.state_dir / "engines", self._context.authority, "cloudsqladmin", "cloudsqlsuperuser"
            )
        return self._postgres

    @property
    def redis(self) -> RedisEngine | None:
        """The engine of Memorystore; None without Redis and Valkey."""
        if "redis" not in self._asked:
            self._asked.add("redis")
            self._redis = redis_engine(self._context.state_dir / "engines", self._context.authority)
        return self._redis

    def new(self, kind: str, instance: str) -> Server | None:
        """A server of ``kind`` (``postgres`` or ``redis``) to be started; None where there is no engine."""
        if getattr(self, kind) is None:
            return None
        server = Server(kind, instance)
        self.servers[server.id] = server
        return server

    def run(self, server: Server | None, work: Callable[[Any], Any]) -> Future[Any] | None:
        """Let the engine do ``work(engine)`` in its thread, after all it was given before. An address is noted.

        It begins with ``release``, at the end of the request: an operation that is to fail takes it back until then.
        """
        if server is None:
            return None
        engine, future = getattr(self, server.kind), Future[Any]()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work(engine)
            except Exception as error:  # whatever it is, the operation ends with it
                future.set_exception(error)
            else:
                if isinstance(result, Address):
                    server.place(result)
                future.set_result(result)

        self._held.append((engine, task, future))
        return future

    def release(self) -> None:
        """Let all work begin that was given."""
        held, self._held = self._held, []
        for engine, task, _ in held:
            engine.background(task)

    def discard(self) -> None:
        """Take back what has not begun: the operation that it is for fails."""
        held, self._held = self._held, []
        for _, _, future in held:
            future.cancel()
            future.set_running_or_notify_cancel()

    def any(self, kind: str) -> Server | None:
        """A stand-in for work that is about no server; None where there is no engine."""
        return None if getattr(self, kind) is None else Server(kind, "-")

    def drop(self, server: Server | None) -> Future[Any] | None:
        """End a server and forget its data."""
        if server is None:
            return None
        self.servers.pop(server.id, None)
        return self.run(server, lambda engine: engine.delete(server.id))

    def listing(self) -> Iterator[dict[str, Any]]:
        """Every server that listens: whose it is, and where."""
        for server in self.servers.values():
            if server.address is not None:
                host, port = server.address
                yield {"kind": server.kind, "instance": server.instance, "host": host, "port": port}

    def reset(self) -> None:
        """End everything."""
        self.discard()
        self.servers.clear()
        for engine in (self._postgres, self._redis):
            if engine is not None:
                engine.reset()
