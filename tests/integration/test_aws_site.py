"""A site on AWS: empty, converged, unchanged, drifted, repaired, destroyed; seen by AWS's own client."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from module_utils._engine.errors import AuthError, CloudError, SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-aws-dev"
REGION = sites.REGIONS["aws"]
ME = "arn:aws:iam::123456789012:user/sandbox"
FULL: dict[str, Any] = {
    "network": {"high_availability": True, "flow_logs": True, "aws": {"flow_logs_traffic": "REJECT"}},
    "cluster": {
        "version": "1.33",
        "gpu": True,
        "secrets_encryption": True,
        "control_plane_logs": ["api", "audit"],
        "access": [{"principal": ME, "role": "admin"}, {"principal": f"{ME}-2", "role": "view"}],
        "aws": {"support_type": "STANDARD", "addons": [{"name": "metrics-server"}]},
    },
    "object_store": {
        "buckets": [
            {"name": "models", "encryption": "customer", "retention_days": 1, "force": True},
            {"name": "cache", "versioning": False, "soft_delete_days": 0, "force": True},
        ]
    },
}


@pytest.fixture
def cloud() -> str:
    return "aws"


class Amazon:
    """AWS's own client, unmodified."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url("aws")

    def __call__(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url)

    def everything(self) -> dict[str, list[str]]:
        """Names of all that a site could leave behind."""
        ec2, iam, kms = self("ec2"), self("iam"), self("kms")
        nats = ec2.describe_nat_gateways()["NatGateways"]
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return {
            "vpcs": [item["VpcId"] for item in ec2.describe_vpcs()["Vpcs"]],
            "subnets": [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]],
            "gateways": [item["InternetGatewayId"] for item in ec2.describe_internet_gateways()["InternetGateways"]],
            "nats": [item["NatGatewayId"] for item in nats if item["State"] != "deleted"],
            "addresses": [item["PublicIp"] for item in ec2.describe_addresses()["Addresses"]],
            "tables": [item["RouteTableId"] for item in ec2.describe_route_tables()["RouteTables"]],
            "groups": [item["GroupId"] for item in ec2.describe_security_groups()["SecurityGroups"]],
            "interfaces": [i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]],
            "endpoints": [item["VpcEndpointId"] for item in ec2.describe_vpc_endpoints()["VpcEndpoints"]],
            "flow logs": [item["FlowLogId"] for item in ec2.describe_flow_logs()["FlowLogs"]],
            "templates": [item["LaunchTemplateId"] for item in ec2.describe_launch_templates()["LaunchTemplates"]],
            "clusters": self("eks").list_clusters()["clusters"],
            "roles": [item["RoleName"] for item in iam.list_roles()["Roles"]],
            "providers": [item["Arn"] for item in providers],
            "keys": [key["KeyId"] for key in keys if key["KeyState"] == "Enabled"],
            "aliases": [a["AliasName"] for a in kms.list_aliases()["Aliases"] if "alias/aws/" not in a["AliasName"]],
            "logs": [item["logGroupName"] for item in self("logs").describe_log_groups()["logGroups"]],
            "buckets": [item["Name"] for item in self("s3").list_buckets()["Buckets"]],
        }

    def named(self, operation: str, member: str, name: str) -> dict[str, Any]:
        """The one EC2 object of this Name."""
        wanted = [{"Name": "tag:Name", "Values": [name]}]
        (found,) = getattr(self("ec2"), operation)(Filters=wanted)[member]
        return dict(found)

    def bucket(self, name: str) -> str:
        return next(item for item in self.everything()["buckets"] if item.startswith(f"{BASE}-{name}-"))


@pytest.fixture
def amazon(sandbox: Sandbox) -> Amazon:
    return Amazon(sandbox)


def run(site: dict[str, Any], changes: dict[str, Any] | None = None, **options: Any) -> Report:
    wanted = sites.wanted(site, sites.capabilities(**(changes or {})))
    report = execute(wanted, sites.options(**options))
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("aws")
    return int(entries[-1]["seq"]) if entries else 0


def writes(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("aws", since) if entry["write"]]


@pytest.mark.parametrize("changes", [{}, FULL], ids=["plain", "full"])
def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, amazon: Amazon, changes: dict[str, Any]) -> None:
    before = amazon.everything()
    amazon("iam").create_user(UserName="sandbox-2")
    planned = run(site, changes, check=True)
    assert acts(run(site, changes)) == acts(planned)
    cluster = amazon("eks").describe_cluster(name=BASE)["cluster"]
    assert cluster["status"] == "ACTIVE"
    assert cluster["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert cluster["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    mark = seen(sandbox)
    again = run(site, changes, find_orphans=True)
    assert acts(again) == {}
    assert again.orphans == []
    assert writes(sandbox, mark) == []
    gone = run(site, changes, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    assert amazon.everything() == before


def test_a_run_without_changes_costs_few_calls(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site)
    mark = seen(sandbox)
    run(site)
    calls = [entry["operation"] for entry in sandbox.journal("aws", mark)]
    assert len(calls) <= 54, sorted(calls)


def test_what_is_changed_behind_its_back_is_repaired_and_only_that(
    site: dict[str, Any], sandbox: Sandbox, amazon: Amazon
) -> None:
    run(site)
    ec2, eks, s3, bucket = amazon("ec2"), amazon("eks"), amazon("s3"), amazon.bucket("models")
    subnet = amazon.named("describe_subnets", "Subnets", f"{BASE}-public-1")["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    table = amazon.named("describe_route_tables", "RouteTables", f"{BASE}-private-1")["RouteTableId"]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{BASE}-data"]}])
    group_id = group["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    vpc = amazon.named("describe_vpcs", "Vpcs", f"{BASE}-vpc")["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    sizes = {"minSize": 0, "maxSize": 50}
    eks.update_nodegroup_config(clusterName=BASE, nodegroupName="batch", scalingConfig=sizes)
    eks.update_cluster_config(
        name=BASE, resourcesVpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=bucket)
    amazon("iam").detach_role_policy(
        RoleName=f"{BASE}-eks-nodes", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    )
    amazon("logs").put_retention_policy(logGroupName=f"/aws/eks/{BASE}/cluster", retentionInDays=365)
    expected = {
        f"aws.ec2.subnet {BASE}-public-1": "update",
        f"aws.ec2.route_table {BASE}-private-1": "update",
        f"aws.ec2.security_group {BASE}-data": "update",
        f"aws.ec2.vpc {BASE}-vpc": "update",
        "aws.eks.nodegroup batch": "update",
        f"aws.eks.cluster {BASE}": "update",
        "aws.s3.bucket models": "update",
        f"aws.iam.role {BASE}-eks-nodes": "update",
        f"aws.logs.log_group /aws/eks/{BASE}/cluster": "update",
    }
    assert acts(run(site, check=True)) == expected
    assert acts(run(site)) == expected
    assert acts(run(site)) == {}
    scaling = eks.describe_nodegroup(clusterName=BASE, nodegroupName="batch")["nodegroup"]["scalingConfig"]
    assert scaling["maxSize"] == 3
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_what_is_deleted_behind_its_back_is_made_again(site: dict[str, Any], amazon: Amazon) -> None:
    run(site)
    amazon("eks").delete_nodegroup(clusterName=BASE, nodegroupName="batch")
    amazon("eks").delete_addon(clusterName=BASE, addonName="coredns")
    amazon("iam").delete_role_policy(RoleName=f"{BASE}-cluster-autoscaler", PolicyName="platform")
    amazon("s3").delete_bucket(Bucket=amazon.bucket("logs"))
    expected = {
        "aws.eks.nodegroup batch": "create",
        "aws.eks.addon coredns": "create",
        f"aws.iam.role {BASE}-cluster-autoscaler": "update",
        "aws.s3.bucket logs": "create",
    }
    assert acts(run(site, check=True)) == expected
    assert acts(run(site)) == expected
    assert acts(run(site)) == {}


def test_what_belongs_to_others_survives(site: dict[str, Any], amazon: Amazon) -> None:
    """Foreign tags, labels and routes, and the number of nodes that the autoscaler has chosen."""
    run(site)
    ec2, eks, s3, bucket = amazon("ec2"), amazon("eks"), amazon("s3"), amazon.bucket("models")
    vpc = amazon.named("describe_vpcs", "Vpcs", f"{BASE}-vpc")["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "cost-centre", "Value": "42"}])
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [*tags, {"Key": "cost-centre", "Value": "42"}]})
    where = {"clusterName": BASE, "nodegroupName": "general"}
    eks.update_nodegroup_config(**where, labels={"addOrUpdateLabels": {"theirs": "1"}})
    eks.update_nodegroup_config(**where, scalingConfig={"desiredSize": 4})
    assert acts(run(site)) == {}
    run({**site, "tags": {"team": "ml"}}, {"object_store": {"buckets": [{"name": "models"}]}})
    assert {"Key": "cost-centre", "Value": "42"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {"Key": "team", "Value": "ml"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {"Key": "cost-centre", "Value": "42"} in amazon.named("describe_vpcs", "Vpcs", f"{BASE}-vpc")["Tags"]
    group = eks.describe_nodegroup(**where)["nodegroup"]
    assert group["scalingConfig"]["desiredSize"] == 4
    assert group["labels"]["theirs"] == "1"


def test_more_zones_and_fewer_again(site: dict[str, Any], amazon: Amazon) -> None:
    """What follows from a wider or narrower specification comes and goes with it."""
    small = {"network": {"zones": 2}}
    run(site, small)
    wide = run(site, {"network": {"zones": 3, "high_availability": True}})
    assert set(acts(wide).values()) == {"create", "update"}
    nats = [item["State"] for item in amazon("ec2").describe_nat_gateways()["NatGateways"]]
    assert nats.count("available") == 3
    alone = {"network": {"zones": 3, "high_availability": False}}
    run(site, alone)
    assert acts(run(site, alone)) == {}
    nats = [item["State"] for item in amazon("ec2").describe_nat_gateways()["NatGateways"]]
    assert nats.count("available") == 1
    assert len(amazon("ec2").describe_addresses()["Addresses"]) == 1


def test_versions_go_up_one_at_a_time_and_addons_and_nodes_follow(site: dict[str, Any], amazon: Amazon) -> None:
    run(site, {"cluster": {"version": "1.32"}})
    before = amazon("eks").describe_addon(clusterName=BASE, addonName="kube-proxy")["addon"]["addonVersion"]
    up = {"cluster": {"version": "1.34"}}
    run(site, up)
    assert acts(run(site, up)) == {}
    eks = amazon("eks")
    updates = [eks.describe_update(name=BASE, updateId=i)["update"] for i in eks.list_updates(name=BASE)["updateIds"]]
    versions = [param["value"] for item in updates for param in item["params"] if param["type"] == "Version"]
    assert sorted(versions) == ["1.33", "1.34"]
    assert eks.describe_cluster(name=BASE)["cluster"]["version"] == "1.34"
    for pool in ("general", "batch"):
        assert eks.describe_nodegroup(clusterName=BASE, nodegroupName=pool)["nodegroup"]["version"] == "1.34"
    after = eks.describe_addon(clusterName=BASE, addonName="kube-proxy")["addon"]["addonVersion"]
    assert before.startswith("v1.32.")
    assert after.startswith("v1.34.")


def test_a_full_bucket_is_only_deleted_with_force(site: dict[str, Any], amazon: Amazon) -> None:
    kept = {"object_store": {"buckets": [{"name": "models"}, {"name": "logs"}]}}
    run(site, kept)
    s3, bucket = amazon("s3"), amazon.bucket("models")
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"weights")
    s3.delete_object(Bucket=bucket, Key="k0")
    with pytest.raises(SpecError, match=r"bucket models: .* is not empty.*force: true"):
        run(site, kept, state="absent")
    assert bucket in amazon.everything()["buckets"]
    forced = {"object_store": {"buckets": [{"name": "models", "force": True}, {"name": "logs", "force": True}]}}
    run(site, forced, state="absent")
    assert amazon.everything()["buckets"] == []


def test_a_protected_cluster_is_not_deleted(site: dict[str, Any], amazon: Amazon) -> None:
    run(site, {"cluster": {"deletion_protection": True}})
    with pytest.raises(SpecError, match="deletion_protection is on"):
        run(site, state="absent")
    assert amazon.everything()["clusters"] == [BASE]
    run(site, {"cluster": {"deletion_protection": False}})
    run(site, state="absent")
    assert amazon.everything()["clusters"] == []


def test_a_forgotten_node_group_does_not_hold_up_the_end(site: dict[str, Any], amazon: Amazon) -> None:
    run(site)
    only = {"cluster": {"node_pools": [{"name": "general", "min_size": 2, "max_size": 4}]}}
    assert [item["name"] for item in run(site, only, find_orphans=True).orphans or []] == [f"{BASE}-batch", "batch"]
    run(site, only, state="absent")
    assert amazon.everything()["clusters"] == []


def test_an_existing_network_is_used_and_left_alone(site: dict[str, Any], sandbox: Sandbox, amazon: Amazon) -> None:
    ec2 = amazon("ec2")
    vpc = ec2.create_vpc(CidrBlock="192.168.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"192.168.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    ids = [subnet["SubnetId"] for subnet in subnets]
    theirs = {"network": {"aws": {"existing_vpc_id": vpc, "existing_private_subnet_ids": ids}}}
    report = run(site, theirs)
    assert not [
        entry
        for entry in report.entries
        if entry.kind.startswith("aws.ec2") and "template" not in entry.kind and entry.action is not Action.NONE
    ]
    assert amazon("eks").describe_cluster(name=BASE)["cluster"]["resourcesVpcConfig"]["vpcId"] == vpc
    run(site, theirs, state="absent")
    assert vpc in amazon.everything()["vpcs"]
    missing = {"network": {"aws": {"existing_vpc_id": "vpc-0", "existing_private_subnet_ids": ids}}}
    with pytest.raises(SpecError, match=r"aws\.ec2\.vpc vpc-0: the specification refers to it"):
        run(site, missing)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cluster": {"maintenance_window": {"start_time": "02:00"}}}, "maintenance_window.*Leave it out"),
    ({"cluster": {"upgrade_channel": "stable"}}, "upgrade_channel: none"),
    ({"cluster": {"version": "1.34.8"}}, "Write version: '1.34'"),
    ({"cluster": {"version": "1.21"}}, r"no Kubernetes 1\.21. It has 1\.35"),
    ({"cluster": {"node_pools": [{"name": "a", "max_surge": 2}]}}, "max_surge: 0"),
    ({"cluster": {"node_pools": [{"name": "a", "machine_types": ["x9.huge"]}]}}, r"x9\.huge does not exist"),
    (
        {"cluster": {"node_pools": [{"name": "a", "zones": [f"{REGION}z"]}]}},
        f"no private subnet there, only in {REGION}a",
    ),
    ({"cluster": {"node_pools": [{"name": "a", "gpu": True, "gpu_count": 4}]}}, "machine type decides"),
    ({"cluster": {"access": [{"principal": "me@example.com"}]}}, "not the ARN"),
    ({"cluster": {"encryption_key": "mine", "secrets_encryption": True}}, "not an ARN"),
    ({"cluster": {"log_retention_days": 8}}, "Write 14"),
    ({"cluster": {"aws": {"addons": [{"name": "no-such-addon"}]}}}, "no-such-addon"),
    ({"network": {"zones": 3, "aws": {"zones": ["eu-west-1a"]}}}, "eu-west-1a is not a zone"),
    ({"network": {"peerings": [{"name": "p", "network": "x", "cidrs": ["172.16.0.0/16"]}]}}, "not a VPC id"),
    ({"object_store": {"buckets": [{"name": "a", "versioning": False, "retention_days": 3}]}}, "versioning: true"),
    ({"object_store": {"buckets": [{"name": "a", "versioning": False, "soft_delete_days": 3}]}}, "soft_delete_days: 0"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=[words[:24] for _, words in REFUSED])
def test_what_aws_cannot_do_is_refused_before_anything_is_touched(
    site: dict[str, Any], sandbox: Sandbox, changes: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    with pytest.raises(CloudError, match=words):
        run(site, changes)
    assert writes(sandbox, mark) == []


def test_quotas_are_named_with_have_and_need(site: dict[str, Any], sandbox: Sandbox) -> None:
    sandbox.set_quotas("aws", {"ec2/L-34B43A08": 3, "vpc/L-F678F1CE": 1, "ec2/L-0263D0A3": 2, "eks/L-1194D53C": 0})
    mark = seen(sandbox)
    with pytest.raises(SpecError) as error:
        run(site, {"network": {"high_availability": True}})
    for words in (
        "VPCs in us-east-1: the plan adds 1, 1 are in use, and the limit is 1",
        "Elastic IP addresses in us-east-1: the plan adds 3, 0 are in use, and the limit is 2",
        "EKS clusters in us-east-1: the plan adds 1",
        "spot instances: the plan adds 4, 0 are in use, and the limit is 3. Have 3, need 4",
    ):
        assert words in str(error.value)
    assert writes(sandbox, mark) == []


def test_credentials_of_another_account_and_wrong_ones(
    site: dict[str, Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match=r"belong to AWS account 123456789012.*names account 210987654321"):
        run({**site, "account": "210987654321"})
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(AuthError):
        run(site)
