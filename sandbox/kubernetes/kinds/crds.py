"""CustomResourceDefinitions: checked, established, served; gone when their last object is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..catalogue import Resource
from ..errors import IMMUTABLE, Cause, bad_value, required
from ..metadata import timestamp
from ..store import Key, Stored
from .base import Body, Kind, at
from .rules import rule_problems
from .structural import problems

if TYPE_CHECKING:
    from ..registry import Registry

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_OBJECT_META = {"$ref": "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}


class CustomResourceDefinition(Kind):
    """apiextensions.k8s.io/v1."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        names = spec.setdefault("names", {})
        if names.get("kind"):
            names.setdefault("singular", names["kind"].lower())
            names.setdefault("listKind", f"{names['kind']}List")
        spec.setdefault("conversion", {"strategy": "None"})

    def prepare_create(self, body: Body, registry: Registry) -> None:
        stored = [one["name"] for one in at(body, "spec.versions") or [] if one.get("storage")]
        body["status"] = {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": stored or None,
        }

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body["spec"]
        causes = super().validate(body, registry)
        names = spec.get("names") or {}
        wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
        name = body["metadata"].get("name", "")
        if name != wanted:
            causes.append(bad_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
        if spec.get("scope") not in ("Namespaced", "Cluster", None):
            causes.append(
                Cause(
                    "FieldValueNotSupported",
                    f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"',
                    "spec.scope",
                )
            )
        versions = spec.get("versions") or []
        if sum(bool(one.get("storage")) for one in versions) != 1:
            detail = "must have exactly one version marked as storage version"
            causes.append(bad_value("spec.versions", versions, detail))
        if spec.get("preserveUnknownFields"):
            detail = (
                "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
                "spec.versions[*].schema instead"
            )
            causes.append(bad_value("spec.preserveUnknownFields", True, detail))
        for index, version in enumerate(versions):
            where = f"spec.versions[{index}].schema.openAPIV3Schema"
            schema = at(version, "schema.openAPIV3Schema")
            if schema is None:
                causes.append(required(where, "schemas are required"))
            else:
                causes += problems(schema, where) + rule_problems(schema, where)
        return causes

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        if not established(old):
            return []
        causes = []
        for path in ("spec.group", "spec.scope", "spec.names.plural", "spec.names.kind"):
            if at(new, path) != at(old, path):
                causes.append(bad_value(path, at(new, path), IMMUTABLE))
        named = {one.get("name") for one in at(new, "spec.versions") or []}
        for index, version in enumerate(at(old, "status.storedVersions") or []):
            if version not in named:
                detail = "must appear in spec.versions"
                causes.append(bad_value(f"status.storedVersions[{index}]", version, detail))
        return causes

    def created(self, stored: Stored, key: Key, registry: Registry) -> None:
        registry.schedule(lambda: self._establish(key, registry))

    def updated(self, stored: Stored, old: Stored, key: Key, registry: Registry) -> None:
        if stored.body["metadata"].get("deletionTimestamp"):
            registry.schedule(lambda: self._clean_up(key, registry))
        elif stored.body["spec"] != old.body["spec"] and established(stored.body):
            registry.schedule(lambda: self._establish(key, registry))

    def removed(self, last: Stored, key: Key, registry: Registry) -> None:
        registry.catalogue.remove(key[1])

    def _establish(self, key: Key, registry: Registry) -> None:
        """Accept the names when nobody else has them, and serve."""
        stored = registry.store.get(self.resource.storage, key)
        if stored is None or stored.body["metadata"].get("deletionTimestamp"):
            return
        spec = stored.body["spec"]
        clash = self._clash(key[1], spec, registry)
        now = timestamp(registry.clock.wall())

        def change(body: Body) -> None:
            status = body.setdefault("status", {})
            conditions: list[Body] = status.get("conditions") or []
            if clash:
                _set(conditions, "NamesAccepted", "False", clash[0], clash[1], now)
                _set(conditions, "Established", "False", "NotAccepted", "not all names are accepted", now)
            else:
                status["acceptedNames"] = spec["names"]
                _set(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now)
                _set(
                    conditions,
                    "Established",
                    "True",
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                    now,
                )
                storage = next(one["name"] for one in spec["versions"] if one.get("storage"))
                known = status.get("storedVersions") or []
                status["storedVersions"] = known if storage in known else [*known, storage]
                finalizers = body["metadata"].get("finalizers") or []
                if CLEANUP not in finalizers:
                    body["metadata"]["finalizers"] = [*finalizers, CLEANUP]
            status["conditions"] = conditions

        if not clash:
            registry.catalogue.remove(key[1])
            registry.catalogue.add(served(stored.body, registry))
        registry.modify(self.resource, key, change)

    @staticmethod
    def _clash(name: str, spec: Body, registry: Registry) -> tuple[str, str] | None:
        names = spec["names"]
        for one in registry.catalogue:
            if one.group != spec["group"] or one.id == name:
                continue
            if one.kind == names["kind"]:
                return "KindConflict", f'"{names["kind"]}" is already in use'
            taken = {one.plural, one.singular, *one.short_names}
            for word in (names["plural"], names["singular"], *(names.get("shortNames") or [])):
                if word in taken:
                    return "PluralConflict", f'"{word}" is already in use'
        return None

    def _clean_up(self, key: Key, registry: Registry) -> None:
        """Delete the objects; when the last one is gone, the definition may go."""
        resource = next((one for one in registry.catalogue if one.id == key[1]), None)
        now = timestamp(registry.clock.wall())

        def terminating(body: Body) -> None:
            conditions = (body.get("status") or {}).get("conditions") or []
            message = "CustomResource deletion is in progress"
            _set(conditions, "Terminating", "True", "InstanceDeletionInProgress", message, now)
            body.setdefault("status", {})["conditions"] = conditions

        registry.modify(self.resource, key, terminating)
        if resource is not None:
            registry.delete_all(resource)
            if registry.store.count(key[1]):
                registry.when_empty(key[1], lambda: self._finish(key, registry))
                return
        self._finish(key, registry)

    def _finish(self, key: Key, registry: Registry) -> None:
        def change(body: Body) -> None:
            left = [one for one in body["metadata"].get("finalizers") or [] if one != CLEANUP]
            body["metadata"]["finalizers"] = left
            if not left:
                del body["metadata"]["finalizers"]

        registry.modify(self.resource, key, change)


def established(body: Body) -> bool:
    """Whether a definition is served."""
    conditions = at(body, "status.conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def served(body: Body, registry: Registry) -> list[Resource]:
    """The resources of a definition, one per served version."""
    spec = body["spec"]
    names = spec["names"]
    storage = next(one["name"] for one in spec["versions"] if one.get("storage"))
    found = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subresources = version.get("subresources") or {}
        schema = dict(at(version, "schema.openAPIV3Schema") or {"type": "object"})
        meta = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _OBJECT_META}
        schema["properties"] = {**(schema.get("properties") or {}), **meta}
        found.append(
            Resource(
                spec["group"],
                version["name"],
                names["plural"],
                names["kind"],
                spec["scope"] == "Namespaced",
                registry.catalogue.library.schema(schema),
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=tuple(name for name in ("status", "scale") if name in subresources),
                singular=names["singular"],
                list_kind=names["listKind"],
                storage_version=storage,
                scale=subresources.get("scale"),
                custom=version,
            )
        )
    return found


def _set(conditions: list[Body], kind: str, status: str, reason: str, message: str, now: str) -> None:
    found: dict[str, Any] | None = next((one for one in conditions if one["type"] == kind), None)
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    if found.get("status") != status:
        found["lastTransitionTime"] = now
    found |= {"status": status, "reason": reason, "message": message}
