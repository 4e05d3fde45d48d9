# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every cluster of the platform holds before anything runs on it: namespaces, their bounds, who may what."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Literal

from .addresses import parse
from .arguments import NOT_SECRET
from .quantities import quantity
from .site import Site, check

PodSecurity = Literal["privileged", "baseline", "restricted"]
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SYSTEM = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
# What one namespace may ask for in total, by environment.
_QUOTAS = {
    "dev": {"cpu": 8, "memory": 16, "pods": 60, "load_balancers": 2, "storage": 100, "gpus": 2},
    "staging": {"cpu": 16, "memory": 32, "pods": 120, "load_balancers": 4, "storage": 250, "gpus": 4},
    "prod": {"cpu": 64, "memory": 128, "pods": 400, "load_balancers": 10, "storage": 1000, "gpus": 16},
}
# The most that one container may take, by environment: a node of the sizes that clusters have.
_MOST = {"dev": ("4", "8Gi"), "staging": ("4", "16Gi"), "prod": ("8", "32Gi")}


@dataclass(frozen=True)
class Limits:
    """What a container has that says nothing, and the most that one may ask for. cpu: without it up to max_cpu."""

    cpu: str | None = None
    memory: str = "512Mi"
    cpu_request: str = "100m"
    memory_request: str = "128Mi"
    max_cpu: str | None = None
    max_memory: str | None = None


@dataclass(frozen=True)
class Namespace:
    """A namespace. pod_security: the level that is enforced; "restricted" is audited and warned of in any case.

    quota: hard limits in Kubernetes' words (requests.cpu: "4"), over those of the environment.
    ingress_from: other namespaces whose pods may reach this one's. internet: its pods may open connections to the
    Internet by HTTPS, which the clouds' own services need as well. sidecars: the mesh injects its proxies.
    """

    name: str
    pod_security: PodSecurity = "restricted"
    labels: dict[str, str] | None = None
    quota: dict[str, str] | None = None
    limits: Limits = field(default_factory=Limits)
    ingress_from: tuple[str, ...] = ()
    internet: bool = True
    sidecars: bool = False


@dataclass(frozen=True)
class Groups:
    """Who the roles are given to: groups as the cloud's authentication names them. Without one nobody has the role."""

    admin: tuple[str, ...] | None = None
    developer: tuple[str, ...] | None = None
    viewer: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PriorityClass:
    """How much a pod matters. preempts: whether others may have to make room for it."""

    name: str
    value: int
    preempts: bool = True
    description: str | None = None


@dataclass(frozen=True)
class ServiceAccount:
    """An account that pods run as. identity: who it is in the cloud (AWS: role ARN, GCP: e-mail of the service account,
    Azure: client id); without one the cloud's side alone decides."""

    name: str
    namespace: str = "ml-serving"
    identity: str | None = None


@dataclass(frozen=True)
class KubernetesBase:
    """The base of the site's cluster. What is no longer listed is left alone.

    quotas, network_policies: whether namespaces have such; false removes them. network_ranges: ranges of the site's own
    network, where its data stores and its control plane are; without them those of `network`. data_ports: of the data
    stores in them. references: further entries of the platform's ConfigMap.
    """

    namespaces: tuple[Namespace, ...] | None = None
    quotas: bool = True
    network_policies: bool = True
    network_ranges: tuple[str, ...] | None = None
    data_ports: tuple[int, ...] | None = None
    groups: Groups = field(default_factory=Groups)
    priority_classes: tuple[PriorityClass, ...] | None = None
    service_accounts: tuple[ServiceAccount, ...] = ()
    config_map: str = "platform"
    references: dict[str, str] | None = field(default=None, metadata=NOT_SECRET)  # ids and addresses, no values

    def resolve(self, site: Site) -> KubernetesBase:
        """Every None that platform and environment decide, decided. Raises SpecError naming every problem."""
        namespaces = _NAMESPACES if self.namespaces is None else self.namespaces
        classes = _classes(site) if self.priority_classes is None else self.priority_classes
        resolved = dataclasses.replace(
            self,
            namespaces=tuple(_resolve(each, site) for each in namespaces),
            priority_classes=classes,
            groups=Groups(
                *(
                    (f"{site.platform}-{role}s",) if given is None else given
                    for role, given in dataclasses.asdict(self.groups).items()
                )
            ),
        )
        check(_problems(resolved))
        return resolved


# Node exporters need the host, and the mesh's node agents do; everything else runs restricted.
_NAMESPACES = (
    Namespace("ml-platform", ingress_from=("istio-system", "monitoring")),
    Namespace("ml-serving", ingress_from=("ml-platform", "istio-system", "monitoring")),
    Namespace("monitoring", pod_security="privileged", ingress_from=("istio-system",)),
    Namespace("istio-system", pod_security="privileged", ingress_from=("ml-platform", "ml-serving", "monitoring")),
)


def _classes(site: Site) -> tuple[PriorityClass, ...]:
    return (
        PriorityClass(
            f"{site.platform}-critical", 1_000_000, description="What the platform itself cannot do without."
        ),
        PriorityClass(f"{site.platform}-serving", 100_000, description="What answers requests."),
        PriorityClass(f"{site.platform}-batch", 1_000, preempts=False, description="What can wait: training, sync."),
    )


def _resolve(namespace: Namespace, site: Site) -> Namespace:
    amount = _QUOTAS[site.environment]
    hard = {
        "requests.cpu": str(amount["cpu"]),
        "requests.memory": f"{amount['memory']}Gi",
        "limits.memory": f"{amount['memory'] * 2}Gi",
        "pods": str(amount["pods"]),
        "services.loadbalancers": str(amount["load_balancers"]),
        "services.nodeports": str(amount["load_balancers"] * 10),  # a load balancer takes one for each of its ports
        "persistentvolumeclaims": str(amount["pods"] // 4),
        "requests.storage": f"{amount['storage']}Gi",
        "requests.nvidia.com/gpu": str(amount["gpus"]),
    }
    cpu, memory = _MOST[site.environment]
    limits = dataclasses.replace(
        namespace.limits,
        cpu=namespace.limits.cpu or namespace.limits.max_cpu or cpu,
        max_cpu=namespace.limits.max_cpu or cpu,
        max_memory=namespace.limits.max_memory or memory,
    )
    quota = {key: str(value) for key, value in {**hard, **(namespace.quota or {})}.items()}
    return dataclasses.replace(namespace, quota=quota, limits=limits)


def _problems(base: KubernetesBase) -> list[str]:
    found = []
    names = [each.name for each in base.namespaces or ()]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(f"kubernetes_base.namespaces: two namespaces are named {name!r}. Remove one.")
    for each in base.namespaces or ():
        found += _namespace_problems(each)
    for cidr in base.network_ranges or ():
        parse(cidr, "kubernetes_base.network_ranges")
    found += [
        f"kubernetes_base.data_ports: {port} is not a port (1 to 65535)."
        for port in base.data_ports or ()
        if not 1 <= port <= 65535
    ]
    found += [
        f"kubernetes_base.references.{name}: is not a legal name of an environment variable."
        for name in base.references or {}
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)
    ]
    for item in base.priority_classes or ():
        where = f"kubernetes_base.priority_classes.{item.name}"
        if not _LABEL.fullmatch(item.name) or item.name.startswith("system-"):
            found.append(f"{where}: is not a legal name (lower-case letters, digits, hyphens; not system-...).")
        if not -2_147_483_648 <= item.value <= 1_000_000_000:
            found.append(f"{where}.value: {item.value} is out of range (up to 1000000000, above is the system's).")
    for account in base.service_accounts:
        where = f"kubernetes_base.service_accounts.{account.name}"
        if not _LABEL.fullmatch(account.name):
            found.append(f"{where}.name: {account.name!r} is not a legal name (lower-case letters, digits, hyphens).")
        if account.namespace not in names:
            found.append(
                f"{where}.namespace: {account.namespace!r} is not in kubernetes_base.namespaces. Add it there."
            )
    if not _LABEL.fullmatch(base.config_map):
        found.append(f"kubernetes_base.config_map: {base.config_map!r} is not a legal name.")
    return found


def _namespace_problems(each: Namespace) -> list[str]:
    where, found = f"kubernetes_base.namespaces.{each.name}", []
    if not _LABEL.fullmatch(each.name):
        found.append(f"{where}.name: {each.name!r} is not a legal name (lower-case letters, digits, hyphens).")
    if each.name in _SYSTEM:
        found.append(f"{where}: belongs to Kubernetes. Choose a namespace of the platform's own.")
    for name, text in (each.quota or {}).items():
        if quantity(text) is None:
            found.append(f"{where}.quota.{name}: {text!r} is not a quantity, such as 4, 500m, 16Gi.")
    for item in dataclasses.fields(Limits):
        text = getattr(each.limits, item.name)
        if text is not None and quantity(text) is None:
            found.append(f"{where}.limits.{item.name}: {text!r} is not a quantity, such as 500m, 256Mi.")
    for low, high in (
        ("cpu_request", "cpu"),
        ("cpu", "max_cpu"),
        ("memory_request", "memory"),
        ("memory", "max_memory"),
    ):
        one, other = quantity(getattr(each.limits, low)), quantity(getattr(each.limits, high))
        if one is not None and other is not None and one > other:
            found.append(
                f"{where}.limits: {low} {getattr(each.limits, low)} is more than {high} {getattr(each.limits, high)}. "
                "Lower the one or raise the other."
            )
    if each.name in each.ingress_from:
        found.append(f"{where}.ingress_from: its own pods may reach each other anyway. Remove {each.name}.")
    for name in each.labels or {}:
        if name.startswith(("pod-security.kubernetes.io/", "istio-injection", "kubernetes.io/")):
            found.append(f"{where}.labels.{name}: follows from other options (pod_security, sidecars). Remove it.")
    return found
