"""Lists as tables, which is what ``kubectl get`` shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from .catalogue import Resource
from .kinds.base import at
from .selectors import as_text
from .store import Body, Stored

Cell = Callable[[Body], Any]
_NONE = "<none>"
_POD = "spec.template.spec"


def column(name: str, cell: Cell, kind: str = "string", priority: int = 0) -> tuple[dict[str, Any], Cell]:
    """One column definition with what fills it."""
    form = "name" if name == "Name" else ""
    return {"name": name, "type": kind, "format": form, "description": name, "priority": priority}, cell


def age(stamp: str, now: datetime) -> str:
    """``45s``, ``5m``, ``3h``, ``2d`` since a timestamp."""
    if not stamp:
        return "<unknown>"
    seconds = max(0, int((now - datetime.fromisoformat(stamp)).total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 7200:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172800 else f"{seconds // 86400}d"


def _value(path: str, absent: Any = _NONE) -> Cell:
    def cell(body: Body) -> Any:
        found = at(body, path)
        return absent if found is None else found

    return cell


def _ready(have: str, want: str) -> Cell:
    return lambda body: f"{at(body, have) or 0}/{at(body, want) or 0}"


def _count(path: str) -> Cell:
    return lambda body: len(at(body, path) or {})


def _ports(body: Body) -> str:
    shown = []
    for port in at(body, "spec.ports") or []:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(shown) or _NONE


def _external(body: Body) -> str:
    given = at(body, "status.loadBalancer.ingress") or []
    shown = [one.get("ip") or one.get("hostname", "") for one in given] + (at(body, "spec.externalIPs") or [])
    if not shown:
        return "<pending>" if at(body, "spec.type") == "LoadBalancer" else _NONE
    return ",".join(shown)


def _containers_ready(body: Body) -> str:
    states = at(body, "status.containerStatuses") or []
    return f"{sum(bool(one.get('ready')) for one in states)}/{len(at(body, 'spec.containers') or [])}"


def _pod_status(body: Body) -> str:
    if body["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for state in at(body, "status.containerStatuses") or []:
        for sort in ("waiting", "terminated"):
            reason = at(state, f"state.{sort}.reason")
            if reason:
                return str(reason)
    return str(at(body, "status.reason") or at(body, "status.phase") or "Unknown")


def _restarts(body: Body) -> str:
    return str(sum(one.get("restartCount", 0) for one in at(body, "status.containerStatuses") or []))


def _node_status(body: Body) -> str:
    conditions = {one["type"]: one["status"] for one in at(body, "status.conditions") or []}
    shown = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return shown + (",SchedulingDisabled" if at(body, "spec.unschedulable") else "")


def _roles(body: Body) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = body["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or _NONE


def _target(body: Body) -> str:
    return f"{at(body, 'spec.scaleTargetRef.kind')}/{at(body, 'spec.scaleTargetRef.name')}"


def _metrics(body: Body) -> str:
    """``cpu: 40%/80%`` per metric."""
    current = {at(one, "resource.name"): one for one in at(body, "status.currentMetrics") or []}
    shown = []
    for metric in at(body, "spec.metrics") or []:
        source = metric.get("resource") or metric.get("containerResource")
        if source is None:
            shown.append(f"<unknown>/{metric['type']}")
            continue
        found = at(current.get(source["name"]), "resource.current") or {}
        share = source["target"].get("averageUtilization")
        used = found.get("averageUtilization" if share is not None else "averageValue", "<unknown>")
        if share is not None:
            shown.append(f"{source['name']}: {used}{'' if used == '<unknown>' else '%'}/{share}%")
        else:
            shown.append(f"{source['name']}: {used}/{source['target'].get('averageValue')}")
    return ", ".join(shown) or _NONE


def _event_columns(now: datetime) -> list[tuple[dict[str, Any], Cell]]:
    def seen(body: Body) -> str:
        return age(body.get("lastTimestamp") or body.get("eventTime") or body["metadata"]["creationTimestamp"], now)

    def about(body: Body) -> str:
        return f"{(at(body, 'involvedObject.kind') or '').lower()}/{at(body, 'involvedObject.name')}"

    return [
        column("Last Seen", seen),
        column("Type", _value("type")),
        column("Reason", _value("reason")),
        column("Object", about),
        column("Message", _value("message")),
        column("Name", lambda body: body["metadata"]["name"], priority=1),
    ]


def _cron_columns(now: datetime) -> list[tuple[dict[str, Any], Cell]]:
    def last(body: Body) -> str:
        stamp = at(body, "status.lastScheduleTime")
        return age(stamp, now) if stamp else _NONE

    return [
        column("Schedule", _value("spec.schedule")),
        column("Timezone", _value("spec.timeZone")),
        column("Suspend", lambda body: str(bool(at(body, "spec.suspend"))), "boolean"),
        column("Active", _count("status.active"), "integer"),
        column("Last Schedule", last),
    ]


def _joined(items: list[Body] | None, name: str) -> str:
    return ",".join(str(one.get(name, "")) for one in items or [])


def _selector(selector: Any) -> str:
    if not selector:
        return _NONE
    if "matchLabels" in selector or "matchExpressions" in selector:
        return as_text(selector)
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def _address(body: Body, kind: str) -> str:
    found = [one["address"] for one in at(body, "status.addresses") or [] if one["type"] == kind]
    return found[0] if found else _NONE


_COLUMNS: dict[str, list[tuple[dict[str, Any], Cell]]] = {
    "pods": [
        column("Ready", _containers_ready),
        column("Status", _pod_status),
        column("Restarts", _restarts),
    ],
    "deployments.apps": [
        column("Ready", _ready("status.readyReplicas", "spec.replicas")),
        column("Up-to-date", _value("status.updatedReplicas", 0), "integer"),
        column("Available", _value("status.availableReplicas", 0), "integer"),
    ],
    "replicasets.apps": [
        column("Desired", _value("spec.replicas", 0), "integer"),
        column("Current", _value("status.replicas", 0), "integer"),
        column("Ready", _value("status.readyReplicas", 0), "integer"),
    ],
    "statefulsets.apps": [column("Ready", _ready("status.readyReplicas", "spec.replicas"))],
    "daemonsets.apps": [
        column("Desired", _value("status.desiredNumberScheduled", 0), "integer"),
        column("Current", _value("status.currentNumberScheduled", 0), "integer"),
        column("Ready", _value("status.numberReady", 0), "integer"),
    ],
    "jobs.batch": [column("Completions", _ready("status.succeeded", "spec.completions"))],
    "horizontalpodautoscalers.autoscaling": [
        column("Reference", _target),
        column("Targets", _metrics),
        column("MinPods", _value("spec.minReplicas"), "integer"),
        column("MaxPods", _value("spec.maxReplicas"), "integer"),
        column("Replicas", _value("status.currentReplicas", 0), "integer"),
    ],
    "poddisruptionbudgets.policy": [
        column("Min Available", _value("spec.minAvailable", "N/A")),
        column("Max Unavailable", _value("spec.maxUnavailable", "N/A")),
        column("Allowed Disruptions", _value("status.disruptionsAllowed", 0), "integer"),
    ],
    "services": [
        column("Type", _value("spec.type")),
        column("Cluster-IP", _value("spec.clusterIP")),
        column("External-IP", _external),
        column("Port(s)", _ports),
    ],
    "configmaps": [column("Data", _count("data"), "integer")],
    "secrets": [column("Type", _value("type")), column("Data", _count("data"), "integer")],
    "namespaces": [column("Status", _value("status.phase"))],
    "nodes": [
        column("Status", _node_status),
        column("Roles", _roles),
        column("Version", _value("status.nodeInfo.kubeletVersion", "")),
    ],
    "customresourcedefinitions.apiextensions.k8s.io": [
        column("Created At", lambda body: body["metadata"]["creationTimestamp"])
    ],
}
_PODS_OF = [
    column("Containers", lambda body: _joined(at(body, f"{_POD}.containers"), "name"), priority=1),
    column("Images", lambda body: _joined(at(body, f"{_POD}.containers"), "image"), priority=1),
]
_SELECTED = [column("Selector", lambda body: _selector(at(body, "spec.selector")), priority=1)]
# After all others; for ``kubectl get -o wide``.
_WIDE: dict[str, list[tuple[dict[str, Any], Cell]]] = {
    "pods": [
        column("IP", _value("status.podIP"), priority=1),
        column("Node", _value("spec.nodeName"), priority=1),
        column("Nominated Node", _value("status.nominatedNodeName"), priority=1),
        column("Readiness Gates", lambda body: _NONE, priority=1),
    ],
    "deployments.apps": _PODS_OF + _SELECTED,
    "replicasets.apps": _PODS_OF + _SELECTED,
    "daemonsets.apps": _PODS_OF + _SELECTED,
    "statefulsets.apps": _PODS_OF,
    "jobs.batch": _PODS_OF + _SELECTED,
    "services": _SELECTED,
    "nodes": [
        column("Internal-IP", lambda body: _address(body, "InternalIP"), priority=1),
        column("External-IP", lambda body: _address(body, "ExternalIP"), priority=1),
        column("OS-Image", _value("status.nodeInfo.osImage", "<unknown>"), priority=1),
        column("Kernel-Version", _value("status.nodeInfo.kernelVersion", "<unknown>"), priority=1),
        column("Container-Runtime", _value("status.nodeInfo.containerRuntimeVersion", "<unknown>"), priority=1),
    ],
}
_WITHOUT_AGE = ("customresourcedefinitions.apiextensions.k8s.io", "events")


def table(resource: Resource, items: Iterable[Stored], meta: dict[str, Any], now: datetime, include: str) -> Body:
    """A Table of objects. ``include``: what each row carries of its object (None, Metadata, Object)."""
    columns = [column("Name", lambda body: body["metadata"]["name"])]
    if resource.storage == "events":
        columns = _event_columns(now)
    elif resource.id == "cronjobs.batch":
        columns += _cron_columns(now)
    else:
        columns += _custom(resource, now) if resource.custom else _COLUMNS.get(resource.id, [])
    if resource.storage not in _WITHOUT_AGE and not (resource.custom or {}).get("additionalPrinterColumns"):
        columns.append(column("Age", lambda body: age(body["metadata"].get("creationTimestamp", ""), now)))
    columns = columns + _WIDE.get(resource.id, [])
    rows = []
    for item in items:
        row: Body = {"cells": [cell(item.body) for _, cell in columns]}
        if include == "Object":
            row["object"] = item.body
        elif include != "None":
            row["object"] = partial(item.body)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [definition for definition, _ in columns],
        "rows": rows,
    }


def partial(body: Body) -> Body:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def _custom(resource: Resource, now: datetime) -> list[tuple[dict[str, Any], Cell]]:
    columns = []
    for one in (resource.custom or {}).get("additionalPrinterColumns") or []:
        columns.append(column(one["name"], _json_path(one, now), one["type"], one.get("priority", 0)))
    return columns


def _json_path(definition: Body, now: datetime) -> Cell:
    steps = re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.(\w+)==[\"']([^\"']+)[\"']\)\]", definition["jsonPath"])

    def cell(body: Body) -> Any:
        value: Any = body
        for name, index, key, wanted in steps:
            if name:
                value = value.get(name) if isinstance(value, dict) else None
            elif isinstance(value, list):
                found = [value[int(index)]] if index and int(index) < len(value) else []
                found = found or [one for one in value if key and one.get(key) == wanted]
                value = found[0] if found else None
        if definition["type"] == "date" and isinstance(value, str):
            return age(value, now)
        return value

    return cell
