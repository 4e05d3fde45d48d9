"""Rows on RDS: backed up, lost, brought back; passwords renewed under a client, and while the run is killed."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from module_utils._backup import Stores, back_up, look
from module_utils._restore import Request, restore
from module_utils._spec.arguments import build
from module_utils._spec.database import Database
from module_utils._spec.site import Site

from sandbox.engines import engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.amazon_stores import BASE, BYSTANDER, Killed, acts, amazon, killed_after, run, seen, writes

pytestmark = pytest.mark.skipif(not engine_available("postgres"), reason="no PostgreSQL on this machine")
MAIN: dict[str, Any] = {"name": "main", "databases": ["app"], "users": [{"name": "web"}]}


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def site(sandbox: Sandbox) -> dict[str, Any]:
    return sites.site("aws", sandbox)


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return amazon(sandbox)


def parts(*servers: dict[str, Any]) -> dict[str, Any]:
    return {"network": {"addresses": sites.SLOTS}, "database": {"servers": list(servers)}}


def stores(site: dict[str, Any], *servers: dict[str, Any]) -> Stores:
    return Stores(build(Site, site), build(Database, {"servers": list(servers)}))


def secret(client: Any, reference: str, stage: str = "AWSCURRENT") -> dict[str, str]:
    stored = client("secretsmanager").get_secret_value(SecretId=reference, VersionStage=stage)
    return dict(json.loads(stored["SecretString"]))


def connect(told: dict[str, Any], login: dict[str, str]) -> Any:
    return psycopg.connect(
        host=told["host"],
        port=told["port"],
        user=login["username"],
        password=login["password"],
        dbname="app",
        sslmode="require",
        autocommit=True,
        connect_timeout=5,
    )


def as_user(client: Any, outputs: dict[str, Any], server: str = "main") -> Any:
    told = outputs["database"]["servers"][server]
    return connect(told, secret(client, told["users"]["web"]["secret"]))


def insert(client: Any, outputs: dict[str, Any], value: int) -> None:
    with as_user(client, outputs) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        session.execute("INSERT INTO kept VALUES (%s)", (value,))


def rows(client: Any, outputs: dict[str, Any], server: str = "main") -> list[int]:
    with as_user(client, outputs, server) as session:
        return [row[0] for row in session.execute("SELECT id FROM kept ORDER BY id").fetchall()]


def settled(client: Any, name: str = "main") -> None:
    while True:
        (found,) = client("rds").describe_db_instances(DBInstanceIdentifier=f"{BASE}-{name}")["DBInstances"]
        if found["DBInstanceStatus"] == "available" and found.get("LatestRestorableTime"):
            return
        time.sleep(0.05)


def test_rows_come_back_after_the_database_was_destroyed(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    made = run(site, parts(MAIN))
    insert(client, made.outputs, 1)
    settled(client)
    backup = back_up(stores(site, MAIN), "before-change", sites.options())
    assert not backup.failed, backup.summary()
    mark = seen(sandbox)
    assert back_up(stores(site, MAIN), "before-change", sites.options()).changed is False
    assert writes(sandbox, mark) == []
    settled(client)
    insert(client, made.outputs, 2)
    run(site, parts({**MAIN, "state": "absent", "final_snapshot": True}))
    assert client("rds").describe_db_instances()["DBInstances"] == []

    found = look(stores(site, MAIN), 60, retry_timeout=10)
    (history,) = found.stores
    assert (history["exists"], found.within_rpo) == (False, True)
    assert {item["kind"]: item["label"] for item in history["backups"]} == {"manual": "before-change", "final": ""}
    newest = {**MAIN, "name": "newest", "restore": {"server": "main"}}
    labelled = {**MAIN, "name": "labelled", "restore": {"server": "main", "label": "before-change"}}
    restored = run(site, parts(newest, labelled))
    assert rows(client, restored.outputs, "newest") == [1, 2]
    assert rows(client, restored.outputs, "labelled") == [1]
    mark = seen(sandbox)
    assert (acts(run(site, parts(newest, labelled))), writes(sandbox, mark)) == ({}, [])


def test_a_moment_is_restored_beside_the_original_and_takes_its_name(
    site: dict[str, Any], sandbox: Sandbox, client: Any
) -> None:
    made = run(site, parts(MAIN))
    settled(client)
    insert(client, made.outputs, 1)
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    insert(client, made.outputs, 2)
    while look(stores(site, MAIN), None, retry_timeout=10).stores[0]["restorable_to"] <= moment.isoformat():
        time.sleep(0.2)
    wanted = sites.wanted(site, parts(MAIN))
    request = Request("main", "main-restored", time=moment.isoformat())
    beside = restore(wanted, request, sites.options())
    assert (beside.report.failed, beside.problem) == ([], "")
    assert (beside.verified, beside.promoted) == (True, False)
    assert rows(client, beside.report.outputs, "main-restored") == [1]
    assert rows(client, made.outputs) == [1, 2]
    done = restore(wanted, dataclasses.replace(request, promote=True), sites.options())
    assert (done.report.failed, done.problem) == ([], "")
    assert (done.verified, done.promoted, done.former) == (True, True, "main-before-main-restored")
    assert rows(client, done.report.outputs) == [1]
    names = sorted(item["DBInstanceIdentifier"] for item in client("rds").describe_db_instances()["DBInstances"])
    assert names == [f"{BASE}-main", f"{BASE}-main-before-main-restored"]
    again = restore(wanted, dataclasses.replace(request, promote=True), sites.options())
    assert (again.promoted, acts(again.report)) == (True, {})
    assert acts(run(site, parts(MAIN))) == {}
    former = {"name": "main-before-main-restored", "state": "absent", "final_snapshot": False}
    gone = run(site, parts(MAIN, former), find_orphans=True)
    assert gone.orphans == []


def test_a_server_that_somebody_deleted_comes_back_from_its_retained_backups(site: dict[str, Any], client: Any) -> None:
    made = run(site, parts(MAIN))
    settled(client)
    insert(client, made.outputs, 1)
    rds = client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=f"{BASE}-main", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    while rds.describe_db_instances()["DBInstances"]:
        time.sleep(0.1)
    (history,) = look(stores(site, MAIN), 60, retry_timeout=10).stores
    assert (history["exists"], history["within_rpo"]) == (False, True)
    back = {**MAIN, "name": "back", "restore": {"server": "main"}}
    restored = run(site, parts(back))
    assert rows(client, restored.outputs, "back") == [1]
    assert acts(run(site, parts(back))) == {}


def test_a_promotion_is_finished_after_every_kill(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    made = run(site, parts(MAIN))
    settled(client)
    insert(client, made.outputs, 1)
    back_up(stores(site, MAIN), "one", sites.options())
    wanted = sites.wanted(site, parts(MAIN))
    request = Request("main", "other", label="one", promote=True)
    kills, step = 0, 1
    while True:
        try:
            with killed_after(sandbox, step):
                done = restore(wanted, request, sites.options())
        except Killed:
            kills, step = kills + 1, 1 + kills % 3
            assert kills < 20, "it does not come to an end"
            continue
        break
    assert kills > 3
    assert not done.report.failed, done.report.summary()
    final = run(site, parts(MAIN))
    assert rows(client, final.outputs) == [1]
    assert acts(run(site, parts(MAIN))) == {}


class Knocking:
    """A client that keeps connecting with what the store says, and asks the store again when it is refused."""

    def __init__(self, client: Any, told: dict[str, Any], reference: str) -> None:
        self._told, self._reference, self._client = told, reference, client
        self._over = threading.Event()
        self.connected, self.failures = 0, []  # type: int, list[str]
        self._thread = threading.Thread(target=self._knock, name=BYSTANDER)

    def __enter__(self) -> Knocking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _knock(self) -> None:
        login = secret(self._client, self._reference)
        while not self._over.is_set():
            begun = time.monotonic()
            while True:
                try:
                    connect(self._told, login).close()
                    self.connected += 1
                    break
                except psycopg.OperationalError as error:
                    if time.monotonic() - begun > 10:
                        self.failures.append(str(error))
                        return
                    login = secret(self._client, self._reference)
                    time.sleep(0.02)
            time.sleep(0.02)


@pytest.mark.parametrize("replicas", [[], [{"name": "main-ro"}]], ids=["kept-by-rds", "ours"])
def test_passwords_are_renewed_under_clients(site: dict[str, Any], client: Any, replicas: list[Any]) -> None:
    server = {**MAIN, "replicas": replicas}
    made = run(site, parts(server))
    settled(client)
    told = made.outputs["database"]["servers"]["main"]
    references = [told["admin"]["secret"], told["users"]["web"]["secret"]]
    before = [secret(client, reference)["password"] for reference in references]
    renewed = {**server, "rotate": True, "users": [{"name": "web", "rotate": True}]}
    with Knocking(client, told, references[0]) as admin, Knocking(client, told, references[1]) as user:
        done = run(site, parts(renewed))
        reached = admin.connected, user.connected
        deadline = time.monotonic() + 10
        while (admin.connected, user.connected) <= reached and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (admin.failures, user.failures) == ([], [])
    assert min(admin.connected, user.connected) > 0
    after = [secret(client, reference)["password"] for reference in references]
    assert not set(before) & set(after)
    assert all(word not in json.dumps(done.as_dict()) for word in (*before, *after))
    assert acts(run(site, parts(server))) == {}


@pytest.mark.parametrize("replicas", [[], [{"name": "main-ro"}]], ids=["kept-by-rds", "ours"])
def test_no_password_is_lost_when_the_run_is_killed(
    site: dict[str, Any], sandbox: Sandbox, client: Any, replicas: list[Any]
) -> None:
    server = {**MAIN, "replicas": replicas}
    made = run(site, parts(server))
    settled(client)
    told = made.outputs["database"]["servers"]["main"]
    renewed = {**server, "rotate": True, "users": [{"name": "web", "rotate": True}]}
    kills = 0
    for step in range(1, 10):
        try:
            with killed_after(sandbox, step):
                run(site, parts(renewed))
        except Killed:
            kills += 1
        else:
            break
        run(site, parts(server))  # goes on with what it finds
        for reference in (told["admin"]["secret"], told["users"]["web"]["secret"]):
            connect(told, secret(client, reference)).close()
            stages = client("secretsmanager").describe_secret(SecretId=reference)["VersionIdsToStages"].values()
            assert not any("AWSPENDING" in labels for labels in stages)
        assert acts(run(site, parts(server))) == {}
    assert kills >= (4 if replicas else 3)


def test_a_creation_is_finished_after_kills_and_no_password_is_lost(
    site: dict[str, Any], sandbox: Sandbox, client: Any
) -> None:
    server = {**MAIN, "replicas": [{"name": "main-ro"}]}
    run(site, {"network": {"addresses": sites.SLOTS}})
    kills = 0
    while True:
        try:
            with killed_after(sandbox, 2):
                done = run(site, parts(server))
        except Killed:
            kills += 1
            continue
        break
    assert kills >= 5
    told = done.outputs["database"]["servers"]["main"]
    for reference in (told["admin"]["secret"], told["users"]["web"]["secret"]):
        connect(told, secret(client, reference)).close()
    assert len(client("rds").describe_db_instances()["DBInstances"]) == 2
    assert acts(run(site, parts(server))) == {}
