"""Local PostgreSQL servers: one per emulated instance, with snapshots, restores and replicas."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from .addresses import Address
from .errors import EngineError
from .postgres_contents import Contents
from .postgres_files import write_parameters
from .postgres_servers import NAME, START_SECONDS, Server
from .process import last_words, pack, remove, unpack

_ARCHIVE_SECONDS = 5.0


class PostgresEngine(Contents):
    """Servers by instance id, and snapshots by snapshot id, below ``directory`` (emptied first).

    Every method works at once and blocks (start, snapshot and restore for about a second); ``background`` runs one
    in a thread, in order. Ids hold letters, digits and ``._-``; they are the caller's, unique across regions.
    Raises KeyError for an unknown id, ValueError for one that is taken, EngineError when the server refuses.
    """

    def _snapshot_file(self, snapshot_id: str) -> Path:
        if not NAME.fullmatch(snapshot_id):
            raise ValueError(f"not an id for a snapshot: {snapshot_id!r}")
        return self._snapshots / f"{snapshot_id}.tar"

    def snapshot(self, instance_id: str, snapshot_id: str) -> None:
        """A consistent copy of a server, running or stopped."""
        target = self._snapshot_file(snapshot_id)
        with self._lock:
            server = self._servers[instance_id]
            if target.exists():
                raise ValueError(f"there is a snapshot {snapshot_id} already")
            if server.process is None:
                pack(server.data, target)
                return
            made = self._directory / f".snapshot-{instance_id}"
            self._runner.make_directory(made)
            try:
                self._base_backup(server, made, "--format=tar")
                shutil.move(made / "base.tar", target)
            finally:
                remove(made)

    def _base_backup(self, server: Server, target: Path, *options: str) -> None:
        secret = self._directory / ".pgpass"
        self._runner.write(secret, f"*:*:*:*:{self._template.superuser_password}\n")
        try:
            with self._runner.opened(target, secret) as (names, files):
                command = [str(self._programs / "pg_basebackup"), "-D", names[0], "--checkpoint=fast", "--no-sync"]
                command += ["--wal-method=fetch", "--no-manifest", "-U", self._superuser, *options]
                command += ["-h", server.address.host, "-p", str(server.address.port)]
                self._runner.run(command, files, {"PGPASSFILE": names[1], "PGSSLMODE": "require"})
        finally:
            secret.unlink(missing_ok=True)

    def copy_snapshot(self, snapshot_id: str, new_id: str) -> None:
        """A second copy under another id."""
        with self._lock:
            source = self._snapshot_file(snapshot_id)
            if not source.exists():
                raise KeyError(snapshot_id)
            shutil.copyfile(source, self._snapshot_file(new_id))

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot; an unknown one is nothing to do."""
        self._snapshot_file(snapshot_id).unlink(missing_ok=True)

    def has_snapshot(self, snapshot_id: str) -> bool:
        """Whether there is such a snapshot."""
        return self._snapshot_file(snapshot_id).exists()

    def restore(
        self, snapshot_id: str, instance_id: str, admin_user: str, tls: bool = True, port: int | None = None
    ) -> Address:
        """A new server with what is in a snapshot; roles keep the passwords they had."""
        with self._lock:
            return self._from_snapshot(snapshot_id, instance_id, admin_user, tls, port)

    def _from_snapshot(
        self,
        snapshot_id: str,
        instance_id: str,
        admin: str,
        tls: bool,
        port: int | None,
        archive: Path | None = None,
        recovery: dict[str, str] | None = None,
    ) -> Address:
        source = self._snapshot_file(snapshot_id)
        if not source.exists():
            raise KeyError(snapshot_id)
        server = self._new(instance_id, admin, tls, port)
        try:
            self._runner.make_directory(server.data)
            unpack(source, server.data)
            (server.data / "postgresql.auto.conf").write_bytes(b"")
            (server.data / "standby.signal").unlink(missing_ok=True)
            if archive is not None and recovery is not None:
                self._prepare_recovery(server, archive, recovery)
            self._launch(server)
            if recovery is not None:
                self._await_promotion(server)
        except BaseException:
            self.delete(instance_id)
            raise
        return server.address

    def _prepare_recovery(self, server: Server, archive: Path, recovery: dict[str, str]) -> None:
        """The log is read from a copy in the data directory: the source may be deleted meanwhile."""
        copied = self._runner.make_directory(server.data / "sandbox_archive")
        for segment in archive.iterdir():
            self._runner.own(Path(shutil.copy(segment, copied)))
        self._runner.write(server.data / "recovery.signal", "")
        server.parameters = {**recovery, "restore_command": "cp sandbox_archive/%f %p"}

    def restore_to_time(
        self,
        source_id: str,
        instance_id: str,
        moment: datetime | None,
        snapshots: Iterable[str],
        tls: bool = True,
        port: int | None = None,
    ) -> Address:
        """A new server as the source was at ``moment`` (aware; None = now), from the newest of ``snapshots`` before it.

        ``snapshots`` are snapshots of the source by age, oldest first, all from before ``moment``. The source's log
        is replayed from its archive.
        """
        with self._lock:
            server = self._servers[source_id]
            usable = [item for item in snapshots if self.has_snapshot(item)]
            if not usable:
                raise EngineError(f"no snapshot of {source_id} to start from")
            self._archive_all(server)
            recovery = {"recovery_target_action": "promote", "recovery_target_timeline": "current"}
            if moment is not None:
                recovery["recovery_target_time"] = moment.isoformat(sep=" ")
            archive = server.directory / "archive"
            return self._from_snapshot(usable[-1], instance_id, server.admin, tls, port, archive, recovery)

    def retire(self, instance_id: str) -> None:
        """Stop a server for good; it can still be restored to any moment up to now."""
        with self._lock:
            self._archive_all(self._servers[instance_id])
            self.stop(instance_id)

    def _archive_all(self, server: Server) -> None:
        """Get everything committed so far into the archive, with a commit after the last of it."""
        if server.process is None:
            return
        with self._connect(server) as connection:
            connection.execute("SELECT txid_current()")
            row = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
            connection.execute("SELECT pg_switch_wal()")
        name = str(row[0]) if row else ""
        deadline = time.monotonic() + _ARCHIVE_SECONDS
        while not (server.directory / "archive" / name).exists():
            if time.monotonic() > deadline:
                raise EngineError("the log could not be archived")
            time.sleep(0.02)

    def _await_promotion(self, server: Server) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.query(server.name, "SELECT pg_is_in_recovery()")[0][0]:
            if time.monotonic() > deadline or not self.running(server.name):
                raise EngineError(f"recovery did not end: {last_words(server.log)}")
            time.sleep(0.05)
        server.parameters = {}
        write_parameters(self._runner, server.data, {})
        remove(server.data / "sandbox_archive")
        self._reload(server)

    # --- replicas ---

    def replicate(self, source_id: str, replica_id: str, tls: bool = True, port: int | None = None) -> Address:
        """A server that follows another, read-only."""
        with self._lock:
            source = self._servers[source_id]
            server = self._new(replica_id, source.admin, tls, port)
            try:
                self._runner.make_directory(server.data)
                self._base_backup(source, server.data)
                self._follow(source, server)
                self._launch(server)
            except BaseException:
                self.delete(replica_id)
                raise
            return server.address

    def _follow(self, source: Server, server: Server) -> None:
        self._runner.write(server.data / ".pgpass", f"*:*:*:*:{self._template.superuser_password}\n")
        host, port = source.address
        connection = f"host={host} port={port} user={self._superuser} sslmode=require passfile=.pgpass"
        self._runner.write(server.data / "standby.signal", "")
        server.parameters = {**source.parameters, "primary_conninfo": connection}

    def promote(self, instance_id: str) -> None:
        """Let a replica stand alone and take writes."""
        with self._lock:
            server = self._servers[instance_id]
            self.query(instance_id, "SELECT pg_promote(true, 30)")
            server.parameters.pop("primary_conninfo", None)
            write_parameters(self._runner, server.data, server.parameters)
            (server.data / ".pgpass").unlink(missing_ok=True)
            self._reload(server)

    def lag_seconds(self, instance_id: str) -> float:
        """How far a replica is behind: 0 when it has replayed all that it received."""
        statement = (
            "SELECT CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
            "ELSE COALESCE(EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp()), 0) END"
        )
        return float(self.query(instance_id, statement)[0][0])
