"""The registry of a site on AWS, seen by AWS's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from module_utils._engine.errors import SpecError

from sandbox.fixture import Sandbox
from tests.integration.amazon_stores import (
    BASE,
    REGION,
    acts,
    amazon,
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
