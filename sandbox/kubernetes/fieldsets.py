"""Sets of fields, as ``metadata.managedFields`` keeps them, and what two versions of an object differ in.

A path is a tuple of elements in the notation of FieldsV1: ``f:spec``, ``k:{"name":"web"}``, ``v:"finalizer"``.
The rules are those of structured-merge-diff: a field owns what it holds unless it is a list or map that is merged by
key, and every item of such a list or map is a member by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .schemas import Schema

Path = tuple[str, ...]
FieldSet = frozenset[Path]
Elements = list[tuple[str, Schema, Any]]
EMPTY: FieldSet = frozenset()


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """As JSON: nested, ``.`` marks a member that has children."""
    tree: dict[str, Any] = {}
    members = sorted(fields)
    inner = {path[:length] for path in members for length in range(1, len(path))}
    for path in members:
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path in inner:
            node["."] = {}
    return _sorted(tree)


def _sorted(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _sorted(tree[key]) for key in sorted(tree)}


def from_fields_v1(tree: dict[str, Any]) -> FieldSet:
    """Back from JSON."""
    found: set[Path] = set()

    def walk(node: dict[str, Any], path: Path) -> None:
        for key, child in node.items():
            if key == ".":
                found.add(path)
            elif child:
                walk(child, (*path, key))
            else:
                found.add((*path, key))

    walk(tree, ())
    return frozenset(found)


def with_parents(fields: Iterable[Path]) -> set[Path]:
    """The set and everything above its members."""
    return {path[:length] for path in fields for length in range(1, len(path) + 1)}


def granular(schema: Schema, value: Any) -> bool:
    """Whether the value's parts are owned apart from one another."""
    if isinstance(value, dict):
        return schema.kind in ("object", "any") and not schema.atomic
    return isinstance(value, list) and schema.kind == "array" and schema.list_type in ("map", "set")


def children(schema: Schema, value: Any) -> Elements:
    """The parts of a granular value with the elements that lead to them."""
    if isinstance(value, dict):
        found = ((f"f:{key}", schema.field(key), child) for key, child in value.items())
        return [(element, field, child) for element, field, child in found if field is not None]
    return [(item_element(schema, item), schema.items, item) for item in value]


def item_element(schema: Schema, item: Any) -> str:
    """The element of one item of an associative list."""
    if schema.list_type == "set" or not isinstance(item, dict):
        return "v:" + _compact(item)
    keys = {key: item.get(key, schema.key_default(key)) for key in sorted(schema.list_keys)}
    return "k:" + _compact({key: value for key, value in keys.items() if value is not None})


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def members(schema: Schema, value: Any, path: Path = (), containers: bool = False) -> Iterator[Path]:
    """The fields that whoever writes ``value`` owns; with ``containers`` also the maps that it makes."""
    is_list = isinstance(value, list)
    for element, below, child in children(schema, value):
        here = (*path, element)
        split = granular(below, child)
        leaf = not split or not child
        own_entry = is_list or (below is not schema.properties.get(element[2:]) and isinstance(value, dict))
        if leaf or own_entry or (containers and below.is_map):
            yield here
        if split:
            yield from members(below, child, here, containers)


def field_set(schema: Schema, body: dict[str, Any]) -> FieldSet:
    """What an applied configuration owns."""
    return frozenset(members(schema, body))


class Comparison:
    """What was added, changed and removed between two versions."""

    def __init__(self, schema: Schema, old: Any, new: Any) -> None:
        self.added: set[Path] = set()
        self.modified: set[Path] = set()
        self.removed: set[Path] = set()
        self._walk(schema, old, new, ())

    def _walk(self, schema: Schema, old: Any, new: Any, path: Path) -> None:
        before = {element: (below, child) for element, below, child in children(schema, old)}
        after = {element: (below, child) for element, below, child in children(schema, new)}
        for element, (below, child) in before.items():
            here = (*path, element)
            if element not in after:
                self._all(self.removed, below, child, here)
                continue
            current = after[element][1]
            if child == current:
                continue
            if granular(below, child) and granular(below, current) and type(child) is type(current):
                self._walk(below, child, current, here)
                if not current or not child:
                    self.modified.add(here)
            else:
                self.modified.add(here)
        for element, (below, child) in after.items():
            if element in before:
                continue
            here = (*path, element)
            is_entry = isinstance(new, list) or element[2:] not in schema.properties
            if not granular(below, child) or not child or below.is_map or is_entry:
                self.added.add(here)
            if granular(below, child):
                self.added.update(members(below, child, here, containers=True))

    def _all(self, into: set[Path], schema: Schema, value: Any, path: Path) -> None:
        into.add(path)
        if granular(schema, value):
            for element, below, child in children(schema, value):
                self._all(into, below, child, (*path, element))


def merge(schema: Schema, live: Any, config: Any) -> Any:
    """What ``config`` makes of ``live``: granular parts merged, the rest replaced."""
    if not (granular(schema, live) and granular(schema, config)):
        return config
    if isinstance(config, dict):
        merged = dict(live)
        for key, child in config.items():
            below = schema.field(key)
            known = below is not None and key in live
            merged[key] = merge(below, live[key], child) if known and below is not None else child
        return merged
    before = {item_element(schema, item): item for item in live}
    wanted = {item_element(schema, item): item for item in config}
    rest = list(before)
    result: list[Any] = []
    emitted: set[str] = set()

    def take_live() -> None:
        """Items that only the live list has come before what the configuration has next."""
        while rest and (rest[0] not in wanted or rest[0] in emitted):
            element = rest.pop(0)
            if element not in wanted:
                result.append(before[element])

    for element, item in wanted.items():
        take_live()
        result.append(merge(schema.items, before[element], item) if element in before else item)
        emitted.add(element)
    take_live()
    return result


def without(schema: Schema, value: Any, fields: set[Path], path: Path = ()) -> Any:
    """The value without the given fields."""
    if not granular(schema, value):
        return value
    if isinstance(value, dict):
        kept = {}
        for key, child in value.items():
            here = (*path, f"f:{key}")
            if here not in fields:
                below = schema.field(key)
                kept[key] = child if below is None else without(below, child, fields, here)
        return kept
    pairs = [((*path, item_element(schema, item)), item) for item in value]
    return [without(schema.items, item, fields, here) for here, item in pairs if here not in fields]


def ambiguities(schema: Schema, value: Any, path: Path = ()) -> Iterator[str]:
    """Items of lists with keys that have no key, or that of another item."""
    if not granular(schema, value):
        return
    if isinstance(value, list) and schema.list_keys:
        seen: set[str] = set()
        for index, item in enumerate(value):
            gone = [key for key in schema.list_keys if item.get(key, schema.key_default(key)) is None]
            if gone:
                why = "associative list with keys has an element that omits key field"
                yield f'{dotted(path)}: element {index}: {why} "{gone[0]}" (and doesn\'t have default value)'
                continue
            element = item_element(schema, item)
            if element in seen:
                keys = ",".join(f"{key}={_compact(item.get(key, schema.key_default(key)))}" for key in schema.list_keys)
                yield f"{dotted(path)}: duplicate entries for key [{keys}]"
            seen.add(element)
    for element, below, child in children(schema, value):
        yield from ambiguities(below, child, (*path, element))


def dotted(path: Path) -> str:
    """As conflicts name it: ``.spec.containers[name="web"].image``."""
    text = ""
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            text += f".{rest}"
        elif sort == "k":
            text += "[" + ",".join(f"{key}={_compact(value)}" for key, value in json.loads(rest).items()) + "]"
        else:
            text += f"[={rest}]" if sort == "v" else f"[{rest}]"
    return text
