"""What one metric of a HorizontalPodAutoscaler proposes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from ..kinds.base import at
from ..quantities import canonical, parse
from ..selectors import label_selector
from .base import is_ready
from .client import ApiFailure, Body, Client
from .informer import Informer

_TOLERANCE = 0.1
_METRICS = "/apis/metrics.k8s.io/v1beta1"
# Kinds of metrics that need a server of their own: how their absence is told.
_UNSERVED = {
    "Pods": ("FailedGetPodsMetric", "custom metrics API", "no custom metrics API (custom.metrics.k8s.io) registered"),
    "Object": (
        "FailedGetObjectMetric",
        "custom metrics API",
        "no custom metrics API (custom.metrics.k8s.io) registered",
    ),
    "External": (
        "FailedGetExternalMetric",
        "external metrics API",
        "no external metrics API (external.metrics.k8s.io) registered",
    ),
}


class MetricFailure(Exception):
    """A metric that cannot be had; ``reason`` is that of the condition, ``what`` was asked for."""

    def __init__(self, reason: str, what: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.what = reason, what


@dataclass(frozen=True)
class Proposal:
    """So many replicas, because of ``name``; ``shown`` is for ``status.currentMetrics``."""

    replicas: int
    name: str
    shown: Body


class Calculator:
    """Asks for metrics and does the arithmetic."""

    def __init__(self, client: Client, pods: Informer) -> None:
        self._client = client
        self._pods = pods

    async def propose(self, scaler: Body, scale: Body, metric: Body, current: int) -> Proposal:
        """MetricFailure when it cannot be told."""
        kind = metric["type"]
        if kind in _UNSERVED:
            reason, server, why = _UNSERVED[kind]
            name = at(metric, f"{kind.lower()}.metric.name") or ""
            shown = f"external metric {scaler['metadata']['namespace']}/{name}/nil" if kind == "External" else name
            text = f"unable to get {'' if kind == 'External' else 'metric '}{shown}: unable to fetch metrics from "
            raise MetricFailure(reason, f"{kind.lower()} metric value", f"{text}{server}: {why}")
        source: Body = metric["resource" if kind == "Resource" else "containerResource"]
        return await self._resource(scaler, scale, kind, source, current)

    async def _resource(self, scaler: Body, scale: Body, kind: str, source: Body, current: int) -> Proposal:
        name, container, target = source["name"], source.get("container", ""), source["target"]
        reason = "FailedGetResourceMetric" if kind == "Resource" else "FailedGetContainerResourceMetric"
        field = "resource" if kind == "Resource" else "containerResource"
        own = {"name": name, **({"container": container} if container else {})}
        by_share = target.get("averageUtilization") is not None
        what = f"{name} utilization" if by_share else f"{name} usage"
        asked = f"{name} {'container ' if container else ''}resource metric value"
        try:
            selector = at(scale, "status.selector") or ""
            namespace = scaler["metadata"]["namespace"]
            used = await self._used(namespace, selector, name, container)
            pods = self._selected(namespace, selector)
            share = Share(pods, used, name, container)
            if by_share:
                requests = {pod["metadata"]["name"]: _requested(pod, name, container) for pod in pods}
                replicas, average, percent = share.by_utilization(current, target["averageUtilization"], requests)
                value: dict[str, Any] = {"averageUtilization": percent, "averageValue": average}
                title = f"{name} {field_name(field)} utilization (percentage of request)"
            else:
                replicas, average = share.by_value(current, parse(target["averageValue"]))
                value, title = {"averageValue": average}, f"{name} {field_name(field)}"
        except ValueError as problem:
            raise MetricFailure(reason, asked, f"failed to get {what}: {problem}") from None
        return Proposal(replicas, title, {"type": kind, field: {**own, "current": value}})

    async def _used(self, namespace: str, selector: str, resource: str, container: str) -> dict[str, Decimal]:
        """Use by pod; ValueError as the client of the metrics API words it."""
        prefix = f"unable to get metrics for resource {resource}: "
        try:
            path = f"{_METRICS}/namespaces/{namespace}/pods?labelSelector={quote(selector)}"
            answer = await self._client.request("GET", path)
        except ApiFailure as failure:
            text = f"unable to fetch metrics from resource metrics API: {failure.message} (get pods.metrics.k8s.io)"
            raise ValueError(prefix + text) from None
        if not answer["items"]:
            raise ValueError(f"{prefix}no metrics returned from resource metrics API")
        found: dict[str, Decimal] = {}
        for one in answer["items"]:
            parts = [part for part in one["containers"] if container in ("", part["name"])]
            if parts and all(resource in part["usage"] for part in parts):
                found[one["metadata"]["name"]] = sum((parse(part["usage"][resource]) for part in parts), Decimal(0))
        if not found:
            raise ValueError("did not receive metrics for targeted pods (pods might be unready)")
        return found

    def _selected(self, namespace: str, selector: str) -> list[Body]:
        fits = label_selector(selector)
        pods = [pod for pod in self._pods.in_namespace(namespace) if not pod["metadata"].get("deletionTimestamp")]
        pods = [pod for pod in pods if at(pod, "status.phase") not in ("Succeeded", "Failed")]
        return [pod for pod in pods if fits is None or fits(pod["metadata"].get("labels") or {})]


def field_name(field: str) -> str:
    """As reasons of events say it."""
    return "resource" if field == "resource" else "container resource"


class Share:
    """The arithmetic over the pods of a target; follows the replica calculator of the real controller."""

    def __init__(self, pods: list[Body], used: dict[str, Decimal], resource: str, container: str) -> None:
        names = {pod["metadata"]["name"] for pod in pods}
        self._used = {name: amount for name, amount in used.items() if name in names}
        unready = {pod["metadata"]["name"] for pod in pods if not is_ready(pod)}
        self._unready = {name for name in unready if resource == "cpu" or name not in self._used}
        self._missing = names - set(self._used) - self._unready
        for name in self._unready:
            self._used.pop(name, None)
        if not self._used:
            raise ValueError("did not receive metrics for targeted pods (pods might be unready)")
        self._resource = resource

    def by_utilization(self, current: int, target: int, requests: dict[str, Decimal]) -> tuple[int, str, int]:
        """Replicas, average use and its percentage of the requests."""

        def ratio(used: dict[str, Decimal]) -> tuple[float, int]:
            total = sum(requests[name] for name in used)
            percent = int(sum(used.values()) * 100 / total) if total else 0
            return percent / target, percent

        first, percent = ratio(self._used)
        replicas = self._replicas(
            current, first, lambda used: ratio(used)[0], {one: requests[one] * target / 100 for one in requests}
        )
        return replicas, self._average(), percent

    def by_value(self, current: int, target: Decimal) -> tuple[int, str]:
        """Replicas and average use."""

        def ratio(used: dict[str, Decimal]) -> float:
            return float(sum(used.values(), Decimal(0)) / len(used) / target)

        names = {*self._used, *self._missing, *self._unready}
        return self._replicas(current, ratio(self._used), ratio, dict.fromkeys(names, target)), self._average()

    def _average(self) -> str:
        average = sum(self._used.values()) / len(self._used)
        return canonical(f"{math.floor(average * 1000)}m")

    def _replicas(self, current: int, first: float, ratio: Any, full: dict[str, Decimal]) -> int:
        """Pods without metrics are taken to be at the target when going down, idle when going up."""
        rebalance = bool(self._unready) and first > 1
        if not rebalance and not self._missing:
            return current if abs(1 - first) <= _TOLERANCE else math.ceil(round(first * len(self._used), 6))
        used = dict(self._used)
        for name in self._missing:
            used[name] = full[name] if first < 1 else Decimal(0)
        if rebalance:
            used |= dict.fromkeys(self._unready, Decimal(0))
        second = ratio(used)
        if abs(1 - second) <= _TOLERANCE or (first < 1 < second) or (second < 1 < first):
            return current
        replicas = math.ceil(round(second * len(used), 6))
        if (second < 1 and replicas > current) or (second > 1 and replicas < current):
            return current
        return replicas


def _requested(pod: Body, resource: str, container: str) -> Decimal:
    total = Decimal(0)
    for one in pod["spec"]["containers"]:
        if container in ("", one["name"]):
            amount = (at(one, "resources.requests") or {}).get(resource)
            if amount is None:
                name = pod["metadata"]["name"]
                raise ValueError(f"missing request for {resource} in container {one['name']} of Pod {name}")
            total += parse(amount)
    return total
