"""Answers in the shape of the discovery documents."""

from __future__ import annotations

from typing import Any

from .discovery import Document

Presence = dict[str, frozenset[str]]


def is_output_only(schema: dict[str, Any]) -> bool:
    """Whether the server alone writes this property."""
    if schema.get("readOnly"):
        return True
    text = schema.get("description", "").lstrip("[").lower()
    return bool(text.startswith(("output only", "output-only")))


def writable(document: Document, name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A copy of a message without what the server alone writes: Google ignores it in requests."""
    copy: dict[str, Any] = _writable(document, {"$ref": name}, value)
    return copy


def _writable(document: Document, schema: dict[str, Any], value: Any) -> Any:
    if "$ref" in schema:
        schema = document.schemas[schema["$ref"]]
    if isinstance(value, list) and "items" in schema:
        return [_writable(document, schema["items"], item) for item in value]
    if isinstance(value, dict) and "properties" in schema:
        properties = schema["properties"]
        return {
            key: _writable(document, properties[key], item)
            for key, item in value.items()
            if key in properties and not is_output_only(properties[key])
        }
    return value


def proto3(document: Document, name: str, value: dict[str, Any], presence: Presence | None = None) -> dict[str, Any]:
    """A message as proto3 JSON prints it.

    ``false``, ``0``, ``""``, the first enum value, empty lists and maps are left out, empty messages stay ``{}``.
    ``presence`` names, per schema, the fields with explicit presence (proto3 ``optional``): they are printed whenever
    they are set. What the schema does not know (a field of another API version) is not printed.
    """
    schema = document.schemas[name]
    properties = schema.get("properties")
    if properties is None:
        return value
    explicit = (presence or {}).get(name, frozenset())
    result = {}
    for key, item in value.items():
        property_schema = properties.get(key)
        if property_schema is None or item is None:
            continue
        printed = _print(document, property_schema, item, presence)
        if key in explicit or not _is_default(property_schema, printed):
            result[key] = printed
    return result


def _print(document: Document, schema: dict[str, Any], value: Any, presence: Presence | None) -> Any:
    if "$ref" in schema:
        return proto3(document, schema["$ref"], value, presence)
    if schema["type"] == "array":
        return [_print(document, schema["items"], item, presence) for item in value]
    extra = schema.get("additionalProperties")
    if extra is not None and "$ref" in extra:
        return {key: proto3(document, extra["$ref"], item, presence) for key, item in value.items()}
    return value


def _is_default(schema: dict[str, Any], value: Any) -> bool:
    if "$ref" in schema:
        return False
    if "enum" in schema:
        return bool(value == schema["enum"][0])
    if schema.get("format") in ("int64", "uint64"):
        return value in ("0", 0, "")
    return value in (False, 0, "", [], {})
