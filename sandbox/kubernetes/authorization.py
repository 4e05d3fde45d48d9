"""RBAC: who may do what, by the roles and bindings that are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, qualified
from .identity import UserInfo
from .requests import RequestInfo
from .selectors import object_selector
from .store import Body, Store

_ROLES = "roles.rbac.authorization.k8s.io"
_CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
_BINDINGS = "rolebindings.rbac.authorization.k8s.io"
_CLUSTER_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True)
class Attributes:
    """What is to be done. ``path`` is for requests that are not about resources."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def target(self) -> str:
        """``pods/log``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes(info: RequestInfo) -> Attributes:
    """Of a request."""
    if not info.is_resource:
        return Attributes(info.verb, path=info.path)
    return Attributes(info.verb, info.group, info.resource, info.subresource, info.namespace, info.name)


@dataclass(frozen=True)
class Verdict:
    """What an authorizer beside RBAC says; ``reason`` is quoted when nobody allows."""

    allowed: bool
    reason: str = ""


# A cloud's own authorizer, as clouds put it beside RBAC by a webhook: either may allow. Called in the server's thread.
Decide = Callable[[UserInfo, Attributes], Verdict]


class Authorizer:
    """Answers from the store as it is now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.beside: Decide | None = None

    def allows(self, user: UserInfo, wanted: Attributes) -> bool:
        """Whether the user may."""
        return self.verdict(user, wanted).allowed

    def verdict(self, user: UserInfo, wanted: Attributes) -> Verdict:
        """Whether the user may, and what the cloud's authorizer says to that."""
        if user.is_master or any(rule_allows(rule, wanted) for rule in self.rules(user, wanted.namespace)):
            return Verdict(True)
        return Verdict(False) if self.beside is None else self.beside(user, wanted)

    def check(self, user: UserInfo, wanted: Attributes) -> None:
        """403 in the words of the API server."""
        verdict = self.verdict(user, wanted)
        if not verdict.allowed:
            raise denied(user, wanted, verdict.reason)

    def rules(self, user: UserInfo, namespace: str) -> Iterator[Body]:
        """Every rule that holds for the user in a namespace ("" = cluster-wide alone)."""
        for stored in self._store.objects(_CLUSTER_BINDINGS):
            if _concerns(stored.body, user, ""):
                yield from self.role_rules(stored.body, "")
        if namespace:
            for stored in self._store.objects(_BINDINGS, namespace):
                if _concerns(stored.body, user, namespace):
                    yield from self.role_rules(stored.body, namespace)

    def role_rules(self, binding: Body, namespace: str) -> list[Body]:
        """The rules that a binding in a namespace gives."""
        reference = binding["roleRef"]
        if reference["kind"] == "ClusterRole":
            role = self._store.get(_CLUSTER_ROLES, ("", reference["name"]))
        else:
            role = self._store.get(_ROLES, (namespace, reference["name"]))
        if role is None:
            return []
        return self._aggregated(role.body) if role.body.get("aggregationRule") else role.body.get("rules") or []

    def _aggregated(self, role: Body) -> list[Body]:
        selectors = [object_selector(one) for one in role["aggregationRule"].get("clusterRoleSelectors") or []]
        rules: list[Body] = []
        for stored in self._store.objects(_CLUSTER_ROLES):
            labels = stored.body["metadata"].get("labels") or {}
            if stored.body["metadata"]["name"] != role["metadata"]["name"] and any(one(labels) for one in selectors):
                nested = stored.body.get("aggregationRule")
                rules += self._aggregated(stored.body) if nested else stored.body.get("rules") or []
        return rules


def denied(user: UserInfo, wanted: Attributes, reason: str = "") -> ApiError:
    """403 with who, what, where and why."""
    who = f'User "{user.username}"'
    why = f": {reason}" if reason else ""
    if wanted.path:
        message = f'forbidden: {who} cannot {wanted.verb} path "{wanted.path}"{why}'
        return ApiError(403, "Forbidden", message, {})
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    what = f'cannot {wanted.verb} resource "{wanted.target}" in API group "{wanted.group}" {where}'
    subject = qualified(wanted.resource, wanted.group)
    subject += f' "{wanted.name}"' if wanted.name else ""
    details: dict[str, Any] = {"name": wanted.name} if wanted.name else {}
    if wanted.group:
        details["group"] = wanted.group
    message = f"{subject} is forbidden: {who} {what}{why}"
    return ApiError(403, "Forbidden", message, {**details, "kind": wanted.resource})


def covers(owned: list[Body], wanted: Body) -> bool:
    """Whether somebody with the rules ``owned`` may hand out the rule ``wanted``."""
    if wanted.get("nonResourceURLs"):
        return all(
            any(rule_allows(rule, Attributes(verb, path=path)) for rule in owned)
            for verb in wanted["verbs"]
            for path in wanted["nonResourceURLs"]
        )
    return all(
        any(rule_allows(rule, _split(verb, group, resource, name)) for rule in owned)
        for verb in wanted.get("verbs") or []
        for group in wanted.get("apiGroups") or []
        for resource in wanted.get("resources") or []
        for name in wanted.get("resourceNames") or [""]
    )


def _split(verb: str, group: str, resource: str, name: str) -> Attributes:
    plural, _, subresource = resource.partition("/")
    return Attributes(verb, group, plural, subresource, name=name)


def _concerns(binding: Body, user: UserInfo, namespace: str) -> bool:
    for subject in binding.get("subjects") or []:
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "User" and name == user.username:
            return True
        if kind == "Group" and name in user.groups:
            return True
        if kind == "ServiceAccount":
            place = subject.get("namespace") or namespace
            if user.username == f"{_ACCOUNT}{place}:{name}":
                return True
    return False


def rule_allows(rule: Body, wanted: Attributes) -> bool:
    """Whether a PolicyRule covers what is wanted."""
    verbs = rule.get("verbs") or []
    if "*" not in verbs and wanted.verb not in verbs:
        return False
    if wanted.path:
        return any(_path_matches(one, wanted.path) for one in rule.get("nonResourceURLs") or [])
    groups, resources = rule.get("apiGroups") or [], rule.get("resources") or []
    if "*" not in groups and wanted.group not in groups:
        return False
    fitting = ["*", wanted.target, *([f"*/{wanted.subresource}"] if wanted.subresource else [])]
    if not any(one in resources for one in fitting):
        return False
    names = rule.get("resourceNames") or []
    return not names or wanted.name in names


def _path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
