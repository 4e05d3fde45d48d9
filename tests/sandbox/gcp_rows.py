"""Instances of Cloud SQL with rows in them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest

from sandbox.engines import engine_available
from tests.sandbox.gcp_managed import Sql

BACKUPS = {"enabled": True, "pointInTimeRecoveryEnabled": True, "startTime": "03:00"}
PASSWORD = "first-Secret-1"  # opens nothing but the emulator
real = pytest.mark.skipif(not engine_available("postgres"), reason="no PostgreSQL is installed")


@contextmanager
def connected(
    sql: Sql, name: str = "db", user: str = "postgres", password: str = PASSWORD, base: str = "postgres"
) -> Any:
    """A connection to an instance at the address that the API prints."""
    import psycopg

    host = next(item["ipAddress"] for item in sql.get(name)["ipAddresses"] if item["type"] == "PRIMARY")
    port = next(
        item["port"] for item in sql.project.sandbox.control("gcp", "GET", "servers") if item["instance"] == name
    )
    ca = str(sql.project.sandbox.ca_bundle)
    with psycopg.connect(
        host=host,
        port=port,
        user=user,
        password=password,
        dbname=base,
        sslmode="verify-full",
        sslrootcert=ca,
        autocommit=True,
        connect_timeout=5,
    ) as connection:
        yield connection


def rows(sql: Sql, name: str = "db") -> list[int]:
    """What the table of the tests holds."""
    with connected(sql, name) as connection:
        return [item for (item,) in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]


def write(sql: Sql, number: int, name: str = "db") -> None:
    """Put a row into the table."""
    with connected(sql, name) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (n int)")
        connection.execute("INSERT INTO t VALUES (%s)", (number,))


def instance(sql: Sql, name: str = "db", **settings: Any) -> dict[str, Any]:
    """An instance with backups and a password."""
    body = {**sql.body(name, backupConfiguration=BACKUPS, **settings), "rootPassword": PASSWORD}
    return sql.create(body=body)
