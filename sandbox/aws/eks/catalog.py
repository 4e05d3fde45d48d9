"""What EKS offers: Kubernetes versions, add-ons and their versions, node images, access policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

# The day of the tables below: support status does not change with the day of the test.
AS_OF = "2026-03-31"


@dataclass(frozen=True)
class Version:
    """One Kubernetes version as DescribeClusterVersions tells it."""

    name: str
    platform: str
    patch: str
    released: str
    standard_until: str
    extended_until: str
    default: bool = False

    @property
    def status(self) -> str:
        """Support status on the day of the table."""
        if self.standard_until > AS_OF:
            return "STANDARD_SUPPORT"
        return "EXTENDED_SUPPORT" if self.extended_until > AS_OF else "UNSUPPORTED"

    def describe(self) -> dict[str, object]:
        """The version as an API answer."""
        status = self.status
        return {
            "clusterVersion": self.name,
            "clusterType": "eks",
            "defaultPlatformVersion": self.platform,
            "defaultVersion": self.default,
            "releaseDate": _date(self.released),
            "endOfStandardSupportDate": _date(self.standard_until),
            "endOfExtendedSupportDate": _date(self.extended_until),
            "status": status.lower().replace("_", "-"),
            "versionStatus": status,
            "kubernetesPatchVersion": self.patch,
        }


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Newest first; dates and platform versions as DescribeClusterVersions answered in recorded traffic.
VERSIONS = (
    Version("1.35", "eks.8", "1.35.2", "2026-01-28", "2027-03-27", "2028-03-27"),
    Version("1.34", "eks.10", "1.34.2", "2025-10-02", "2026-12-02", "2027-12-02", default=True),
    Version("1.33", "eks.24", "1.33.6", "2025-05-29", "2026-07-29", "2027-07-29"),
    Version("1.32", "eks.31", "1.32.10", "2025-01-23", "2026-03-23", "2027-03-23"),
    Version("1.31", "eks.47", "1.31.14", "2024-09-26", "2025-11-26", "2026-11-26"),
    Version("1.30", "eks.55", "1.30.14", "2024-05-23", "2025-07-23", "2026-07-23"),
    Version("1.29", "eks.58", "1.29.15", "2024-01-23", "2025-03-23", "2026-03-23"),
)
BY_NAME = {version.name: version for version in VERSIONS}
DEFAULT_VERSION = next(version.name for version in VERSIONS if version.default)


def minor(version: str) -> int:
    """The minor number of a version such as ``1.34``."""
    return int(version.split(".")[1])


def release_version(version: str, ami_type: str) -> str:
    """The newest node image of a Kubernetes version."""
    if ami_type.startswith("BOTTLEROCKET"):
        return "1.49.0-713f44ce"
    return f"{BY_NAME[version].patch}-20260318"


@dataclass(frozen=True)
class Addon:
    """One add-on. ``versions`` maps a Kubernetes version to its add-on versions, newest first, the default first."""

    name: str
    kind: str
    namespace: str
    service_accounts: tuple[str, ...]
    policies: tuple[str, ...]
    needs_nodes: bool
    versions: Mapping[str, tuple[str, ...]]
    schema: str
    owner: str = "aws"
    publisher: str = "eks"


def _same(*versions: str) -> dict[str, tuple[str, ...]]:
    return {version.name: versions for version in VERSIONS}


_RESOURCES = '"resources":{"type":"object"},"tolerations":{"type":"array"},"affinity":{"type":"object"}'
_CNI_SCHEMA = (
    '{"$schema":"http://json-schema.org/draft-06/schema#","type":"object","additionalProperties":false,"properties":'
    '{"enableNetworkPolicy":{"type":"string","format":"boolean"},"env":{"type":"object"},'
    '"nodeAgent":{"type":"object"},"init":{"type":"object"},"livenessProbeTimeoutSeconds":{"type":"integer"},'
    '"readinessProbeTimeoutSeconds":{"type":"integer"},"podAnnotations":{"type":"object"},"eniConfig":{"type":"object"},'
    f'"podLabels":{{"type":"object"}},{_RESOURCES}}}}}'
)


def _schema(*objects: str, **scalars: str) -> str:
    parts = [f'"{name}":{{"type":"object"}}' for name in objects]
    parts += [f'"{name}":{{"type":"{kind}"}}' for name, kind in scalars.items()]
    properties = ",".join([*parts, _RESOURCES])
    start = '{"$schema":"http://json-schema.org/draft-06/schema#","type":"object","additionalProperties":false,'
    return f'{start}"properties":{{{properties}}}}}'


def _kube_proxy() -> dict[str, tuple[str, ...]]:
    builds: dict[str, tuple[str, ...]] = {}
    for version in VERSIONS:
        builds[version.name] = (f"v{version.patch}-eksbuild.2", f"v{version.name}.0-eksbuild.4")
    return builds


_COREDNS = {
    "1.35": ("v1.13.2-eksbuild.1", "v1.13.1-eksbuild.1"),
    "1.34": ("v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1"),
    "1.33": ("v1.12.4-eksbuild.1", "v1.12.1-eksbuild.2"),
    "1.32": ("v1.11.4-eksbuild.24", "v1.11.4-eksbuild.2"),
    "1.31": ("v1.11.4-eksbuild.24", "v1.11.3-eksbuild.1"),
    "1.30": ("v1.11.4-eksbuild.24", "v1.11.1-eksbuild.8"),
    "1.29": ("v1.11.4-eksbuild.24", "v1.11.1-eksbuild.4"),
}
_POLICY = "arn:aws:iam::aws:policy/"

ADDONS = {
    addon.name: addon
    for addon in (
        Addon(
            name="vpc-cni",
            kind="networking",
            namespace="kube-system",
            service_accounts=("aws-node",),
            policies=(_POLICY + "AmazonEKS_CNI_Policy",),
            needs_nodes=False,
            versions=_same("v1.21.1-eksbuild.1", "v1.20.5-eksbuild.1", "v1.19.6-eksbuild.7"),
            schema=_CNI_SCHEMA,
        ),
        Addon(
            name="coredns",
            kind="networking",
            namespace="kube-system",
            service_accounts=(),
            policies=(),
            needs_nodes=True,
            versions=_COREDNS,
            schema=_schema("autoScaling", "podAnnotations", "podLabels", corefile="string", replicaCount="integer"),
        ),
        Addon(
            name="kube-proxy",
            kind="networking",
            namespace="kube-system",
            service_accounts=(),
            policies=(),
            needs_nodes=False,
            versions=_kube_proxy(),
            schema=_schema("ipvs", "podAnnotations", "podLabels", mode="string"),
        ),
        Addon(
            name="aws-ebs-csi-driver",
            kind="storage",
            namespace="kube-system",
            service_accounts=("ebs-csi-controller-sa",),
            policies=(_POLICY + "service-role/AmazonEBSCSIDriverPolicy",),
            needs_nodes=True,
            versions=_same("v1.56.0-eksbuild.1", "v1.53.0-eksbuild.1", "v1.48.0-eksbuild.2"),
            schema=_schema("controller", "node", "sidecars", "defaultStorageClass"),
        ),
        Addon(
            name="aws-efs-csi-driver",
            kind="storage",
            namespace="kube-system",
            service_accounts=("efs-csi-controller-sa", "efs-csi-node-sa"),
            policies=(_POLICY + "service-role/AmazonEFSCSIDriverPolicy",),
            needs_nodes=True,
            versions=_same("v2.3.0-eksbuild.1", "v2.1.15-eksbuild.1"),
            schema=_schema("controller", "node", "sidecars"),
        ),
        Addon(
            name="eks-pod-identity-agent",
            kind="security",
            namespace="kube-system",
            service_accounts=(),
            policies=(),
            needs_nodes=False,
            versions=_same("v1.3.10-eksbuild.2", "v1.3.8-eksbuild.2", "v1.3.4-eksbuild.1"),
            schema=_schema("agent", "podAnnotations", "podLabels"),
        ),
        Addon(
            name="snapshot-controller",
            kind="storage",
            namespace="kube-system",
            service_accounts=(),
            policies=(),
            needs_nodes=True,
            versions=_same("v8.5.0-eksbuild.1", "v8.3.0-eksbuild.1"),
            schema=_schema("podAnnotations", "podLabels", replicaCount="integer"),
        ),
        Addon(
            name="metrics-server",
            kind="observability",
            namespace="kube-system",
            service_accounts=(),
            policies=(),
            needs_nodes=True,
            versions=_same("v0.8.1-eksbuild.1", "v0.8.0-eksbuild.6"),
            schema=_schema("podAnnotations", "podLabels", replicas="integer"),
            owner="community",
            publisher="eks",
        ),
        Addon(
            name="amazon-cloudwatch-observability",
            kind="observability",
            namespace="amazon-cloudwatch",
            service_accounts=("cloudwatch-agent",),
            policies=(_POLICY + "CloudWatchAgentServerPolicy", _POLICY + "AWSXrayWriteOnlyAccess"),
            needs_nodes=True,
            versions=_same("v4.10.0-eksbuild.1", "v4.7.0-eksbuild.1"),
            schema=_schema("agent", "containerLogs", "manager"),
        ),
    )
}

ACCESS_POLICIES = {
    f"arn:aws:eks::aws:cluster-access-policy/{name}": name
    for name in (
        "AmazonEKSAdminPolicy",
        "AmazonEKSAdminViewPolicy",
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSViewPolicy",
        "AmazonEKSAutoNodePolicy",
        "AmazonEKSBlockStoragePolicy",
        "AmazonEKSClusterInsightsPolicy",
        "AmazonEKSComputePolicy",
        "AmazonEKSLoadBalancingPolicy",
        "AmazonEKSNetworkingPolicy",
        "AmazonEKSSecretReaderPolicy",
    )
}
