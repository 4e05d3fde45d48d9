# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of a set need which others: the order in which they are made, and removed the other way round."""

from __future__ import annotations

from collections.abc import Sequence

from .manifests import is_crd
from .objects import Body, Ref, group_of, ref_of

# In the order of their making; objects that do not need each other begin in this order. Kinds by "Kind.group".
_TIERS: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    frozenset({"CustomResourceDefinition.apiextensions.k8s.io"}),
    frozenset({"PriorityClass.scheduling.k8s.io", "RuntimeClass.node.k8s.io"}),
    frozenset({"StorageClass.storage.k8s.io", "VolumeSnapshotClass.snapshot.storage.k8s.io", "PersistentVolume"}),
    frozenset({"ResourceQuota", "LimitRange"}),
    frozenset({"ClusterRole.rbac.authorization.k8s.io", "Role.rbac.authorization.k8s.io", "ServiceAccount"}),
    frozenset({"ClusterRoleBinding.rbac.authorization.k8s.io", "RoleBinding.rbac.authorization.k8s.io"}),
    frozenset({"NetworkPolicy.networking.k8s.io"}),
    frozenset({"ConfigMap", "Secret", "PersistentVolumeClaim"}),
    frozenset({"Service"}),
    frozenset(
        {"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Pod", "ReplicationController"}
    ),
    frozenset({"Job.batch", "CronJob.batch"}),
)
_REST = len(_TIERS)
_NAMESPACE, _CRD, _QUOTA = 0, 1, 4
_ROLES, _BINDINGS, _SERVICES, _WORKLOADS, _JOBS = 5, 6, 9, 10, 11
_LATE = frozenset(
    {
        "APIService.apiregistration.k8s.io",
        "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
        "MutatingWebhookConfiguration.admissionregistration.k8s.io",
    }
)


def group_kind(api_version: str, kind: str) -> str:
    """ "Deployment.apps"; "Service" for the core group. As in KEP-3659."""
    group = group_of(api_version)
    return f"{kind}.{group}" if group else kind


def tier(ref: Ref) -> int:
    """Where its kind stands in the order."""
    name = group_kind(ref.api_version, ref.kind)
    return next((number for number, kinds in enumerate(_TIERS) if name in kinds), _REST)


def ordered(bodies: Sequence[Body]) -> list[Body]:
    """By tier, and by name within one."""
    return sorted(bodies, key=lambda body: (tier(ref_of(body)), ref_of(body).path, body["kind"]))


def needs(bodies: Sequence[Body], *, wait: bool = True) -> dict[Ref, list[Ref]]:
    """For each object those of the set that have to be there, and ready, before it.

    - The namespace that it lives in and the definition of its kind.
    - Quotas and limits of a namespace come before what they limit, roles before what binds them.
    - Workloads need what pods refer to or are judged by when they start: everything before them in the order that is in
      their namespace or in none, so that none starts without its settings, rights or network policies. A load
      balancer's Service is not waited for: its address takes minutes and no pod needs it.
    - What calls workloads on every change (webhooks, aggregated APIs) comes after all of them, and so do objects of a
      kind that the set itself brings: whoever understands them has to run.
    """
    refs = {ref_of(body): body for body in bodies}
    tiers = {ref: tier(ref) for ref in refs}
    namespaces = {ref.name: ref for ref in refs if tiers[ref] == _NAMESPACE}
    crds = {(body["spec"]["group"], body["spec"]["names"]["kind"]): ref for ref, body in refs.items() if is_crd(body)}
    workloads = [ref for ref in refs if tiers[ref] == _WORKLOADS]
    found: dict[Ref, list[Ref]] = {}
    for ref in refs:
        mine: dict[Ref, None] = {}
        if ref.namespace in namespaces:
            mine[namespaces[ref.namespace]] = None
        crd = crds.get((ref.group, ref.kind))
        if crd is not None:
            mine[crd] = None
        late = group_kind(ref.api_version, ref.kind) in _LATE
        for other, its in tiers.items():
            if other != ref and _before(ref, tiers[ref], other, its) and not (wait and _slow(other, refs[other])):
                mine[other] = None
        if late or crd is not None:
            mine |= dict.fromkeys(other for other in workloads if other != ref)
        found[ref] = list(mine)
    return found


def _before(ref: Ref, own: int, other: Ref, its: int) -> bool:
    near = other.namespace in ("", ref.namespace)
    if own in (_WORKLOADS, _JOBS):
        return _CRD < its < _WORKLOADS and near
    if its == _QUOTA:
        return own > _QUOTA and bool(ref.namespace) and other.namespace == ref.namespace
    return own == _BINDINGS and its == _ROLES and near


def _slow(ref: Ref, body: Body) -> bool:
    spec = body.get("spec")
    return tier(ref) == _SERVICES and isinstance(spec, dict) and spec.get("type") == "LoadBalancer"
