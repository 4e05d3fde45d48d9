"""Passwords of databases on Google Cloud: renewed under a client, and through kills at any write."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from sandbox.engines import missing
from sandbox.fixture import Sandbox
from tests.integration.google_rows import (
    ADMIN,
    APP,
    NETWORK,
    PROJECT,
    Killed,
    connect,
    host,
    killed_after,
    password,
    specs,
)
from tests.integration.google_stores import Google, acts, done, run

pytestmark = pytest.mark.skipif(bool(missing("postgres")), reason="PostgreSQL is not installed")


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


@pytest.fixture
def rolled_out(site: dict[str, Any]) -> dict[str, Any]:
    """A site with a database, as the options of the site."""
    done(run(site, specs()))
    return site


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


def test_passwords_are_renewed_under_a_client(rolled_out: dict[str, Any], google: Google) -> None:
    with Client(google) as client:
        for _ in range(3):
            before = password(google, APP), password(google, ADMIN)
            done(run(rolled_out, rotating(admin=True)))
            assert not set(before) & {password(google, APP), password(google, ADMIN)}
    assert client.lost == []
    assert client.connected > 10
    assert client.longest < 3.0
    assert acts(done(run(rolled_out, specs()))) == {}


def kill(
    site: dict[str, Any], sandbox: Sandbox, wanted: dict[str, Any], count: int, operation: str = "", **options: Any
) -> bool:
    """Whether the run got so far."""
    with killed_after(sandbox, count, operation):
        try:
            report = run(site, wanted, **options)
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
    rolled_out: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    count, old = 1, password(google, APP)
    while kill(rolled_out, sandbox, rotating(), count):
        # Nobody is locked out meanwhile: the server takes what is in use, or what is on its way.
        done(run(rolled_out, specs()))
        consistent(google)
        assert acts(done(run(rolled_out, specs()))) == {}
        count += 1
        assert count < 20
    assert count > 5
    assert password(google, APP) != old


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_first_rollout_killed_at_every_other_write_is_finished_by_the_next(
    site: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    """Every password that was made is kept, every server is made once."""
    for count in range(1, 60, 2):
        sandbox.reset("gcp")
        done(run(site, {"network": NETWORK}))
        if not kill(site, sandbox, specs(), count):
            break
        done(run(site, specs()))
        consistent(google)
        report = done(run(site, specs(), find_orphans=True))
        assert (acts(report), report.orphans) == ({}, []), count
    assert count > 10


def test_old_values_are_closed(rolled_out: dict[str, Any], google: Google) -> None:
    done(run(rolled_out, rotating()))
    versions = google("secretmanager").projects().secrets().versions()
    found = versions.list(parent=f"{PROJECT}/secrets/{APP}").execute()["versions"]
    assert [each["state"] for each in found] == ["ENABLED", "DISABLED"]
    assert "scheduledDestroyTime" in found[1]


@pytest.mark.parametrize("operation", ["sql.instances.insert", "sql.instances.patch", "sql.users.insert"])
def test_a_server_that_is_on_its_way_is_waited_for(
    site: dict[str, Any], sandbox: Sandbox, google: Google, operation: str
) -> None:
    """Nothing can be asked of what is in it meanwhile."""
    done(run(site, {"network": NETWORK}))
    larger = specs(size="medium")
    if operation == "sql.instances.patch":
        done(run(site, specs()))
    sandbox.set_profile("realistic", scale=120, cloud="gcp")
    assert kill(site, sandbox, larger, 1, operation)
    done(run(site, larger, retry_timeout=1))  # its creation takes longer
    consistent(google)
    assert acts(done(run(site, larger))) == {}
