"""Databases of a site on AWS, seen by AWS's own client: their life, drift repaired, refusals, replicas."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from module_utils._engine.errors import SpecError

from sandbox.engines import engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.amazon_stores import BASE, acts, amazon, run, seen, writes

MAIN: dict[str, Any] = {"name": "main", "databases": ["app"], "storage_gb": 100}


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def site(sandbox: Sandbox) -> dict[str, Any]:
    return sites.site("aws", sandbox)


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return amazon(sandbox)


def parts(*servers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"network": {"addresses": sites.SLOTS}, "database": {"servers": list(servers)}, **more}


def instance(client: Any, name: str = "main") -> dict[str, Any]:
    """As RDS describes it; after its first backup, while which it takes no changes."""
    while True:
        (found,) = client("rds").describe_db_instances(DBInstanceIdentifier=f"{BASE}-{name}")["DBInstances"]
        if found["DBInstanceStatus"] != "backing-up":
            return dict(found)
        time.sleep(0.05)


def test_from_nothing_to_nothing_but_the_final_snapshot(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    users = [{"name": "web"}] if engine_available("postgres") else []
    server = {
        **MAIN,
        "databases": ["app", "other"] if users else ["app"],
        "users": users,
        "encryption": "customer",
        "backup_window": "02:00",
        "maintenance_window": {"days": ["sunday"], "start_time": "05:00", "duration_hours": 1},
        "log_exports": True,
        "performance_insights": True,
        "parameters": {"max_connections": "200", "work_mem": "8192"},
        "final_snapshot": True,
    }
    wanted = parts(server, secret_store={"secrets": [{"name": "signing-key"}]})
    planned = run(site, wanted, check=True)
    done = run(site, wanted)
    assert acts(done) == acts(planned)
    made = instance(client)
    assert (made["StorageEncrypted"], made["PubliclyAccessible"]) == (True, False)
    assert made["KmsKeyId"].endswith(client("kms").describe_key(KeyId=f"alias/{BASE}-database")["KeyMetadata"]["KeyId"])
    assert made["MasterUserSecret"]["SecretArn"] == done.outputs["database"]["servers"]["main"]["admin"]["secret"]
    assert sorted(made["EnabledCloudwatchLogsExports"]) == ["postgresql", "upgrade"]
    assert (made["MaxAllocatedStorage"], made["PreferredBackupWindow"]) == (65536, "02:00-03:00")
    assert made["PreferredMaintenanceWindow"] == "sun:05:00-sun:06:00"
    assert made["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    mark = seen(sandbox)
    again = run(site, wanted, find_orphans=True)
    assert (acts(again), again.orphans, writes(sandbox, mark)) == ({}, [], [])
    gone = run(site, wanted, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    note = next(entry.note for entry in gone.entries if entry.kind == "aws.rds.instance")
    kept = {entry["kind"]: entry for entry in gone.kept or []}
    assert set(kept) == {"aws.rds.snapshot", "aws.kms.key"}  # the one can only be read with the other
    assert "final snapshot" in kept["aws.rds.snapshot"]["kept"]
    (snapshot,) = client("rds").describe_db_snapshots()["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"] in note
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    back = run(site, wanted)  # its secrets were scheduled for deletion: they come back with what they held
    assert acts(back)[f"aws.secretsmanager.secret {BASE}/signing-key"] == "create"
    assert f"secret.value {BASE}/signing-key" not in acts(run(site, wanted))


def test_drift_is_repaired_and_only_that(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    wanted = parts({**MAIN, "parameters": {"work_mem": "8192"}})
    run(site, wanted)
    rds, name = client("rds"), f"{BASE}-main"
    stranger = client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])
    vpc = instance(client)["DBSubnetGroup"]["VpcId"]
    group = next(item["GroupId"] for item in stranger["SecurityGroups"] if item["VpcId"] == vpc)
    rds.modify_db_instance(
        DBInstanceIdentifier=name,
        BackupRetentionPeriod=20,
        VpcSecurityGroupIds=[group],
        DBInstanceClass="db.m6g.xlarge",
        ApplyImmediately=True,
    )
    arn = instance(client)["DBInstanceArn"]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["platform"])
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "team", "Value": "ml"}])
    with pytest.raises(SpecError, match="it belongs to"):
        run(site, wanted)
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "platform", "Value": "ml-platform"}])
    parameters = instance(client)["DBParameterGroups"][0]["DBParameterGroupName"]
    value = {"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "immediate"}
    other = {"ParameterName": "log_connections", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=parameters, Parameters=[value, other])
    (groups,) = rds.describe_db_subnet_groups()["DBSubnetGroups"]
    zone = instance(client)["AvailabilityZone"]
    by_use = sorted(groups["Subnets"], key=lambda subnet: subnet["SubnetAvailabilityZone"]["Name"] != zone)
    few = [subnet["SubnetIdentifier"] for subnet in by_use][:2]
    rds.modify_db_subnet_group(DBSubnetGroupName=groups["DBSubnetGroupName"], SubnetIds=few)
    repaired = run(site, wanted)
    assert acts(repaired) == {
        f"aws.rds.instance {name}": "update",
        f"aws.rds.parameters {name}": "update",
        f"aws.rds.subnet_group {BASE}-database": "update",
    }
    entry = next(item for item in repaired.entries if item.kind == "aws.rds.instance")
    assert (entry.disruptive, "DBInstanceClass" in entry.note) == (True, True)
    found = instance(client)
    assert (found["DBInstanceClass"], found["BackupRetentionPeriod"]) == ("db.m6g.large", 7)
    assert {"Key": "team", "Value": "ml"} in found["TagList"]
    user = rds.describe_db_parameters(DBParameterGroupName=parameters, Source="user")["Parameters"]
    assert {item["ParameterName"]: item["ParameterValue"] for item in user} == {
        "rds.force_ssl": "1",
        "work_mem": "8192",
    }
    mark = seen(sandbox)
    assert (acts(run(site, wanted)), writes(sandbox, mark)) == ({}, [])


def test_storage_that_has_grown_by_itself_is_no_drift(site: dict[str, Any], client: Any) -> None:
    run(site, parts(MAIN))
    assert instance(client)["AllocatedStorage"] == 100
    client("rds").modify_db_instance(DBInstanceIdentifier=f"{BASE}-main", AllocatedStorage=150, ApplyImmediately=True)
    assert acts(run(site, parts(MAIN))) == {}
    with pytest.raises(SpecError, match="cannot shrink from 150 GiB to 100"):
        run(site, parts({**MAIN, "storage_autogrow": False}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"aws": {"instance_class": "db.m8g.large"}, "version": "9.6"}, "no version 9.6"),
        ({"aws": {"instance_class": "db.nonsense.large"}}, "not offered"),
        ({"parameters": {"no_such_thing": "1"}}, "none of this name"),
        ({"parameters": {"work_mem": "-5"}}, "is not possible"),
        ({"parameters": {"rds.force_ssl": "0"}}, "TLS is required"),
        ({"aws": {"storage_type": "io2"}}, "io2 needs"),
        ({"aws": {"iops": 5000}}, "gp3 below 400"),
        ({"point_in_time_recovery": False}, "point_in_time_recovery"),
        (
            {"engine": "sqlserver", "databases": None, "edition": "web", "high_availability": True},
            "web edition has none",
        ),
        ({"engine": "sqlserver"}, "made by its own tools"),
        ({"replicas": [{"name": "far", "region": "eu-west-1"}]}, "aws.subnet_group"),
        ({"restore": {"server": "nobody"}}, "no backup of nobody"),
        ({"restore": {"server": "nobody", "label": "x"}}, "no backup 'x'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    site: dict[str, Any], sandbox: Sandbox, change: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    wanted = parts({**MAIN, **change})
    wanted["network"]["data_ports"] = [5432, 1433]
    with pytest.raises(SpecError, match=words):
        run(site, wanted)
    assert writes(sandbox, mark) == []


def test_what_cannot_be_undone_is_refused(site: dict[str, Any], sandbox: Sandbox) -> None:
    server = {**MAIN, "version": "16", "deletion_protection": True}
    run(site, parts(server))
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="no way back to 15"):
        run(site, parts({**server, "version": "15"}))
    with pytest.raises(SpecError, match="deletion_protection: false"):
        run(site, parts(server), state="absent")
    with pytest.raises(SpecError, match="10 % at least"):
        run(site, parts({**server, "storage_gb": 105}))
    with pytest.raises(SpecError, match="never overwrites"):
        run(site, parts({**server, "restore": {"server": "other"}}))
    assert writes(sandbox, mark) == []


def test_a_major_upgrade_takes_its_parameters_along(site: dict[str, Any], client: Any) -> None:
    run(site, parts({**MAIN, "version": "16", "parameters": {"work_mem": "8192"}}))
    done = run(site, parts({**MAIN, "version": "17", "parameters": {"work_mem": "8192"}}))
    assert acts(done)[f"aws.rds.instance {BASE}-main"] == "update"
    found = instance(client)
    assert found["EngineVersion"].startswith("17.")
    assert found["DBParameterGroups"][0] == {
        "DBParameterGroupName": f"{BASE}-main-postgres17",
        "ParameterApplyStatus": "in-sync",
    }
    groups = client("rds").describe_db_parameter_groups()["DBParameterGroups"]
    assert [item["DBParameterGroupName"] for item in groups if BASE in item["DBParameterGroupName"]] == [
        f"{BASE}-main-postgres17"
    ]
    assert acts(run(site, parts({**MAIN, "version": "17", "parameters": {"work_mem": "8192"}}))) == {}


def test_replicas_come_go_and_are_promoted(
    site: dict[str, Any], sandbox: Sandbox, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(site, parts(MAIN))
    assert "MasterUserSecret" in instance(client)
    server = {**MAIN, "replicas": [{"name": "main-ro"}]}
    done = run(site, parts(server))
    told = done.outputs["database"]["servers"]["main"]
    assert "MasterUserSecret" not in instance(client)  # RDS makes no replicas of servers whose password it keeps
    assert told["admin"]["secret"].split(":")[6].startswith(f"{BASE}/database/main/admin")
    assert instance(client, "main-ro")["ReadReplicaSourceDBInstanceIdentifier"] == f"{BASE}-main"
    mark = seen(sandbox)
    assert (acts(run(site, parts(server))), writes(sandbox, mark)) == ({}, [])
    promoted = {**MAIN, "replicas": [{"name": "main-ro", "promote": True}]}
    monkeypatch.setattr("module_utils._aws.rds_replicas.lag", lambda *_: 31.0)
    with pytest.raises(SpecError, match="31 s behind"):
        run(site, parts(promoted))
    monkeypatch.setattr("module_utils._aws.rds_replicas.lag", lambda *_: -1.0)
    with pytest.raises(SpecError, match="replication is broken"):
        run(site, parts(promoted))
    monkeypatch.undo()
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    assert acts(run(site, parts(promoted))) == {f"aws.rds.read_replica {BASE}-main-ro": "update"}
    found = instance(client, "main-ro")
    assert ("ReadReplicaSourceDBInstanceIdentifier" in found, found["BackupRetentionPeriod"]) == (False, 7)
    assert acts(run(site, parts(promoted))) == {}
    with pytest.raises(SpecError, match="was promoted"):
        run(site, parts(server))
    gone = {**MAIN, "replicas": [{"name": "main-ro", "state": "absent"}]}
    assert acts(run(site, parts(gone))) == {f"aws.rds.read_replica {BASE}-main-ro": "delete"}
    run(site, parts(MAIN))
    assert "MasterUserSecret" in instance(client)
    assert acts(run(site, parts(MAIN))) == {}


def test_sql_server_with_what_it_can(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    wanted = parts({"name": "legacy", "engine": "sqlserver", "version": "2022", "log_exports": True})
    wanted["network"]["data_ports"] = [1433]
    done = run(site, wanted)
    found = instance(client, "legacy")
    assert (found["Engine"], found["LicenseModel"]) == ("sqlserver-se", "license-included")
    assert found["EngineVersion"].startswith("16.00")
    assert done.outputs["database"]["servers"]["legacy"]["port"] == 1433
    mark = seen(sandbox)
    assert (acts(run(site, wanted)), writes(sandbox, mark)) == ({}, [])


def test_a_replica_in_another_region(site: dict[str, Any], sandbox: Sandbox) -> None:
    far = boto3.Session(region_name="eu-west-1")
    ec2, rds = (far.client(name, endpoint_url=sandbox.url("aws")) for name in ("ec2", "rds"))
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{index}.0/24", AvailabilityZone=f"eu-west-1{zone}")["Subnet"]
        for index, zone in enumerate("ab")
    ]
    ids = [subnet["SubnetId"] for subnet in subnets]
    rds.create_db_subnet_group(DBSubnetGroupName="far", DBSubnetGroupDescription="far", SubnetIds=ids)
    group = ec2.create_security_group(VpcId=vpc, GroupName="far", Description="far")["GroupId"]
    place = {"subnet_group": "far", "security_group_ids": [group]}
    server = {**MAIN, "replicas": [{"name": "main-far", "region": "eu-west-1", "aws": place}]}
    done = run(site, parts(server))
    (found,) = rds.describe_db_instances()["DBInstances"]
    assert (found["DBInstanceIdentifier"], found["StorageEncrypted"]) == (f"{BASE}-main-far", True)
    assert found["DBSubnetGroup"]["DBSubnetGroupName"] == "far"
    source = done.outputs["database"]["servers"]["main"]
    assert found["ReadReplicaSourceDBInstanceIdentifier"] == source["id"]
    assert source["replicas"]["main-far"]["id"] == found["DBInstanceArn"]
    mark = seen(sandbox)
    assert (acts(run(site, parts(server))), writes(sandbox, mark)) == ({}, [])
    bigger = parts({**server, "size": "medium"})
    assert acts(run(site, bigger)) == {
        f"aws.rds.instance {BASE}-main": "update",
        f"aws.rds.read_replica {BASE}-main-far": "update",
    }
    run(site, bigger, state="absent")
    assert rds.describe_db_instances()["DBInstances"] == []
