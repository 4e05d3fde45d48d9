"""An inventory of any number of sites on the emulated clouds, spread over their regions."""

from __future__ import annotations

from typing import Any

from sandbox.core.connection import AWS_ACCOUNT, AZURE_SUBSCRIPTION, GCP_PROJECT, environment
from sandbox.fixture import Sandbox

ACCOUNTS = {"aws": AWS_ACCOUNT, "gcp": GCP_PROJECT, "azure": AZURE_SUBSCRIPTION}
REGIONS = {
    "aws": ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "eu-west-2", "ap-southeast-1"],
    "gcp": ["us-central1", "us-east1", "europe-west1", "europe-west3", "europe-west4", "asia-east1", "us-west1"],
    "azure": ["westeurope", "northeurope", "germanywestcentral", "eastus", "eastus2", "uksouth", "westus2"],
}


def inventory(sandbox: Sandbox, count: int) -> dict[str, Any]:
    """`count` sites, the clouds in turn; with three, one on each."""
    hosts = {}
    for number in range(count):
        cloud = ("aws", "gcp", "azure")[number % 3]
        endpoints = sandbox.endpoints(cloud)
        bundle = endpoints.pop("ca_bundle", None)
        hosts[f"{cloud}-{number:02}"] = {
            "site_cloud": cloud,
            "site_region": REGIONS[cloud][number // 3 % len(REGIONS[cloud])],
            "site_account": ACCOUNTS[cloud],
            "site_endpoints": endpoints,
            "site_env": environment(cloud, sandbox.url(cloud), sandbox.directory),
            **({"site_ca_bundle": bundle} if bundle else {}),
        }
    shared = {
        "platform_name": "bench",
        "platform_environment": "dev",
        "platform_enable_services": True,
        "network_addresses": {name: slot for slot, name in enumerate(hosts)},
        "cluster_allowed_cidrs": ["203.0.113.0/24"],
        "object_store_buckets": [{"name": "models"}, {"name": "data"}, {"name": "artifacts"}],
        "secret_store_secrets": [{"name": "signing-key"}],
        "database_servers": [{"name": "main", "databases": ["app"]}],
        "cache_instances": [{"name": "main"}],
        "registry_repositories": [{"name": "inference"}],
    }
    return {"all": {"hosts": hosts, "vars": shared}}
