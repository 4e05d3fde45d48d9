"""Deployments and ReplicaSets: rollouts by revision, rolling or at once, with their progress told."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ..selectors import object_selector
from .base import (
    Controller,
    Informers,
    condition,
    is_active,
    is_ready,
    owner_reference,
    pod_from,
    scaled,
)
from .client import ApiFailure, Body, Client, path_of
from .informer import Key, key_of

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Deployments(Controller):
    """apps/v1 Deployments make ReplicaSets."""

    api_version, plural, kind = "apps/v1", "deployments", "Deployment"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._sets = informers.of("apps/v1", "replicasets")
        self.follow_owned(self._sets)

    async def reconcile(self, key: Key) -> None:
        deployment = self.own.get(*key)
        if deployment is None or deployment["metadata"].get("deletionTimestamp"):
            return
        owned = self._sets.owned_by(deployment["metadata"]["uid"], key[0])
        owned.sort(key=_revision)
        current = next((one for one in owned if _same(one, deployment)), None)
        if current is None:
            if deployment["spec"].get("paused"):
                await self._tell(deployment, None, owned)
                return
            current = await self._new_set(deployment, owned)
            owned.append(current)
        await self._number(deployment, current, owned)
        await self._keep_patience(deployment, current)
        old = [one for one in owned if one is not current]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            await self._recreate(deployment, current, old)
        else:
            await self._roll(deployment, current, old)
        await self._clean_up(deployment, old)
        latest = [self._sets.get(*key_of(one)) or one for one in owned]
        await self._tell(deployment, self._sets.get(*key_of(current)) or current, latest)

    async def _new_set(self, deployment: Body, owned: list[Body]) -> Body:
        digest = _digest(deployment["spec"]["template"])
        namespace, name = key_of(deployment)
        labels = {**(deployment["spec"]["template"].get("metadata", {}).get("labels") or {}), _HASH: digest}
        template = json.loads(json.dumps(deployment["spec"]["template"]))
        template.setdefault("metadata", {})["labels"] = labels
        selector = json.loads(json.dumps(deployment["spec"]["selector"]))
        selector.setdefault("matchLabels", {})[_HASH] = digest
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name}-{digest}",
                "labels": labels,
                "annotations": {_REVISION: str(max(map(_revision, owned), default=0) + 1)},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": template,
                "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
            },
        }
        made = await self.client.create(path_of("apps/v1", "replicasets", namespace), body)
        self._sets.remember(made)
        return made

    async def _number(self, deployment: Body, current: Body, owned: list[Body]) -> None:
        """The newest revision is the current one's; the Deployment carries it."""
        newest = max((_revision(one) for one in owned if one is not current), default=0)
        revision = _revision(current)
        if revision <= newest:
            revision = newest + 1
            patch = {"metadata": {"annotations": {_REVISION: str(revision)}}}
            path = path_of("apps/v1", "replicasets", *key_of(current))
            self._sets.remember(await self.client.patch(path, patch))
        if (deployment["metadata"].get("annotations") or {}).get(_REVISION) != str(revision):
            patch = {"metadata": {"annotations": {_REVISION: str(revision)}}}
            self.own.remember(await self.client.patch(self.path(deployment), patch))

    async def _keep_patience(self, deployment: Body, current: Body) -> None:
        """The ReplicaSet waits for its pods as long as the Deployment says now."""
        wanted = deployment["spec"].get("minReadySeconds") or 0
        if wanted != (current["spec"].get("minReadySeconds") or 0):
            path = path_of("apps/v1", "replicasets", *key_of(current))
            self._sets.remember(await self.client.patch(path, {"spec": {"minReadySeconds": wanted}}))

    async def _roll(self, deployment: Body, current: Body, old: list[Body]) -> None:
        wanted = deployment["spec"]["replicas"]
        rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
        surge = scaled(rolling.get("maxSurge"), wanted, up=True)
        missing = scaled(rolling.get("maxUnavailable"), wanted, up=False)
        if not surge and not missing:
            missing = 1
        total = sum(one["spec"]["replicas"] for one in [current, *old])
        have = current["spec"]["replicas"]
        if have > wanted:
            await self._scale(deployment, current, wanted)
        elif have < wanted and not deployment["spec"].get("paused"):
            room = wanted + surge - total if any(one["spec"]["replicas"] for one in old) else wanted - have
            if room > 0:
                await self._scale(deployment, current, min(wanted, have + room))
        current = self._sets.get(*key_of(current)) or current
        total = sum(one["spec"]["replicas"] for one in [current, *old])
        least = wanted - missing
        not_yet = current["spec"]["replicas"] - (current.get("status", {}).get("availableReplicas") or 0)
        spare = total - least - not_yet
        # Pods that do not run anyway go first.
        for one in old:
            broken = one["spec"]["replicas"] - (one.get("status", {}).get("availableReplicas") or 0)
            count = min(broken, spare)
            if count > 0:
                await self._scale(deployment, one, one["spec"]["replicas"] - count)
                spare -= count
        available = sum((one.get("status", {}).get("availableReplicas") or 0) for one in [current, *old])
        spare = min(spare, available - least)
        for one in old:
            fresh = self._sets.get(*key_of(one)) or one
            count = min(fresh["spec"]["replicas"], spare)
            if count > 0:
                await self._scale(deployment, fresh, fresh["spec"]["replicas"] - count)
                spare -= count

    async def _recreate(self, deployment: Body, current: Body, old: list[Body]) -> None:
        for one in old:
            if one["spec"]["replicas"]:
                await self._scale(deployment, one, 0)
        if all(not (one.get("status") or {}).get("replicas") for one in old):
            await self._scale(deployment, current, deployment["spec"]["replicas"])

    async def _scale(self, deployment: Body, one: Body, replicas: int) -> None:
        before = one["spec"]["replicas"]
        if before == replicas:
            return
        path = path_of("apps/v1", "replicasets", *key_of(one))
        self._sets.remember(await self.client.patch(path, {"spec": {"replicas": replicas}}))
        word = "up" if replicas > before else "down"
        text = f"Scaled {word} replica set {one['metadata']['name']} from {before} to {replicas}"
        await self.event(deployment, "Normal", "ScalingReplicaSet", text)

    async def _clean_up(self, deployment: Body, old: list[Body]) -> None:
        empty = [one for one in old if not one["spec"]["replicas"] and not (one.get("status") or {}).get("replicas")]
        for one in empty[: max(0, len(empty) - deployment["spec"]["revisionHistoryLimit"])]:
            await self.client.delete(path_of("apps/v1", "replicasets", *key_of(one)))

    async def _tell(self, deployment: Body, current: Body | None, owned: list[Body]) -> None:
        def total(name: str) -> int:
            return sum((one.get("status") or {}).get(name) or 0 for one in owned)

        deployment = self.own.get(*key_of(deployment)) or deployment
        wanted = deployment["spec"]["replicas"]
        status: Body = {"observedGeneration": deployment["metadata"]["generation"]}
        updated = ((current or {}).get("status") or {}).get("replicas") or 0
        counts = {
            "replicas": total("replicas"),
            "updatedReplicas": updated,
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": total("availableReplicas"),
            "unavailableReplicas": max(0, wanted - total("availableReplicas")),
        }
        status |= {name: count for name, count in counts.items() if count}
        before = deployment.get("status") or {}
        conditions: list[Body] = json.loads(json.dumps(before.get("conditions") or []))
        rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
        least = wanted - scaled(rolling.get("maxUnavailable"), wanted, up=False)
        if counts["availableReplicas"] >= least:
            text = "Deployment has minimum availability."
            condition(conditions, "Available", "True", "MinimumReplicasAvailable", text, lastUpdateTime="")
        else:
            text = "Deployment does not have minimum availability."
            condition(conditions, "Available", "False", "MinimumReplicasUnavailable", text, lastUpdateTime="")
        if current is not None:
            self._progress(deployment, current, conditions, counts, {name: before.get(name, 0) for name in counts})
        failed = _failure(current)
        if failed:
            condition(conditions, "ReplicaFailure", "True", "FailedCreate", failed, lastUpdateTime="")
        else:
            conditions = [one for one in conditions if one["type"] != "ReplicaFailure"]
        await self.set_status(deployment, {**status, "conditions": conditions})

    def _progress(
        self, deployment: Body, current: Body, conditions: list[Body], counts: dict[str, int], before: dict[str, int]
    ) -> None:
        wanted, name = deployment["spec"]["replicas"], current["metadata"]["name"]
        complete = counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted
        found = next((one for one in conditions if one["type"] == "Progressing"), None)
        if complete:
            text = f'ReplicaSet "{name}" has successfully progressed.'
            condition(conditions, "Progressing", "True", "NewReplicaSetAvailable", text, lastUpdateTime="")
            return
        moved = any(counts[one] > before[one] for one in ("updatedReplicas", "readyReplicas", "availableReplicas"))
        fresh = found is None or name not in found.get("message", "") or found["reason"] == "NewReplicaSetAvailable"
        seconds = deployment["spec"].get("progressDeadlineSeconds") or 600
        if fresh or moved or found is None:
            if found is not None:
                found.pop("reason", None)
            text = f'ReplicaSet "{name}" is progressing.'
            condition(conditions, "Progressing", "True", "ReplicaSetUpdated", text, lastUpdateTime="")
            self.enqueue_after(key_of(deployment), seconds + 0.1)
            return
        since = datetime.fromisoformat(found["lastUpdateTime"])
        if datetime.now(UTC) >= since + timedelta(seconds=seconds):
            text = f'ReplicaSet "{name}" has timed out progressing.'
            condition(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text, lastUpdateTime="")
        else:
            left = (since + timedelta(seconds=seconds) - datetime.now(UTC)).total_seconds()
            self.enqueue_after(key_of(deployment), left + 0.1)


class ReplicaSets(Controller):
    """apps/v1 ReplicaSets make pods."""

    api_version, plural, kind = "apps/v1", "replicasets", "ReplicaSet"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self.follow_owned(self._pods)

    async def reconcile(self, key: Key) -> None:
        owner = self.own.get(*key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        pods = [one for one in self._pods.owned_by(owner["metadata"]["uid"], key[0]) if is_active(one)]
        wanted = owner["spec"]["replicas"]
        failure = ""
        if len(pods) < wanted:
            failure = await self._create(owner, wanted - len(pods))
        elif len(pods) > wanted:
            await self._delete(pods, len(pods) - wanted)
        pods = [one for one in self._pods.owned_by(owner["metadata"]["uid"], key[0]) if is_active(one)]
        await self._tell(owner, pods, failure)
        if failure:
            self.enqueue_after(key, 1.0)

    async def _create(self, owner: Body, count: int) -> str:
        namespace, name = key_of(owner)
        for _ in range(count):
            body = pod_from(owner["spec"]["template"], owner, generateName=f"{name}-")
            try:
                self._pods.remember(await self.client.create(path_of("v1", "pods", namespace), body))
            except ApiFailure as failure:
                if failure.code not in (403, 422):
                    raise
                if _failure(owner) != failure.message:
                    await self.event(owner, "Warning", "FailedCreate", f"Error creating: {failure.message}")
                return failure.message
        return ""

    async def _delete(self, pods: list[Body], count: int) -> None:
        """Those that are least far go first."""
        pods.sort(key=_usefulness)
        await asyncio.gather(*(self.client.delete(path_of("v1", "pods", *key_of(pod))) for pod in pods[:count]))
        for pod in pods[:count]:
            fresh = await self.client.get(path_of("v1", "pods", *key_of(pod)))
            if fresh is None:
                self._pods.objects.pop(key_of(pod), None)
            else:
                self._pods.remember(fresh)

    async def _tell(self, owner: Body, pods: list[Body], failure: str) -> None:
        ready = sum(map(is_ready, pods))
        status: Body = {"replicas": len(pods), "observedGeneration": owner["metadata"]["generation"]}
        labels = owner["spec"]["template"].get("metadata", {}).get("labels") or {}
        fits = object_selector({"matchLabels": labels})
        counts = {
            "fullyLabeledReplicas": sum(fits(pod["metadata"].get("labels") or {}) for pod in pods),
            "readyReplicas": ready,
            "availableReplicas": self.available(owner, pods),
        }
        status |= {name: count for name, count in counts.items() if count}
        conditions: list[Body] = json.loads(json.dumps((owner.get("status") or {}).get("conditions") or []))
        if failure:
            condition(conditions, "ReplicaFailure", "True", "FailedCreate", failure)
        else:
            conditions = [one for one in conditions if one["type"] != "ReplicaFailure"]
        if conditions:
            status["conditions"] = conditions
        await self.set_status(self.own.get(*key_of(owner)) or owner, status)


def _usefulness(pod: Body) -> tuple[bool, bool, str]:
    return bool(pod["spec"].get("nodeName")), is_ready(pod), pod["metadata"]["creationTimestamp"]


def _failure(replica_set: Body | None) -> str:
    for one in ((replica_set or {}).get("status") or {}).get("conditions") or []:
        if one["type"] == "ReplicaFailure":
            return str(one.get("message", ""))
    return ""


def _revision(replica_set: Body) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(_REVISION, 0))


def _same(replica_set: Body, deployment: Body) -> bool:
    """Whether a ReplicaSet has the Deployment's template, apart from the hash."""
    template: Any = json.loads(json.dumps(replica_set["spec"]["template"]))
    template.get("metadata", {}).get("labels", {}).pop(_HASH, None)
    return bool(_plain(template) == _plain(deployment["spec"]["template"]))


def _plain(template: Body) -> Body:
    meta = {name: value for name, value in (template.get("metadata") or {}).items() if value}
    return {"metadata": meta, "spec": template["spec"]}


def _digest(template: Body) -> str:
    number = int(hashlib.sha256(json.dumps(_plain(template), sort_keys=True).encode()).hexdigest(), 16)
    text = ""
    for _ in range(10):
        number, rest = divmod(number, len(_LETTERS))
        text += _LETTERS[rest]
    return text
