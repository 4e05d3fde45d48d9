# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kubernetes cluster is: a control plane, who may reach it, and pools of nodes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from .addresses import parse
from .arguments import NOT_SECRET
from .site import Site, check
from .sizes import CLUSTER_SIZES, DISK_SIZE_GB, GPU_POOL, GPU_TAINT, MACHINES, environment_default

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True)
class Taint:
    """Keeps pods without a matching toleration away."""

    key: str = field(metadata=NOT_SECRET)
    value: str | None = None
    effect: Literal["no_schedule", "prefer_no_schedule", "no_execute"] = "no_schedule"


@dataclass(frozen=True)
class AwsPool:
    ami_type: str | None = None
    subnet_ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class GcpPool:
    disk_type: str | None = None
    image_type: str | None = None
    accelerator: str | None = None
    service_account: str | None = None


@dataclass(frozen=True)
class AzurePool:
    os_sku: str | None = None
    mode: Literal["System", "User"] | None = None
    max_pods: int | None = None


@dataclass(frozen=True)
class NodePool:
    """Nodes of one shape. `size` is a class, `machine_types` names the cloud's own types (several only on AWS)."""

    name: str
    state: Literal["present", "absent"] = "present"
    size: Literal["medium", "large", "xlarge"] | None = None
    machine_types: tuple[str, ...] | None = None
    autoscaling: bool = True
    min_size: int | None = None
    max_size: int | None = None
    node_count: int | None = None
    labels: dict[str, str] | None = None
    taints: tuple[Taint, ...] | None = None
    spot: bool | None = None
    gpu: bool = False
    gpu_count: int = 1
    disk_size_gb: int | None = None
    max_surge: int | None = None
    max_unavailable: int | None = None
    zones: tuple[str, ...] | None = None
    aws: AwsPool = field(default_factory=AwsPool)
    gcp: GcpPool = field(default_factory=GcpPool)
    azure: AzurePool = field(default_factory=AzurePool)


@dataclass(frozen=True)
class Access:
    """Who may do what. principal: IAM ARN, Google account or group e-mail, Entra object id."""

    principal: str
    role: Literal["admin", "edit", "view"] = "view"


@dataclass(frozen=True)
class MaintenanceWindow:
    """When the cloud may touch the cluster, in UTC. Without days: every day."""

    start_time: str
    days: tuple[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], ...] | None = (
        None
    )
    duration_hours: int = 4

    def problems(self, where: str) -> list[str]:
        """What is wrong with it, as sentences about the option at `where`."""
        found = []
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.start_time):
            found.append(f"{where}.maintenance_window.start_time: give it as 'HH:MM' in UTC.")
        if not 1 <= self.duration_hours <= 24:
            found.append(f"{where}.maintenance_window.duration_hours: {self.duration_hours} is out of range (1 to 24).")
        return found


@dataclass(frozen=True)
class Addon:
    """An EKS add-on. Without a version the newest default that fits the cluster. configuration: JSON or YAML text."""

    name: str
    version: str | None = None
    configuration: str | None = None
    state: Literal["present", "absent"] = "present"


@dataclass(frozen=True)
class AwsCluster:
    """load_balancer_controller, cluster_autoscaler: the role that each needs; omitted: with workload_identity."""

    addons: tuple[Addon, ...] | None = None
    role_arn: str | None = None
    node_role_arn: str | None = None
    support_type: Literal["STANDARD", "EXTENDED"] | None = None
    load_balancer_controller: bool | None = None
    cluster_autoscaler: bool | None = None


@dataclass(frozen=True)
class GcpCluster:
    dataplane_v2: bool = True
    managed_prometheus: bool = True
    filestore_csi: bool = False
    node_locations: tuple[str, ...] | None = None
    control_plane_global_access: bool | None = None
    node_auto_provisioning: dict[str, Any] | None = None
    security_group: str | None = None


@dataclass(frozen=True)
class AzureCluster:
    admin_group_ids: tuple[str, ...] | None = None
    local_accounts: bool = False
    network_policy: Literal["cilium", "calico", "azure"] = "cilium"
    outbound_type: Literal["userAssignedNATGateway", "loadBalancer"] | None = None
    sku_tier: Literal["Free", "Standard", "Premium"] | None = None
    azure_policy: bool | None = None
    auto_scaler_profile: dict[str, str] | None = None


@dataclass(frozen=True)
class Cluster:
    """The portable cluster. `size` gives one pool `general` when node_pools is omitted; `gpu` adds a pool `gpu`."""

    version: str | None = None
    size: Literal["small", "medium", "large"] = "small"
    node_pools: tuple[NodePool, ...] | None = None
    gpu: bool = False
    endpoint: Literal["public", "private"] = "public"
    allowed_cidrs: tuple[str, ...] | None = None
    network_policy: bool = True
    workload_identity: bool = True
    access: tuple[Access, ...] | None = None
    control_plane_logs: (
        tuple[Literal["api", "audit", "authenticator", "controller_manager", "scheduler"], ...] | None
    ) = None
    log_retention_days: int | None = None
    secrets_encryption: bool | None = None
    encryption_key: str | None = field(default=None, metadata=NOT_SECRET)
    upgrade_channel: Literal["none", "rapid", "regular", "stable"] | None = None
    maintenance_window: MaintenanceWindow | None = None
    deletion_protection: bool | None = None
    aws: AwsCluster = field(default_factory=AwsCluster)
    gcp: GcpCluster = field(default_factory=GcpCluster)
    azure: AzureCluster = field(default_factory=AzureCluster)

    def resolve(self, site: Site) -> Cluster:
        """Every None that environment and size decide, decided; node pools complete. Raises SpecError.

        What is still None afterwards (version, maintenance_window, upgrade_channel, labels ...) is left to the cloud.
        """

        def default(value: Any, name: str) -> Any:
            return environment_default(site.environment, name) if value is None else value

        pools = self.node_pools
        if pools is None:
            pools = (NodePool("general"),) + ((NodePool("gpu", gpu=True),) if self.gpu else ())
        elif self.gpu and not any(pool.gpu for pool in pools):
            pools = (*pools, NodePool("gpu", gpu=True))
        if site.cloud == "azure":
            pools = _azure_modes(pools)
        resolved = dataclasses.replace(
            self,
            node_pools=tuple(self._resolve_pool(pool, site, default) for pool in pools),
            control_plane_logs=default(self.control_plane_logs, "control_plane_logs"),
            log_retention_days=_log_retention(site) if self.log_retention_days is None else self.log_retention_days,
            secrets_encryption=default(self.secrets_encryption, "secrets_encryption"),
            deletion_protection=default(self.deletion_protection, "deletion_protection"),
        )
        check(self._problems(pools) + [p for pool in resolved.node_pools or () for p in _pool_problems(pool, site)])
        return resolved

    def _resolve_pool(self, pool: NodePool, site: Site, default: Callable[[Any, str], Any]) -> NodePool:
        sizes = {**CLUSTER_SIZES[self.size], **(GPU_POOL if pool.gpu else {})}
        machine = MACHINES[site.cloud]["gpu" if pool.gpu else pool.size or sizes["size"]]
        low = sizes["min_size"] if pool.min_size is None else pool.min_size
        high = max(low, sizes["max_size"]) if pool.max_size is None else pool.max_size
        taints = pool.taints
        if pool.gpu and not any(taint.key == GPU_TAINT["key"] for taint in taints or ()):
            taints = (*(taints or ()), Taint(**GPU_TAINT))  # type: ignore[arg-type]
        labels = {"workload": "gpu" if pool.gpu else pool.name, **(pool.labels or {})}
        return dataclasses.replace(
            pool,
            machine_types=pool.machine_types or (machine,),
            min_size=low,
            max_size=high,
            node_count=low if pool.node_count is None else pool.node_count,
            spot=(default(None, "spot") and _may_be_spot(pool, site)) if pool.spot is None else pool.spot,
            taints=taints,
            labels=labels,
            disk_size_gb=pool.disk_size_gb or DISK_SIZE_GB,
        )

    def _problems(self, pools: tuple[NodePool, ...]) -> list[str]:
        problems = []
        names = [pool.name for pool in pools]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"cluster.node_pools: two pools are named {name!r}.")
        if self.version is not None and not re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?", self.version):
            problems.append(f"cluster.version: {self.version!r} is not a Kubernetes version, such as '1.34' (quoted).")
        if self.endpoint == "public" and not self.allowed_cidrs:
            problems.append(
                "cluster.allowed_cidrs: a public endpoint needs the ranges that may reach it. "
                "Name them, or set endpoint: private."
            )
        for cidr in self.allowed_cidrs or ():
            parse(cidr, "cluster.allowed_cidrs")
        problems += self.maintenance_window.problems("cluster") if self.maintenance_window else []
        if self.encryption_key and self.secrets_encryption is False:
            problems.append("cluster.encryption_key has no effect with secrets_encryption: false. Remove one of them.")
        return problems


def _azure_modes(pools: tuple[NodePool, ...]) -> tuple[NodePool, ...]:
    """AKS runs its own pods on pools of mode System. Where no pool says that it is one, the first that can be is."""
    if not any(pool.azure.mode == "System" for pool in pools):
        able = [p for p in pools if p.state == "present" and p.azure.mode is None and not (p.gpu or p.taints)]
        chosen = next((pool for pool in able if not pool.spot), able[0] if able else None)
    else:
        chosen = None
    return tuple(
        dataclasses.replace(pool, azure=dataclasses.replace(pool.azure, mode="System" if pool is chosen else "User"))
        if pool.azure.mode is None
        else pool
        for pool in pools
    )


def _may_be_spot(pool: NodePool, site: Site) -> bool:
    """Whether the environment's wish for spot machines applies to a pool that says nothing about it."""
    return not pool.gpu and not (site.cloud == "azure" and pool.azure.mode == "System")


def _log_retention(site: Site) -> int | None:
    """Days by environment. Azure keeps logs for 30 days at least, and charges nothing for them. On GCP the project's
    log buckets decide."""
    if site.cloud == "gcp":
        return None
    days = int(environment_default(site.environment, "log_retention_days"))
    return max(30, days) if site.cloud == "azure" else days


def _pool_problems(pool: NodePool, site: Site) -> list[str]:
    where, problems = f"cluster.node_pools.{pool.name}", []
    low, high, count = pool.min_size or 0, pool.max_size or 0, pool.node_count or 0
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", pool.name):
        problems.append(f"{where}: the name must be lower-case letters, digits and hyphens.")
    if low > high or low < 0 or high < 1:
        problems.append(f"{where}: min_size {low} and max_size {high} do not fit each other.")
    elif pool.autoscaling and not low <= count <= high:
        problems.append(f"{where}: node_count {count} is not between min_size and max_size.")
    if len(pool.machine_types or ()) > 1 and site.cloud != "aws":
        problems.append(f"{where}: {site.cloud} takes one machine type per pool. Make a pool of each type.")
    if pool.size and pool.gpu:
        problems.append(f"{where}: size has no meaning for a GPU pool. Name machine_types instead.")
    if pool.disk_size_gb is not None and pool.disk_size_gb < 20:
        problems.append(f"{where}: disk_size_gb {pool.disk_size_gb} is too small for a node image (20 or more).")
    if pool.max_surge == 0 and pool.max_unavailable == 0:
        problems.append(f"{where}: max_surge and max_unavailable cannot both be 0: no node could ever be replaced.")
    return problems
