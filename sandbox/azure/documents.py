"""Work on resource documents: merging, references, names of operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .store import Document


def merged(base: Document, change: Document) -> Document:
    """JSON merge without removal of keys: maps are laid over each other, except ``tags``, which are replaced."""
    result = dict(base)
    for key, value in change.items():
        if key != "tags" and isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def title(method: str, kind: str) -> str:
    name = kind.rpartition("/")[2]
    verb = {"PUT": "Put", "PATCH": "Patch", "DELETE": "Delete"}.get(method, method.title())
    return f"{verb}{name[:1].upper()}{name[1:]}Operation"


def references(document: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Sub-resource references ``{"id": …}`` (no other members) of a document, as (path, id)."""
    if isinstance(document, dict):
        if set(document) == {"id"} and isinstance(document["id"], str):
            yield path, document["id"]
            return
        for key, value in document.items():
            yield from references(value, f"{path}.{key}" if path else key)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from references(value, f"{path}[{index}]")


def without(document: Document, dotted: Iterable[str]) -> Document:
    """A copy without the members at ``dotted`` paths."""
    result = document
    for path in dotted:
        head, _, rest = path.partition(".")
        if head not in result:
            continue
        inner = result[head]
        if not rest:
            result = {key: value for key, value in result.items() if key != head}
        elif isinstance(inner, dict):
            result = {**result, head: without(inner, (rest,))}
    return result
