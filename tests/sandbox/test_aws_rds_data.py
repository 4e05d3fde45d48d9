"""RDS through unmodified boto3 and psycopg: backups, restores, replicas, passwords, and real rows that survive."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from sandbox.engines import describe, engine_available
from sandbox.fixture import Sandbox
from tests.sandbox.aws_support import REGION, Account, refused
from tests.sandbox.rds_support import PASSWORD, Rds

needs_postgres = pytest.mark.skipif(not engine_available("postgres"), reason=describe()["postgres"])


@pytest.fixture
def rds(aws: Account) -> Rds:
    return Rds(aws)


def test_daily_backups_and_retention(rds: Rds) -> None:
    rds.create(BackupRetentionPeriod=2)
    for _ in range(4):
        rds.aws.sandbox.advance("aws", 86400)
        rds.settled()
        rds.aws.wait(
            lambda: all(item["Status"] == "available" for item in rds.client.describe_db_snapshots()["DBSnapshots"]),
            seconds=30,
        )
    names = [item["DBSnapshotIdentifier"] for item in rds.client.describe_db_snapshots()["DBSnapshots"]]
    assert len(set(names)) in (2, 3)
    with pytest.raises(ClientError, match="Only manual snapshots may be deleted"):
        rds.client.delete_db_snapshot(DBSnapshotIdentifier=names[0])
    backup = rds.client.describe_db_instance_automated_backups(DBInstanceIdentifier="db")["DBInstanceAutomatedBackups"]
    assert backup[0]["RestoreWindow"]["EarliestTime"] < backup[0]["RestoreWindow"]["LatestTime"]


def secret_of(rds: Rds, name: str = "db") -> dict[str, str]:
    arn = rds.get(name)["MasterUserSecret"]["SecretArn"]
    value = rds.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    found: dict[str, str] = json.loads(value)
    return found


def test_managed_password(rds: Rds) -> None:
    instance = rds.create(MasterUserPassword=None, ManageMasterUserPassword=True)
    secrets = rds.aws.client("secretsmanager")
    arn = instance["MasterUserSecret"]["SecretArn"]
    assert instance["MasterUserSecret"]["SecretStatus"] == "active"
    described = secrets.describe_secret(SecretId=arn)
    assert (described["OwningService"], described["Name"][:7]) == ("rds", "rds!db-")
    assert described["RotationEnabled"] is True
    first = secret_of(rds)
    assert first["username"] == "platform"
    for change in (
        lambda: secrets.put_secret_value(SecretId=arn, SecretString="x"),
        lambda: secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True),
    ):
        with pytest.raises(ClientError, match="managed by another service"):
            change()
    rds.client.modify_db_instance(DBInstanceIdentifier="db", RotateMasterUserPassword=True, ApplyImmediately=True)
    rds.settled()
    second = secret_of(rds)
    secrets.rotate_secret(SecretId=arn)
    rds.settled()
    third = secret_of(rds)
    assert len({item["password"] for item in (first, second, third)}) == 3
    if engine_available("postgres"):
        assert rds.sql("SELECT 1", password=third["password"]) == [(1,)]
    rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    assert secrets.list_secrets()["SecretList"] == []


@needs_postgres
def test_rows_survive_backup_destroy_restore(rds: Rds) -> None:
    import psycopg

    rds.create()
    rds.sql("CREATE TABLE t AS SELECT generate_series(1, 500) AS n")
    rds.client.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="before")
    rds.snapshot("before")
    rds.sql("DELETE FROM t")
    rds.settled()
    old = rds.get()["Endpoint"]
    rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=old["Address"], port=old["Port"], user="platform", dbname="app", password=PASSWORD)
    rds.client.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="before", DBSubnetGroupName="private"
    )
    restored = rds.settled("again")
    assert rds.sql("SELECT count(*) FROM t", "again") == [(500,)]
    assert (restored["DBInstanceClass"], restored["MasterUsername"]) == ("db.t4g.micro", "platform")
    assert (restored["Iops"], restored["DBName"]) == (3000, "app")
    # Promoted by a swap of names.
    rds.client.modify_db_instance(DBInstanceIdentifier="again", NewDBInstanceIdentifier="db", ApplyImmediately=True)
    rds.aws.wait(
        lambda: [item["DBInstanceIdentifier"] for item in rds.client.describe_db_instances()["DBInstances"]] == ["db"],
        seconds=30,
    )
    assert rds.sql("SELECT count(*) FROM t") == [(500,)]


@needs_postgres
def test_point_in_time(rds: Rds) -> None:
    rds.create()
    rds.aws.wait(lambda: rds.client.describe_db_snapshots()["DBSnapshots"][0]["Status"] == "available", seconds=30)
    rds.sql("CREATE TABLE t AS SELECT 1 AS n")
    time.sleep(0.1)
    moment = rds.get()["LatestRestorableTime"]
    time.sleep(0.1)
    rds.sql("INSERT INTO t VALUES (2)")
    restore = rds.client.restore_db_instance_to_point_in_time
    common = {"SourceDBInstanceIdentifier": "db", "DBSubnetGroupName": "private"}
    with pytest.raises(ClientError, match="cannot be restored to a time later"):
        restore(TargetDBInstanceIdentifier="x", RestoreTime="2100-01-01T00:00:00Z", **common)
    with pytest.raises(ClientError, match="either RestoreTime or UseLatestRestorableTime"):
        restore(TargetDBInstanceIdentifier="x", **common)
    restore(TargetDBInstanceIdentifier="earlier", RestoreTime=moment, **common)
    restore(TargetDBInstanceIdentifier="latest", UseLatestRestorableTime=True, **common)
    rds.settled("earlier")
    rds.settled("latest")
    assert rds.sql("SELECT n FROM t", "earlier") == [(1,)]
    assert rds.sql("SELECT n FROM t ORDER BY n", "latest") == [(1,), (2,)]


def replica_lag(rds: Rds, name: str) -> float:
    """Seconds, by both ways of asking for a metric."""
    cloudwatch, now = rds.aws.client("cloudwatch"), datetime.now(UTC)
    start, end = now - timedelta(minutes=5), now + timedelta(minutes=5)
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "ReplicaLag",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": name}],
    }
    statistics = cloudwatch.get_metric_statistics(
        **metric, StartTime=start, EndTime=end, Period=60, Statistics=["Maximum"]
    )
    data = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "lag", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=start,
        EndTime=end,
    )
    assert data["MetricDataResults"][0]["Values"]
    return float(statistics["Datapoints"][-1]["Maximum"])


@needs_postgres
def test_no_replica_of_an_instance_whose_password_rds_keeps(rds: Rds) -> None:
    rds.create(MasterUserPassword=None, ManageMasterUserPassword=True)
    rds.aws.wait(lambda: rds.status() == "available", seconds=60)
    with pytest.raises(ClientError, match="manages its master user password"):
        rds.client.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="db")


def test_replicas(rds: Rds) -> None:
    rds.create(BackupRetentionPeriod=0, StorageEncrypted=True)
    with pytest.raises(ClientError, match="Automated backups are not enabled") as error:
        rds.client.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="db")
    assert refused(error) == ("InvalidDBInstanceState", 400)
    rds.client.modify_db_instance(DBInstanceIdentifier="db", BackupRetentionPeriod=1, ApplyImmediately=True)
    rds.settled()
    rds.client.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="db")
    copy = rds.settled("copy")
    assert copy["ReadReplicaSourceDBInstanceIdentifier"] == "db"
    assert copy["StatusInfos"][0]["Status"] == "replicating"
    assert rds.get()["ReadReplicaDBInstanceIdentifiers"] == ["copy"]
    rds.sql("CREATE TABLE t AS SELECT 7 AS n")
    rds.aws.wait(lambda: rds.sql("SELECT to_regclass('t') IS NOT NULL", "copy") == [(True,)])
    assert 0 <= replica_lag(rds, "copy") < 60
    servers = rds.aws.sandbox.control("aws", "GET", "servers")
    assert {item["instance"].rsplit(":", 1)[1] for item in servers} == {"db", "copy"}
    far = rds.aws.client("rds", "eu-west-1")
    source = rds.get()["DBInstanceArn"]
    with pytest.raises(ClientError, match="without specifying a KMS key"):
        far.create_db_instance_read_replica(DBInstanceIdentifier="far", SourceDBInstanceIdentifier=source)
    key = rds.aws.client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
    far.create_db_instance_read_replica(
        DBInstanceIdentifier="far", SourceDBInstanceIdentifier=source, KmsKeyId=key, SourceRegion=REGION
    )
    find = far.describe_db_instances
    rds.aws.wait(lambda: find()["DBInstances"][0]["DBInstanceStatus"] == "available", seconds=60)
    shown = find()["DBInstances"][0]
    assert (shown["ReadReplicaSourceDBInstanceIdentifier"], shown["KmsKeyId"]) == (source, key)
    with pytest.raises(ClientError, match="Cannot stop or start a read replica"):
        rds.client.stop_db_instance(DBInstanceIdentifier="copy")
    rds.client.promote_read_replica(DBInstanceIdentifier="copy", BackupRetentionPeriod=3)
    promoted = rds.settled("copy")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in promoted
    assert promoted["BackupRetentionPeriod"] == 3
    rds.sql("INSERT INTO t VALUES (8)", "copy")
    assert rds.sql("SELECT max(n) FROM t") == [(7,)]
    assert rds.get()["ReadReplicaDBInstanceIdentifiers"] == [shown["DBInstanceArn"]]


@needs_postgres
def test_password_port_tls_stop_and_start(rds: Rds) -> None:
    import psycopg

    rds.create(Port=5433)
    assert rds.get()["Endpoint"]["Port"] == 5433
    rds.client.modify_db_instance(DBInstanceIdentifier="db", MasterUserPassword="another-password-1")
    rds.settled()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rds.sql("SELECT 1")
    assert rds.sql("SELECT 1", password="another-password-1") == [(1,)]
    rds.client.modify_db_instance(DBInstanceIdentifier="db", DBPortNumber=5555)
    assert rds.settled()["Endpoint"]["Port"] == 5555
    rds.client.stop_db_instance(DBInstanceIdentifier="db")
    rds.aws.wait(lambda: rds.status() == "stopped", seconds=30)
    with pytest.raises(psycopg.OperationalError):
        rds.sql("SELECT 1", password="another-password-1")
    with pytest.raises(ClientError, match="not in available state"):
        rds.client.modify_db_instance(DBInstanceIdentifier="db", MultiAZ=True)
    rds.client.start_db_instance(DBInstanceIdentifier="db")
    rds.settled()
    assert rds.sql("SELECT 1", password="another-password-1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        rds.sql("SELECT 1", password="another-password-1", sslmode="disable")
    log = (rds.aws.sandbox.directory / "aws.journal.jsonl").read_text()
    log += (rds.aws.sandbox.directory / "aws.log").read_text()
    assert PASSWORD not in log
    assert "another-password-1" not in log


def test_copies_of_snapshots(rds: Rds) -> None:
    rds.create(StorageEncrypted=True)
    rds.client.create_db_snapshot(
        DBInstanceIdentifier="db", DBSnapshotIdentifier="one", Tags=[{"Key": "label", "Value": "x"}]
    )
    source = rds.snapshot("one")
    with pytest.raises(ClientError, match="already exists") as error:
        rds.client.copy_db_snapshot(SourceDBSnapshotIdentifier="one", TargetDBSnapshotIdentifier="one")
    assert refused(error) == ("DBSnapshotAlreadyExists", 400)
    rds.client.copy_db_snapshot(SourceDBSnapshotIdentifier="one", TargetDBSnapshotIdentifier="two", CopyTags=True)
    assert rds.snapshot("two")["TagList"] == [{"Key": "label", "Value": "x"}]
    far, key = rds.aws.client("rds", "eu-west-1"), rds.aws.client("kms", "eu-west-1").create_key()["KeyMetadata"]
    options = {"SourceDBSnapshotIdentifier": source["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "far"}
    with pytest.raises(ClientError, match="KmsKeyId must be specified"):
        far.copy_db_snapshot(**options)
    far.copy_db_snapshot(**options, KmsKeyId=key["KeyId"])
    find = far.describe_db_snapshots
    rds.aws.wait(lambda: find()["DBSnapshots"][0]["Status"] == "available", seconds=30)
    copied = find()["DBSnapshots"][0]
    assert (copied["SourceRegion"], copied["KmsKeyId"]) == (REGION, key["Arn"])
    rds.client.delete_db_snapshot(DBSnapshotIdentifier="one")
    rds.aws.wait(
        lambda: (
            [
                item["DBSnapshotIdentifier"]
                for item in rds.client.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
            ]
            == ["two"]
        )
    )
    rds.client.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="two", DBSubnetGroupName="private"
    )
    assert rds.settled("again")["StorageEncrypted"] is True


def test_without_a_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control plane alone: it says so, and endpoints are names as AWS gives them."""
    monkeypatch.setenv("SANDBOX_ENGINES", "none")
    with Sandbox(clouds=("aws",)) as sandbox:
        assert "control plane alone" in sandbox.control("aws", "GET", "health")["engines"]["postgres"]
        rds = Rds(Account(sandbox))
        instance = rds.create(ManageMasterUserPassword=True, MasterUserPassword=None)
        assert instance["Endpoint"]["Address"].startswith("db.")
        assert instance["Endpoint"]["Address"].endswith(f".{REGION}.rds.amazonaws.com")
        rds.client.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="s")
        rds.snapshot("s")
        rds.client.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="again", DBSnapshotIdentifier="s", DBSubnetGroupName="private"
        )
        rds.settled("again")
        rds.client.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="db",
            TargetDBInstanceIdentifier="third",
            UseLatestRestorableTime=True,
            DBSubnetGroupName="private",
        )
        rds.settled("third")
        assert sandbox.control("aws", "GET", "servers") == []


@needs_postgres
def test_a_deleted_instance_comes_back_from_its_retained_backups(rds: Rds) -> None:
    created = rds.create()
    rds.aws.wait(lambda: "LatestRestorableTime" in rds.get(), seconds=60)
    rds.sql("CREATE TABLE kept (id int)")
    rds.sql("INSERT INTO kept VALUES (1)")
    rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    (backup,) = rds.client.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert (backup["Status"], backup["DbiResourceId"]) == ("retained", created["DbiResourceId"])
    rds.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceAutomatedBackupsArn=backup["DBInstanceAutomatedBackupsArn"],
        TargetDBInstanceIdentifier="back",
        UseLatestRestorableTime=True,
        DBSubnetGroupName="private",
    )
    rds.settled("back")
    assert rds.sql("SELECT id FROM kept", "back") == [(1,)]
    rds.client.delete_db_instance_automated_backup(DbiResourceId=created["DbiResourceId"])
    listed = rds.client.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
    assert [item["DBInstanceIdentifier"] for item in listed if item["Status"] == "retained"] == []


def test_retained_backups_end_with_their_retention(rds: Rds) -> None:
    rds.create(BackupRetentionPeriod=2)
    rds.aws.wait(lambda: "LatestRestorableTime" in rds.get(), seconds=60)
    rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    assert len(rds.client.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]) == 1
    rds.aws.sandbox.advance("aws", 3 * 86400)
    assert rds.client.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"] == []
