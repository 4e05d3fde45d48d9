"""Files of a PostgreSQL server: the template that all are copied from, and their configuration."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .addresses import Address
from .errors import EngineError
from .process import Runner, pack, remove, unpack
from .tools import postgres_directory

_SCRAM_ROUNDS = 4096
# What every server runs with. Durability against a crash of the machine is given up for speed; statements are
# kept out of the log, because they can hold passwords.
_FIXED = {
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_wal_senders": "10",
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_command": "test -f ../archive/%f || cp %p ../archive/%f",
    "wal_keep_size": "32MB",
    "hot_standby": "on",
    "password_encryption": "scram-sha-256",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "logging_collector": "off",
    "log_destination": "stderr",
}
# Parameters that an instance may set; others belong to the machine or to the emulator.
_FOREIGN = frozenset({*_FIXED, "listen_addresses", "port", "ssl", "ssl_cert_file", "ssl_key_file", "data_directory"})


def cache_directory() -> Path:
    """Where templates are kept between runs: the user's cache, or a directory of ours for users without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    wanted = (Path(base) if base else Path.home() / ".cache") / "multicloud-sandbox"
    try:
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        wanted = Path(tempfile.gettempdir()) / f"multicloud-sandbox-{os.geteuid()}"
        wanted.mkdir(exist_ok=True, mode=0o700)
    if wanted.stat().st_uid != os.geteuid():
        raise EngineError(f"{wanted} belongs to somebody else")
    return wanted


class Template:
    """A freshly initialised cluster, made once per machine, version and superuser."""

    def __init__(self, runner: Runner, superuser: str) -> None:
        programs = postgres_directory()
        if programs is None:
            raise LookupError("no PostgreSQL on this machine")
        self._programs = programs
        self._runner = runner
        self._superuser = superuser
        user = runner.user.pw_name if runner.user else "self"
        base = cache_directory() / f"postgres-{programs.parent.name}-{superuser}-{user}"
        self._archive, self._secret = base.with_suffix(".tar"), base.with_suffix(".password")

    @property
    def superuser_password(self) -> str:
        """Password of the superuser of every server made from the template; kept in a file only we can read."""
        self._make()
        return self._secret.read_text(encoding="ascii")

    def copy_to(self, target: Path) -> None:
        """Fill an empty directory with a new cluster."""
        self._make()
        unpack(self._archive, target)

    def _make(self) -> None:
        with _locked(self._archive.with_suffix(".lock")):
            if self._archive.exists() and self._secret.exists():
                return
            fresh = self._archive.with_suffix(".new")
            remove(fresh)
            password = secrets.token_urlsafe(24)
            self._runner.make_directory(fresh)
            handover = self._archive.with_suffix(".handover")
            self._runner.write(handover, password)
            try:
                with self._runner.opened(fresh, handover) as (names, files):
                    command = [str(self._programs / "initdb"), "-D", names[0], f"--pwfile={names[1]}"]
                    command += ["-U", self._superuser, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
                    self._runner.run([*command, "--no-sync", "--wal-segsize=4"], files)
            finally:
                handover.unlink(missing_ok=True)
            with (fresh / "postgresql.conf").open("a", encoding="ascii") as settings:
                settings.write("include_if_exists = 'parameters.conf'\ninclude = 'sandbox.conf'\n")
            descriptor = os.open(self._secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(password)
            half = self._archive.with_suffix(".half")
            pack(fresh, half)
            half.rename(self._archive)
            remove(fresh)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Emulators of several clouds start at the same time."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_settings(runner: Runner, data: Path, name: str, address: Address, tls: bool) -> None:
    """Where the server listens, and what it always runs with."""
    values = {
        **_FIXED,
        "listen_addresses": address.host,
        "port": str(address.port),
        "cluster_name": name,
        "ssl": "on" if tls else "off",
        **({"ssl_cert_file": "server.crt", "ssl_key_file": "server.key"} if tls else {}),
    }
    runner.write(data / "sandbox.conf", _lines(values))


def write_parameters(runner: Runner, data: Path, parameters: Mapping[str, str]) -> None:
    """What the instance sets itself."""
    runner.write(data / "parameters.conf", _lines({k: v for k, v in parameters.items() if k not in _FOREIGN}))


def write_access(runner: Runner, data: Path, superuser: str, require_tls: bool, tls: bool) -> None:
    """Who may connect and how: passwords for all, over TLS when it is required."""
    secure = "hostssl" if tls else "host"
    lines = [f"{secure} {what} {superuser} 127.0.0.0/8 scram-sha-256" for what in ("all", "replication")]
    lines.append(f"{'hostssl' if require_tls else 'host'} all all 127.0.0.0/8 scram-sha-256")
    runner.write(data / "pg_hba.conf", "\n".join(lines) + "\n")


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key} = '{_quoted(value)}'\n" for key, value in values.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def scram_verifier(password: str) -> str:
    """What the server stores of a password (RFC 5803); so the password itself never travels in a statement."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    stored = hashlib.sha256(client).digest()
    encoded = [base64.b64encode(item).decode() for item in (salt, stored, server)]
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
