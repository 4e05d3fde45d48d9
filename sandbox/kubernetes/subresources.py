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
        given = body.get("deleteOptions") or {}
        dry_run = given.get("dryRun") == ["All"]
        budget = None if at(pod, "status.phase") in ("Pending", "Succeeded", "Failed") else self._budget(pod, key)
        if budget is not None and not _spares_anyway(pod, budget):
            allowed = at(budget, "status.disruptionsAllowed") or 0
            if allowed < 1 or pod["metadata"].get("deletionTimestamp"):
                raise _no_disruption(budget)
            if not dry_run:
                now = timestamp(self._registry.clock.wall())
                place = (key[0], budget["metadata"]["name"])
                self._registry.modify(self._budgets(), place, lambda one: _take_one(one, key[1], now))
        wanted = given.get("preconditions") or {}
        options = DeleteOptions(
            user,
            dry_run=dry_run,
            grace_seconds=given.get("gracePeriodSeconds"),
            uid=wanted.get("uid", ""),
            resource_version=wanted.get("resourceVersion", ""),
        )
        self._registry.delete(resource, key, options)
        if not dry_run and self._registry.find(resource, *key) is not None:
            now = timestamp(self._registry.clock.wall())
            self._registry.modify(resource, key, lambda one: _disrupted(one, now))
        return _CREATED

    def _budget(self, pod: Body, key: Key) -> Body | None:
        """The one budget that is about a pod; 500 when there are several, as the API has it."""
        labels = pod["metadata"].get("labels") or {}
        budgets = self._registry.store.objects("poddisruptionbudgets.policy", key[0])
        found = [one.body for one in budgets if object_selector(at(one.body, "spec.selector"))(labels)]
        if len(found) > 1:
            text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise errors.ApiError(500, "InternalError", text)
        return found[0] if found else None

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


def _spares_anyway(pod: Body, budget: Body) -> bool:
    """Whether a pod that is not ready may go without being counted (unhealthyPodEvictionPolicy)."""
    conditions = at(pod, "status.conditions") or []
    if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
        return False
    if at(budget, "spec.unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    wanted = at(budget, "status.desiredHealthy") or 0
    return wanted > 0 and (at(budget, "status.currentHealthy") or 0) >= wanted


def _no_disruption(budget: Body) -> errors.ApiError:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    name = budget["metadata"]["name"]
    healthy, wanted = at(budget, "status.currentHealthy"), at(budget, "status.desiredHealthy")
    text = f"The disruption budget {name} needs {wanted or 0} healthy pods and has {healthy or 0} currently"
    cause = {"reason": "DisruptionBudget", "message": text}
    return errors.ApiError(429, "TooManyRequests", message, {"causes": [cause]})


def _take_one(budget: Body, pod: str, now: str) -> None:
    """One disruption less, until the budget's controller has seen the pod go."""
    budget["status"]["disruptionsAllowed"] -= 1
    budget["status"].setdefault("disruptedPods", {})[pod] = now


def _disrupted(pod: Body, now: str) -> None:
    conditions = pod["status"].setdefault("conditions", [])
    told = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    conditions[:] = [one for one in conditions if one["type"] != "DisruptionTarget"]
    conditions.append({**told, "message": "Eviction API: evicting", "lastTransitionTime": now})
