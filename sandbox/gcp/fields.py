"""Field masks: partial answers (``fields=``) and partial updates (``updateMask=``)."""

from __future__ import annotations

import re
from typing import Any

from .errors import GoogleError, invalid

_TOKEN = re.compile(r"[A-Za-z0-9_.\-*/]+|[(),]")


def partial(value: dict[str, Any], mask: str) -> dict[str, Any]:
    """What the ``fields`` parameter selects, such as ``items(name,size),nextPageToken``."""
    tokens = _TOKEN.findall(mask)
    tree, rest = _tree(tokens)
    if rest or not tree:
        raise invalid(f"Invalid field selection {mask}")
    selected = _select(value, tree)
    return selected if isinstance(selected, dict) else {}


def _tree(tokens: list[str]) -> tuple[dict[str, Any], list[str]]:
    tree: dict[str, Any] = {}
    while tokens:
        word, tokens = tokens[0], tokens[1:]
        if word == ")":
            return tree, [")", *tokens]
        if word == ",":
            continue
        leaf = tree
        for part in re.split(r"[/.]", word):
            parent, leaf = leaf, leaf.setdefault(part, {})
        if tokens and tokens[0] == "(":
            inner, tokens = _tree(tokens[1:])
            if not tokens or tokens[0] != ")":
                raise invalid("Invalid field selection")
            parent[part].update(inner)
            tokens = tokens[1:]
    return tree, []


def _select(value: Any, tree: dict[str, Any]) -> Any:
    if not tree or ("*" in tree and not tree["*"]):
        return value
    if isinstance(value, list):
        return [_select(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _select(item, tree[key] if key in tree else tree["*"])
        for key, item in value.items()
        if key in tree or "*" in tree
    }


def camel(path: str) -> str:
    """``rotation_period`` -> ``rotationPeriod``; masks may use either spelling."""
    return ".".join(
        part if "_" not in part else part.split("_")[0] + "".join(p.title() for p in part.split("_")[1:])
        for part in path.split(".")
    )


def apply_mask(target: dict[str, Any], change: dict[str, Any], mask: str, allowed: frozenset[str]) -> None:
    """Copy the fields that ``updateMask`` names from ``change`` into ``target``; an absent one is cleared.

    Raises INVALID_ARGUMENT for an empty mask and for a field that is not in ``allowed`` (top-level names).
    """
    paths = [camel(part.strip()) for part in mask.split(",") if part.strip()]
    if not paths:
        raise invalid("The update mask must name at least one field.", field="update_mask")
    for path in paths:
        if path.split(".")[0] not in allowed:
            raise GoogleError(400, f"Invalid field in update mask: {path}")
        source: Any = change
        *parents, leaf = path.split(".")
        node = target
        for part in parents:
            node = node.setdefault(part, {})
            source = source.get(part, {}) if isinstance(source, dict) else {}
        if isinstance(source, dict) and leaf in source:
            node[leaf] = source[leaf]
        else:
            node.pop(leaf, None)


def merge_patch(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7396), returning a new object: null clears, objects merge, the rest is replaced."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            present = result.get(key)
            result[key] = merge_patch(present if isinstance(present, dict) else {}, value)
        else:
            result[key] = value
    return result
