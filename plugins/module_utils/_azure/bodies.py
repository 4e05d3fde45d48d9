# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of writes: most ARM types replace the whole object on PUT, so what is there goes under what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.fields import Fields, Mode

# Members that only the service writes: on the object itself, and wherever they stand inside it.
_OUTER = {"id", "name", "type", "etag", "systemdata"}
_EVERYWHERE = {"etag", "systemdata", "provisioningstate", "resourceguid"}
_IDENTITY = {"principalid", "clientid", "tenantid"}
_OPAQUE = {"tags", "nodelabels"}  # people choose the names of their members


def writable(body: Mapping[str, Any], read_only: frozenset[str] = frozenset()) -> dict[str, Any]:
    """An observed body without what only the service writes. read_only: further names (lower case) of this kind."""
    return {
        name: _identity(value) if name.lower() == "identity" else _clean(value, name, read_only)
        for name, value in body.items()
        if name.lower() not in _OUTER
    }


def _clean(value: Any, name: str, read_only: frozenset[str]) -> Any:
    if isinstance(value, Mapping) and name.lower() not in _OPAQUE:
        return {
            key: _clean(item, key, read_only)
            for key, item in value.items()
            if key.lower() not in _EVERYWHERE and key.lower() not in read_only
        }
    if isinstance(value, list):
        return [_clean(item, "", read_only) for item in value]
    return value


def _identity(value: Any) -> Any:
    """Assigned identities are sent as their ids with empty objects."""
    if not isinstance(value, Mapping):
        return value
    return {key: _identity(item) for key, item in value.items() if key.lower() not in _IDENTITY}


def merged(want: Any, have: Any, fields: Fields, path: str = "") -> Any:
    """What is wanted laid over what is there: members that nobody asked for stay as they are.

    Write-once members keep what is there. An empty reference (`exact`) becomes null: it is taken away. Lists with a
    key keep the server's further members of each element, and foreign elements where the class is open.
    """
    declared = fields.at(path)
    if want is None:
        return have
    if isinstance(want, Mapping) and isinstance(have, Mapping):
        if not want and declared.exact:
            return None
        return _members(want, have, fields, path, exact=declared.exact)
    if isinstance(want, (list, tuple)) and isinstance(have, (list, tuple)) and declared.key:
        return _keyed(want, have, fields, path, declared.key, open_=declared.open)
    if isinstance(want, Mapping) and not want and declared.exact:
        return None
    return without_none(want)


def _members(want: Mapping[str, Any], have: Mapping[str, Any], fields: Fields, path: str, *, exact: bool) -> Any:
    out = {} if exact else dict(have)
    folded = {key.lower(): key for key in have}
    for name, value in want.items():
        key = folded.get(name.lower(), name)
        below = f"{path}.{name}" if path else name
        if fields.at(below).mode is Mode.CREATE_ONLY:
            continue
        result = merged(value, have.get(key), fields, below)
        if result is None and value is None:
            continue
        out[key] = result
    return out


def _keyed(want: Any, have: Any, fields: Fields, path: str, key: str, *, open_: bool) -> list[Any]:
    def of(item: Any) -> str:
        return str(item.get(key) if isinstance(item, Mapping) else item).lower()

    theirs = {of(item): item for item in have}
    out = [merged(item, theirs.pop(of(item), None), fields, f"{path}[]") for item in want]
    return [*out, *theirs.values()] if open_ else out


def without_none(value: Any) -> Any:
    """The value without members set to None: omitted is unmanaged."""
    if isinstance(value, Mapping):
        return {name: without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_none(item) for item in value]
    return value


def created(want: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The body of a first PUT: without omitted members and empty references."""
    return {
        name: result
        for name, value in want.items()
        if value is not None and (result := _first(value, fields, name)) is not None
    }


def _first(value: Any, fields: Fields, path: str) -> Any:
    if isinstance(value, Mapping):
        if not value and fields.at(path).exact:
            return None
        return {
            name: result
            for name, item in value.items()
            if item is not None and (result := _first(item, fields, f"{path}.{name}")) is not None
        }
    if isinstance(value, (list, tuple)):
        return [_first(item, fields, f"{path}[]") for item in value]
    return value


def changeable(want: Any, fields: Fields, path: str = "") -> Any:
    """The part of a desired body that a PATCH may carry: without omitted, write-once and immutable members."""
    if isinstance(want, Mapping):
        out: dict[str, Any] = {}
        for name, value in want.items():
            below = f"{path}.{name}" if path else name
            if value is None or fields.at(below).mode is not Mode.MUTABLE:
                continue
            if value == {} and fields.at(below).exact:
                out[name] = None
                continue
            kept = changeable(value, fields, below)
            if kept or not value:  # an object of which nothing can change says nothing
                out[name] = kept
        return out
    if isinstance(want, (list, tuple)):
        return [changeable(item, fields, f"{path}[]") for item in want]
    return want
