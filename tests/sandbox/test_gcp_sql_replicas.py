"""Read replicas of Cloud SQL; with real rows where PostgreSQL is installed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_managed import Sql, key
from tests.sandbox.gcp_rows import BACKUPS, instance, real, rows, write
from tests.sandbox.gcp_support import PROJECT, REGION, Project, refusal


@pytest.fixture
def sql(gcp: Project) -> Sql:
    """A project with Cloud SQL switched on."""
    return Sql(gcp)


def replica(sql: Sql, name: str = "reader", **fields: Any) -> dict[str, Any]:
    """A read replica of ``db``."""
    body = {**sql.body(name), "masterInstanceName": "db", **fields}
    return sql.create(body=body)


def test_replicas_need_backups_and_hold_their_primary(sql: Sql) -> None:
    sql.create()
    with pytest.raises(HttpError) as caught:
        replica(sql)
    assert "automated backups" in caught.value.reason
    sql.patch(backupConfiguration=BACKUPS)
    with pytest.raises(HttpError) as caught:
        replica(sql, databaseVersion="POSTGRES_15")
    assert "database version" in caught.value.reason
    found = replica(sql, region="us-central1")
    assert (found["instanceType"], found["masterInstanceName"]) == ("READ_REPLICA_INSTANCE", f"{PROJECT}:db")
    assert found["gceZone"].startswith("us-central1")
    assert sql.get()["replicaNames"] == ["reader"]
    with pytest.raises(HttpError) as caught:
        sql.client.instances().delete(project=PROJECT, instance="db").execute()
    assert "reader" in caught.value.reason
    sql.well(sql.client.instances().promoteReplica(project=PROJECT, instance="reader"))
    found = sql.get("reader")
    assert (found["instanceType"], "masterInstanceName" in found) == ("CLOUD_SQL_INSTANCE", False)
    assert "replicaNames" not in sql.get()


def test_replica_keeps_its_primary_busy(sql: Sql) -> None:
    instance(sql)
    sql.project.sandbox.set_profile("realistic", scale=1)
    body = {**sql.body("reader"), "masterInstanceName": "db"}
    begun = sql.client.instances().insert(project=PROJECT, body=body).execute()
    assert (begun["operationType"], begun["targetId"]) == ("CREATE_REPLICA", f"{PROJECT}:db")
    with pytest.raises(HttpError) as caught:
        sql.client.instances().restart(project=PROJECT, instance="db").execute()
    assert refusal(caught) == (409, "operationInProgress")


def lag(sql: Sql, name: str = "reader") -> list[float]:
    """How far a replica is behind, as Cloud Monitoring tells it."""
    metric = "cloudsql.googleapis.com/database/replication/replica_lag"
    series = sql.project.client("monitoring", "v3").projects().timeSeries()
    answer = series.list(
        name=f"projects/{PROJECT}",
        filter=f'metric.type = "{metric}" AND resource.labels.database_id = "{PROJECT}:{name}"',
        interval_endTime="2099-01-01T00:00:00Z",
        interval_startTime="2001-01-01T00:00:00Z",
        view="FULL",
    ).execute()
    return [item["points"][0]["value"]["doubleValue"] for item in answer.get("timeSeries", [])]


def test_monitoring_tells_the_lag_of_replicas(sql: Sql) -> None:
    instance(sql)
    assert lag(sql, "db") == []
    replica(sql)
    assert [item < 5 for item in lag(sql)] == [True]
    sql.project.sandbox.set_quotas("gcp", {"SQL_REPLICA_LAG_SECONDS": 90})
    assert [90 <= item < 95 for item in lag(sql)] == [True]


@real
def test_replica_follows_and_is_promoted(sql: Sql) -> None:
    import psycopg

    instance(sql)
    write(sql, 1)
    replica(sql)
    write(sql, 2)
    for _ in eventually():
        if rows(sql, "reader") == [1, 2]:
            break
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        write(sql, 3, "reader")
    sql.well(sql.client.instances().promoteReplica(project=PROJECT, instance="reader"))
    write(sql, 3, "reader")
    assert rows(sql) == [1, 2]


def eventually() -> Iterator[None]:
    """Try again for a few seconds."""
    for _ in range(100):
        yield
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_encrypted_replica_elsewhere_needs_a_key_there(sql: Sql) -> None:
    name = key(sql.project, agent="gcp-sa-cloud-sql")
    body = {**sql.body(backupConfiguration=BACKUPS), "diskEncryptionConfiguration": {"kmsKeyName": name}}
    sql.create(body=body)
    with pytest.raises(HttpError) as caught:
        replica(sql, region="us-central1")
    assert "needs a key of that region" in caught.value.reason
    assert replica(sql, region=REGION)["diskEncryptionConfiguration"]["kmsKeyName"] == name
