"""What access policies allow inside of a cluster. EKS asks them beside RBAC; no RBAC object shows them.

Source: EKS User Guide, "Review access policy permissions".
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ...kubernetes.authorization import Attributes, Verdict, rule_allows
from ...kubernetes.bootstrap import user_rules
from ...kubernetes.identity import UserInfo
from .state import Cluster

_NO = Verdict(False)
_READ = ["get", "list", "watch"]
_EVERYTHING = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_OWN = user_rules()
_VIEW = _OWN["view"]
_EDIT = [*_VIEW, *_OWN["edit"]]
_ADMIN = [*_EDIT, *_OWN["admin"]]
_RULES: dict[str, list[dict[str, Any]]] = {
    "AmazonEKSClusterAdminPolicy": _EVERYTHING,
    "AmazonEKSAdminPolicy": _ADMIN,
    "AmazonEKSAdminViewPolicy": [{"apiGroups": ["*"], "resources": ["*"], "verbs": _READ}],
    "AmazonEKSEditPolicy": _EDIT,
    "AmazonEKSViewPolicy": _VIEW,
    "AmazonEKSSecretReaderPolicy": [{"apiGroups": [""], "resources": ["secrets"], "verbs": _READ}],
}


class Policies:
    """The authorizer of one cluster, asked when RBAC has not allowed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def decide(self, user: UserInfo, wanted: Attributes) -> Verdict:
        """Whether one of the caller's policies covers it, in its namespaces."""
        entry = self._cluster.access_entries.get((user.extra.get("canonicalArn") or [""])[0])
        for policy in list(entry.policies.values()) if entry is not None else ():
            scope = policy["accessScope"]
            namespaces = scope["namespaces"]
            if scope["type"] == "namespace" and not any(fnmatchcase(wanted.namespace, one) for one in namespaces):
                continue
            name = policy["policyArn"].rsplit("/", 1)[-1]
            if any(rule_allows(rule, wanted) for rule in _RULES.get(name, ())):
                return Verdict(True, f"EKS Access Policy: allowed by {name}")
        return _NO
