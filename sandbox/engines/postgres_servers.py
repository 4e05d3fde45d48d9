"""The processes of local PostgreSQL servers: one per emulated instance."""

from __future__ import annotations

import atexit
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.tls import Authority
from .addresses import LOOPBACK, Address, free_address, is_free
from .errors import EngineError
from .places import live_directory
from .postgres_files import Template, write_access, write_parameters, write_settings
from .process import Runner, end, last_words, remove
from .tools import postgres_directory, server_user

if TYPE_CHECKING:
    import psycopg

_T = TypeVar("_T")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
START_SECONDS = 30.0
_LAUNCHES = 3


@dataclass
class Server:
    """One instance: its files, where it listens, and its process while it runs."""

    name: str
    directory: Path
    address: Address
    require_tls: bool
    admin: str
    process: subprocess.Popen[bytes] | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"


class Servers:
    """Their life: made, launched, stopped, moved, removed; and statements run in them."""

    def __init__(self, directory: Path, authority: Authority, superuser: str, admin_group: str) -> None:
        programs = postgres_directory()
        if programs is None:
            raise EngineError("no PostgreSQL on this machine")
        self._programs = programs
        self._runner = Runner(server_user("postgres"), "QUIT")
        self._directory = live_directory(directory / "postgres" / "servers")
        self._snapshots = directory / "postgres" / "snapshots"
        remove(self._snapshots)
        self._snapshots.mkdir(parents=True)
        self._authority = authority
        self._superuser = superuser
        self._admin_group = admin_group
        self._template = Template(self._runner, superuser)
        self._servers: dict[str, Server] = {}
        self._lock = threading.RLock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres")
        atexit.register(self.close)

    @property
    def version(self) -> str:
        """Major version of the servers, such as ``15``; whatever version the emulated instance shows."""
        return self._programs.parent.name

    def background(self, method: Callable[..., _T], *args: Any, **options: Any) -> Future[_T]:
        """Run ``engine.background(engine.start, …)`` in the engine's thread, after all that was given before."""
        return self._worker.submit(method, *args, **options)

    def _new(self, instance_id: str, admin: str, require_tls: bool, port: int | None) -> Server:
        if not NAME.fullmatch(instance_id):
            raise ValueError(f"not an id for a server: {instance_id!r}")
        if instance_id in self._servers:
            raise ValueError(f"there is a server {instance_id} already")
        address = self._find_address(instance_id, port)
        server = Server(instance_id, self._directory / instance_id, address, require_tls, admin)
        self._runner.make_directory(server.directory)
        self._runner.make_directory(server.directory / "archive")
        self._servers[instance_id] = server
        return server

    def _launch(self, server: Server) -> None:
        certificate, key = self._authority.issue(
            f"postgres-{server.name}", (server.address.host, LOOPBACK, "localhost")
        )
        self._runner.write(server.data / "server.crt", certificate.read_bytes())
        self._runner.write(server.data / "server.key", key.read_bytes())
        write_parameters(self._runner, server.data, server.parameters)
        write_access(self._runner, server.data, self._superuser, server.require_tls, tls=True)
        for attempt in range(_LAUNCHES):
            write_settings(self._runner, server.data, server.name, server.address, tls=True)
            (server.data / "postmaster.pid").unlink(missing_ok=True)
            try:
                self._start_process(server)
                return
            except EngineError:
                # Somebody may have taken the address since it was found free.
                if attempt + 1 == _LAUNCHES or is_free(server.address):
                    raise
                server.address = self._find_address(f"{server.name}/{attempt}", server.address.port)

    def _start_process(self, server: Server) -> None:
        with self._runner.opened(server.data) as (names, files):
            server.process = self._runner.start([str(self._programs / "postgres"), "-D", names[0]], server.log, files)
            self._await_ready(server)

    def _find_address(self, seed: str, port: int | None) -> Address:
        return free_address(f"{self._directory}/{seed}", port, {item.address for item in self._servers.values()})

    def _await_ready(self, server: Server) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect(server).close()
            except EngineError as error:
                if server.process is None or server.process.poll() is not None:
                    raise EngineError(f"PostgreSQL did not start: {last_words(server.log)}") from error
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self, instance_id: str) -> None:
        """Shut a server down; its data stays."""
        with self._lock:
            server = self._servers[instance_id]
            if server.process is not None:
                end(server.process, signal.SIGINT)
                server.process = None

    def resume(self, instance_id: str) -> Address:
        """Start a stopped server again, at its old address."""
        with self._lock:
            server = self._servers[instance_id]
            if server.process is None:
                self._launch(server)
            return server.address

    def restart(self, instance_id: str) -> Address:
        """Stop and start; parameters that need a restart come into force."""
        with self._lock:
            self.stop(instance_id)
            return self.resume(instance_id)

    def move(self, instance_id: str, port: int | None) -> Address:
        """Let a server listen on another port."""
        with self._lock:
            server = self._servers[instance_id]
            running = server.process is not None
            self.stop(instance_id)
            server.address = self._find_address(instance_id, port)
            return self.resume(instance_id) if running else server.address

    def delete(self, instance_id: str) -> None:
        """End a server and remove its data; snapshots stay. An unknown id is nothing to do."""
        with self._lock:
            server = self._servers.pop(instance_id, None)
            if server is not None:
                if server.process is not None:
                    end(server.process, signal.SIGQUIT)
                remove(server.directory)

    def reset(self) -> None:
        """End every server and remove everything, snapshots too."""
        with self._lock:
            for instance_id in list(self._servers):
                self.delete(instance_id)
            remove(self._snapshots)
            self._snapshots.mkdir()

    def close(self) -> None:
        """End every server; part of the emulator's own end."""
        atexit.unregister(self.close)
        self._worker.shutdown(wait=False, cancel_futures=True)
        for server in list(self._servers.values()):
            if server.process is not None:
                server.process.send_signal(signal.SIGQUIT)
        with self._lock:
            for server in list(self._servers.values()):
                if server.process is not None:
                    end(server.process, signal.SIGQUIT)
            self._servers.clear()
            remove(self._directory)

    def address(self, instance_id: str) -> Address:
        """Where a server listens."""
        return self._servers[instance_id].address

    def running(self, instance_id: str) -> bool:
        """Whether there is such a server and its process lives."""
        server = self._servers.get(instance_id)
        return server is not None and server.process is not None and server.process.poll() is None

    def query(self, instance_id: str, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Rows of a statement, run as the provider's own superuser."""
        with self._connect(self._servers[instance_id], database) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _connect(self, server: Server, database: str = "postgres") -> psycopg.Connection[Any]:
        import psycopg

        try:
            return psycopg.connect(
                host=server.address.host,
                port=server.address.port,
                user=self._superuser,
                password=self._template.superuser_password,
                dbname=database,
                sslmode="require",
                connect_timeout=5,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            raise EngineError(str(error).strip()) from error

    def _reload(self, server: Server) -> None:
        if server.process is not None:
            with self._connect(server) as connection:
                connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.1)  # the server tells nobody when it has read its files
