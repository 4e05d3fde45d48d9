"""The programs of this machine that the engines run, and the user they run as."""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
from pathlib import Path

# Emulators can be told not to use what is installed: SANDBOX_ENGINES=none.
SWITCH = "SANDBOX_ENGINES"
_POSTGRES_TOOLS = ("initdb", "postgres", "pg_basebackup")


@functools.cache
def postgres_directory() -> Path | None:
    """Folder of the newest PostgreSQL's programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: _number(folder.parent.name))
    found = shutil.which("postgres")
    if found:
        folders.insert(0, Path(found).resolve().parent)
    complete = [folder for folder in folders if all((folder / tool).exists() for tool in _POSTGRES_TOOLS)]
    return complete[-1] if complete else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@functools.cache
def redis_program() -> Path | None:
    """The server of Valkey or Redis, in this order."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name) or shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/sbin")
        if found:
            return Path(found)
    return None


def setpriv() -> str | None:
    """util-linux's setpriv: ends a server with the emulator and gives root's rights away."""
    return shutil.which("setpriv")


@functools.cache
def server_user(kind: str) -> pwd.struct_passwd | None:
    """The user that servers run as when this process is root; None = as this process.

    PostgreSQL refuses to be root, and no server needs it.
    """
    if os.geteuid() != 0:
        return None
    for name in (kind, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("neither the server's own user nor nobody exists")


def missing(kind: str) -> str | None:
    """Why there are no local servers of ``kind`` (``postgres`` or ``redis``); None when there are."""
    if os.environ.get(SWITCH, "").lower() in ("none", "off", "0"):
        return f"switched off by {SWITCH}: the control plane alone is emulated"
    program = {"postgres": postgres_directory, "redis": redis_program}[kind]()
    driver = {"postgres": "psycopg", "redis": "redis"}[kind]
    if program is None:
        name = {"postgres": "PostgreSQL", "redis": "Redis or Valkey"}[kind]
        return f"no {name} is installed: the control plane alone is emulated"
    if importlib.util.find_spec(driver) is None:
        return f"the Python package {driver} is not installed: the control plane alone is emulated"
    if os.geteuid() == 0 and setpriv() is None:
        return "no setpriv to leave root's rights with: the control plane alone is emulated"
    return None
