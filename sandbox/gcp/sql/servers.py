"""The real PostgreSQL behind an instance, where PostgreSQL is installed.

It always is the version that is installed, and asks for TLS but never for client certificates.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from ...engines import EngineError, PostgresEngine
from ..state import State, hex_id
from .model import Data, Instance

PORT = 5432
# The role of whoever may do most things; it owns the databases that are made by the API.
SUPERUSERS = "cloudsqlsuperuser"
# Flags that the local server may take over; the rest is about memory, logs and extensions of the real service.
_TAKEN = frozenset(
    {
        *("max_connections", "max_locks_per_transaction", "max_prepared_transactions", "work_mem", "statement_timeout"),
        *(
            "lock_timeout",
            "deadlock_timeout",
            "idle_in_transaction_session_timeout",
            "idle_session_timeout",
            "timezone",
        ),
        *("random_page_cost", "seq_page_cost", "jit", "autovacuum", "track_io_timing", "enable_seqscan"),
        *("default_transaction_isolation", "max_standby_streaming_delay"),
    }
)


def parameters(flags: list[dict[str, str]]) -> dict[str, str]:
    """The flags that the local server gets."""
    return {item["name"]: item["value"] for item in flags if item["name"] in _TAKEN}


def asks_for_tls(data: Data) -> bool:
    """Whether clients must speak TLS."""
    return bool(data["settings"]["ipConfiguration"]["sslMode"] != "ALLOW_UNENCRYPTED_AND_ENCRYPTED")


def attach(state: State, instance: Instance) -> None:
    """Reserve a server for a new instance of PostgreSQL."""
    if instance.version.engine == "POSTGRES":
        instance.server = state.engines.new("postgres", instance.name)


def begin(state: State, instance: Instance, password: str | None) -> Future[Any] | None:
    """Start the server of a new instance. Without a password nobody can log in as the admin."""
    real = instance.server
    if real is None:
        return None
    secure, values = asks_for_tls(instance.data), parameters(instance.settings.get("databaseFlags", []))
    secret = password or secrets.token_urlsafe(32)
    return state.engines.run(
        real, lambda engine: engine.start(real.id, "postgres", secret, tls=secure, port=PORT, parameters=values)
    )


def follow(state: State, master: Instance, instance: Instance) -> Future[Any] | None:
    """Start the server of a replica."""
    source, real = master.server, instance.server
    if source is None or real is None:
        return None
    secure = asks_for_tls(instance.data)
    return state.engines.run(real, lambda engine: engine.replicate(source.id, real.id, tls=secure, port=PORT))


def promote(state: State, instance: Instance) -> Future[Any] | None:
    """Let a replica stand alone."""
    real = instance.server
    return state.engines.run(real, lambda engine: engine.promote(real.id)) if real else None


def snapshot(state: State, instance: Instance, name: str) -> Future[Any] | None:
    """Copy what is in an instance."""
    real = instance.server
    return state.engines.run(real, lambda engine: engine.snapshot(real.id, name)) if real else None


def forget_snapshot(state: State, name: str) -> None:
    """Remove a copy."""
    state.engines.run(state.engines.any("postgres"), lambda engine: engine.delete_snapshot(name))


def copy(state: State, source: Instance, instance: Instance) -> Future[Any] | None:
    """Start the server of a new instance with what is in another now."""
    real, origin, name = instance.server, source.server, f"clone-{hex_id(12)}"
    if real is None or origin is None:
        return None
    secure = asks_for_tls(instance.data)

    def work(engine: PostgresEngine) -> Any:
        engine.snapshot(origin.id, name)
        try:
            return engine.restore(name, real.id, "postgres", tls=secure, port=PORT)
        finally:
            engine.delete_snapshot(name)

    return state.engines.run(real, work)


def copy_of_then(
    state: State, source: Instance, instance: Instance, moment: datetime, snapshots: list[str]
) -> Future[Any] | None:
    """Start the server of a new instance with what was in another at ``moment``."""
    real, origin = instance.server, source.server
    if real is None or origin is None:
        return None
    secure, then = asks_for_tls(instance.data), state.real_time(moment)
    return state.engines.run(
        real,
        lambda engine: engine.restore_to_time(origin.id, real.id, then, snapshots, tls=secure, port=PORT),
    )


def restore(state: State, instance: Instance, name: str) -> Future[Any] | None:
    """Put a snapshot in the place of what is in an instance; the address stays."""
    real = instance.server
    if real is None:
        return None
    secure = asks_for_tls(instance.data)

    def work(engine: PostgresEngine) -> Any:
        if not engine.has_snapshot(name):
            raise EngineError("the backup holds no data")
        engine.delete(real.id)
        return engine.restore(name, real.id, "postgres", tls=secure, port=PORT)

    return state.engines.run(real, work)


def change(state: State, before: Instance, after: Data) -> Future[Any] | None:
    """Let the server follow changed settings: flags, TLS, stopped or running."""
    real = before.server
    if real is None or not before.made:
        return None
    values, secure = parameters(after["settings"].get("databaseFlags", [])), asks_for_tls(after)
    stop, stopped = after["settings"]["activationPolicy"] == "NEVER", before.settings["activationPolicy"] == "NEVER"
    same_flags = values == parameters(before.settings.get("databaseFlags", []))
    if same_flags and secure == asks_for_tls(before.data) and stop == stopped:
        return None

    def work(engine: PostgresEngine) -> Any:
        if stopped and not stop:
            engine.resume(real.id)
        if not (stopped and stop):
            engine.require_tls(real.id, secure)
            if engine.set_parameters(real.id, values):
                engine.restart(real.id)
        if stop and not stopped:
            engine.stop(real.id)
        return engine.address(real.id)

    return state.engines.run(real, work)


def add_user(state: State, instance: Instance, user: str, password: str | None) -> Future[Any] | None:
    """Make a user; Cloud SQL makes everyone a member of cloudsqlsuperuser."""
    real, quoted = instance.server, '"' + user.replace('"', '""') + '"'
    if real is None:
        return None

    def work(engine: PostgresEngine) -> None:
        engine.create_user(real.id, user, password, create_roles=True)
        engine.query(real.id, f"GRANT {SUPERUSERS} TO {quoted}")

    return state.engines.run(real, work)


def run(state: State, instance: Instance, method: str, *arguments: Any, **options: Any) -> Future[Any] | None:
    """Call a method of the engine on the instance's server."""
    real = instance.server
    if real is None:
        return None
    return state.engines.run(real, lambda engine: getattr(engine, method)(real.id, *arguments, **options))
