"""EndpointSlices and Endpoints: where the pods of a Service are."""

from __future__ import annotations

from ..kinds.base import at
from ..selectors import object_selector
from .base import Controller, Informers, is_ready, owner_reference
from .client import ApiFailure, Body, Client, path_of
from .informer import Key, key_of

_MANAGED_BY = "endpointslice-controller.k8s.io"
_SERVICE_LABEL = "kubernetes.io/service-name"


class Endpoints(Controller):
    """Keeps one slice and one Endpoints object per Service with a selector."""

    api_version, plural, kind = "v1", "services", "Service"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self._pods.on_change(self._pod_changed)

    def _pod_changed(self, pod: Body, before: Body | None) -> None:
        namespace = pod["metadata"]["namespace"]
        for service in self.own.in_namespace(namespace):
            selector = at(service, "spec.selector")
            if not selector:
                continue
            fits = object_selector({"matchLabels": selector})
            if any(fits(one["metadata"].get("labels") or {}) for one in (pod, before) if one):
                self.enqueue(key_of(service))

    async def reconcile(self, key: Key) -> None:
        service = self.own.get(*key)
        if service is None:
            await self.client.delete(path_of("v1", "endpoints", *key))
            return
        selector = at(service, "spec.selector")
        if not selector or service["metadata"].get("deletionTimestamp"):
            return
        fits = object_selector({"matchLabels": selector})
        pods = [
            pod
            for pod in self._pods.in_namespace(key[0])
            if fits(pod["metadata"].get("labels") or {}) and at(pod, "status.podIP") and _runs(pod)
        ]
        pods.sort(key=lambda pod: str(pod["metadata"]["name"]))
        await self._slice(service, pods)
        await self._endpoints(service, pods)

    async def _slice(self, service: Body, pods: list[Body]) -> None:
        namespace, name = key_of(service)
        endpoints = []
        for pod in pods:
            going = bool(pod["metadata"].get("deletionTimestamp"))
            ready = is_ready(pod)
            endpoints.append(
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {"ready": ready and not going, "serving": ready, "terminating": going},
                    "nodeName": pod["spec"]["nodeName"],
                    "targetRef": _reference(pod),
                }
            )
        labels = {_SERVICE_LABEL: name, "endpointslice.kubernetes.io/managed-by": _MANAGED_BY}
        body: Body = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-sandbox", "labels": labels, "ownerReferences": [owner_reference(service)]},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": _ports(service, pods),
        }
        await self._put(path_of("discovery.k8s.io/v1", "endpointslices", namespace), body)

    async def _endpoints(self, service: Body, pods: list[Body]) -> None:
        namespace, name = key_of(service)
        sides: dict[bool, list[Body]] = {True: [], False: []}
        for pod in pods:
            if not pod["metadata"].get("deletionTimestamp"):
                address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"]}
                sides[is_ready(pod)].append({**address, "targetRef": _reference(pod)})
        subset: Body = {}
        if sides[True]:
            subset["addresses"] = sides[True]
        if sides[False]:
            subset["notReadyAddresses"] = sides[False]
        subsets = [{**subset, "ports": _ports(service, pods)}] if subset else []
        body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": subsets}
        await self._put(path_of("v1", "endpoints", namespace), body)

    async def _put(self, path: str, body: Body) -> None:
        """Create, or patch what exists."""
        try:
            await self.client.patch(f"{path}/{body['metadata']['name']}", body)
        except ApiFailure as failure:
            if failure.code != 404:
                raise
            try:
                await self.client.create(path, body)
            except ApiFailure as refused:
                if refused.code != 403:  # the namespace is going
                    raise


def _runs(pod: Body) -> bool:
    return at(pod, "status.phase") not in ("Succeeded", "Failed")


def _reference(pod: Body) -> Body:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


def _ports(service: Body, pods: list[Body]) -> list[Body]:
    """The Service's ports as the pods' own; names of container ports are looked up in the first pod."""
    named = {
        port["name"]: port["containerPort"]
        for pod in pods[:1]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or []
        if port.get("name")
    }
    found = []
    for port in at(service, "spec.ports") or []:
        target = port.get("targetPort", port["port"])
        number = named.get(target) if isinstance(target, str) else target
        if number is not None:
            name = {"name": port["name"]} if port.get("name") else {}
            found.append({**name, "port": number, "protocol": port.get("protocol", "TCP")})
    return found
