"""What Kubernetes made in the account of an emulated cloud, asked through the vendors' own SDKs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites


def of_kubernetes(cloud: str, sandbox: Sandbox) -> dict[str, list[str]]:
    """Names by kind, only kinds of which there is something."""
    lookers: dict[str, Callable[[Sandbox], dict[str, list[str]]]] = {"aws": _aws, "gcp": _gcp, "azure": _azure}
    return {kind: sorted(names) for kind, names in lookers[cloud](sandbox).items() if names}


def _gcp(sandbox: Sandbox) -> dict[str, list[str]]:
    from google.oauth2 import service_account
    from googleapiclient.discovery import build

    key_file = sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
    credentials = service_account.Credentials.from_service_account_file(
        key_file, scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    options = {"api_endpoint": f"{sandbox.url('gcp')}/compute/compute/v1/"}
    compute: Any = build("compute", "v1", credentials=credentials, client_options=options, cache_discovery=False)
    place = {"project": GCP_PROJECT, "region": sites.REGIONS["gcp"]}
    firewalls = compute.firewalls().list(project=GCP_PROJECT).execute().get("items", [])
    disks = compute.disks().aggregatedList(project=GCP_PROJECT).execute().get("items", {})
    found = {
        "disks": [disk for part in disks.values() for disk in part.get("disks", [])],
        "firewalls": [each for each in firewalls if each["name"].startswith("k8s-")],
        "rules": compute.forwardingRules().list(**place).execute().get("items", []),
        "pools": compute.targetPools().list(**place).execute().get("items", []),
        "checks": compute.httpHealthChecks().list(project=GCP_PROJECT).execute().get("items", []),
    }
    return {kind: [each["name"] for each in items] for kind, items in found.items()}


def _azure(sandbox: Sandbox) -> dict[str, list[str]]:
    from tests.sandbox.azure_support import Subscription

    client = Subscription(sandbox)
    kinds = ("loadBalancers", "publicIPAddresses", "disks")
    listed = [item for item in client.resources.resources.list() if item.type.rpartition("/")[2] in kinds]
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for item in listed:
        if item.name.startswith(("kubernetes", "pvc-")):
            found[item.type.rpartition("/")[2]].append(item.name)
    return found


def _aws(sandbox: Sandbox) -> dict[str, list[str]]:
    import boto3

    variables = sandbox.environment()
    session = boto3.session.Session(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=sites.REGIONS["aws"]
    )
    ec2, elb, elbv2 = (session.client(name, endpoint_url=sandbox.url("aws")) for name in ("ec2", "elb", "elbv2"))
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["k8s-elb-*"]}])["SecurityGroups"]
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": ["CSIVolumeName"]}])["Volumes"]
    return {
        "balancers": [item["LoadBalancerName"] for item in elb.describe_load_balancers()["LoadBalancerDescriptions"]],
        "newer balancers": [item["LoadBalancerName"] for item in elbv2.describe_load_balancers()["LoadBalancers"]],
        "target groups": [item["TargetGroupName"] for item in elbv2.describe_target_groups()["TargetGroups"]],
        "security groups": [item["GroupId"] for item in groups],
        "volumes": [tag["Value"] for item in volumes for tag in item["Tags"] if tag["Key"] == "Name"],
    }
