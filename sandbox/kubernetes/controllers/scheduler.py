"""Gives pods to nodes: selectors, affinity, taints, room, other pods; says why when no node fits."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from ..kinds.base import at
from ..quantities import parse
from .base import Controller, Informers, is_active, now
from .binding import VolumeBinding
from .client import Body, Client, path_of
from .informer import Key, key_of
from .placement import Placement

_UNTOLERATED = "node(s) had untolerated taint(s)"
_RETRY_SECONDS = 1.0


class Scheduler(Controller):
    """Binds pods that have no node."""

    api_version, plural, kind = "v1", "pods", "Pod"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._nodes = informers.of("v1", "nodes")
        self._nodes.on_change(lambda body, before: self._retry())
        self._volumes = VolumeBinding(client, informers, self._retry)

    async def reconcile(self, key: Key) -> None:
        pod = self.own.get(*key)
        if pod is None or pod["spec"].get("nodeName") or not is_active(pod):
            return
        if pod["spec"].get("schedulingGates"):
            return
        claims, kept_waiting = await self._volumes.claims(pod)
        if kept_waiting:
            await self._refused(pod, f"0/{len(self._nodes.objects)} nodes are available: {kept_waiting}.")
            return
        fitting, reasons = [], Counter[str]()
        nodes = list(self._nodes.objects.values())
        eligible = [node for node in nodes if _selected(pod, node)]
        placement = Placement(pod, nodes, eligible, list(self.own.objects.values()))
        for node in nodes:
            why = self._problem(pod, node) or placement.problem(node) or self._volumes.problem(claims, node, _term)
            if why:
                reasons[why] += 1
            else:
                fitting.append(node)
        if not fitting:
            await self._unschedulable(pod, reasons)
            return
        loads = Counter(one["spec"].get("nodeName", "") for one in self.own.objects.values() if is_active(one))

        asked = self._volumes.asked_for(claims)

        def rank(node: Body) -> tuple[bool, int, int, str]:
            name = node["metadata"]["name"]
            return name != asked, placement.penalty(node) - _preferred(pod, node), loads[name], name

        name = min(fitting, key=rank)["metadata"]["name"]
        if not await self._volumes.ready(claims, name):
            return
        target = {"apiVersion": "v1", "kind": "Node", "name": name}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key[1]}, "target": target}
        await self.client.create(path_of("v1", "pods", *key, "binding"), binding)
        fresh = await self.client.get(path_of("v1", "pods", *key))
        if fresh is not None:
            self.own.remember(fresh)
        await self.event(pod, "Normal", "Scheduled", f"Successfully assigned {key[0]}/{key[1]} to {name}")

    def _problem(self, pod: Body, node: Body) -> str:
        """Why a node does not take a pod; "" when it does."""
        if (node.get("spec") or {}).get("unschedulable"):
            return "node(s) were unschedulable"
        if not _tolerated(pod, node):
            return _UNTOLERATED
        conditions = {one["type"]: one["status"] for one in at(node, "status.conditions") or []}
        if conditions.get("Ready") != "True":
            return "node(s) were not ready"
        if not _selected(pod, node):
            return "node(s) didn't match Pod's node affinity/selector"
        return self._no_room(pod, node)

    def _no_room(self, pod: Body, node: Body) -> str:
        room = at(node, "status.allocatable") or {}
        name = node["metadata"]["name"]
        there = [one for one in self.own.objects.values() if one["spec"].get("nodeName") == name and is_active(one)]
        if "pods" in room and len(there) + 1 > parse(room["pods"]):
            return "Too many pods"
        for resource, amount in room.items():
            wanted = _requested(pod, resource)
            if (
                resource != "pods"
                and wanted
                and wanted + sum(_requested(one, resource) for one in there) > parse(amount)
            ):
                return f"Insufficient {resource}"
        missing = [one for one in _resources(pod) if one not in room and room]
        return f"Insufficient {missing[0]}" if missing else ""

    async def _unschedulable(self, pod: Body, reasons: Counter[str]) -> None:
        total = len(self._nodes.objects)
        details = ", ".join(sorted(f"{count} {why}" for why, count in reasons.items()))
        message = f"0/{total} nodes are available: {details}." if total else "no nodes available to schedule pods"
        await self._refused(pod, message)

    async def _refused(self, pod: Body, message: str) -> None:
        conditions = at(pod, "status.conditions") or []
        known: Body = next((one for one in conditions if one["type"] == "PodScheduled"), {})
        if known.get("message") != message:
            stamp = {"lastProbeTime": None, "lastTransitionTime": known.get("lastTransitionTime", now())}
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, **stamp}
            rest = [one for one in conditions if one["type"] != "PodScheduled"]
            patch = {"status": {"conditions": [*rest, told]}}
            self.own.remember(await self.client.patch(self.path(pod, "status"), patch))
            await self.event(pod, "Warning", "FailedScheduling", message)
        self.enqueue_after(key_of(pod), _RETRY_SECONDS)

    def _retry(self) -> None:
        for key, pod in self.own.objects.items():
            if not pod["spec"].get("nodeName"):
                self.enqueue(key)


def fits_node(pod: Body, node: Body) -> bool:
    """Whether a pod may be on a node, whatever room there is."""
    return _tolerated(pod, node) and _selected(pod, node)


def _tolerated(pod: Body, node: Body) -> bool:
    taints = [one for one in at(node, "spec.taints") or [] if one["effect"] in ("NoSchedule", "NoExecute")]
    tolerations = pod["spec"].get("tolerations") or []
    return all(any(tolerates(one, taint) for one in tolerations) for taint in taints)


def tolerates(toleration: Body, taint: Body) -> bool:
    """Whether one toleration is about one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _selected(pod: Body, node: Body) -> bool:
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    terms = at(pod, path)
    return not terms or any(_term(one, labels) for one in terms)


def _preferred(pod: Body, node: Body) -> int:
    """How much the pod's own affinity likes a node."""
    path = "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"
    labels = node["metadata"].get("labels") or {}
    return sum(one["weight"] for one in at(pod, path) or [] if _term(one["preference"], labels))


def _term(term: Body, labels: dict[str, str]) -> bool:
    return all(_expression(one, labels) for one in term.get("matchExpressions") or [])


def _expression(one: Body, labels: dict[str, str]) -> bool:
    key, values, found = one["key"], one.get("values") or [], labels.get(one["key"])
    operator = one["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) == (operator == "Exists")
    if operator in ("In", "NotIn"):
        return (found in values) == (operator == "In")
    if found is None or not found.isdigit():
        return False
    return int(found) > int(values[0]) if operator == "Gt" else int(found) < int(values[0])


def _resources(pod: Body) -> set[str]:
    return {name for one in pod["spec"].get("containers") or [] for name in at(one, "resources.requests") or {}}


def _requested(pod: Body, resource: str) -> Decimal:
    found = [at(one, "resources.requests") or {} for one in pod["spec"].get("containers") or []]
    return sum((parse(one[resource]) for one in found if resource in one), Decimal(0))
