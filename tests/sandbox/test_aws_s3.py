"""Buckets through unmodified boto3: defaults, configuration, refusals, deletion."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import REGION, Account, refused

TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


@pytest.fixture
def s3(aws: Account) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def test_a_new_bucket_is_private_and_encrypted(s3: Any) -> None:
    block = s3.get_public_access_block(Bucket="data")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_ownership_controls(Bucket="data")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    encryption = s3.get_bucket_encryption(Bucket="data")["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption == [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="data", Key="k", Body=b"x", ACL="public-read")
    assert refused(error) == ("AccessControlListNotSupported", 400)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
    ],
)
def test_not_configured(s3: Any, operation: str, code: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(s3, operation)(Bucket="data")
    assert refused(error) == (code, 404)
    with pytest.raises(ClientError) as error:
        getattr(s3, operation)(Bucket="unheard-of")
    assert refused(error) == ("NoSuchBucket", 404)


def test_taken_away(s3: Any) -> None:
    s3.delete_public_access_block(Bucket="data")
    with pytest.raises(ClientError) as error:
        s3.get_public_access_block(Bucket="data")
    assert refused(error) == ("NoSuchPublicAccessBlockConfiguration", 404)
    s3.delete_bucket_ownership_controls(Bucket="data")
    with pytest.raises(ClientError) as error:
        s3.get_bucket_ownership_controls(Bucket="data")
    assert refused(error) == ("OwnershipControlsNotFoundError", 404)
    assert s3.get_bucket_versioning(Bucket="data").get("Status") is None
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="data")


def test_encryption_by_key_and_back(aws: Account, s3: Any) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(Bucket="data", ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket="data")["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    s3.delete_bucket_encryption(Bucket="data")
    now = s3.get_bucket_encryption(Bucket="data")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert now["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


RULES: list[dict[str, Any]] = [
    {
        "ID": "archive",
        "Status": "Enabled",
        "Filter": {"Prefix": "raw/"},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
        "Expiration": {"Days": 365},
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 30, "StorageClass": "GLACIER"}],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 90, "NewerNoncurrentVersions": 3},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "tagged",
        "Status": "Disabled",
        "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 10}},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    },
    {"ID": "all", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
]


def test_lifecycle_comes_back_as_sent(s3: Any) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket="data", LifecycleConfiguration={"Rules": RULES})
    answer = s3.get_bucket_lifecycle_configuration(Bucket="data")
    assert answer["Rules"] == RULES
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    unnamed = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket="data", LifecycleConfiguration={"Rules": [unnamed]})
    (only,) = s3.get_bucket_lifecycle_configuration(Bucket="data")["Rules"]
    assert only.pop("ID")
    assert only == unnamed
    s3.delete_bucket_lifecycle(Bucket="data")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket="data")


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({}, "InvalidRequest"),
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, "MalformedXML"),
        ({"Transitions": [{"Days": 5, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
        (
            {"Transitions": [{"Days": 50, "StorageClass": "GLACIER"}], "Expiration": {"Days": 40}},
            "InvalidArgument",
        ),
        ({"Status": "On", "Expiration": {"Days": 1}}, "MalformedXML"),
        ({"Transitions": [{"Days": 5, "StorageClass": "CELLAR"}]}, "MalformedXML"),
        ({"Prefix": "", "Expiration": {"Days": 1}}, "MalformedXML"),
    ],
)
def test_refused_lifecycles(s3: Any, rule: dict[str, Any], code: str) -> None:
    wanted = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
    with pytest.raises(ClientError) as error:
        s3.put_bucket_lifecycle_configuration(Bucket="data", LifecycleConfiguration={"Rules": [wanted]})
    assert refused(error) == (code, 400)


def test_policies(s3: Any) -> None:
    s3.put_bucket_policy(Bucket="data", Policy=json.dumps(TLS_ONLY))
    assert json.loads(s3.get_bucket_policy(Bucket="data")["Policy"]) == TLS_ONLY
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == b"x"
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}
    with pytest.raises(ClientError) as error:
        s3.put_bucket_policy(Bucket="data", Policy=json.dumps({"Version": "2012-10-17", "Statement": [public]}))
    assert refused(error) == ("AccessDenied", 403)
    for broken in ("{", json.dumps({"Statement": [{**public, "Resource": "arn:aws:s3:::other/*"}]})):
        with pytest.raises(ClientError) as error:
            s3.put_bucket_policy(Bucket="data", Policy=broken)
        assert refused(error) == ("MalformedPolicy", 400)
    s3.delete_bucket_policy(Bucket="data")


def test_logging_needs_permission(aws: Account, s3: Any) -> None:
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": REGION})
    wanted = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "data/"}}
    with pytest.raises(ClientError) as error:
        s3.put_bucket_logging(Bucket="data", BucketLoggingStatus=wanted)
    assert refused(error) == ("InvalidTargetBucketForLogging", 400)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_bucket_logging(Bucket="data", BucketLoggingStatus=wanted)
    assert s3.get_bucket_logging(Bucket="data")["LoggingEnabled"] == wanted["LoggingEnabled"]


def test_buckets_with_versions_are_not_empty(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="data", Key="k", Body=b"1")["VersionId"]
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            s3.delete_bucket(Bucket="data")
        assert refused(error) == ("BucketNotEmpty", 409)
        marker = s3.delete_object(Bucket="data", Key="k").get("VersionId")
    s3.delete_object(Bucket="data", Key="k", VersionId=version)
    with pytest.raises(ClientError):
        s3.delete_bucket(Bucket="data")
    for item in s3.list_object_versions(Bucket="data")["DeleteMarkers"]:
        s3.delete_object(Bucket="data", Key="k", VersionId=item["VersionId"])
    assert marker
    s3.delete_bucket(Bucket="data")
    assert s3.list_buckets()["Buckets"] == []


def test_object_lock(s3: Any) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object_lock_configuration(Bucket="data", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    assert refused(error) == ("InvalidBucketState", 409)
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="data", Key="k", Body=b"x")
    wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    s3.put_object_lock_configuration(Bucket="data", ObjectLockConfiguration=wanted)
    assert s3.get_object_lock_configuration(Bucket="data")["ObjectLockConfiguration"] == wanted
    with pytest.raises(ClientError) as error:
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Suspended"})
    assert refused(error) == ("InvalidBucketState", 409)
    version = s3.put_object(Bucket="data", Key="locked", Body=b"x")["VersionId"]
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket="data", Key="locked", VersionId=version)
    assert refused(error) == ("AccessDenied", 403)
    s3.delete_object(Bucket="data", Key="locked", VersionId=version, BypassGovernanceRetention=True)


@pytest.mark.parametrize("name", ["Upper", "a_b", "192.168.1.1", "a..b", "-ab", "xn--a"])
def test_illegal_names(s3: Any, name: str) -> None:
    s3.meta.events.unregister("before-parameter-build.s3", unique_id="x")
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert refused(error) == ("InvalidBucketName", 400)


def test_regions(aws: Account, s3: Any) -> None:
    virginia = aws.client("s3", "us-east-1")
    virginia.create_bucket(Bucket="old")
    virginia.create_bucket(Bucket="old")
    assert virginia.get_bucket_location(Bucket="old")["LocationConstraint"] is None
    assert virginia.get_bucket_location(Bucket="data")["LocationConstraint"] == REGION
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert refused(error) == ("BucketAlreadyOwnedByYou", 409)
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="nowhere")
    assert refused(error) == ("IllegalLocationConstraintException", 400)
    # A client of the wrong region is told the right one and asks again.
    environment = aws.sandbox.environment()
    wrong = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=aws.sandbox.url("aws"),
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    before = len(aws.sandbox.journal("aws"))
    assert wrong.get_bucket_versioning(Bucket="data").get("Status") is None
    assert [entry["status"] for entry in aws.sandbox.journal("aws", since=before)][-2:] == [400, 200]
    assert wrong.head_bucket(Bucket="data")["BucketRegion"] == REGION


def test_multipart_upload_and_pages(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="data", Key="big")["UploadId"]
    parts = []
    for number, size in ((1, 5 * 1024 * 1024), (2, 10)):
        tag = s3.upload_part(Bucket="data", Key="big", UploadId=upload, PartNumber=number, Body=b"x" * size)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    s3.complete_multipart_upload(Bucket="data", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket="data", Key="big")["ContentLength"] == 5 * 1024 * 1024 + 10
    for index in range(5):
        s3.put_object(Bucket="data", Key=f"k{index}", Body=b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="data", PaginationConfig={"PageSize": 4}))
    assert [len(page["Contents"]) for page in pages] == [4, 2]


def test_logging_beside_a_statement_for_everybody(s3: Any) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    deliver = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::data/*",
    }
    s3.put_bucket_policy(Bucket="data", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny, deliver]}))
    target = {"LoggingEnabled": {"TargetBucket": "data", "TargetPrefix": "data/"}}
    s3.put_bucket_logging(Bucket="data", BucketLoggingStatus=target)
    assert s3.get_bucket_logging(Bucket="data")["LoggingEnabled"]["TargetPrefix"] == "data/"


def test_buckets_are_listed_by_prefix_with_their_regions(s3: Any) -> None:
    s3.create_bucket(Bucket="data-2", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.create_bucket(Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} >= {"data", "data-2", "other"}
    assert all("BucketRegion" not in bucket for bucket in s3.list_buckets()["Buckets"])
    answer = s3.list_buckets(Prefix="data", MaxBuckets=1)
    assert [(bucket["Name"], bucket["BucketRegion"]) for bucket in answer["Buckets"]] == [("data", "eu-central-1")]
    rest = s3.list_buckets(Prefix="data", ContinuationToken=answer["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == ["data-2"]
    assert "ContinuationToken" not in rest
