"""``metrics.k8s.io``: what pods and nodes use, as annotations say it.

``metrics.sandbox/cpu`` and ``metrics.sandbox/memory`` on a pod are what that pod uses. On the Deployment, StatefulSet
or ReplicaSet that controls it they are the load of the whole, which its running pods share equally: more pods, less
each. Pods without either have no metrics, as in a cluster whose metrics server has not seen them yet.
"""

from __future__ import annotations

from decimal import Decimal

from .errors import ApiError, no_such_path, not_found
from .kinds.base import at
from .metadata import timestamp
from .quantities import canonical, parse
from .registry import Registry
from .requests import RequestInfo
from .selectors import label_selector
from .store import Body, Store

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
_PREFIX = "metrics.sandbox/"
_RESOURCES = ("cpu", "memory")
_OWNERS = {
    "ReplicaSet": "replicasets.apps",
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
}
Usage = dict[str, Decimal]


def answer(registry: Registry, info: RequestInfo, labels: str) -> Body:
    """PodMetrics or NodeMetrics, one of them or their list. ApiError 404 for what has none."""
    if info.subresource:
        raise no_such_path()
    make = _pods if info.resource == "pods" else _nodes
    found = make(registry, info.namespace)
    if info.verb == "get":
        one = next((body for body in found if body["metadata"]["name"] == info.name), None)
        if one is None:
            raise _missing(info)
        return one
    fits = label_selector(labels)
    items = [body for body in found if fits is None or fits(body["metadata"].get("labels") or {})]
    kind = "PodMetricsList" if info.resource == "pods" else "NodeMetricsList"
    return {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


def usage(store: Store, pod: Body) -> Usage:
    """What a pod uses; empty when nothing says it."""
    found = _annotated(pod)
    owner: Body | None = pod
    while not found and owner is not None:
        owner, pods = _controller(store, owner), 0
        found = _annotated(owner or {})
        if found and owner is not None:
            pods = sum(
                _runs(one.body) and _descends(store, one.body, owner)
                for one in store.objects("pods", pod["metadata"]["namespace"])
            )
            found = {name: amount / pods for name, amount in found.items()} if pods else {}
    return found


def _annotated(body: Body) -> Usage:
    annotations = at(body, "metadata.annotations") or {}
    found: Usage = {}
    for name in _RESOURCES:
        try:
            found[name] = parse(annotations[_PREFIX + name])
        except (KeyError, ValueError):
            continue
    return found


def _controller(store: Store, body: Body) -> Body | None:
    for reference in body["metadata"].get("ownerReferences") or []:
        storage = _OWNERS.get(reference["kind"])
        if reference.get("controller") and storage:
            stored = store.get(storage, (body["metadata"]["namespace"], reference["name"]))
            if stored is not None and stored.body["metadata"]["uid"] == reference["uid"]:
                return stored.body
    return None


def _descends(store: Store, body: Body, owner: Body) -> bool:
    """Whether ``owner`` controls it, or controls what controls it."""
    found = _controller(store, body)
    while found is not None and found["metadata"]["uid"] != owner["metadata"]["uid"]:
        found = _controller(store, found)
    return found is not None


def _runs(pod: Body) -> bool:
    return at(pod, "status.phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def _pods(registry: Registry, namespace: str) -> list[Body]:
    found = []
    for stored in registry.store.objects("pods", namespace):
        pod = stored.body
        used = usage(registry.store, pod) if _runs(pod) else {}
        if used:
            containers = pod["spec"]["containers"]
            # The first container does the work.
            shown = [{"name": one["name"], "usage": dict.fromkeys(used, "0")} for one in containers]
            shown[0]["usage"] = _written(used)
            found.append({**_head(registry, "PodMetrics", pod), "containers": shown})
    return found


def _nodes(registry: Registry, namespace: str) -> list[Body]:
    totals: dict[str, Usage] = {}
    for stored in registry.store.objects("pods"):
        if _runs(stored.body):
            total = totals.setdefault(stored.body["spec"].get("nodeName", ""), {})
            for name, amount in usage(registry.store, stored.body).items():
                total[name] = total.get(name, Decimal(0)) + amount
    found = []
    for stored in registry.store.objects("nodes"):
        used = dict.fromkeys(_RESOURCES, Decimal(0)) | totals.get(stored.body["metadata"]["name"], {})
        found.append({**_head(registry, "NodeMetrics", stored.body), "usage": _written(used)})
    return found


def _head(registry: Registry, kind: str, body: Body) -> Body:
    now = timestamp(registry.clock.wall())
    names = ("name", "namespace", "labels")
    meta = {name: body["metadata"][name] for name in names if body["metadata"].get(name)}
    head = {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": {**meta, "creationTimestamp": now}}
    return {**head, "timestamp": now, "window": "15s"}


def _written(used: Usage) -> dict[str, str]:
    """CPU in nanocores and memory in KiB, rounded as a metrics server does."""
    shown = {}
    for name, amount in used.items():
        text = f"{int(amount * 10**9)}n" if name == "cpu" else f"{-(-int(amount) // 1024)}Ki"
        shown[name] = canonical(text) if name == "cpu" else text
    return shown


def _missing(info: RequestInfo) -> ApiError:
    name = f"{info.namespace}/{info.name}" if info.namespace else info.name
    return not_found(info.resource, GROUP, name)
