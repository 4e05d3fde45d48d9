"""What follows from the state of nodes: taints, pods not ready, evictions, pods of nodes that are gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..kinds.base import at
from .base import Controller, Informers, is_ready
from .client import Body, Client, path_of
from .informer import Key, key_of
from .scheduler import tolerates

_STRATEGIC = "application/strategic-merge-patch+json"
_PREFIX = "node.kubernetes.io/"
_NOT_READY, _UNREACHABLE = f"{_PREFIX}not-ready", f"{_PREFIX}unreachable"
_UNSCHEDULABLE = f"{_PREFIX}unschedulable"
# Conditions of a node that keep new pods away.
_PRESSURES = {
    "MemoryPressure": f"{_PREFIX}memory-pressure",
    "DiskPressure": f"{_PREFIX}disk-pressure",
    "PIDPressure": f"{_PREFIX}pid-pressure",
    "NetworkUnavailable": f"{_PREFIX}network-unavailable",
}
_OWN = (_NOT_READY, _UNREACHABLE, _UNSCHEDULABLE, *_PRESSURES.values())
# A node that is gone may only have been registered anew; a real cluster waits 40 s.
_QUARANTINE_SECONDS = 2.0


def readiness(node: Body | None) -> str:
    """``True``, ``False`` or ``Unknown`` (nothing is heard of the kubelet); "" for no node."""
    if node is None:
        return ""
    conditions = at(node, "status.conditions") or []
    return next((str(one["status"]) for one in conditions if one["type"] == "Ready"), "Unknown")


class NodeLifecycle(Controller):
    """Taints nodes by their conditions and by ``spec.unschedulable``; marks the pods of a node that is not ready."""

    api_version, plural, kind = "v1", "nodes", "Node"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self._marked: dict[Key, str] = {}

    async def reconcile(self, key: Key) -> None:
        node = self.own.get(*key)
        if node is None:
            self._marked.pop(key, None)
            return
        await self._taint(node)
        state = readiness(node)
        if state != "True" and self._marked.get(key) != state:
            for pod in list(self._pods.objects.values()):
                if pod["spec"].get("nodeName") == key[1] and is_ready(pod):
                    await self._unready(pod)
            if self._marked.get(key) in (None, "True"):
                await self.event(node, "Normal", "NodeNotReady", f"Node {key[1]} status is now: NodeNotReady")
        self._marked[key] = state

    async def _taint(self, node: Body) -> None:
        found: list[Body] = at(node, "spec.taints") or []
        stamp = self.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        known = {(one["key"], one["effect"]): one for one in found}
        wanted: list[Body] = []
        for key, effect in _wanted(node):
            timed = {"timeAdded": stamp} if effect == "NoExecute" or key == _UNSCHEDULABLE else {}
            wanted.append(known.get((key, effect)) or {"key": key, "effect": effect, **timed})
        taints = [one for one in found if one["key"] not in _OWN] + wanted
        if sorted(map(str, taints)) != sorted(map(str, found)):
            patch = {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}, "spec": {"taints": taints}}
            self.own.remember(await self.client.patch(self.path(node), patch))

    async def _unready(self, pod: Body) -> None:
        stamp = self.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {"type": "Ready", "status": "False", "lastTransitionTime": stamp}
        patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": {"conditions": [told]}}
        path = path_of("v1", "pods", *key_of(pod), "status")
        self._pods.remember(await self.client.patch(path, patch, _STRATEGIC))
        await self.event(pod, "Warning", "NodeNotReady", "Node is not ready")


def _wanted(node: Body) -> list[tuple[str, str]]:
    state = readiness(node)
    found = []
    if state != "True":
        key = _NOT_READY if state == "False" else _UNREACHABLE
        found = [(key, "NoSchedule"), (key, "NoExecute")]
    conditions = {one["type"]: one["status"] for one in at(node, "status.conditions") or []}
    found += [(key, "NoSchedule") for name, key in _PRESSURES.items() if conditions.get(name) == "True"]
    if at(node, "spec.unschedulable"):
        found.append((_UNSCHEDULABLE, "NoSchedule"))
    return found


class Evictions(Controller):
    """Deletes pods that do not tolerate a NoExecute taint, when their patience is over, and pods without a node."""

    api_version, plural, kind = "v1", "pods", "Pod"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._nodes = informers.of("v1", "nodes")
        self._nodes.on_change(self._node_changed)
        self._orphans: dict[str, datetime] = {}

    def _node_changed(self, node: Body, before: Body | None) -> None:
        name = node["metadata"]["name"]
        gone = self._nodes.get("", name) is None
        if before is not None and not gone and at(before, "spec.taints") == at(node, "spec.taints"):
            return
        for key, pod in self.own.objects.items():
            if pod["spec"].get("nodeName") == name:
                self.enqueue(key)

    async def reconcile(self, key: Key) -> None:
        pod = self.own.get(*key)
        if pod is None:
            self.forget_moment(key)
            return
        uid, name = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if not name:
            return
        node = self._nodes.get("", name)
        if node is None:
            await self._orphaned(pod, name)
            return
        self._orphans.pop(uid, None)
        if pod["metadata"].get("deletionTimestamp"):
            self.forget_moment(key)
            return
        moment = self._moment(pod, node)
        if moment is None:
            self.forget_moment(key)
        elif moment > self.clock.wall():
            self.enqueue_at(key, moment)
        else:
            text = "Taint manager: deleting due to NoExecute taint"
            await self.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key[0]}/{key[1]}")
            await self._disrupt(pod, "DeletionByTaintManager", text)
            await self.client.delete(self.path(pod))

    def _moment(self, pod: Body, node: Body) -> datetime | None:
        """When a pod has to go; None when it may stay."""
        moments = []
        for taint in at(node, "spec.taints") or []:
            if taint["effect"] != "NoExecute":
                continue
            fitting = [one for one in pod["spec"].get("tolerations") or [] if tolerates(one, taint)]
            seconds = [max(0, one["tolerationSeconds"]) for one in fitting if one.get("tolerationSeconds") is not None]
            if fitting and not seconds:
                continue
            since = taint.get("timeAdded")
            start = datetime.fromisoformat(since) if since else self.clock.wall()
            moments.append(start + timedelta(seconds=min(seconds, default=0)))
        return min(moments, default=None)

    async def _orphaned(self, pod: Body, node: str) -> None:
        uid = pod["metadata"]["uid"]
        due = self._orphans.setdefault(uid, self.clock.wall() + timedelta(seconds=_QUARANTINE_SECONDS))
        if due > self.clock.wall():
            self.enqueue_at(key_of(pod), due)
            return
        if await self.client.get(path_of("v1", "nodes", name=node)) is not None:
            return
        del self._orphans[uid]
        if at(pod, "status.phase") not in ("Succeeded", "Failed"):
            await self._disrupt(pod, "DeletionByPodGC", "PodGC: node no longer exists", phase="Failed")
        await self.client.delete(self.path(pod), gracePeriodSeconds=0, preconditions={"uid": uid})

    async def _disrupt(self, pod: Body, reason: str, message: str, **more: Any) -> None:
        stamp = self.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
        status = {"conditions": [{**told, "lastTransitionTime": stamp}], **more}
        patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        await self.client.patch(self.path(pod, "status"), patch, _STRATEGIC)
