# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels of everything that is made in clusters: whose it is, and which set it belongs to.

Sets are those of KEP-3659 (`kubectl apply --prune --applyset`): every member carries the set's id as a label, and a
parent object says of the set which kinds it holds and where. kubectl understands both.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping

from .._engine.tags import MANAGED_BY, Owner
from .client import MANAGER
from .objects import Body

MANAGED = "app.kubernetes.io/managed-by"
PART_OF = "app.kubernetes.io/part-of"
PREFIX = "multicloud.platform/"
SET_NAME = f"{PREFIX}set"
MEMBER = "applyset.kubernetes.io/part-of"
PARENT_ID = "applyset.kubernetes.io/id"
TOOLING = "applyset.kubernetes.io/tooling"
KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
_SPACE = "default"  # where parents are: it always exists, and a set may hold any other namespace
_OWNED = ("platform", "environment", "site")


def set_id(name: str) -> str:
    """The id of a set: made of the name, namespace, kind and group of its parent, as the KEP wants it."""
    digest = hashlib.sha256(f"{parent_name(name)}.{_SPACE}.ConfigMap.".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def parent_name(name: str) -> str:
    """What the parent of a set is called."""
    return f"applyset-{name}"


def parent(name: str, owner: Owner, kinds: Collection[str], namespaces: Collection[str]) -> Body:
    """The parent of a set. kinds: "Deployment.apps"; namespaces: those that its members live in."""
    others = sorted(set(namespaces) - {_SPACE, ""})
    notes = {TOOLING: f"{MANAGER}/v1.0.0", KINDS: ",".join(sorted(kinds))}
    if others:
        notes[NAMESPACES] = ",".join(others)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": parent_name(name),
            "namespace": _SPACE,
            "labels": {**_ownership(owner), PART_OF: owner.platform, SET_NAME: name, PARENT_ID: set_id(name)},
            "annotations": notes,
        },
    }


def listed(body: Body | None, annotation: str) -> set[str]:
    """What a parent says in one of its annotations."""
    notes = (body or {}).get("metadata", {}).get("annotations") or {}
    return {each for each in str(notes.get(annotation, "")).split(",") if each}


def label(body: Body, name: str, owner: Owner) -> None:
    """Mark an object as a member of the set. `part-of` is the manifest's own business where it says so."""
    meta = body["metadata"]
    given = meta.get("labels") or {}
    meta["labels"] = {PART_OF: owner.platform, **given, **_ownership(owner), SET_NAME: name, MEMBER: set_id(name)}


def ownership(body: Body) -> dict[str, str]:
    """Whose a live object is, in the engine's words."""
    labels: Mapping[str, str] = body["metadata"].get("labels") or {}
    if labels.get(MANAGED) != MANAGER:
        return {"managed-by": labels[MANAGED]} if MANAGED in labels else {}
    return {"managed-by": MANAGED_BY, **{key: labels.get(PREFIX + key, "?") for key in _OWNED}}


def _ownership(owner: Owner) -> dict[str, str]:
    tags = owner.tags()
    return {MANAGED: MANAGER, **{PREFIX + key: tags[key] for key in _OWNED}}
