"""Clusters: creation, description, deletion, versions."""

from __future__ import annotations

import secrets
from typing import Any

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from .access import bootstrap_entries
from .catalog import BY_NAME, DEFAULT_VERSION, VERSIONS
from .checks import Checks
from .errors import in_use, invalid, invalid_request
from .paging import page
from .state import Cluster, Document
from .store import Store

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
CLUSTERS_QUOTA = "eks/L-1194D53C"


class Clusters:
    """Handlers of the operations on clusters as such."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.CreateCluster", self.create)
        hooks.replace("eks.DescribeCluster", self.describe)
        hooks.replace("eks.ListClusters", self.list_all)
        hooks.replace("eks.DeleteCluster", self.delete)
        hooks.replace("eks.DescribeClusterVersions", self.versions)

    def create(self, call: Call) -> Document:
        """CreateCluster."""
        wanted = call.params
        name = wanted["name"]
        clusters = self._store.clusters(call.region)
        existing = clusters.get(name)
        if existing is not None:
            if wanted.get("clientRequestToken") and existing.token == wanted["clientRequestToken"]:
                return {"cluster": existing.describe()}
            raise in_use(f"Cluster already exists with name: {name}", clusterName=name)
        if len(clusters) >= self._world.context.quotas.get(CLUSTERS_QUOTA):
            raise AwsError(
                "ResourceLimitExceededException", "Cluster limit exceeded for account", 400, clusterName=name
            )
        version = wanted.get("version") or DEFAULT_VERSION
        if version not in BY_NAME or BY_NAME[version].status == "UNSUPPORTED":
            raise invalid(f"unsupported Kubernetes version {version}", clusterName=name)
        self._checks.role(wanted["roleArn"], "eks.amazonaws.com", clusterName=name)
        document, subnets = self._document(call, name, version)
        cluster = Cluster(
            document=document,
            life=self._store.lifecycle(call, "CREATING", "eks.cluster.create", "InternalFailure"),
            region=call.region,
            bootstrap_addons=wanted.get("bootstrapSelfManagedAddons", True),
            token=wanted.get("clientRequestToken"),
        )
        self._store.footprint.attach_control_plane(cluster, subnets)
        bootstrap_entries(self._world, cluster, call)
        self._open(cluster)
        clusters[name] = cluster
        answer = cluster.describe()
        access = {"bootstrapClusterCreatorAdminPermissions": _creator_is_admin(wanted), **answer["accessConfig"]}
        return {"cluster": {**answer, "accessConfig": access}}

    def _open(self, cluster: Cluster) -> None:
        """Listen at the cluster's endpoint."""
        # Loaded with the first cluster: an account without one does not need it.
        from .control_plane import ControlPlane

        store = self._store
        cluster.control_plane = ControlPlane(
            self._world,
            cluster,
            store.authority_directory(cluster),
            is_there=lambda: store.is_there(cluster),
            settle=lambda: store.settle(cluster.region),
        )
        cluster.document["endpoint"] = cluster.control_plane.managed.endpoint
        cluster.document["certificateAuthority"] = {"data": cluster.control_plane.certificate}

    def _document(self, call: Call, name: str, version: str) -> tuple[Document, list[Any]]:
        wanted = call.params
        subnets = self._check_vpc(call, name)
        vpc_id = subnets[0].vpc_id
        network = wanted.get("kubernetesNetworkConfig", {})
        service_range = self._checks.service_range(
            call.region, network.get("serviceIpv4Cidr"), vpc_id, clusterName=name
        )
        for item in wanted.get("encryptionConfig", ()):
            self._checks.encryption_key(call.region, item.get("provider", {}).get("keyArn", ""), clusterName=name)
        issuer = f"https://oidc.eks.{call.region}.amazonaws.com/id/{secrets.token_hex(16).upper()}"
        document: Document = {
            "name": name,
            "arn": self._store.arn(call, "cluster", name),
            "createdAt": self._world.clock.wall(),
            "version": version,
            "roleArn": wanted["roleArn"],
            "resourcesVpcConfig": vpc_config(wanted["resourcesVpcConfig"], vpc_id),
            "kubernetesNetworkConfig": {
                "serviceIpv4Cidr": service_range,
                "ipFamily": network.get("ipFamily", "ipv4"),
                "elasticLoadBalancing": network.get("elasticLoadBalancing", {"enabled": False}),
            },
            "logging": log_setup(wanted.get("logging"), {}),
            "identity": {"oidc": {"issuer": issuer}},
            "platformVersion": BY_NAME[version].platform,
            "tags": dict(wanted.get("tags", {})),
            "accessConfig": {
                "authenticationMode": wanted.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP")
            },
            "upgradePolicy": wanted.get("upgradePolicy", {"supportType": "EXTENDED"}),
            "zonalShiftConfig": wanted.get("zonalShiftConfig", {"enabled": False}),
            "deletionProtection": wanted.get("deletionProtection", False),
            "controlPlaneScalingConfig": wanted.get("controlPlaneScalingConfig", {"tier": "standard"}),
        }
        for key in ("encryptionConfig", "computeConfig", "storageConfig", "remoteNetworkConfig"):
            if wanted.get(key):
                document[key] = wanted[key]
        document["resourcesVpcConfig"]["clusterSecurityGroupId"] = self._store.footprint.make_security_group(
            call.region, name, vpc_id
        )
        return document, subnets

    def _check_vpc(self, call: Call, name: str) -> list[Any]:
        wanted = call.params["resourcesVpcConfig"]
        subnets = self._checks.subnets(call.region, wanted.get("subnetIds") or [], clusterName=name)
        if len({subnet.availability_zone for subnet in subnets}) < 2:
            raise invalid("Subnets specified must be in at least two different AZs", clusterName=name)
        groups = wanted.get("securityGroupIds") or []
        self._checks.security_groups(call.region, groups, subnets[0].vpc_id, clusterName=name)
        refuse_unreachable(wanted.get("endpointPublicAccess", True), wanted.get("endpointPrivateAccess", False), name)
        return subnets

    def describe(self, call: Call) -> Document:
        """DescribeCluster."""
        return {"cluster": self._store.cluster(call).describe()}

    def list_all(self, call: Call) -> Document:
        """ListClusters."""
        return page(call, sorted(self._store.clusters(call.region)), "clusters")

    def delete(self, call: Call) -> Document:
        """DeleteCluster: refused while it has node groups, is protected, or something runs."""
        cluster = self._store.cluster(call)
        if cluster.document["deletionProtection"]:
            raise invalid_request(
                f"Cluster {cluster.name} cannot be deleted because deletion protection is enabled. "
                "Disable deletion protection and try again.",
                clusterName=cluster.name,
            )
        if cluster.nodegroups:
            raise in_use("Cluster has nodegroups attached", clusterName=cluster.name)
        if cluster.life.status in ("CREATING", "UPDATING"):
            raise in_use(
                f"Cannot delete because cluster {cluster.name} currently has an update in progress",
                clusterName=cluster.name,
            )
        if cluster.life.status != "DELETING":
            cluster.life = self._store.lifecycle(call, "DELETING", "eks.cluster.delete", "InternalFailure")
            cluster.addons.clear()
        return {"cluster": cluster.describe()}

    @staticmethod
    def versions(call: Call) -> Document:
        """DescribeClusterVersions: unsupported ones only when asked for."""
        wanted = call.params
        names = wanted.get("clusterVersions")
        status = wanted.get("versionStatus") or (wanted.get("status") or "").upper().replace("-", "_")
        found = []
        for version in VERSIONS:
            if names and version.name not in names:
                continue
            if wanted.get("defaultOnly") and not version.default:
                continue
            if status and version.status != status:
                continue
            if not (status or names or wanted.get("includeAll")) and version.status == "UNSUPPORTED":
                continue
            found.append(version.describe())
        return page(call, found, "clusterVersions")


def _creator_is_admin(wanted: Document) -> bool:
    return bool(wanted.get("accessConfig", {}).get("bootstrapClusterCreatorAdminPermissions", True))


def refuse_unreachable(public: bool, private: bool, name: str) -> None:
    """A cluster needs an endpoint."""
    if not public and not private:
        raise invalid("Private and public endpoint access cannot both be false", clusterName=name)


def vpc_config(wanted: Document, vpc_id: str) -> Document:
    """The VPC block of a new cluster, with EKS's defaults."""
    public = wanted.get("endpointPublicAccess", True)
    return {
        "subnetIds": list(wanted.get("subnetIds") or []),
        "securityGroupIds": list(wanted.get("securityGroupIds") or []),
        "vpcId": vpc_id,
        "endpointPublicAccess": public,
        "endpointPrivateAccess": wanted.get("endpointPrivateAccess", False),
        "publicAccessCidrs": (wanted.get("publicAccessCidrs") or ["0.0.0.0/0"]) if public else [],
    }


def log_setup(wanted: Document | None, current: Document) -> Document:
    """The logging block: types that ``wanted`` does not name keep their setting, all types are listed."""
    enabled = {kind for group in current.get("clusterLogging", ()) if group["enabled"] for kind in group["types"]}
    for group in (wanted or {}).get("clusterLogging", ()):
        kinds = set(group.get("types", ()))
        enabled = enabled | kinds if group.get("enabled") else enabled - kinds
    on = [kind for kind in LOG_TYPES if kind in enabled]
    off = [kind for kind in LOG_TYPES if kind not in enabled]
    groups = [{"types": kinds, "enabled": state} for kinds, state in ((on, True), (off, False)) if kinds]
    return {"clusterLogging": groups}
