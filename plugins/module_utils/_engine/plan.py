# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure heart: desired + observed -> what would change. No I/O, no clock, no cloud."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .fields import Field, Fields, Mode


class Unknown:
    """A value that the cloud will only tell after apply (the id of an object that does not exist yet)."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"(known after apply: {self.source})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)


class Action(StrEnum):
    """What is done, or would be done, to one object."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


MASK = "********"


@dataclass(frozen=True)
class Change:
    """One field that differs. `path` names list elements by key or position: "nodePools[general].maxSize".

    before, after: as they are; whatever people see is `shown_before` and `shown_after`, with secrets masked.
    """

    path: str
    before: Any
    after: Any
    field: Field = dataclasses.field(default_factory=Field)
    fields: Fields | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def immutable(self) -> bool:
        return self.field.mode is Mode.IMMUTABLE

    @property
    def shown_before(self) -> Any:
        return self._masked(self.before, bare(self.path))

    @property
    def shown_after(self) -> Any:
        return self._masked(self.after, bare(self.path))

    def _masked(self, value: Any, path: str) -> Any:
        secret = self.field.secret or (self.fields is not None and self.fields.at(path).secret)
        if secret and value is not None and not isinstance(value, Unknown):
            return MASK
        if isinstance(value, Mapping):
            return {name: self._masked(item, _join(path, str(name))) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._masked(item, f"{path}[]") for item in value]
        return value

    @property
    def top(self) -> str:
        """The top-level member that the change is in."""
        return self.path.split(".")[0].split("[")[0]

    def under(self, prefix: str) -> bool:
        """Whether the change is at or below a path without list keys, such as "properties.networkProfile"."""
        path = bare(self.path)
        return path == prefix or path.startswith((prefix + ".", prefix + "[]"))


@dataclass(frozen=True)
class Plan:
    """What one object needs."""

    action: Action
    changes: tuple[Change, ...] = ()

    @property
    def immutable(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.immutable)

    def touches(self, *prefixes: str) -> bool:
        """Whether any change is at or below one of these paths."""
        return any(change.under(prefix) for change in self.changes for prefix in prefixes)

    def __bool__(self) -> bool:
        return self.action is not Action.NONE


_MISSING: Any = None


def plan(desired: Mapping[str, Any] | None, observed: Mapping[str, Any] | None, fields: Fields) -> Plan:
    """Compare. `desired is None` means the object shall not exist; `observed is None` that it does not.

    A desired `None` member is omitted and never compared; `[]`, `{}` and `false` are values. Members that only the
    cloud has are not compared unless their class says `exact`.
    """
    if desired is None:
        return Plan(Action.NONE if observed is None else Action.DELETE)
    if observed is None:
        changes = tuple(
            Change(name, None, value, fields.at(name), fields) for name, value in desired.items() if value is not None
        )
        return Plan(Action.CREATE, changes)
    changes = tuple(_members("", "", desired, observed, fields))
    return Plan(Action.UPDATE if changes else Action.NONE, changes)


def bare(path: str) -> str:
    """A path without the keys and positions of list elements: "nodePools[general].maxSize" -> "nodePools[].maxSize"."""
    out, depth = [], 0
    for char in path:
        depth -= char == "]"
        if depth == 0:
            out.append(char)
        depth += char == "["
    return "".join(out)


def _members(
    shown: str, path: str, want: Mapping[str, Any], have: Mapping[str, Any], fields: Fields, exact: bool = False
) -> Iterator[Change]:
    folded = {key.lower(): key for key in have}
    for name, value in want.items():
        have_key = name if name in have else folded.get(name.lower())
        below = have[have_key] if have_key is not None else _MISSING
        yield from _compare(_join(shown, name), _join(path, name), value, below, fields)
    if exact:
        asked = {key.lower() for key in want}
        for key, value in have.items():
            if key.lower() not in asked and not _empty(value):
                yield Change(_join(shown, key), value, None, fields.at(_join(path, key)), fields)


def _compare(shown: str, path: str, want: Any, have: Any, fields: Fields) -> Iterator[Change]:
    declared = fields.at(path)
    if want is None or declared.mode is Mode.CREATE_ONLY:
        return
    if isinstance(want, Unknown):
        yield Change(shown, have, want, declared, fields)
        return
    if declared.equal is not None and not holds_unknown(want):
        if not declared.equal(want, have):
            yield Change(shown, have, want, declared, fields)
        return
    raw = (want, have)
    if declared.normalise is not None and not holds_unknown(want):
        want, have = declared.normalise(want), None if have is None else declared.normalise(have)
    if have is None:
        # Clouds drop empty lists, empty objects, zero and false from what they return, and what equals a default.
        inside = _members(shown, path, want, {}, fields) if isinstance(want, Mapping) else (want,)
        if not _empty(want) and next(iter(inside), None) is not None:
            yield Change(shown, raw[1], raw[0], declared, fields)
    elif isinstance(want, Mapping) and isinstance(have, Mapping):
        yield from _members(shown, path, want, have, fields, declared.exact)
    elif isinstance(want, (list, tuple)) and isinstance(have, (list, tuple)):
        yield from _lists(shown, path, list(want), list(have), fields, declared)
    elif not _same(want, have):
        yield Change(shown, raw[1], raw[0], declared, fields)


def _lists(
    shown: str, path: str, want: list[Any], have: list[Any], fields: Fields, declared: Field
) -> Iterator[Change]:
    if declared.key is not None:
        yield from _keyed(shown, path, want, have, fields, declared)
    elif declared.unordered:
        missing = [item for item in want if not any(_covers(path, item, other, fields) for other in have)]
        extra = (
            []
            if declared.open
            else [item for item in have if not any(_covers(path, other, item, fields) for other in want)]
        )
        if missing or extra or (not declared.open and len(want) != len(have)):
            yield Change(shown, have, want, declared, fields)
    elif len(want) != len(have) and not (declared.open and len(want) < len(have)):
        yield Change(shown, have, want, declared, fields)
    else:
        for index, (item, other) in enumerate(zip(want, have, strict=False)):
            yield from _compare(f"{shown}[{index}]", f"{path}[]", item, other, fields)


def _keyed(
    shown: str, path: str, want: list[Any], have: list[Any], fields: Fields, declared: Field
) -> Iterator[Change]:
    def key_of(item: Any) -> str:
        value = item.get(declared.key) if isinstance(item, Mapping) else item
        return str(value).lower()

    theirs = {key_of(item): item for item in have}
    ours = {key_of(item) for item in want}
    for item in want:
        other = theirs.get(key_of(item))
        label = item.get(declared.key) if isinstance(item, Mapping) else item
        if other is None:
            yield Change(f"{shown}[{label}]", None, item, declared, fields)
        elif isinstance(item, Mapping):
            # The key has matched, perhaps in another case: what is left to compare is the rest, on both sides.
            mine, rest = _without(item, declared.key), _without(other, declared.key)
            yield from _compare(f"{shown}[{label}]", f"{path}[]", mine, rest, fields)
    if not declared.open:
        for item in have:
            if key_of(item) not in ours:
                label = item.get(declared.key) if isinstance(item, Mapping) else item
                yield Change(f"{shown}[{label}]", item, None, declared, fields)


def _without(item: Any, key: str | None) -> Any:
    return {name: value for name, value in item.items() if name != key} if isinstance(item, Mapping) else item


def _covers(path: str, want: Any, have: Any, fields: Fields) -> bool:
    return next(_compare("", f"{path}[]", want, have, fields), None) is None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _empty(value: Any) -> bool:
    """Values a cloud may leave out: nothing, false, zero, and objects that hold only such values."""
    if isinstance(value, Mapping):
        return all(_empty(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return len(value) == 0
    return value is None or value is False or value in {"", 0, "0"}


def holds_unknown(value: Any) -> bool:
    """Whether the value is or contains an Unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(holds_unknown(item) for item in value)


def _same(want: Any, have: Any) -> bool:
    if isinstance(want, bool) or isinstance(have, bool):
        return want is have or str(want).lower() == str(have).lower()
    if isinstance(want, (int, float)) != isinstance(have, (int, float)):
        # 64-bit numbers travel as strings in JSON.
        return str(want) == str(have)
    return bool(want == have)
