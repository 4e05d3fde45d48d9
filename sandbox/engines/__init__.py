"""Real local servers behind emulated database and cache instances.

When PostgreSQL and Redis (or Valkey) of Debian's packages are installed, an emulated instance that is "available"
answers on its endpoint with real rows; without them the control plane alone is emulated.

>>> engine = postgres_engine(context.state_dir / "engines", context.authority)   # None where it is not installed
>>> address = engine.start("db-1", "admin", password, ["app"])                   # a loopback address and a port
>>> engine.snapshot("db-1", "before"); engine.restore("before", "db-2")
"""

from __future__ import annotations

from pathlib import Path

from ..core.tls import Authority
from .addresses import Address
from .errors import EngineError
from .postgres import PostgresEngine
from .redis import RedisEngine
from .tools import missing

__all__ = [
    "Address",
    "EngineError",
    "PostgresEngine",
    "RedisEngine",
    "describe",
    "engine_available",
    "missing",
    "postgres_engine",
    "redis_engine",
]

KINDS = ("postgres", "redis")


def engine_available(kind: str) -> bool:
    """Whether instances of ``kind`` (``postgres`` or ``redis``) get a real server on this machine."""
    return missing(kind) is None


def describe() -> dict[str, str]:
    """Per kind ``local`` or why the control plane alone is emulated."""
    return {kind: missing(kind) or "local" for kind in KINDS}


def postgres_engine(
    directory: Path, authority: Authority, superuser: str = "rdsadmin", admin_group: str = "rds_superuser"
) -> PostgresEngine | None:
    """PostgreSQL servers below ``directory``; None where there is no PostgreSQL. Names are the cloud's own:

    ``superuser`` is the role that the provider keeps to itself, ``admin_group`` what it grants to the admin.
    """
    return PostgresEngine(directory, authority, superuser, admin_group) if engine_available("postgres") else None


def redis_engine(directory: Path, authority: Authority) -> RedisEngine | None:
    """Redis servers below ``directory``; None where there is neither Redis nor Valkey."""
    return RedisEngine(directory, authority) if engine_available("redis") else None
