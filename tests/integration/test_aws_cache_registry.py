"""Caches and the registry of a site on AWS, seen by AWS's own client and by a real Redis client."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import Wanted, execute
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.network import Network
from module_utils._spec.registry import Registry
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site

from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-aws-dev"
REGION = sites.REGIONS["aws"]
CLASSES: dict[str, type] = {"network": Network, "secret_store": SecretStore, "cache": Cache, "registry": Registry}


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    """AWS's own clients, unmodified."""
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=sandbox.url("aws"))


def run(site: dict[str, Any], parts: dict[str, Any], *, refers: tuple[str, ...] = (), **options: Any) -> Report:
    specs: dict[str, Any] = {name: build(CLASSES[name], part) for name, part in parts.items()}
    wanted = Wanted(build(Site, site), **specs, refers=frozenset(refers))
    report = execute(wanted, sites.options(**options))
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def writes(sandbox: Sandbox, since: int = 0) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("aws", since) if entry["write"]]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("aws")
    return int(entries[-1]["seq"]) if entries else 0


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

SESSIONS: dict[str, Any] = {"name": "sessions", "eviction_policy": "allkeys-lru", "high_availability": True}


def caches(*instances: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A network and caches in it; the changes are to the first one."""
    first, *others = instances or (SESSIONS,)
    return {"network": {"addresses": sites.SLOTS}, "cache": {"instances": [{**first, **changes}, *others]}}


GROUP = "ml-platform-aws-dev-sessions"


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
