"""Label and field selectors, as query strings and as LabelSelector objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import bad_request

Labels = Mapping[str, str]
Match = Callable[[Labels], bool]
_KEY = r"(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUALS = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")
_COMPARE = re.compile(rf"^({_KEY})\s*([<>])\s*(\d+)$")
_FIELD = re.compile(r"^([^=!]+?)(==|!=|=)(.*)$")


def label_selector(text: str) -> Match | None:
    """What ``labelSelector=`` asks for; None when it asks for nothing."""
    if not text.strip():
        return None
    wanted = [_label_term(term.strip(), text) for term in _split(text)]
    return lambda labels: all(one(labels) for one in wanted)


def _split(text: str) -> list[str]:
    return re.split(r",(?![^()]*\))", text)


def _label_term(term: str, text: str) -> Match:
    if match := _SET.match(term):
        key, operator, listed = match.groups()
        return _member(key, [value.strip() for value in listed.split(",")], operator == "in")
    if match := _EQUALS.match(term):
        key, operator, value = match.groups()
        return _member(key, [value], operator != "!=")
    if match := _COMPARE.match(term):
        return _compare(*match.groups())
    if match := _EXISTS.match(term):
        absent, key = match.groups()
        return lambda labels: (key in labels) != bool(absent)
    raise bad_request(f"unable to parse requirement: found '{term}' in '{text}'")


def _member(key: str, values: list[str], inside: bool) -> Match:
    if inside:
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def _compare(key: str, operator: str, value: str) -> Match:
    limit = int(value)

    def match(labels: Labels) -> bool:
        found = labels.get(key, "")
        if not found.lstrip("-").isdigit():
            return False
        return int(found) > limit if operator == ">" else int(found) < limit

    return match


def object_selector(selector: Mapping[str, Any] | None) -> Match:
    """What a LabelSelector (matchLabels, matchExpressions) asks for; None matches nothing, an empty one everything."""
    if selector is None:
        return lambda labels: False
    wanted: list[Match] = [_member(key, [value], True) for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or []:
        key, operator, values = one["key"], one["operator"], one.get("values") or []
        if operator in ("In", "NotIn"):
            wanted.append(_member(key, values, operator == "In"))
        else:
            wanted.append(_presence(key, operator == "Exists"))
    return lambda labels: all(one(labels) for one in wanted)


def _presence(key: str, present: bool) -> Match:
    return lambda labels: (key in labels) == present


def as_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as a query string, as ``status.selector`` of a Scale shows it."""
    if not selector:
        return ""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or []:
        key, values = one["key"], ",".join(sorted(one.get("values") or []))
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        terms.append(words.get(one["operator"], f"!{key}"))
    return ",".join(terms)


# Which fields can be selected by, besides metadata.name and metadata.namespace.
SELECTABLE: dict[str, dict[str, str]] = {
    "pods": {
        "spec.nodeName": "",
        "spec.restartPolicy": "",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "false",
        "status.phase": "",
        "status.podIP": "",
        "status.nominatedNodeName": "",
    },
    "events": dict.fromkeys(
        [
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "",
    ),
    "namespaces": {"status.phase": ""},
    "nodes": {"spec.unschedulable": "false"},
    "secrets": {"type": ""},
    "services": {"spec.clusterIP": "", "spec.type": ""},
    "replicationcontrollers": {"status.replicas": "0"},
    "replicasets.apps": {"status.replicas": "0"},
    "jobs.batch": {"status.successful": "0"},
    "certificatesigningrequests.certificates.k8s.io": {"spec.signerName": ""},
}


def field_selector(text: str, selectable: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool] | None:
    """What ``fieldSelector=`` asks for; ``selectable``: fields with what they are when absent. 400 for others."""
    if not text.strip():
        return None
    wanted: list[tuple[str, bool, str]] = []
    for term in text.split(","):
        if not term.strip():
            continue
        match = _FIELD.match(term.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        name, operator, value = match.groups()
        if name not in selectable and name not in ("metadata.name", "metadata.namespace"):
            raise bad_request(f'field label not supported: "{name}"')
        wanted.append((name, operator != "!=", value))
    return lambda body: all(
        (field_text(body, name, selectable.get(name, "")) == value) == same for name, same, value in wanted
    )


def field_text(body: Mapping[str, Any], path: str, absent: str) -> str:
    """The value at a dotted path as text."""
    if path == "source" and isinstance(body.get("source"), dict):
        return str(body["source"].get("component", ""))
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return absent
    return str(value).lower() if isinstance(value, bool) else str(value)
