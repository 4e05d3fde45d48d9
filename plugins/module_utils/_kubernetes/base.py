# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the base's specification to the objects that a cluster begins with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._spec.kubernetes_base import KubernetesBase, Namespace
from . import policies, rights
from .clouds import account_annotations
from .place import Place

Body = dict[str, Any]
_SECURITY = "pod-security.kubernetes.io"


@dataclass(frozen=True)
class Surroundings:
    """What the base is rendered for. ranges: of the site's network. minor: the cluster's version ("1.34"), to which Pod
    Security is pinned. facts: addresses and references for the platform's ConfigMap."""

    place: Place
    ranges: Sequence[str]
    minor: str
    facts: Mapping[str, str] = field(default_factory=dict)


def build(spec: KubernetesBase, around: Surroundings) -> list[Body]:
    """A resolved specification's objects."""
    own = _Builder(spec, around)
    namespaces = spec.namespaces or ()
    found = [own.namespace(each) for each in namespaces] + own.priority_classes()
    for each in namespaces:
        if spec.quotas:
            found += [own.quota(each), own.limits(each)]
        if spec.network_policies:
            found += policies.of_namespace(each, namespaces, spec, around.place, around.ranges)
        found.append(own.config_map(each))
    return [*found, *rights.of_groups(spec.groups, namespaces, around.place), *own.service_accounts()]


def facts_of(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Addresses and references, out of what the module `site` says of a site, as entries of a ConfigMap.

    DATABASE_MAIN_HOST, ..._PORT, ..._ADMIN_SECRET, ..._APP_SECRET; CACHE_MAIN_HOST ...; REGISTRY_URL, REGISTRY_API;
    BUCKET_MODELS, BUCKET_MODELS_URL; SECRET_API_KEY. Secrets are ids in the secret store, never values. What is not
    known yet is left out.
    """
    found: dict[str, Any] = {}
    for name, server in _of(outputs, "database", "servers"):
        found |= {f"DATABASE_{name}_{key.upper()}": server.get(key) for key in ("host", "port", "engine")}
        found[f"DATABASE_{name}_NAMES"] = ",".join(server.get("databases") or ())
        found[f"DATABASE_{name}_ADMIN_SECRET"] = (server.get("admin") or {}).get("secret")
        for user, login in (server.get("users") or {}).items():
            found[f"DATABASE_{name}_{_upper(user)}_SECRET"] = login.get("secret")
        for replica, place in (server.get("replicas") or {}).items():
            found[f"DATABASE_{name}_{_upper(replica)}_HOST"] = place.get("host")
    for name, cache in _of(outputs, "cache", "instances"):
        found |= {f"CACHE_{name}_{key.upper()}": cache.get(key) for key in ("host", "port", "reader_host", "secret")}
        found[f"CACHE_{name}_TLS"] = "true" if cache.get("tls") else None
    for name, bucket in _of(outputs, "object_store", "buckets"):
        found |= {f"BUCKET_{name}": bucket.get("name"), f"BUCKET_{name}_URL": bucket.get("url")}
        found[f"BUCKET_{name}_ACCOUNT"] = bucket.get("storage_account")
    found["REGISTRY_URL"] = (outputs.get("registry") or {}).get("url")
    for name, repository in _of(outputs, "registry", "repositories"):
        found[f"REGISTRY_{name}"] = repository
    for name, reference in _of(outputs, "secret_store", "secrets"):
        found[f"SECRET_{name}"] = reference
    return {name: str(value) for name, value in found.items() if value not in (None, "") and _known(value)}


def _of(outputs: Mapping[str, Any], capability: str, part: str) -> list[tuple[str, Any]]:
    items = ((outputs.get(capability) or {}).get(part) or {}).items()
    return [(_upper(name), item) for name, item in items]


def _upper(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name.upper())


def _known(value: Any) -> bool:
    return not str(value).startswith("(known after apply")


class _Builder:
    def __init__(self, spec: KubernetesBase, around: Surroundings) -> None:
        self.spec = spec
        self.around = around

    def _object(self, api_version: str, kind: str, name: str, namespace: str = "", **content: Any) -> Body:
        meta = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": self.around.place.labels()}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, **content}

    def namespace(self, each: Namespace) -> Body:
        """Pod Security is pinned to the cluster's version, so that an upgrade does not refuse what ran before it."""
        body = self._object("v1", "Namespace", each.name)
        levels = {"enforce": each.pod_security, "audit": "restricted", "warn": "restricted"}
        body["metadata"]["labels"] |= {
            **(each.labels or {}),
            **{f"{_SECURITY}/{mode}": level for mode, level in levels.items()},
            **{f"{_SECURITY}/{mode}-version": f"v{self.around.minor}" for mode in levels},
            "istio-injection": "enabled" if each.sidecars else "disabled",
        }
        return body

    def quota(self, each: Namespace) -> Body:
        hard = dict(sorted((each.quota or {}).items()))
        return self._object("v1", "ResourceQuota", "platform", each.name, spec={"hard": hard})

    def limits(self, each: Namespace) -> Body:
        given = each.limits
        item = {
            "type": "Container",
            "default": {"cpu": given.cpu, "memory": given.memory},
            "defaultRequest": {"cpu": given.cpu_request, "memory": given.memory_request},
            "max": {"cpu": given.max_cpu, "memory": given.max_memory},
        }
        return self._object("v1", "LimitRange", "platform", each.name, spec={"limits": [item]})

    def config_map(self, each: Namespace) -> Body:
        """The same in every namespace, because pods read those of their own alone."""
        data = {**self.around.facts, **(self.spec.references or {}), **self.around.place.facts()}
        text = {key: str(value) for key, value in sorted(data.items())}
        return self._object("v1", "ConfigMap", self.spec.config_map, each.name, data=text)

    def priority_classes(self) -> list[Body]:
        return [
            self._object(
                "scheduling.k8s.io/v1",
                "PriorityClass",
                each.name,
                value=each.value,
                globalDefault=False,
                preemptionPolicy="PreemptLowerPriority" if each.preempts else "Never",
                **({"description": each.description} if each.description else {}),
            )
            for each in self.spec.priority_classes or ()
        ]

    def service_accounts(self) -> list[Body]:
        """Pods of theirs mount no token for the API server; those of the cloud are mounted by the cloud."""
        found = []
        for each in self.spec.service_accounts:
            body = self._object("v1", "ServiceAccount", each.name, each.namespace, automountServiceAccountToken=False)
            annotations = account_annotations(self.around.place.cloud, each.identity)
            if annotations:
                body["metadata"]["annotations"] = annotations
            found.append(body)
        return found
