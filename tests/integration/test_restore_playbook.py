"""Rows that survive their database: backed up, destroyed and brought back by the playbooks, on all three clouds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sandbox.engines import engine_available
from tests.integration import stored
from tests.integration.playing import SITES, Platform, good, standing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not engine_available("postgres"), reason="no PostgreSQL on this machine"),
]
SERVER: dict[str, Any] = {"name": "main", "storage_gb": 32, "databases": ["app"], "users": [{"name": "app"}]}
SERVERS = ("-e", json.dumps({"database_servers": [SERVER]}))

# Clusters and all that is about them is another test's.
STORES_ALONE = ("--skip-tags", "cluster,object_store,cache,registry,workload_identity,kubernetes_base,application")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with standing(tmp_path_factory.mktemp("platform")) as made:
        yield made


def connect(platform: Platform, site: str, report: str) -> Any:
    """A connection as the application, with whatever in the stores opens it."""
    told = platform.report(f"{site}{report}")["outputs"]["database"]["servers"]["main"]
    environment = json.loads((platform.sandbox.directory / "environment.json").read_text())
    for password in stored.passwords(environment):
        with contextlib.suppress(psycopg.OperationalError):  # another login's
            return psycopg.connect(
                host=told["host"],
                port=told["port"],
                user="app",
                password=password,
                dbname="app",
                sslmode="require",
                autocommit=True,
                connect_timeout=5,
            )
    pytest.fail(f"no stored password opens {site}")


@pytest.mark.timeout(600)
def test_rows_come_back_after_their_database_is_gone(platform: Platform) -> None:
    good(platform.play("multicloud.platform.site", *STORES_ALONE, *SERVERS))
    for number, site in enumerate(SITES):
        with connect(platform, site, "") as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (%s), (42)", (number,))
    alone = ("-e", json.dumps({"site_capabilities": ["network", "secret_store", "database"], "cache_instances": []}))
    good(platform.play("multicloud.platform.backup", "-e", "backup_label=first", *SERVERS, *alone))

    gone = json.dumps({"database_servers": [{**SERVER, "state": "absent"}]})
    good(platform.play("multicloud.platform.site", "--tags", "database", "-e", gone))
    for site in SITES:
        assert "main" not in platform.report(site)["outputs"]["database"]["servers"]

    words = (*SERVERS, "-e", "restore_server=main", "-e", "restore_as=main-back", "-e", "restore_promote=true")
    said = good(platform.play("multicloud.platform.restore", *words))
    assert said.count("verified main answers as version") == len(SITES)
    for number, site in enumerate(SITES):
        details = platform.report(f"{site}-restore")["details"]
        assert details["verified"]
        assert details["promoted"]
        assert details["former"] is None
        assert details["restore_seconds"] > 0
        assert 0 <= details["data_age_seconds"] < 600
        with connect(platform, site, "-restore") as connection:
            rows = connection.execute("SELECT number FROM kept ORDER BY number").fetchall()
            assert rows == [(number,), (42,)], site
    again = platform.play("multicloud.platform.site", *STORES_ALONE, *SERVERS)
    assert good(again).count("changed=0") == len(SITES)
