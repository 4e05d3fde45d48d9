"""What add-ons run in a cluster. Their images are not known here, so their pods run in name only."""

from __future__ import annotations

from typing import Any

from .state import Cluster

Body = dict[str, Any]
_REGISTRY = "602401143452.dkr.ecr.{region}.amazonaws.com/eks/"
# Add-on to its workloads: kind, name, image, replicas.
_WORKLOADS: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "vpc-cni": (("DaemonSet", "aws-node", "amazon-k8s-cni", 0),),
    "kube-proxy": (("DaemonSet", "kube-proxy", "kube-proxy", 0),),
    "coredns": (("Deployment", "coredns", "coredns", 2),),
    "aws-ebs-csi-driver": (
        ("Deployment", "ebs-csi-controller", "aws-ebs-csi-driver", 2),
        ("DaemonSet", "ebs-csi-node", "aws-ebs-csi-driver", 0),
    ),
    "eks-pod-identity-agent": (("DaemonSet", "eks-pod-identity-agent", "eks-pod-identity-agent", 0),),
    "metrics-server": (("Deployment", "metrics-server", "metrics-server", 2),),
    "snapshot-controller": (("Deployment", "snapshot-controller", "snapshot-controller", 2),),
}
# What a cluster has without being asked, unless it was told not to.
_SELF_MANAGED = {"vpc-cni": "v1.21.1", "kube-proxy": "v1", "coredns": "v1"}


def addon_manifests(cluster: Cluster) -> dict[str, list[Body]]:
    """Objects by add-on: of those installed, and of those that came with the cluster."""
    versions = dict(_SELF_MANAGED) if cluster.bootstrap_addons else {}
    for addon in cluster.addons.values():
        if addon.life.status in ("ACTIVE", "UPDATING"):
            versions[addon.name] = addon.document["addonVersion"]
    registry = _REGISTRY.format(region=cluster.region)
    return {
        name: [
            body
            for kind, workload, image, replicas in _WORKLOADS.get(name, ())
            for body in _workload(name, kind, workload, f"{registry}{image}:{version}", replicas)
        ]
        for name, version in versions.items()
    }


def storage_classes(cluster: Cluster) -> list[Body]:
    """The one class that a cluster comes with; no claim gets it unasked since 1.30."""
    meta: Body = {"name": "gp2"}
    if int(cluster.version.split(".")[1]) < 30:
        meta["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": meta,
            "provisioner": "kubernetes.io/aws-ebs",
            "parameters": {"type": "gp2", "fsType": "ext4"},
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    ]


def _workload(addon: str, kind: str, name: str, image: str, replicas: int) -> list[Body]:
    labels = {"app.kubernetes.io/name": name}
    critical = "node" if kind == "DaemonSet" else "cluster"
    meta = {"name": name, "namespace": "kube-system", "labels": {**labels, "app.kubernetes.io/managed-by": "EKS"}}
    pod: Body = {
        "serviceAccountName": name,
        "priorityClassName": f"system-{critical}-critical",
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": addon, "image": image}],
    }
    spec: Body = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    if replicas:
        spec["replicas"] = replicas
    account = {"name": name, "namespace": "kube-system"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec},
    ]
