"""Database flags: which exist, what they take, and whether they need a restart. A selection of the common ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .versions import Version, invalid_request


@dataclass(frozen=True)
class Flag:
    """One flag. ``low`` and ``high`` bound integers, ``words`` are the values of the others."""

    name: str
    kind: str = "BOOLEAN"
    low: int | None = None
    high: int | None = None
    words: tuple[str, ...] = ()
    restart: bool = False
    engine: str = "POSTGRES"

    def accepts(self, value: str) -> bool:
        """Whether a value may be set."""
        if self.kind == "BOOLEAN":
            return value in ("on", "off")
        if self.kind == "INTEGER":
            number = int(value) if re.fullmatch(r"-?\d+", value) else None
            return (
                number is not None
                and (self.low is None or number >= self.low)
                and (self.high is None or number <= self.high)
            )
        if self.kind == "FLOAT":
            return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
        return not self.words or value in self.words


def _integers(restart: bool, **bounds: tuple[int, int]) -> list[Flag]:
    return [Flag(name, "INTEGER", low, high, restart=restart) for name, (low, high) in bounds.items()]


_MAX = 2**31 - 1
_ALL = [
    Flag("cloudsql.iam_authentication", restart=True),
    Flag("cloudsql.enable_pgaudit", restart=True),
    Flag("cloudsql.enable_pg_cron", restart=True),
    Flag("cloudsql.enable_auto_explain", restart=True),
    Flag("cloudsql.logical_decoding", restart=True),
    Flag("cloudsql.enable_pg_hint_plan", restart=True),
    *(
        Flag(name)
        for name in ("autovacuum", "log_checkpoints", "log_connections", "log_disconnections", "log_duration")
    ),
    *(Flag(name) for name in ("log_lock_waits", "log_hostname", "track_io_timing", "jit", "enable_seqscan")),
    Flag("log_executor_stats"),
    Flag("log_parser_stats"),
    Flag("log_planner_stats"),
    Flag("log_statement_stats"),
    *_integers(
        True,
        max_connections=(14, 262143),
        max_worker_processes=(8, 262143),
        max_prepared_transactions=(0, 262143),
        max_locks_per_transaction=(10, _MAX),
        max_wal_senders=(10, 262143),
        max_replication_slots=(10, 262143),
        shared_buffers=(16, _MAX),
        autovacuum_max_workers=(1, 262143),
        track_activity_query_size=(100, 102400),
    ),
    *_integers(
        False,
        work_mem=(64, _MAX),
        maintenance_work_mem=(1024, _MAX),
        effective_cache_size=(1, _MAX),
        idle_in_transaction_session_timeout=(0, _MAX),
        idle_session_timeout=(0, _MAX),
        statement_timeout=(0, _MAX),
        lock_timeout=(0, _MAX),
        deadlock_timeout=(1, _MAX),
        log_min_duration_statement=(-1, _MAX),
        log_temp_files=(-1, _MAX),
        log_autovacuum_min_duration=(-1, _MAX),
        max_parallel_workers=(0, 1024),
        max_parallel_workers_per_gather=(0, 1024),
        max_wal_size=(2, _MAX),
        min_wal_size=(32, _MAX),
        temp_file_limit=(0, _MAX),
        wal_sender_timeout=(0, _MAX),
        max_standby_streaming_delay=(-1, _MAX),
        max_standby_archive_delay=(-1, _MAX),
        tcp_keepalives_idle=(0, _MAX),
    ),
    Flag("random_page_cost", "FLOAT"),
    Flag("seq_page_cost", "FLOAT"),
    Flag("checkpoint_completion_target", "FLOAT"),
    Flag("autovacuum_vacuum_scale_factor", "FLOAT"),
    Flag("autovacuum_analyze_scale_factor", "FLOAT"),
    Flag("log_statement", "STRING", words=("none", "ddl", "mod", "all")),
    Flag("log_min_messages", "STRING", words=("debug1", "info", "notice", "warning", "error", "log", "fatal", "panic")),
    Flag(
        "log_min_error_statement",
        "STRING",
        words=("debug1", "info", "notice", "warning", "error", "log", "fatal", "panic"),
    ),
    Flag("log_error_verbosity", "STRING", words=("terse", "default", "verbose")),
    Flag("default_transaction_isolation", "STRING"),
    Flag("timezone", "STRING"),
    Flag("log_timezone", "STRING"),
    Flag("pgaudit.log", "STRING"),
    Flag("password_encryption", "STRING", words=("md5", "scram-sha-256")),
    Flag("cross db ownership chaining", engine="SQLSERVER"),
    Flag("contained database authentication", engine="SQLSERVER"),
    Flag("external scripts enabled", restart=True, engine="SQLSERVER"),
    Flag("remote access", restart=True, engine="SQLSERVER"),
    Flag("user connections", "INTEGER", 0, 32767, restart=True, engine="SQLSERVER"),
    Flag("max server memory (mb)", "INTEGER", 1000, _MAX, engine="SQLSERVER"),
    Flag("max degree of parallelism", "INTEGER", 0, 32767, engine="SQLSERVER"),
    Flag("cost threshold for parallelism", "INTEGER", 0, 32767, engine="SQLSERVER"),
    Flag("default trace enabled", engine="SQLSERVER"),
    Flag("optimize for ad hoc workloads", engine="SQLSERVER"),
    Flag("1204", engine="SQLSERVER"),
    Flag("1222", engine="SQLSERVER"),
    Flag("3625", restart=True, engine="SQLSERVER"),
    Flag("slow_query_log", engine="MYSQL"),
    Flag("long_query_time", "FLOAT", engine="MYSQL"),
    Flag("max_connections", "INTEGER", 10, 100000, engine="MYSQL"),
    Flag("local_infile", engine="MYSQL"),
]
FLAGS = {(flag.engine, flag.name): flag for flag in _ALL}


def check(given: list[dict[str, str]], of: Version) -> None:
    """400 for a flag that the engine does not have, or a value that it does not take."""
    seen = set()
    for item in given:
        name, value = item.get("name", ""), item.get("value", "")
        flag = FLAGS.get((of.engine, name))
        if flag is None:
            raise invalid_request(f"Flag ({name}) is not supported for ({of.name}).", "invalidFlagName")
        if name in seen:
            raise invalid_request(f"Flag ({name}) is set more than once.", "duplicateFlag")
        if not flag.accepts(value):
            raise invalid_request(f"Invalid value ({value}) for flag ({name}).", "invalidFlagValue")
        seen.add(name)


def need_restart(before: list[dict[str, str]], after: list[dict[str, str]], of: Version) -> bool:
    """Whether going from one set of flags to another restarts the instance."""
    old = {item["name"]: item.get("value") for item in before}
    new = {item["name"]: item.get("value") for item in after}
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    return any(FLAGS[of.engine, name].restart for name in changed if (of.engine, name) in FLAGS)


def value_of(given: list[dict[str, str]], name: str) -> str:
    """The value of a flag; empty when it is not set."""
    return next((item.get("value", "") for item in given if item["name"] == name), "")
