"""Reviews: questions about identity and permission, answered and not stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .authorization import Attributes, Authorizer
from .identity import AUTHENTICATED, UserInfo
from .metadata import timestamp
from .registry import Registry
from .store import Body

# A token and the audiences that it may be for (none: this server) to its user.
Authenticate = Callable[[str, Sequence[str]], UserInfo | None]


class Reviews:
    """Answers for one cluster."""

    def __init__(self, registry: Registry, authorizer: Authorizer, authenticate: Authenticate) -> None:
        self._registry = registry
        self._authorizer = authorizer
        self._authenticate = authenticate
        self._kinds: dict[str, Callable[[Body, UserInfo, str], Body]] = {
            "selfsubjectaccessreviews": self._self_access,
            "subjectaccessreviews": self._access,
            "localsubjectaccessreviews": self._access,
            "selfsubjectrulesreviews": self._rules,
            "selfsubjectreviews": self._self,
            "tokenreviews": self._token,
        }

    def knows(self, plural: str) -> bool:
        """Whether a resource is a review."""
        return plural in self._kinds

    def answer(self, plural: str, body: Body, user: UserInfo, namespace: str) -> Body:
        """The review with its status."""
        status = self._kinds[plural](body.get("spec") or {}, user, namespace)
        stamp = {"creationTimestamp": timestamp(self._registry.clock.wall())} if plural == "selfsubjectreviews" else {}
        return {**body, "metadata": {**(body.get("metadata") or {}), **stamp}, "status": status}

    def _self_access(self, spec: Body, user: UserInfo, namespace: str) -> Body:
        return self._verdict(spec, user)

    def _access(self, spec: Body, user: UserInfo, namespace: str) -> Body:
        asked = UserInfo(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()))
        return self._verdict(spec, asked)

    def _verdict(self, spec: Body, user: UserInfo) -> Body:
        resource, path = spec.get("resourceAttributes") or {}, spec.get("nonResourceAttributes") or {}
        if path:
            wanted = Attributes(path.get("verb", ""), path=path.get("path", ""))
        else:
            plural, _, subresource = resource.get("resource", "").partition("/")
            wanted = Attributes(
                resource.get("verb", ""),
                resource.get("group", ""),
                plural,
                resource.get("subresource", subresource),
                resource.get("namespace", ""),
                resource.get("name", ""),
            )
        verdict = self._authorizer.verdict(user, wanted)
        reason = verdict.reason or ("RBAC: allowed" if verdict.allowed else "")
        return {"allowed": verdict.allowed, **({"reason": reason} if reason else {})}

    def _rules(self, spec: Body, user: UserInfo, namespace: str) -> Body:
        resource_rules: list[dict[str, Any]] = []
        path_rules: list[dict[str, Any]] = []
        rules = list(self._authorizer.rules(user, spec.get("namespace", "")))
        if user.is_master:
            rules += [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["*"]},
            ]
        for rule in rules:
            (path_rules if rule.get("nonResourceURLs") else resource_rules).append(rule)
        answer: Body = {"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": False}
        if self._authorizer.beside is not None:
            # What a cloud's authorizer allows is known only when it is asked for one thing.
            answer.update(incomplete=True, evaluationError="webhook authorizer does not support user rule resolution")
        return answer

    def _self(self, spec: Body, user: UserInfo, namespace: str) -> Body:
        return {"userInfo": user.body()}

    def _token(self, spec: Body, user: UserInfo, namespace: str) -> Body:
        found = self._authenticate(spec.get("token", ""), spec.get("audiences") or ())
        if found is None:
            return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        groups = (*found.groups, *(() if AUTHENTICATED in found.groups else (AUTHENTICATED,)))
        shown = UserInfo(found.username, found.uid, groups, found.extra)
        return {"authenticated": True, "user": shown.body(), "audiences": spec.get("audiences")}
