"""One full site of each cloud, as plain data: what the cross-cloud tests roll out."""

from __future__ import annotations

import copy
from typing import Any

from module_utils._module import CAPABILITIES as CLASSES
from module_utils._run import Options, Wanted
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

from sandbox.core.connection import AWS_ACCOUNT, AZURE_SUBSCRIPTION, GCP_PROJECT
from sandbox.fixture import Sandbox

CLOUDS = ("aws", "gcp", "azure")
ACCOUNTS = {"aws": AWS_ACCOUNT, "gcp": GCP_PROJECT, "azure": AZURE_SUBSCRIPTION}
REGIONS = {"aws": "us-east-1", "gcp": "us-central1", "azure": "westeurope"}
SLOTS = {"aws-dev": 0, "gcp-dev": 1, "azure-dev": 2}

CAPABILITIES: dict[str, Any] = {
    "network": {"addresses": SLOTS},
    "cluster": {
        "allowed_cidrs": ["203.0.113.0/24"],
        "node_pools": [
            {"name": "general", "min_size": 2, "max_size": 4},
            {"name": "batch", "min_size": 0, "max_size": 3, "labels": {"tier": "batch"}},
        ],
    },
    "object_store": {
        "buckets": [
            {"name": "models"},
            {"name": "logs", "lifecycle_rules": [{"name": "expire", "expire_after_days": 90}]},
        ]
    },
}

# The data stores, with the network that they need.
STORES: dict[str, Any] = {
    "network": {"addresses": SLOTS},
    "secret_store": {"secrets": [{"name": "signing-key"}]},
    "database": {"servers": [{"name": "main", "databases": ["app"]}]},
    "cache": {"instances": [{"name": "main"}]},
    "registry": {"repositories": [{"name": "inference"}]},
}


def site(cloud: str, sandbox: Sandbox) -> dict[str, Any]:
    """Options of the site itself."""
    endpoints = sandbox.endpoints(cloud)
    return {
        "cloud": cloud,
        "region": REGIONS[cloud],
        "platform": "ml-platform",
        "account": ACCOUNTS[cloud],
        "ca_bundle": endpoints.pop("ca_bundle", None),
        "endpoints": endpoints,
    }


def capabilities(base: dict[str, Any] = CAPABILITIES, **changes: dict[str, Any]) -> dict[str, Any]:
    """The capabilities, with some options replaced: `capabilities(cluster={"version": "1.33"})`."""
    base = copy.deepcopy(base)
    for name, options in changes.items():
        base[name].update(options)
    return base


def wanted(site_options: dict[str, Any], capability_options: dict[str, Any]) -> Wanted:
    """What `execute()` takes, made as the modules make it."""
    return Wanted(
        build(Site, site_options), **{name: build(CLASSES[name], part) for name, part in capability_options.items()}
    )


def options(**changes: Any) -> Options:
    return build(Options, {"wait_timeout": 300, "retry_timeout": 60, **changes})
