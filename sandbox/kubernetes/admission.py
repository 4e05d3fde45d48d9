"""Admission: what the server adds to new objects, and what it refuses for reasons outside of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .authorization import Attributes, Authorizer, covers
from .catalogue import Resource
from .errors import forbidden, not_found
from .kinds.base import at
from .kinds.core import ROOT_CA
from .metadata import generated_name
from .options import WriteOptions
from .pod_security import PodSecurity
from .quantities import parse
from .store import Body

if TYPE_CHECKING:
    from .registry import Registry

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a mount path
_TOLERATIONS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
RBAC = "rbac.authorization.k8s.io"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class Admission:
    """The plugins of one cluster."""

    def __init__(self, registry: Registry, authorizer: Authorizer) -> None:
        self._registry = registry
        self._authorizer = authorizer
        registry.mutating += [self.namespace, self.limits, self.service_account, self.priority, self.storage_class]
        security = PodSecurity(registry.store)
        registry.validating += [self.escalation, self.limit_ranges, security.admit, self.quota]

    def namespace(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Objects are created in namespaces that are there to stay."""
        if not resource.namespaced or old is not None:
            return
        name = body["metadata"]["namespace"]
        stored = self._registry.store.get("namespaces", ("", name))
        if stored is None:
            raise not_found("namespaces", "", name)
        if stored.body["metadata"].get("deletionTimestamp"):
            error = forbidden(
                resource.plural,
                resource.group,
                body["metadata"].get("name", ""),
                f"unable to create new content in namespace {name} because it is being terminated",
            )
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {name} is being terminated",
                "field": "metadata.namespace",
            }
            error.details = {**(error.details or {}), "causes": [cause]}
            raise error

    def service_account(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """A pod runs as an account that exists, and gets its token."""
        if resource.id != "pods" or old is not None:
            return
        spec, namespace = body["spec"], body["metadata"]["namespace"]
        name = spec.setdefault("serviceAccountName", "default")
        spec["serviceAccount"] = name
        account = self._registry.store.get("serviceaccounts", (namespace, name))
        if account is None:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden("pods", "", body["metadata"].get("name", ""), why)
        default = account.body.get("automountServiceAccountToken", True)
        if spec.get("automountServiceAccountToken", default):
            _mount_token(spec)
        if not spec.get("imagePullSecrets") and account.body.get("imagePullSecrets"):
            spec["imagePullSecrets"] = account.body["imagePullSecrets"]
        tolerations = spec.setdefault("tolerations", [])
        for key in _TOLERATIONS:
            if not any(
                one.get("key") in (key, None) and one.get("effect") in ("NoExecute", None) for one in tolerations
            ):
                tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})

    def priority(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """A pod's priority comes from its class."""
        if resource.id != "pods" or old is not None:
            return
        spec = body["spec"]
        store = self._registry.store
        classes = {one.body["metadata"]["name"]: one.body for one in store.objects("priorityclasses.scheduling.k8s.io")}
        name = spec.get("priorityClassName")
        if not name:
            name = next((key for key, one in classes.items() if one.get("globalDefault")), None)
            if name:
                spec["priorityClassName"] = name
        elif name not in classes:
            why = f"no PriorityClass with name {name} was found"
            raise forbidden("pods", "", body["metadata"].get("name", ""), why)
        found = classes.get(name or "", {})
        spec["priority"] = found.get("value", 0)
        spec.setdefault("preemptionPolicy", found.get("preemptionPolicy", "PreemptLowerPriority"))

    def storage_class(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """A claim without a class gets the default one."""
        if resource.id != "persistentvolumeclaims" or old is not None or "storageClassName" in body["spec"]:
            return
        for stored in self._registry.store.objects("storageclasses.storage.k8s.io"):
            if (stored.body["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
                body["spec"]["storageClassName"] = stored.body["metadata"]["name"]
                return

    def limits(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Requests and limits that a LimitRange of the namespace gives."""
        if resource.id != "pods" or old is not None:
            return
        for limit in self._limits(body, "Container"):
            for container in [*(body["spec"].get("initContainers") or []), *(body["spec"].get("containers") or [])]:
                resources = container.setdefault("resources", {})
                for side, source in (("limits", "default"), ("requests", "defaultRequest")):
                    for name, amount in (limit.get(source) or {}).items():
                        resources.setdefault(side, {}).setdefault(name, amount)

    def limit_ranges(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Containers and claims stay between min and max."""
        problems: list[str] = []
        if resource.id == "pods" and old is None:
            for limit in self._limits(body, "Container"):
                for container in body["spec"].get("containers") or []:
                    problems += _limit_problems(limit, at(container, "resources") or {}, "Container")
        elif resource.id == "persistentvolumeclaims":
            for limit in self._limits(body, "PersistentVolumeClaim"):
                problems += _limit_problems(limit, at(body, "spec.resources") or {}, "PersistentVolumeClaim")
        if problems:
            text = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
            raise forbidden(resource.plural, resource.group, body["metadata"].get("name", ""), text)

    def quota(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Nothing over the namespace's quotas."""
        if not options.subresource:
            self._registry.quota.admit(resource, body, old)

    def escalation(self, resource: Resource, body: Body, old: Body | None, options: WriteOptions) -> None:
        """Nobody hands out more than they have, by a role or by a binding."""
        if resource.group != RBAC or options.user.is_master:
            return
        role = body.get("roleRef") or {}
        if role:
            if old is not None and old.get("subjects") == body.get("subjects"):
                return
            verb, plural = "bind", "clusterroles" if role["kind"] == "ClusterRole" else "roles"
            wanted = list(self._authorizer.role_rules(body, body["metadata"].get("namespace", "")))
            name = role["name"]
        else:
            verb, plural, wanted, name = "escalate", resource.plural, body.get("rules") or [], body["metadata"]["name"]
            if old is not None and old.get("rules") == body.get("rules"):
                return
        namespace = body["metadata"].get("namespace", "")
        if self._authorizer.allows(options.user, Attributes(verb, RBAC, plural, "", namespace, name)):
            return
        owned = list(self._authorizer.rules(options.user, namespace))
        missing = [rule for rule in wanted if not covers(owned, rule)]
        if missing:
            shown = "\n".join(_shown(rule) for rule in missing)
            who = f'user "{options.user.username}" (groups={json.dumps(list(options.user.groups))})'
            why = f"{who} is attempting to grant RBAC permissions not currently held:\n{shown}"
            raise forbidden(resource.plural, resource.group, body["metadata"]["name"], why)

    def _limits(self, body: Body, kind: str) -> list[dict[str, Any]]:
        namespace = body["metadata"].get("namespace", "")
        found = self._registry.store.objects("limitranges", namespace) if namespace else []
        return [
            limit for stored in found for limit in at(stored.body, "spec.limits") or [] if limit.get("type") == kind
        ]


def _mount_token(spec: Body) -> None:
    """The projected volume that every pod finds its token in."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    without = [
        one
        for one in containers
        if all(mount.get("mountPath") != _TOKEN_PATH for mount in one.get("volumeMounts") or [])
    ]
    if not without:
        return
    name = generated_name("kube-api-access-")
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    spec.setdefault("volumes", []).append({"name": name, "projected": {"sources": sources, "defaultMode": 420}})
    for container in without:
        mount = {"name": name, "readOnly": True, "mountPath": _TOKEN_PATH}
        container.setdefault("volumeMounts", []).append(mount)


def _limit_problems(limit: Body, resources: Body, kind: str) -> list[str]:
    problems = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, most in (limit.get("max") or {}).items():
        given = limits.get(name) if kind == "Container" else requests.get(name)
        if given is None:
            problems.append(f"maximum {name} usage per {kind} is {most}.  No limit is specified")
        elif parse(given) > parse(most):
            word = "limit" if kind == "Container" else "request"
            problems.append(f"maximum {name} usage per {kind} is {most}, but {word} is {given}")
    for name, least in (limit.get("min") or {}).items():
        given = requests.get(name)
        if given is None:
            problems.append(f"minimum {name} usage per {kind} is {least}.  No request is specified")
        elif parse(given) < parse(least):
            problems.append(f"minimum {name} usage per {kind} is {least}, but request is {given}")
    return problems


def _shown(rule: Body) -> str:
    """A rule as refusals print it."""
    parts = (("APIGroups", "apiGroups"), ("Resources", "resources"), ("Verbs", "verbs"))
    return "{" + ", ".join(f"{name}:{json.dumps(rule.get(key) or [])}" for name, key in parts) + "}"
