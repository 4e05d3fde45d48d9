"""Caches of a site on AWS, seen by AWS's own client."""

from __future__ import annotations

import time
from typing import Any

import pytest
from module_utils._engine.errors import SpecError

from sandbox.fixture import Sandbox
from tests.integration.amazon_stores import (
    BASE,
    SESSIONS,
    acts,
    amazon,
    caches,
    described,
    run,
    seen,
    writes,
)


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return amazon(sandbox)


GROUP = f"{BASE}-sessions"


def parameter_groups(client: Any) -> list[str]:
    listed = client("elasticache").describe_cache_parameter_groups(MaxRecords=100)["CacheParameterGroups"]
    names = [item["CacheParameterGroupName"] for item in listed]
    return [name for name in names if not name.startswith("default.")]


def test_a_cache_s_life(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    planned = run(site, caches(), check=True)
    made = run(site, caches())
    assert acts(made) == acts(planned)
    group = described(client)
    assert (group["AutomaticFailover"], group["MultiAZ"], len(group["MemberClusters"])) == ("enabled", "enabled", 2)
    assert group["AtRestEncryptionEnabled"]
    assert group["AuthTokenEnabled"]
    assert group["TransitEncryptionMode"] == "required"
    told = made.outputs["cache"]["instances"]["sessions"]
    assert (told["id"], told["port"], told["tls"]) == (group["ARN"], 6379, True)
    assert told["host"] == group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    secret = client("secretsmanager").describe_secret(SecretId=told["secret"])
    assert secret["Name"] == f"{BASE}/cache/sessions"
    mark = seen(sandbox)
    again = run(site, caches(), refers=["network"])
    assert (acts(again), writes(sandbox, mark)) == ({}, [])
    calls = [entry["operation"] for entry in sandbox.journal("aws", mark)]
    assert len(calls) <= 11, sorted(calls)
    assert "secretsmanager.GetSecretValue" not in calls
    again = run(site, caches(), find_orphans=True)
    assert (acts(again), again.orphans, again.kept) == ({}, [], [])
    gone = run(site, caches(), state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert (gone.orphans, gone.kept) == ([], [])
    assert client("elasticache").describe_replication_groups()["ReplicationGroups"] == []
    assert parameter_groups(client) == []


KIND = "aws.elasticache.replication_group sessions"


def settled(client: Any, status: str = "available") -> dict[str, Any]:
    for _ in range(200):
        if described(client)["Status"] == status:
            break
        time.sleep(0.05)
    return described(client)


def test_a_cache_is_repaired(site: dict[str, Any], client: Any) -> None:
    instance = {
        **SESSIONS,
        "persistence": "snapshots",
        "snapshot_window": "03:00",
        "maintenance_window": {"start_time": "23:30", "days": ["sunday"], "duration_hours": 1},
    }
    run(site, caches(instance))
    elasticache, group = client("elasticache"), described(client)
    assert (group["SnapshotRetentionLimit"], group["SnapshotWindow"]) == (7, "03:00-04:00")
    elasticache.modify_cache_parameter_group(
        CacheParameterGroupName=f"{GROUP}-valkey8",
        ParameterNameValues=[
            {"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"},
            {"ParameterName": "timeout", "ParameterValue": "300"},
        ],
    )
    elasticache.remove_tags_from_resource(ResourceName=group["ARN"], TagKeys=["Name"])
    elasticache.add_tags_to_resource(ResourceName=group["ARN"], Tags=[{"Key": "cost-centre", "Value": "42"}])
    elasticache.modify_replication_group(
        ReplicationGroupId=GROUP,
        SnapshotRetentionLimit=0,
        PreferredMaintenanceWindow="mon:01:00-mon:02:00",
        AutomaticFailoverEnabled=False,
        MultiAZEnabled=False,
        ApplyImmediately=True,
    )
    settled(client)
    elasticache.increase_replica_count(ReplicationGroupId=GROUP, NewReplicaCount=2, ApplyImmediately=True)
    settled(client)
    ours = client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{BASE}-data"]}])
    assert {rule["FromPort"] for rule in ours["SecurityGroups"][0]["IpPermissions"]} == {5432, 6379}
    expected = {KIND: "update", f"aws.elasticache.parameter_group {GROUP}": "update"}
    assert acts(run(site, caches(instance), check=True)) == expected
    assert acts(run(site, caches(instance))) == expected
    assert acts(run(site, caches(instance))) == {}
    group = described(client)
    assert (group["SnapshotRetentionLimit"], group["AutomaticFailover"], group["MultiAZ"]) == (7, "enabled", "enabled")
    assert len(group["MemberClusters"]) == 3  # a replica that somebody added stays
    (node, *_) = elasticache.describe_cache_clusters()["CacheClusters"]
    assert node["PreferredMaintenanceWindow"] == "sun:23:30-mon:00:30"
    set_there = elasticache.describe_cache_parameters(CacheParameterGroupName=f"{GROUP}-valkey8", Source="user")
    values = {item["ParameterName"]: item["ParameterValue"] for item in set_there["Parameters"]}
    assert values == {"maxmemory-policy": "allkeys-lru", "timeout": "300"}
    tags = elasticache.list_tags_for_resource(ResourceName=group["ARN"])["TagList"]
    assert {"Key": "cost-centre", "Value": "42"} in tags


def test_a_cache_grows_up_and_down_but_its_version_only_up(site: dict[str, Any], client: Any) -> None:
    small = caches({"name": "sessions", "engine": "redis", "version": "7.0", "high_availability": False})
    run(site, small)
    assert parameter_groups(client) == [f"{GROUP}-redis7"]
    upgraded = caches({"name": "sessions", "engine": "valkey", "version": "8", "high_availability": False})
    planned = run(site, upgraded, check=True)
    assert acts(planned) == {
        KIND: "update",
        f"aws.elasticache.parameter_group {GROUP}": "create",
        "aws.elasticache.parameter_group former groups of sessions": "delete",
    }
    (entry,) = [each for each in planned.entries if each.name == "sessions" and each.disruptive]
    assert "connections end when the engine is upgraded" in entry.note
    assert acts(run(site, upgraded)) == acts(planned)
    assert acts(run(site, upgraded)) == {}
    assert parameter_groups(client) == [f"{GROUP}-valkey8"]
    (node,) = client("elasticache").describe_cache_clusters()["CacheClusters"]
    assert (node["Engine"], node["EngineVersion"]) == ("valkey", "8.1.1")
    for engine, version in (("redis", "7.1"), ("valkey", "7.2"), ("valkey", "8.0")):
        with pytest.raises(SpecError, match=f"it runs valkey 8.1.1, and ElastiCache cannot go back to {engine}"):
            run(site, caches({"name": "sessions", "engine": engine, "version": version, "high_availability": False}))
    left_out = caches({"name": "sessions", "high_availability": False})
    assert acts(run(site, left_out)) == {}
    large = caches({"name": "sessions", "high_availability": True, "size": "large"})
    assert acts(run(site, large)) == {KIND: "update"}
    assert acts(run(site, large)) == {}
    group = described(client)
    assert (group["CacheNodeType"], group["MultiAZ"], len(group["MemberClusters"])) == (
        "cache.r7g.xlarge",
        "enabled",
        2,
    )
    run(site, left_out)
    assert acts(run(site, left_out)) == {}
    group = described(client)
    assert (group["CacheNodeType"], group["MultiAZ"], len(group["MemberClusters"])) == (
        "cache.t4g.small",
        "disabled",
        1,
    )


def test_what_interrupts_a_cache_is_guarded_in_prod(site: dict[str, Any], sandbox: Sandbox) -> None:
    prod = {**site, "environment": "prod", "site": "aws-dev"}
    run(prod, caches())
    mark = seen(sandbox)
    larger = caches(size="medium")
    with pytest.raises(SpecError, match=r"connections end when the cache moves.*allow_disruption: true"):
        run(prod, larger)
    assert writes(sandbox, mark) == []
    kept = caches(persistence="snapshots")
    assert acts(run(prod, kept)) == {KIND: "update"}
    assert acts(run(prod, caches(persistence="snapshots", size="medium"), allow_disruption=True)) == {KIND: "update"}


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ({"persistence": "append_only"}, "keeps no append-only file"),
        ({"aws": {"node_type": "cache.x9.huge"}}, "no node type cache.x9.huge in us-east-1"),
        ({"aws": {"node_type": "m7g.large"}}, "not a node type"),
        ({"version": "9.9"}, r"no valkey 9.9. It has 7.2.6, 8.0.1, 8.1.1"),
        ({"engine": "redis", "version": "latest"}, "is not a version"),
        ({"maintenance_window": {"start_time": "03:00"}}, "one maintenance window a week. Name one day"),
        (
            {
                "persistence": "snapshots",
                "snapshot_window": "23:30",
                "maintenance_window": {"start_time": "00:00", "days": ["monday"]},
            },
            "must not overlap",
        ),
        ({"encryption": "customer", "aws": {"encryption_key_arn": "mine"}}, "is not the ARN of a KMS key"),
        ({"snapshot_retention_days": 36, "persistence": "snapshots"}, "out of range"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    site: dict[str, Any], sandbox: Sandbox, instance: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=words):
        run(site, caches({"name": "sessions", **instance}))
    assert writes(sandbox, mark) == []


def test_what_the_network_and_the_quota_do_not_allow_is_refused(site: dict[str, Any], sandbox: Sandbox) -> None:
    spec = caches()
    spec["network"] |= {"zones": 1, "data_ports": [5432]}
    with pytest.raises(SpecError, match=r"does not hold 6379.*the network has one"):
        run(site, spec)
    sandbox.set_quotas("aws", {"elasticache/L-DFE45DF3": 3})
    with pytest.raises(SpecError, match=r"ElastiCache nodes in us-east-1: the plan adds 4, 0 are in use"):
        run(site, caches(SESSIONS, {**SESSIONS, "name": "features"}))


def test_a_cache_in_a_network_of_the_user_s(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    cidrs = ["10.99.0.0/24", "10.99.1.0/24"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for cidr, zone in zip(cidrs, "ab", strict=True)
    ]
    spec = caches()
    spec["network"] = {"aws": {"existing_vpc_id": vpc, "existing_private_subnet_ids": subnets}}
    planned = run(site, spec, check=True)
    made = acts(run(site, spec))
    assert made == acts(planned)
    assert f"aws.ec2.security_group {BASE}-cache" in made
    again = run(site, spec, find_orphans=True)
    assert (acts(again), again.orphans) == ({}, [])
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{BASE}-cache"]}])[
        "SecurityGroups"
    ]
    ranges = [item["CidrIp"] for rule in group["IpPermissions"] for item in rule["IpRanges"]]
    assert (sorted(ranges), group["IpPermissionsEgress"]) == (cidrs, [])
    gone = run(site, spec, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert [item["VpcId"] for item in ec2.describe_vpcs()["Vpcs"]].count(vpc) == 1
