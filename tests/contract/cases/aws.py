"""The kinds of AWS, taken out of the builders that users get them from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.config import Config
from module_utils._engine.resource import Resource
from module_utils._spec.cluster import Access, Addon, AwsCluster, Cluster, NodePool, Taint
from module_utils._spec.network import AwsNetwork, Network, Peering
from module_utils._spec.object_store import Bucket, LifecycleRule, ObjectStore

from sandbox.core.connection import AWS_ACCESS_KEY, AWS_ACCOUNT, AWS_REGION, AWS_SECRET_KEY
from tests.contract.harness import Case, Environment, Variant, pick

BASE = "contract-aws-test"


@lru_cache
def _client(url: str, service: str) -> Any:
    """AWS's own client, unmodified."""
    config = Config(retries={"total_max_attempts": 4}, s3={"addressing_style": "path"})
    return botocore.session.Session().create_client(
        service,
        region_name=AWS_REGION,
        endpoint_url=url,
        aws_access_key_id=AWS_ACCESS_KEY,
        aws_secret_access_key=AWS_SECRET_KEY,
        config=config,
    )


def ask(environment: Environment, service: str) -> Any:
    return _client((environment.site.endpoints or {})["default"], service)


def counted(service: str, operation: str, member: str, **params: Any) -> Callable[[Environment], int]:
    """How many objects a list of AWS's has."""

    def count(environment: Environment) -> int:
        answer = getattr(ask(environment, service), operation)(**params)
        return len([item for item in answer[member] if _lives(item)])

    return count


def _lives(item: Any) -> bool:
    if not isinstance(item, dict):
        return True
    status = item.get("Status")
    code = status.get("Code") if isinstance(status, dict) else None
    return item.get("State") not in ("deleted", "deleting") and code != "deleted"


def named(service: str, operation: str, member: str, name: str = BASE, argument: str = "Filters") -> Any:
    wanted = {argument: [{"Name": "tag:Name", "Values": [f"{name}*"]}]}
    return counted(service, operation, member, **wanted)


# -- network -----------------------------------------------------------------------------------------------------------


def network(environment: Environment, slot: str = "1", **options: Any) -> Any:
    aws = AwsNetwork(**options.pop("aws", {}))
    spec = Network(addresses={environment.site.name: slot}, aws=aws, **options)
    return environment.driver.network(spec.resolve(environment.site))


def of_network(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(network(environment, **{**base, **options}), kind, name)]


def peering(environment: Environment, other: str = "172.31.0.0/16") -> Sequence[Resource]:
    """With the region's default VPC, or with one that does not exist."""
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc = ask(environment, "ec2").describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"]
    target = vpc if other == "172.31.0.0/16" else "vpc-00000000000000000"
    built = network(environment, peerings=(Peering("office", target, (other,)),))
    return [pick(built, "aws.ec2.vpc_peering")]


def _private(index: int) -> str:
    return f"{BASE}-private-{index}"


NETWORK = [
    Case(
        "vpc",
        of_network("aws.ec2.vpc"),
        no_updates="DNS is always on and the default security group always closed",
        immutable=[Variant({"slot": "2"}, ("CidrBlock",))],
        count=named("ec2", "describe_vpcs", "Vpcs"),
    ),
    Case(
        "subnet",
        of_network("aws.ec2.subnet", _private(1)),
        no_updates="everything about a subnet is decided at creation",
        immutable=[Variant({"aws": {"zones": (f"{AWS_REGION}c", f"{AWS_REGION}b")}}, ("AvailabilityZone",))],
        count=named("ec2", "describe_subnets", "Subnets"),
    ),
    Case(
        "internet-gateway",
        of_network("aws.ec2.internet_gateway"),
        no_updates="it only has a VPC",
        count=named("ec2", "describe_internet_gateways", "InternetGateways"),
    ),
    Case(
        "elastic-ip",
        of_network("aws.ec2.elastic_ip", "nat-1"),
        no_updates="it has nothing to set",
        count=named("ec2", "describe_addresses", "Addresses"),
    ),
    Case(
        "nat-gateway",
        of_network("aws.ec2.nat_gateway", "nat-1"),
        no_updates="it cannot be changed",
        count=named("ec2", "describe_nat_gateways", "NatGateways", argument="Filter"),
        operation=r"^ec2\.CreateNatGateway$",
    ),
    Case(
        "route-table",
        of_network("aws.ec2.route_table", _private(1)),
        updates=[Variant({"nat": False}, ("Routes",)), Variant({"nat": True}, ("Routes",))],
        count=named("ec2", "describe_route_tables", "RouteTables"),
    ),
    Case(
        "gateway-endpoint",
        of_network("aws.ec2.vpc_endpoint"),
        updates=[
            Variant(
                {"high_availability": True},
                ("RouteTableIds",),
                also=("aws.ec2.route_table", "aws.ec2.nat_gateway", "aws.ec2.elastic_ip"),
            )
        ],
        count=named("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
    ),
    Case(
        "security-group",
        of_network("aws.ec2.security_group"),
        updates=[Variant({"data_ports": (5432, 6379, 9092)}, ("Rules",)), Variant({"data_ports": (443,)}, ("Rules",))],
        count=counted(
            "ec2",
            "describe_security_groups",
            "SecurityGroups",
            Filters=[{"Name": "group-name", "Values": [f"{BASE}-data"]}],
        ),
    ),
    Case(
        "flow-log",
        of_network("aws.ec2.flow_log", flow_logs=True),
        updates=[Variant({"aws": {"flow_logs_traffic": "REJECT"}}, ("TrafficType",))],
        count=counted("ec2", "describe_flow_logs", "FlowLogs"),
    ),
    Case(
        "log-group",
        of_network("aws.logs.log_group", flow_logs=True),
        updates=[Variant({"flow_logs_retention_days": 90}, ("retentionInDays",))],
        count=counted("logs", "describe_log_groups", "logGroups"),
    ),
    Case(
        "peering",
        peering,
        no_updates="it cannot be changed",
        immutable=[Variant({"other": "172.30.0.0/16"}, ("PeerVpcId",))],
        count=named("ec2", "describe_vpc_peering_connections", "VpcPeeringConnections"),
    ),
]

# -- cluster -----------------------------------------------------------------------------------------------------------

ROBOT = f"arn:aws:iam::{AWS_ACCOUNT}:role/{BASE}-eks-cluster"
DISK = 60


def cluster(environment: Environment, **options: Any) -> Any:
    site = environment.site
    net = Network(addresses={site.name: "1"}).resolve(site)
    pool = NodePool(
        options.pop("pool_name", "general"), **{"disk_size_gb": DISK, "spot": False, **options.pop("pool", {})}
    )
    body = {"version": "1.33", "allowed_cidrs": ("198.51.100.0/24",), "secrets_encryption": False, **options}
    spec = Cluster(node_pools=(pool,), **{"deletion_protection": False, **body})
    return environment.driver.cluster(spec.resolve(site), net, environment.driver.network(net))


def of_cluster(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(cluster(environment, **{**base, **options}), kind, name)]


def eks_count(operation: str, member: str, only: str = "") -> Callable[[Environment], int]:
    """How many objects of one sort the cluster has."""

    def count(environment: Environment) -> int:
        try:
            answer = getattr(ask(environment, "eks"), operation)(clusterName=BASE)
        except ask(environment, "eks").exceptions.ResourceNotFoundException:
            return 0
        return sum(only in str(item) for item in answer[member])

    return count


def keys(environment: Environment) -> int:
    """Keys that are not on their way out."""
    kms = ask(environment, "kms")
    states = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return sum(state["KeyState"] == "Enabled" and state["KeyManager"] == "CUSTOMER" for state in states)


def roles(name: str) -> Callable[[Environment], int]:
    def count(environment: Environment) -> int:
        return sum(role["RoleName"] == name for role in ask(environment, "iam").list_roles()["Roles"])

    return count


CLUSTER = [
    Case(
        "role-with-policies",
        of_cluster("aws.iam.role", "eks-nodes"),
        updates=[
            Variant(
                {
                    "workload_identity": False,
                    "aws": AwsCluster(load_balancer_controller=False, cluster_autoscaler=False),
                },
                ("ManagedPolicyArns",),
            )
        ],
        count=roles(f"{BASE}-eks-nodes"),
    ),
    Case(
        "role-with-inline-policy",
        of_cluster("aws.iam.role", "cluster-autoscaler"),
        no_updates="what it may do does not depend on the specification",
        count=roles(f"{BASE}-cluster-autoscaler"),
    ),
    Case(
        "key",
        of_cluster("aws.kms.key", secrets_encryption=True),
        no_updates="it has nothing to set",
        count=keys,
    ),
    Case(
        "cluster",
        of_cluster("aws.eks.cluster"),
        updates=[
            Variant({"allowed_cidrs": ("198.51.100.0/24", "203.0.113.0/24")}, ("publicAccessCidrs",)),
            Variant({"control_plane_logs": ("audit", "scheduler")}, ("logTypes",)),
            Variant({"secrets_encryption": True}, ("encryptionKey",), also=("aws.kms.key",)),
            Variant({"version": "1.35"}, ("version",)),
            Variant(
                {"endpoint": "private", "allowed_cidrs": ("10.200.0.0/16",)},
                ("endpointPublicAccess", "securityGroupIds"),
                also=("aws.ec2.security_group",),
            ),
            Variant({"aws": AwsCluster(support_type="STANDARD")}, ("supportType",)),
        ],
        immutable=[Variant({"version": "1.32"}, ("version",))],
        count=counted("eks", "list_clusters", "clusters"),
        operation=r"^eks\.CreateCluster$",
    ),
    Case(
        "oidc-provider",
        of_cluster("aws.iam.oidc_provider"),
        no_updates="the issuer is the cluster's",
        count=counted("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList"),
        named=False,
    ),
    Case(
        "access",
        of_cluster("aws.eks.access_entries", access=(Access(ROBOT, "view"),)),
        updates=[
            Variant({"access": (Access(ROBOT, "admin"),)}, ("entries",)),
        ],
    ),
    Case(
        "pod-identity",
        of_cluster("aws.eks.pod_identity_association", "cluster-autoscaler"),
        no_updates="role and service account belong together",
        count=eks_count("list_pod_identity_associations", "associations"),
    ),
    Case(
        "addon",
        of_cluster("aws.eks.addon", "vpc-cni"),
        updates=[
            Variant({"network_policy": False}, ("configurationValues",)),
            Variant({"aws": AwsCluster(addons=(Addon("vpc-cni", version="v1.20.5-eksbuild.1"),))}, ("addonVersion",)),
        ],
        count=eks_count("list_addons", "addons"),
        operation=r"^eks\.CreateAddon$",
    ),
    Case(
        "launch-template",
        of_cluster("aws.ec2.launch_template"),
        updates=[Variant({"pool": {"disk_size_gb": 80}}, ("BlockDeviceMappings",))],
        count=counted("ec2", "describe_launch_templates", "LaunchTemplates"),
    ),
    Case(
        "node-group",
        of_cluster("aws.eks.nodegroup"),
        updates=[
            Variant({"pool": {"min_size": 3, "max_size": 9}}, ("scalingConfig",)),
            Variant({"pool": {"min_size": 3, "max_size": 9, "labels": {"tier": "web"}}}, ("labels",)),
            Variant(
                {
                    "pool": {
                        "min_size": 3,
                        "max_size": 9,
                        "taints": (Taint("dedicated", "web"),),
                        "max_unavailable": 2,
                        "disk_size_gb": 90,
                    }
                },
                ("taints", "updateConfig", "launchTemplate"),
                also=("aws.ec2.launch_template",),
            ),
        ],
        immutable=[
            Variant({"pool": {"machine_types": ("m6i.large",)}}, ("instanceTypes",)),
            Variant({"pool": {"spot": True}}, ("capacityType",)),
        ],
        count=eks_count("list_nodegroups", "nodegroups"),
        operation=r"^eks\.CreateNodegroup$",
    ),
]

# -- object store ------------------------------------------------------------------------------------------------------


def buckets(environment: Environment, **options: Any) -> Any:
    spec = ObjectStore((Bucket("models", **{"access_logs": False, **options}),))
    return environment.driver.object_store(spec.resolve(environment.site))


def of_buckets(name: str, **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(buckets(environment, **{**base, **options}), "aws.s3.bucket", name)]


def bucket_count(part: str) -> Callable[[Environment], int]:
    def count(environment: Environment) -> int:
        return sum(part in item["Name"] for item in ask(environment, "s3").list_buckets()["Buckets"])

    return count


OBJECT_STORE = [
    Case(
        "bucket",
        of_buckets("models"),
        updates=[
            Variant(
                {"lifecycle_rules": (LifecycleRule("old", expire_after_days=90),), "soft_delete_days": 0},
                ("LifecycleRules",),
            ),
            Variant({"access_logs": True}, ("Logging",), also=("aws.s3.bucket",)),
            Variant({"encryption": "customer"}, ("Encryption",), also=("aws.kms.key",)),
            Variant({"retention_days": 2}, ("ObjectLockDays",)),
        ],
        count=bucket_count("models"),
    ),
    Case(
        "bucket-unversioned",
        of_buckets("models", versioning=False, soft_delete_days=0, force=True),
        updates=[
            Variant({"versioning": True}, ("Versioning", "LifecycleRules")),
            Variant({"versioning": False, "lifecycle_rules": ()}, ("Versioning", "LifecycleRules")),
        ],
        count=bucket_count("models"),
    ),
    Case(
        "log-bucket",
        of_buckets("access-logs", access_logs=True),
        no_updates="nothing in the specification is about it",
        count=bucket_count("access-logs"),
    ),
]

CASES = [*NETWORK, *CLUSTER, *OBJECT_STORE]
