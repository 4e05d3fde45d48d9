# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written differently inside the clusters of the three clouds. Data alone; nothing here asks a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = dict[str, Any]

# Peers that hand out identities and names besides the cluster's own DNS.
# AWS: EKS Pod Identity agent (EKS User Guide, "Considerations for EKS Pod Identity").
# GCP: metadata server of Workload Identity Federation, with and without Dataplane V2 (GKE docs, "About Workload
#      Identity Federation": network policies); NodeLocal DNSCache and Cloud DNS.
# Azure: tokens come from login.microsoftonline.com, which is reached like every other HTTPS service.
IDENTITY: dict[str, tuple[tuple[str, int], ...]] = {
    "aws": (("169.254.170.23/32", 80),),
    "gcp": (("169.254.169.252/32", 988), ("169.254.169.254/32", 80)),
    "azure": (),
}
DNS: dict[str, tuple[str, ...]] = {
    "aws": ("169.254.20.10/32",),
    "gcp": ("169.254.20.10/32", "169.254.169.254/32"),
    "azure": ("169.254.10.10/32",),  # LocalDNS of AKS
}
# PostgreSQL, SQL Server, Redis: the ports of the managed services.
DATA_PORTS: dict[str, tuple[int, ...]] = {
    "aws": (1433, 5432, 6379),
    "gcp": (1433, 5432, 6378, 6379),
    "azure": (1433, 5432, 10000),
}
# The annotation by which a ServiceAccount says who it is in the cloud.
_ACCOUNT = {
    "aws": "eks.amazonaws.com/role-arn",
    "gcp": "iam.gke.io/gcp-service-account",
    "azure": "azure.workload.identity/client-id",
}


def account_annotations(cloud: str, identity: str | None) -> dict[str, str]:
    """Of a ServiceAccount that is somebody in the cloud. Without an identity the cloud's side alone says it (EKS pod
    identity associations, direct principals on GKE)."""
    return {_ACCOUNT[cloud]: identity} if identity else {}


def identities_of(cloud: str, outputs: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Who service accounts are, by namespace and name, where the account has to say it: on AKS. EKS and GKE know it
    without. outputs: what the module `site` says of the site."""
    workloads = (outputs.get("workload_identity") or {}).get("workloads") or {}
    if cloud != "azure":
        return {}
    return {
        (each["namespace"], each["service_account"]): str(each["identity"])
        for each in workloads.values()
        if each.get("identity") and not str(each["identity"]).startswith("(known after apply")
    }


def identity_labels(cloud: str) -> dict[str, str]:
    """Of pods that are somebody in the cloud: AKS gives tokens to pods with this label alone."""
    return {"azure.workload.identity/use": "true"} if cloud == "azure" else {}


def pool_tolerations(cloud: str) -> list[Body]:
    """Of pods that are meant for a pool by name: AKS taints spot nodes by itself."""
    if cloud != "azure":
        return []
    return [
        {
            "key": "kubernetes.azure.com/scalesetpriority",
            "operator": "Equal",
            "value": "spot",
            "effect": "NoSchedule",
        }
    ]


def balancer_annotations(cloud: str, *, public: bool, tags: Mapping[str, str]) -> dict[str, str]:
    """Of a Service of type LoadBalancer. tags: what the cloud's objects carry, where that can be said."""
    if cloud == "aws":
        prefix = "service.beta.kubernetes.io/aws-load-balancer"
        # Both controllers read these: the one inside EKS, and the AWS Load Balancer Controller where it is installed.
        found = {
            f"{prefix}-type": "nlb",
            f"{prefix}-scheme": "internet-facing" if public else "internal",
            f"{prefix}-cross-zone-load-balancing-enabled": "true",
            f"{prefix}-additional-resource-tags": ",".join(f"{key}={value}" for key, value in sorted(tags.items())),
        }
        return found if public else {**found, f"{prefix}-internal": "true"}
    if cloud == "gcp":
        if public:
            return {"cloud.google.com/l4-rbs": "enabled"}
        return {"networking.gke.io/load-balancer-type": "Internal"}
    return {
        "service.beta.kubernetes.io/azure-load-balancer-internal": "false" if public else "true",
        "service.beta.kubernetes.io/azure-pip-tags": ",".join(f"{key}={value}" for key, value in sorted(tags.items())),
    }


def blocks(cidrs: Sequence[str]) -> list[Body]:
    """Peers of a network policy."""
    return [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]


def control_plane_agents() -> list[Body]:
    """Pods through which GKE and AKS reach into the cluster: the API server's proxy, logs, webhooks."""
    system = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    return [
        {"namespaceSelector": system, "podSelector": {"matchLabels": {key: "konnectivity-agent"}}}
        for key in ("k8s-app", "app")
    ]
