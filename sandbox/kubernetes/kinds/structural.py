"""Structural schemas: whether one is, defaults from it, and what is wrong with a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from ..errors import Cause, bad_value, not_supported, required, too_long
from .base import Body

_TYPES = ("array", "boolean", "integer", "number", "object", "string")


def problems(schema: Body, where: str, root: bool = True) -> list[Cause]:
    """Why a schema is not structural."""
    causes: list[Cause] = []
    kind = schema.get("type")
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if root and kind != "object":
        causes.append(bad_value(f"{where}.type", kind or "", "must be object at the root"))
    elif not kind and not free:
        causes.append(required(f"{where}.type", "must not be empty for specified object fields"))
    elif kind and kind not in _TYPES:
        causes.append(not_supported(f"{where}.type", kind, _TYPES))
    if schema.get("uniqueItems"):
        causes.append(
            Cause(
                "FieldValueForbidden",
                "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
                f"{where}.uniqueItems",
            )
        )
    if kind == "array" and not isinstance(schema.get("items"), dict):
        causes.append(required(f"{where}.items", "must be specified"))
    if schema.get("properties") and isinstance(schema.get("additionalProperties"), dict):
        causes.append(
            Cause(
                "FieldValueForbidden",
                "Forbidden: additionalProperties and properties are mutual exclusive",
                f"{where}.additionalProperties",
            )
        )
    for name, below in (schema.get("properties") or {}).items():
        causes += problems(below, f"{where}.properties[{name}]", False)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            causes += problems(schema[name], f"{where}.{name}", False)
    return causes


def fill_defaults(schema: Body, value: Any) -> None:
    """Put the schema's defaults where a value has nothing."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name, below in properties.items():
            if name not in value and "default" in below:
                value[name] = json.loads(json.dumps(below["default"]))
            elif name in value and value[name] is None and not below.get("nullable"):
                if "default" in below:
                    value[name] = json.loads(json.dumps(below["default"]))
                else:
                    del value[name]
            if name in value:
                fill_defaults(below, value[name])
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for name, child in value.items():
                if name not in properties:
                    fill_defaults(extra, child)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            fill_defaults(schema["items"], item)


def as_json_schema(schema: Any) -> Any:
    """The same as JSON Schema draft 4, which has no nullable and no int-or-string."""
    if isinstance(schema, list):
        return [as_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    changed: Body = {}
    for name, value in schema.items():
        if name in ("properties", "patternProperties") and isinstance(value, dict):
            changed[name] = {key: as_json_schema(below) for key, below in value.items()}
        elif name in ("default", "example", "enum"):
            changed[name] = value
        else:
            changed[name] = as_json_schema(value)
    if schema.get("x-kubernetes-int-or-string"):
        changed["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in changed:
        kinds = changed["type"]
        changed["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
        if "enum" in changed:
            changed["enum"] = [*changed["enum"], None]
    return changed


def validator(schema: Body) -> jsonschema.Draft4Validator:
    """For many values of one schema."""
    return jsonschema.Draft4Validator(as_json_schema(schema), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def causes_of(checker: jsonschema.Draft4Validator, body: Body) -> list[Cause]:
    """What is wrong with a value, in the words of the API server."""
    found = sorted(checker.iter_errors(body), key=lambda error: [str(part) for part in error.absolute_path])
    return [cause for error in found for cause in _causes(error)]


def _causes(error: jsonschema.ValidationError) -> Iterator[Cause]:
    path = _path(list(error.absolute_path))
    value, rule, limit = error.instance, str(error.validator), error.validator_value
    if rule == "required":
        name = next((one for one in limit if one not in value and repr(one) in error.message), limit[0])
        yield required(f"{path}.{name}" if path else name)
    elif rule == "type":
        kinds = [one for one in (limit if isinstance(limit, list) else [limit]) if one != "null"]
        shown = _type_of(value)
        text = f'Invalid value: "{shown}": {path} in body must be of type {",".join(kinds)}: "{shown}"'
        yield Cause("FieldValueTypeInvalid", text, path)
    elif rule == "enum":
        yield not_supported(path, value, [str(one) for one in limit if one is not None])
    elif rule == "maxLength":
        yield too_long(path, limit)
    elif rule == "maxItems":
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {limit} items", path)
    else:
        yield bad_value(path, value, f"{path} in body {_words(rule, limit, error)}")


def _words(rule: str, limit: Any, error: jsonschema.ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    words = {
        "pattern": f"should match '{limit}'",
        "minLength": f"should be at least {limit} chars long",
        "minItems": f"should have at least {limit} items",
        "minProperties": f"should have at least {limit} properties",
        "maxProperties": f"should have at most {limit} properties",
        "multipleOf": f"should be a multiple of {limit}",
        "format": f'must be of type {limit}: "{error.instance}"',
        "oneOf": "must validate one and only one schema (oneOf)",
        "anyOf": "must validate at least one schema (anyOf)",
        "allOf": "must validate all the schemas (allOf)",
        "not": "must not validate the schema (not)",
        "minimum": f"should be greater than {'' if schema.get('exclusiveMinimum') else 'or equal to '}{limit}",
        "maximum": f"should be less than {'' if schema.get('exclusiveMaximum') else 'or equal to '}{limit}",
    }
    return words.get(rule, error.message)


def _type_of(value: Any) -> str:
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _path(parts: list[Any]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
