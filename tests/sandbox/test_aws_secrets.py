"""Secrets Manager through unmodified boto3: labels, recovery windows, names that stay taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import Account, refused


def stages(secrets: Any, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    return {version: sorted(labels) for version, labels in found.items()}


def test_labels_move_with_every_value(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    made = secrets.create_secret(Name="db/admin", SecretString="one", Tags=[{"Key": "team", "Value": "ml"}])
    assert made["ARN"].startswith("arn:aws:secretsmanager:eu-central-1:123456789012:secret:db/admin-")
    first = made["VersionId"]
    second = secrets.put_secret_value(SecretId="db/admin", SecretString="two")["VersionId"]
    assert stages(secrets, "db/admin") == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
    third = secrets.update_secret(SecretId=made["ARN"], SecretString="three")["VersionId"]
    assert stages(secrets, "db/admin") == {second: ["AWSPREVIOUS"], third: ["AWSCURRENT"]}
    assert secrets.get_secret_value(SecretId="db/admin")["SecretString"] == "three"
    assert secrets.get_secret_value(SecretId="db/admin", VersionStage="AWSPREVIOUS")["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId="db/admin", VersionId=first)["SecretString"] == "one"
    listed = secrets.list_secret_version_ids(SecretId="db/admin")["Versions"]
    assert {item["VersionId"] for item in listed} == {second, third}
    everything = secrets.list_secret_version_ids(SecretId="db/admin", IncludeDeprecated=True)["Versions"]
    assert {item["VersionId"] for item in everything} == {first, second, third}


def test_pending_value_becomes_current(aws: Account) -> None:
    """What a rotation does: the new value is stored before it is used, and survives being killed in between."""
    secrets = aws.client("secretsmanager")
    old = secrets.create_secret(Name="s", SecretString="old")["VersionId"]
    token = "11111111-2222-3333-4444-555555555555"
    for _ in range(2):
        # Sent twice, as after a crash: the same version.
        answer = secrets.put_secret_value(
            SecretId="s", SecretString="new", ClientRequestToken=token, VersionStages=["AWSPENDING"]
        )
        assert (answer["VersionId"], answer["VersionStages"]) == (token, ["AWSPENDING"])
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "old"
    with pytest.raises(ClientError, match="already in use for a version") as error:
        secrets.put_secret_value(SecretId="s", SecretString="other", ClientRequestToken=token)
    assert refused(error) == ("ResourceExistsException", 400)
    with pytest.raises(ClientError, match="RemoveFromVersionId can't be empty"):
        secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSCURRENT", MoveToVersionId=token)
    secrets.update_secret_version_stage(
        SecretId="s", VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old
    )
    assert stages(secrets, "s") == {old: ["AWSPREVIOUS"], token: ["AWSCURRENT", "AWSPENDING"]}
    secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=token)
    assert stages(secrets, "s") == {old: ["AWSPREVIOUS"], token: ["AWSCURRENT"]}
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "new"


def test_the_first_value_is_current_whatever_its_labels(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="empty")
    first = secrets.put_secret_value(SecretId="empty", SecretString="one", VersionStages=["AWSPENDING"])["VersionId"]
    assert sorted(stages(secrets, "empty")[first]) == ["AWSCURRENT", "AWSPENDING"]
    second = secrets.put_secret_value(SecretId="empty", SecretString="two", VersionStages=["AWSPENDING"])["VersionId"]
    assert stages(secrets, "empty") == {first: ["AWSCURRENT"], second: ["AWSPENDING"]}


def test_creation_twice(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    token = "aaaaaaaa-2222-3333-4444-555555555555"
    first = secrets.create_secret(Name="s", SecretString="x", ClientRequestToken=token)
    assert secrets.create_secret(Name="s", SecretString="x", ClientRequestToken=token)["ARN"] == first["ARN"]
    with pytest.raises(ClientError, match="the secret s already exists") as error:
        secrets.create_secret(Name="s", SecretString="y")
    assert refused(error) == ("ResourceExistsException", 400)


def test_recovery_window(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name="s", SecretString="x")["ARN"]
    deleted = secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
    assert timedelta(days=6) < deleted["DeletionDate"] - datetime.now(UTC) <= timedelta(days=7)
    with pytest.raises(ClientError, match="marked for deletion") as error:
        secrets.get_secret_value(SecretId="s")
    assert refused(error) == ("InvalidRequestException", 400)
    with pytest.raises(ClientError, match="already scheduled for deletion") as error:
        secrets.create_secret(Name="s", SecretString="y")
    assert refused(error) == ("InvalidRequestException", 400)
    assert secrets.list_secrets()["SecretList"] == []
    assert [item["ARN"] for item in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]] == [arn]
    secrets.restore_secret(SecretId="s")
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "x"
    secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
    aws.sandbox.advance("aws", 8 * 86400)
    with pytest.raises(ClientError, match="can't find the specified secret") as error:
        secrets.describe_secret(SecretId="s")
    assert refused(error) == ("ResourceNotFoundException", 400)
    assert secrets.create_secret(Name="s", SecretString="y")["ARN"] != arn


def test_name_stays_taken_after_a_forced_deletion(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    aws.sandbox.set_profile("realistic", scale=1)
    secrets.create_secret(Name="s", SecretString="x")
    secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
    secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
    with pytest.raises(ClientError, match="can't find"):
        secrets.describe_secret(SecretId="s")
    with pytest.raises(ClientError, match="already scheduled for deletion"):
        secrets.create_secret(Name="s", SecretString="y")
    aws.sandbox.advance("aws", 6)
    secrets.create_secret(Name="s", SecretString="y")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"RecoveryWindowInDays": 3}, "between 7 and 30"),
        ({"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}, "in conjunction"),
    ],
)
def test_refused_deletion(aws: Account, options: dict[str, Any], words: str) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    with pytest.raises(ClientError, match=words) as error:
        secrets.delete_secret(SecretId="s", **options)
    assert refused(error) == ("InvalidParameterException", 400)


def test_omitted_fields_stay(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    secrets.create_secret(Name="s", Description="kept", KmsKeyId=key)
    with pytest.raises(ClientError, match="specified secret value for staging label: AWSCURRENT"):
        secrets.get_secret_value(SecretId="s")
    assert "VersionId" not in secrets.update_secret(SecretId="s", Description="changed")
    secrets.update_secret(SecretId="s", SecretString="x")
    described = secrets.describe_secret(SecretId="s")
    assert (described["Description"], described["KmsKeyId"]) == ("changed", key)
    with pytest.raises(ClientError, match="Access to KMS is not allowed") as error:
        secrets.update_secret(SecretId="s", KmsKeyId="arn:aws:kms:eu-central-1:123456789012:key/none")
    assert refused(error) == ("AccessDeniedException", 400)


def test_rotation_needs_a_function(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    with pytest.raises(ClientError, match="No Lambda rotation function ARN is associated") as error:
        secrets.rotate_secret(SecretId="s")
    assert refused(error) == ("InvalidRequestException", 400)
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:none"
    with pytest.raises(ClientError, match="cannot invoke the specified Lambda function"):
        secrets.rotate_secret(SecretId="s", RotationLambdaARN=arn)


def test_tags_policy_binary_and_lists(aws: Account) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="a/one", SecretBinary=b"\x00\xff", Tags=[{"Key": "platform", "Value": "p"}])
    secrets.create_secret(Name="b/two", SecretString="x")
    assert secrets.get_secret_value(SecretId="a/one")["SecretBinary"] == b"\x00\xff"
    secrets.tag_resource(SecretId="a/one", Tags=[{"Key": "env", "Value": "dev"}])
    secrets.untag_resource(SecretId="a/one", TagKeys=["platform"])
    assert secrets.describe_secret(SecretId="a/one")["Tags"] == [{"Key": "env", "Value": "dev"}]
    tagged = aws.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "env"}])
    assert [item["ResourceARN"].split(":")[6][:5] for item in tagged["ResourceTagMappingList"]] == ["a/one"]
    found = secrets.list_secrets(Filters=[{"Key": "name", "Values": ["a/"]}])["SecretList"]
    assert [item["Name"] for item in found] == ["a/one"]
    pages = secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 1})
    assert [len(page["SecretList"]) for page in pages] == [1, 1]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]})
    secrets.put_resource_policy(SecretId="b/two", ResourcePolicy=policy)
    assert secrets.get_resource_policy(SecretId="b/two")["ResourcePolicy"] == policy
    password = secrets.get_random_password(PasswordLength=24, ExcludePunctuation=True)["RandomPassword"]
    assert len(password) == 24
    assert password.isalnum()
    # No value is in the request log.
    assert "SecretString" not in json.dumps(aws.sandbox.journal("aws"))
