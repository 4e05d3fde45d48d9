"""OpenAPI documents: v2 as a whole, v3 by group and version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from .catalogue import Catalogue, Resource
from .store import dump

_V2, _V3 = "#/definitions/", "#/components/schemas/"
_INT_OR_STRING = {"type": "string", "format": "int-or-string"}
_QUERY = {
    "list": ("allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"),
    "create": ("dryRun", "fieldManager", "fieldValidation"),
    "update": ("dryRun", "fieldManager", "fieldValidation"),
    "patch": ("dryRun", "fieldManager", "fieldValidation", "force"),
    "delete": ("dryRun", "gracePeriodSeconds", "propagationPolicy"),
    "get": (),
}
_METHODS = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json")


class OpenApi:
    """Documents of one cluster, made when asked for and kept until the catalogue changes."""

    def __init__(self, catalogue: Catalogue, version: Callable[[], str]) -> None:
        self._catalogue = catalogue
        self._version = version
        self._made: dict[str, bytes] = {}
        self._generation = -1

    def _info(self) -> dict[str, str]:
        return {"title": "Kubernetes", "version": f"v{self._version()}"}

    def v2(self) -> bytes:
        """The whole in Swagger 2.0."""
        return self._kept("v2", self._v2)

    def index(self) -> dict[str, Any]:
        """``/openapi/v3``: group versions with the addresses of their documents."""
        paths = {}
        for group, versions in self._catalogue.group_versions().items():
            for version in versions:
                name = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = hashlib.sha256(f"{name}{self._catalogue.generation}".encode()).hexdigest()[:32].upper()
                paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
        return {"paths": paths}

    def v3(self, name: str) -> bytes | None:
        """The document of ``api/v1`` or ``apis/<group>/<version>``."""
        parts = name.split("/")
        group, version = ("", parts[1]) if parts[0] == "api" and len(parts) == 2 else ("", "")
        if parts[0] == "apis" and len(parts) == 3:
            group, version = parts[1:]
        found = self._catalogue.in_version(group, version)
        return self._kept(name, lambda: self._v3(found)) if found else None

    def _kept(self, name: str, make: Any) -> bytes:
        if self._generation != self._catalogue.generation:
            self._made.clear()
            self._generation = self._catalogue.generation
        if name not in self._made:
            self._made[name] = dump(make())
        return self._made[name]

    def _v2(self) -> dict[str, Any]:
        definitions = {name: _plain(node, _V2) for name, node in self._catalogue.library.definitions.items()}
        paths: dict[str, Any] = {}
        for one in self._catalogue:
            name = _name(self._catalogue, one)
            if name not in definitions:
                definitions[name] = _plain(_custom(one), _V2)
            paths |= _paths(one, {"$ref": _V2 + name}, 2)
        return {"swagger": "2.0", "info": self._info(), "paths": paths, "definitions": definitions}

    def _v3(self, resources: list[Resource]) -> dict[str, Any]:
        schemas: dict[str, Any] = {}
        paths: dict[str, Any] = {}
        for one in resources:
            name = _name(self._catalogue, one)
            if name not in self._catalogue.library.definitions:
                schemas[name] = _plain(_custom(one), _V3)
                self._collect(_custom(one), schemas)
            else:
                self._collect({"$ref": f"#/$defs/{name}"}, schemas)
            paths |= _paths(one, {"$ref": _V3 + name}, 3)
        return {"openapi": "3.0.0", "info": self._info(), "paths": paths, "components": {"schemas": schemas}}

    def _collect(self, node: Any, into: dict[str, Any]) -> None:
        """All definitions that a node refers to."""
        definitions = self._catalogue.library.definitions
        stack = [node]
        while stack:
            current = stack.pop()
            if isinstance(current, list):
                stack.extend(current)
            elif isinstance(current, dict):
                name = current.get("$ref")
                if isinstance(name, str):
                    name = name.removeprefix("#/$defs/")
                    if name in definitions and name not in into:
                        into[name] = _plain(definitions[name], _V3)
                        stack.append(definitions[name])
                stack.extend(value for value in current.values() if isinstance(value, (dict, list)))


def _plain(node: Any, prefix: str) -> Any:
    """A node with references as the document wants them."""
    text = json.dumps(node).replace("#/$defs/", prefix)
    plain = json.loads(text)
    if "oneOf" in plain and not plain.get("properties"):
        return {**_INT_OR_STRING} if "integer" in text else {"type": "string"}
    return plain


def _custom(resource: Resource) -> dict[str, Any]:
    node = resource.schema.node
    gvk = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {"type": "object", **node, "x-kubernetes-group-version-kind": [gvk]}


def _name(catalogue: Catalogue, resource: Resource) -> str:
    known = catalogue.library.kinds.get((resource.group, resource.version, resource.kind))
    if known and resource.custom is None:
        return known
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _paths(resource: Resource, schema: dict[str, str], major: int) -> dict[str, Any]:
    base = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = f"{base}/namespaces/{{namespace}}" if resource.namespaced else base
    whole, single = f"{scope}/{resource.plural}", f"{scope}/{resource.plural}/{{name}}"
    place = [_parameter("namespace", "path", major)] if resource.namespaced else []
    named = {"parameters": [_parameter("name", "path", major), *place]}
    found: dict[str, Any] = {whole: {"parameters": place}, single: named}
    if "list" in resource.verbs:
        found[whole]["get"] = _operation(resource, "list", schema, major)
    if "create" in resource.verbs:
        found[whole]["post"] = _operation(resource, "create", schema, major)
    for verb, method in _METHODS.items():
        if verb in resource.verbs:
            found[single][method] = _operation(resource, verb, schema, major)
    return {path: item for path, item in found.items() if len(item) > 1}


def _operation(resource: Resource, verb: str, schema: dict[str, str], major: int) -> dict[str, Any]:
    action = {"create": "post", "update": "put"}.get(verb, verb)
    scope = "Namespaced" if resource.namespaced else ""
    group = "".join(part.capitalize() for part in (resource.group or "core").split(".")[0].split("-"))
    version = resource.version[0].upper() + resource.version[1:]
    operation: dict[str, Any] = {
        "operationId": f"{verb if verb == 'list' else {'get': 'read', 'update': 'replace'}.get(verb, verb)}"
        f"{group}{version}{scope}{resource.kind}",
        "parameters": [_parameter(name, "query", major) for name in _QUERY[verb]],
        "responses": {"200": _response(schema, major)},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
    }
    if verb in ("create", "update", "patch"):
        media = _PATCHES if verb == "patch" else ("*/*",)
        if major == 2:
            operation["consumes"] = list(media)
            operation["parameters"].append({"name": "body", "in": "body", "required": True, "schema": schema})
        else:
            operation["requestBody"] = {"required": True, "content": {one: {"schema": schema} for one in media}}
    return operation


def _parameter(name: str, place: str, major: int) -> dict[str, Any]:
    kind = {"type": "string", "uniqueItems": True}
    if name in ("force", "watch", "allowWatchBookmarks"):
        kind["type"] = "boolean"
    shown: dict[str, Any] = {"name": name, "in": place, **(kind if major == 2 else {"schema": kind})}
    return {**shown, "required": True} if place == "path" else shown


def _response(schema: dict[str, str], major: int) -> dict[str, Any]:
    if major == 2:
        return {"description": "OK", "schema": schema}
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}
