"""Kinds that are kept as another kind: ``autoscaling/v1`` autoscalers and ``events.k8s.io/v1`` events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import Cause
from .base import Body, Kind, at
from .workloads import HorizontalPodAutoscaler

if TYPE_CHECKING:
    from ..registry import Registry

_ALPHA = "autoscaling.alpha.kubernetes.io/"
_METRICS, _BEHAVIOR = f"{_ALPHA}metrics", f"{_ALPHA}behavior"
_CONDITIONS, _CURRENT = f"{_ALPHA}conditions", f"{_ALPHA}current-metrics"
_TARGET = "targetCPUUtilizationPercentage"
_DEFAULT_TARGET = 80
# What autoscaling/v1 has no field for: annotation to where it is in autoscaling/v2.
_ANNOTATED = {
    _METRICS: ("spec", "metrics"),
    _BEHAVIOR: ("spec", "behavior"),
    _CONDITIONS: ("status", "conditions"),
    _CURRENT: ("status", "currentMetrics"),
}
# events.k8s.io/v1 to v1; the other fields have the same name in both.
_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


class HorizontalPodAutoscalerV1(HorizontalPodAutoscaler):
    """autoscaling/v1: a share of the CPU as a field of its own, everything else in annotations."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("minReplicas", 1)
        if _METRICS not in (at(body, "metadata.annotations") or {}):
            spec.setdefault(_TARGET, _DEFAULT_TARGET)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"currentReplicas": 0, "desiredReplicas": 0}

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        return super().validate(self.to_storage(body), registry)

    def from_storage(self, body: Body) -> Body:
        spec, status = dict(body["spec"]), dict(body.get("status") or {})
        annotations = dict(at(body, "metadata.annotations") or {})
        metrics = spec.pop("metrics", None) or []
        share = next((one for one in metrics if _is_cpu_share(one)), None)
        if share is not None:
            spec[_TARGET] = share["resource"]["target"]["averageUtilization"]
        rest = [one for one in metrics if one is not share]
        current = status.pop("currentMetrics", None) or []
        used = next((at(one, "resource.current.averageUtilization") for one in current if _is_cpu(one)), None)
        if used is not None:
            status["currentCPUUtilizationPercentage"] = used
        extra = {
            _METRICS: rest,
            _BEHAVIOR: spec.pop("behavior", None),
            _CONDITIONS: status.pop("conditions", None),
            _CURRENT: current,
        }
        annotations |= {name: json.dumps(value, separators=(",", ":")) for name, value in extra.items() if value}
        status.setdefault("currentReplicas", 0)
        meta = {name: value for name, value in body["metadata"].items() if name != "annotations"}
        if annotations:
            meta["annotations"] = annotations
        return {**body, "apiVersion": self.resource.api_version, "metadata": meta, "spec": spec, "status": status}

    def to_storage(self, body: Body) -> Body:
        sides: dict[str, Body] = {"spec": dict(body["spec"]), "status": dict(body.get("status") or {})}
        annotations = dict(at(body, "metadata.annotations") or {})
        for name, (side, field) in _ANNOTATED.items():
            text = annotations.pop(name, None)
            if text is not None:
                sides[side][field] = _parsed(text)
        target = sides["spec"].pop(_TARGET, None)
        if target is not None:
            source = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}
            sides["spec"]["metrics"] = [{"type": "Resource", "resource": source}, *sides["spec"].get("metrics", [])]
        sides["status"].pop("currentCPUUtilizationPercentage", None)
        sides["status"].setdefault("currentMetrics", None)
        meta = {name: value for name, value in body["metadata"].items() if name != "annotations"}
        if annotations:
            meta["annotations"] = annotations
        return {**body, "apiVersion": self.resource.stored_as, "metadata": meta, **sides}


class Event(Kind):
    """events.k8s.io/v1: the events of the core group by other names."""

    def from_storage(self, body: Body) -> Body:
        renamed = {old: new for new, old in _EVENT_FIELDS.items()}
        found = {renamed.get(name, name): value for name, value in body.items()}
        return {"eventTime": None, **found, "apiVersion": self.resource.api_version}

    def to_storage(self, body: Body) -> Body:
        found = {_EVENT_FIELDS.get(name, name): value for name, value in body.items()}
        found.setdefault("involvedObject", {})
        return {**found, "apiVersion": self.resource.stored_as}


def _is_cpu(metric: Body) -> bool:
    return metric.get("type") == "Resource" and at(metric, "resource.name") == "cpu"


def _is_cpu_share(metric: Body) -> bool:
    return _is_cpu(metric) and at(metric, "resource.target.averageUtilization") is not None


def _parsed(text: str) -> Any:
    """What an annotation holds; nothing for one that somebody has spoilt."""
    try:
        return json.loads(text)
    except ValueError:
        return None
