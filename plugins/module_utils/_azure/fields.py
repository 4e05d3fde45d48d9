# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same for all ARM bodies when desired and observed are compared.

Rules, all from recorded traffic: ids and enums come back in another case; locations as display names; lists of plain
values and of named objects in another order; secrets and the way of creation do not come back at all. Text that people
write (tags, labels, descriptions) is compared exactly.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode

# Members whose text keeps its case, and everything below them.
_TEXT = {
    "tags",
    "description",
    "displayname",
    "nodelabels",
    "nodetaints",
    "customcatrustcertificates",
    "message",
    "keydata",
    "subject",
}
# Members that no service ever returns: secrets, and how an object came into being.
_SECRET = ("password", "secret")
_WRITTEN_ONCE = {"createmode", "pointintimeutc"}
# What tells the elements of a list of objects apart, first match first.
_IDENTITIES = ("name", "id", "key", "category", "categoryGroup", "service", "objectId", "day", "namespace", "value")


class ArmFields(Fields):
    """Fields whose undeclared paths follow the rules of ARM instead of plain equality."""

    def extend(self, classes: Mapping[str, Field]) -> ArmFields:
        return ArmFields({**self.classes, **classes})

    def _resolve(self, path: str) -> Field:
        found = super()._resolve(path)
        if found.normalise is not None or found.equal is not None or found.key is not None or found.unordered:
            return found
        names = {part.removesuffix("[]") for part in path.lower().split(".")}
        if names & _TEXT:
            return found
        last = path.lower().rpartition(".")[2]
        if last.endswith(_SECRET):
            return dataclasses.replace(found, mode=Mode.CREATE_ONLY, secret=True)
        if last in _WRITTEN_ONCE:
            return dataclasses.replace(found, mode=Mode.CREATE_ONLY)
        return dataclasses.replace(found, normalise=location if last.endswith("location") else canonical)


def location(value: Any) -> Any:
    """`West US 2` and `westus2` are one place."""
    return re.sub(r"[\s-]", "", value).lower() if isinstance(value, str) else value


def canonical(value: Any) -> Any:
    """Strings without case, lists in one order."""
    if isinstance(value, str):
        return value.strip().rstrip("/").lower() if value.startswith("/") else value.strip().lower()
    if isinstance(value, (list, tuple)):
        return sorted((canonical(item) for item in value), key=_identity)
    return value


def _identity(item: Any) -> str:
    if isinstance(item, Mapping):
        folded = {str(key).lower(): value for key, value in item.items()}
        for name in _IDENTITIES:
            if folded.get(name.lower()) not in (None, ""):
                return str(folded[name.lower()]).lower()
        return ""  # objects without an identity keep their order
    return str(item).lower()


def as_is(value: Any) -> Any:
    """Normaliser for lists whose order counts."""
    return value


def cidr(value: Any) -> Any:
    """One address with and without its /32."""
    if isinstance(value, (list, tuple)):
        return sorted(cidr(item) for item in value)
    return value.strip().removesuffix("/32").lower() if isinstance(value, str) else value


def unless_blank(want: Any, have: Any) -> bool:
    """Equality where the service fills in what is sent as zero or as an empty string (AKS)."""
    return want in ("", 0) or canonical(str(want)) == canonical(str(have))


def _plain(value: Any) -> Any:
    """A plain value as it compares: numbers by value (-1 comes back as -1.0), text without case."""
    return float(value) if isinstance(value, (int, float)) else canonical(str(value))


def dropped(*default: Any) -> Callable[[Any, Any], bool]:
    """Equality where the service does not return a value that is one of its own defaults."""
    known = {_plain(value) for value in default}

    def equal(want: Any, have: Any) -> bool:
        if have is None or have == "":
            return want in (None, "", False) or _plain(want) in known
        return bool(_plain(want) == _plain(have))

    return equal


def last_segment(value: Any) -> Any:
    """An id by its last segment: role definitions come with and without their subscription."""
    return value.rstrip("/").rpartition("/")[2].lower() if isinstance(value, str) else value


# A reference to another object; `{}` takes it away.
REFERENCE = Field(exact=True, normalise=canonical)
ORDERED = Field(normalise=as_is)
NAMED = Field(key="name")
NAMED_OPEN = Field(key="name", open=True)

# Every tracked resource.
TRACKED: dict[str, Field] = {
    "location": Field(Mode.IMMUTABLE, normalise=location),
    "tags": MUTABLE,
    "properties": MUTABLE,
    "sku": MUTABLE,
    "identity": MUTABLE,
    "kind": IMMUTABLE,
    "zones": IMMUTABLE,
    "extendedLocation": IMMUTABLE,
    "plan": CREATE_ONLY,
}
