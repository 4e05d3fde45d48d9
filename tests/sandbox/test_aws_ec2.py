"""Networks through unmodified boto3: time, dependencies, limits, idempotency, queries."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws_support import Account, refused


class Network:
    """A VPC with an internet gateway, a public subnet and an address."""

    def __init__(self, aws: Account) -> None:
        self.ec2 = aws.client("ec2")
        self.vpc, (self.subnet, self.other) = aws.network()
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def nat(self, **options: Any) -> str:
        wanted = {"SubnetId": self.subnet, "AllocationId": self.address, **options}
        return str(self.ec2.create_nat_gateway(**wanted)["NatGateway"]["NatGatewayId"])

    def nat_now(self, nat: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]
        return found


@pytest.fixture
def network(aws: Account) -> Network:
    return Network(aws)


def test_nat_gateways_take_time(aws: Account, network: Network) -> None:
    aws.sandbox.set_profile("realistic", scale=1)
    made = network.ec2.create_nat_gateway(
        SubnetId=network.subnet,
        AllocationId=network.address,
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": [{"Key": "Name", "Value": "n"}]}],
    )["NatGateway"]
    assert (made["State"], made["Tags"]) == ("pending", [{"Key": "Name", "Value": "n"}])
    nat = made["NatGatewayId"]
    assert network.nat_now(nat)["State"] == "pending"
    aws.sandbox.advance("aws", 90)
    now = network.nat_now(nat)
    assert now["State"] == "available"
    assert now["NatGatewayAddresses"][0]["AllocationId"] == network.address
    table = network.ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    network.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)

    network.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert network.nat_now(nat)["State"] == "deleting"
    for refusal, options in (
        ("release_address", {"AllocationId": network.address}),
        ("delete_subnet", {"SubnetId": network.subnet}),
    ):
        with pytest.raises(ClientError):
            getattr(network.ec2, refusal)(**options)
    aws.sandbox.advance("aws", 60)
    assert network.nat_now(nat)["State"] == "deleted"
    routes = network.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert {route["State"] for route in routes if "NatGatewayId" in route} == {"blackhole"}
    network.ec2.release_address(AllocationId=network.address)
    network.ec2.delete_subnet(SubnetId=network.subnet)
    aws.sandbox.advance("aws", 3700)
    with pytest.raises(ClientError) as error:
        network.nat_now(nat)
    assert refused(error) == ("NatGatewayNotFound", 400)


def test_nat_gateways_that_fail(aws: Account, network: Network) -> None:
    aws.sandbox.fault("aws", kind="fail_operation", operation="ec2.CreateNatGateway", message="no free address")
    failed = network.nat_now(network.nat())
    assert (failed["State"], failed["FailureCode"], failed["FailureMessage"]) == (
        "failed",
        "InternalError",
        "no free address",
    )
    good = network.nat()
    assert network.nat_now(good)["State"] == "available"
    assert network.nat_now(network.nat(SubnetId=network.other))["FailureCode"] == "Resource.AlreadyAssociated"
    _, (lonely, _) = aws.network("10.50.0.0/16")
    address = network.ec2.allocate_address(Domain="vpc")["AllocationId"]
    assert network.nat_now(network.nat(SubnetId=lonely, AllocationId=address))["FailureCode"] == "Gateway.NotAttached"


def test_nat_gateway_client_token(network: Network) -> None:
    first = network.nat(ClientToken="one")
    assert network.nat(ClientToken="one") == first
    with pytest.raises(ClientError) as error:
        network.nat(ClientToken="one", SubnetId=network.other)
    assert refused(error) == ("IdempotentParameterMismatch", 400)


def test_teardown_only_works_backwards(aws: Account, network: Network) -> None:
    ec2 = network.ec2
    nat = network.nat()
    group = ec2.create_security_group(GroupName="a", Description="a", VpcId=network.vpc)["GroupId"]
    user = ec2.create_security_group(GroupName="b", Description="b", VpcId=network.vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=user, IpPermissions=[rule])

    def violates(call: Any, **options: Any) -> None:
        with pytest.raises(ClientError) as error:
            call(**options)
        assert refused(error) == ("DependencyViolation", 400)

    assert network.nat_now(nat)["State"] == "available"
    violates(ec2.delete_vpc, VpcId=network.vpc)
    violates(ec2.delete_subnet, SubnetId=network.subnet)
    violates(ec2.detach_internet_gateway, InternetGatewayId=network.gateway, VpcId=network.vpc)
    violates(ec2.delete_internet_gateway, InternetGatewayId=network.gateway)
    violates(ec2.delete_security_group, GroupId=group)
    with pytest.raises(ClientError) as error:
        ec2.release_address(AllocationId=network.address)
    assert refused(error) == ("InvalidIPAddress.InUse", 400)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_subnet(SubnetId=network.other)
    violates(ec2.delete_vpc, VpcId=network.vpc)
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=network.gateway)
    violates(ec2.delete_vpc, VpcId=network.vpc)
    ec2.delete_security_group(GroupId=user)
    ec2.delete_security_group(GroupId=group)
    ec2.release_address(AllocationId=network.address)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    violates(ec2.delete_vpc, VpcId=network.vpc)
    ec2.delete_route_table(RouteTableId=table)
    default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["SecurityGroups"]
    with pytest.raises(ClientError) as error:
        ec2.delete_security_group(GroupId=default[0]["GroupId"])
    assert refused(error) == ("CannotDelete", 400)
    ec2.delete_vpc(VpcId=network.vpc)
    with pytest.raises(ClientError) as error:
        ec2.describe_vpcs(VpcIds=[network.vpc])
    assert refused(error) == ("InvalidVpcID.NotFound", 400)


def test_eks_holds_its_network(aws: Account) -> None:
    ec2 = aws.client("ec2")
    config = aws.cluster()["resourcesVpcConfig"]
    for call, options in (
        (ec2.delete_subnet, {"SubnetId": config["subnetIds"][0]}),
        (ec2.delete_security_group, {"GroupId": config["clusterSecurityGroupId"]}),
        (ec2.delete_vpc, {"VpcId": config["vpcId"]}),
    ):
        with pytest.raises(ClientError) as error:
            call(**options)
        assert refused(error) == ("DependencyViolation", 400)
    aws.client("eks").delete_cluster(name="demo")
    for subnet in config["subnetIds"]:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=config["vpcId"])


def test_gateway_endpoint(network: Network) -> None:
    ec2 = network.ec2
    tables = [ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    wanted = {"VpcId": network.vpc, "ServiceName": "com.amazonaws.eu-central-1.s3", "RouteTableIds": tables[:1]}
    endpoint = ec2.create_vpc_endpoint(**wanted)["VpcEndpoint"]
    assert (endpoint["VpcEndpointType"], endpoint["State"]) == ("Gateway", "available")

    def routed(table: str) -> bool:
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return any(route.get("GatewayId") == endpoint["VpcEndpointId"] for route in routes)

    assert (routed(tables[0]), routed(tables[1])) == (True, False)
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_endpoint(**wanted)
    assert refused(error) == ("RouteAlreadyExists", 400)
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], AddRouteTableIds=tables[1:], RemoveRouteTableIds=tables[:1]
    )
    assert (routed(tables[0]), routed(tables[1])) == (False, True)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["RouteTableIds"] == tables[1:]
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"] == []
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert not routed(tables[1])
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"] != []


def test_interface_endpoint_takes_time(aws: Account, network: Network) -> None:
    aws.sandbox.set_profile("realistic", scale=1)
    ec2 = network.ec2
    endpoint = ec2.create_vpc_endpoint(
        VpcId=network.vpc,
        ServiceName="com.amazonaws.eu-central-1.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=[network.subnet],
    )["VpcEndpoint"]
    assert endpoint["State"] == "pending"
    aws.sandbox.advance("aws", 20)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "available"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "deleting"
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnet)
    aws.sandbox.advance("aws", 20)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    ec2.delete_subnet(SubnetId=network.subnet)


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        ("allocate_address", {"Domain": "vpc"}),
        ("create_internet_gateway", {}),
        ("create_security_group", {"GroupName": "x", "Description": "x"}),
    ],
)
def test_dry_runs_change_nothing(aws: Account, operation: str, options: dict[str, Any]) -> None:
    ec2 = aws.client("ec2")

    def everything() -> list[int]:
        return [
            len(ec2.describe_vpcs()["Vpcs"]),
            len(ec2.describe_addresses()["Addresses"]),
            len(ec2.describe_internet_gateways()["InternetGateways"]),
            len(ec2.describe_security_groups()["SecurityGroups"]),
        ]

    before = everything()
    with pytest.raises(ClientError) as error:
        getattr(ec2, operation)(DryRun=True, **options)
    assert refused(error) == ("DryRunOperation", 412)
    assert everything() == before


@pytest.mark.parametrize(
    ("quota", "operation", "options", "code"),
    [
        ("vpc/L-F678F1CE", "create_vpc", {"CidrBlock": "10.0.0.0/16"}, "VpcLimitExceeded"),
        ("ec2/L-0263D0A3", "allocate_address", {"Domain": "vpc"}, "AddressLimitExceeded"),
        ("vpc/L-A4707A72", "create_internet_gateway", {}, "InternetGatewayLimitExceeded"),
    ],
)
def test_limits(aws: Account, quota: str, operation: str, options: dict[str, Any], code: str) -> None:
    aws.sandbox.set_quotas("aws", {quota: 0})
    with pytest.raises(ClientError) as error:
        getattr(aws.client("ec2"), operation)(**options)
    assert refused(error) == (code, 400)


def test_nat_limit_per_zone(aws: Account, network: Network) -> None:
    aws.sandbox.set_quotas("aws", {"vpc/L-FE5A380F": 1})
    network.nat()
    with pytest.raises(ClientError) as error:
        network.nat()
    assert refused(error) == ("NatGatewayLimitExceeded", 400)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "ap-southeast-2", "sa-east-1"])
def test_machine_types(aws: Account, region: str) -> None:
    ec2 = aws.client("ec2", region)
    types = ["t3.medium", "m5.large", "m6i.xlarge", "m7i.2xlarge", "g4dn.xlarge"]
    described = ec2.describe_instance_types(InstanceTypes=types)["InstanceTypes"]
    assert {item["InstanceType"] for item in described} == set(types)
    assert {item["VCpuInfo"]["DefaultVCpus"] for item in described} == {2, 4, 8}
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["m6i.xlarge"]}]
    )["InstanceTypeOfferings"]
    assert len(offers) >= 2
    assert {offer["Location"] for offer in offers} <= zones
    with pytest.raises(ClientError) as error:
        ec2.describe_instance_types(InstanceTypes=["m99.huge"])
    assert refused(error) == ("InvalidInstanceType", 400)


def test_attributes_of_vpcs_and_subnets(network: Network) -> None:
    ec2 = network.ec2
    assert ec2.describe_vpc_attribute(VpcId=network.vpc, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"]
    assert not ec2.describe_vpc_attribute(VpcId=network.vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"][
        "Value"
    ]
    ec2.modify_vpc_attribute(VpcId=network.vpc, EnableDnsHostnames={"Value": True})
    assert ec2.describe_vpc_attribute(VpcId=network.vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[network.subnet])["Subnets"][0]["MapPublicIpOnLaunch"]


def test_security_group_rules_and_their_tags(network: Network) -> None:
    ec2 = network.ec2
    group = ec2.create_security_group(GroupName="db", Description="d", VpcId=network.vpc)["GroupId"]
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["SecurityGroupRules"][0]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    own = [rule for rule in rules if not rule["IsEgress"]]
    assert [(rule["SecurityGroupRuleId"], rule["Tags"]) for rule in own] == [
        (made["SecurityGroupRuleId"], [{"Key": "a", "Value": "b"}])
    ]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert [rule["IsEgress"] for rule in rules] == [True]


def test_flow_logs(aws: Account, network: Network) -> None:
    aws.client("logs").create_log_group(logGroupName="flows")
    made = network.ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[network.vpc],
        TrafficType="ALL",
        LogGroupName="flows",
        DeliverLogsPermissionArn=aws.role("flows", "vpc-flow-logs.amazonaws.com"),
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    assert made["Unsuccessful"] == []
    found = network.ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [network.vpc]}])["FlowLogs"]
    assert [(log["LogGroupName"], log["FlowLogStatus"], log["Tags"]) for log in found] == [
        ("flows", "ACTIVE", [{"Key": "a", "Value": "b"}])
    ]
    network.ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
    assert network.ec2.describe_flow_logs()["FlowLogs"] == []


def test_default_vpc_exists_as_in_real_accounts(aws: Account) -> None:
    vpcs = aws.client("ec2").describe_vpcs()["Vpcs"]
    assert [(vpc["IsDefault"], vpc["CidrBlock"]) for vpc in vpcs] == [(True, "172.31.0.0/16")]


def test_a_launch_templates_own_tags_are_not_its_data(aws: Account) -> None:
    ec2 = aws.client("ec2")
    for_nodes = {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}
    made = ec2.create_launch_template(
        LaunchTemplateName="nodes",
        LaunchTemplateData={"TagSpecifications": [for_nodes]},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": [{"Key": "c", "Value": "d"}]}],
    )["LaunchTemplate"]
    assert made["Tags"] == [{"Key": "c", "Value": "d"}]
    answer = ec2.describe_launch_template_versions(LaunchTemplateId=made["LaunchTemplateId"], Versions=["$Latest"])
    assert answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]["TagSpecifications"] == [for_nodes]


def test_a_launch_templates_tags_follow_create_tags(aws: Account) -> None:
    ec2 = aws.client("ec2")
    made = ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData={"InstanceType": "t3.micro"})
    ec2.create_tags(Resources=[made["LaunchTemplate"]["LaunchTemplateId"]], Tags=[{"Key": "a", "Value": "b"}])
    assert ec2.describe_launch_templates()["LaunchTemplates"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
