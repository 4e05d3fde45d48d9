"""Cloud SQL: databases, users, backups, clones and replicas; with real rows where PostgreSQL is installed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_managed import Sql
from tests.sandbox.gcp_rows import PASSWORD, connected, instance, real, rows, write
from tests.sandbox.gcp_support import PROJECT, Project, refusal


@pytest.fixture
def sql(gcp: Project) -> Sql:
    """A project with Cloud SQL switched on."""
    return Sql(gcp)


def runs(sql: Sql, name: str = "db") -> list[dict[str, Any]]:
    """Backups of an instance, newest first."""
    found: list[dict[str, Any]] = (
        sql.client.backupRuns().list(project=PROJECT, instance=name).execute().get("items", [])
    )
    return found


def back_up(sql: Sql, description: str = "", name: str = "db") -> str:
    """Back an instance up; returns the id of the backup."""
    request = sql.client.backupRuns().insert(project=PROJECT, instance=name, body={"description": description})
    operation = sql.well(request)
    number: str = operation["backupContext"]["backupId"]
    return number


def test_databases(sql: Sql) -> None:
    sql.create()
    databases = sql.client.databases()
    sql.well(databases.insert(project=PROJECT, instance="db", body={"name": "app", "charset": "utf8"}))
    found = databases.get(project=PROJECT, instance="db", database="app").execute()
    assert (found["charset"], found["collation"], found["instance"]) == ("UTF8", "en_US.UTF8", "db")
    listed = databases.list(project=PROJECT, instance="db").execute()["items"]
    assert [item["name"] for item in listed] == ["app", "postgres"]
    for body, words in (({"name": "app"}, "already exists"), ({"name": "x", "charset": "latin1"}, "charset")):
        with pytest.raises(HttpError) as caught:
            databases.insert(project=PROJECT, instance="db", body=body).execute()
        assert caught.value.resp.status == 400
        assert words in caught.value.reason
    sql.well(databases.delete(project=PROJECT, instance="db", database="app"))
    with pytest.raises(HttpError) as caught:
        databases.get(project=PROJECT, instance="db", database="app").execute()
    assert refusal(caught) == (404, "notFound")


def test_users_never_show_their_password(sql: Sql) -> None:
    sql.create()
    users = sql.client.users()
    sql.well(users.insert(project=PROJECT, instance="db", body={"name": "app", "password": PASSWORD}))
    listed = users.list(project=PROJECT, instance="db").execute()
    assert [item["name"] for item in listed["items"]] == ["app", "postgres"]
    assert PASSWORD not in str(listed)
    with pytest.raises(HttpError) as caught:
        users.update(project=PROJECT, instance="db", name="nobody", body={"password": "x"}).execute()
    assert refusal(caught)[0] == 404
    iam = {"name": "app@sandbox-project.iam", "type": "CLOUD_IAM_SERVICE_ACCOUNT"}
    with pytest.raises(HttpError) as caught:
        users.insert(project=PROJECT, instance="db", body=iam).execute()
    assert "cloudsql.iam_authentication" in caught.value.reason
    sql.patch(databaseFlags=[{"name": "cloudsql.iam_authentication", "value": "on"}])
    sql.well(users.insert(project=PROJECT, instance="db", body=iam))
    sql.well(users.delete(project=PROJECT, instance="db", name="app"))
    assert len(users.list(project=PROJECT, instance="db").execute()["items"]) == 2


@real
def test_a_real_server_answers_over_tls(sql: Sql) -> None:
    instance(sql, ipConfiguration={"sslMode": "ENCRYPTED_ONLY"})
    sql.well(sql.client.databases().insert(project=PROJECT, instance="db", body={"name": "app"}))
    body = {"name": "app", "password": "app-Secret-1"}
    sql.well(sql.client.users().insert(project=PROJECT, instance="db", body=body))
    with connected(sql, user="app", password="app-Secret-1", base="app") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("app",)
    body = {"password": "second-Secret-2"}
    sql.well(sql.client.users().update(project=PROJECT, instance="db", name="app", body=body))
    import psycopg

    with pytest.raises(psycopg.OperationalError), connected(sql, user="app", password="app-Secret-1", base="app"):
        pass
    with connected(sql, user="app", password="second-Secret-2", base="app") as connection:
        connection.execute("CREATE TABLE mine (n int)")


@real
def test_what_fails_leaves_the_server_alone(sql: Sql) -> None:
    instance(sql)
    for operation in ("sql.users.update", "sql.instances.patch", "sql.databases.insert"):
        sql.project.sandbox.fault("gcp", operation=f"^{operation}$", kind="fail_operation")
    users, instances, databases = sql.client.users(), sql.client.instances(), sql.client.databases()
    for request in (
        users.update(project=PROJECT, instance="db", name="postgres", body={"password": "other-Secret-9"}),
        instances.patch(project=PROJECT, instance="db", body={"settings": {"activationPolicy": "NEVER"}}),
        databases.insert(project=PROJECT, instance="db", body={"name": "app"}),
    ):
        assert "error" in sql.done(request.execute())
    with connected(sql) as connection:
        assert connection.execute("SELECT datname FROM pg_database WHERE datname = 'app'").fetchall() == []
    sql.well(databases.insert(project=PROJECT, instance="db", body={"name": "app"}))


@real
def test_a_stopped_instance_does_not_answer(sql: Sql) -> None:
    import psycopg

    instance(sql)
    write(sql, 1)
    assert sql.patch(activationPolicy="NEVER")["state"] == "RUNNABLE"
    with pytest.raises(psycopg.OperationalError), connected(sql):
        pass
    with pytest.raises(HttpError) as caught:
        sql.client.databases().insert(project=PROJECT, instance="db", body={"name": "x"}).execute()
    assert "not running" in caught.value.reason
    sql.patch(activationPolicy="ALWAYS")
    assert rows(sql) == [1]
    sql.patch(databaseFlags=[{"name": "max_connections", "value": "33"}])
    with connected(sql) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("33",)


def test_backups_on_demand(sql: Sql) -> None:
    instance(sql)
    assert [item["type"] for item in runs(sql)] == ["AUTOMATED"]
    sql.project.sandbox.set_profile("realistic", scale=1)
    request = sql.client.backupRuns().insert(project=PROJECT, instance="db", body={"description": "before"})
    begun = request.execute()
    assert begun["operationType"] == "BACKUP_VOLUME"
    found = runs(sql)[0]
    assert (found["status"], found["type"], found["description"], "endTime" in found) == (
        "RUNNING",
        "ON_DEMAND",
        "before",
        False,
    )
    assert sql.get()["state"] == "RUNNABLE"
    sql.project.sandbox.advance("gcp", 61)
    sql.done(begun)
    found = sql.client.backupRuns().get(project=PROJECT, instance="db", id=found["id"]).execute()
    assert (found["status"], found["location"], found["databaseVersion"]) == ("SUCCESSFUL", "eu", "POSTGRES_16")
    sql.project.sandbox.set_profile("instant")
    sql.well(sql.client.backupRuns().delete(project=PROJECT, instance="db", id=found["id"]))
    assert [item["type"] for item in runs(sql)] == ["AUTOMATED"]


def test_failed_backup(sql: Sql) -> None:
    instance(sql)
    sql.project.sandbox.fault("gcp", operation="^sql.backupRuns.insert$", kind="fail_operation", message="Disk full.")
    request = sql.client.backupRuns().insert(project=PROJECT, instance="db", body={})
    assert "error" in sql.done(request.execute())
    assert (runs(sql)[0]["status"], runs(sql)[0]["error"]["message"]) == ("FAILED", "Disk full.")


def test_automated_backups_come_daily_and_go(sql: Sql) -> None:
    instance(sql)
    sql.patch(backupConfiguration={"backupRetentionSettings": {"retainedBackups": 3}, "transactionLogRetentionDays": 3})
    sql.project.sandbox.advance("gcp", 10 * 86400)
    found = runs(sql)
    assert [item["type"] for item in found] == ["AUTOMATED"] * 3
    assert all("T03:00:00" in item["windowStartTime"] for item in found)
    span = recoverable(sql)
    earliest, latest = (datetime.fromisoformat(span[f"{end}RecoveryTime"]) for end in ("earliest", "latest"))
    assert timedelta(days=1) < latest - earliest <= timedelta(days=3)


def test_recovery_time_needs_recovery(sql: Sql) -> None:
    sql.create()
    with pytest.raises(HttpError) as caught:
        sql.client.projects().instances().getLatestRecoveryTime(project=PROJECT, instance="db").execute()
    assert caught.value.resp.status == 400
    with pytest.raises(HttpError) as caught:
        clone(sql, "copy", pointInTime="2020-01-01T00:00:00Z")
    assert "not enabled" in caught.value.reason


def recoverable(sql: Sql) -> dict[str, Any]:
    """The span of time that can be restored of ``db``."""
    found: dict[str, Any] = (
        sql.client.projects().instances().getLatestRecoveryTime(project=PROJECT, instance="db").execute()
    )
    return found


def clone(sql: Sql, name: str, **context: Any) -> None:
    """Clone ``db``."""
    body = {"cloneContext": {"destinationInstanceName": name, **context}}
    sql.well(sql.client.instances().clone(project=PROJECT, instance="db", body=body))


@real
def test_restore_brings_rows_back(sql: Sql) -> None:
    instance(sql)
    write(sql, 1)
    number = back_up(sql, "one row")
    write(sql, 2)
    body = {"restoreBackupContext": {"backupRunId": number, "instanceId": "db", "project": PROJECT}}
    sql.well(sql.client.instances().restoreBackup(project=PROJECT, instance="db", body=body))
    assert rows(sql) == [1]
    instance(sql, "other")
    sql.well(sql.client.instances().restoreBackup(project=PROJECT, instance="other", body=body))
    assert rows(sql, "other") == [1]


@real
def test_clones_now_and_then(sql: Sql) -> None:
    instance(sql)
    write(sql, 1)
    sql.project.sandbox.advance("gcp", 3600)
    moment = recoverable(sql)["latestRecoveryTime"]
    time.sleep(0.1)
    write(sql, 2)
    sql.project.sandbox.advance("gcp", 3600)
    clone(sql, "now")
    assert rows(sql, "now") == [1, 2]
    clone(sql, "then", pointInTime=moment)
    assert rows(sql, "then") == [1]
    write(sql, 3, "then")
    assert rows(sql) == [1, 2]
    with pytest.raises(HttpError) as caught:
        clone(sql, "never", pointInTime="2020-01-01T00:00:00Z")
    assert refusal(caught) == (400, "invalidPointInTime")
    with pytest.raises(HttpError) as caught:
        clone(sql, "now")
    assert refusal(caught) == (409, "instanceAlreadyExists")


@real
def test_final_backup_outlives_the_instance(sql: Sql) -> None:
    instance(sql)
    write(sql, 7)
    back_up(sql)
    delete = sql.client.instances().delete
    sql.well(delete(project=PROJECT, instance="db", enableFinalBackup=True, finalBackupDescription="last"))
    found = sql.client.Backups().ListBackups(parent=f"projects/{PROJECT}").execute()["backups"]
    assert [(item["type"], item["description"], item["instance"]) for item in found] == [("FINAL", "last", "db")]
    assert found[0]["instanceDeletionTime"] <= found[0]["expiryTime"]
    body = {"backup": found[0]["name"], "restoreInstanceSettings": {"settings": {"userLabels": {"from": "backup"}}}}
    sql.well(sql.client.instances().restoreBackup(project=PROJECT, instance="again", body=body))
    assert rows(sql, "again") == [7]
    assert sql.get("again")["settings"]["userLabels"] == {"from": "backup"}
    sql.well(sql.client.Backups().DeleteBackup(name=found[0]["name"]))
    listed = sql.client.Backups().ListBackups(parent=f"projects/{PROJECT}", filter="type=FINAL").execute()
    assert listed == {}


def test_backups_go_with_their_instance_unless_retained(sql: Sql) -> None:
    backups = sql.client.Backups()
    instance(sql, retainBackupsOnDelete=True)
    sql.well(backups.CreateBackup(parent=f"projects/{PROJECT}", body={"instance": "db", "ttlDays": "2"}))
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    kept = backups.ListBackups(parent=f"projects/{PROJECT}").execute()["backups"]
    assert [item["type"] for item in kept] == ["ON_DEMAND", "AUTOMATED"]
    instance(sql)
    assert len(runs(sql)) == 1
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    assert len(backups.ListBackups(parent=f"projects/{PROJECT}").execute()["backups"]) == 2
    sql.create("else")
    sql.project.sandbox.advance("gcp", 3 * 86400)
    left = backups.ListBackups(parent=f"projects/{PROJECT}").execute()["backups"]
    assert [item["type"] for item in left] == ["AUTOMATED"]


@real
def test_a_deleted_instance_answers_no_more(sql: Sql) -> None:
    instance(sql)
    assert len(sql.project.sandbox.control("gcp", "GET", "servers")) == 1
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    assert sql.project.sandbox.control("gcp", "GET", "servers") == []
    instance(sql)
    with connected(sql) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
