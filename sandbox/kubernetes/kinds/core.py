"""Namespaces, configuration, volumes, nodes and accounts."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from ..errors import Cause, bad_value, not_allowed, required
from ..quantities import parse
from ..store import Key, Stored
from .base import Body, Kind, at, unchanged

if TYPE_CHECKING:
    from ..registry import Registry

ROOT_CA = "kube-root-ca.crt"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_SECURITY = "pod-security.kubernetes.io"
_SECURITY_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")
_LEVELS = ("privileged", "baseline", "restricted")
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_LARGEST = 1024 * 1024


class Namespace(Kind):
    """Where objects live; gone only when it is empty."""

    def default(self, body: Body) -> None:
        labels = body["metadata"].get("labels") or {}
        if body["metadata"].get("name"):
            body["metadata"]["labels"] = {_NAMESPACE_LABEL: body["metadata"]["name"], **labels}

    def prepare_create(self, body: Body, registry: Registry) -> None:
        self.default(body)
        finalizers = (body.get("spec") or {}).get("finalizers") or []
        body["spec"] = {"finalizers": [*finalizers, *([] if "kubernetes" in finalizers else ["kubernetes"])]}
        body["status"] = {"phase": "Active"}

    def prepare_update(self, new: Body, old: Body, registry: Registry) -> None:
        new["spec"] = old["spec"]

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = super().validate(body, registry)
        labels = body["metadata"].get("labels") or {}
        for mode in ("enforce", "audit", "warn"):
            level, version = labels.get(f"{_SECURITY}/{mode}"), labels.get(f"{_SECURITY}/{mode}-version", "latest")
            if level is not None and level not in _LEVELS:
                text = f"must be one of {', '.join(_LEVELS)}"
                causes.append(bad_value(f"metadata.labels[{_SECURITY}/{mode}]", level, text))
            if not _SECURITY_VERSION.fullmatch(version):
                causes.append(
                    bad_value(f"metadata.labels[{_SECURITY}/{mode}-version]", version, 'must be "latest" or "v1.x"')
                )
        return causes

    def created(self, stored: Stored, key: Key, registry: Registry) -> None:
        registry.namespaces.prepare(key[1])

    def updated(self, stored: Stored, old: Stored, key: Key, registry: Registry) -> None:
        if stored.body["metadata"].get("deletionTimestamp"):
            registry.namespaces.empty(key[1])


class ConfigMap(Kind):
    """v1 ConfigMap."""

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = _key_problems(body)
        both = set(body.get("data") or {}) & set(body.get("binaryData") or {})
        causes += [bad_value(f"data[{key}]", key, "duplicate of key present in binaryData") for key in sorted(both)]
        size = sum(len(value.encode()) for value in (body.get("data") or {}).values())
        size += sum(len(value) * 3 // 4 for value in (body.get("binaryData") or {}).values())
        if size > _LARGEST:
            causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {_LARGEST} bytes", ""))
        return causes

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        return immutable_data(new, old)

    def removed(self, last: Stored, key: Key, registry: Registry) -> None:
        if key[1] == ROOT_CA:
            registry.namespaces.restore(key[0])


class Secret(Kind):
    """v1 Secret."""

    def default(self, body: Body) -> None:
        if not body.get("type"):
            body["type"] = "Opaque"
        for key, value in (body.pop("stringData", None) or {}).items():
            body.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        data = body.get("data") or {}
        causes = _key_problems(body)
        causes += [required(f"data[{key}]") for key in _SECRET_KEYS.get(body["type"], ()) if key not in data]
        if sum(len(value) * 3 // 4 for value in data.values()) > _LARGEST:
            causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {_LARGEST} bytes", "data"))
        return causes

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        return unchanged(new, old, ("type",)) + immutable_data(new, old)


def immutable_data(new: Body, old: Body) -> list[Cause]:
    """Rules of ConfigMaps and Secrets with ``immutable: true``."""
    if not old.get("immutable"):
        return []
    detail = "field is immutable when `immutable` is set"
    causes = [] if new.get("immutable") else [not_allowed("immutable", detail)]
    return causes + [not_allowed(name, detail) for name in ("data", "binaryData") if new.get(name) != old.get(name)]


def _key_problems(body: Body) -> list[Cause]:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    detail = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
        "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    )
    keys = [*(body.get("data") or {}), *(body.get("binaryData") or {})]
    return [bad_value(f"data[{key}]", key, detail) for key in keys if not key or set(key) - allowed]


class ServiceAccount(Kind):
    """v1 ServiceAccount; every namespace has one called default."""

    returns_deleted = True

    def removed(self, last: Stored, key: Key, registry: Registry) -> None:
        registry.namespaces.restore(key[0])


class ResourceQuota(Kind):
    """v1 ResourceQuota; its status is kept up to date by admission."""

    returns_deleted = True

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        return super().validate(body, registry) + [
            bad_value(f"spec.hard[{name}]", amount, "must be greater than or equal to 0")
            for name, amount in (at(body, "spec.hard") or {}).items()
            if parse(amount) < 0
        ]

    def created(self, stored: Stored, key: Key, registry: Registry) -> None:
        registry.quota.refresh(key[0])

    def updated(self, stored: Stored, old: Stored, key: Key, registry: Registry) -> None:
        if stored.body.get("spec") != old.body.get("spec"):
            registry.quota.refresh(key[0])


class LimitRange(Kind):
    """v1 LimitRange."""

    def default(self, body: Body) -> None:
        for limit in at(body, "spec.limits") or []:
            if limit.get("type") != "Container":
                continue
            for name, value in (limit.get("max") or {}).items():
                limit.setdefault("default", {}).setdefault(name, value)
            for source in ("default", "min"):
                for name, value in (limit.get(source) or {}).items():
                    limit.setdefault("defaultRequest", {}).setdefault(name, value)


class PersistentVolume(Kind):
    """v1 PersistentVolume."""

    returns_deleted = True

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
        spec.setdefault("volumeMode", "Filesystem")

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"phase": "Pending"}


class PersistentVolumeClaim(Kind):
    """v1 PersistentVolumeClaim; it may only grow."""

    returns_deleted = True

    def default(self, body: Body) -> None:
        body.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"phase": "Pending"}

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = super().validate(body, registry)
        if not at(body, "spec.accessModes"):
            causes.append(required("spec.accessModes", "at least 1 access mode is required"))
        if at(body, "spec.resources.requests.storage") is None:
            causes.append(required("spec.resources[storage]"))
        return causes

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        free = ("resources", "volumeAttributesClassName", "volumeName")
        rest = [{name: value for name, value in body["spec"].items() if name not in free} for body in (new, old)]
        if rest[0] == rest[1]:
            return []
        detail = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        return [not_allowed("spec", detail)]


class Node(Kind):
    """v1 Node; a kubelet registers it together with its status."""

    born_with_status = True

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body.setdefault("spec", {})

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        return []
