"""JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import jsonpointer

from .errors import ApiError, bad_request
from .schemas import Schema

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
BUILT_IN = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
CUSTOM = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_MOST_OPERATIONS = 10_000

_DIRECTIVE = "$patch"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


def json_patch(body: dict[str, Any], operations: Any) -> Any:
    """RFC 6902. 400 for a patch that is none, 422 for one that does not fit the object."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > _MOST_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(operations)}",
        )
    try:
        return jsonpatch.apply_patch(body, operations)
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(f"error decoding patch: {error}") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        text = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", text, {}) from None


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_patch(schema: Schema, target: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Kubernetes' own: lists merge by the key that the schema names, ``$patch`` and its kin direct."""
    if not isinstance(patch, dict):
        raise bad_request("json: cannot unmarshal into Go value of type map[string]interface {}")
    merged = _merge_map(schema, target, patch)
    return merged if merged is not None else {}


def _merge_map(schema: Schema, target: Any, patch: dict[str, Any]) -> dict[str, Any] | None:
    """None: the patch deletes the map."""
    directive = patch.get(_DIRECTIVE)
    if directive == "delete":
        return None
    plain = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return plain
    if directive not in (None, "merge"):
        raise bad_request(f"unknown patch type found: map[$patch:{directive}]")
    merged = copy.copy(target) if isinstance(target, dict) else {}
    if isinstance(patch.get(_RETAIN), list):
        merged = {key: value for key, value in merged.items() if key in patch[_RETAIN]}
    for key, value in patch.items():
        name = key.removeprefix(_DELETE_FROM)
        if name != key and name in merged:
            merged[name] = [item for item in merged[name] if item not in value]
    for key, value in plain.items():
        child = _merged_value(schema.field(key), merged.get(key), value)
        if child is None:
            merged.pop(key, None)
        else:
            merged[key] = child
    for key, value in patch.items():
        name = key.removeprefix(_ORDER)
        if name != key and isinstance(merged.get(name), list):
            merged[name] = _ordered(schema.field(name), merged[name], value)
    return merged


def _merged_value(schema: Schema | None, target: Any, patch: Any) -> Any:
    """None: the patch deletes the field."""
    if isinstance(patch, dict):
        return patch if schema is None else _merge_map(schema, target, patch)
    if isinstance(patch, list):
        if schema is not None and "merge" in schema.strategies:
            return _merge_list(schema, target or [], patch)
        return [item for item in patch if not (isinstance(item, dict) and _DIRECTIVE in item)]
    return patch


def _merge_list(schema: Schema, target: list[Any], patch: list[Any]) -> list[Any]:
    key = schema.merge_key
    if not key:
        return target + [item for item in patch if item not in target]
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if _DIRECTIVE not in item]
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        place = next((index for index, one in enumerate(merged) if one.get(key) == item[key]), None)
        child = _merge_map(schema.items, {} if place is None else merged[place], item)
        if child is None:
            merged = [one for one in merged if one.get(key) != item[key]]
        elif place is None:
            merged.append(child)
        else:
            merged[place] = child
    return merged


def _ordered(schema: Schema | None, items: list[Any], order: list[Any]) -> list[Any]:
    """Items in the client's order; those that it does not know keep their place after their predecessor."""
    key = schema.merge_key if schema is not None else ""
    known = [item.get(key) if isinstance(item, dict) else item for item in order]
    named = {_hashable(item.get(key) if isinstance(item, dict) else item): item for item in items}
    wanted = [named[_hashable(name)] for name in known if _hashable(name) in named]
    result = list(wanted)
    for index, item in enumerate(items):
        if item in wanted:
            continue
        before = next((one for one in reversed(items[:index]) if one in result), None)
        result.insert(0 if before is None else result.index(before) + 1, item)
    return result


def _hashable(value: Any) -> str:
    return repr(value)
