"""What the objects of an API look like: fields, list keys, patch strategies.

Built-in kinds come from the JSON schemas of ``kubernetes-validate``, custom ones from the structural schema of their
CustomResourceDefinition; both become the same ``Schema`` tree, built only as deep as it is walked.
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

_REF = "#/$defs/"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
# Definitions that take any JSON value.
_OPAQUE = (
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
)
# The published schemas leave out the default of a list key.
_KEY_DEFAULTS = {"protocol": "TCP"}


class Schema:
    """One node: an object, a map, a list or a scalar. ``kind`` is its JSON type, ``any`` or ``int-or-string``."""

    def __init__(self, node: dict[str, Any], library: Library, name: str = "") -> None:
        self.node = node
        self.name = name
        self._library = library
        self.kind = _kind(node, name)
        self.format: str = node.get("format", "")
        self.required: list[str] = node.get("required") or []
        self.preserve: bool = bool(node.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded: bool = bool(node.get("x-kubernetes-embedded-resource"))
        self.nullable: bool = bool(node.get("nullable"))
        self.merge_key: str = node.get("x-kubernetes-patch-merge-key", "")
        self.strategies: list[str] = [s for s in node.get("x-kubernetes-patch-strategy", "").split(",") if s]
        self.atomic: bool = node.get("x-kubernetes-map-type") == "atomic" or (self.kind == "any" and not self.preserve)
        self.list_type: str = node.get("x-kubernetes-list-type") or "atomic"
        self.list_keys: list[str] = node.get("x-kubernetes-list-map-keys") or []

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """Declared fields."""
        return {name: self._library.schema(node) for name, node in (self.node.get("properties") or {}).items()}

    @cached_property
    def values(self) -> Schema | None:
        """Of every value of a map; None for an object with declared fields alone."""
        node = self.node.get("additionalProperties")
        if isinstance(node, dict):
            return self._library.schema(node)
        return self._library.schema({}) if node is True else None

    @cached_property
    def items(self) -> Schema:
        """Of the items of a list."""
        return self._library.schema(self.node.get("items") or {})

    @property
    def is_object(self) -> bool:
        """Whether it has named children (declared or not)."""
        return self.kind == "object"

    @property
    def is_map(self) -> bool:
        """Whether its keys are the user's own."""
        return self.kind == "object" and bool(self.node.get("additionalProperties"))

    def field(self, name: str) -> Schema | None:
        """The schema below key ``name``; None when there may be no such key."""
        if self.kind == "any":
            return self._library.schema({})
        found = self.properties.get(name) or self.values
        return self._library.schema({}) if found is None and self.preserve else found

    def key_default(self, key: str) -> Any:
        """What a list key is when an item does not say it."""
        schema = self.items.properties.get(key)
        default = schema.node.get("default") if schema is not None else None
        return _KEY_DEFAULTS.get(key) if default is None else default


class Library:
    """The definitions that references point into."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self._named: dict[str, Schema] = {}
        self._any = Schema({}, self)

    def schema(self, node: dict[str, Any]) -> Schema:
        """The schema of a node, its reference followed."""
        if not node:
            return self._any
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return Schema(node, self)
        name = reference.removeprefix(_REF)
        extra = {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
        if extra:
            return Schema({**self.definitions[name], **extra}, self, name)
        return self.named(name)

    def named(self, name: str) -> Schema:
        """A definition by its full name."""
        if name not in self._named:
            self._named[name] = Schema(self.definitions[name], self, name)
        return self._named[name]

    @cached_property
    def kinds(self) -> dict[tuple[str, str, str], str]:
        """(group, version, kind) to the definition's name."""
        found = {}
        for name, node in self.definitions.items():
            declared = node.get("x-kubernetes-group-version-kind") or []
            if len(declared) == 1:
                gvk = declared[0]
                found[gvk["group"], gvk["version"], gvk["kind"]] = name
        return found


def _kind(node: dict[str, Any], name: str) -> str:
    if name in _OPAQUE:
        return "any"
    if name == _INT_OR_STRING or node.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if name == _QUANTITY:
        return "quantity"
    declared = node.get("type")
    if isinstance(declared, list):
        declared = next((one for one in declared if one != "null"), None)
    if declared is None and ("properties" in node or "additionalProperties" in node):
        declared = "object"
    return declared or "any"


def known_versions() -> list[str]:
    """The minor versions (``1.34``) whose schemas are installed, oldest first."""
    folder = files("kubernetes_validate").joinpath("kubernetes-json-schema")
    found = {entry.name[1:].partition("-")[0].rpartition(".")[0] for entry in folder.iterdir() if entry.name[0] == "v"}
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


@lru_cache(maxsize=4)
def library(minor: str) -> Library:
    """The schemas of a minor version, or of the nearest one that is installed; shared by all clusters of a process."""
    known = known_versions()
    wanted = [int(part) for part in minor.split(".")[:2]]
    chosen = minor if minor in known else min(known, key=lambda one: abs(int(one.split(".")[1]) - wanted[1]))
    folder = files("kubernetes_validate").joinpath("kubernetes-json-schema", f"v{chosen}.0-local")
    definitions = json.loads(folder.joinpath("_definitions.json").read_text())["$defs"]
    return Library(_without_nulls(definitions))


def _without_nulls(definitions: dict[str, Any]) -> dict[str, Any]:
    """The schemas say "or null" everywhere, which is about what Go decodes, not about the API."""
    stack: list[Any] = [definitions]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(item for item in node if isinstance(item, (dict, list)))
            continue
        kind = node.get("type")
        if isinstance(kind, list) and "null" in kind:
            rest = [one for one in kind if one != "null"]
            node["type"] = rest[0] if len(rest) == 1 else rest
        stack.extend(value for value in node.values() if isinstance(value, (dict, list)))
    return definitions
