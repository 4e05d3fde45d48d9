"""Clients and ready-made objects for the tests of the AWS emulator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.fixture import Sandbox

REGION = "eu-central-1"


class Account:
    """Unmodified boto3 clients for the sandbox's account, and the objects that most tests need."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = REGION) -> Any:
        """A client that does not retry, so that refusals are seen."""
        key = (service, region)
        if key not in self._clients:
            environment = self.sandbox.environment()
            self._clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.sandbox.url("aws"),
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[key]

    def role(self, name: str, service: str) -> str:
        """ARN of a new role that ``service`` may assume."""
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        return str(made["Role"]["Arn"])

    def network(self, cidr: str = "10.20.0.0/16") -> tuple[str, list[str]]:
        """A VPC with a subnet in two zones."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        prefix = cidr.rsplit(".", 2)[0]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{index}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for index, zone in enumerate("ab")
        ]
        return vpc, subnets

    def cluster(self, name: str = "demo", **options: Any) -> dict[str, Any]:
        """An active cluster; ``options`` as for CreateCluster."""
        eks = self.client("eks")
        if "resourcesVpcConfig" not in options:
            options["resourcesVpcConfig"] = {"subnetIds": self.network()[1]}
        if "roleArn" not in options:
            options["roleArn"] = self.role(f"{name}-cluster", "eks.amazonaws.com")
        eks.create_cluster(name=name, **options)
        self.wait(lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE")
        described: dict[str, Any] = eks.describe_cluster(name=name)["cluster"]
        return described

    @staticmethod
    def wait(condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Poll until ``condition`` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "did not come true in time"
            time.sleep(0.02)


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """Code and HTTP status of a refusal."""
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
