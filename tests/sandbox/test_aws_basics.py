"""The AWS emulator through unmodified boto3: identity, credentials, refusals, faults, request log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.exceptions import ConnectionClosedError as Closed

from sandbox.fixture import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("aws",)) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(sandbox: Sandbox) -> None:
    sandbox.reset("aws")


def client(sandbox: Sandbox, service: str, **kwargs: Any) -> Any:
    environment = sandbox.environment()
    settings = {
        "region_name": "eu-central-1",
        "endpoint_url": sandbox.url("aws"),
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "config": Config(retries={"total_max_attempts": 1}),
        **kwargs,
    }
    return boto3.client(service, **settings)


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_identity(sandbox: Sandbox) -> None:
    assert client(sandbox, "sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "ap-southeast-2"])
def test_regions_are_apart(sandbox: Sandbox, region: str) -> None:
    ec2 = client(sandbox, "ec2", region_name=region)
    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    own = [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["CidrBlock"] == "10.9.0.0/16"]
    other = client(sandbox, "ec2", region_name="eu-north-1").describe_vpcs()["Vpcs"]
    assert len(own) == 1
    assert own[0]["VpcId"] not in {vpc["VpcId"] for vpc in other}


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("ec2", "describe_vpcs", "AuthFailure", 401),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
        ("iam", "list_roles", "InvalidClientTokenId", 403),
        ("eks", "list_clusters", "UnrecognizedClientException", 403),
        ("kms", "list_keys", "UnrecognizedClientException", 400),
        ("s3", "list_buckets", "InvalidAccessKeyId", 403),
    ],
)
def test_unknown_access_key(sandbox: Sandbox, service: str, operation: str, code: str, status: int) -> None:
    wrong = client(sandbox, service, aws_access_key_id="AKIAUNKNOWN000000000")
    with pytest.raises(ClientError) as error:
        getattr(wrong, operation)()
    assert refusal(error) == (code, status)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "InvalidSignatureException"),
    ],
)
def test_wrong_secret(sandbox: Sandbox, service: str, operation: str, code: str) -> None:
    wrong = client(sandbox, service, aws_secret_access_key="wrong")
    with pytest.raises(ClientError) as error:
        getattr(wrong, operation)()
    assert refusal(error)[0] == code


def test_keys_made_by_iam_and_sts_work(sandbox: Sandbox) -> None:
    iam = client(sandbox, "iam")
    iam.create_user(UserName="ci")
    key = iam.create_access_key(UserName="ci")["AccessKey"]
    pair = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    assert client(sandbox, "sts", **pair).get_caller_identity()["Arn"].endswith(":user/ci")
    statement = '{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}'
    trust = f'{{"Version":"2012-10-17","Statement":[{statement}]}}'
    role = iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = client(sandbox, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    arn = client(sandbox, "sts", **session).get_caller_identity()["Arn"]
    assert arn == "arn:aws:sts::123456789012:assumed-role/deploy/test"


def test_signatures_of_awkward_requests(sandbox: Sandbox) -> None:
    s3 = client(sandbox, "s3")
    s3.create_bucket(Bucket="awkward", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    key = "a b/ä+c&d=%41/~x"
    s3.put_object(Bucket="awkward", Key=key, Body=b"1" * 100, Metadata={"my_key": "v"}, ContentEncoding="gzip")
    assert s3.list_objects_v2(Bucket="awkward", Prefix="a b/ä+")["Contents"][0]["Key"] == key
    head = s3.head_object(Bucket="awkward", Key=key)
    assert (head["ContentLength"], head["Metadata"]) == (100, {"my_key": "v"})
    assert s3.get_object(Bucket="awkward", Key=key)["Body"].read() == b"1" * 100


def test_unknown_parameters_are_refused(sandbox: Sandbox) -> None:
    loose = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    ec2 = client(sandbox, "ec2", config=loose)

    def add_unknown(params: dict[str, Any], **_: Any) -> None:
        params["body"]["Colour"] = "blue"

    ec2.meta.events.register("before-call.ec2.CreateVpc", add_unknown)
    with pytest.raises(ClientError) as error:
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert refusal(error) == ("UnknownParameter", 400)
    with pytest.raises(ClientError) as error:
        ec2.create_subnet(CidrBlock="10.0.0.0/24")
    assert refusal(error) == ("MissingParameter", 400)


@pytest.mark.parametrize(
    ("service", "operation", "options", "change", "code"),
    [
        ("eks", "list_clusters", {}, None, None),
        (
            "eks",
            "create_cluster",
            {"name": "a", "roleArn": "r", "resourcesVpcConfig": {"subnetIds": ["s"]}},
            (b'"subnetIds"', b'"colour": 1, "subnetIds"'),
            "InvalidParameterException",
        ),
        ("kms", "create_key", {}, (b"{}", b'{"Colour": "blue"}'), "ValidationException"),
        ("logs", "create_log_group", {"logGroupName": "a"}, (b"{", b'{"colour": 1, '), "ValidationException"),
        (
            "s3",
            "put_bucket_versioning",
            {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}},
            (b"<Status>", b"<Colour>blue</Colour><Status>"),
            "MalformedXML",
        ),
        ("iam", "create_role", {"RoleName": "a", "AssumeRolePolicyDocument": "{}"}, ("Colour", "x"), "ValidationError"),
    ],
)
def test_unknown_fields_are_refused_in_every_protocol(
    sandbox: Sandbox, service: str, operation: str, options: dict[str, Any], change: Any, code: str | None
) -> None:
    loose = client(sandbox, service)

    def edit(params: dict[str, Any], **_: Any) -> None:
        if change and isinstance(params["body"], dict):
            params["body"][change[0]] = change[1]
        elif change:
            assert change[0] in params["body"]
            params["body"] = params["body"].replace(*change, 1)
            params["headers"].pop("Content-MD5", None)
            for name in [name for name in params["headers"] if "checksum" in name.lower()]:
                params["headers"].pop(name)

    loose.meta.events.register("before-call", edit)
    if code is None:
        getattr(loose, operation)(**options)
        return
    with pytest.raises(ClientError) as error:
        getattr(loose, operation)(**options)
    assert refusal(error) == (code, 400)


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded", 503),
        ("eks", "list_clusters", "ThrottlingException", 429),
        ("kms", "list_keys", "ThrottlingException", 400),
        ("iam", "list_roles", "Throttling", 400),
        ("s3", "list_buckets", "SlowDown", 503),
    ],
)
def test_throttling(sandbox: Sandbox, service: str, operation: str, code: str, status: int) -> None:
    sandbox.fault("aws", kind="throttle", operation=f"^{service}\\.")
    with pytest.raises(ClientError) as error:
        getattr(client(sandbox, service), operation)()
    assert refusal(error) == (code, status)
    getattr(client(sandbox, service), operation)()


def test_dropped_after_the_write(sandbox: Sandbox) -> None:
    ec2 = client(sandbox, "ec2", config=Config(retries={"total_max_attempts": 1}))
    sandbox.fault("aws", kind="drop_after", operation="ec2.CreateVpc")
    with pytest.raises((Closed, EndpointConnectionError, ReadTimeoutError)):
        ec2.create_vpc(CidrBlock="10.77.0.0/16")
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["CidrBlock"] == "10.77.0.0/16"]


def test_request_log(sandbox: Sandbox) -> None:
    before = len(sandbox.journal("aws"))
    client(sandbox, "ec2").create_vpc(CidrBlock="10.0.0.0/16")
    client(sandbox, "s3").list_buckets()
    client(sandbox, "kms").list_keys()
    entries = sandbox.journal("aws", since=before)
    assert [(entry["operation"], entry["write"], entry["status"]) for entry in entries] == [
        ("ec2.CreateVpc", True, 200),
        ("s3.ListBuckets", False, 200),
        ("kms.ListKeys", False, 200),
    ]
