"""What lies below an object: scale, token, eviction, binding, finalize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import errors
from .accounts import Accounts
from .catalogue import Resource
from .identity import UserInfo
from .kinds.base import at
from .metadata import timestamp
from .options import DeleteOptions, WriteOptions
from .registry import Registry
from .selectors import as_text, object_selector
from .store import Body, Key, Stored

_CREATED = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def scale_of(resource: Resource, body: Body) -> Body:
    """A scalable object as its Scale."""
    paths = resource.scale or {}
    meta = {
        name: body["metadata"][name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in body["metadata"]
    }
    status: Body = {"replicas": at(body, _plain(paths.get("statusReplicasPath", ""))) or 0}
    selector = at(body, _plain(paths.get("labelSelectorPath", "")))
    if selector:
        status["selector"] = _selector_text(selector)
    spec = {"replicas": at(body, _plain(paths["specReplicasPath"])) or 0}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}


def write_scale(registry: Registry, resource: Resource, stored: Stored, scale: Any, options: WriteOptions) -> Stored:
    """Set the replicas that a Scale asks for."""
    name = stored.body["metadata"]["name"]
    if not isinstance(scale, dict) or scale.get("kind", "Scale") != "Scale":
        raise errors.bad_request("the object provided is not a Scale")
    meta = scale.get("metadata") or {}
    if meta.get("name", name) != name:
        raise errors.bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
    version = meta.get("resourceVersion")
    if version and version != stored.body["metadata"]["resourceVersion"]:
        raise errors.conflict(resource.plural, resource.group, name, errors.STALE)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
        cause = errors.bad_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise errors.invalid("Scale", "autoscaling", name, [cause])
    body = stored.copy()
    *above, last = _plain((resource.scale or {})["specReplicasPath"]).split(".")
    place = body
    for part in above:
        place = place.setdefault(part, {})
    place[last] = replicas
    own = WriteOptions(options.user, options.manager, options.dry_run, "Ignore", warnings=options.warnings)
    decoded = registry.decode(resource, body, own, [])
    return registry.update(resource, stored, decoded, own)


def _plain(path: str) -> str:
    return path.lstrip(".")


def _selector_text(selector: Any) -> str:
    if isinstance(selector, str):
        return selector
    if "matchLabels" in selector or "matchExpressions" in selector:
        return as_text(selector)
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


class Subresources:
    """The ones that are created (token, eviction, binding) and ``namespaces/finalize``."""

    def __init__(self, registry: Registry, accounts: Accounts) -> None:
        self._registry = registry
        self._accounts = accounts
        self._created: dict[str, Callable[[Resource, Key, Body, UserInfo], Body]] = {
            "token": self._token,
            "eviction": self._evict,
            "binding": self._bind,
        }

    def create(self, resource: Resource, subresource: str, key: Key, body: Any, user: UserInfo) -> Body:
        """The answer to a POST."""
        make = self._created.get(subresource)
        if make is None:
            raise errors.method_not_allowed()
        self._registry.get(resource, *key)
        return make(resource, key, body if isinstance(body, dict) else {}, user)

    def finalize(self, resource: Resource, key: Key, body: Any) -> Stored:
        """Take finalizers off a namespace."""
        stored = self._registry.get(resource, *key)
        wanted = at(body, "spec.finalizers") or []

        def change(target: Body) -> None:
            target["spec"] = {"finalizers": wanted} if wanted else {}

        return self._registry.modify(resource, ("", key[1]), change) or stored

    def _token(self, resource: Resource, key: Key, body: Body, user: UserInfo) -> Body:
        return self._accounts.issue(*key, body)

    def _evict(self, resource: Resource, key: Key, body: Body, user: UserInfo) -> Body:
        """Delete a pod unless a disruption budget has none to spare (429)."""
        pod = self._registry.get(resource, *key).body
        labels = pod["metadata"].get("labels") or {}
        budgets = self._registry.store.objects("poddisruptionbudgets.policy", key[0])
        matching = [one for one in budgets if object_selector(at(one.body, "spec.selector"))(labels)]
        running = at(pod, "status.phase") not in ("Pending", "Succeeded", "Failed")
        for budget in matching if running else []:
            name = budget.body["metadata"]["name"]
            allowed = at(budget.body, "status.disruptionsAllowed") or 0
            if allowed < 1:
                message = "Cannot evict pod as it would violate the pod's disruption budget."
                healthy, wanted = at(budget.body, "status.currentHealthy"), at(budget.body, "status.desiredHealthy")
                text = f"The disruption budget {name} needs {wanted or 0} healthy pods and has {healthy or 0} currently"
                cause = {"reason": "DisruptionBudget", "message": text}
                raise errors.ApiError(429, "TooManyRequests", message, {"causes": [cause]})
            self._registry.modify(self._budgets(), (key[0], name), _take_one)
        given = body.get("deleteOptions") or {}
        self._registry.delete(resource, key, DeleteOptions(user, grace_seconds=given.get("gracePeriodSeconds")))
        return _CREATED

    def _budgets(self) -> Resource:
        found = self._registry.catalogue.of_storage("poddisruptionbudgets.policy")
        if found is None:
            raise errors.no_such_path()
        return found

    def _bind(self, resource: Resource, key: Key, body: Body, user: UserInfo) -> Body:
        """Put a pod on a node, once."""
        node = at(body, "target.name")
        if not node:
            cause = errors.required("target.name")
            raise errors.invalid("Binding", "", key[1], [cause])
        pod = self._registry.get(resource, *key)
        if at(pod.body, "spec.nodeName"):
            why = f'pod {key[1]} is already assigned to node "{pod.body["spec"]["nodeName"]}"'
            raise errors.conflict("pods/binding", "", key[1], why)
        now = timestamp(self._registry.clock.wall())

        def change(target: Body) -> None:
            target["spec"]["nodeName"] = node
            conditions = target["status"].setdefault("conditions", [])
            conditions.append(
                {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
            )

        self._registry.modify(resource, key, change)
        return _CREATED


def _take_one(budget: Body) -> None:
    budget["status"]["disruptionsAllowed"] -= 1
