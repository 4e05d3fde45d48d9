"""Firewall rules and routes."""

from __future__ import annotations

import ipaddress

from ..calls import Call
from ..errors import GoogleError, invalid_field, required_field
from ..state import State
from .crud import must_exist
from .kinds import Data, Kind, register
from .links import link
from .networks import DEFAULT

_SOURCES = ("sourceRanges", "sourceTags", "sourceServiceAccounts")


def _fill_firewall(call: Call, path: str, body: Data) -> None:
    if "network" not in body:
        must_exist(call.state, DEFAULT)
        body["network"] = link(DEFAULT)
    body.setdefault("description", "")
    _complete(body)


def _changed_firewall(call: Call, path: str, old: Data, new: Data) -> None:
    _complete(new)


def _complete(body: Data) -> None:
    body.setdefault("direction", "INGRESS")
    body.setdefault("priority", 1000)
    body.setdefault("disabled", False)
    body.setdefault("logConfig", {"enable": False})
    for name in ("allowed", "denied", *_SOURCES, "destinationRanges", "targetTags", "targetServiceAccounts"):
        if name in body and not body[name]:
            del body[name]
    if not 0 <= body["priority"] <= 65535:
        raise invalid_field("resource.priority", body["priority"], "Must be between 0 and 65535.")
    _check_rules(body)
    if body["direction"] == "INGRESS":
        if not any(body.get(name) for name in _SOURCES):
            body["sourceRanges"] = ["0.0.0.0/0"]
    else:
        for name in _SOURCES:
            if body.get(name):
                raise invalid_field(f"resource.{name}", ", ".join(body[name]), "Not allowed for direction EGRESS.")
        body.setdefault("destinationRanges", ["0.0.0.0/0"])
    for name in ("sourceRanges", "destinationRanges"):
        for index, text in enumerate(body.get(name, [])):
            try:
                ipaddress.ip_network(text)
            except ValueError:
                raise invalid_field(f"resource.{name}[{index}]", text, "Must be a valid IP address range.") from None


def _check_rules(body: Data) -> None:
    if bool(body.get("allowed")) == bool(body.get("denied")):
        message = "Exactly one of resource.allowed and resource.denied must be specified."
        raise GoogleError(400, message, reason="invalid")
    for index, rule in enumerate(body.get("allowed") or body.get("denied") or []):
        if not rule.get("IPProtocol"):
            raise required_field(f"resource.allowed[{index}].IPProtocol")
        if rule.get("ports") and rule["IPProtocol"] not in ("tcp", "udp", "sctp", "6", "17", "132"):
            why = "Ports may only be specified on rules for TCP, UDP and SCTP."
            raise invalid_field(f"resource.allowed[{index}].ports", ", ".join(rule["ports"]), why)


def _fill_route(call: Call, path: str, body: Data) -> None:
    for name in ("network", "destRange"):
        if name not in body:
            raise required_field(f"resource.{name}")
    body.setdefault("priority", 1000)
    body.setdefault("description", "")
    hops = [name for name in body if name.startswith("nextHop")]
    if len(hops) != 1:
        raise GoogleError(400, "Exactly one next hop must be specified.", reason="invalid")


def _route_user(state: State, path: str) -> str | None:
    record = state.compute[path]
    return record.owner if record.data.get("nextHopNetwork") else None


register(
    Kind(
        collection="firewalls",
        schema="Firewall",
        kind="compute#firewall",
        segment="firewalls",
        scope="global",
        noun="firewall",
        references={"network": "networks"},
        patchable=frozenset(
            {
                *("allowed", "denied", "description", "disabled", "priority", "logConfig"),
                *("sourceRanges", "sourceTags", "sourceServiceAccounts", "destinationRanges"),
                *("targetTags", "targetServiceAccounts"),
            }
        ),
        fill=_fill_firewall,
        changed=_changed_firewall,
        seconds="firewall",
    )
)
register(
    Kind(
        collection="routes",
        schema="Route",
        kind="compute#route",
        segment="routes",
        scope="global",
        noun="route",
        references={"network": "networks"},
        fill=_fill_route,
        user=_route_user,
        seconds="route",
    )
)
