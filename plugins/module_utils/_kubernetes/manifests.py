# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as people write them, made into the objects of one set: checked without asking for any object."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .errors import UnknownKind
from .objects import Body, Ref, group_of, ref_of

CRD = "CustomResourceDefinition"
_CRD_GROUP = "apiextensions.k8s.io"
_SERVER_SIDE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")

# Serves a kind? True: its objects live in namespaces. Raises UnknownKind.
Namespaced = Callable[[str, str], bool]


def flatten(documents: Sequence[Any]) -> Iterator[Any]:
    """Every object by itself: lists (kind: List, ConfigMapList, ...) are taken apart, empty documents left out."""
    for document in documents:
        if document is None or document == {}:
            continue
        items = document.get("items") if isinstance(document, Mapping) else None
        if isinstance(items, list) and str(document.get("kind", "")).endswith("List"):
            kind = str(document["kind"]).removesuffix("List")
            given = {"apiVersion": document.get("apiVersion"), "kind": kind} if kind else {}
            yield from flatten([{**given, **item} if isinstance(item, Mapping) else item for item in items])
        else:
            yield document


def prepare(documents: Sequence[Any], namespace: str, namespaced: Namespaced) -> tuple[list[Body], list[str]]:
    """The objects, complete with their namespace, and everything that is wrong with them, as sentences.

    What only the server writes (status, uid, managedFields, ...) is left out, so that exported objects can be used.
    `stringData` of Secrets becomes `data`, as the server does: otherwise it could not be compared.
    """
    bodies: list[Body] = []
    problems: list[str] = []
    for position, document in enumerate(flatten(documents), 1):
        wrong = _malformed(document)
        if wrong:
            problems.append(f"Manifest {position}: {wrong}")
            continue
        bodies.append(_clean(document))
    scopes = {(each["spec"]["group"], each["spec"]["names"]["kind"]): each for each in bodies if is_crd(each)}
    seen: dict[tuple[str, str, str, str], Ref] = {}
    for body in bodies:
        problems += _place(body, namespace, scopes, namespaced)
        ref = ref_of(body)
        identity = (ref.group, ref.kind, ref.namespace, ref.name)
        if identity in seen:
            problems.append(f"{ref} ({ref.api_version}) is in the set twice.")
        seen[identity] = ref
    return bodies, problems


def malformed(documents: Sequence[Any]) -> list[str]:
    """What is wrong with their form, as sentences; as `prepare` says it, without asking a cluster."""
    found = ((position, _malformed(each)) for position, each in enumerate(flatten(documents), 1))
    return [f"Manifest {position}: {wrong}" for position, wrong in found if wrong]


def is_crd(body: Body) -> bool:
    """Whether it defines a kind, well enough to tell which."""
    if body["kind"] != CRD or group_of(body["apiVersion"]) != _CRD_GROUP:
        return False
    spec = body.get("spec")
    return (
        isinstance(spec, Mapping)
        and "group" in spec
        and isinstance(spec.get("names"), Mapping)
        and "kind" in spec["names"]
    )


def _malformed(document: Any) -> str:
    if not isinstance(document, Mapping):
        return f"a mapping is expected, not {str(document)[:40]!r}."
    for name in ("apiVersion", "kind"):
        if not isinstance(document.get(name), str) or not document[name]:
            return f"{name} is missing."
    meta = document.get("metadata")
    what = f"{document['kind']} of {document['apiVersion']}"
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str) or not meta["name"]:
        return f"{what}: metadata.name is missing. Objects of a set need names of their own."
    for name in ("labels", "annotations"):
        values = meta.get(name)
        if values is not None and not isinstance(values, Mapping):
            return f"{what} {meta['name']}: metadata.{name} must be a mapping."
        for key, value in (values or {}).items():
            if not isinstance(value, str):
                return f"{what} {meta['name']}: metadata.{name}[{key}]: {value!r} must be a string, put it in quotes."
    return ""


def _clean(document: Mapping[str, Any]) -> Body:
    body = copy.deepcopy({name: value for name, value in document.items() if name != "status"})
    body["metadata"] = {name: value for name, value in body["metadata"].items() if name not in _SERVER_SIDE}
    given = body.get("stringData")
    if body["apiVersion"] == "v1" and body["kind"] == "Secret" and isinstance(given, Mapping):
        coded = {name: base64.b64encode(str(value).encode()).decode() for name, value in given.items()}
        body["data"] = {**(body.get("data") or {}), **coded}
        del body["stringData"]
    return body


def _place(body: Body, namespace: str, scopes: Mapping[tuple[str, str], Body], namespaced: Namespaced) -> list[str]:
    """Give the object its namespace."""
    ref = ref_of(body)
    defined = scopes.get((ref.group, ref.kind))
    if defined is not None:
        inside = defined["spec"].get("scope") == "Namespaced"
    else:
        try:
            inside = namespaced(ref.api_version, ref.kind)
        except UnknownKind as error:
            return [f"{ref}: {error.message}"]
    if inside:
        body["metadata"].setdefault("namespace", namespace)
    elif ref.namespace:
        return [f"{ref}: objects of kind {ref.kind} live in no namespace. Remove metadata.namespace."]
    return []
