"""Databases on Google Cloud with real rows: backups that outlive them, restores, and passwords that are renewed."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import psycopg
import pytest
import urllib3.connectionpool
from module_utils._backup import Stores, back_up, look
from module_utils._engine.errors import SpecError
from module_utils._module import CAPABILITIES
from module_utils._restore import Request, Restored, restore
from module_utils._run import Wanted
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

from sandbox.core.connection import GCP_PROJECT
from sandbox.engines import missing
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, Google, acts, done, run, seen

NETWORK: dict[str, Any] = {"addresses": sites.SLOTS}
MAIN: dict[str, Any] = {"name": "main", "databases": ["app"], "users": [{"name": "app"}]}
PROJECT = f"projects/{GCP_PROJECT}"
ADMIN, APP = f"{BASE}-main-postgres", f"{BASE}-main-app"

pytestmark = pytest.mark.skipif(bool(missing("postgres")), reason="PostgreSQL is not installed")


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


def specs(**changes: Any) -> dict[str, Any]:
    return {"network": NETWORK, "database": {"servers": [{**MAIN, **changes}]}}


def stores(site: dict[str, Any]) -> Stores:
    return Stores(build(Site, site), database=build(CAPABILITIES["database"], specs()["database"]))


def wanted(site: dict[str, Any]) -> Wanted:
    return Wanted(build(Site, site), **{name: build(CAPABILITIES[name], part) for name, part in specs().items()})


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


def bring_back(site: dict[str, Any], **request: Any) -> Restored:
    restored = restore(wanted(site), Request("main", **request), sites.options())
    assert not restored.report.failed, restored.report.summary()
    return restored


@pytest.fixture
def filled(site: dict[str, Any], google: Google) -> dict[str, Any]:
    """A site with a database of 1000 rows, as the options of the site."""
    done(run(site, specs()))
    insert(google, 1000)
    return site


def test_a_destroyed_database_comes_back_with_its_rows(filled: dict[str, Any], google: Google) -> None:
    report = back_up(stores(filled), "before", sites.options())
    assert sorted(acts(report)) == [
        f"gcp.sql.backup {BASE}-main-before",
        f"gcp.sql.backup_retention {BASE}-main",
    ]
    assert report.outputs["database"]["main"].startswith(f"{PROJECT}/backups/")
    again = back_up(stores(filled), "before", sites.options())
    assert acts(again) == {}
    insert(google, 5)  # after the backup
    gone = done(run(filled, specs(), state="absent", find_orphans=True))
    assert gone.orphans == []
    assert report.outputs["database"]["main"] in {each["id"] for each in gone.kept or ()}

    findings = look(stores(filled), 60, retry_timeout=10)
    told = findings.stores[0]
    assert (told["exists"], findings.within_rpo) == (False, True)
    assert [each["label"] for each in told["backups"] if each["kind"] == "manual"] == ["before"]

    done(run(filled, {"network": NETWORK}))
    restored = bring_back(filled, as_="back", label="before", promote=True)
    assert restored.verified
    assert restored.promoted
    assert restored.former is None
    assert restored.restore_seconds is not None
    assert restored.restored_to is not None
    assert restored.data_age_seconds is not None
    assert rows(google) == 1000
    assert acts(done(run(filled, specs()))) == {}
    assert not bring_back(filled, as_="back", label="before", promote=True).report.changed


def test_any_moment_can_be_restored_beside_the_original(filled: dict[str, Any], google: Google) -> None:
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    insert(google, 500)
    restored = bring_back(filled, as_="then", time=moment.isoformat())
    assert restored.verified
    assert (rows(google, f"{BASE}-then-app", "app", "then"), rows(google)) == (1000, 1500)
    with pytest.raises(SpecError, match="is not within what can be restored"):
        bring_back(filled, as_="long-ago", time="2020-01-01T00:00:00Z")

    latest = bring_back(filled, as_="now", promote=True)
    assert latest.former == "main-before-now"
    assert rows(google) == 1500
    left = done(run(filled, specs(), find_orphans=True))
    assert acts(left) == {}
    held = {each["name"] for each in left.orphans or () if each["kind"] == "gcp.sql.instance"}
    assert len(held) == 2, "the former server, and the one that was restored for inspection"
    insert(google, 1)


# -- passwords ---------------------------------------------------------------------------------------------------------


class Client:
    """Somebody who connects all the time, and reads the password again where the one it has is refused."""

    def __init__(self, google: Google) -> None:
        self.google = google
        self.connected, self.longest = 0, 0.0
        self.lost: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Client:
        self._address = host(self.google)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        known = password(self.google, APP)
        kept = self._connect(known)
        while not self._over.is_set():
            refused = time.monotonic()
            while True:
                try:
                    self._connect(known).close()
                    break
                except psycopg.OperationalError as error:
                    if time.monotonic() - refused > 5:
                        self.lost.append(str(error))
                        return
                    known = password(self.google, APP)
            self.connected += 1
            self.longest = max(self.longest, time.monotonic() - refused)
            kept.execute("SELECT 1")
        kept.close()

    def _connect(self, known: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self._address, user="app", password=known, dbname="app", sslmode="require", autocommit=True
        )


def rotating(*, app: bool = True, admin: bool = False) -> dict[str, Any]:
    return specs(users=[{"name": "app", "rotate": app}], rotate=admin)


def test_passwords_are_renewed_under_a_client(filled: dict[str, Any], google: Google) -> None:
    with Client(google) as client:
        for _ in range(3):
            before = password(google, APP), password(google, ADMIN)
            done(run(filled, rotating(admin=True)))
            assert not set(before) & {password(google, APP), password(google, ADMIN)}
    assert client.lost == []
    assert client.connected > 10
    assert client.longest < 3.0
    assert acts(done(run(filled, specs()))) == {}


class Killed(BaseException):
    """The process dies here."""


@contextlib.contextmanager
def killed_after(sandbox: Sandbox, count: int) -> Iterator[None]:
    """The run dies once the cloud has carried out this many writes."""
    begun, send = seen(sandbox), urllib3.connectionpool.HTTPConnectionPool.urlopen

    def urlopen(pool: Any, *args: Any, **options: Any) -> Any:
        answer = send(pool, *args, **options)
        entries = sandbox.journal("gcp", begun)
        if sum(entry["write"] and entry["status"] < 400 for entry in entries) >= count:
            raise Killed
        return answer

    with mock.patch.object(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen):
        yield


def kill(site: dict[str, Any], sandbox: Sandbox, wanted: dict[str, Any], count: int) -> bool:
    """Whether the run got so far."""
    with killed_after(sandbox, count):
        try:
            report = run(site, wanted)
        except Killed:
            return True
    return any("Killed" in entry.error for entry in report.entries)


def consistent(google: Google) -> None:
    """What the store holds is what the server takes, and nothing is on its way."""
    found = google("secretmanager").projects().secrets().list(parent=PROJECT).execute()["secrets"]
    # The place of a value on its way may be there from a run that did not get to write one: it holds nothing.
    on_their_way = [each["name"] for each in found if each["name"].endswith("_pending") and each.get("versionAliases")]
    assert on_their_way == []
    for secret, user in ((ADMIN, "postgres"), (APP, "app")):
        connect(google, secret, user).close()


@pytest.mark.slow
def test_a_renewal_killed_at_any_write_is_finished_by_the_next_run(
    filled: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    count, old = 1, password(google, APP)
    while kill(filled, sandbox, rotating(), count):
        # Nobody is locked out meanwhile: the server takes what is in use, or what is on its way.
        done(run(filled, specs()))
        consistent(google)
        assert acts(done(run(filled, specs()))) == {}
        count += 1
        assert count < 20
    assert count > 5
    assert password(google, APP) != old


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_first_rollout_killed_at_any_write_is_finished_by_the_next(
    site: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    """Every password that was made is kept, every server is made once."""
    for count in range(1, 60):
        sandbox.reset("gcp")
        done(run(site, {"network": NETWORK}))
        if not kill(site, sandbox, specs(), count):
            break
        done(run(site, specs()))
        consistent(google)
        report = done(run(site, specs(), find_orphans=True))
        assert (acts(report), report.orphans) == ({}, []), count
    assert count > 10


def test_old_values_are_closed(filled: dict[str, Any], google: Google) -> None:
    done(run(filled, rotating()))
    versions = google("secretmanager").projects().secrets().versions()
    found = versions.list(parent=f"{PROJECT}/secrets/{APP}").execute()["versions"]
    assert [each["state"] for each in found] == ["ENABLED", "DISABLED"]
    assert "scheduledDestroyTime" in found[1]
