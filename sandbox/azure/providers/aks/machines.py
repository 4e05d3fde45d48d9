"""The nodes of a cluster's node pools, as their machines register them.

Labels: AKS documentation, "Reserved system labels", and what ``kubectl get nodes --show-labels`` prints on a cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....kubernetes.controllers.nodes import node
from ...store import Record
from ..compute import SCALE_SETS
from ..sizes import SIZES
from .base import POOLS

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def nodes_of(emulator: AzureEmulator, cluster: Record) -> list[dict[str, Any]]:
    """The nodes of all pools that have come up."""
    pools = sorted(emulator.store.of_kind(POOLS, cluster.id), key=lambda pool: pool.created)
    return [
        _node(cluster, pool, number)
        for pool in pools
        if pool.private.get("served")
        for number in range(int(pool.properties["count"]))
    ]


def _node(cluster: Record, pool: Record, number: int) -> dict[str, Any]:
    properties = pool.properties
    scale_set = pool.private["scale_set"]
    group = cluster.properties["nodeResourceGroup"].lower()
    subscription = cluster.id.split("/")[2]
    machine = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{SCALE_SETS}/{scale_set}"
    size = SIZES[properties["vmSize"].lower()]
    body = node(
        f"{scale_set}{_base36(number)}",
        properties["currentOrchestratorVersion"],
        cpu=str(size.vcpus),
        memory=f"{int(size.memory * 1024)}Mi",
        pods=int(properties["maxPods"]),
        labels=_labels(cluster, pool, number),
        taints=[_taint(text) for text in properties.get("nodeTaints") or []],
        provider_id=f"azure://{machine}/virtualMachines/{number}",
    )
    if size.gpus:
        for amounts in (body["status"]["capacity"], body["status"]["allocatable"]):
            amounts["nvidia.com/gpu"] = str(size.gpus)
    return body


def _base36(number: int) -> str:
    """Six digits, as scale sets number their machines."""
    return "".join(_DIGITS[number // 36**place % 36] for place in range(5, -1, -1))


def _taint(text: str) -> dict[str, str]:
    """``key=value:Effect`` or ``key:Effect``."""
    rest, _, effect = text.rpartition(":")
    key, _, value = rest.partition("=")
    return {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}


def _labels(cluster: Record, pool: Record, number: int) -> dict[str, str]:
    properties = pool.properties
    zones = properties.get("availabilityZones") or []
    region = cluster.location
    # Machines without a zone are told apart by their fault domain, which is 0 in a scale set that spreads freely.
    zone = f"{region}-{zones[number % len(zones)]}" if zones else "0"
    size = SIZES[properties["vmSize"].lower()]
    labels = {
        "agentpool": pool.name,
        "beta.kubernetes.io/instance-type": size.name,
        "kubernetes.azure.com/agentpool": pool.name,
        "kubernetes.azure.com/cluster": cluster.properties["nodeResourceGroup"],
        "kubernetes.azure.com/mode": properties["mode"].lower(),
        "kubernetes.azure.com/node-image-version": properties["nodeImageVersion"],
        "kubernetes.azure.com/os-sku": properties["osSKU"],
        "kubernetes.azure.com/role": "agent",
        "kubernetes.azure.com/storageprofile": "managed" if properties["osDiskType"] == "Managed" else "ephemeral",
        "node.kubernetes.io/instance-type": size.name,
        "topology.disk.csi.azure.com/zone": zone if zones else "",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    }
    if size.gpus:
        labels["accelerator"] = labels["kubernetes.azure.com/accelerator"] = "nvidia"
    return {**labels, **(properties.get("nodeLabels") or {})}
