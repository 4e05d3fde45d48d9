"""Compute quotas: limits of a project, and what the objects in it use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .catalog import machine_types, region_of
from .errors import GoogleError, quota_exceeded
from .state import PROJECT, State

# Metrics of compute.projects.get and compute.regions.get. Limits of an established project that runs clusters.
GLOBAL: dict[str, float] = {
    "BACKEND_BUCKETS": 9,
    "BACKEND_SERVICES": 50,
    "CPUS_ALL_REGIONS": 400,
    "FIREWALLS": 200,
    "FORWARDING_RULES": 75,
    "GPUS_ALL_REGIONS": 16,
    "HEALTH_CHECKS": 75,
    "IMAGES": 2000,
    "INSTANCE_TEMPLATES": 300,
    "NETWORKS": 50,
    "ROUTERS": 60,
    "ROUTES": 250,
    "SNAPSHOTS": 5000,
    "SSL_CERTIFICATES": 30,
    "STATIC_BYOIP_ADDRESSES": 128,
    "SUBNETWORKS": 275,
    "TARGET_HTTPS_PROXIES": 30,
    "URL_MAPS": 30,
    "VPN_TUNNELS": 30,
}
REGIONAL: dict[str, float] = {
    "CPUS": 200,
    "C3_CPUS": 100,
    "N2_CPUS": 100,
    "DISKS_TOTAL_GB": 20480,
    "SSD_TOTAL_GB": 10240,
    "INSTANCES": 720,
    "IN_USE_ADDRESSES": 69,
    "STATIC_ADDRESSES": 21,
    "NVIDIA_T4_GPUS": 8,
    "NVIDIA_L4_GPUS": 8,
    "NVIDIA_V100_GPUS": 4,
    "NVIDIA_A100_GPUS": 4,
    "PREEMPTIBLE_CPUS": 0,
    "PREEMPTIBLE_NVIDIA_T4_GPUS": 0,
    "PREEMPTIBLE_NVIDIA_L4_GPUS": 0,
}
# GKE's own: clusters per location.
CLUSTERS = "GKE_CLUSTERS_PER_LOCATION"
# Cloud SQL's own: instances per project; days for which the name of a deleted instance is held back. Google lets
# names be reused at once (it was a week before 2022); some more than 0 shows what a client makes of the refusal.
SQL_INSTANCES, SQL_NAME_DAYS = "SQL_INSTANCES_PER_PROJECT", "SQL_DELETED_NAME_DAYS"
# How far replicas are behind, beside what a real server says of itself: shows what a client makes of it.
SQL_LAG = "SQL_REPLICA_LAG_SECONDS"
DEFAULTS: dict[str, float] = {
    **GLOBAL,
    **REGIONAL,
    CLUSTERS: 50,
    SQL_INSTANCES: 100,
    SQL_NAME_DAYS: 0,
    SQL_LAG: 0,
}

_COUNTED = {
    "networks": "NETWORKS",
    "subnetworks": "SUBNETWORKS",
    "firewalls": "FIREWALLS",
    "routers": "ROUTERS",
    "routes": "ROUTES",
    "forwardingRules": "FORWARDING_RULES",
    "httpHealthChecks": "HEALTH_CHECKS",
    "backendServices": "BACKEND_SERVICES",
}
_GPU_METRIC = {
    "nvidia-tesla-t4": "NVIDIA_T4_GPUS",
    "nvidia-l4": "NVIDIA_L4_GPUS",
    "nvidia-tesla-v100": "NVIDIA_V100_GPUS",
    "nvidia-tesla-a100": "NVIDIA_A100_GPUS",
}
_SSD = ("pd-ssd", "pd-balanced")


def usage(state: State, region: str | None) -> dict[str, float]:
    """Used amounts by metric: of one region, or of the project (``None``)."""
    used = dict.fromkeys(GLOBAL if region is None else REGIONAL, 0.0)
    if region is None:
        for path in state.compute:
            metric = _COUNTED.get(path.split("/")[-2])
            if metric:
                used[metric] += 1
    else:
        prefix = f"projects/{PROJECT}/regions/{region}/addresses/"
        for path, record in state.compute.items():
            if path.startswith(prefix) and record.data.get("addressType") == "EXTERNAL":
                used["STATIC_ADDRESSES"] += 1
                used["IN_USE_ADDRESSES"] += record.data.get("status") == "IN_USE"
            elif f"/zones/{region}-" in path and path.split("/")[-2] == "disks":
                used[disk_metric(record.data["type"])] += float(record.data["sizeGb"])
    for place, need in _nodes(state):
        if region is None or place == region:
            for metric, amount in need.items():
                if metric in used:
                    used[metric] += amount
    return used


def listing(state: State, region: str | None) -> list[dict[str, Any]]:
    """The ``quotas`` of a region or of the project, as compute prints them."""
    used = usage(state, region)
    limits = state.context.quotas
    return [{"metric": metric, "limit": limits.get(metric), "usage": used[metric]} for metric in used]


def require(state: State, collection: str) -> None:
    """Refuse one more object of a global collection when the project's quota is used up."""
    metric = _COUNTED.get(collection)
    if metric is not None:
        _require(state, metric, None, 1)


def require_address(state: State, region: str) -> None:
    """Refuse one more static external address."""
    _require(state, "STATIC_ADDRESSES", region, 1)


def disk_metric(kind: str) -> str:
    """The quota that a disk type counts against; ``kind`` may be its URL."""
    return "SSD_TOTAL_GB" if kind.rpartition("/")[2] in _SSD else "DISKS_TOTAL_GB"


def require_disk(state: State, region: str, disk: dict[str, Any]) -> None:
    """Refuse one more disk."""
    _require(state, disk_metric(disk["type"]), region, float(disk["sizeGb"]))


def _require(state: State, metric: str, region: str | None, more: float) -> None:
    limit = state.context.quotas.get(metric)
    if usage(state, region)[metric] + more > limit:
        raise quota_exceeded(metric, limit, region or "globally")


def node_need(pool: dict[str, Any], nodes: int) -> dict[str, float]:
    """What ``nodes`` nodes of a pool take, by metric."""
    config = pool.get("config", {})
    machine = machine_types().get(config.get("machineType", "e2-medium"))
    cpus = machine.cpus if machine else 2
    family = machine.family if machine else "e2"
    need: dict[str, float] = {"INSTANCES": nodes, "CPUS_ALL_REGIONS": cpus * nodes}
    need[f"{family.upper()}_CPUS" if family in ("n2", "c3") else "CPUS"] = cpus * nodes
    need[disk_metric(config.get("diskType", "pd-balanced"))] = config.get("diskSizeGb", 100) * nodes
    cards = [(item["acceleratorType"], int(item.get("acceleratorCount", 0))) for item in config.get("accelerators", [])]
    if machine and machine.gpu and not cards:
        cards = [machine.gpu]
    for kind, count in cards:
        metric = _GPU_METRIC.get(kind)
        if metric:
            need[metric] = need.get(metric, 0) + count * nodes
            need["GPUS_ALL_REGIONS"] = need.get("GPUS_ALL_REGIONS", 0) + count * nodes
    private = pool.get("networkConfig", {}).get("enablePrivateNodes")
    if not private:
        need["IN_USE_ADDRESSES"] = nodes
    return need


def require_nodes(state: State, location: str, need: dict[str, float]) -> None:
    """Refuse nodes that the quota does not cover, in the words of GKE."""
    region = region_of(location)
    for metric, amount in need.items():
        scope = region if metric in REGIONAL else None
        limit = state.context.quotas.get(metric)
        available = limit - usage(state, scope)[metric]
        if amount > available:
            kind = "regional" if scope else "global"
            raise GoogleError(
                403,
                f'Insufficient {kind} quota to satisfy request: resource "{metric}": request requires '
                f"'{amount:.1f}' and is short '{amount - available:.1f}'. project has a quota of '{limit:.1f}' with "
                f"'{available:.1f}' available. View and manage quotas at "
                f"https://console.cloud.google.com/iam-admin/quotas?usage=USED&project={PROJECT}.",
            )


def require_cluster(state: State, location: str) -> None:
    """Refuse one more cluster in a location."""
    limit = state.context.quotas.get(CLUSTERS)
    have = sum(1 for key in state.clusters if key.split("/")[0] == location)
    if have + 1 > limit:
        raise GoogleError(
            403,
            f"Insufficient quota to satisfy the request: the limit of clusters in {location} is {limit:.0f}, "
            f"{have} exist.",
            status="RESOURCE_EXHAUSTED",
        )


def _nodes(state: State) -> Iterator[tuple[str, dict[str, float]]]:
    for record in state.clusters.values():
        place = region_of(record.data["location"]) or ""
        for pool in record.data.get("nodePools", []):
            yield place, node_need(pool, node_count(pool))


def node_count(pool: dict[str, Any]) -> int:
    """Nodes of a pool over all its zones: what it has, within the limits of its autoscaler."""
    scaling = pool.get("autoscaling", {})
    zones = max(1, len(pool.get("locations", [])))
    count = int(pool.get("initialNodeCount", 0)) * zones
    if scaling.get("enabled"):
        lowest = int(scaling.get("totalMinNodeCount", 0)) or int(scaling.get("minNodeCount", 0)) * zones
        highest = int(scaling.get("totalMaxNodeCount", 0)) or int(scaling.get("maxNodeCount", 0)) * zones
        count = max(count, lowest)
        count = min(count, highest) if highest else count
    return count
