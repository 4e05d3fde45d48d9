"""Nodes of the cluster's node pools: registered when their machines are there, drained and deleted when they go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..kinds.base import at
from .base import Controller, Informers, is_active
from .client import ApiFailure, Body, Client, path_of
from .informer import Key, key_of

# A budget can hold up a drain only so long; clouds wait 15 minutes or an hour.
_PATIENCE_SECONDS = 10.0
_AGAIN_SECONDS = 0.2


class NodePools(Controller):
    """Follows the nodes that the cloud has; nodes that it never named are left alone."""

    api_version, plural, kind = "v1", "nodes", "Node"

    def __init__(self, client: Client, informers: Informers, nodes: Sequence[Body]) -> None:
        super().__init__(client, informers)
        self._wanted: dict[str, Body] = {}
        self._named: set[str] = set()
        self._applied: dict[str, Body] = {}
        self._leaving: dict[str, float] = {}
        self._pods = informers.of("v1", "pods")
        self._pods.on_change(self._pod_changed)
        self.want(nodes)

    def want(self, nodes: Sequence[Body]) -> None:
        """The nodes that there are now."""
        before, self._wanted = self._wanted, {body["metadata"]["name"]: body for body in nodes}
        # Here, not when it is looked at: a node may go before anybody has.
        self._named.update(self._wanted)
        for name in {*before, *self._wanted}:
            if essence(before.get(name)) != essence(self._wanted.get(name)):
                self.enqueue(("", name))

    def _pod_changed(self, pod: Body, before: Body | None) -> None:
        name = pod["spec"].get("nodeName")
        if name in self._leaving:
            self.enqueue(("", name))

    async def reconcile(self, key: Key) -> None:
        name, found, wanted = key[1], self.own.get(*key), self._wanted.get(key[1])
        if wanted is not None:
            if found is not None and _is_another(found, wanted):
                # A new machine has the name of one that goes: one after the other.
                self._applied.setdefault(name, found)
                await self._leave(found)
                return
            left = self._leaving.pop(name, None)
            if found is None:
                await self._register(wanted)
            else:
                if left is not None and at(found, "spec.unschedulable"):
                    found = await self.client.patch(self.path(found), {"spec": {"unschedulable": None}})
                await self._update(found, wanted)
        elif found is not None and name in self._named:
            await self._leave(found)
        elif found is None:
            self._applied.pop(name, None)
            self._leaving.pop(name, None)

    async def _register(self, wanted: Body) -> None:
        self._applied[wanted["metadata"]["name"]] = wanted
        self.own.remember(await self.client.create(path_of("v1", "nodes"), wanted))

    async def _update(self, found: Body, wanted: Body) -> None:
        """Labels, taints and the kubelet's version as the pool has them; what others have set stays."""
        name = found["metadata"]["name"]
        before = self._applied.get(name, {})
        self._applied[name] = wanted
        if essence(before) == essence(wanted):
            return
        was, labels = at(before, "metadata.labels") or {}, at(wanted, "metadata.labels") or {}
        if not before and labels.items() <= (at(found, "metadata.labels") or {}).items():
            return
        spec: Body = {}
        old, new = at(before, "spec.taints") or [], at(wanted, "spec.taints") or []
        if before and old != new:
            kept = [one for one in at(found, "spec.taints") or [] if one not in old and one not in new]
            spec["taints"] = [*kept, *new]
        patch = {"metadata": {"labels": {**{one: None for one in was if one not in labels}, **labels}}, "spec": spec}
        await self.client.patch(self.path(found), patch)
        names = ["capacity", "allocatable", "nodeInfo"]
        if before and _conditions(before) != _conditions(wanted):
            names.append("conditions")
        told = {name: at(wanted, f"status.{name}") for name in names}
        if before and told != {name: at(before, f"status.{name}") for name in told}:
            await self.client.patch(self.path(found, "status"), {"status": told})

    async def _leave(self, found: Body) -> None:
        name = found["metadata"]["name"]
        since = self._leaving.setdefault(name, time.monotonic())
        if not at(found, "spec.unschedulable"):
            self.own.remember(await self.client.patch(self.path(found), {"spec": {"unschedulable": True}}))
        pods = [pod for pod in self._pods.objects.values() if pod["spec"].get("nodeName") == name]
        movable = [pod for pod in pods if not _stays(pod)]
        impatient = time.monotonic() - since > _PATIENCE_SECONDS
        for pod in movable:
            if not pod["metadata"].get("deletionTimestamp"):
                await self._evict(pod, impatient)
        if movable:
            self.enqueue_after(("", name), _AGAIN_SECONDS)
            return
        await self.client.delete(self.path(found))
        for pod in pods:  # the machine is gone, and with it whatever ran on it
            await self.client.delete(path_of("v1", "pods", *key_of(pod)), gracePeriodSeconds=0)

    async def _evict(self, pod: Body, force: bool) -> None:
        path = path_of("v1", "pods", *key_of(pod))
        if force:
            await self.client.delete(path)
            return
        meta = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
        eviction: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
        try:
            await self.client.create(f"{path}/eviction", eviction)
        except ApiFailure as failure:
            if failure.code not in (404, 429):  # gone already, or a budget says: later
                raise


def _is_another(found: Body, wanted: Body) -> bool:
    """Whether it is another machine under the same name."""
    there, new = at(found, "spec.providerID"), at(wanted, "spec.providerID")
    return bool(there and new and there != new)


def essence(body: Body | None) -> Body | None:
    """What a node is, without the times at which it said so."""
    if not body:
        return None
    status = {key: value for key, value in (body.get("status") or {}).items() if key != "conditions"}
    return {**body, "status": {**status, "conditions": _conditions(body)}}


def _conditions(body: Body) -> list[tuple[str, str]]:
    return [(one["type"], one["status"]) for one in at(body, "status.conditions") or []]


def _stays(pod: Body) -> bool:
    """Pods that a drain leaves alone."""
    owners = pod["metadata"].get("ownerReferences") or []
    return (not is_active(pod) and not pod["metadata"].get("deletionTimestamp")) or any(
        one["kind"] == "DaemonSet" for one in owners
    )
