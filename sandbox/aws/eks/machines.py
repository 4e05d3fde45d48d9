"""The machines of node groups as the nodes that they register.

Sources: nodes of EKS clusters as ``kubectl get nodes -o yaml`` shows them; Amazon EKS AMI, ``max-pods-calculator.sh``
and the reservations of ``nodeadm`` (kubelet configuration).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from ...kubernetes.controllers.nodes import node
from ..world import World
from .catalog import BY_NAME
from .state import Cluster, Nodegroup

_RUNNING = ("ACTIVE", "UPDATING", "DEGRADED")
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
_BUILD = "eks-ecaa3a6"
_MANY_CPUS, _FEW_PODS, _MANY_PODS = 30, 110, 250
# Shares of the first core, the second, the third and fourth, and of all others that are kept for the system.
_KEPT_MILLICORES = ((1, 60), (1, 10), (2, 5))
_KEPT_OF_REST = 2.5
_EVICTION_MIB = 100


def kubelet_version(version: str) -> str:
    """``1.34.2-eks-ecaa3a6``."""
    return f"{BY_NAME[version].patch}-{_BUILD}"


def state_of(cluster: Cluster) -> tuple[Any, ...]:
    """Changes whenever the nodes do."""
    return tuple(
        (group.name, group.life.status in _RUNNING, *group.interfaces, group.document["modifiedAt"])
        for group in cluster.nodegroups.values()
    )


def nodes_of(world: World, cluster: Cluster) -> list[dict[str, Any]]:
    """The nodes that the cluster has now: one per network interface of its running groups."""
    found: list[dict[str, Any]] = []
    for group in cluster.nodegroups.values():
        if group.life.status in _RUNNING:
            found += _group(world, cluster, group)
    return found


def zone_of(world: World, cluster: Cluster, node_name: str) -> str | None:
    """The availability zone of a node."""
    for body in nodes_of(world, cluster):
        if body["metadata"]["name"] == node_name:
            return str(body["metadata"]["labels"]["topology.kubernetes.io/zone"])
    return None


def _group(world: World, cluster: Cluster, group: Nodegroup) -> Iterator[dict[str, Any]]:
    ec2, document = world.ec2(cluster.region), group.document
    kind = (document["instanceTypes"] or ["t3.medium"])[0]
    facts = INSTANCE_TYPES[kind]
    arm = "arm64" in facts.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    cpus, memory = facts["VCpuInfo"]["DefaultVCpus"], facts["MemoryInfo"]["SizeInMiB"]
    pods = _most_pods(facts, cpus)
    taints = [_taint(one) for one in document.get("taints") or ()]
    for interface_id in group.interfaces:
        interface = ec2.enis.get(interface_id)
        if interface is None:  # removed behind the group's back
            continue
        zone, address = interface.subnet.availability_zone, str(interface.private_ip_address)
        instance = f"i-0{hashlib.sha256(interface_id.encode()).hexdigest()[:16]}"
        domain = "ec2.internal" if cluster.region == "us-east-1" else f"{cluster.region}.compute.internal"
        name = f"ip-{address.replace('.', '-')}.{domain}"
        labels = {
            "beta.kubernetes.io/arch": "arm64" if arm else "amd64",
            "beta.kubernetes.io/instance-type": kind,
            "beta.kubernetes.io/os": "linux",
            "eks.amazonaws.com/capacityType": document["capacityType"],
            "eks.amazonaws.com/nodegroup": group.name,
            "failure-domain.beta.kubernetes.io/region": cluster.region,
            "failure-domain.beta.kubernetes.io/zone": zone,
            "kubernetes.io/arch": "arm64" if arm else "amd64",
            "node.kubernetes.io/instance-type": kind,
            "topology.ebs.csi.aws.com/zone": zone,
            "topology.k8s.aws/zone-id": interface.subnet.availability_zone_id,
            "topology.kubernetes.io/region": cluster.region,
            "topology.kubernetes.io/zone": zone,
            **document["labels"],
        }
        body = node(
            name,
            kubelet_version(document["version"]),
            cpu=str(cpus),
            memory=f"{memory}Mi",
            pods=pods,
            labels=labels,
            taints=taints,
            provider_id=f"aws:///{zone}/{instance}",
        )
        status = body["status"]
        status["allocatable"] = {**status["capacity"], **_left(cpus, memory, pods)}
        status["addresses"] = [
            {"type": "InternalIP", "address": address},
            {"type": "InternalDNS", "address": name},
            {"type": "Hostname", "address": name},
        ]
        status["nodeInfo"] |= {
            "architecture": "arm64" if arm else "amd64",
            "osImage": "Bottlerocket OS" if document["amiType"].startswith("BOTTLEROCKET") else "Amazon Linux 2023",
        }
        yield body


def _taint(one: dict[str, Any]) -> dict[str, str]:
    value = {"value": one["value"]} if one.get("value") else {}
    return {"key": one["key"], **value, "effect": _EFFECTS[one["effect"]]}


def _most_pods(facts: dict[str, Any], cpus: int) -> int:
    """As many as its interfaces have addresses for, up to what AWS recommends."""
    network = facts["NetworkInfo"]
    by_addresses = network["MaximumNetworkInterfaces"] * (network["Ipv4AddressesPerInterface"] - 1) + 2
    return min(int(by_addresses), _MANY_PODS if cpus > _MANY_CPUS else _FEW_PODS)


def _left(cpus: int, memory: int, pods: int) -> dict[str, str]:
    """What is allocatable when the system has its share."""
    kept, rest = 0.0, cpus
    for count, share in _KEPT_MILLICORES:
        kept, rest = kept + min(rest, count) * share, max(0, rest - count)
    kept += rest * _KEPT_OF_REST
    return {"cpu": f"{cpus * 1000 - int(kept)}m", "memory": f"{memory - 255 - 11 * pods - _EVICTION_MIB}Mi"}
