# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Google rewrites what it is sent, as comparisons: references, versions, ranges, enums whose zero it drops."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from .._engine.fields import Field, Fields, Mode
from .._engine.tags import from_description

_HOST = re.compile(r"^(https?:)?//[^/]+/((compute|storage)/)?((v\d+\w*|alpha|beta)/)?")


def tail(reference: str) -> str:
    """A reference without host and API version: "projects/p/global/networks/n"."""
    return _HOST.sub("", reference)


def last(reference: str) -> str:
    """The name at the end of a reference."""
    return reference.rstrip("/").rpartition("/")[2]


def same_reference(want: Any, have: Any) -> bool:
    """Whether two references mean one object.

    Google returns full URLs, relative paths or bare names whatever was sent, and a project by its number or its id
    (recorded traffic). A part that one side leaves out is not compared.
    """
    if not want or not have:
        return bool(want) == bool(have)
    ours, theirs = tail(str(want)).split("/"), tail(str(have)).split("/")
    if ours[-1] != theirs[-1]:
        return False
    if len(ours) == 1 or len(theirs) == 1:
        return True
    if ours[-2] != theirs[-2]:
        return False
    our_project, our_place = _split(ours[:-2])
    their_project, their_place = _split(theirs[:-2])
    same_notation = our_project.isdigit() == their_project.isdigit()  # a number says nothing about an id
    if our_project and their_project and same_notation and our_project != their_project:
        return False
    # A region is itself written with and without "global" before it.
    return not our_place or not their_place or our_place == their_place


def _split(segments: list[str]) -> tuple[str, list[str]]:
    if segments[:1] == ["projects"]:
        return segments[1] if len(segments) > 1 else "", segments[2:]
    return "", segments


def same_references(want: Any, have: Any) -> bool:
    """Lists of references, in any order."""
    ours, theirs = list(want or ()), list(have or ())
    return len(ours) == len(theirs) and all(any(same_reference(one, other) for other in theirs) for one in ours)


def same_version(want: Any, have: Any) -> bool:
    """Versions: 1.34 means any 1.34, 1.34.8 any build of it (recorded traffic: 1.34 returns as 1.34.8-gke.1278000).
    Words such as "latest" and "-" mean what Google chooses."""
    wanted, found = str(want or ""), str(have or "")
    if not found or wanted in ("latest", "-"):
        return bool(found) or not wanted
    return found == wanted or found.startswith((wanted + ".", wanted + "-"))


def same_range(want: Any, have: Any) -> bool:
    """Ranges. "/20" asks for any range: GKE chooses, and not always of that size (recorded traffic)."""
    wanted, found = str(want or ""), str(have or "")
    if wanted.startswith("/") or wanted == "auto":
        return bool(found)
    try:
        return ipaddress.ip_network(wanted) == ipaddress.ip_network(found)
    except ValueError:
        return wanted == found


def or_absent(default: Any) -> Callable[[Any, Any], bool]:
    """Equality for a member that the cloud drops when it holds its default."""

    def equal(want: Any, have: Any) -> bool:
        return (default if want is None else want) == (default if have is None else have)

    return equal


def holds_tags(want: Any, have: Any) -> bool:
    """Descriptions. Of those that carry ownership only that counts: other text in them is nobody's business."""
    tags = from_description(want)
    if not tags:
        return (want or "") == (have or "")
    found = from_description(have)
    return all(found.get(key) == value for key, value in tags.items())


def same_duration(want: Any, have: Any) -> bool:
    """Durations in seconds, as Google writes them: "0s" and none, "3600s" and "3600.0s" are the same."""

    def seconds(value: Any) -> float:
        text = str(value or 0).removesuffix("s")
        return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else -1.0

    return seconds(want) == seconds(have)


def same_moment(want: Any, have: Any) -> bool:
    """Points in time: "2026-01-31T08:15:00Z" and "2026-01-31T08:15:00.000+00:00" are the same."""

    def moment(value: Any) -> Any:
        try:
            return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            return value

    return bool(moment(want) == moment(have))


def matched_by(member: str) -> Callable[[Any, Any], bool]:
    """Equality of lists of objects that a reference tells apart. Lists in them have no order; what only the cloud has
    is not compared."""

    def plain(value: Any) -> Any:
        return sorted(str(item) for item in value) if isinstance(value, (list, tuple)) else value

    def covers(want: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
        rest = {name: value for name, value in want.items() if name != member and value not in (None, "", [])}
        return all(plain(value) == plain(have.get(name)) for name, value in rest.items())

    def equal(want: Any, have: Any) -> bool:
        ours, theirs = list(want or ()), list(have or ())
        return len(ours) == len(theirs) and all(
            any(same_reference(one.get(member), other.get(member)) and covers(one, other) for other in theirs)
            for one in ours
        )

    return equal


def _without_zero(value: Any) -> Any:
    return "" if isinstance(value, str) and value.endswith("_UNSPECIFIED") else value


class ProtoFields(Fields):
    """Fields of an API whose JSON is made of protocol buffers: the zero of an enumeration, which says that nothing
    was specified, is not returned."""

    def _resolve(self, path: str) -> Field:
        found = super()._resolve(path)
        return found if found.equal or found.normalise else replace(found, normalise=_without_zero)

    def extend(self, classes: Mapping[str, Field]) -> ProtoFields:
        return ProtoFields({**self.classes, **classes})


REFERENCE = Field(equal=same_reference)
REFERENCES = Field(equal=same_references)
FIXED_REFERENCE = Field(Mode.IMMUTABLE, equal=same_reference)
DESCRIPTION = Field(equal=holds_tags)


def merged(observed: Mapping[str, Any] | None, desired: Mapping[str, Any] | None) -> dict[str, Any]:
    """Labels to send where the call replaces all of them: what others set stays."""
    return {**(observed or {}), **(desired or {})}
