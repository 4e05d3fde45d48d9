# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's Kubernetes cluster on Google Cloud: GKE, its node pools, the identities and keys that they need."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.fields import CREATE_ONLY, MUTABLE, Field
from .._engine.resource import Resource
from .._spec import names
from .._spec.cluster import Access
from .._spec.cluster import Cluster as Spec
from .._spec.cluster import NodePool as PoolSpec
from .._spec.network import Network as NetworkSpec
from .._spec.site import Site, check
from .client import Cloud
from .gke import PROTECTED, Cluster
from .iam import ProjectMember, ServiceAccount
from .kms import GivenKey, Key, use_of
from .nodepools import NodePool
from .places import Accelerator, Region
from .pools import accelerator_of, pool_body, pool_problems
from .versions import at_least
from .windows import maintenance_policy, window_problems

# What nodes need, and no more (GKE documentation, "Use least privilege service accounts").
NODE_ROLES = ("roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader")
# view and edit reach what is in the cluster; admin is everything in it, and the cluster itself (IAM roles for GKE).
ACCESS_ROLES = {"admin": "roles/container.admin", "edit": "roles/container.developer", "view": "roles/container.viewer"}
# Audit and authentication events are always in Cloud Audit Logs; these are logs that GKE collects on request.
LOG_COMPONENTS = {"api": "APISERVER", "scheduler": "SCHEDULER", "controller_manager": "CONTROLLER_MANAGER"}
CHANNELS = {"none": "UNSPECIFIED", "rapid": "RAPID", "regular": "REGULAR", "stable": "STABLE"}


def build(spec: Spec, network: NetworkSpec, built: Built, cloud: Cloud) -> Built:
    """The cluster's resources. Raises SpecError for what GKE cannot honour."""
    builder = Builder(spec, network, built, cloud)
    check(builder.problems())
    return builder.built()


def cluster_name(site: Site) -> str:
    """The name of the site's GKE cluster."""
    return names.of(site, limit=40)


def node_account(cloud: Cloud, **options: Any) -> ServiceAccount:
    """The service account that a cluster's nodes have unless the specification names another."""
    label = {"displayName": f"{cloud.site.base} nodes"}
    return ServiceAccount(cloud, names.of(cloud.site, "nodes", limit=30), label, **options)


def _uses(keys: list[Any]) -> list[tuple[str, Any]]:
    return [("cluster" if isinstance(key, Key) else "given-key", key) for key in keys]


class Builder:
    """Makes the resources of one cluster."""

    def __init__(self, spec: Spec, network: NetworkSpec, built: Built, cloud: Cloud) -> None:
        self.spec = spec
        self.network_spec = network
        self.cloud = cloud
        self.site = cloud.site
        self.exports = built.exports
        self.pools = [pool for pool in spec.node_pools or () if pool.state == "present"]
        self.key: Key | GivenKey | None = None
        self.places: dict[str, Resource] = {}
        own = any(not pool.gcp.service_account for pool in self.pools) or not self.pools
        self.account = node_account(cloud, present=own)
        self.cluster: Cluster
        self.node_pools: list[NodePool] = []

    def named(self, *parts: str, limit: int = 63) -> str:
        return names.of(self.site, *parts, limit=limit)

    def problems(self) -> list[str]:
        spec, problems = self.spec, []
        if not self.pools:
            problems.append("cluster.node_pools: a GKE cluster is made with a first pool. Keep at least one present.")
        if spec.log_retention_days is not None:
            problems.append(
                "cluster.log_retention_days: on Google Cloud the logs live as long as the project's log bucket says "
                "(30 days in _Default). Set the retention of that bucket and leave this option out for this site."
            )
        if not spec.network_policy and spec.gcp.dataplane_v2:
            problems.append(
                "cluster.network_policy: Dataplane V2 always enforces network policies. "
                "Leave it on, or set gcp.dataplane_v2: false."
            )
        if spec.gcp.node_locations == ():
            problems.append("cluster.gcp.node_locations: name at least one zone, or leave it out.")
        for access in spec.access or ():
            if ":" not in access.principal and "@" not in access.principal:
                problems.append(
                    f"cluster.access: {access.principal!r} is not a Google account. Write an e-mail address, "
                    "'group:team@example.com' for a group, or an IAM member with its prefix."
                )
        problems += window_problems(spec.maintenance_window) if spec.maintenance_window else []
        for pool in self.pools:
            problems += pool_problems(pool, self.zones(pool))
        return problems

    def built(self) -> Built:
        resources: list[Resource] = [self.account, self._grant(), *self._encryption()]
        needs: list[Resource] = [self.exports["network"], self.exports["subnetwork"], *resources]
        router = self.exports.get("router")
        if router is not None and router.present:
            needs.append(router)  # private nodes pull images through the NAT
        if len(self.zones_wanted()) == 0 and self.network_spec.zones != 3:
            needs.append(self._region())
        self.cluster = Cluster(self.cloud, cluster_name(self.site), self._cluster, needs, lock=f"gke/{self.named()}")
        self.cluster.classed(self._cluster_fields())
        self.node_pools = [self._pool(pool) for pool in self.spec.node_pools or ()]
        present = [pool for pool in self.node_pools if pool.present]
        # The first pool comes with the cluster. One with GPUs can fail for want of cards, and the cluster with it.
        self.first = next((p for p, s in zip(present, self.pools, strict=True) if not s.gpu), present[0])
        access = [self._access(each) for each in self.spec.access or ()]
        resources += [self.cluster, *self.node_pools, *access]
        exports = {"cluster": self.cluster, "node_accounts": self._node_accounts()}
        return Built(resources, exports, self._outputs)

    def _node_accounts(self) -> dict[str, tuple[Resource, ...]]:
        """Who the nodes are: e-mail addresses, each with what has to be there first."""
        own: dict[str, tuple[Resource, ...]] = {self.account.email: (self.account,)} if self.account.present else {}
        return own | {pool.gcp.service_account: () for pool in self.pools if pool.gcp.service_account}

    # -- who and with which key ------------------------------------------------------------------------------------

    def _grant(self) -> ProjectMember:
        return ProjectMember(
            self.cloud,
            self.account.name,
            f"serviceAccount:{self.account.email}",
            NODE_ROLES,
            (self.account,),
            among=NODE_ROLES,
            present=self.account.present,
        )

    def _encryption(self) -> list[Resource]:
        """Our own key unless one is given, and GKE's service agent may use it. A key no longer wanted goes."""
        wanted = bool(self.spec.secrets_encryption)
        given = GivenKey(self.cloud, self.spec.encryption_key) if self.spec.encryption_key else None
        own = Key(self.cloud, self.named("cluster"), self.named(), self.cloud.region, present=wanted and given is None)
        self.key = given or (own if wanted else None)
        keys = [own] if given is None else [own, given]
        return [*keys, *(use_of(self.cloud, self.named(name, "gke"), key, self._agent) for name, key in _uses(keys))]

    def _agent(self) -> str:
        number = self.cloud.project_number()
        return f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com"

    def _access(self, access: Access) -> ProjectMember:
        principal = access.principal
        if ":" not in principal:
            kind = "serviceAccount" if principal.endswith(".gserviceaccount.com") else "user"
            principal = f"{kind}:{principal}"
        return ProjectMember(
            self.cloud, principal, principal, [ACCESS_ROLES[access.role]], among=tuple(ACCESS_ROLES.values())
        )

    # -- where -----------------------------------------------------------------------------------------------------

    def zones_wanted(self) -> tuple[str, ...]:
        return self.spec.gcp.node_locations or ()

    def zones(self, pool: PoolSpec) -> int:
        """In how many zones a pool has nodes."""
        return len(pool.zones or self.zones_wanted()) or self.network_spec.zones

    def _region(self) -> Region:
        if "region" not in self.places:
            self.places["region"] = Region(self.cloud)
        return self.places["region"]  # type: ignore[return-value]

    def _accelerator(self, kind: str) -> Accelerator:
        if kind not in self.places:
            self.places[kind] = Accelerator(self.cloud, kind)
        return self.places[kind]  # type: ignore[return-value]

    # -- the cluster -----------------------------------------------------------------------------------------------

    def _cluster_fields(self) -> dict[str, Field]:
        # Disks need their driver: when somebody turns it off, it is turned on again.
        fields: dict[str, Field] = {"addonsConfig.gcePersistentDiskCsiDriverConfig": MUTABLE}
        if not self.zones_wanted():
            fields["locations"] = CREATE_ONLY  # chosen once: they stay, even when the region gets new ones
        if self.spec.upgrade_channel != "none":
            # A release channel goes on by itself: the version asked for is the oldest that will do.
            fields["version"] = Field(equal=at_least)
        return fields

    def _cluster(self) -> dict[str, Any]:
        spec, gcp = self.spec, self.spec.gcp
        calico = spec.network_policy and not gcp.dataplane_v2
        components = [LOG_COMPONENTS[log] for log in spec.control_plane_logs or () if log in LOG_COMPONENTS]
        body: dict[str, Any] = {
            "network": self.exports["network"].out("id"),
            "subnetwork": self.exports["subnetwork"].out("id"),
            "ipAllocationPolicy": self._ranges(),
            "networkConfig": {
                "datapathProvider": "ADVANCED_DATAPATH" if gcp.dataplane_v2 else "LEGACY_DATAPATH",
                "defaultEnablePrivateNodes": True,
            },
            "controlPlaneEndpointsConfig": self._endpoints(),
            "addonsConfig": {
                "gcePersistentDiskCsiDriverConfig": {"enabled": True},
                "gcpFilestoreCsiDriverConfig": {"enabled": gcp.filestore_csi},
                "horizontalPodAutoscaling": {"disabled": False},
                "httpLoadBalancing": {"disabled": False},
                "networkPolicyConfig": {"disabled": not calico},
            },
            "shieldedNodes": {"enabled": True},
            "workloadIdentityConfig": {
                "workloadPool": f"{self.cloud.project}.svc.id.goog" if spec.workload_identity else ""
            },
            "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS", *components]}},
            "monitoringConfig": {
                "componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", *components]},
                "managedPrometheusConfig": {"enabled": gcp.managed_prometheus},
            },
            "databaseEncryption": {"state": "ENCRYPTED", "keyName": self.key.path}
            if self.key
            else {"state": "DECRYPTED"},
            "resourceLabels": {PROTECTED: "true" if spec.deletion_protection else "false"},
            "nodePools": [{"name": self.first.name, **self.first.desired()}],
        }
        if not gcp.dataplane_v2:
            body["networkPolicy"] = {"enabled": True, "provider": "CALICO"} if calico else {"enabled": False}
        if self.zones_wanted():
            body["locations"] = list(self.zones_wanted())
        elif "region" in self.places and self.network_spec.zones != 3:
            zones = self._region().out("zones")
            body["locations"] = zones[: self.network_spec.zones] if isinstance(zones, list) else zones
        return body | self._optional()

    def _optional(self) -> dict[str, Any]:
        """What is left to GKE unless the specification says it."""
        spec, gcp = self.spec, self.spec.gcp
        body: dict[str, Any] = {}
        if spec.version:
            body["version"] = spec.version
        if spec.upgrade_channel:
            body["releaseChannel"] = {"channel": CHANNELS[spec.upgrade_channel]}
        if spec.maintenance_window:
            body["maintenancePolicy"] = maintenance_policy(spec.maintenance_window)
        if gcp.security_group:
            body["authenticatorGroupsConfig"] = {"enabled": True, "securityGroup": gcp.security_group}
        if gcp.node_auto_provisioning is not None:
            body["autoscaling"] = gcp.node_auto_provisioning or {"enableNodeAutoprovisioning": False}
        return body

    def _ranges(self) -> dict[str, Any]:
        ranges: dict[str, Any] = {"useIpAliases": True}
        if self.exports.get("pods_range"):
            ranges["clusterSecondaryRangeName"] = self.exports["pods_range"]
        if self.exports.get("services_range"):
            ranges["servicesSecondaryRangeName"] = self.exports["services_range"]
        return ranges

    def _endpoints(self) -> dict[str, Any]:
        """Restricted on both endpoints. The private one always answers from the cluster's own subnetwork."""
        blocks = [
            {"cidrBlock": cidr, "displayName": f"allowed-{i}"} for i, cidr in enumerate(self.spec.allowed_cidrs or ())
        ]
        ip: dict[str, Any] = {
            "enabled": True,
            "enablePublicEndpoint": self.spec.endpoint == "public",
            "authorizedNetworksConfig": {
                "enabled": True,
                "gcpPublicCidrsAccessEnabled": False,
                "cidrBlocks": blocks,
            },
        }
        if self.spec.gcp.control_plane_global_access is not None:
            ip["globalAccess"] = self.spec.gcp.control_plane_global_access
        return {"dnsEndpointConfig": {"allowExternalTraffic": False}, "ipEndpointsConfig": ip}

    # -- its pools -------------------------------------------------------------------------------------------------

    def _pool(self, pool: PoolSpec) -> NodePool:
        needs: list[Resource] = []
        fields: dict[str, Field] = {}
        if pool.gpu and not pool.zones and pool.state == "present":
            accelerator = self._accelerator(accelerator_of(pool))
            needs.append(accelerator)
        if not pool.zones:
            fields["locations"] = CREATE_ONLY  # chosen once, by GKE or by us
        if pool.autoscaling:
            fields["initialNodeCount"] = CREATE_ONLY  # the autoscaler's from then on
        if self.spec.upgrade_channel != "none":
            fields["version"] = Field(equal=at_least, disruptive=True)
        made = NodePool(
            self.cloud,
            names.fit(pool.name, 40),
            self.cluster,
            lambda: pool_body(
                pool, self.spec, self.site, self._pool_account(pool), self._pool_zones(pool), self.zones(pool)
            ),
            needs,
            present=pool.state == "present",
        )
        made.classed(fields)
        return made

    def _pool_account(self, pool: PoolSpec) -> str:
        return pool.gcp.service_account or self.account.email

    def _pool_zones(self, pool: PoolSpec) -> Any:
        """The zones to write, or None to take the cluster's. GPUs are not offered in every zone."""
        if pool.zones:
            return list(pool.zones)
        if not pool.gpu:
            return None
        zones = self._accelerator(accelerator_of(pool)).out("zones")
        if not isinstance(zones, list):
            return zones
        preferred = [zone for zone in zones if zone in self.zones_wanted()] if self.zones_wanted() else zones
        return preferred[: self.network_spec.zones]

    def _outputs(self) -> dict[str, Any]:
        found = self.cluster.outputs
        return {
            "name": self.cluster.name,
            "id": found.get("id"),
            "endpoint": found.get("endpoint"),
            "private_endpoint": found.get("private_endpoint"),
            "certificate_authority": found.get("certificate_authority"),
            "version": found.get("version"),
            "locations": found.get("locations"),
            "workload_pool": found.get("workload_pool"),
            "node_service_account": self.account.email if self.account.present else None,
            "encryption_key": self.key.path if self.key else None,
            "node_pools": {pool.name: dict(pool.outputs) for pool in self.node_pools if pool.present},
        }
