# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of fields: how each member of a resource's desired body is compared and what a change to it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Mode(Enum):
    """What may happen to a field after creation."""

    MUTABLE = "mutable"
    IMMUTABLE = "immutable"
    CREATE_ONLY = "create-only"  # written once and never echoed, or owned by somebody else afterwards


@dataclass(frozen=True)
class Field:
    """One class of field.

    normalise: applied to both sides before they are compared.
    equal: decides equality of (desired, observed) by itself, for values that the cloud rewrites.
    key: lists of objects are matched by this member instead of by position.
    unordered: lists of plain values are compared as sets.
    exact: members (or list elements) that only the cloud has are a difference too. Lists are always exact unless
        `open` is set: elements that only the cloud has are then left alone.
    secret: values are masked in every output. disruptive: a change restarts or fails over what is running.
    """

    mode: Mode = Mode.MUTABLE
    normalise: Callable[[Any], Any] | None = None
    equal: Callable[[Any, Any], bool] | None = None
    key: str | None = None
    unordered: bool = False
    exact: bool = False
    open: bool = False
    secret: bool = False
    disruptive: bool = False


MUTABLE = Field()
IMMUTABLE = Field(Mode.IMMUTABLE)
CREATE_ONLY = Field(Mode.CREATE_ONLY)


class Fields:
    """The fields of one kind by dotted path.

    Lists add `[]` ("nodePools[].config"), `*` stands for any one member name. A field without an entry of its own
    takes mode, secrecy and disruption from its nearest classed ancestor. Names are matched without case.
    """

    def __init__(self, classes: Mapping[str, Field]) -> None:
        self.classes = {path.lower(): declared for path, declared in classes.items()}
        self._wild = [(path.split("."), declared) for path, declared in self.classes.items() if "*" in path]
        self._cache: dict[str, Field] = {}

    def extend(self, classes: Mapping[str, Field]) -> Fields:
        """A new set with further or changed classes."""
        return Fields({**self.classes, **classes})

    def declared(self, path: str) -> Field | None:
        """The class declared for exactly this path."""
        found = self.classes.get(path.lower())
        if found is None and self._wild:
            parts = path.lower().split(".")
            for pattern, declared in self._wild:
                if len(pattern) == len(parts) and all(p in ("*", q) for p, q in zip(pattern, parts, strict=True)):
                    return declared
        return found

    def at(self, path: str) -> Field:
        """The class that governs a path."""
        if path not in self._cache:
            self._cache[path] = self._resolve(path)
        return self._cache[path]

    def _resolve(self, path: str) -> Field:
        found = self.declared(path)
        if found is not None:
            return found
        ancestor = path
        while ancestor:
            ancestor = ancestor[:-2] if ancestor.endswith("[]") else ancestor.rpartition(".")[0]
            found = self.declared(ancestor)
            if found is not None:
                return Field(mode=found.mode, secret=found.secret, disruptive=found.disruptive)
        return MUTABLE

    def unclassified(self, desired: Mapping[str, Any]) -> list[str]:
        """Top-level members of a desired body that no class covers, not even through a member below them."""
        known = {path.split(".")[0].removesuffix("[]") for path in self.classes}
        return sorted(name for name in desired if name.lower() not in known and "*" not in known)


def ignore_case(value: Any) -> Any:
    """Normaliser for enums and ids that a cloud returns in another case."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return [ignore_case(item) for item in value]
    return value
