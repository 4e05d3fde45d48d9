# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a service to the objects of a cluster that it is made of. Pure.

Configuration lives in ConfigMaps that are named after their content and never change. So a change of it is a new
template, which rolls, and an older template, when it comes back, finds the configuration that it was healthy with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._spec.names import digest
from .._spec.services import Port, Service
from . import pods
from .clouds import account_annotations, balancer_annotations, blocks, control_plane_agents
from .place import PREFIX, SERVICE_LABEL, Place, text_of
from .pods import CANARY, STABLE, selector

Body = dict[str, Any]
CONFIG_LABEL = f"{PREFIX}/config"
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_ANYWHERE = ("0.0.0.0/0",)
_KEPT_REVISIONS = 5


@dataclass(frozen=True)
class Split:
    """Replicas of both Deployments. share: percent of the requests that the canary gets, as far as the Service spreads
    them evenly over pods."""

    stable: int
    canary: int
    weight: int

    @property
    def share(self) -> float:
        return round(100 * self.canary / (self.stable + self.canary), 1)

    @property
    def note(self) -> str:
        """How exactly the percentage is met, and what would meet it."""
        if self.share == self.weight:
            return f"{self.canary} of {self.stable + self.canary} replicas: {self.weight} % exactly"
        least = next(total for total in range(2, 101) if total * self.weight % 100 == 0)
        total = self.stable + self.canary
        return (
            f"{self.canary} of {total} replicas: {self.share} % instead of {self.weight} %, because pods are whole. "
            f"With {least} replicas, or a multiple of that, it is exact."
        )


def split(total: int, weight: int) -> Split:
    """`total` replicas in the proportion that comes nearest; at least one of each, so that 1 becomes 2."""
    canary = max(1, round(total * weight / 100))
    return Split(max(1, total - canary), canary, weight)


@dataclass(frozen=True)
class Rendered:
    """One service's objects. split: of the replicas, while there is a canary."""

    service: Service
    present: tuple[Body, ...]
    split: Split | None = None


def render(service: Service, place: Place, ranges: Sequence[str] = ()) -> Rendered:
    """A resolved service's objects. ranges: of the site's network; without them all private ranges."""
    own = _Renderer(service, place, tuple(ranges))
    return Rendered(service, tuple(own.objects()) if service.state == "present" else (), own.split)


class _Renderer:
    def __init__(self, service: Service, place: Place, ranges: tuple[str, ...]) -> None:
        self.service = service
        self.place = place
        self.ranges = ranges or _PRIVATE
        self.split = split(service.count, service.canary.weight) if service.canary else None
        self.maps: dict[str, str] = {}

    def objects(self) -> list[Body]:
        """What the service has now."""
        service = self.service
        wanted = [
            None if service.service_account else self._account(),
            *self._config_maps(),
            self._policy() if service.network_policy else None,
            self._service(),
            self._budget(),
            self._stable(),
            self._canary(),
            self._scaler(),
        ]
        return [body for body in wanted if body is not None]

    def _object(self, api_version: str, kind: str, content: Body, **meta: Any) -> Body:
        labels = {**self.place.labels(), **selector(self.service), SERVICE_LABEL: self.service.name}
        labels |= meta.pop("labels", {})
        metadata = {"name": self.service.name, "namespace": self.service.namespace, **meta, "labels": labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}

    def _account(self) -> Body:
        annotations = account_annotations(self.place.cloud, self.service.identity)
        meta = {"annotations": annotations} if annotations else {}
        return self._object("v1", "ServiceAccount", {"automountServiceAccountToken": False}, **meta)

    def _config_maps(self) -> list[Body]:
        service, found = self.service, []
        for what, content in (("env", service.config), ("files", service.config_files)):
            if not content:
                continue
            data = {key: text_of(value) for key, value in content.items()}
            name = f"{service.name}-{what}-{digest(json.dumps(data, sort_keys=True), 10)}"
            self.maps[what] = name
            body = {"data": data, "immutable": True}
            found.append(self._object("v1", "ConfigMap", body, name=name, labels={CONFIG_LABEL: what}))
        return found

    def _stable(self) -> Body:
        return self._deployment(
            STABLE,
            str(self.service.image),
            None,
            name=self.service.name,
            # With autoscaling the number is the autoscaler's.
            replicas=None if self.service.autoscaling else self.split.stable if self.split else self.service.replicas,
        )

    def _canary(self) -> Body | None:
        canary = self.service.canary
        if canary is None or self.split is None:
            return None
        name = f"{self.service.name}-{CANARY}"
        return self._deployment(CANARY, str(canary.image), canary.env, name=name, replicas=self.split.canary)

    def _deployment(
        self, track: str, image: str, env: Mapping[str, str] | None, *, name: str, replicas: int | None
    ) -> Body:
        service = self.service
        spec: Body = {
            "replicas": replicas,
            "revisionHistoryLimit": _KEPT_REVISIONS,
            "progressDeadlineSeconds": service.health_timeout,
            "selector": {"matchLabels": selector(service, track)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": _amount(service.update.max_surge),
                    "maxUnavailable": _amount(service.update.max_unavailable),
                },
            },
            "template": pods.template(service, self.place, track=track, image=image, env=env, maps=self.maps),
        }
        if replicas is None:
            del spec["replicas"]
        return self._object("apps/v1", "Deployment", {"spec": spec}, name=name, labels={pods.TRACK: track})

    def _service(self) -> Body:
        service = self.service
        spec: Body = {
            "type": "ClusterIP" if service.expose == "cluster" else "LoadBalancer",
            "selector": selector(service),
            "ports": [_offered(port) for port in service.ports or (Port(),)],
        }
        meta: Body = {}
        if service.expose != "cluster":
            tags = {
                "platform": self.place.platform,
                "environment": self.place.environment,
                "site": self.place.site,
                "service": service.name,
            }
            annotations = balancer_annotations(self.place.cloud, public=service.expose == "public", tags=tags)
            meta["annotations"] = {**annotations, **(service.load_balancer_annotations or {})}
            if service.allowed_cidrs:
                spec["loadBalancerSourceRanges"] = list(service.allowed_cidrs)
        return self._object("v1", "Service", {"spec": spec}, **meta)

    def _budget(self) -> Body:
        spec = {
            "maxUnavailable": _amount(self.service.max_unavailable),
            "selector": {"matchLabels": selector(self.service)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",  # what does not work must not hold up a drained node
        }
        return self._object("policy/v1", "PodDisruptionBudget", {"spec": spec})

    def _scaler(self) -> Body | None:
        scaling = self.service.autoscaling
        if scaling is None:
            return None
        targets = {"cpu": scaling.cpu, "memory": scaling.memory}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.service.name},
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": value}},
                }
                for name, value in targets.items()
                if value is not None
            ],
        }
        return self._object("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": spec})

    def _policy(self) -> Body:
        """Who may reach the pods: its namespace, those that are named, nodes, load balancers, the control plane."""
        service = self.service
        peers: list[Body] = [{"podSelector": {}}]
        if service.allow_from:
            names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(service.allow_from)}
            peers.append({"namespaceSelector": {"matchExpressions": [names]}})
        outside = {"cluster": (), "internal": service.allowed_cidrs or (), "public": service.allowed_cidrs or _ANYWHERE}
        peers += control_plane_agents() + blocks([*dict.fromkeys((*self.ranges, *outside[service.expose]))])
        ports = [{"port": port.port, "protocol": port.protocol} for port in service.ports or (Port(),)]
        spec = {
            "podSelector": {"matchLabels": selector(service)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers, "ports": ports}],
        }
        return self._object("networking.k8s.io/v1", "NetworkPolicy", {"spec": spec})


def _offered(port: Port) -> Body:
    found: Body = {
        "name": port.name,
        "port": port.service_port or port.port,
        "targetPort": port.name,
        "protocol": port.protocol,
    }
    return {**found, "appProtocol": "http"} if port.name == "http" else found


def _amount(text: str) -> int | str:
    return int(text) if text.isdigit() else text
