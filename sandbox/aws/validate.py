"""Refusing what botocore's service descriptions do not know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import regex
from moto.core.model import OperationModel

_QUERY_ALWAYS = {"Action", "Version"}


def unknown_members(protocol: str, operation: OperationModel, body: bytes, query: str) -> list[str]:
    """Parameters in the request that the operation does not have, as paths."""
    shape = operation.input_shape
    if protocol in ("ec2", "query"):
        names = {key for key, _ in parse_qsl(body.decode("utf-8") or query, keep_blank_values=True)}
        known = _query_pattern(operation, protocol)
        return sorted(name for name in names - _QUERY_ALWAYS if not known.fullmatch(name))
    if shape is None or not body:
        return []
    payload = shape.serialization.get("payload")
    if protocol == "json":
        return list(_unknown_json(json.loads(body), shape, ""))
    if protocol == "rest-json" and not payload:
        return list(_unknown_json(json.loads(body), shape, "", bound_to_body=True))
    if protocol == "rest-xml" and payload and shape.members[payload].type_name == "structure":
        root = ElementTree.fromstring(body)  # noqa: S314  # the emulator's own clients
        return list(_unknown_xml(root, shape.members[payload], _tag(root)))
    return []


def _unknown_json(value: Any, shape: Any, path: str, bound_to_body: bool = False) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        members = {
            member.serialization.get("name", name): member
            for name, member in shape.members.items()
            if not (bound_to_body and "location" in member.serialization)
        }
        for key, item in value.items():
            if key not in members:
                yield f"{path}{key}"
            else:
                yield from _unknown_json(item, members[key], f"{path}{key}.")
    elif kind == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_json(item, shape.member, f"{path}{index}.")
    elif kind == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_json(item, shape.value, f"{path}{key}.")


def _unknown_xml(node: ElementTree.Element, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "list":
        # A wrapped list: its children are the items.
        for child in node:
            yield from _unknown_xml(child, shape.member, f"{path}.{_tag(child)}")
        return
    if shape.type_name != "structure":
        return
    members = {}
    for name, member in shape.members.items():
        flat = member.type_name == "list" and member.is_flattened
        wire = member.serialization.get("name") or (member.member.serialization.get("name") if flat else None) or name
        members[wire] = member.member if flat else member
    for child in node:
        tag = _tag(child)
        if tag not in members:
            yield f"{path}.{tag}"
        else:
            yield from _unknown_xml(child, members[tag], f"{path}.{tag}")


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rsplit("}", 1)[-1]


_PATTERNS: dict[tuple[str, str], re.Pattern[str]] = {}


def _query_pattern(operation: OperationModel, protocol: str) -> re.Pattern[str]:
    """One regular expression for all parameter names that the operation can have, made on first use."""
    key = (operation.service_model.service_name, operation.name)
    if key not in _PATTERNS:
        shape = operation.input_shape
        source = _structure(shape, protocol, ()) if shape is not None else r"(?!)"
        _PATTERNS[key] = re.compile(source)
    return _PATTERNS[key]


def _structure(shape: Any, protocol: str, parents: tuple[str, ...]) -> str:
    if shape.name in parents:
        return r".*"  # a recursive shape: not followed further
    parents = (*parents, shape.name)
    options = [
        _member(_query_name(member, name, protocol), member, protocol, parents)
        for name, member in shape.members.items()
    ]
    return f"(?:{'|'.join(options)})" if options else r"(?!)"


def _member(name: str, shape: Any, protocol: str, parents: tuple[str, ...]) -> str:
    wire = re.escape(name)
    if shape.type_name == "structure":
        return rf"{wire}(?:\.{_structure(shape, protocol, parents)})?"
    if shape.type_name == "list":
        return _list(wire, shape, protocol, parents)
    if shape.type_name == "map":
        flat = shape.serialization.get("flattened")
        key = re.escape(shape.key.serialization.get("name", "key"))
        value = re.escape(shape.value.serialization.get("name", "value"))
        entry = "" if flat else r"\.entry"
        return rf"{wire}(?:{entry}\.\d+\.(?:{key}|{value}(?:\..*)?))?"
    return wire


def _list(wire: str, shape: Any, protocol: str, parents: tuple[str, ...]) -> str:
    item = shape.member
    if protocol == "ec2":
        prefix = wire
    elif shape.serialization.get("flattened"):
        prefix = re.escape(item.serialization["name"]) if item.serialization.get("name") else wire
    else:
        prefix = rf"{wire}\.{re.escape(item.serialization.get('name', 'member'))}"
    inner = rf"(?:\.{_structure(item, protocol, parents)})" if item.type_name == "structure" else ""
    if item.type_name in ("list", "map"):
        inner = r"(?:\..*)?"
    # An empty list is sent as the bare name.
    return rf"(?:{wire}|{prefix}\.\d+{inner})"


def _query_name(shape: Any, name: str, protocol: str) -> str:
    if protocol == "ec2":
        if "queryName" in shape.serialization:
            return str(shape.serialization["queryName"])
        wire = str(shape.serialization.get("name", name))
        return wire[0].upper() + wire[1:] if "name" in shape.serialization else name
    return str(shape.serialization.get("name", name))


_PYTHON_TYPES: dict[str, type] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
}


def problems(value: Any, shape: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """``(kind, words)`` for each constraint of the description that ``value`` breaks.

    ``kind``: ``missing``, ``type``, ``enum``, ``length``, ``range`` or ``pattern``.
    """
    kind = shape.type_name
    here = path or "request"
    expected = _PYTHON_TYPES.get(kind)
    if expected is not None and (not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean")):
        yield "type", f"{here}: a {kind} is expected"
    elif kind == "structure":
        yield from (
            ("missing", f"{path}.{name}".strip(".")) for name in shape.required_members if value.get(name) is None
        )
        for name, item in value.items():
            if name in shape.members and item is not None:
                yield from problems(item, shape.members[name], f"{path}.{name}".strip("."))
    elif kind == "list":
        yield from _bounds("length", len(value), shape, here)
        for index, item in enumerate(value):
            yield from problems(item, shape.member, f"{path}.{index + 1}.member")
    elif kind == "map":
        yield from _bounds("length", len(value), shape, here)
        for key, item in value.items():
            yield from problems(key, shape.key, f"{path}.{key}")
            yield from problems(item, shape.value, f"{path}.{key}")
    elif kind == "string":
        yield from _string_problems(value, shape, here)
    elif kind in ("integer", "long"):
        yield from _bounds("range", value, shape, here)


def _string_problems(value: Any, shape: Any, here: str) -> Iterator[tuple[str, str]]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        words = ", ".join(allowed)
        yield "enum", f"Value '{value}' at '{here}' failed to satisfy constraint: must be one of [{words}]"
    yield from _bounds("length", len(value), shape, here)
    pattern = shape.metadata.get("pattern")
    # AWS writes its patterns in Java's dialect (\p{L}), which the standard library does not read.
    if pattern and not regex.search(pattern, value):
        words = f"must satisfy regular expression pattern: {pattern}"
        yield "pattern", f"Value '{value}' at '{here}' failed to satisfy constraint: {words}"


def _bounds(kind: str, number: int, shape: Any, here: str) -> Iterator[tuple[str, str]]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low:
        yield kind, f"Value at '{here}' failed to satisfy constraint: must be at least {low}"
    if high is not None and number > high:
        yield kind, f"Value at '{here}' failed to satisfy constraint: must be at most {high}"
