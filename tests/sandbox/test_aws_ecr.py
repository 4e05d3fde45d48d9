"""ECR through unmodified boto3: immutability, keys, policies that take effect, repositories that are not empty."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import REGION, Account, refused

MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def manifest(number: int) -> str:
    config = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": number,
        "digest": "sha256:" + "a" * 64,
    }
    return json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": config, "layers": []})


def push(aws: Account, number: int, tag: str | None, name: str = "app") -> str:
    options = {"imageTag": tag} if tag else {}
    answer = aws.client("ecr").put_image(repositoryName=name, imageManifest=manifest(number), **options)
    return str(answer["image"]["imageId"]["imageDigest"])


def images(aws: Account) -> dict[str, list[str]]:
    details = aws.client("ecr").describe_images(repositoryName="app")["imageDetails"]
    return {item["imageDigest"]: item.get("imageTags", []) for item in details}


def test_life_of_a_repository(aws: Account) -> None:
    ecr = aws.client("ecr")
    made = ecr.create_repository(
        repositoryName="app",
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        tags=[{"Key": "platform", "Value": "p"}],
    )["repository"]
    assert made["repositoryUri"] == f"123456789012.dkr.ecr.{REGION}.amazonaws.com/app"
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    with pytest.raises(ClientError, match="already exists") as error:
        ecr.create_repository(repositoryName="app")
    assert refused(error) == ("RepositoryAlreadyExistsException", 400)
    digest = push(aws, 1, "v1")
    assert digest == "sha256:" + hashlib.sha256(manifest(1).encode()).hexdigest()
    with pytest.raises(ClientError) as error:
        push(aws, 2, "v1")
    assert refused(error) == ("ImageTagAlreadyExistsException", 400)
    scan = ecr.describe_image_scan_findings(repositoryName="app", imageId={"imageTag": "v1"})
    assert scan["imageScanStatus"]["status"] == "COMPLETE"
    assert scan["imageScanFindings"]["findings"] == []
    with pytest.raises(ClientError, match="still contains images") as error:
        ecr.delete_repository(repositoryName="app")
    assert refused(error) == ("RepositoryNotEmptyException", 400)
    tagged = aws.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "platform"}])
    assert [item["ResourceARN"] for item in tagged["ResourceTagMappingList"]] == [made["repositoryArn"]]
    ecr.delete_repository(repositoryName="app", force=True)
    with pytest.raises(ClientError, match="does not exist") as error:
        ecr.describe_repositories(repositoryNames=["app"])
    assert refused(error) == ("RepositoryNotFoundException", 400)


def test_encryption_keys(aws: Account) -> None:
    ecr, kms = aws.client("ecr"), aws.client("kms")

    def create(name: str, **key: str) -> dict[str, Any]:
        configuration = {"encryptionType": "KMS", **key}
        made: dict[str, Any] = ecr.create_repository(repositoryName=name, encryptionConfiguration=configuration)
        return dict(made["repository"]["encryptionConfiguration"])

    default = create("default-key")["kmsKey"]
    assert kms.describe_key(KeyId="alias/aws/ecr")["KeyMetadata"]["Arn"] == default
    own = kms.create_key()["KeyMetadata"]
    assert create("own-key", kmsKey=own["KeyId"]) == {"encryptionType": "KMS", "kmsKey": own["Arn"]}
    described = ecr.describe_repositories(repositoryNames=["own-key"])["repositories"][0]
    assert described["encryptionConfiguration"]["kmsKey"] == own["Arn"]
    with pytest.raises(ClientError, match="does not exist") as error:
        create("no-key", kmsKey=f"arn:aws:kms:{REGION}:123456789012:key/none")
    assert refused(error) == ("KmsException", 400)
    assert {item["repositoryName"] for item in ecr.describe_repositories()["repositories"]} == {
        "default-key",
        "own-key",
    }


def test_a_tag_that_moves_leaves_an_untagged_image(aws: Account) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="app")
    old, new = push(aws, 1, "latest"), push(aws, 2, "latest")
    assert images(aws) == {old: [], new: ["latest"]}
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    with pytest.raises(ClientError):
        push(aws, 3, "latest")


def rule(priority: int, selection: dict[str, Any]) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def test_lifecycle_policies_expire_images(aws: Account) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="app")
    with pytest.raises(ClientError, match="does not exist") as error:
        ecr.get_lifecycle_policy(repositoryName="app")
    assert refused(error) == ("LifecyclePolicyNotFoundException", 400)
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7}
    builds = {
        "tagStatus": "tagged",
        "tagPrefixList": ["build-"],
        "countType": "imageCountMoreThan",
        "countNumber": 2,
    }
    text = json.dumps({"rules": [rule(1, untagged), rule(2, builds)]})
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=text)
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="app")["lifecyclePolicyText"]) == json.loads(text)
    push(aws, 1, "latest")
    release = push(aws, 2, "latest")
    found = []
    for number in (10, 11, 12):
        found.append(push(aws, number, f"build-{number}"))
        aws.sandbox.advance("aws", 60)
    assert len(images(aws)) == 4
    assert found[0] not in images(aws)
    aws.sandbox.advance("aws", 8 * 86400)
    assert set(images(aws)) == {release, *found[1:]}


def test_repository_policies_name_principals_that_exist(aws: Account) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="app")

    def policy(principal: Any) -> str:
        statement = {"Sid": "pull", "Effect": "Allow", "Principal": principal, "Action": ["ecr:BatchGetImage"]}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    with pytest.raises(ClientError, match="Invalid repository policy provided") as error:
        ecr.set_repository_policy(
            repositoryName="app", policyText=policy({"AWS": "arn:aws:iam::123456789012:role/nodes"})
        )
    assert refused(error) == ("InvalidParameterException", 400)
    role = aws.role("nodes", "ec2.amazonaws.com")
    ecr.set_repository_policy(repositoryName="app", policyText=policy({"AWS": role}))
    stored = json.loads(ecr.get_repository_policy(repositoryName="app")["policyText"])
    assert stored["Statement"][0]["Principal"] == {"AWS": role}
    ecr.delete_repository_policy(repositoryName="app")
    with pytest.raises(ClientError) as error:
        ecr.get_repository_policy(repositoryName="app")
    assert refused(error) == ("RepositoryPolicyNotFoundException", 400)


def test_pages_quota_and_token(aws: Account) -> None:
    ecr = aws.client("ecr")
    for name in ("aa", "bb", "cc"):
        ecr.create_repository(repositoryName=name)
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    assert [[item["repositoryName"] for item in page["repositories"]] for page in pages] == [["aa", "bb"], ["cc"]]
    aws.sandbox.set_quotas("aws", {"ecr/L-CFEB8E8D": 3})
    with pytest.raises(ClientError) as error:
        ecr.create_repository(repositoryName="dd")
    assert refused(error) == ("LimitExceededException", 400)
    data = ecr.get_authorization_token()["authorizationData"][0]
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
    assert data["expiresAt"] - datetime.now(UTC) > timedelta(hours=11)
