# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable cluster is on AWS: EKS, its roles, key and logs, node groups, add-ons and identities."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.cluster import Addon as AddonSpec
from .._spec.cluster import Cluster as ClusterSpec
from .._spec.cluster import NodePool
from .._spec.network import Network
from .._spec.site import check
from .access import AccessEntries, PodIdentity
from .addons import BEFORE_NODES, DEFAULT_ADDONS, Addon, parse_configuration
from .client import Session
from .cluster_checks import problems
from .eks import LOG_TYPES, Cluster
from .existing import ExistingKey, ExistingRole
from .iam import OidcProvider, Role
from .kms import Key
from .launch_templates import LaunchTemplate
from .logs import LogGroup
from .network import cluster_name
from .nodegroups import NodeGroup, ami_type, root_device
from .policies import cluster_autoscaler, load_balancer_controller, trust, trust_pods
from .rules import rule
from .security_groups import SecurityGroup

# Add-ons that call AWS: service account and AWS's policy for it (DescribeAddonConfiguration names both).
IDENTITIES = {
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
}
NODE_ROLE = "eks-nodes"
SYSTEM = "kube-system"


def build(session: Session, spec: ClusterSpec, network: Network, network_built: Built) -> Built:
    """The cluster's resources; what it needs of the network comes from `network_built.exports`."""
    check(problems(spec, session))
    return _Builder(session, spec, network_built).everything()


@dataclass
class _Builder:
    """Collects the resources in the order in which they refer to each other."""

    session: Session
    spec: ClusterSpec
    network: Built
    resources: list[Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = cluster_name(self.session)
        self.arn = self.session.arn("eks", f"cluster/{self.name}")
        self.subnets: list[Resource] = self.network.exports["private_subnets"]
        aws = self.spec.aws
        wanted = {item.name: item for item in aws.addons or ()}
        self.addon_specs = {name: wanted.pop(name, AddonSpec(name)) for name in DEFAULT_ADDONS} | wanted
        if not self.spec.workload_identity and "eks-pod-identity-agent" not in {i.name for i in aws.addons or ()}:
            self.addon_specs["eks-pod-identity-agent"] = AddonSpec("eks-pod-identity-agent", state="absent")
        self.identities: dict[str, PodIdentity] = {}
        self.roles: dict[str, Role] = {}

    def _add(self, resource: Any) -> Any:
        self.resources.append(resource)
        return resource

    def _managed(self, name: str) -> str:
        """The ARN of a policy that AWS keeps."""
        return self.session.arn("iam", f"policy/{name}", region="", account="aws")

    def everything(self) -> Built:
        spec = self.spec
        self.cluster = self._add(self._control_plane())
        provider = self._add(
            OidcProvider(self.session, f"{self.name}-oidc", self.cluster, present=spec.workload_identity)
        )
        if spec.access is not None:
            self._add(
                AccessEntries(
                    self.session,
                    self.name,
                    self.cluster,
                    {item.principal: item.role for item in spec.access},
                    present=bool(spec.access),
                )
            )
        self._identities()
        early = [self._addon(item) for item in self.addon_specs.values() if item.name in BEFORE_NODES]
        pools = self._pools(early)
        ready = [pool for pool in pools if pool.present]
        late = [self._addon(item, ready) for item in self.addon_specs.values() if item.name not in BEFORE_NODES]
        exports = {
            "cluster": self.cluster,
            "pools": pools,
            "node_role": self.node_role,
            "addons": [*early, *late],
            "provider": provider,
        }
        return Built(self.resources, exports, lambda: self._outputs(pools, [*early, *late], provider))

    # -- control plane ---------------------------------------------------------------------------------------------

    def _control_plane(self) -> Cluster:
        spec, session = self.spec, self.session
        kept = bool(spec.control_plane_logs)
        logs = self._add(LogGroup(session, f"/aws/eks/{self.name}/cluster", spec.log_retention_days or 1, present=kept))
        role = self._role(
            spec.aws.role_arn,
            "eks-cluster",
            trust("eks.amazonaws.com"),
            "Control plane of",
            [self._managed("AmazonEKSClusterPolicy")],
        )
        private = spec.endpoint == "private"
        addresses = self.network.exports["addresses"]
        return Cluster(
            session,
            self.name,
            role=role,
            subnets=self.subnets,
            security_groups=[group for group in [self._endpoint_group()] if group.present],
            key=self._key(),
            settings={
                "version": spec.version,
                "endpointPublicAccess": not private,
                "publicAccessCidrs": None if private else list(spec.allowed_cidrs or ()),
                "serviceIpv4Cidr": str(addresses.services) if addresses else None,
                "logTypes": [LOG_TYPES[kind] for kind in spec.control_plane_logs or ()],
                "supportType": spec.aws.support_type,
                "deletionProtection": bool(spec.deletion_protection),
            },
            needs=[logs] if kept else [],
        )

    def _endpoint_group(self) -> SecurityGroup:
        """Who outside the VPC may reach a private endpoint: EKS restricts it by security groups, not by ranges."""
        wanted = self.spec.allowed_cidrs if self.spec.endpoint == "private" else None
        group: SecurityGroup = self._add(
            SecurityGroup(
                self.session,
                f"{self.name}-endpoint",
                "Private endpoint of the cluster: reachable from the allowed ranges",
                self.network.exports["vpc"],
                [rule("ingress", "tcp", "443", cidr) for cidr in wanted or ()],
                present=bool(wanted),
            )
        )
        return group

    def _key(self) -> Resource | str:
        """The key that encrypts secrets. Without encryption no key is wanted gone: a cluster that uses one needs it
        for as long as it lives."""
        spec = self.spec
        if not spec.secrets_encryption:
            return ""
        if spec.encryption_key:
            given: Resource = self._add(ExistingKey(self.session, spec.encryption_key))
            return given
        name = names.of(self.session.site, "eks-secrets")
        key: Key = self._add(Key(self.session, name, f"Secrets of the cluster {self.name}"))
        return key

    def _role(self, given: str | None, part: str, who: Mapping[str, Any], what: str, policies: list[str]) -> Resource:
        if given:
            existing: Resource = self._add(ExistingRole(self.session, given))
            return existing
        role: Resource = self._add(
            Role(
                self.session,
                names.of(self.session.site, part, limit=64),
                who,
                description=f"{what} {self.name}",
                policies=policies,
            )
        )
        return role

    # -- identities ------------------------------------------------------------------------------------------------

    def _identities(self) -> None:
        """A role for each thing in the cluster that calls AWS, bound to its one service account."""
        spec = self.spec
        for addon, (account, policy) in IDENTITIES.items():
            wanted = spec.workload_identity and self.addon_specs[addon].state == "present"
            self._identity(addon, account, wanted, policies=[self._managed(policy)])
        self._identity(
            "aws-load-balancer-controller",
            "aws-load-balancer-controller",
            self._on(spec.aws.load_balancer_controller),
            inline=load_balancer_controller(self.session.partition),
        )
        self._identity(
            "cluster-autoscaler",
            "cluster-autoscaler",
            self._on(spec.aws.cluster_autoscaler),
            inline=cluster_autoscaler(self.name),
        )

    def _on(self, wanted: bool | None) -> bool:
        return self.spec.workload_identity if wanted is None else wanted

    def _identity(self, what: str, account: str, present: bool, **policies: Any) -> None:
        role = self._add(
            Role(
                self.session,
                names.of(self.session.site, what, limit=64),
                trust_pods(self.arn, SYSTEM, account),
                description=f"{what} in {self.name}",
                present=present,
                **policies,
            )
        )
        identity = PodIdentity(
            self.session, f"{SYSTEM}/{account}", self.cluster, role, SYSTEM, account, present=present
        )
        self.roles[what] = role
        self.identities[what] = self._add(identity)

    # -- nodes and add-ons -----------------------------------------------------------------------------------------

    def _pools(self, early: list[Addon]) -> list[NodeGroup]:
        policies = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
        if not self.spec.workload_identity:
            # Without identities of their own, what runs on a node can only use the node's role.
            policies += [policy for _account, policy in IDENTITIES.values()]
        role = self.node_role = self._role(
            self.spec.aws.node_role_arn,
            NODE_ROLE,
            trust("ec2.amazonaws.com"),
            "Nodes of",
            [self._managed(policy) for policy in policies],
        )
        identity = self.identities["vpc-cni"]
        needs = [
            *(addon for addon in early if addon.present),
            *([identity] if identity.present else []),
            *self.network.exports["egress"],
        ]
        return [self._pool(pool, role, needs) for pool in self.spec.node_pools or ()]

    def _pool(self, pool: NodePool, role: Resource, needs: list[Resource]) -> NodeGroup:
        present = pool.state == "present"
        template = self._add(
            LaunchTemplate(
                self.session,
                names.of(self.session.site, pool.name, limit=125),
                device=root_device(ami_type(pool)),
                disk_size_gb=pool.disk_size_gb or 0,
                hop_limit=1 if self.spec.workload_identity else 2,
                present=present,
            )
        )
        group: NodeGroup = self._add(
            NodeGroup(
                self.session,
                pool,
                cluster=self.cluster,
                cluster_version=self.spec.version,
                role=role,
                template=template,
                subnets=self.subnets,
                needs=needs,
                present=present,
            )
        )
        return group

    def _addon(self, item: AddonSpec, nodes: list[NodeGroup] | None = None) -> Addon:
        identity = self.identities.get(item.name)
        addon: Addon = self._add(
            Addon(
                self.session,
                item.name,
                self.cluster,
                cluster_version=self.spec.version,
                version=item.version,
                configuration=self._configuration(item),
                needs=[*([identity] if identity and identity.present else []), *(nodes or ())],
                present=item.state == "present",
            )
        )
        return addon

    def _configuration(self, item: AddonSpec) -> str | None:
        """What the user wrote; the network add-on also gets the switch for network policies."""
        if item.name != "vpc-cni":
            return item.configuration
        where = f"cluster.aws.addons.{item.name}.configuration"
        written = parse_configuration(item.configuration, where) if item.configuration else {}
        return json.dumps({"enableNetworkPolicy": str(self.spec.network_policy).lower(), **written}, sort_keys=True)

    def _outputs(self, pools: list[NodeGroup], addons: list[Addon], provider: Resource) -> dict[str, Any]:
        cluster = self.cluster
        wanted = ("name", "arn", "version", "endpoint", "ca", "issuer", "security_group_id")
        return {
            **{name: cluster.out(name) for name in wanted},
            "oidc_provider_arn": provider.out("arn") if provider.present else None,
            "node_pools": {pool.name: pool.out("arn") for pool in pools if pool.present},
            "addons": {addon.name: addon.out("version") for addon in addons if addon.present},
            "roles": {name: role.out("arn") for name, role in self.roles.items() if role.present},
        }
