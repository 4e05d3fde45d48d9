"""Databases with real rows on Google Cloud: what the tests of restores and of passwords share."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import psycopg
import urllib3.connectionpool

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, Google, seen

NETWORK: dict[str, Any] = {"addresses": sites.SLOTS}
MAIN: dict[str, Any] = {"name": "main", "databases": ["app"], "users": [{"name": "app"}]}
PROJECT = f"projects/{GCP_PROJECT}"
ADMIN, APP = f"{BASE}-main-postgres", f"{BASE}-main-app"


def specs(**changes: Any) -> dict[str, Any]:
    return {"network": NETWORK, "database": {"servers": [{**MAIN, **changes}]}}


def password(google: Google, secret: str) -> str:
    """What a client reads: `latest`."""
    versions = google("secretmanager").projects().secrets().versions()
    answer = versions.access(name=f"{PROJECT}/secrets/{secret}/versions/latest").execute()
    return str(json.loads(base64.b64decode(answer["payload"]["data"]))["password"])


def host(google: Google, server: str = "main") -> str:
    found = google("sqladmin").instances().list(project=GCP_PROJECT).execute().get("items", [])
    mine = next(each for each in found if each["settings"]["userLabels"]["database-server"] == server)
    return str(next(each["ipAddress"] for each in mine["ipAddresses"] if each["type"] == "PRIVATE"))


def connect(google: Google, secret: str, user: str, server: str = "main") -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=host(google, server),
        user=user,
        password=password(google, secret),
        dbname="app",
        sslmode="require",
        autocommit=True,
        connect_timeout=10,
    )


def insert(google: Google, count: int) -> None:
    with connect(google, APP, "app") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, made timestamptz DEFAULT now())")
        connection.execute("INSERT INTO orders SELECT FROM generate_series(1, %s)", (count,))


def rows(google: Google, secret: str = APP, user: str = "app", server: str = "main") -> int:
    with connect(google, secret, user, server) as connection:
        found = connection.execute("SELECT count(*) FROM orders").fetchone()
    return int(found[0]) if found else 0


class Killed(BaseException):
    """The process dies here."""


@contextlib.contextmanager
def killed_after(sandbox: Sandbox, count: int, operation: str = "") -> Iterator[None]:
    """The run dies once the cloud has carried out this many writes; operation: of this kind."""
    begun, send = seen(sandbox), urllib3.connectionpool.HTTPConnectionPool.urlopen

    def urlopen(pool: Any, *args: Any, **options: Any) -> Any:
        answer = send(pool, *args, **options)
        entries = sandbox.journal("gcp", begun)
        done = [entry["operation"] for entry in entries if entry["write"] and entry["status"] < 400]
        if sum(operation in (each, "") for each in done) >= count:
            raise Killed
        return answer

    with mock.patch.object(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen):
        yield
