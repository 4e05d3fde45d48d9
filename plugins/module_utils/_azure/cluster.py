# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable cluster on Azure: AKS with identities of its own, Entra, Azure RBAC and workload identity.

Pods have addresses of their own (Azure CNI overlay); nodes stand in the network's node subnet without public
addresses and go out through its NAT gateway, whose address the API server must let in.
"""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.cluster import Cluster as ClusterSpec
from .._spec.cluster import NodePool
from .._spec.network import Network
from .._spec.site import Site
from .._spec.sizes import environment_default
from . import encryption, logs, maintenance, pools
from .access import ClusterAccess
from .groups import Groups
from .kinds_access import RoleAssignment, RolloutAccess
from .kinds_cluster import AgentPool, Cluster, MaintenanceConfiguration
from .kinds_common import Identity, Lock
from .kinds_network import PublicAddress, Subnet

_LOGS = {
    "api": "kube-apiserver",
    "audit": "kube-audit",
    "authenticator": "guard",
    "controller_manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}
_OPEN = "0.0.0.0/0"


def cluster_name(site: Site) -> str:
    """The name of the site's AKS cluster."""
    return names.of(site)


class ClusterBuilder:
    """Turns one resolved cluster specification into resources. exports: cluster, workspace, identity."""

    def __init__(self, groups: Groups, spec: ClusterSpec, network: Network, network_built: Built) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.network = network
        self.exports = network_built.exports
        self.group = self.exports["group"]
        self.subnet: Subnet = self.exports["nodes"]
        self.pools = list(spec.node_pools or ())
        self.pool_names = pools.pool_names(self.pools)
        self.resources: list[Resource] = []

    def build(self) -> Built:
        self._refuse()
        spec = self.spec
        name = cluster_name(self.site)
        self.path = self._path("Microsoft.ContainerService/managedClusters", name)
        self.identity = self._identity("cluster")
        self.kubelet = self._identity("kubelet")
        grants = [
            self._grant("cluster-network", "network-contributor", self.identity, self.subnet),
            self._grant("cluster-kubelet", "managed-identity-operator", self.identity, self.kubelet),
        ]
        self.key = self._encryption()
        address = self.exports.get("nat_address")
        needs = [self.subnet, *grants, *self.key, *([address] if address else [])]
        self.cluster = Cluster(
            self.session, name, self.path, self._body, parent=self.group, needs=needs, lock=self.path
        )
        self.resources.append(self.cluster)
        lock = self._lock()
        self._pools(lock)
        self._maintenance(lock)
        workspace = self._logs(lock)
        rollout = RolloutAccess(self.cluster, lock)
        self.resources += [rollout, ClusterAccess(self.cluster, lock, spec.access or (), [rollout])]
        return Built(
            self.resources,
            exports={
                "cluster": self.cluster,
                "workspace": workspace,
                "identity": self.identity,
                "kubelet": self.kubelet,
                "rollout": rollout,
            },
            outputs=lambda: {
                "id": self.cluster.out("id"),
                "name": name,
                "endpoint": f"https://{self.cluster.outputs.get('fqdn') or self.cluster.out('private_fqdn')}",
                "version": self.cluster.out("version"),
                "oidc_issuer": self.cluster.out("oidc_issuer") if spec.workload_identity else "",
                "node_resource_group": self.cluster.out("node_resource_group"),
                "node_pools": {pool: self.pool_names[pool] for pool in self.pool_names},
                "identity": self.identity.out("id"),
                "kubelet_identity": self.kubelet.out("id"),
            },
        )

    # -- the cluster itself ----------------------------------------------------------------------------------------

    def _body(self) -> dict[str, Any]:
        spec, azure = self.spec, self.spec.azure
        first = self._first()
        return {
            "sku": {"name": "Base", "tier": self._tier()},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {self.identity.path: {}}},
            "properties": {
                "kubernetesVersion": spec.version,
                "dnsPrefix": names.of(self.site, limit=54),
                "nodeResourceGroup": names.of(self.site, "nodes", limit=80),
                "enableRBAC": True,
                "disableLocalAccounts": not azure.local_accounts,
                "aadProfile": {
                    "managed": True,
                    "enableAzureRBAC": True,
                    "adminGroupObjectIDs": list(azure.admin_group_ids or ()) or None,
                },
                "identityProfile": {"kubeletidentity": self._kubelet()},
                "agentPoolProfiles": [{"name": self.pool_names[first.name], **self._pool_body(first)}],
                "networkProfile": self._network(),
                "apiServerAccessProfile": self._endpoint(),
                "oidcIssuerProfile": {"enabled": True} if spec.workload_identity else None,
                "securityProfile": self._security(),
                "autoUpgradeProfile": self._upgrades(),
                "autoScalerProfile": pools.autoscaler(azure.auto_scaler_profile),
                "addonProfiles": None
                if azure.azure_policy is None
                else {"azurepolicy": {"enabled": azure.azure_policy}},
            },
        }

    def _tier(self) -> str:
        paid = environment_default(self.site.environment, "paid_control_plane")
        return self.spec.azure.sku_tier or ("Standard" if paid else "Free")

    def _kubelet(self) -> dict[str, Any]:
        return {
            "resourceId": self.kubelet.out("id"),
            "clientId": self.kubelet.out("client_id"),
            "objectId": self.kubelet.out("principal_id"),
        }

    def _network(self) -> dict[str, Any]:
        addresses = self.exports.get("addresses")
        policy = self.spec.azure.network_policy if self.spec.network_policy else "none"
        given = (
            {
                "podCidr": str(addresses.pods),
                "serviceCidr": str(addresses.services),
                "dnsServiceIP": str(addresses.services[10]),
            }
            if addresses
            else {}
        )
        return {
            "networkPlugin": "azure",
            "networkPluginMode": "overlay",
            "networkPolicy": policy,
            "networkDataplane": "cilium" if policy == "cilium" else "azure",
            "loadBalancerSku": "standard",
            "outboundType": self._outbound(),
            **given,
        }

    def _outbound(self) -> str:
        default = "userAssignedNATGateway" if self.exports.get("nat") else "loadBalancer"
        return self.spec.azure.outbound_type or default

    def _endpoint(self) -> dict[str, Any]:
        if self.spec.endpoint == "private":
            return {
                "enablePrivateCluster": True,
                "privateDNSZone": "system",
                "enablePrivateClusterPublicFQDN": False,
            }
        allowed = list(self.spec.allowed_cidrs or ())
        if _OPEN in allowed:
            return {"enablePrivateCluster": False, "authorizedIPRanges": []}
        address: PublicAddress | None = self.exports.get("nat_address")
        if address is not None and self._outbound() == "userAssignedNATGateway":
            # The nodes themselves reach the API server from here; AKS adds only addresses of its own making.
            allowed.append(address.out("address"))
        return {"enablePrivateCluster": False, "authorizedIPRanges": allowed}

    def _security(self) -> dict[str, Any]:
        profile: dict[str, Any] = {"workloadIdentity": {"enabled": self.spec.workload_identity}}
        if self.spec.secrets_encryption:
            key = self.customer_key.key
            profile["azureKeyVaultKms"] = {
                "enabled": True,
                "keyId": key.out("versioned"),
                "keyVaultNetworkAccess": "Public",
            }
        else:
            profile["azureKeyVaultKms"] = {"enabled": False}
        return profile

    def _upgrades(self) -> dict[str, Any] | None:
        channel = self.spec.upgrade_channel
        return {"upgradeChannel": maintenance.CHANNELS[channel]} if channel else None

    # -- what stands beside it -------------------------------------------------------------------------------------

    def _identity(self, role: str) -> Identity:
        name = names.of(self.site, role)
        path = self._path(Identity.type, name)
        identity = Identity(self.session, name, path, dict, parent=self.group)
        self.resources.append(identity)
        return identity

    def _grant(self, name: str, role: str, principal: Identity, scope: Any, **options: Any) -> RoleAssignment:
        grant = RoleAssignment(self.session, f"{name}/{role}", role, principal, scope=scope, **options)
        self.resources.append(grant)
        return grant

    def _encryption(self) -> list[Resource]:
        """What the cluster needs for its secrets: the key, and the right to use it."""
        wanted, key_id = bool(self.spec.secrets_encryption), self.spec.encryption_key
        own = encryption.own(
            self.session,
            self.group,
            "secrets",
            "kubernetes-secrets",
            lasting=bool(self.spec.deletion_protection),
            present=wanted and not key_id,
        )
        self.resources += own.resources
        grants = [own.allow(self.session, "cluster-secrets", "key-vault-crypto-user", self.identity, own.vault.present)]
        self.customer_key = own
        if wanted and key_id:
            self.customer_key = encryption.given(self.session, "cluster.encryption_key", key_id)
            self.resources += self.customer_key.resources
            grants.append(
                self.customer_key.allow(self.session, "cluster-secrets-given", "key-vault-crypto-user", self.identity)
            )
        self.resources += grants
        return [item for item in (self.customer_key.key, *grants) if wanted and item.present]

    def _lock(self) -> Lock:
        name = "deletion-protection"
        lock = Lock(
            self.session,
            f"{self.cluster.name}/{name}",
            f"{self.path}/providers/Microsoft.Authorization/locks/{name}",
            lambda: {"properties": {"level": "CanNotDelete", "notes": "deletion_protection of its site"}},
            parent=self.cluster,
            lock=self.path,
            present=bool(self.spec.deletion_protection),
        )
        self.resources.append(lock)
        return lock

    def _first(self) -> NodePool:
        return next(pool for pool in self.pools if pool.azure.mode == "System" and pool.state == "present")

    def _pools(self, lock: Lock) -> None:
        first = self._first()
        for pool in self.pools:
            name = self.pool_names[pool.name]
            resource = AgentPool(
                self.session,
                f"{self.cluster.name}/{name}",
                f"{self.path}/agentPools/{name}",
                lambda pool=pool: {"properties": self._pool_body(pool)},
                parent=self.cluster,
                lock=self.path,
                present=pool.state == "present",
                first=pool is first,
            )
            resource.guard = lock
            self.resources.append(resource)

    def _pool_body(self, pool: NodePool) -> dict[str, Any]:
        return pools.body(
            pool,
            subnet=self.subnet.out("id"),
            version=self.spec.version,
            zones=[str(number + 1) for number in range(self.network.zones)],
            tags=self.site.all_tags,
        )

    def _maintenance(self, lock: Lock) -> None:
        window = self.spec.maintenance_window
        body = maintenance.window_body(window) if window else {}
        for name in maintenance.SCHEDULES:
            resource = MaintenanceConfiguration(
                self.session,
                f"{self.cluster.name}/{name}",
                f"{self.path}/maintenanceConfigurations/{name}",
                lambda: {"properties": body},
                parent=self.cluster,
                lock=self.path,
                present=window is not None,
            )
            resource.guard = lock
            self.resources.append(resource)

    def _logs(self, lock: Lock) -> Any:
        categories = [_LOGS[item] for item in self.spec.control_plane_logs or ()]
        days = int(self.spec.log_retention_days or 0)
        workspace = logs.workspace(
            self.session, self.group, days, where="cluster.log_retention_days", present=bool(categories)
        )
        setting = logs.setting(self.session, self.cluster, workspace, categories, present=bool(categories))
        setting.guard = lock
        self.resources += [workspace, setting]
        return workspace

    # -- refusals --------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        spec = self.spec
        pools.check(self.pools)
        if spec.endpoint == "private" and spec.allowed_cidrs:
            raise SpecError(
                "cluster.allowed_cidrs has no effect on a private AKS endpoint. Remove it, or set endpoint: public."
            )
        outbound = spec.azure.outbound_type
        if outbound == "userAssignedNATGateway" and not self.exports.get("nat") and not self.network.existing:
            raise SpecError(
                "cluster.azure.outbound_type: userAssignedNATGateway needs a NAT gateway. Set network.nat: true, "
                "or outbound_type: loadBalancer."
            )
        if outbound == "loadBalancer" and self.exports.get("nat"):
            raise SpecError(
                "cluster.azure.outbound_type: the node subnet has a NAT gateway, which always goes before a load "
                "balancer. Set network.nat: false, or leave outbound_type out."
            )
        duplicates = [item.principal for item in spec.access or ()]
        for principal in sorted({item for item in duplicates if duplicates.count(item) > 1}):
            raise SpecError(f"cluster.access: {principal} is named twice. Give it one role.")

    def _path(self, kind: str, name: str) -> str:
        return self.session.in_group(self.group.name, kind, name)
