"""What a list of buckets becomes on AWS, and what leftovers are called."""

from __future__ import annotations

import re
from typing import Any

import pytest
from module_utils._aws.orphans import _identity, _is_known, _name, _type
from module_utils._aws.s3 import Bucket
from module_utils._aws.s3_config import PARTS
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import plan

from tests.unit.plugins.module_utils._aws.kit import absent, buckets, present


def body(**options: Any) -> dict[str, Any]:
    built = buckets({"name": "models", **options})
    return dict(next(item for item in built.resources if item.name == "models").desired())


def test_a_default_bucket_is_private_encrypted_versioned_and_logged() -> None:
    made = body()
    assert set(made["PublicAccessBlock"].values()) == {True}
    assert made["ObjectOwnership"] == "BucketOwnerEnforced"
    assert made["Versioning"] is True
    assert made["Encryption"] == {"SSEAlgorithm": "AES256"}
    assert made["PolicyStatements"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert re.fullmatch(r"ml-aws-dev-access-logs-\w{6}/ml-aws-dev-models-\w{6}/", made["Logging"])
    assert made["ObjectLockDays"] is None


def test_lifecycle_rules_are_s3s() -> None:
    rules = [
        {
            "name": "cold",
            "prefix": "raw/",
            "transition_to": "archive",
            "transition_after_days": 5,
            "expire_after_days": 9,
        },
        {"name": "old", "noncurrent_expire_after_days": 30, "abort_uploads_after_days": 7},
    ]
    assert body(lifecycle_rules=rules)["LifecycleRules"] == [
        {
            "ID": "cold",
            "Status": "Enabled",
            "Filter": {"Prefix": "raw/"},
            "Transitions": [{"Days": 5, "StorageClass": "GLACIER"}],
            "Expiration": {"Days": 9},
        },
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ]


def test_a_rule_that_loses_a_deed_is_a_change() -> None:
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
    observed = {"LifecycleRules": [{**rule, "NoncurrentVersionExpiration": {"NoncurrentDays": 3}}]}
    (change,) = plan({"LifecycleRules": [rule]}, observed, Bucket.fields).changes
    assert change.path == "LifecycleRules[a].NoncurrentVersionExpiration"
    assert not plan({"LifecycleRules": [rule]}, {"LifecycleRules": [rule]}, Bucket.fields)


def test_statements_of_others_are_nobodys_business() -> None:
    ours = {"Sid": "TlsOnly", "Effect": "Deny", "Resource": ["b", "a"]}
    observed = {"PolicyStatements": [{"Sid": "Theirs", "Effect": "Allow"}, {**ours, "Resource": ["a", "b"]}]}
    assert not plan({"PolicyStatements": [ours]}, observed, Bucket.fields)
    changed = {"PolicyStatements": [{**ours, "Effect": "Allow"}]}
    assert plan({"PolicyStatements": [ours]}, changed, Bucket.fields)


@pytest.mark.parametrize(
    ("part", "answer", "value"),
    [
        ("Versioning", {}, False),
        ("Versioning", {"Status": "Suspended"}, False),
        ("Versioning", {"Status": "Enabled"}, True),
        ("Logging", {}, ""),
        ("Logging", {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "a/"}}, "logs/a/"),
        ("ObjectLockDays", {}, 0),
        ("ObjectLockDays", {"ObjectLockConfiguration": {"Rule": {"DefaultRetention": {"Years": 1}}}}, 365),
        ("LifecycleRules", {"Rules": [{"ID": "a", "Prefix": "x/"}]}, [{"ID": "a", "Filter": {"Prefix": "x/"}}]),
        ("PolicyStatements", {}, []),
        ("tags", {"TagSet": [{"Key": "a", "Value": "b"}]}, {"a": "b"}),
    ],
)
def test_configurations_as_s3_tells_them(part: str, answer: dict[str, Any], value: Any) -> None:
    assert PARTS[part].parse(answer) == value


def test_one_key_for_all_buckets_that_name_none() -> None:
    arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    built = buckets(
        {"name": "a", "encryption": "customer"},
        {"name": "b", "encryption": "customer"},
        {"name": "c", "encryption": "customer", "aws": {"encryption_key_arn": arn}},
    )
    assert present(built, "aws.kms.key") == ["ml-aws-dev-objects"]
    keys = {item.name: item.key_source for item in built.resources if item.kind == "aws.s3.bucket"}
    assert keys["a"] is keys["b"] is not None
    assert (keys["c"].name, keys["c"].managed) == (arn, False)
    gone = buckets({"name": "a", "encryption": "customer", "state": "absent"})
    assert absent(gone, "aws.kms.key") == ["ml-aws-dev-objects"]


def test_the_log_bucket_is_there_while_anything_is_logged() -> None:
    assert "access-logs" in present(buckets({"name": "a"}), "aws.s3.bucket")
    assert "access-logs" in absent(buckets({"name": "a", "state": "absent"}), "aws.s3.bucket")
    without = buckets({"name": "a", "access_logs": False})
    assert [item.name for item in without.resources] == ["a"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retention_days": 3, "versioning": False, "soft_delete_days": 0}, "Write versioning: true"),
        ({"versioning": False, "soft_delete_days": 3}, "soft_delete_days: 0"),
        ({"soft_delete_days": 40}, "Make the two agree"),
        ({"physical_name": "Bad_Name"}, "not a legal S3 bucket name"),
        ({"encryption": "customer", "aws": {"encryption_key_arn": "x"}}, "not the ARN of a KMS key"),
        (
            {"lifecycle_rules": [{"name": "r", "transition_to": "infrequent", "transition_after_days": 9}]},
            "after 30 days at the earliest",
        ),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        buckets({"name": "a", **options})


@pytest.mark.parametrize(
    ("arn", "kind", "identity"),
    [
        ("arn:aws:ec2:r:1:vpc/vpc-1", "vpc", "vpc-1"),
        ("arn:aws:s3:::models", "bucket", "models"),
        ("arn:aws:logs:r:1:log-group:/aws/eks/x/cluster", "log-group", "/aws/eks/x/cluster"),
        ("arn:aws:logs:r:1:log-group:/aws/eks/x/cluster:*", "log-group", "/aws/eks/x/cluster"),
        ("arn:aws:eks:r:1:nodegroup/c/n/u", "nodegroup", "arn:aws:eks:r:1:nodegroup/c/n/u"),
        ("arn:aws:kms:r:1:key/k", "key", "arn:aws:kms:r:1:key/k"),
    ],
)
def test_leftovers_are_named_as_resources_are(arn: str, kind: str, identity: str) -> None:
    assert (_type(arn), _identity(arn)) == (kind, identity)
    assert _is_known(arn, {identity})
    assert not _is_known(arn, {"something-else"})


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("loadbalancer/a1b2", "a1b2"),
        ("loadbalancer/net/a1b2/0123456789abcdef", "a1b2"),
        ("targetgroup/k8s-shop/0123456789abcdef", "k8s-shop"),
    ],
)
def test_load_balancers_that_are_left_have_the_name_that_people_see(resource: str, name: str) -> None:
    assert _name(f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:{resource}") == name
