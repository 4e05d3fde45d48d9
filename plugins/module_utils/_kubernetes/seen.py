# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster holds of services: one look at their namespaces, and what is told of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._engine.errors import NotFound
from .._spec.services import Service
from .application import Rendered
from .client import Client
from .objects import Body
from .place import SERVICE_LABEL
from .pods import CANARY
from .rollouts import Rollout, revision


@dataclass
class Seen:
    """Objects of services by kind."""

    deployments: list[Body] = field(default_factory=list)
    replica_sets: list[Body] = field(default_factory=list)
    services: list[Body] = field(default_factory=list)
    maps: list[Body] = field(default_factory=list)

    def rollouts(self, service: Service) -> list[Rollout]:
        """Of the service's Deployments that exist."""
        names = (service.name, f"{service.name}-{CANARY}")
        mine = (body for body in self.deployments if body["metadata"]["namespace"] == service.namespace)
        return [Rollout.of(body, self.replica_sets) for body in mine if body["metadata"]["name"] in names]

    def config_maps(self, service: Service, names: Collection[str]) -> list[Body]:
        """Those of the service with these names, as manifests."""
        found = []
        for body in self.maps:
            meta = body["metadata"]
            own = meta["namespace"] == service.namespace and meta["labels"][SERVICE_LABEL] == service.name
            if own and meta["name"] in names:
                kept: Body = {key: meta[key] for key in ("name", "namespace", "labels", "annotations") if meta.get(key)}
                content: Body = {key: body[key] for key in ("data", "immutable") if key in body}
                found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept, **content})
        return found

    def service(self, service: Service) -> Body | None:
        """The Service itself."""
        for body in self.services:
            if (body["metadata"]["namespace"], body["metadata"]["name"]) == (service.namespace, service.name):
                return body
        return None

    def running(self, service: Service) -> dict[str, int]:
        """Ready replicas by image."""
        found: dict[str, int] = {}
        for one in self.rollouts(service):
            for image, count in one.running.items():
                found[image] = found.get(image, 0) + count
        return found


def look(client: Client, namespaces: Sequence[str]) -> Seen:
    """Four lists for each namespace. Raises what the client raises."""
    found = Seen()
    for space in namespaces:
        try:
            found.deployments += client.list("apps/v1", "Deployment", space, SERVICE_LABEL)
            found.replica_sets += client.list("apps/v1", "ReplicaSet", space, SERVICE_LABEL)
            found.services += client.list("v1", "Service", space, SERVICE_LABEL)
            found.maps += client.list("v1", "ConfigMap", space, SERVICE_LABEL)
        except NotFound:
            continue
    return found


def shown(rendered: Rendered, seen: Seen, *, reason: str, rolled_back: bool) -> dict[str, Any]:
    """One service for the result: always the same keys, null for what is not there."""
    service = rendered.service
    by_name = {one.name: one for one in seen.rollouts(service)}
    stable, canary = by_name.get(service.name), by_name.get(f"{service.name}-{CANARY}")
    body = seen.service(service)
    address, url = _address(body) if body else (None, None)
    split = rendered.split
    return {
        "namespace": service.namespace,
        "address": address,
        "url": url,
        "image": stable.image if stable else None,
        "replicas": stable.deployment["spec"].get("replicas") if stable else None,
        "ready": stable.ready if stable else 0,
        "revision": revision(stable.deployment) if stable else None,
        "canary": {
            "image": canary.image if canary else service.canary.image,
            "weight": split.weight,
            "share": split.share,
            "replicas": split.canary,
            "ready": canary.ready if canary else 0,
            "note": split.note,
        }
        if service.canary and split
        else None,
        "rolled_back": rolled_back,
        "reason": reason,
    }


def _address(body: Body) -> tuple[str | None, str | None]:
    """Where it is reached: by the name in the cluster, or by the load balancer's address once there is one."""
    meta, spec = body["metadata"], body["spec"]
    host: str | None = f"{meta['name']}.{meta['namespace']}.svc"
    if spec.get("type") == "LoadBalancer":
        given = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
        host = given[0].get("hostname") or given[0].get("ip")
    port = (spec.get("ports") or [{}])[0]
    if not host:
        return None, None
    web = port.get("appProtocol") == "http"
    scheme = "http" if web else str(port.get("protocol", "TCP")).lower()
    return host, f"{scheme}://{host}" + ("" if web and port.get("port") == 80 else f":{port.get('port')}")
