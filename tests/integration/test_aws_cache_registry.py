"""Caches and the registry of a site on AWS, seen by AWS's own client."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from module_utils._engine.errors import SpecError

from sandbox.fixture import Sandbox
from tests.integration.amazon_stores import (
    BASE,
    REGION,
    SESSIONS,
    acts,
    amazon,
    back_up,
    caches,
    run,
    seen,
    told,
    writes,
)


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return amazon(sandbox)


# -- registry ----------------------------------------------------------------------------------------------------------

IMAGES: dict[str, Any] = {"registry": {"repositories": [{"name": "serving"}, {"name": "training"}]}}


def push(client: Any, repository: str, tag: str = "v1") -> None:
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}
    client("ecr").put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)


def test_a_registry_s_life(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    planned = run(site, IMAGES, check=True)
    made = run(site, IMAGES)
    assert (
        acts(made)
        == acts(planned)
        == {
            "aws.ecr.repository serving": "create",
            "aws.ecr.repository training": "create",
        }
    )
    host = f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
    assert made.outputs["registry"] == {
        "url": f"{host}/{BASE}",
        "repositories": {name: f"{host}/{BASE}/{name}" for name in ("serving", "training")},
    }
    (found,) = client("ecr").describe_repositories(repositoryNames=[f"{BASE}/serving"])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    assert found["encryptionConfiguration"] == {"encryptionType": "AES256"}
    mark = seen(sandbox)
    again = run(site, IMAGES, find_orphans=True)
    assert (acts(again), again.orphans, writes(sandbox, mark)) == ({}, [], [])
    gone = run(site, IMAGES, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    assert client("ecr").describe_repositories()["repositories"] == []


def test_a_registry_is_repaired_and_what_others_wrote_into_its_policies_stays(
    site: dict[str, Any], client: Any
) -> None:
    run(site, IMAGES)
    ecr, name = client("ecr"), f"{BASE}/serving"
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability="MUTABLE")
    ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration={"scanOnPush": False})
    theirs = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 500},
        "action": {"type": "expire"},
    }
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps({"rules": [theirs]}))
    arn = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "cost-centre", "Value": "42"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["platform"])
    with pytest.raises(SpecError, match="repository serving exists, but it belongs to"):
        run(site, IMAGES)
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "platform", "Value": "ml-platform"}])
    assert acts(run(site, IMAGES)) == {"aws.ecr.repository serving": "update"}
    assert acts(run(site, IMAGES)) == {}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])["rules"]
    assert [(rule["rulePriority"], rule["selection"]["tagStatus"]) for rule in rules] == [(2, "untagged"), (3, "any")]
    assert {"Key": "cost-centre", "Value": "42"} in ecr.list_tags_for_resource(resourceArn=arn)["tags"]
    kept = {"registry": {**IMAGES["registry"], "untagged_expire_days": 0, "immutable_tags": False}}
    run(site, kept)
    assert acts(run(site, kept)) == {}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["any"]
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName=f"{BASE}/training")


def test_a_repository_with_images_is_only_deleted_with_force(site: dict[str, Any], client: Any) -> None:
    run(site, IMAGES)
    push(client, f"{BASE}/serving")
    with pytest.raises(SpecError, match=r"repository serving: .* is not empty.*force: true"):
        run(site, IMAGES, state="absent")
    fewer: dict[str, Any] = {
        "registry": {"repositories": [{"name": "serving", "state": "absent"}, {"name": "training"}]}
    }
    with pytest.raises(SpecError, match="is not empty"):
        run(site, fewer)
    fewer["registry"]["repositories"][0]["force"] = True
    assert acts(run(site, fewer)) == {"aws.ecr.repository serving": "delete"}
    assert [item["repositoryName"] for item in client("ecr").describe_repositories()["repositories"]] == [
        f"{BASE}/training"
    ]


def test_the_nodes_of_the_cluster_may_pull(site: dict[str, Any], client: Any) -> None:
    ecr, name = client("ecr"), f"{BASE}/serving"
    asked = {"registry": {**IMAGES["registry"], "pull": True}}
    with pytest.raises(SpecError, match=f"aws.iam.role .*role/{BASE}-eks-nodes: .* is not in this account"):
        run(site, asked)
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    role = client("iam").create_role(RoleName=f"{BASE}-eks-nodes", AssumeRolePolicyDocument=json.dumps(trust))
    run(site, IMAGES)
    theirs = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}
    statement = {**theirs, "Action": ["ecr:BatchGetImage"]}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ecr.set_repository_policy(repositoryName=name, policyText=text)
    assert acts(run(site, IMAGES)) == {}  # without a cluster in the call nothing is said about pulling
    run(site, asked)
    assert acts(run(site, asked)) == {}
    statements = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])["Statement"]
    assert [item["Sid"] for item in statements] == ["Theirs", "ClusterPull"]
    assert statements[1]["Principal"] == {"AWS": role["Role"]["Arn"]}
    refused = {"registry": {**IMAGES["registry"], "pull": False}}
    run(site, refused)
    assert acts(run(site, refused)) == {}
    statements = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])["Statement"]
    assert [item["Sid"] for item in statements] == ["Theirs"]
    with pytest.raises(ecr.exceptions.RepositoryPolicyNotFoundException):
        ecr.get_repository_policy(repositoryName=f"{BASE}/training")


def test_a_registry_with_a_key_of_its_own(site: dict[str, Any], client: Any) -> None:
    customer = {"registry": {**IMAGES["registry"], "encryption": "customer"}}
    run(site, customer)
    assert acts(run(site, customer)) == {}
    (found,) = client("ecr").describe_repositories(repositoryNames=[f"{BASE}/serving"])["repositories"]
    key = client("kms").describe_key(KeyId=f"alias/{BASE}-registry")["KeyMetadata"]["Arn"]
    assert found["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    with pytest.raises(SpecError, match=r"encryptionType is 'KMS', asked for 'AES256'.*lose data"):
        run(site, IMAGES, allow_replace=True)
    run(site, customer, state="absent")
    assert client("ecr").describe_repositories()["repositories"] == []


def test_too_many_repositories_are_refused_before_anything_is_touched(site: dict[str, Any], sandbox: Sandbox) -> None:
    mark = seen(sandbox)
    sandbox.set_quotas("aws", {"ecr/L-CFEB8E8D": 1})
    with pytest.raises(SpecError, match=r"ECR repositories in .*: the plan adds 2, 0 are in use, and the limit is 1"):
        run(site, IMAGES)
    assert writes(sandbox, mark) == []
    with pytest.raises(SpecError, match="two hyphens"):
        run(site, {"registry": {"repositories": [{"name": "a--b"}]}})


# -- cache -------------------------------------------------------------------------------------------------------------

GROUP = f"{BASE}-sessions"


def described(client: Any) -> dict[str, Any]:
    (found,) = client("elasticache").describe_replication_groups()["ReplicationGroups"]
    return dict(found)


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
    again = run(site, caches(), find_orphans=True)
    assert (acts(again), again.orphans, again.kept, writes(sandbox, mark)) == ({}, [], [], [])
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


def test_a_final_snapshot_is_named_and_stays(site: dict[str, Any], client: Any) -> None:
    spec = caches({**SESSIONS, "final_snapshot": True, "encryption": "customer"})
    run(site, spec)
    assert acts(run(site, spec)) == {}
    key = client("kms").describe_key(KeyId=f"alias/{BASE}-cache")["KeyMetadata"]["Arn"]
    assert described(client)["KmsKeyId"] == key
    with pytest.raises(SpecError, match=r"KmsKeyId .* cannot be changed|cannot be changed after creation: KmsKeyId"):
        run(site, caches({**SESSIONS, "final_snapshot": True}))
    gone = run(site, spec, state="absent", find_orphans=True)
    notes = {each.kind: each.note for each in gone.entries if each.note}
    (snapshot,) = client("elasticache").describe_snapshots()["Snapshots"]
    assert snapshot["SnapshotName"] in notes["aws.elasticache.replication_group"]
    assert "can only be read with it" in notes["aws.kms.key"]
    assert client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert gone.orphans == []
    assert sorted(each["id"] for each in gone.kept or ()) == sorted([key, snapshot["ARN"]])
    assert acts(run(site, spec, state="absent")) == {}
    client("elasticache").delete_snapshot(SnapshotName=snapshot["SnapshotName"])
    without = caches({**SESSIONS, "encryption": "customer"})
    for _ in range(100):
        if not client("elasticache").describe_snapshots()["Snapshots"]:
            break
        time.sleep(0.05)
    assert acts(run(site, without, state="absent")) == {f"aws.kms.key {BASE}-cache": "delete"}


def test_what_others_need_stays(site: dict[str, Any], client: Any) -> None:
    """Calls that are each about one cache or one repository share a subnet group and keys."""
    encrypted = {"high_availability": False, "encryption": "customer"}
    one, other = caches({"name": "one", **encrypted}), caches({"name": "other", **encrypted})
    run(site, one)
    run(site, other, refers=["network"])
    gone = run(site, caches({"name": "one", **encrypted, "state": "absent"}), refers=["network"])
    notes = {each.kind: each.note for each in gone.entries if each.note}
    assert "other caches stand in it" in notes["aws.elasticache.subnet_group"]
    assert "can only be read with it" in notes["aws.kms.key"]
    assert acts(run(site, other)) == {}
    last = acts(run(site, caches({"name": "other", **encrypted, "state": "absent"}), refers=["network"]))
    assert last[f"aws.elasticache.subnet_group {BASE}-cache"] == "delete"
    assert last[f"aws.kms.key {BASE}-cache"] == "delete"
    images: list[dict[str, Any]] = [
        {"registry": {"encryption": "customer", "repositories": [{"name": name}]}} for name in ("one", "other")
    ]
    for part in images:
        run(site, part)
    assert acts(run(site, images[0], state="absent")) == {"aws.ecr.repository one": "delete"}
    assert acts(run(site, images[1])) == {}
    assert f"aws.kms.key {BASE}-registry" in acts(run(site, images[1], state="absent"))


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


def test_backups_by_label_and_what_can_be_brought_back(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    spec = caches({**SESSIONS, "persistence": "snapshots"}, {"name": "features", "high_availability": False})
    run(site, spec)
    made = back_up(site, spec, "before-upgrade")
    assert list(acts(made).values()) == ["create"]
    assert "features: with persistence: none" in made.warnings[0]
    (snapshot,) = client("elasticache").describe_snapshots(SnapshotSource="user")["Snapshots"]
    assert made.outputs == {"label": "before-upgrade", "cache": {"sessions": snapshot["ARN"]}}
    mark = seen(sandbox)
    assert acts(back_up(site, spec, "before-upgrade")) == {}
    assert writes(sandbox, mark) == []
    tags = client("elasticache").list_tags_for_resource(ResourceName=snapshot["ARN"])["TagList"]
    assert {"Key": "managed-by", "Value": "multicloud-platform"} in tags
    found = run(site, spec, find_orphans=True)
    assert (found.orphans, [each["id"] for each in found.kept or ()]) == ([], [snapshot["ARN"]])
    sandbox.advance("aws", 86400)
    for _ in range(100):
        sessions, features = told(site, spec)
        if all(each["status"] == "ready" for each in sessions["backups"]) and len(sessions["backups"]) == 2:
            break
        time.sleep(0.1)
    assert (sessions["name"], sessions["exists"], sessions["retention_days"]) == ("sessions", True, 7)
    automatic, manual = sessions["backups"]
    assert (automatic["kind"], automatic["label"], automatic["status"]) == ("automatic", "", "ready")
    assert (manual["kind"], manual["label"], manual["expires"]) == ("manual", "before-upgrade", None)
    assert sessions["newest"] == automatic["taken"]
    assert (features["exists"], features["backups"]) == (True, [])
    with pytest.raises(SpecError, match="none does not exist, so there is nothing to back up"):
        back_up(site, caches({"name": "none", "persistence": "snapshots"}), "x")
    gone = run(site, spec, state="absent", find_orphans=True)
    assert (gone.orphans, [each["id"] for each in gone.kept or ()]) == ([], [snapshot["ARN"]])
    sessions, _features = told(site, spec)
    assert (sessions["exists"], [each["label"] for each in sessions["backups"]]) == (False, ["before-upgrade"])
