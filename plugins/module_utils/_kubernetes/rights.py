# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may what in a platform's namespaces: administrators, developers, viewers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._spec.kubernetes_base import Groups, Namespace
from .place import Place

Body = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io/v1"
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "update", "patch", "delete", "deletecollection"]
_WORKLOADS = {
    "": ["configmaps", "pods", "services", "serviceaccounts", "persistentvolumeclaims", "replicationcontrollers"],
    "apps": ["daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets", "statefulsets/scale"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "policy": ["poddisruptionbudgets"],
}
_LOOKED_AT = {
    "": ["endpoints", "events", "limitranges", "pods/log", "pods/status", "resourcequotas", "services/status"],
    "discovery.k8s.io": ["endpointslices"],
    "events.k8s.io": ["events"],
    "metrics.k8s.io": ["pods"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
}
_CLUSTER = {
    "": ["namespaces", "nodes", "persistentvolumes"],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
    "metrics.k8s.io": ["nodes"],
    "scheduling.k8s.io": ["priorityclasses"],
    "storage.k8s.io": ["storageclasses"],
}


def of_groups(groups: Groups, namespaces: Sequence[Namespace], place: Place) -> list[Body]:
    """Roles and their bindings. Outside of the platform's namespaces all three may look at nodes and the like, and
    change nothing; secrets are for administrators alone."""
    holders = {"admin": groups.admin or (), "developer": groups.developer or (), "viewer": groups.viewer or ()}

    def name(role: str) -> str:
        return f"{place.platform}-{role}"

    found = [_object(place, "ClusterRole", name(role), rules=_rules(role, place)) for role in holders]
    found.append(_object(place, "ClusterRole", name("cluster-viewer"), rules=_allow(_CLUSTER, _READ)))
    everybody = dict.fromkeys(group for members in holders.values() for group in members)
    found += _binding(place, name("cluster-viewer"), list(everybody), "")
    for role, members in holders.items():
        for each in namespaces:
            found += _binding(place, name(role), members, each.name)
    return found


def _binding(place: Place, role: str, members: Sequence[str], namespace: str) -> list[Body]:
    """None for a role that nobody has."""
    if not members:
        return []
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": each} for each in members]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return [_object(place, kind, role, namespace, roleRef=ref, subjects=subjects)]


def _rules(role: str, place: Place) -> list[Body]:
    if role == "admin":
        return [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    if role == "viewer":
        return _allow(_WORKLOADS, _READ) + _allow(_LOOKED_AT, _READ)
    rules = _allow(_WORKLOADS, _WRITE) + _allow(_LOOKED_AT, _READ)
    if place.environment != "prod":  # whoever gets into a pod of prod sees what it sees
        rules.append({"apiGroups": [""], "resources": ["pods/exec", "pods/portforward"], "verbs": ["get", "create"]})
    return rules


def _allow(resources: dict[str, list[str]], verbs: list[str]) -> list[Body]:
    return [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names in resources.items()]


def _object(place: Place, kind: str, name: str, namespace: str = "", **content: Any) -> Body:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": place.labels()}
    return {"apiVersion": _RBAC, "kind": kind, "metadata": meta, **content}
