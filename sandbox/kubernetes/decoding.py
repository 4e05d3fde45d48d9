"""From what a client sent to an object of a built-in kind: types checked, unknown fields found and dropped."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Any

import yaml

from . import quantities
from .errors import ApiError, bad_request
from .schemas import Schema

# JSON kinds: what Python reads them as, and Go's name for them.
_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "string"),
    "boolean": ((bool,), "bool"),
    "number": ((int, float), "float64"),
    "integer": ((int,), "int64"),
    "int-or-string": ((int, str), "string"),
}
_TIMES = ("Time", "MicroTime")


class _Loader(yaml.CSafeLoader):
    """YAML as the API server reads it: what looks like a date stays text."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for letter, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Mismatch(Exception):
    """A value of the wrong type; the text is Go's."""


def parse_body(data: bytes, media_type: str = "application/json") -> tuple[Any, list[str]]:
    """JSON or YAML as plain data, and the paths of keys that are there twice (the last one wins)."""
    if not data.strip():
        return None, []
    if "yaml" in media_type and data.lstrip()[:1] not in (b"{", b"["):
        try:
            return yaml.load(data, _Loader), []  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            raise bad_request(f"error converting YAML to JSON: yaml: {error}") from None
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                repeated.append(key)
            found[key] = value
        return found

    try:
        return json.loads(data, object_pairs_hook=pairs), repeated
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None


class Decoder:
    """Decodes one body; ``unknown`` collects paths such as ``spec.template.spec.containers[0].imagee``."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def decode(self, schema: Schema, value: Any, path: str = "", owner: str = "") -> Any:
        """The value as the API keeps it. ``owner`` is the Go struct that the field is in."""
        if schema.kind == "object":
            return self._object(schema, value, path, owner)
        if schema.kind == "array":
            if not isinstance(value, list):
                raise self._mismatch(value, owner, path, f"[]{_go_name(schema.items)}")
            items = schema.items
            return [
                {} if item is None and items.is_object else self.decode(items, item, f"{path}[{index}]", owner)
                for index, item in enumerate(value)
            ]
        return self._scalar(schema, value, path, owner)

    def _object(self, schema: Schema, value: Any, path: str, owner: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._mismatch(value, owner, path, _go_name(schema))
        name = schema.name.rpartition(".")[2] or owner
        if schema.embedded and not path:
            return value
        kept = {}
        for key, given in value.items():
            below = f"{path}.{key}" if path else key
            field = schema.field(key)
            if field is None:
                self.unknown.append(below)
                continue
            if given is None and not schema.is_map:
                continue
            # A map keeps its keys: null is Go's zero value.
            child = given if given is not None else "" if field.kind == "string" else {}
            decoded = self.decode(field, child, below, name)
            empty = isinstance(decoded, list) or (isinstance(decoded, dict) and field.is_map)
            if empty and not decoded and key not in schema.required and not schema.is_map:
                continue
            kept[key] = decoded
        return kept

    def _scalar(self, schema: Schema, value: Any, path: str, owner: str) -> Any:
        kind = schema.kind
        if kind == "any":
            return value
        if kind == "quantity":
            return self._quantity(value, path)
        if kind == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        wanted, name = _SCALARS[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
            raise self._mismatch(value, owner, path, schema.format if kind == "integer" and schema.format else name)
        if isinstance(value, str):
            if schema.format == "byte":
                _check_base64(value)
            if schema.format == "date-time" or schema.name.rpartition(".")[2] in _TIMES:
                _check_time(value)
        return value

    @staticmethod
    def _quantity(value: Any, path: str) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Mismatch(f"json: cannot unmarshal {_json_type(value)} into a quantity at {path}")
        try:
            return quantities.canonical(value)
        except ValueError as error:
            raise Mismatch(str(error)) from None

    @staticmethod
    def _mismatch(value: Any, owner: str, path: str, wanted: str) -> Mismatch:
        plain = re.sub(r"\[\d+\]", "", path)
        where = f"Go struct field {owner}.{plain}" if path else "Go value"
        return Mismatch(f"json: cannot unmarshal {_json_type(value)} into {where} of type {wanted}")


def strict_error(kind: str, version: str, problems: list[str]) -> ApiError:
    """400 for a body with fields that are not known, or known twice."""
    return bad_request(
        f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {", ".join(problems)}'
    )


def mismatch_error(kind: str, version: str, error: Mismatch) -> ApiError:
    """400 for a body with a value of the wrong type."""
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}')


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number" if isinstance(value, int) else f"number {value}"
    names = ((str, "string"), (list, "array"), (dict, "object"))
    return next((name for sort, name in names if isinstance(value, sort)), "null")


def _go_name(schema: Schema) -> str:
    if schema.is_map and schema.values is not None:
        return f"map[string]{_go_name(schema.values)}"
    if schema.kind == "array":
        return f"[]{_go_name(schema.items)}"
    if schema.is_object:
        parts = schema.name.split(".")
        return ".".join(parts[-2:]) if len(parts) > 1 else "map[string]interface {}"
    return schema.format or _SCALARS.get(schema.kind, ((), schema.kind))[1]


def _check_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        bad = re.search(r"[^A-Za-z0-9+/=\r\n]", value)
        raise Mismatch(f"illegal base64 data at input byte {bad.start() if bad else len(value)}") from None


def _check_time(value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise Mismatch(
            f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'
        ) from None
