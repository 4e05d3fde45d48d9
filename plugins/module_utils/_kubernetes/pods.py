# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod of a service: hardened so that the Pod Security level "restricted" admits it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._spec.services import Port, Probe, Service, Toleration
from .._spec.sizes import GPU_TAINT
from .clouds import identity_labels, pool_tolerations
from .place import PREFIX, SERVICE_LABEL, Place, label, text_of

Body = dict[str, Any]
TRACK = f"{PREFIX}/track"
STABLE, CANARY = "stable", "canary"
POOL_LABEL = "workload"  # node pools carry it with their name
_STARTUP_PERIOD = 2
_EFFECTS = {"no_schedule": "NoSchedule", "prefer_no_schedule": "PreferNoSchedule", "no_execute": "NoExecute"}


def selector(service: Service, track: str | None = None) -> dict[str, str]:
    """Labels that find the service's pods; with a track one of its Deployments'. Never change: selectors cannot."""
    found = {"app.kubernetes.io/name": service.name, "app.kubernetes.io/instance": service.name}
    return {**found, TRACK: track} if track else found


def template(
    service: Service, place: Place, *, track: str, image: str, env: Mapping[str, str] | None, maps: Mapping[str, str]
) -> Body:
    """The pod template of one of a service's Deployments.

    env: what differs from the service's. maps: names of the ConfigMaps "env" and "files", where there are such.
    """
    volumes, mounts = _volumes(service, maps)
    spec: Body = {
        "serviceAccountName": service.service_account or service.name,
        "automountServiceAccountToken": False,  # identity webhooks mount tokens of their own
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": service.termination_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": service.user,
            "runAsGroup": service.group,
            "fsGroup": service.group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(service, place, image=image, env=env, maps=maps, mounts=mounts)],
        "volumes": volumes,
        "imagePullSecrets": [{"name": name} for name in service.image_pull_secrets],
        "nodeSelector": {POOL_LABEL: service.node_pool} if service.node_pool else {},
        "tolerations": _tolerations(service, place),
        "topologySpreadConstraints": _spread(service, track),
        "priorityClassName": service.priority_class,
    }
    return {
        "metadata": {
            "labels": {
                **_strings(service.labels),
                **place.labels(),
                "app.kubernetes.io/version": label(version(image)),
                **(identity_labels(place.cloud) if service.identity or service.service_account else {}),
                **selector(service, track),
                SERVICE_LABEL: service.name,
            },
            "annotations": _strings(service.annotations),
        },
        "spec": {name: value for name, value in spec.items() if value not in ([], {}, None)},
    }


def version(image: str) -> str:
    """The tag of an image, or the beginning of its digest."""
    name, _at, digest = image.partition("@")
    last = name.rpartition("/")[2]
    return last.partition(":")[2] or digest.removeprefix("sha256:")[:12] or "latest"


def _strings(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: text_of(value) for key, value in (values or {}).items()}


def _container(
    service: Service,
    place: Place,
    *,
    image: str,
    env: Mapping[str, str] | None,
    maps: Mapping[str, str],
    mounts: list[Body],
) -> Body:
    sources: list[Body] = []
    if service.platform_config:
        sources.append({"configMapRef": {"name": service.platform_config}})
    if "env" in maps:
        sources.append({"configMapRef": {"name": maps["env"]}})
    wanted: Body = {
        "name": service.name,
        "image": image,
        "command": list(service.command or ()),
        "args": list(service.args or ()),
        "ports": [
            {"name": port.name, "containerPort": port.port, "protocol": port.protocol} for port in _ports(service)
        ],
        "env": _environment(service, place, env),
        "envFrom": sources,
        "resources": _resources(service),
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # Endpoints learn of a pod's end at the same time as the pod does: it goes on answering until they have.
        "lifecycle": {"preStop": {"sleep": {"seconds": service.pre_stop_seconds}}} if service.pre_stop_seconds else {},
        **_probes(service),
    }
    return {name: value for name, value in wanted.items() if value not in ([], {}, None)}


def _ports(service: Service) -> tuple[Port, ...]:
    return service.ports or (Port(),)


def _environment(service: Service, place: Place, env: Mapping[str, str] | None) -> list[Body]:
    plain = {**_strings(service.secret_references), **_strings(service.env), **_strings(env)}
    hidden = {
        variable: {"secretKeyRef": {"name": secret.name, "key": text_of(key)}}
        for secret in service.secrets
        for variable, key in (secret.env or {}).items()
        if variable not in plain
    }
    return [
        *({"name": name, "value": value} for name, value in place.facts().items()),
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        *({"name": name, "value": value} for name, value in sorted(plain.items())),
        *({"name": name, "valueFrom": source} for name, source in sorted(hidden.items())),
    ]


def _resources(service: Service) -> Body:
    wanted = service.resources
    # Without a limit of its own memory is limited to what is requested: more of it would be another pod's.
    limits = {"memory": wanted.memory_limit or wanted.memory}
    if wanted.cpu_limit:
        limits["cpu"] = wanted.cpu_limit
    if wanted.gpu:
        limits["nvidia.com/gpu"] = str(wanted.gpu)
    return {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits}


def _probes(service: Service) -> Body:
    """Liveness and readiness begin when the startup probe has succeeded, so a slow start is no crash loop."""
    tcp = next((port for port in _ports(service) if port.protocol == "TCP"), None)
    if tcp is None:
        return {}

    def ask(path: str | None) -> Body:
        return {"httpGet": {"path": path, "port": tcp.name}} if path else {"tcpSocket": {"port": tcp.name}}

    def timed(probe: Probe, period: int, timeout: int, failures: int) -> Body:
        return {
            "periodSeconds": probe.period or period,
            "timeoutSeconds": probe.timeout or timeout,
            "failureThreshold": probe.failures or failures,
        }

    lives = ask(service.health_path)
    tries = -(-service.startup_seconds // _STARTUP_PERIOD)
    return {
        "startupProbe": {**lives, "periodSeconds": _STARTUP_PERIOD, "timeoutSeconds": 2, "failureThreshold": tries},
        "livenessProbe": {**lives, **timed(service.liveness, 10, 3, 3)},
        "readinessProbe": {**ask(service.ready_path or service.health_path), **timed(service.readiness, 5, 2, 3)},
    }


def _volumes(service: Service, maps: Mapping[str, str]) -> tuple[list[Body], list[Body]]:
    """What is mounted, and where."""
    volumes: list[Body] = []
    mounts: list[Body] = []
    for index, path in enumerate(service.writable):
        volumes.append({"name": f"writable-{index}", "emptyDir": {}})
        mounts.append({"name": f"writable-{index}", "mountPath": path})
    if "files" in maps:
        volumes.append({"name": "config-files", "configMap": {"name": maps["files"]}})
        mounts.append({"name": "config-files", "mountPath": service.config_path, "readOnly": True})
    for index, secret in enumerate(one for one in service.secrets if one.path):
        volumes.append({"name": f"secret-{index}", "secret": {"secretName": secret.name, "defaultMode": 0o440}})
        mounts.append({"name": f"secret-{index}", "mountPath": secret.path, "readOnly": True})
    return volumes, mounts


def _tolerations(service: Service, place: Place) -> list[Body]:
    found = pool_tolerations(place.cloud) if service.node_pool else []
    if service.resources.gpu:
        found = [*found, _toleration(Toleration(str(GPU_TAINT["key"]), effect="no_schedule"))]
    return found + [_toleration(one) for one in service.tolerations]


def _toleration(one: Toleration) -> Body:
    exists = one.value is None
    found: Body = {"key": one.key, "operator": "Exists" if exists else "Equal"}
    if not exists:
        found["value"] = one.value
    return {**found, "effect": _EFFECTS[one.effect]} if one.effect else found


def _spread(service: Service, track: str) -> list[Body]:
    """Over zones, then over nodes. Pods of an older version do not count."""
    if service.spread == "none":
        return []
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "DoNotSchedule" if service.spread == "required" else "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(service, track)},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
