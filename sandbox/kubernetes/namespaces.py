"""The life of a namespace: what every one gets, and emptying it before it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .identity import MASTERS, UserInfo
from .kinds.core import ROOT_CA
from .metadata import timestamp
from .options import DeleteOptions, WriteOptions
from .store import Body

if TYPE_CHECKING:
    from .registry import Registry

_CONTROLLER = UserInfo("system:serviceaccount:kube-system:namespace-controller", groups=(MASTERS,))
_MANAGER = "kube-controller-manager"
_FINALIZER = "kubernetes"


class Namespaces:
    """Belongs to a registry, and works in its thread."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.ca_pem = ""

    def prepare(self, name: str) -> None:
        """A new namespace gets its default ServiceAccount and the cluster's CA."""
        self._registry.schedule(lambda: self._prepare(name))

    def _prepare(self, name: str) -> None:
        if self._terminating(name) is not False:
            return
        self._ensure("ServiceAccount", name, "default", {})
        self._ensure("ConfigMap", name, ROOT_CA, {"data": {"ca.crt": self.ca_pem}})

    def _ensure(self, kind: str, namespace: str, name: str, fields: dict[str, Any]) -> None:
        registry = self._registry
        resource = registry.catalogue.of_kind("v1", kind)
        if resource is None or registry.find(resource, namespace, name) is not None:
            return
        body: Body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}
        registry.create(resource, namespace, body, WriteOptions(_CONTROLLER, manager=_MANAGER))

    def restore(self, namespace: str) -> None:
        """Put back what belongs to every namespace after somebody deleted it."""
        self._registry.schedule(lambda: self._prepare(namespace))

    def empty(self, name: str) -> None:
        """A namespace that is being deleted loses its objects, then its finalizer."""
        self._registry.schedule(lambda: self._empty(name))

    def _empty(self, name: str) -> None:
        registry = self._registry
        if self._terminating(name) is not True:
            return
        left: list[tuple[str, int]] = []
        finalizers: dict[str, int] = {}
        for resource in registry.catalogue.stored():
            if not resource.namespaced:
                continue
            options = DeleteOptions(_CONTROLLER, propagation="Background")
            registry.delete_all(resource, name, options)
            remaining = registry.store.objects(resource.storage, name)
            if remaining:
                left.append((resource.id, len(remaining)))
                for stored in remaining:
                    for finalizer in stored.body["metadata"].get("finalizers") or []:
                        finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
                registry.when_empty(resource.storage, lambda: self._empty(name), name)
        namespaces = registry.catalogue.of_kind("v1", "Namespace")
        if namespaces is None:
            return
        if left:
            registry.modify(namespaces, ("", name), lambda body: self._report(body, left, finalizers))
            return
        registry.modify(namespaces, ("", name), _release)

    def _report(self, body: Body, left: list[tuple[str, int]], finalizers: dict[str, int]) -> None:
        """Say in the conditions what holds the namespace back."""
        now = timestamp(self._registry.clock.wall())
        remaining = ", ".join(f"{kind} has {count} resource instances" for kind, count in left)
        held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
        rows = [
            (
                "NamespaceDeletionDiscoveryFailure",
                False,
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            (
                "NamespaceDeletionGroupVersionParsingFailure",
                False,
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            (
                "NamespaceDeletionContentFailure",
                False,
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            ("NamespaceContentRemaining", True, "SomeResourcesRemain", f"Some resources are remaining: {remaining}"),
        ]
        if held:
            rows.append(
                (
                    "NamespaceFinalizersRemaining",
                    True,
                    "SomeFinalizersRemain",
                    f"Some content in the namespace has finalizers remaining: {held}",
                )
            )
        before = {one["type"]: one for one in body["status"].get("conditions") or []}
        conditions = []
        for kind, status, reason, message in rows:
            text = str(status)
            known = before.get(kind, {})
            since = known.get("lastTransitionTime", now) if known.get("status") == text else now
            conditions.append(
                {"type": kind, "status": text, "lastTransitionTime": since, "reason": reason, "message": message}
            )
        body["status"]["conditions"] = conditions

    def _terminating(self, name: str) -> bool | None:
        """None: there is no such namespace."""
        stored = self._registry.store.get("namespaces", ("", name))
        return None if stored is None else bool(stored.body["metadata"].get("deletionTimestamp"))


def _release(body: Body) -> None:
    left = [one for one in body["spec"].get("finalizers") or [] if one != _FINALIZER]
    body["spec"] = {"finalizers": left} if left else {}
