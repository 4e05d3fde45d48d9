"""Local Redis (or Valkey) servers: one per emulated cache."""

from __future__ import annotations

import atexit
import hashlib
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.tls import Authority
from .addresses import LOOPBACK, Address, free_address, is_free
from .errors import EngineError
from .process import Runner, end, last_words, remove
from .tools import redis_program, server_user

if TYPE_CHECKING:
    import redis

_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_START_SECONDS = 15.0
_LAUNCHES = 3
_SUPERUSER = "sandbox-operator"
EVERYTHING = "~* &* +@all"
# What an instance may set; the rest belongs to the machine or to the emulator.
_TUNABLE = re.compile(
    r"maxmemory(-policy|-samples)?|timeout|tcp-keepalive|notify-keyspace-events|databases|appendonly|appendfsync"
    r"|slowlog-.*|hash-.*|list-.*|set-.*|zset-.*|activedefrag|lfu-.*|lazyfree-.*|latency-.*"
)


@dataclass
class _Server:
    """One cache: its files, where it listens, who may use it, and its process while it runs."""

    name: str
    directory: Path
    address: Address
    tls: bool
    cluster: bool
    # Name -> ACL rules, passwords as hashes only.
    users: dict[str, str]
    parameters: dict[str, str]
    operator: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory.with_suffix(".log")


def password_rules(*passwords: str) -> str:
    """ACL rules that let a user in with any of ``passwords``; with none, without any."""
    if not passwords:
        return "nopass"
    return " ".join("#" + hashlib.sha256(password.encode()).hexdigest() for password in passwords)


class RedisEngine:
    """Servers by instance id, and snapshots by snapshot id, below ``directory`` (emptied first).

    Raises KeyError for an unknown id, ValueError for one that is taken, EngineError when the server refuses.
    """

    def __init__(self, directory: Path, authority: Authority) -> None:
        program = redis_program()
        if program is None:
            raise EngineError("no Redis on this machine")
        self._program = program
        self._runner = Runner(server_user("valkey" if program.name.startswith("valkey") else "redis"), "KILL")
        self._directory = directory / "redis"
        remove(self._directory)
        (self._directory / "snapshots").mkdir(parents=True)
        self._authority = authority
        self._servers: dict[str, _Server] = {}
        self._reserved: set[Address] = set()
        self._lock = threading.RLock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="redis")
        atexit.register(self.close)

    def background(self, method: Callable[..., _T], *args: Any, **options: Any) -> Future[_T]:
        """Run ``engine.background(engine.start, …)`` in the engine's thread, after all that was given before."""
        return self._worker.submit(method, *args, **options)

    # --- life of a server ---

    def start(
        self,
        instance_id: str,
        password: str | None = None,
        *,
        tls: bool = True,
        port: int | None = None,
        parameters: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        cluster: bool = False,
        snapshot: str | None = None,
        address: Address | None = None,
    ) -> Address:
        """Make a server, with the keys of ``snapshot`` when given.

        ``password`` is the default user's (None = none is asked). ``users`` replaces it: ACL rules by user name, with
        passwords as ``password_rules`` writes them. With ``cluster`` the server speaks the cluster protocol and holds
        all slots. ``port`` is kept by giving the server a loopback address of its own; ``address`` is one that
        ``reserve`` gave.
        """
        with self._lock:
            if not _NAME.fullmatch(instance_id):
                raise ValueError(f"not an id for a server: {instance_id!r}")
            if instance_id in self._servers:
                raise ValueError(f"there is a server {instance_id} already")
            rules = dict(users or {"default": f"{password_rules(*_listed(password))} {EVERYTHING}"})
            known = {key: value for key, value in (parameters or {}).items() if _TUNABLE.fullmatch(key)}
            address = address or self._find_address(instance_id, port)
            server = _Server(instance_id, self._directory / instance_id, address, tls, cluster, rules, known)
            self._servers[instance_id] = server
            try:
                self._runner.make_directory(server.directory)
                if snapshot is not None:
                    self._runner.write(server.directory / "dump.rdb", self._snapshot_file(snapshot).read_bytes())
                self._launch(server)
            except BaseException:
                self.delete(instance_id)
                raise
            return server.address

    def reserve(self, seed: str, port: int | None) -> Address:
        """An address for a server to come, which no other server gets before ``release``."""
        with self._lock:
            address = self._find_address(seed, port)
            self._reserved.add(address)
            return address

    def release(self, address: Address) -> None:
        """Give a reserved address back."""
        with self._lock:
            self._reserved.discard(address)

    def _find_address(self, seed: str, port: int | None) -> Address:
        taken = {item.address for item in self._servers.values()}
        return free_address(f"{self._directory}/{seed}", port, taken | self._reserved)

    def _launch(self, server: _Server) -> None:
        if server.tls:
            certificate, key = self._authority.issue(
                f"redis-{server.name}", (server.address.host, LOOPBACK, "localhost")
            )
            self._runner.write(server.directory / "server.crt", certificate.read_bytes())
            self._runner.write(server.directory / "server.key", key.read_bytes())
        for attempt in range(_LAUNCHES):
            with self._runner.opened(server.directory) as (names, files):
                # Read from its standard input: what is in there is nowhere on disk.
                configuration = _configuration(server, names[0]).encode()
                server.process = self._runner.start([str(self._program), "-"], server.log, files, configuration)
                try:
                    self._await_ready(server)
                    break
                except EngineError:
                    if attempt + 1 == _LAUNCHES or is_free(server.address):
                        raise
                    server.address = self._find_address(f"{server.name}/{attempt}", server.address.port)
        if server.cluster:
            self.command(server.name, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")

    def _await_ready(self, server: _Server) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.command(server.name, "PING")
            except EngineError as error:
                if server.process is None or server.process.poll() is not None:
                    raise EngineError(f"Redis did not start: {last_words(server.log)}") from error
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def restart(self, instance_id: str, *, tls: bool | None = None) -> Address:
        """Stop and start with the keys it has; ``tls`` switches TLS on or off."""
        with self._lock:
            server = self._servers[instance_id]
            self.stop(instance_id)
            if tls is not None:
                server.tls = tls
            (server.directory / "nodes.conf").unlink(missing_ok=True)
            self._launch(server)
            return server.address

    def stop(self, instance_id: str) -> None:
        """End a server; its keys are saved first."""
        with self._lock:
            server = self._servers[instance_id]
            if server.process is not None:
                self.command(instance_id, "SAVE")
                end(server.process, signal.SIGKILL)
                server.process = None

    def delete(self, instance_id: str) -> None:
        """End a server and remove its keys; snapshots stay. An unknown id is nothing to do."""
        with self._lock:
            server = self._servers.pop(instance_id, None)
            if server is not None:
                if server.process is not None:
                    end(server.process, signal.SIGKILL)
                remove(server.directory)
                server.log.unlink(missing_ok=True)

    def reset(self) -> None:
        """End every server and remove everything, snapshots too."""
        with self._lock:
            for instance_id in list(self._servers):
                self.delete(instance_id)
            remove(self._directory / "snapshots")
            (self._directory / "snapshots").mkdir()

    def close(self) -> None:
        """End every server; part of the emulator's own end."""
        atexit.unregister(self.close)
        self._worker.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for server in self._servers.values():
                if server.process is not None:
                    end(server.process, signal.SIGKILL)
            self._servers.clear()

    def address(self, instance_id: str) -> Address:
        """Where a server listens."""
        return self._servers[instance_id].address

    def running(self, instance_id: str) -> bool:
        """Whether there is such a server and its process lives."""
        server = self._servers.get(instance_id)
        return server is not None and server.process is not None and server.process.poll() is None

    # --- who may use it, how it behaves ---

    def set_passwords(self, instance_id: str, *passwords: str) -> None:
        """The default user's passwords from now on; with several, each of them opens. None = none is asked."""
        self.set_users(instance_id, {"default": f"{password_rules(*passwords)} {EVERYTHING}"})

    def set_users(self, instance_id: str, users: Mapping[str, str]) -> None:
        """Replace all users; connections that are open stay open unless their user is gone."""
        with self._lock:
            server = self._servers[instance_id]
            for name, rules in users.items():
                self.command(instance_id, "ACL", "SETUSER", name, "reset", "on", *rules.split())
            for name in set(server.users) - set(users):
                if name == "default":
                    self.command(instance_id, "ACL", "SETUSER", name, "reset", "off")
                else:
                    self.command(instance_id, "ACL", "DELUSER", name)
            server.users = dict(users)

    def set_parameters(self, instance_id: str, parameters: Mapping[str, str]) -> None:
        """Change parameters of a running server; those that are not the instance's to set are left out."""
        server = self._servers[instance_id]
        for key, value in parameters.items():
            if _TUNABLE.fullmatch(key) and key != "databases":
                self.command(instance_id, "CONFIG", "SET", key, value)
                server.parameters[key] = value

    def flush(self, instance_id: str) -> None:
        """Remove every key."""
        self.command(instance_id, "FLUSHALL")

    def command(self, instance_id: str, *words: str) -> Any:
        """Answer to a command, given as the emulator's own user."""
        import redis

        client = self._client(self._servers[instance_id])
        try:
            return client.execute_command(*words)
        except redis.RedisError as error:
            raise EngineError(f"{words[0]}: {error}") from error
        finally:
            client.close()

    def _client(self, server: _Server) -> redis.Redis:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(
            host=server.address.host,
            port=server.address.port,
            username=_SUPERUSER,
            password=server.operator,
            ssl=server.tls,
            ssl_ca_certs=str(self._authority.certificate_file) if server.tls else None,
            socket_timeout=10,
            retry=Retry(NoBackoff(), 0),
        )

    # --- copies of it ---

    def _snapshot_file(self, snapshot_id: str) -> Path:
        if not _NAME.fullmatch(snapshot_id):
            raise ValueError(f"not an id for a snapshot: {snapshot_id!r}")
        return self._directory / "snapshots" / f"{snapshot_id}.rdb"

    def snapshot(self, instance_id: str, snapshot_id: str) -> None:
        """The keys of a server as of now."""
        with self._lock:
            target = self._snapshot_file(snapshot_id)
            if target.exists():
                raise ValueError(f"there is a snapshot {snapshot_id} already")
            self.command(instance_id, "SAVE")
            shutil.copyfile(self._servers[instance_id].directory / "dump.rdb", target)

    def copy_snapshot(self, snapshot_id: str, new_id: str) -> None:
        """A second copy under another id."""
        shutil.copyfile(self._snapshot_file(snapshot_id), self._snapshot_file(new_id))

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot; an unknown one is nothing to do."""
        self._snapshot_file(snapshot_id).unlink(missing_ok=True)

    def snapshot_bytes(self, snapshot_id: str) -> bytes:
        """A snapshot as a file in Redis' own format (RDB)."""
        return self._snapshot_file(snapshot_id).read_bytes()

    def put_snapshot(self, snapshot_id: str, content: bytes) -> None:
        """A snapshot from a file in Redis' own format (RDB)."""
        self._snapshot_file(snapshot_id).write_bytes(content)

    def has_snapshot(self, snapshot_id: str) -> bool:
        """Whether there is such a snapshot."""
        return self._snapshot_file(snapshot_id).exists()


def _listed(password: str | None) -> list[str]:
    return [] if password is None else [password]


def _configuration(server: _Server, directory: str) -> str:
    where = {"port": "0", "tls-port": str(server.address.port)} if server.tls else {"port": str(server.address.port)}
    secure = {"tls-cert-file": "server.crt", "tls-key-file": "server.key", "tls-auth-clients": "no"}
    values = {
        "bind": server.address.host,
        **where,
        "dir": directory,
        **(secure if server.tls else {}),
        **({"cluster-enabled": "yes"} if server.cluster else {}),
        "protected-mode": "no",
        "save": '""',
        "daemonize": "no",
        **server.parameters,
    }
    lines = [f"{key} {value}" for key, value in values.items()]
    users = server.users if "default" in server.users else {"default": None, **server.users}
    lines += [f"user {name} {'off' if rules is None else f'on {rules}'}" for name, rules in users.items()]
    lines.append(f"user {_SUPERUSER} on {password_rules(server.operator)} {EVERYTHING}")
    return "\n".join(lines) + "\n"
