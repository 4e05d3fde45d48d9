"""LoadBalancer services: an address each, listeners behind it, and the objects of the cloud."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Callable, Sequence

from ..kinds.base import at
from .base import Controller, Informers
from .client import Body, Client
from .cloud import CloudObjects
from .forwarding import Forwarder, Target
from .informer import Key

CLASS = "loadBalancerClass"
FINALIZER = "service.kubernetes.io/load-balancer-cleanup"


class LoadBalancers(Controller):
    """Serves every LoadBalancer service without a class of its own on an address of ``network``."""

    api_version, plural, kind = "v1", "services", "Service"

    def __init__(
        self, client: Client, informers: Informers, objects: CloudObjects | None, network: ipaddress.IPv4Network
    ) -> None:
        super().__init__(client, informers)
        self._objects = objects
        self._network = network
        self._endpoints = informers.of("v1", "endpoints")
        self._listeners: dict[Key, dict[tuple[str, int], Forwarder]] = {}
        self._refused: dict[Key, set[tuple[str, int]]] = {}
        self._made: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            for key in list(self._listeners):
                self._close(key)

    async def reconcile(self, key: Key) -> None:
        service = self.own.get(*key)
        if service is None:
            self._close(key)
            return
        meta = service["metadata"]
        held = FINALIZER in (meta.get("finalizers") or [])
        balanced = at(service, "spec.type") == "LoadBalancer" and not service["spec"].get(CLASS)
        if balanced and not meta.get("deletionTimestamp"):
            if not held:
                service = await self._finalizers(service, [*(meta.get("finalizers") or []), FINALIZER])
                await self.event(service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
            await self._ensure(service)
        elif held:
            await self._release(key, service)
        else:
            self._close(key)

    async def _ensure(self, service: Body) -> None:
        given = at(service, "status.loadBalancer.ingress") or []
        address = given[0]["ip"] if given else self._free()
        ingress = [{"ip": address, "ipMode": "VIP"}]
        status = {**(service.get("status") or {}), "loadBalancer": {"ingress": ingress}}
        await self._make({**service, "status": status})
        await self._listen(service, address)
        if not given:
            await self.set_status(service, status)
            await self.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer")

    async def _make(self, service: Body) -> None:
        """The cloud's part, again whenever the service has changed."""
        meta = service["metadata"]
        state = json.dumps([meta.get("annotations"), service["spec"]], sort_keys=True)
        if self._objects is None or self._made.get(meta["uid"]) == state:
            return
        try:
            # Not in this thread: the cloud may be at work, and must never wait for us while we wait for it.
            await asyncio.to_thread(self._objects.balancer, service)
        except Exception as error:
            await self._failed(service, f"Error syncing load balancer: failed to ensure load balancer: {error}")
            raise
        self._made[meta["uid"]] = state
        self._told.pop(meta["uid"], None)

    async def _release(self, key: Key, service: Body) -> None:
        self._close(key)
        meta = service["metadata"]
        await self.event(service, "Normal", "DeletingLoadBalancer", "Deleting load balancer")
        if self._objects is not None:
            try:
                await asyncio.to_thread(self._objects.no_balancer, service)
            except Exception as error:
                await self._failed(service, f"Error syncing load balancer: failed to delete load balancer: {error}")
                raise
        self._made.pop(meta["uid"], None)
        self._told.pop(meta["uid"], None)
        if not meta.get("deletionTimestamp"):
            # A null takes the addresses away.
            await self.set_status(service, {**(service.get("status") or {}), "loadBalancer": {"ingress": None}})
            service = self.own.get(*key) or service
        await self._finalizers(service, [one for one in service["metadata"]["finalizers"] if one != FINALIZER])
        await self.event(service, "Normal", "DeletedLoadBalancer", "Deleted load balancer")

    async def _failed(self, service: Body, text: str) -> None:
        """Once, not at every attempt."""
        uid = service["metadata"]["uid"]
        if self._told.get(uid) != text:
            self._told[uid] = text
            await self.event(service, "Warning", "SyncLoadBalancerFailed", text)

    async def _finalizers(self, service: Body, wanted: Sequence[str]) -> Body:
        version = service["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version, "finalizers": list(wanted) or None}}
        changed = await self.client.patch(self.path(service), patch)
        if wanted:
            self.own.remember(changed)
        return changed

    def _free(self) -> str:
        taken = {
            one.get("ip")
            for service in self.own.objects.values()
            for one in at(service, "status.loadBalancer.ingress") or []
        }
        return next(str(address) for address in self._network.hosts() if str(address) not in taken)

    # --- listeners ------------------------------------------------------------------------------------------------

    async def _listen(self, service: Body, address: str) -> None:
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        ports = {one["port"]: one.get("name", "") for one in service["spec"]["ports"] if one["protocol"] == "TCP"}
        listeners = self._listeners.setdefault(key, {})
        refused = self._refused.setdefault(key, set())
        for place in [place for place in listeners if place[0] != address or place[1] not in ports]:
            listeners.pop(place).close()
        for port, name in ports.items():
            place = (address, port)
            if place in listeners or place in refused:
                continue
            forwarder = Forwarder(self._targets(key, name))
            try:
                await forwarder.listen(address, port)
            except OSError as error:
                refused.add(place)
                text = f"Nothing listens on {address}:{port} of this machine: {error.strerror or error}"
                await self.event(service, "Warning", "PortNotServed", text)
                continue
            listeners[place] = forwarder

    def _targets(self, key: Key, name: str) -> Callable[[], list[Target]]:
        def ready() -> list[Target]:
            found = self._endpoints.get(*key) or {}
            return [
                (address["ip"], port["port"])
                for subset in found.get("subsets") or []
                for port in subset.get("ports") or []
                if port.get("name", "") == name
                for address in subset.get("addresses") or []
            ]

        return ready

    def _close(self, key: Key) -> None:
        self._refused.pop(key, None)
        for forwarder in self._listeners.pop(key, {}).values():
            forwarder.close()
