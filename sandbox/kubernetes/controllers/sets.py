"""StatefulSets and DaemonSets: pods with an ordinal, pods per node."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..kinds.base import at
from .base import Controller, Informers, is_active, is_ready, pod_from
from .client import ApiFailure, Body, Client, path_of
from .informer import Key, key_of
from .scheduler import fits_node

_REVISION = "controller-revision-hash"
_TAINTS = ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")


def revision(body: Body) -> str:
    """Of an owner's template; its pods carry it as a label."""
    text = json.dumps(body["spec"]["template"], sort_keys=True)
    return f"{body['metadata']['name']}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def is_current(pod: Body, wanted: str) -> bool:
    """Whether a pod is of a revision."""
    return bool((pod["metadata"].get("labels") or {}).get(_REVISION) == wanted)


def _labelled(template: Body, **labels: str) -> Body:
    made: Body = json.loads(json.dumps(template))
    made.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    return made


class StatefulSets(Controller):
    """apps/v1 StatefulSets: in order unless podManagementPolicy is Parallel."""

    api_version, plural, kind = "apps/v1", "statefulsets", "StatefulSet"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self.follow_owned(self._pods)

    async def reconcile(self, key: Key) -> None:
        owner = self.own.get(*key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        pods = {pod["metadata"]["name"]: pod for pod in self._pods.owned_by(owner["metadata"]["uid"], key[0])}
        await self._step(owner, pods)
        await self._tell(owner)

    async def _step(self, owner: Body, pods: dict[str, Body]) -> None:
        """One change at a time: the next pod is looked at when the one before it is ready."""
        spec, name = owner["spec"], owner["metadata"]["name"]
        first = at(spec, "ordinals.start") or 0
        wanted = [f"{name}-{first + index}" for index in range(spec["replicas"])]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        if not await self._fill(owner, pods, wanted, ordered):
            return
        extra = sorted((one for one in pods if one not in wanted), key=_ordinal, reverse=True)
        for place in extra:
            await self.client.delete(path_of("v1", "pods", *key_of(pods[place])))
            if ordered:
                return
        if not extra and at(spec, "updateStrategy.type") == "RollingUpdate":
            partition = at(spec, "updateStrategy.rollingUpdate.partition") or 0
            await self._roll(owner, pods, wanted[partition:])

    async def _fill(self, owner: Body, pods: dict[str, Body], wanted: list[str], ordered: bool) -> bool:
        """Make what is missing; whether to go on."""
        for place in wanted:
            pod = pods.get(place)
            if pod is None:
                await self._make(owner, place)
            elif at(pod, "status.phase") in ("Succeeded", "Failed"):
                await self.client.delete(path_of("v1", "pods", *key_of(pod)))
            elif is_active(pod) and (is_ready(pod) or not ordered):
                continue
            elif is_active(pod) and not is_current(pod, revision(owner)):
                return True  # a pod of an old revision that never gets ready is replaced
            if ordered:
                return False
        return True

    async def _roll(self, owner: Body, pods: dict[str, Body], places: list[str]) -> None:
        """Replace old pods from the last one on, each when those after it are ready."""
        for place in reversed(places):
            pod = pods.get(place)
            if pod is None or not is_active(pod):
                return
            if not is_current(pod, revision(owner)):
                await self.client.delete(path_of("v1", "pods", *key_of(pod)))
                return
            if not is_ready(pod):
                return

    async def _make(self, owner: Body, name: str) -> None:
        namespace = owner["metadata"]["namespace"]
        labels = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(_ordinal(name))}
        template = _labelled(owner["spec"]["template"], **labels, **{_REVISION: revision(owner)})
        body = pod_from(template, owner, name=name)
        spec: Body = json.loads(json.dumps(body["spec"]))
        spec |= {"hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
        for claim in owner["spec"].get("volumeClaimTemplates") or []:
            volume = claim["metadata"]["name"]
            claimed = f"{volume}-{name}"
            await self._claim(namespace, claimed, claim, owner)
            others = [one for one in spec.get("volumes") or [] if one["name"] != volume]
            spec["volumes"] = [*others, {"name": volume, "persistentVolumeClaim": {"claimName": claimed}}]
        self._pods.remember(await self.client.create(path_of("v1", "pods", namespace), {**body, "spec": spec}))

    async def _claim(self, namespace: str, name: str, template: Body, owner: Body) -> None:
        labels = at(owner, "spec.selector.matchLabels") or {}
        body = {"metadata": {"name": name, "labels": labels}, "spec": template["spec"]}
        try:
            await self.client.create(path_of("v1", "persistentvolumeclaims", namespace), body)
        except ApiFailure as failure:
            if failure.reason != "AlreadyExists":
                raise

    async def _tell(self, owner: Body) -> None:
        owner = self.own.get(*key_of(owner)) or owner
        pods = self._pods.owned_by(owner["metadata"]["uid"], owner["metadata"]["namespace"])
        active = [pod for pod in pods if is_active(pod)]
        update = revision(owner)
        updated = [pod for pod in active if is_current(pod, update)]
        before = owner.get("status") or {}
        done = len(updated) == owner["spec"]["replicas"] == len(active)
        current = update if done else before.get("currentRevision", update)
        ready = sum(map(is_ready, active))
        status: dict[str, Any] = {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": len(active),
            "availableReplicas": self.available(owner, active),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        counts = {
            "readyReplicas": ready,
            "currentReplicas": sum(is_current(pod, current) for pod in active),
            "updatedReplicas": len(updated),
        }
        await self.set_status(owner, status | {name: count for name, count in counts.items() if count})


class DaemonSets(Controller):
    """apps/v1 DaemonSets."""

    api_version, plural, kind = "apps/v1", "daemonsets", "DaemonSet"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self._nodes = informers.of("v1", "nodes")
        self.follow_owned(self._pods)
        self._nodes.on_change(lambda body, before: self._all())

    def _all(self) -> None:
        for key in self.own.objects:
            self.enqueue(key)

    async def reconcile(self, key: Key) -> None:
        owner = self.own.get(*key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        sample = self._pod(owner, "")
        wanted = {name[1] for name, node in self._nodes.objects.items() if fits_node(sample, node)}
        pods = [pod for pod in self._pods.owned_by(owner["metadata"]["uid"], key[0]) if is_active(pod)]
        there: dict[str, Body] = {}
        for pod in pods:
            node = _target(pod)
            if node not in wanted or node in there or at(pod, "status.phase") == "Failed":
                await self.client.delete(path_of("v1", "pods", *key_of(pod)))
            else:
                there[node] = pod
        for node in sorted(wanted - set(there)):
            made = await self.client.create(path_of("v1", "pods", key[0]), self._pod(owner, node))
            self._pods.remember(made)
            there[node] = made
        if at(owner, "spec.updateStrategy.type") == "RollingUpdate":
            await self._roll(owner, there)
        await self._tell(owner, there, len(wanted))

    def _pod(self, owner: Body, node: str) -> Body:
        template = _labelled(owner["spec"]["template"], **{_REVISION: revision(owner)})
        body = pod_from(template, owner, generateName=f"{owner['metadata']['name']}-")
        spec: Body = json.loads(json.dumps(body["spec"]))
        tolerations = spec.setdefault("tolerations", [])
        for taint in _TAINTS:
            effect = "NoExecute" if taint in _TAINTS[:2] else "NoSchedule"
            tolerations.append({"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect})
        if node:
            spec["nodeName"] = node
        return {**body, "spec": spec}

    async def _roll(self, owner: Body, there: dict[str, Body]) -> None:
        """Old pods go as long as few enough are missing."""
        update = revision(owner)
        missing = sum(not is_ready(pod) for pod in there.values())
        for pod in there.values():
            if is_current(pod, update):
                continue
            if is_ready(pod):
                if missing:
                    continue
                missing += 1
            await self.client.delete(path_of("v1", "pods", *key_of(pod)))

    async def _tell(self, owner: Body, there: dict[str, Body], wanted: int) -> None:
        ready = sum(map(is_ready, there.values()))
        available = self.available(owner, there.values())
        status: dict[str, Any] = {
            "observedGeneration": owner["metadata"]["generation"],
            "currentNumberScheduled": len(there),
            "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0,
            "numberReady": ready,
        }
        counts = {
            "numberAvailable": available,
            "numberUnavailable": wanted - available,
            "updatedNumberScheduled": sum(is_current(pod, revision(owner)) for pod in there.values()),
        }
        fresh = self.own.get(*key_of(owner)) or owner
        await self.set_status(fresh, status | {name: count for name, count in counts.items() if count})


def _target(pod: Body) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _ordinal(name: str) -> int:
    return int(name.rpartition("-")[2])
