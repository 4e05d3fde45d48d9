"""ResourceQuota: how much a namespace uses, and what would be too much."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import forbidden
from .kinds.base import at
from .quantities import canonical, parse, total
from .selectors import field_text
from .store import Body, Change

if TYPE_CHECKING:
    from .catalogue import Resource
    from .registry import Registry

Usage = dict[str, str]
_COUNTED = (
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
)
_ENDED = ("Succeeded", "Failed")
_COMPUTE = ("cpu", "memory", "ephemeral-storage")


class Quota:
    """The quotas of one cluster; their status follows every change."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: set[str] = set()
        registry.store.listen(self._on_change)

    def admit(self, resource: Resource, body: Body, old: Body | None) -> None:
        """403 when a new or changed object would go over a quota of its namespace."""
        namespace = body["metadata"].get("namespace", "")
        quotas = self._registry.store.objects("resourcequotas", namespace) if namespace else []
        if not quotas:
            return
        before = usage(resource, old) if old is not None else {}
        for quota in quotas:
            if resource.id == "pods" and not _in_scope(quota.body, body):
                continue
            hard = at(quota.body, "spec.hard") or {}
            name = quota.body["metadata"]["name"]
            delta = _difference(usage(resource, body), before)
            _must_specify(resource, body, hard, name)
            asked = {key: amount for key, amount in delta.items() if key in hard and parse(amount) > 0}
            if not asked:
                continue
            used = self._used(namespace, quota.body)
            over = sorted(key for key in asked if parse(used.get(key, "0")) + parse(asked[key]) > parse(hard[key]))
            if over:
                parts = [
                    f"{word}: " + ",".join(f"{key}={amounts.get(key, '0')}" for key in over)
                    for word, amounts in (("requested", asked), ("used", used), ("limited", hard))
                ]
                why = f"exceeded quota: {name}, {', '.join(parts)}"
                raise forbidden(resource.plural, resource.group, body["metadata"].get("name", ""), why)

    def refresh(self, namespace: str) -> None:
        """Bring the status of the namespace's quotas up to date, a moment later."""
        if namespace not in self._waiting:
            self._waiting.add(namespace)
            self._registry.schedule(lambda: self._refresh(namespace))

    def _refresh(self, namespace: str) -> None:
        self._waiting.discard(namespace)
        resource = self._registry.catalogue.of_kind("v1", "ResourceQuota")
        if resource is None:
            return
        for stored in self._registry.store.objects("resourcequotas", namespace):
            status = {"hard": at(stored.body, "spec.hard") or {}, "used": self._used(namespace, stored.body)}
            self._registry.modify(
                resource,
                (namespace, stored.body["metadata"]["name"]),
                partial(_set_status, status),
            )

    def _on_change(self, storage: str, change: Change) -> None:
        namespace = change.key[0]
        if namespace and storage != "resourcequotas" and self._registry.store.objects("resourcequotas", namespace):
            self.refresh(namespace)

    def _used(self, namespace: str, quota: Body) -> Usage:
        hard = at(quota, "spec.hard") or {}
        amounts: dict[str, list[str]] = {key: [] for key in hard}
        for resource in self._registry.catalogue.stored():
            if not resource.namespaced or not _concerns(resource, hard):
                continue
            for stored in self._registry.store.objects(resource.storage, namespace):
                if resource.id == "pods" and not _in_scope(quota, stored.body):
                    continue
                for key, amount in usage(resource, stored.body).items():
                    if key in amounts:
                        amounts[key].append(amount)
        return {key: total(found) for key, found in amounts.items()}


def usage(resource: Resource, body: Body) -> Usage:
    """What one object counts for."""
    counted = {f"count/{resource.id}": "1"}
    if resource.id in _COUNTED:
        counted[resource.id] = "1"
    if resource.id == "pods":
        if at(body, "status.phase") in _ENDED:
            return {f"count/{resource.id}": "1"}
        counted |= _pod_usage(body)
    elif resource.id == "services":
        kind = at(body, "spec.type")
        counted |= {"services.loadbalancers": "1"} if kind == "LoadBalancer" else {}
        ports = sum(bool(port.get("nodePort")) for port in at(body, "spec.ports") or [])
        counted |= {"services.nodeports": str(ports)} if ports else {}
    elif resource.id == "persistentvolumeclaims":
        storage = at(body, "spec.resources.requests.storage")
        counted |= {"requests.storage": storage} if storage else {}
    return counted


def _pod_usage(body: Body) -> Usage:
    found: dict[str, list[str]] = {}
    for container in at(body, "spec.containers") or []:
        for side in ("requests", "limits"):
            for name, amount in (at(container, f"resources.{side}") or {}).items():
                found.setdefault(f"{side}.{name}", []).append(amount)
                if side == "requests" and name in _COMPUTE:
                    found.setdefault(name, []).append(amount)
    return {key: total(amounts) for key, amounts in found.items()}


def _must_specify(resource: Resource, body: Body, hard: Body, quota: str) -> None:
    """A quota on cpu or memory wants every container to say how much it takes."""
    if resource.id != "pods":
        return
    wanted = []
    for key in hard:
        side, _, name = key.rpartition(".")
        if name in _COMPUTE and side in ("", "requests", "limits"):
            wanted.append((key, side or "requests", name))
    missing: dict[str, list[str]] = {}
    for key, side, name in sorted(wanted):
        for container in at(body, "spec.containers") or []:
            if name not in (at(container, f"resources.{side}") or {}):
                missing.setdefault(key, []).append(container["name"])
    if missing:
        shown = "; ".join(f"{key} for: {','.join(names)}" for key, names in missing.items())
        why = f"failed quota: {quota}: must specify {shown}"
        raise forbidden("pods", "", body["metadata"].get("name", ""), why)


def _concerns(resource: Resource, hard: Iterable[str]) -> bool:
    keys = (f"count/{resource.id}", resource.id)
    if any(key in keys for key in hard):
        return True
    if resource.id == "services":
        return any(key.startswith("services.") for key in hard)
    if resource.id == "persistentvolumeclaims":
        return "requests.storage" in hard
    compute = (*_COMPUTE, "requests.", "limits.")
    return resource.id == "pods" and any(key.startswith(compute) for key in hard)


def _in_scope(quota: Body, pod: Body) -> bool:
    scopes = at(quota, "spec.scopes") or []
    best_effort = not any(one.get("resources") for one in at(pod, "spec.containers") or [])
    terminating = at(pod, "spec.activeDeadlineSeconds") is not None
    facts = {
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "Terminating": terminating,
        "NotTerminating": not terminating,
    }
    for one in at(quota, "spec.scopeSelector.matchExpressions") or []:
        if one["scopeName"] == "PriorityClass":
            inside = field_text(pod, "spec.priorityClassName", "") in (one.get("values") or [])
            if inside != (one["operator"] == "In"):
                return False
    return all(facts.get(scope, True) for scope in scopes)


def _difference(now: Usage, before: Usage) -> dict[str, Any]:
    changed = {}
    for key, amount in now.items():
        more = parse(amount) - parse(before.get(key, "0"))
        if more > 0:
            changed[key] = amount if key not in before else canonical(str(more))
    return changed


def _set_status(status: Body, body: Body) -> None:
    body["status"] = status
