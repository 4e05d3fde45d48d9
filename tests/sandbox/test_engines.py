"""Local PostgreSQL and Redis servers: real rows and keys, snapshots, restores, replicas, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.tls import Authority
from sandbox.engines import (
    Address,
    EngineError,
    PostgresEngine,
    RedisEngine,
    describe,
    engine_available,
    postgres_engine,
    redis_engine,
)
from sandbox.engines.redis import EVERYTHING, password_rules

needs_postgres = pytest.mark.skipif(not engine_available("postgres"), reason=describe()["postgres"])
needs_redis = pytest.mark.skipif(not engine_available("redis"), reason=describe()["redis"])

PASSWORD = "first-Secret'1"
OTHER = 'second "Secret" 2'


def wait(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def everything_written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def command_lines() -> bytes:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found.append((path / name).read_bytes())
            except OSError:
                continue
    return b"\n".join(found)


def test_nothing_is_started_where_it_is_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_ENGINES", "none")
    authority = Authority(tmp_path / "ca")
    assert postgres_engine(tmp_path, authority) is None
    assert redis_engine(tmp_path, authority) is None
    assert "control plane alone" in describe()["postgres"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(directory / "ca")


@pytest.fixture(scope="module")
def postgres(directory: Path, authority: Authority) -> Iterator[PostgresEngine]:
    engine = postgres_engine(directory, authority)
    assert engine is not None
    yield engine
    engine.close()


class Client:
    """psycopg as a client of the instance would use it."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    def __call__(self, address: Address, statement: str, password: str = PASSWORD, **options: Any) -> list[Any]:
        import psycopg

        settings: dict[str, Any] = {
            "host": address.host,
            "port": address.port,
            "user": "admin",
            "password": password,
            "dbname": "app",
            "sslmode": "verify-full",
            "sslrootcert": str(self.authority.certificate_file),
            "autocommit": True,
            **options,
        }
        with psycopg.connect(**settings) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def sql(authority: Authority, postgres: PostgresEngine) -> Iterator[Client]:
    yield Client(authority)
    postgres.reset()


@needs_postgres
def test_life_of_a_database(postgres: PostgresEngine, sql: Client, directory: Path) -> None:
    import psycopg

    address = postgres.start("eu-db1", "admin", PASSWORD, ["app"], port=5432)
    assert address.host.startswith("127.")
    assert address.port == 5432
    sql(address, "CREATE TABLE t (n int)")
    sql(address, "INSERT INTO t VALUES (1), (2)")
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        sql(address, "SELECT 1", sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sql(address, "SELECT 1", password=OTHER)
    # The admin is what a provider gives: not a superuser.
    assert sql(address, "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [
        (False, True, True)
    ]
    sql(address, f"CREATE ROLE reader LOGIN PASSWORD '{OTHER}'")
    sql(address, "CREATE DATABASE second")
    assert sql(address, "SELECT 1", password=OTHER, user="reader", dbname="second") == [(1,)]
    postgres.set_password("eu-db1", "admin", OTHER)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sql(address, "SELECT 1")
    assert sql(address, "SELECT count(*) FROM t", password=OTHER) == [(2,)]
    assert postgres.set_parameters("eu-db1", {"work_mem": "8MB", "max_connections": "33"}) == ["max_connections"]
    assert sql(address, "SHOW work_mem", password=OTHER) == [("8MB",)]
    postgres.stop("eu-db1")
    with pytest.raises(psycopg.OperationalError):
        sql(address, "SELECT 1", password=OTHER)
    assert postgres.resume("eu-db1") == address
    assert sql(address, "SHOW max_connections", password=OTHER) == [("33",)]
    postgres.require_tls("eu-db1", False)
    assert sql(address, "SELECT count(*) FROM t", password=OTHER, sslmode="disable") == [(2,)]
    for secret in (PASSWORD, OTHER):
        assert secret.encode() not in everything_written(directory)
        assert secret.encode() not in command_lines().replace(b"\0", b" ")


@needs_postgres
def test_users_and_databases_of_the_provider(postgres: PostgresEngine, sql: Client) -> None:
    address = postgres.start("db", "admin", PASSWORD, ["app"])
    assert address.host == "127.0.0.1"
    postgres.create_user("db", "worker", OTHER)
    postgres.create_database("db", "jobs", owner="worker")
    sql(address, "CREATE TABLE mine (n int)", password=OTHER, user="worker", dbname="jobs")
    assert postgres.users("db") == ["admin", "worker"]
    assert postgres.databases("db") == ["app", "jobs", "postgres"]
    postgres.drop_user("db", "worker")
    postgres.drop_database("db", "jobs")
    assert (postgres.users("db"), postgres.databases("db")) == (["admin"], ["app", "postgres"])


@needs_postgres
def test_backup_destroy_restore(postgres: PostgresEngine, sql: Client) -> None:
    address = postgres.start("db", "admin", PASSWORD, ["app"])
    sql(address, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
    postgres.snapshot("db", "before")
    sql(address, "DELETE FROM t")
    postgres.delete("db")
    assert not postgres.running("db")
    restored = postgres.restore("before", "again", "admin")
    assert sql(restored, "SELECT count(*) FROM t") == [(1000,)]
    postgres.stop("again")
    postgres.snapshot("again", "cold")
    assert sql(postgres.restore("cold", "third", "admin"), "SELECT count(*) FROM t") == [(1000,)]
    with pytest.raises(KeyError):
        postgres.restore("none", "fourth", "admin")
    with pytest.raises(ValueError, match="already"):
        postgres.restore("before", "again", "admin")


@needs_postgres
def test_point_in_time(postgres: PostgresEngine, sql: Client) -> None:
    address = postgres.start("db", "admin", PASSWORD, ["app"])
    postgres.snapshot("db", "base")
    sql(address, "CREATE TABLE t AS SELECT 1 AS n")
    time.sleep(0.05)
    moment = datetime.now(UTC)
    time.sleep(0.05)
    sql(address, "INSERT INTO t VALUES (2)")
    earlier = postgres.restore_to_time("db", "earlier", moment, ["base"])
    assert sql(earlier, "SELECT n FROM t") == [(1,)]
    sql(earlier, "INSERT INTO t VALUES (3)")
    latest = postgres.restore_to_time("db", "latest", None, ["base"])
    assert sql(latest, "SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    assert sql(postgres.restore_to_time("db", "now", datetime.now(UTC), ["base"]), "SELECT max(n) FROM t") == [(2,)]
    # A restored server is the source of further ones.
    postgres.snapshot("latest", "base2")
    sql(latest, "INSERT INTO t VALUES (4)")
    again = postgres.restore_to_time("latest", "again", None, ["base2"])
    assert sql(again, "SELECT max(n) FROM t") == [(4,)]


@needs_postgres
def test_replica(postgres: PostgresEngine, sql: Client) -> None:
    import psycopg

    address = postgres.start("db", "admin", PASSWORD, ["app"])
    replica = postgres.replicate("db", "copy")
    sql(address, "CREATE TABLE t AS SELECT 1 AS n")
    wait(lambda: sql(replica, "SELECT to_regclass('t') IS NOT NULL") == [(True,)])
    assert postgres.lag_seconds("copy") < 5
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        sql(replica, "INSERT INTO t VALUES (2)")
    postgres.promote("copy")
    sql(replica, "INSERT INTO t VALUES (2)")
    postgres.delete("db")
    assert postgres.restart("copy") == replica
    assert sql(replica, "SELECT max(n) FROM t") == [(2,)]


@needs_postgres
def test_a_server_that_cannot_start_says_why(postgres: PostgresEngine, sql: Client) -> None:
    with pytest.raises(EngineError, match="did not start"):
        postgres.start("db", "admin", PASSWORD, parameters={"shared_preload_libraries": "no_such_library"})
    assert not postgres.running("db")
    assert sql(postgres.start("db", "admin", PASSWORD, ["app"]), "SELECT 1") == [(1,)]


@pytest.fixture(scope="module")
def redis(directory: Path, authority: Authority) -> Iterator[RedisEngine]:
    engine = redis_engine(directory, authority)
    assert engine is not None
    yield engine
    engine.close()


@pytest.fixture
def fresh_redis(redis: RedisEngine) -> Iterator[RedisEngine]:
    yield redis
    redis.reset()


def connect(address: Address, authority: Authority | None, password: str | None = PASSWORD, **options: Any) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options["retry"] = Retry(NoBackoff(), 0)
    if authority:
        options.update(ssl=True, ssl_ca_certs=str(authority.certificate_file))
    return redis.Redis(host=address.host, port=address.port, password=password, **options)


@needs_redis
def test_life_of_a_cache(fresh_redis: RedisEngine, authority: Authority, directory: Path) -> None:
    import redis

    engine = fresh_redis
    address = engine.start("cache", PASSWORD, port=6379, parameters={"maxmemory-policy": "allkeys-lru"})
    assert address.port == 6379
    client = connect(address, authority)
    client.set("key", "value")
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    with pytest.raises(redis.AuthenticationError):
        connect(address, authority, OTHER).ping()
    with pytest.raises(redis.AuthenticationError):
        connect(address, authority, None).ping()
    with pytest.raises(redis.ConnectionError):
        connect(address, None).ping()
    # Two passwords at once: nobody is locked out while it is rotated.
    engine.set_passwords("cache", PASSWORD, OTHER)
    assert connect(address, authority).ping()
    assert connect(address, authority, OTHER).ping()
    engine.set_passwords("cache", OTHER)
    with pytest.raises(redis.AuthenticationError):
        connect(address, authority).ping()
    engine.set_parameters("cache", {"maxmemory-policy": "noeviction", "dir": "/"})
    client = connect(address, authority, OTHER)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert engine.restart("cache") == address
    assert connect(address, authority, OTHER).get("key") == b"value"
    engine.snapshot("cache", "before")
    engine.delete("cache")
    again = engine.start("again", PASSWORD, snapshot="before")
    assert connect(again, authority).get("key") == b"value"
    for secret in (PASSWORD, OTHER):
        assert secret.encode() not in everything_written(directory / "redis")
        assert secret.encode() not in command_lines()


@needs_redis
def test_users_cluster_and_plain_text(fresh_redis: RedisEngine) -> None:
    import redis

    users = {"reader": f"{password_rules(PASSWORD)} ~app:* +get", "writer": f"{password_rules(OTHER)} {EVERYTHING}"}
    address = fresh_redis.start("cache", users=users, tls=False)
    connect(address, None, OTHER, username="writer").set("app:1", "x")
    reader = connect(address, None, username="reader")
    assert reader.get("app:1") == b"x"
    with pytest.raises(redis.exceptions.NoPermissionError):
        reader.get("other")
    with pytest.raises(redis.AuthenticationError):
        connect(address, None).ping()
    fresh_redis.set_users("cache", {"writer": users["writer"]})
    with pytest.raises((redis.AuthenticationError, redis.ConnectionError)):
        reader.get("app:1")
    sharded = fresh_redis.start("sharded", PASSWORD, tls=False, cluster=True)
    client = redis.RedisCluster(host=sharded.host, port=sharded.port, password=PASSWORD)
    client.set("k", "v")
    assert client.get("k") == b"v"


@needs_postgres
@needs_redis
def test_servers_end_with_the_emulator(tmp_path: Path, authority: Authority) -> None:
    """Even when it is killed."""
    program = """
import sys, time
from pathlib import Path
from sandbox.core.tls import Authority
from sandbox.engines import postgres_engine, redis_engine
base = Path(sys.argv[1])
authority = Authority(base / "ca")
postgres, redis = postgres_engine(base, authority), redis_engine(base, authority)
a, b = postgres.start("db", "admin", "x"), redis.start("cache", "x")
print(postgres._directory, postgres._servers["db"].process.pid, redis._servers["cache"].process.pid, flush=True)
time.sleep(60)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        directory, *numbers = process.stdout.readline().split()
        assert len(numbers) == 2
        process.send_signal(signal.SIGKILL)
    wait(lambda: not any(_alive(int(pid)) for pid in numbers))
    # What it left in memory is removed by the next one.
    engine = postgres_engine(tmp_path / "next", authority)
    assert engine is not None
    engine.close()
    assert not Path(directory).exists() or Path(directory).is_relative_to(tmp_path)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
