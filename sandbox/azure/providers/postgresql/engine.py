"""A real PostgreSQL behind each flexible server, where PostgreSQL is installed.

An operation is over when its server has done the work; nothing waits for it but the poll.
Without it the control plane alone is emulated, and servers show the host names of the cloud.
"""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ....engines import Address, PostgresEngine, postgres_engine
from ...store import Record
from .checks import moment

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

PORT = 5432
_LOG = logging.getLogger(__name__)
_LOCAL_PARAMETERS = {
    "max_connections",
    "statement_timeout",
    "work_mem",
    "log_statement",
    "timezone",
    "random_page_cost",
}


class Backing:
    """Does on local servers what the control plane says. Work is queued, and waited for where a client would see it."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._engine: PostgresEngine | None = None
        self._asked = False

    @property
    def engine(self) -> PostgresEngine | None:
        """The engine, made with the first server; None without PostgreSQL."""
        if not self._asked:
            self._asked = True
            context = self._emulator.context
            self._engine = postgres_engine(
                context.state_dir / "engines" / "flexible", context.authority, "azuresu", "azure_pg_admin"
            )
        return self._engine

    def close(self) -> None:
        """End every server."""
        if self._engine is not None:
            self._engine.close()
            self._engine, self._asked = None, False

    def host(self, record: Record) -> str:
        """The loopback address of a server; empty without an engine, and until the server answers."""
        future: Future[Address] | None = record.private.get("address")
        if future is None or not future.done() or future.exception() is not None:
            return ""
        return future.result().host

    def working(self, record: Record) -> bool:
        """Whether work on a server is under way."""
        future: Future[Any] | None = record.private.get("work")
        return future is not None and not future.done()

    def _run(self, record: Record, method: str, *arguments: Any, **options: Any) -> Future[Any] | None:
        engine = self.engine
        if engine is None:
            return None
        future: Future[Any] = engine.background(getattr(engine, method), *arguments, **options)
        future.add_done_callback(_note)
        record.private["work"] = future
        return future

    def create(self, record: Record, wanted: dict[str, Any]) -> None:
        """A new server: empty, restored or following another."""
        if self.engine is None:
            return
        server = record.private["engine"] = f"{record.name.lower()}.{uuid.uuid4().hex[:6]}"
        record.private["backups"] = [f"{server}.0"]
        sent, source = wanted.get("sent") or {}, wanted.get("source")
        if source is not None and source.private.get("engine"):
            self._from(record, source, wanted["mode"], sent)
        else:
            login, password = record.properties.get("administratorLogin"), sent.get("administratorLoginPassword")
            if not login or not password:
                return
            record.private["address"] = self._run(record, "start", server, login, password, port=PORT)
        self._run(record, "snapshot", server, record.private["backups"][0])

    def _from(self, record: Record, source: Record, mode: str, sent: dict[str, Any]) -> None:
        server, other = record.private["engine"], source.private["engine"]
        if mode == "replica":
            record.private["address"] = self._run(record, "replicate", other, server, port=PORT)
            return
        at = moment(sent.get("pointInTimeUTC"))
        backups = list(source.private["backups"])
        record.private["address"] = self._run(record, "restore_to_time", other, server, at, backups, port=PORT)

    def update(self, record: Record, wanted: dict[str, Any]) -> None:
        """A new password, a promotion."""
        server = record.private.get("engine")
        if server is None:
            return
        password = (wanted.get("sent") or {}).get("administratorLoginPassword")
        if password:
            self._run(record, "set_password", server, record.properties["administratorLogin"], password)
        if wanted.get("promote"):
            self._run(record, "promote", server)

    def action(self, record: Record, verb: str) -> None:
        """restart, stop or start."""
        if record.private.get("engine"):
            self._run(record, {"start": "resume"}.get(verb, verb), record.private["engine"])

    def parameter(self, record: Record, name: str, value: str) -> None:
        """A server parameter that means the same on a local server."""
        if record.private.get("engine") and name in _LOCAL_PARAMETERS:
            local = record.private.setdefault("parameters", {})
            local[name] = value
            self._run(record, "set_parameters", record.private["engine"], dict(local))

    def database(self, record: Record, name: str, gone: bool) -> None:
        """A database that was made or dropped through the API."""
        if record.private.get("engine"):
            self._run(record, "drop_database" if gone else "create_database", record.private["engine"], name)

    def backup(self, record: Record, made: Record) -> None:
        """A backup on demand."""
        if record.private.get("engine"):
            made.private["snapshot"] = f"{record.private['engine']}.{uuid.uuid4().hex[:6]}"
            record.private["backups"].append(made.private["snapshot"])
            self._run(record, "snapshot", record.private["engine"], made.private["snapshot"])

    def forget_backup(self, record: Record | None, made: Record) -> None:
        """A deleted backup."""
        if record is not None and made.private.get("snapshot"):
            self._run(record, "delete_snapshot", made.private["snapshot"])

    def lag(self, record: Record) -> float:
        """How many seconds a replica is behind its primary."""
        if self.engine is None or not record.private.get("engine"):
            return 0.0
        return self.engine.lag_seconds(record.private["engine"])

    def retire(self, record: Record) -> None:
        """A deleted server whose backups are kept."""
        if record.private.get("engine"):
            self._run(record, "retire", record.private["engine"])

    def remove(self, record: Record) -> None:
        """A deleted server, with its backups."""
        if record.private.get("engine"):
            self._run(record, "delete", record.private["engine"])
            for backup in record.private.get("backups", ()):
                self._run(record, "delete_snapshot", backup)


def _note(future: Future[Any]) -> None:
    """Work that fails is the sandbox's own fault: say so in its log."""
    if not future.cancelled() and future.exception() is not None:
        _LOG.error("a local server failed", exc_info=future.exception())
