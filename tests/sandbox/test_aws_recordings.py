"""The emulator's answers have the fields that recorded answers of the real AWS have.

Reads the folder named by ``RECORDINGS`` (default ``../shared/recordings``) and is skipped where there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import REGION, Account, refused

FOLDER = Path(os.environ.get("RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings") / "aws"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here")

# Fields that belong to things which the account of this test does not have.
ABSENT = {
    ("eks", "DescribeCluster"): {
        "cluster.computeConfig",  # only clusters of EKS Auto Mode
        "cluster.storageConfig",
    },
    ("eks", "DescribeNodegroup"): {"nodegroup.remoteAccess", "nodegroup.resources.remoteAccessSecurityGroup"},
    ("ec2", "DescribeNetworkInterfaces"): {
        "NetworkInterfaces.Attachment",  # of instances
        "NetworkInterfaces.Operator",
        "NetworkInterfaces.PublicDnsName",
        "NetworkInterfaces.PublicIpDnsNameOptions",
        "NetworkInterfaces.PrivateDnsName",  # in VPCs with DNS host names
        "NetworkInterfaces.PrivateIpAddresses.PrivateDnsName",
        "NetworkInterfaces.PrivateIpAddresses.Association",
        "NetworkInterfaces.RequesterId",
    },
    ("ec2", "DescribeRouteTables"): {"RouteTables.Routes.NetworkInterfaceId"},
    ("ec2", "DescribeVpcEndpoints"): {"VpcEndpoints.DnsEntries", "VpcEndpoints.Groups"},  # of interface endpoints
    ("ec2", "DescribeSubnets"): {"Subnets.BlockPublicAccessStates"},
    ("logs", "DescribeLogGroups"): {"logGroups.kmsKeyId"},
}
# Accounts, regions and names differ; these maps are free-form.
FREE = ("tags",)


def exchanges(service: str, operation: str, status: int) -> Iterator[dict[str, Any]]:
    for file in sorted(FOLDER.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            exchange = json.loads(line)
            if (exchange["service"], exchange["operation"], exchange["status"]) == (service, operation, status):
                yield exchange


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            path = f"{prefix}.{key}".lstrip(".")
            yield path
            if key not in FREE:
                yield from paths(item, path)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, prefix)


def recorded_paths(service: str, operation: str) -> set[str]:
    return {path for exchange in exchanges(service, operation, 200) for path in paths(exchange["response"])}


class Everything:
    """An account that holds one of each."""

    def __init__(self, aws: Account) -> None:
        self.aws, ec2 = aws, aws.client("ec2")
        tags = [{"Key": "Name", "Value": "x"}]
        key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        encryption = [{"resources": ["secrets"], "provider": {"keyArn": key}}]
        cluster = aws.cluster(encryptionConfig=encryption, tags={"a": "b"})
        config = cluster["resourcesVpcConfig"]
        self.vpc, subnets = config["vpcId"], config["subnetIds"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        ec2.describe_nat_gateways()
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        service = f"com.amazonaws.{REGION}.s3"
        endpoint = ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=service, RouteTableIds=[table])["VpcEndpoint"]
        resources = [self.vpc, *subnets, gateway, nat, table, endpoint["VpcEndpointId"]]
        ec2.create_tags(Resources=resources, Tags=tags)
        aws.client("logs").create_log_group(logGroupName="flows")
        aws.client("logs").put_retention_policy(logGroupName="flows", retentionInDays=7)
        ec2.create_flow_logs(
            ResourceType="VPC",
            ResourceIds=[self.vpc],
            TrafficType="ALL",
            LogGroupName="flows",
            DeliverLogsPermissionArn=aws.role("flows", "vpc-flow-logs.amazonaws.com"),
        )
        aws.client("eks").create_nodegroup(
            clusterName="demo",
            nodegroupName="workers",
            subnets=subnets,
            nodeRole=aws.role("nodes", "ec2.amazonaws.com"),
            tags={"a": "b"},
        )


@pytest.fixture(scope="module")
def everything(aws_sandbox: Any) -> Everything:
    aws_sandbox.reset("aws")
    return Everything(Account(aws_sandbox))


@pytest.mark.parametrize(
    ("service", "operation", "method", "options"),
    [
        ("eks", "DescribeCluster", "describe_cluster", {"name": "demo"}),
        ("eks", "DescribeNodegroup", "describe_nodegroup", {"clusterName": "demo", "nodegroupName": "workers"}),
        ("eks", "DescribeClusterVersions", "describe_cluster_versions", {}),
        ("eks", "ListClusters", "list_clusters", {}),
        ("ec2", "DescribeVpcs", "describe_vpcs", {}),
        ("ec2", "DescribeSubnets", "describe_subnets", {}),
        ("ec2", "DescribeInternetGateways", "describe_internet_gateways", {}),
        ("ec2", "DescribeNatGateways", "describe_nat_gateways", {}),
        ("ec2", "DescribeRouteTables", "describe_route_tables", {}),
        ("ec2", "DescribeFlowLogs", "describe_flow_logs", {}),
        ("ec2", "DescribeVpcEndpoints", "describe_vpc_endpoints", {}),
        ("ec2", "DescribeNetworkInterfaces", "describe_network_interfaces", {}),
        ("logs", "DescribeLogGroups", "describe_log_groups", {}),
    ],
)
def test_fields(everything: Everything, service: str, operation: str, method: str, options: dict[str, Any]) -> None:
    answer = getattr(everything.aws.client(service), method)(**options)
    answer.pop("ResponseMetadata")
    exempt = ABSENT.get((service, operation), set())
    wanted = {
        path
        for path in recorded_paths(service, operation)
        if not any(path == known or path.startswith(f"{known}.") for known in exempt)
    }
    assert wanted
    assert wanted - set(paths(answer)) == set()


def test_updates(everything: Everything) -> None:
    eks = everything.aws.client("eks")
    recorded = next(exchanges("eks", "UpdateClusterConfig", 200))["response"]["update"]
    update = eks.update_cluster_config(name="demo", resourcesVpcConfig={"endpointPrivateAccess": True})["update"]
    assert set(recorded) <= set(update)
    assert (update["type"], update["status"]) == (recorded["type"], recorded["status"])
    assert {item["type"] for item in recorded["params"]} <= {item["type"] for item in update["params"]}
    recorded = next(exchanges("eks", "AssociateEncryptionConfig", 400))["response"]["Error"]
    with pytest.raises(ClientError) as error:
        eks.associate_encryption_config(
            clusterName="demo",
            encryptionConfig=[
                {
                    "resources": ["secrets"],
                    "provider": {"keyArn": "arn:aws:kms:us-east-1:644160558196:key/123"},
                }
            ],
        )
    assert error.value.response["Error"] == recorded


def test_internet_gateway_in_use(everything: Everything) -> None:
    recorded = next(exchanges("ec2", "DeleteInternetGateway", 400))["response"]["Error"]
    ec2 = everything.aws.client("ec2")
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [everything.vpc]}])
    gateway = gateways["InternetGateways"][0]["InternetGatewayId"]
    with pytest.raises(ClientError) as error:
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    answer = error.value.response["Error"]
    assert answer["Code"] == recorded["Code"]
    assert answer["Message"].replace(gateway, "") == recorded["Message"].replace("igw-0d6b3a79ec7460614", "")


@pytest.mark.parametrize(
    ("operation", "method", "code"),
    [
        ("GetBucketEncryption", None, "ServerSideEncryptionConfigurationNotFoundError"),
        ("GetBucketLifecycleConfiguration", "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("GetBucketPolicy", "get_bucket_policy", "NoSuchBucketPolicy"),
        ("GetBucketOwnershipControls", "get_bucket_ownership_controls", "OwnershipControlsNotFoundError"),
        ("GetPublicAccessBlock", "get_public_access_block", "NoSuchPublicAccessBlockConfiguration"),
    ],
)
def test_not_configured(aws: Account, operation: str, method: str | None, code: str) -> None:
    recorded = [exchange["response"]["Error"] for exchange in exchanges("s3", operation, 404)]
    assert {error["Code"] for error in recorded} == {code}
    if method is None:
        # Recorded before every bucket was encrypted: no bucket of today answers so.
        return
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.delete_public_access_block(Bucket="data")
    s3.delete_bucket_ownership_controls(Bucket="data")
    with pytest.raises(ClientError) as error:
        getattr(s3, method)(Bucket="data")
    assert refused(error) == (code, 404)
    assert error.value.response["Error"]["Message"] == recorded[0]["Message"]
