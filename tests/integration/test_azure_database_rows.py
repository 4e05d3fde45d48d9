"""PostgreSQL on Azure with rows in it: brought back after destruction, passwords renewed under a client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from module_utils._azure.kinds_postgresql import FlexibleServer
from module_utils._azure.secrets import KeyVault
from module_utils._backup import back_up, look
from module_utils._engine.errors import SpecError
from module_utils._restore import Request, restore
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.azure_databases import (
    MAIN,
    insert,
    login,
    needs_engine,
    parts,
    promote,
    rows,
    run,
    stores,
    vault,
)
from tests.integration.azure_stores import acts
from tests.sandbox.azure_support import Subscription


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def site(sandbox: Sandbox) -> dict[str, Any]:
    return {**sites.site("azure", sandbox), "enable_services": True}


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


# -- rows --------------------------------------------------------------------------------------------------------------


@needs_engine
def test_rows_come_back_after_the_database_was_destroyed(
    site: dict[str, Any], azure: Subscription, sandbox: Sandbox
) -> None:
    report = run(site, MAIN)
    insert(azure, report, 1)
    backup = back_up(stores(site, MAIN), "before-change", sites.options())
    assert not backup.failed, backup.summary()
    assert back_up(stores(site, MAIN), "before-change", sites.options()).changed is False
    time.sleep(0.1)
    insert(azure, report, 2)
    run(site, {**MAIN, "state": "absent"})

    found = look(stores(site, MAIN), 60, retry_timeout=10)
    (history,) = found.stores
    assert (history["exists"], found.within_rpo) == (False, True)
    assert [item["label"] for item in history["backups"]] == ["before-change"]
    newest = {**MAIN, "name": "newest", "restore": {"server": "main"}}
    labelled = {**MAIN, "name": "labelled", "restore": {"server": "main", "label": "before-change"}}
    restored = run(site, newest, labelled)
    assert rows(azure, restored, "newest") == [1, 2]
    assert rows(azure, restored, "labelled") == [1]
    assert acts(run(site, newest, labelled)) == {}

    promote(site, newest, server="main", restored="newest")
    assert acts(promote(site, newest, server="main", restored="newest")) == {}
    final = run(site, MAIN, labelled, reapply=True)
    assert rows(azure, final) == [1, 2]
    assert final.outputs["database"]["servers"]["main"]["id"].endswith("-newest-2a0501")
    assert acts(run(site, MAIN, labelled)) == {}


@needs_engine
def test_a_restore_stands_beside_the_original_and_overwrites_nothing(site: dict[str, Any], azure: Subscription) -> None:
    report = run(site, MAIN)
    insert(azure, report, 1)
    beside = {**MAIN, "name": "beside", "restore": {"server": "main"}}
    restored = run(site, MAIN, beside)
    insert(azure, restored, 2)
    assert (rows(azure, restored, "beside"), rows(azure, restored)) == ([1], [1, 2])
    with pytest.raises(SpecError, match="A restore never overwrites"):
        run(site, {**MAIN, "restore": {"server": "beside"}}, beside)
    with pytest.raises(SpecError, match="has no backup 'unknown'"):
        run(site, MAIN, {**beside, "name": "third", "restore": {"server": "main", "label": "unknown"}})

    promote(site, MAIN, beside, server="main", restored="beside")
    swapped = run(site, MAIN, {**MAIN, "name": "main-before-beside"}, reapply=True)
    assert rows(azure, swapped) == [1]
    assert rows(azure, swapped, "main-before-beside") == [1, 2]
    run(site, MAIN, {**MAIN, "name": "main-before-beside"}, state="absent")


@needs_engine
def test_a_whole_site_is_destroyed_and_its_rows_come_back_under_the_old_name(
    site: dict[str, Any], azure: Subscription
) -> None:
    report = run(site, MAIN)
    insert(azure, report, 1)
    assert not back_up(stores(site, MAIN), "before", sites.options()).failed
    time.sleep(0.1)
    insert(azure, report, 2)
    gone = run(site, MAIN, state="absent", find_orphans=True)
    assert gone.orphans == []
    identity = report.outputs["database"]["servers"]["main"]["id"]
    assert identity in [entry["id"] for entry in gone.kept or ()]

    run(site)  # the network and the vault
    wanted = sites.wanted(site, parts(MAIN))
    restored = restore(wanted, Request("main", as_="back", label="before", promote=True), sites.options())
    assert not restored.report.failed, restored.report.summary()
    assert (restored.problem, restored.verified, restored.promoted, restored.former) == ("", True, True, None)
    assert restored.restored_to is not None
    assert restored.data_age_seconds is not None
    again = run(site, MAIN, find_orphans=True)
    assert (acts(again), again.orphans, rows(azure, again)) == ({}, [], [1])
    repeated = restore(wanted, Request("main", as_="back", label="before", promote=True), sites.options())
    assert not repeated.report.changed

    insert(azure, again, 3)
    swapped = restore(wanted, Request("main", as_="back", promote=True), sites.options())
    assert not swapped.report.failed, swapped.report.summary()
    assert (swapped.problem, swapped.former) == ("", "main-before-back")
    final = run(site, MAIN)
    assert rows(azure, final) == [1, 3]
    run(site, {**MAIN, "name": "main-before-back", "state": "absent"})


# -- passwords ---------------------------------------------------------------------------------------------------------


class Client:
    """Connects all the time with what the vault says; tries again for a moment when it is refused."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.connections = 0
        self.failures: list[str] = []

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            until = time.monotonic() + 3
            while True:
                try:
                    self._connect().close()
                    self.connections += 1
                    break
                except psycopg.OperationalError as error:
                    if time.monotonic() > until:
                        self.failures.append(type(error).__name__)
                        break
                time.sleep(0.02)


@needs_engine
def test_passwords_are_renewed_under_a_client_that_keeps_connecting(site: dict[str, Any], azure: Subscription) -> None:
    report = run(site, MAIN)
    secrets = vault(azure)
    names = ("database--main--app-user", "database--main--platform-admin")
    before = [secrets.get_secret(name).value for name in names]
    rotated = {**MAIN, "rotate": True, "users": [{"name": "app_user", "rotate": True}]}
    with Client(lambda: login(azure, report)) as client:
        time.sleep(0.3)
        done = run(site, rotated)
        time.sleep(0.3)
    assert acts(done) == {"azure.postgresql.password main": "update", "postgresql.user main/app_user": "update"}
    assert client.connections > 5
    assert client.failures == []
    after = [secrets.get_secret(name).value for name in names]
    assert all(old != new for old, new in zip(before, after, strict=True))
    login(azure, report, user="platform_admin").close()
    assert acts(run(site, MAIN)) == {}


@needs_engine
@pytest.mark.parametrize("step", ["told to the service", "made current"])
@pytest.mark.parametrize("whose", ["platform_admin", "app_user"])
def test_a_rotation_that_was_killed_is_finished_by_the_next_run(
    site: dict[str, Any], azure: Subscription, monkeypatch: pytest.MonkeyPatch, step: str, whose: str
) -> None:
    report = run(site, MAIN)
    victim = {
        **MAIN,
        "rotate": whose == "platform_admin",
        "users": [{"name": "app_user", "rotate": whose == "app_user"}],
    }

    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        if step == "made current":
            patched.setattr(KeyVault, "promote", die)
        elif whose == "platform_admin":
            patched.setattr(FlexibleServer, "write", die)
        else:
            patched.setattr("module_utils._sql.postgresql.PostgresServer.set_password", die)
        with pytest.raises(Killed):
            run(site, victim)
    name = f"database--main--{whose.replace('_', '-')}"
    assert vault(azure).get_secret(f"{name}--pending").value
    report = run(site, MAIN)
    login(azure, report).close()
    login(azure, report, user="platform_admin").close()
    assert acts(run(site, MAIN)) == {}


@needs_engine
def test_no_password_is_told(site: dict[str, Any], azure: Subscription, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    wanted = sites.wanted(site, parts(MAIN, secrets=({"name": "signing-key"},)))
    report = execute(wanted, sites.options(), notify=lambda event: told.append(repr(event)))
    assert not report.failed, report.summary()
    secrets = vault(azure)
    names = ("database--main--app-user", "database--main--platform-admin", "signing-key")
    values = [str(secrets.get_secret(name).value) for name in names]
    passwords = [json.loads(value)["password"] if value.startswith("{") else value for value in values]
    seen_of_it = " ".join([*told, json.dumps(report.as_dict(), default=str), *capfd.readouterr()])
    assert not [password for password in passwords if password in seen_of_it]
