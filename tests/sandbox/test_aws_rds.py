"""RDS through unmodified boto3: states, pending values, refusals, recorded answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import REGION, Account, refused
from tests.sandbox.rds_support import Rds
from tests.sandbox.test_aws_recordings import FOLDER, exchanges, paths, recorded_paths


@pytest.fixture
def rds(aws: Account) -> Rds:
    return Rds(aws)


def test_life_of_an_instance(rds: Rds) -> None:
    created = rds.client.create_db_instance(**rds.options(Tags=[{"Key": "platform", "Value": "p"}]))["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    assert created["EngineVersion"] == "16.10"
    instance = rds.settled()
    assert instance["Endpoint"]["Port"] == 5432
    assert instance["DBParameterGroups"] == [
        {"DBParameterGroupName": "default.postgres16", "ParameterApplyStatus": "in-sync"}
    ]
    assert instance["DBSubnetGroup"]["VpcId"] == rds.vpc
    assert (instance["Iops"], instance["StorageThroughput"]) == (3000, 125)
    assert instance["TagList"] == [{"Key": "platform", "Value": "p"}]
    assert instance["DBInstanceArn"] == f"arn:aws:rds:{REGION}:123456789012:db:db"
    assert "LatestRestorableTime" in instance
    snapshots = rds.client.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]
    assert [item["DBSnapshotIdentifier"][:7] for item in snapshots] == ["rds:db-"]
    found = rds.aws.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "platform"}])
    assert [item["ResourceARN"] for item in found["ResourceTagMappingList"]] == [instance["DBInstanceArn"]]
    with pytest.raises(ClientError, match="still using it") as error:
        rds.client.delete_db_subnet_group(DBSubnetGroupName="private")
    assert refused(error) == ("InvalidDBSubnetGroupStateFault", 400)
    ec2 = rds.aws.client("ec2")
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == 1
    deleted = rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)["DBInstance"]
    assert deleted["DBInstanceStatus"] == "deleting"
    rds.client.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier="db", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    with pytest.raises(ClientError, match="DBInstance db not found") as error:
        rds.get()
    assert refused(error) == ("DBInstanceNotFound", 404)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert rds.client.describe_db_snapshots()["DBSnapshots"] == []
    rds.client.delete_db_subnet_group(DBSubnetGroupName="private")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"Engine": "oracle-xx"}, "InvalidParameterValue", "Invalid DB engine"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination", "Cannot find version 9.6 for postgres"),
        ({"DBInstanceClass": "db.m3.medium"}, "InvalidParameterCombination", "RDS does not support creating"),
        ({"DBInstanceClass": "huge"}, "InvalidParameterValue", "Invalid DB Instance class"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue", "Invalid storage size for engine name postgres"),
        ({"Iops": 4000}, "InvalidParameterCombination", "a storage size less than 400"),
        ({"StorageType": "io1", "AllocatedStorage": 100}, "InvalidParameterCombination", "must specify IOPS"),
        ({"MaxAllocatedStorage": 20}, "InvalidParameterCombination", "Max storage size must be greater"),
        ({"MaxAllocatedStorage": 21}, "InvalidParameterCombination", "at least 10 percent"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue", "must be between 0 and 35"),
        ({"MasterUsername": "admin"}, "InvalidParameterValue", "reserved word"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue", "shorter than 8"),
        ({"MasterUserPassword": "with a space/"}, "InvalidParameterValue", "Only printable ASCII"),
        ({"MasterUserPassword": None}, "InvalidParameterValue", "MasterUserPassword must be provided"),
        ({"ManageMasterUserPassword": True}, "InvalidParameterCombination", "can't specify MasterUserPassword"),
        ({"DBInstanceIdentifier": "bad--name"}, "InvalidParameterValue", "not a valid identifier"),
        ({"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault", "does not exist"),
        ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound", "not found: none"),
        ({"VpcSecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue", "Invalid security group"),
        ({"StorageEncrypted": True, "KmsKeyId": "none"}, "KMSKeyNotAccessibleFault", "does not exist"),
        ({"MonitoringInterval": 60}, "InvalidParameterCombination", "MonitoringRoleARN value is required"),
        ({"PreferredBackupWindow": "03:00-03:10"}, "InvalidParameterValue", "Invalid backup window"),
        (
            {"PreferredBackupWindow": "03:00-04:00", "PreferredMaintenanceWindow": "sun:03:30-sun:04:30"},
            "InvalidParameterCombination",
            "must not overlap",
        ),
        ({"EnableCloudwatchLogsExports": ["slow"]}, "InvalidParameterCombination", "cannot use the log types"),
        ({"MultiAZ": True, "AvailabilityZone": f"{REGION}a"}, "InvalidParameterCombination", "Multi-AZ instances"),
    ],
)
def test_refused_creation(rds: Rds, change: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError, match=words) as error:
        rds.client.create_db_instance(**rds.options(**change))
    assert refused(error) == (code, 404 if "NotFound" in code else 400)
    assert rds.client.describe_db_instances()["DBInstances"] == []
    assert rds.aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_classes_differ_by_region(rds: Rds) -> None:
    sold = rds.client.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass="db.m8g.large")
    assert sold["OrderableDBInstanceOptions"]
    elsewhere = rds.aws.client("rds", "eu-west-3")
    found = elsewhere.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass="db.m8g.large")
    assert found["OrderableDBInstanceOptions"] == []
    versions = rds.client.describe_db_engine_versions(Engine="postgres", EngineVersion="16.8")["DBEngineVersions"]
    targets = [item["EngineVersion"] for item in versions[0]["ValidUpgradeTarget"]]
    assert (targets[0], "15.14" in targets, "17.6" in targets) == ("16.10", False, True)
    pages = rds.client.get_paginator("describe_orderable_db_instance_options").paginate(
        Engine="postgres", EngineVersion="16.10"
    )
    assert len({item["DBInstanceClass"] for page in pages for item in page["OrderableDBInstanceOptions"]}) > 50


def test_sqlserver_has_a_control_plane_only(rds: Rds) -> None:
    wanted: dict[str, Any] = {
        "Engine": "sqlserver-se",
        "EngineVersion": None,
        "DBInstanceClass": "db.m5.large",
        "DBName": None,
        "AllocatedStorage": 100,
    }
    with pytest.raises(ClientError, match="DBName must be null for engine: sqlserver-se"):
        rds.client.create_db_instance(**rds.options(**{**wanted, "DBName": "app"}))
    with pytest.raises(ClientError, match="Multi-AZ instances are not available"):
        rds.client.create_db_instance(**rds.options(**{**wanted, "Engine": "sqlserver-ex", "MultiAZ": True}))
    instance = rds.create(**wanted)
    assert instance["LicenseModel"] == "license-included"
    assert instance["Endpoint"]["Address"].endswith(f"{REGION}.rds.amazonaws.com")
    assert instance["Endpoint"]["Port"] == 1433
    assert instance["DBParameterGroups"][0]["DBParameterGroupName"] == "default.sqlserver-se-16.0"


def test_what_waits_for_the_window_and_what_does_not(rds: Rds) -> None:
    rds.create()
    changed = rds.client.modify_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t4g.small", BackupRetentionPeriod=14, DeletionProtection=True
    )["DBInstance"]
    assert changed["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"}
    assert (changed["DBInstanceClass"], changed["BackupRetentionPeriod"]) == ("db.t4g.micro", 14)
    assert changed["DeletionProtection"] is True
    # Asking for the present value takes the pending change back.
    back = rds.client.modify_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.micro")["DBInstance"]
    assert back["PendingModifiedValues"] == {}
    rds.client.modify_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.small")
    rds.aws.sandbox.advance("aws", 7 * 86400)
    assert rds.settled()["DBInstanceClass"] == "db.t4g.small"
    rds.client.modify_db_instance(DBInstanceIdentifier="db", MultiAZ=True)
    rds.client.modify_db_instance(DBInstanceIdentifier="db", CopyTagsToSnapshot=True, ApplyImmediately=True)
    instance = rds.settled()
    assert instance["MultiAZ"] is True
    assert instance["SecondaryAvailabilityZone"] != instance["AvailabilityZone"]


def test_states_in_real_time(rds: Rds) -> None:
    rds.aws.sandbox.set_profile("realistic", scale=1)
    advance = rds.aws.sandbox.advance
    rds.client.create_db_instance(**rds.options())
    assert rds.status() == "creating"
    advance("aws", 421)
    rds.aws.wait(lambda: rds.status() == "backing-up", seconds=60)
    with pytest.raises(ClientError, match="not in available state") as error:
        rds.client.modify_db_instance(DBInstanceIdentifier="db", MultiAZ=True, ApplyImmediately=True)
    assert refused(error) == ("InvalidDBInstanceState", 400)
    with pytest.raises(ClientError, match="not currently in the available state"):
        rds.client.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="s")
    advance("aws", 91)
    rds.aws.wait(lambda: rds.status() == "available", seconds=60)
    changed = rds.client.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=40, ApplyImmediately=True)
    # Accepted, not yet to be seen in the status.
    assert changed["DBInstance"]["DBInstanceStatus"] == "available"
    assert changed["DBInstance"]["PendingModifiedValues"] == {"AllocatedStorage": 40}
    assert rds.status() == "available"
    advance("aws", 6)
    assert rds.status() == "modifying"
    advance("aws", 181)
    assert rds.status() == "storage-optimization"
    assert rds.get()["AllocatedStorage"] == 40
    with pytest.raises(ClientError, match="not in available state"):
        rds.client.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=80, ApplyImmediately=True)
    advance("aws", 1801)
    assert rds.status() == "available"
    rds.client.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="s")
    advance("aws", 60)
    shown = rds.client.describe_db_snapshots(DBSnapshotIdentifier="s")["DBSnapshots"][0]
    assert (shown["Status"], 45 < shown["PercentProgress"] < 55) == ("creating", True)
    assert rds.status() == "backing-up"
    advance("aws", 61)
    rds.snapshot("s")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"AllocatedStorage": 10}, "InvalidParameterCombination", "cannot be less than the current storage size"),
        ({"EngineVersion": "15.14"}, "InvalidParameterCombination", "Cannot upgrade postgres from 16.10 to 15.14"),
        ({"EngineVersion": "17.6"}, "InvalidParameterCombination", "AllowMajorVersionUpgrade flag must be present"),
        ({"DBInstanceClass": "db.x9.large"}, "InvalidParameterCombination", "RDS does not support"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue", "shorter than 8"),
        ({"RotateMasterUserPassword": True}, "InvalidParameterCombination", "isn't turned on"),
        ({"NewDBInstanceIdentifier": "other"}, "DBInstanceAlreadyExists", "already exists"),
    ],
)
def test_refused_modification(rds: Rds, change: dict[str, Any], code: str, words: str) -> None:
    rds.create()
    rds.client.create_db_instance(**rds.options("other"))
    with pytest.raises(ClientError, match=words) as error:
        rds.client.modify_db_instance(DBInstanceIdentifier="db", ApplyImmediately=True, **change)
    assert refused(error) == (code, 400)
    assert rds.status() == "available"


def test_upgrade_logs_monitoring_and_insights(rds: Rds) -> None:
    rds.create(EngineVersion="16.8")
    role = rds.aws.role("monitoring", "monitoring.rds.amazonaws.com")
    rds.client.modify_db_instance(
        DBInstanceIdentifier="db",
        EngineVersion="17",
        AllowMajorVersionUpgrade=True,
        ApplyImmediately=True,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["postgresql", "upgrade"]},
        MonitoringInterval=60,
        MonitoringRoleArn=role,
        EnablePerformanceInsights=True,
        EnableIAMDatabaseAuthentication=True,
    )
    instance = rds.settled()
    assert instance["EngineVersion"] == "17.6"
    assert instance["EnabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert (instance["MonitoringInterval"], instance["MonitoringRoleArn"]) == (60, role)
    assert (instance["PerformanceInsightsEnabled"], instance["PerformanceInsightsRetentionPeriod"]) == (True, 7)
    assert instance["IAMDatabaseAuthenticationEnabled"] is True
    groups = rds.aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [
        "/aws/rds/instance/db/postgresql",
        "/aws/rds/instance/db/upgrade",
    ]


def test_storage_grows_by_a_tenth_at_least(rds: Rds) -> None:
    rds.create(AllocatedStorage=100)
    rds.client.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=101, ApplyImmediately=True)
    assert rds.settled()["AllocatedStorage"] == 110


def test_protection_and_final_snapshot(rds: Rds) -> None:
    rds.create(DeletionProtection=True, CopyTagsToSnapshot=True, Tags=[{"Key": "a", "Value": "b"}])
    with pytest.raises(ClientError, match="Cannot delete protected DB Instance") as error:
        rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)
    assert refused(error) == ("InvalidParameterCombination", 400)
    rds.client.modify_db_instance(DBInstanceIdentifier="db", DeletionProtection=False)
    with pytest.raises(ClientError, match="FinalDBSnapshotIdentifier is required"):
        rds.client.delete_db_instance(DBInstanceIdentifier="db")
    rds.client.delete_db_instance(DBInstanceIdentifier="db", FinalDBSnapshotIdentifier="db-final")
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    final = rds.snapshot("db-final")
    assert (final["SnapshotType"], final["TagList"]) == ("manual", [{"Key": "a", "Value": "b"}])
    with pytest.raises(ClientError, match="not found"):
        rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)


def test_parameter_groups(rds: Rds) -> None:
    client = rds.client
    client.create_db_parameter_group(
        DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="own parameters"
    )
    rds.create(DBParameterGroupName="own")

    def change(name: str, value: str, method: str) -> None:
        item = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        client.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[item])

    def status() -> str:
        return str(rds.get()["DBParameterGroups"][0]["ParameterApplyStatus"])

    change("log_min_duration_statement", "250", "immediate")
    assert status() == "in-sync"
    change("max_connections", "77", "pending-reboot")
    assert status() == "pending-reboot"
    user = client.describe_db_parameters(DBParameterGroupName="own", Source="user")["Parameters"]
    assert {item["ParameterName"]: item["ParameterValue"] for item in user} == {
        "log_min_duration_statement": "250",
        "max_connections": "77",
    }
    client.reboot_db_instance(DBInstanceIdentifier="db")
    rds.settled()
    assert status() == "in-sync"
    for name, value, method, words in (
        ("no_such", "1", "immediate", "Could not find parameter with name: no_such"),
        ("max_connections", "80", "immediate", "cannot use immediate apply method for static parameter"),
        ("log_statement", "some", "immediate", "Invalid parameter value: some for: log_statement"),
        ("ssl", "0", "pending-reboot", "cannot be modified"),
    ):
        with pytest.raises(ClientError, match=words):
            change(name, value, method)
    with pytest.raises(ClientError, match="default group and cannot be modified"):
        client.modify_db_parameter_group(
            DBParameterGroupName="default.postgres16",
            Parameters=[{"ParameterName": "work_mem", "ParameterValue": "1024", "ApplyMethod": "immediate"}],
        )
    with pytest.raises(ClientError, match="still members of this parameter group") as error:
        client.delete_db_parameter_group(DBParameterGroupName="own")
    assert refused(error) == ("InvalidDBParameterGroupState", 400)
    client.modify_db_instance(DBInstanceIdentifier="db", DBParameterGroupName="default.postgres16")
    rds.settled()
    assert status() == "pending-reboot"
    client.delete_db_parameter_group(DBParameterGroupName="own")


def test_failed_operations(rds: Rds) -> None:
    fault = rds.aws.sandbox.fault
    fault("aws", operation="CreateDBInstance", kind="fail_operation", message="no room")
    rds.client.create_db_instance(**rds.options())
    rds.aws.wait(lambda: rds.status() == "failed")
    events = rds.client.describe_events(SourceIdentifier="db", SourceType="db-instance")["Events"]
    assert "no room" in events[-1]["Message"]
    rds.client.delete_db_instance(DBInstanceIdentifier="db", SkipFinalSnapshot=True)
    rds.aws.wait(lambda: rds.client.describe_db_instances()["DBInstances"] == [], seconds=60)
    rds.create()
    fault("aws", operation="ModifyDBInstance", kind="fail_operation")
    rds.client.modify_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.large", ApplyImmediately=True)
    assert rds.settled()["DBInstanceClass"] == "db.t4g.micro"
    fault("aws", operation="ModifyDBInstance", kind="fail_operation", code="storage-full")
    rds.client.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=40, ApplyImmediately=True)
    rds.aws.wait(lambda: rds.status() == "storage-full")
    rds.client.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=50, ApplyImmediately=True)
    assert rds.settled()["AllocatedStorage"] == 50
    fault("aws", operation="CreateDBSnapshot", kind="fail_operation")
    rds.client.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="s")
    find = rds.client.describe_db_snapshots
    rds.aws.wait(lambda: find(DBSnapshotIdentifier="s")["DBSnapshots"][0]["Status"] == "failed")


# --- recorded answers ---

# Fields of things that this account does not have: clusters, an outpost, provisioned IOPS on old types.
ABSENT = {
    "DBInstances.DBClusterIdentifier",
    "DBInstances.EnhancedMonitoringResourceArn",
    "DBInstances.MonitoringRoleArn",
    "DBInstances.PendingModifiedValues.MultiAZ",
    "DBInstances.PromotionTier",
    "DBInstances.ReadReplicaSourceDBInstanceIdentifier",
    "DBInstances.StatusInfos",
    "DBInstances.TagList.Key",
    "DBInstances.TagList.Value",
}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here")
def test_recorded_fields(rds: Rds) -> None:
    rds.create(
        MultiAZ=True,
        StorageEncrypted=True,
        MaxAllocatedStorage=100,
        EnablePerformanceInsights=True,
        EnableCloudwatchLogsExports=["postgresql"],
    )
    rds.snapshot(rds.client.describe_db_snapshots()["DBSnapshots"][0]["DBSnapshotIdentifier"])
    for operation, key in (
        ("DescribeDBInstances", "DBInstances"),
        ("DescribeDBSubnetGroups", "DBSubnetGroups"),
        ("DescribeDBParameterGroups", "DBParameterGroups"),
        ("DescribeDBEngineVersions", "DBEngineVersions"),
        ("DescribeDBSnapshots", "DBSnapshots"),
    ):
        method = getattr(rds.client, xform_name(operation))
        answer = {key: method()[key]}
        wanted = {
            path for path in recorded_paths("rds", operation) if not any(path.startswith(item) for item in ABSENT)
        }
        assert wanted
        missing = wanted - set(paths(answer))
        assert {path for path in missing if not path.startswith(f"{key}.Marker")} == set(), operation
    recorded = next(exchanges("rds", "DescribeDBParameterGroups", 404))["response"]["Error"]
    with pytest.raises(ClientError) as error:
        rds.client.describe_db_parameter_groups(DBParameterGroupName="pg-test")
    assert error.value.response["Error"] == recorded
    # A change of what is shown at once, and of what is not: as recorded.
    changed = rds.client.modify_db_instance(
        DBInstanceIdentifier="db", BackupRetentionPeriod=21, PubliclyAccessible=True
    )["DBInstance"]
    assert (changed["DBInstanceStatus"], changed["BackupRetentionPeriod"]) == ("available", 21)
    assert (changed["PubliclyAccessible"], changed["PendingModifiedValues"]) == (False, {})
    assert rds.settled()["PubliclyAccessible"] is True
