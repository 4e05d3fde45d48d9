"""PostgreSQL servers of a site on Azure, and clients of them, for the tests that roll them out."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from azure.keyvault.secrets import SecretClient
from module_utils._backup import Stores
from module_utils._capability import driver as driver_for
from module_utils._engine.apply import converge
from module_utils._engine.clock import SystemClock
from module_utils._engine.graph import Graph
from module_utils._engine.report import Report
from module_utils._run import execute, settings_of
from module_utils._spec.arguments import build
from module_utils._spec.database import Database
from module_utils._spec.site import Site

from sandbox.engines import engine_available
from tests.integration import sites
from tests.integration.azure_stores import BASE
from tests.sandbox.azure_support import Subscription

needs_engine = pytest.mark.skipif(not engine_available("postgres"), reason="no PostgreSQL on this machine")
MAIN: dict[str, Any] = {"name": "main", "databases": ["app"], "users": [{"name": "app_user"}]}


def parts(*servers: dict[str, Any], secrets: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    chosen = {
        "network": sites.STORES["network"],
        "secret_store": {"secrets": list(secrets)},
        "database": {"servers": list(servers)},
    }
    return sites.capabilities(chosen)


def run(site: dict[str, Any], *servers: dict[str, Any], secrets: Any = (), **options: Any) -> Report:
    report = execute(sites.wanted(site, parts(*servers, secrets=secrets)), sites.options(**options))
    assert not report.failed, report.summary()
    return report


def without_users(server: dict[str, Any]) -> dict[str, Any]:
    """Users are made by SQL, and need a server that answers."""
    return server if engine_available("postgres") else {**server, "users": []}


def vault(azure: Subscription) -> SecretClient:
    (found,) = azure.vaults.vaults.list_by_resource_group(f"{BASE}-secrets")
    return SecretClient(
        found.properties.vault_uri,
        azure.credential,
        verify_challenge_resource=False,
        connection_verify=azure.ca,
        retry_total=0,
    )


def login(azure: Subscription, report: Report, server: str = "main", user: str = "app_user") -> Any:
    """A connection as the user, with what the vault says now."""
    told = report.outputs["database"]["servers"][server]
    reference = told["users"][user]["secret"] if user in told["users"] else told["admin"]["secret"]
    stored = json.loads(vault(azure).get_secret(reference.rpartition("/")[2]).value or "")
    return psycopg.connect(
        host=told["host"],
        port=told["port"],
        user=stored["username"],
        password=stored["password"],
        dbname="app",
        sslmode="verify-full",
        sslrootcert=azure.ca,
        autocommit=True,
        connect_timeout=5,
    )


def rows(azure: Subscription, report: Report, server: str = "main") -> list[int]:
    with login(azure, report, server) as session:
        return [row[0] for row in session.execute("SELECT id FROM kept ORDER BY id").fetchall()]


def insert(azure: Subscription, report: Report, value: int) -> None:
    with login(azure, report) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        session.execute("INSERT INTO kept VALUES (%s)", (value,))


def stores(site: dict[str, Any], *servers: dict[str, Any]) -> Stores:
    return Stores(build(Site, site), build(Database, {"servers": list(servers)}))


def promote(site: dict[str, Any], *servers: dict[str, Any], server: str, restored: str) -> Report:
    where = build(Site, site)
    driver = driver_for(where, SystemClock())
    built = driver.promotion(build(Database, {"servers": list(servers)}).resolve(where), server, restored)
    report = converge(Graph(built.resources), settings_of(where, sites.options()), SystemClock())
    assert not report.failed, report.summary()
    return report
