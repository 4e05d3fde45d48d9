# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an apply of ours would do, told from the live object alone, where that is certain; and what differs when not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .client import MANAGER
from .objects import Body

# What the server writes itself, and no apply changes.
_SERVER_SIDE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
_PLAIN = re.compile(r"^[A-Za-z0-9_-]+$")
# Members that tell the items of a list apart, the most telling first.
_KEYS = ("name", "containerPort", "port", "mountPath", "devicePath", "key", "topologyKey", "ip", "type", "uid")


def unchanged(manifest: Body, live: Body) -> bool:
    """Whether applying the manifest again would certainly change nothing. False says that it has to be tried.

    Server-side apply sets the fields of the manifest and removes those that its manager applied before and the manifest
    does not hold any more. What our manager applied before is in the live object's managedFields, in full. So nothing
    changes when two things hold: the manifest's fields are exactly those that are ours already, and each has the
    value that is there. Both are looked at member by member along `fieldsV1`, which also tells what the schema would
    have to be known for: which lists are merged by key and which values are owned as a whole.

    It errs on one side only. A value that the server writes differently from the manifest (a quantity of "0.5" as
    "500m", a default inside a part that is owned as a whole), another version than that of the last apply, list items
    whose key is partly a default and therefore ambiguous: all of that is no match here, and then a dry run decides.

    Source: KEP-555 (server-side apply), structured-merge-diff's `fieldpath` serialisation.
    """
    entry = our_entry(live)
    if entry is None or entry.get("apiVersion") != manifest["apiVersion"]:
        return False
    meta = {name: value for name, value in manifest["metadata"].items() if name not in ("name", "namespace")}
    rest = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata")}
    fields = entry.get("fieldsV1") or {}
    return _covered(fields, {**rest, **({"metadata": meta} if meta else {})}, live)


def our_entry(live: Body) -> Mapping[str, Any] | None:
    """What managedFields say of our own applies."""
    for entry in live["metadata"].get("managedFields") or []:
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            found: Mapping[str, Any] = entry
            return found
    return None


def _covered(fields: Mapping[str, Any], want: Any, have: Any) -> bool:
    """Whether `want` is exactly what `fields` say, with the values of `have`."""
    parts = {element: below for element, below in fields.items() if element != "."}
    if not parts:
        return want is not None and _equal(want, have)
    marks = {element[:2] for element in parts}
    if marks == {"f:"}:
        if not isinstance(want, Mapping) or not isinstance(have, Mapping):
            return False
        if {f"f:{name}" for name in want} != parts.keys():
            return False
        return all(name in have and _covered(parts[f"f:{name}"], value, have[name]) for name, value in want.items())
    if not isinstance(want, list) or not isinstance(have, list) or len(want) != len(parts):
        return False
    if marks == {"v:"}:
        asked = [element[2:] for element in parts]
        return _written(want) == sorted(asked) and set(asked) <= set(_written(have))
    if marks == {"k:"}:
        return all(_item_covered(json.loads(element[2:]), below, want, have) for element, below in parts.items())
    return False


def _item_covered(key: Mapping[str, Any], fields: Mapping[str, Any], want: list[Any], have: list[Any]) -> bool:
    def fits(item: Any, strict: bool) -> bool:
        if not isinstance(item, Mapping):
            return False
        return all(item[name] == value if name in item else not strict for name, value in key.items())

    asked = [item for item in want if fits(item, strict=False)]
    there = [item for item in have if fits(item, strict=True)]
    return len(asked) == len(there) == 1 and _covered(fields, asked[0], there[0])


def _equal(want: Any, have: Any) -> bool:
    """Equality that tells true from 1, and knows no other equals."""
    if isinstance(want, Mapping):
        return isinstance(have, Mapping) and want.keys() == have.keys() and all(_equal(want[n], have[n]) for n in want)
    if isinstance(want, list):
        return (
            isinstance(have, list)
            and len(want) == len(have)
            and all(_equal(one, other) for one, other in zip(want, have, strict=True))
        )
    return isinstance(want, bool) == isinstance(have, bool) and bool(want == have)


def _written(items: Sequence[Any]) -> list[str]:
    return sorted(json.dumps(item, separators=(",", ":"), ensure_ascii=False) for item in items)


# -- what differs ------------------------------------------------------------------------------------------------------


def bare_body(body: Body) -> Body:
    """Without what the server writes itself."""
    meta = {name: value for name, value in body["metadata"].items() if name not in _SERVER_SIDE}
    return {**{name: value for name, value in body.items() if name != "status"}, "metadata": meta}


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every (path, before, after) that differs. Items of lists are told apart by their names or keys where all have
    one, otherwise by position; whole values where one side has none."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            here = _below(path, str(name))
            if name in before and name in after:
                yield from differences(before[name], after[name], here)
            else:
                yield here, before.get(name), after.get(name)
        return
    if isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(before, after, path)
        return
    if not _equal(before, after):
        yield path, before, after


def _list_differences(before: list[Any], after: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    key = next((each for each in _KEYS if _tells_apart(each, before) and _tells_apart(each, after)), None)
    if key is not None and before and after:
        old, new = ({str(item[key]): item for item in items} for items in (before, after))
        for label in [*old, *(label for label in new if label not in old)]:
            if label in old and label in new:
                yield from differences(old[label], new[label], f"{path}[{label}]")
            else:
                yield f"{path}[{label}]", old.get(label), new.get(label)
        if old.keys() == new.keys() and list(old) != list(new):
            yield path, list(old), list(new)  # the order counts: init containers
    elif len(before) == len(after) and all(isinstance(item, Mapping) for item in [*before, *after]):
        for position, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{position}]")
    elif not _equal(before, after):
        yield path, before, after


def _tells_apart(key: str, items: list[Any]) -> bool:
    values = [str(item[key]) for item in items if isinstance(item, Mapping) and key in item]
    return len(values) == len(items) == len(set(values))


def _below(path: str, name: str) -> str:
    if not _PLAIN.match(name):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def owned_paths(entry: Mapping[str, Any] | None) -> set[str]:
    """The fields of an entry of managedFields, as dotted paths."""
    found: set[str] = set()

    def walk(fields: Mapping[str, Any], path: str) -> None:
        for element, below in fields.items():
            if element == ".":
                found.add(path)
                continue
            here = _below(path, element[2:]) if element.startswith("f:") else f"{path}[{element[2:]}]"
            if below:
                walk(below, here)
            else:
                found.add(here)

    walk((entry or {}).get("fieldsV1") or {}, "")
    return found


def value_at(body: Any, path: str) -> Any:
    """The value at a path as the API server names fields ("spec.ports[0].port"); None when it is not there."""
    for name, position in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if name and isinstance(body, Mapping):
            body = body.get(name)
        elif position and isinstance(body, list) and int(position) < len(body):
            body = body[int(position)]
        else:
            return None
    return body
