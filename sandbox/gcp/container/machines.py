"""The nodes of a cluster's node pools, as their machines register them.

Labels: GKE documentation, "Node labels" and what ``kubectl get nodes --show-labels`` prints on a cluster.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ...kubernetes.controllers.nodes import node
from .. import quotas
from ..catalog import machine_types, region_of
from ..state import PROJECT
from .common import Data

_ALPHABET = "0123456789bcdfghjklmnpqrstvwxz"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
_SERVING = ("RUNNING", "RECONCILING", "RUNNING_WITH_ERROR", "STOPPING")
# What changes a machine itself: nodes are made anew for it, under new names.
_MADE_OF = ("machineType", "diskType", "diskSizeGb", "imageType", "spot", "preemptible", "accelerators")
_DISTRIBUTION = {"COS_CONTAINERD": "cos", "UBUNTU_CONTAINERD": "ubuntu", "WINDOWS_LTSC_CONTAINERD": "windows_ltsc"}


def nodes_of(cluster: Data) -> list[dict[str, Any]]:
    """The nodes that there are now."""
    if cluster["status"] in ("PROVISIONING", "ERROR"):
        return []
    return [body for pool in cluster["nodePools"] if pool["status"] in _SERVING for body in _pool_nodes(cluster, pool)]


def _pool_nodes(cluster: Data, pool: Data) -> list[dict[str, Any]]:
    zones, total = pool["locations"], quotas.node_count(pool)
    found = []
    for index, (zone, url) in enumerate(zip(zones, pool["instanceGroupUrls"], strict=True)):
        group = url.rpartition("/")[2].removesuffix("-grp")
        count = total // len(zones) + (index < total % len(zones))
        found += [_node(cluster, pool, zone, f"{group}-{_suffix(pool, group, number)}") for number in range(count)]
    return found


def _suffix(pool: Data, group: str, number: int) -> str:
    made = [group, number, pool["version"], *(pool["config"].get(key) for key in _MADE_OF)]
    digest = int.from_bytes(hashlib.sha256(repr(made).encode()).digest()[:8], "big")
    return "".join(_ALPHABET[digest // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(4))


def _node(cluster: Data, pool: Data, zone: str, name: str) -> dict[str, Any]:
    config = pool["config"]
    machine = machine_types()[config["machineType"]]
    taints = [
        {"key": item["key"], "value": item.get("value", ""), "effect": _EFFECTS[item["effect"]]}
        for item in config.get("taints", [])
    ]
    body = node(
        name,
        pool["version"],
        cpu=str(machine.cpus),
        memory=f"{machine.memory_mb}Mi",
        pods=int(pool["maxPodsConstraint"]["maxPodsPerNode"]),
        labels=_labels(pool, machine.family, machine.architecture, zone),
        taints=taints,
        provider_id=f"gce://{PROJECT}/{zone}/{name}",
    )
    cards = _cards(config, machine.gpu)
    if cards:
        for amounts in (body["status"]["capacity"], body["status"]["allocatable"]):
            amounts["nvidia.com/gpu"] = str(cards[1])
    return body


def _cards(config: Data, own: tuple[str, int] | None) -> tuple[str, int] | None:
    for item in config.get("accelerators", []):
        return str(item["acceleratorType"]), int(item["acceleratorCount"])
    return own


def _labels(pool: Data, family: str, architecture: str, zone: str) -> dict[str, str]:
    config, region = pool["config"], region_of(zone) or ""
    spot, preemptible = bool(config.get("spot")), bool(config.get("preemptible"))
    labels = {
        "beta.kubernetes.io/instance-type": config["machineType"],
        "cloud.google.com/gke-boot-disk": config["diskType"],
        "cloud.google.com/gke-container-runtime": "containerd",
        "cloud.google.com/gke-max-pods-per-node": pool["maxPodsConstraint"]["maxPodsPerNode"],
        "cloud.google.com/gke-nodepool": pool["name"],
        "cloud.google.com/gke-os-distribution": _DISTRIBUTION[config["imageType"]],
        "cloud.google.com/gke-provisioning": "spot" if spot else "preemptible" if preemptible else "standard",
        "cloud.google.com/machine-family": family,
        "kubernetes.io/arch": "arm64" if architecture == "ARM64" else "amd64",
        "node.kubernetes.io/instance-type": config["machineType"],
        "topology.gke.io/zone": zone,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    }
    if spot:
        labels["cloud.google.com/gke-spot"] = "true"
    if preemptible:
        labels["cloud.google.com/gke-preemptible"] = "true"
    cards = _cards(config, machine_types()[config["machineType"]].gpu)
    if cards:
        labels["cloud.google.com/gke-accelerator"] = cards[0]
        labels["cloud.google.com/gke-accelerator-count"] = str(cards[1])
    if config.get("workloadMetadataConfig", {}).get("mode") == "GKE_METADATA":
        labels["iam.gke.io/gke-metadata-server-enabled"] = "true"
    return {**labels, **config.get("labels", {})}
