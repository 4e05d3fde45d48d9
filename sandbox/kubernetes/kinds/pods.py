"""Pods and pod templates: what the API fills in, what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import Cause, bad_value, duplicate, not_allowed, not_supported, required
from ..quantities import parse
from .base import Body, Kind, at

if TYPE_CHECKING:
    from ..registry import Registry

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_DEFAULT_MODE = 420
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
# What may change in the spec of a pod that exists.
_CHANGEABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
_UPDATE_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)


def default_pod_spec(spec: Body) -> None:
    """Fill in what every pod spec gets."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for name in _CONTAINERS:
        for container in spec.get(name) or []:
            _default_container(container)
    for volume in spec.get("volumes") or []:
        _default_volume(volume)
    for constraint in spec.get("topologySpreadConstraints") or []:
        if constraint.get("whenUnsatisfiable") is None:
            constraint["whenUnsatisfiable"] = "DoNotSchedule"


def _default_container(container: Body) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        tag = container.get("image", "").rpartition("/")[2].partition(":")[2]
        latest = "@" not in container.get("image", "") and tag in ("", "latest")
        container["imagePullPolicy"] = "Always" if latest else "IfNotPresent"
    resources = container.setdefault("resources", {})
    if resources.get("limits"):
        requests = resources.setdefault("requests", {})
        for name, amount in resources["limits"].items():
            requests.setdefault(name, amount)
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or []:
        if variable.get("value") == "":
            del variable["value"]
        reference = at(variable, "valueFrom.fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
        resource = at(variable, "valueFrom.resourceFieldRef")
        if resource is not None:
            resource.setdefault("divisor", "0")
    for name in _PROBES:
        if container.get(name) is not None:
            _default_probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet") is not None:
            hook["httpGet"].setdefault("path", "/")
            hook["httpGet"].setdefault("scheme", "HTTP")


def _default_probe(probe: Body) -> None:
    for name, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not probe.get(name):
            probe[name] = value
    if probe.get("httpGet") is not None:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")
    if probe.get("grpc") is not None:
        probe["grpc"].setdefault("service", "")


def _default_volume(volume: Body) -> None:
    sources = [name for name in volume if name != "name"]
    if not sources:
        volume["emptyDir"] = {}
    for name in ("configMap", "secret", "downwardAPI", "projected"):
        if volume.get(name) is not None:
            volume[name].setdefault("defaultMode", _DEFAULT_MODE)
    for source in at(volume, "projected.sources") or []:
        token = source.get("serviceAccountToken")
        if token is not None:
            token.setdefault("expirationSeconds", 3600)
    for item in [*(at(volume, "downwardAPI.items") or []), *_projected_items(volume)]:
        if item.get("fieldRef") is not None:
            item["fieldRef"].setdefault("apiVersion", "v1")
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")


def _projected_items(volume: Body) -> Iterator[Body]:
    for source in at(volume, "projected.sources") or []:
        yield from at(source, "downwardAPI.items") or []


def containers(spec: Body) -> Iterator[tuple[str, Body]]:
    """Init and main containers with their paths below the spec."""
    for name in _CONTAINERS:
        for index, container in enumerate(spec.get(name) or []):
            yield f"{name}[{index}]", container


def validate_pod_spec(
    spec: Body, path: str, restart: tuple[str, ...] = _RESTART_POLICIES, claims: Iterable[str] = ()
) -> list[Cause]:
    """What is wrong with a pod spec. ``claims`` are volumes that each pod gets besides (of a StatefulSet)."""
    causes: list[Cause] = []
    if not spec.get("containers"):
        causes.append(required(f"{path}.containers"))
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or []):
        if volume["name"] in volumes:
            causes.append(duplicate(f"{path}.volumes[{index}].name", volume["name"]))
        volumes.add(volume["name"])
    volumes.update(claims)
    names: set[str] = set()
    for below, container in containers(spec):
        where = f"{path}.{below}"
        if container.get("name") in names:
            causes.append(duplicate(f"{where}.name", container["name"]))
        names.add(container.get("name", ""))
        causes += _container_problems(container, where, volumes)
    if spec.get("restartPolicy") not in restart:
        causes.append(not_supported(f"{path}.restartPolicy", spec.get("restartPolicy"), restart))
    return causes


def _container_problems(container: Body, where: str, volumes: set[str]) -> list[Cause]:
    causes: list[Cause] = []
    if not container.get("image"):
        causes.append(required(f"{where}.image"))
    elif container["image"] != container["image"].strip():
        causes.append(bad_value(f"{where}.image", container["image"], "must not have leading or trailing whitespace"))
    if container.get("imagePullPolicy") not in _PULL_POLICIES:
        causes.append(not_supported(f"{where}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES))
    for index, port in enumerate(container.get("ports") or []):
        if not 0 < port.get("containerPort", 0) < 65536:
            causes.append(
                bad_value(
                    f"{where}.ports[{index}].containerPort",
                    port.get("containerPort", 0),
                    "must be between 1 and 65535, inclusive",
                )
            )
        if port["protocol"] not in _PROTOCOLS:
            causes.append(not_supported(f"{where}.ports[{index}].protocol", port["protocol"], _PROTOCOLS))
    for index, variable in enumerate(container.get("env") or []):
        causes += _variable_problems(variable, f"{where}.env[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            causes.append(
                Cause("FieldValueNotFound", f'Not found: "{mount.get("name")}"', f"{where}.volumeMounts[{index}].name")
            )
    causes += _amount_problems(container, f"{where}.resources.requests")
    for name in _PROBES:
        if container.get(name) is not None:
            causes += _probe_problems(container[name], f"{where}.{name}", name)
    return causes


def _variable_problems(variable: Body, where: str) -> list[Cause]:
    name, source = variable.get("name", ""), variable.get("valueFrom")
    causes = []
    if not name:
        causes.append(required(f"{where}.name"))
    elif not (name.isascii() and name.isprintable()) or "=" in name:
        text = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        causes.append(bad_value(f"{where}.name", name, text))
    if source is not None:
        if variable.get("value"):
            causes.append(bad_value(f"{where}.valueFrom", "", "may not be specified when `value` is not empty"))
        elif len(source) != 1:
            few = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            text = "may not have more than one field specified at a time" if source else few
            causes.append(bad_value(f"{where}.valueFrom", "", text))
    return causes


def _amount_problems(container: Body, where: str) -> list[Cause]:
    limits, requests = at(container, "resources.limits") or {}, at(container, "resources.requests") or {}
    return [
        bad_value(where, amount, f"must be less than or equal to {name} limit of {limits[name]}")
        for name, amount in requests.items()
        if name in limits and parse(amount) > parse(limits[name])
    ]


def _probe_problems(probe: Body, where: str, name: str) -> list[Cause]:
    handlers = [one for one in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(one) is not None]
    causes = [] if handlers else [required(where, "must specify a handler type")]
    if len(handlers) > 1:
        causes.append(not_allowed(f"{where}.{handlers[1]}", "may not specify more than 1 handler type"))
    if name != "readinessProbe" and probe["successThreshold"] != 1:
        causes.append(bad_value(f"{where}.successThreshold", probe["successThreshold"], "must be 1"))
    return causes


def quality_of_service(spec: Body) -> str:
    """Guaranteed, Burstable or BestEffort."""
    found = [
        container.get("resources") or {}
        for name in ("initContainers", "containers")
        for container in spec.get(name) or []
    ]
    if not any(one.get("requests") or one.get("limits") for one in found):
        return "BestEffort"
    for one in found:
        limits, requests = one.get("limits") or {}, one.get("requests") or {}
        if any(name not in limits or requests.get(name) != limits[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


class Pod(Kind):
    """A pod by itself."""

    returns_deleted = True

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        default_pod_spec(spec)
        if spec.get("hostNetwork"):
            for container in spec.get("containers") or []:
                for port in container.get("ports") or []:
                    port.setdefault("hostPort", port.get("containerPort"))
        spec.setdefault("enableServiceLinks", True)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"phase": "Pending", "qosClass": quality_of_service(body["spec"])}

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        return super().validate(body, registry) + validate_pod_spec(body["spec"], "spec")

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        if _fixed(new["spec"]) == _fixed(old["spec"]):
            return []
        return [not_allowed("spec", _UPDATE_TEXT)]


def _fixed(spec: Body) -> Body:
    kept: dict[str, Any] = {name: value for name, value in spec.items() if name not in _CHANGEABLE}
    for name in _CONTAINERS:
        if name in kept:
            kept[name] = [{key: value for key, value in one.items() if key != "image"} for one in kept[name]]
    return kept


class PodTemplate(Kind):
    """A template that is an object."""

    def default(self, body: Body) -> None:
        default_pod_spec(body.setdefault("template", {}).setdefault("spec", {}))
