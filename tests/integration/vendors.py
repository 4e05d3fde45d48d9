"""What stands in the emulated clouds, asked through the vendors' own SDKs and not through this project's code.

`python -m tests.integration.vendors <cloud> <environment.json> there <report.json>` compares with a site's report;
`... gone` wants nothing left. Exit status 1, and the differences, when it is not so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Found = dict[str, list[str]]  # names by kind; clusters and node pools only where they run


def look(cloud: str, environment: Mapping[str, Any], prefix: str = "ml-platform") -> Found:
    """Everything that belongs to the platform, told by tags where a kind has some and else by names."""
    lookers: dict[str, Callable[[Mapping[str, Any], str], Found]] = {"aws": _aws, "gcp": _gcp, "azure": _azure}
    found = lookers[cloud](environment["clouds"][cloud], prefix)
    return {kind: sorted(names) for kind, names in found.items() if names}


def _aws(cloud: Mapping[str, Any], prefix: str) -> Found:
    import boto3

    variables = cloud["environment"]
    session = boto3.session.Session(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=variables["AWS_REGION"]
    )

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=cloud["endpoints"]["default"])

    ec2, eks, iam, s3, logs = (client(name) for name in ("ec2", "eks", "iam", "s3", "logs"))
    ours = [{"Name": "tag:managed-by", "Values": ["multicloud-platform"]}]
    clusters = [name for name in eks.list_clusters()["clusters"] if name.startswith(prefix)]
    pools = [(name, pool) for name in clusters for pool in eks.list_nodegroups(clusterName=name)["nodegroups"]]
    nats = ec2.describe_nat_gateways(Filters=ours)["NatGateways"]
    return {
        "network": [item["VpcId"] for item in ec2.describe_vpcs(Filters=ours)["Vpcs"]],
        "subnet": [item["SubnetId"] for item in ec2.describe_subnets(Filters=ours)["Subnets"]],
        "nat": [item["NatGatewayId"] for item in nats if item["State"] not in ("deleting", "deleted")],
        "address": [item["AllocationId"] for item in ec2.describe_addresses(Filters=ours)["Addresses"]],
        "gateway": [
            item["InternetGatewayId"] for item in ec2.describe_internet_gateways(Filters=ours)["InternetGateways"]
        ],
        "routes": [item["RouteTableId"] for item in ec2.describe_route_tables(Filters=ours)["RouteTables"]],
        "firewall": [item["GroupId"] for item in ec2.describe_security_groups(Filters=ours)["SecurityGroups"]],
        "template": [
            item["LaunchTemplateName"] for item in ec2.describe_launch_templates(Filters=ours)["LaunchTemplates"]
        ],
        "cluster": [name for name in clusters if eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE"],
        "pool": [
            pool
            for name, pool in pools
            if eks.describe_nodegroup(clusterName=name, nodegroupName=pool)["nodegroup"]["status"] == "ACTIVE"
        ],
        "role": [item["RoleName"] for item in iam.list_roles()["Roles"] if item["RoleName"].startswith(prefix)],
        "policy": [item["PolicyName"] for item in iam.list_policies(Scope="Local")["Policies"]],
        "bucket": [item["Name"] for item in s3.list_buckets()["Buckets"] if item["Name"].startswith(prefix)],
        "log": [item["logGroupName"] for item in logs.describe_log_groups()["logGroups"] if prefix in str(item)],
    }


def _gcp(cloud: Mapping[str, Any], prefix: str) -> Found:
    from google.oauth2 import service_account
    from googleapiclient import discovery

    variables, endpoints = cloud["environment"], cloud["endpoints"]
    project = variables["GOOGLE_CLOUD_PROJECT"]
    credentials = service_account.Credentials.from_service_account_file(
        variables["GOOGLE_APPLICATION_CREDENTIALS"], scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )

    def client(api: str, version: str = "v1", path: str = "") -> Any:
        options = {"api_endpoint": endpoints[api] + path}
        return discovery.build(
            api, version, credentials=credentials, client_options=options, static_discovery=True, cache_discovery=False
        )

    compute = client("compute", path="compute/v1/")

    def ours(items: list[dict[str, Any]]) -> list[str]:
        return [item["name"] for item in items if item["name"].rpartition("/")[2].startswith(prefix)]

    def everywhere(kind: Any, member: str) -> list[str]:
        scopes = kind.aggregatedList(project=project).execute().get("items", {}).values()
        return ours([item for scope in scopes for item in scope.get(member, [])])

    parent = f"projects/{project}/locations/-"
    listed = client("container").projects().locations().clusters().list(parent=parent).execute()
    clusters = [item for item in listed.get("clusters", []) if item["name"].startswith(prefix)]
    accounts = client("iam").projects().serviceAccounts().list(name=f"projects/{project}").execute()
    buckets = client("storage", path="storage/v1/").buckets().list(project=project).execute()
    return {
        "network": ours(compute.networks().list(project=project).execute().get("items", [])),
        "subnet": everywhere(compute.subnetworks(), "subnetworks"),
        "nat": everywhere(compute.routers(), "routers"),
        "address": ours(compute.globalAddresses().list(project=project).execute().get("items", [])),
        "firewall": ours(compute.firewalls().list(project=project).execute().get("items", [])),
        "cluster": [item["name"] for item in clusters if item["status"] == "RUNNING"],
        "pool": [p["name"] for item in clusters for p in item.get("nodePools", []) if p["status"] == "RUNNING"],
        "role": [item["email"] for item in accounts.get("accounts", []) if item["email"].startswith(prefix)],
        "bucket": ours(buckets.get("items", [])),
    }


def _azure(cloud: Mapping[str, Any], prefix: str) -> Found:
    from azure.identity import ClientSecretCredential
    from azure.mgmt.containerservice import ContainerServiceClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.storage import StorageManagementClient

    variables, url, ca = cloud["environment"], cloud["url"], cloud["endpoints"]["ca_bundle"]
    credential = ClientSecretCredential(
        variables["AZURE_TENANT_ID"],
        variables["AZURE_CLIENT_ID"],
        variables["AZURE_CLIENT_SECRET"],
        authority=url,
        disable_instance_discovery=True,
        connection_verify=ca,
    )

    def client(kind: Any) -> Any:
        return kind(
            credential,
            variables["AZURE_SUBSCRIPTION_ID"],
            base_url=url,
            credential_scopes=[f"{url}/.default"],
            connection_verify=ca,
        )

    resources, aks, storage = (
        client(kind) for kind in (ResourceManagementClient, ContainerServiceClient, StorageManagementClient)
    )
    groups = [item.name for item in resources.resource_groups.list() if item.name.startswith(prefix)]
    everything = [item for group in groups for item in resources.resources.list_by_resource_group(group)]
    clusters = [(group, item) for group in groups for item in aks.managed_clusters.list_by_resource_group(group)]
    accounts = [
        (group, item.name) for group in groups for item in storage.storage_accounts.list_by_resource_group(group)
    ]

    def kind(name: str) -> list[str]:
        return [item.name for item in everything if item.type.lower() == f"microsoft.network/{name}".lower()]

    return {
        "group": groups,
        "network": kind("virtualNetworks"),
        "nat": kind("natGateways"),
        "address": kind("publicIPAddresses"),
        "firewall": kind("networkSecurityGroups"),
        "cluster": [item.name for _group, item in clusters if item.provisioning_state == "Succeeded"],
        "pool": [
            pool.name
            for group, item in clusters
            for pool in aks.agent_pools.list(group, item.name)
            if pool.provisioning_state == "Succeeded"
        ],
        "bucket": [
            container.name for group, account in accounts for container in storage.blob_containers.list(group, account)
        ],
    }


def differences(found: Found, report: Mapping[str, Any]) -> list[str]:
    """What a site's report tells and the cloud does not have, as sentences."""
    outputs = report["outputs"]
    wanted = {
        "cluster": [outputs["cluster"]["name"]],
        "pool": list(outputs["cluster"]["node_pools"]),
        "bucket": [bucket["name"] for bucket in outputs["object_store"]["buckets"].values()],
    }
    missing = [
        f"{kind} {name} was reported and is not there"
        for kind, names in wanted.items()
        for name in names
        if name not in found.get(kind, [])
    ]
    return missing + [f"there is no {kind}" for kind in ("network", "nat", "firewall") if not found.get(kind)]


def main(cloud: str, environment: str, expected: str, report: str = "") -> int:
    """Print what does not agree. Returns the exit status."""
    found = look(cloud, json.loads(Path(environment).read_text(encoding="utf-8")))
    if expected == "gone":
        wrong = [f"{kind} {name} is left" for kind, names in found.items() for name in names]
    else:
        wrong = differences(found, json.loads(Path(report).read_text(encoding="utf-8")))
    print("\n".join(wrong) if wrong else f"{cloud}: {sum(map(len, found.values()))} objects, as reported")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
