"""Nodes as the machines of a node pool register them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import now

Body = dict[str, Any]


def node(
    name: str,
    version: str,
    *,
    cpu: str = "4",
    memory: str = "16Gi",
    pods: int = 110,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    provider_id: str = "",
    ready: bool = True,
) -> Body:
    """A Node with its status. ``version``: ``1.34.2``; ``taints``: key, value, effect."""
    amounts = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"}
    stamp = now()
    conditions = [
        {"type": kind, "status": status, "reason": reason, "lastHeartbeatTime": stamp, "lastTransitionTime": stamp}
        for kind, status, reason in (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID"),
            ("Ready", str(ready), "KubeletReady" if ready else "KubeletNotReady"),
        )
    ]
    own = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    spec: Body = {"taints": [dict(one) for one in taints]} if taints else {}
    if provider_id:
        spec["providerID"] = provider_id
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**own, **(labels or {})}},
        "spec": spec,
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "sandbox://1",
                "kernelVersion": "",
                "kubeProxyVersion": "",
                "kubeletVersion": f"v{version}",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "",
                "systemUUID": "",
            },
        },
    }
