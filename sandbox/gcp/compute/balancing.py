"""What passthrough load balancers are made of: forwarding rules, target pools with health checks, backend services."""

from __future__ import annotations

from collections.abc import Callable

from ..calls import Call
from ..errors import required_field
from ..state import State, fingerprint
from .kinds import Data, Kind, register
from .links import link


def _fill_rule(call: Call, path: str, body: Data) -> None:
    if "target" not in body and "backendService" not in body:
        raise required_field("resource.target")
    body.setdefault("loadBalancingScheme", "EXTERNAL")
    body.setdefault("IPProtocol", "TCP")
    body.setdefault("networkTier", "PREMIUM")
    body.setdefault("description", "")
    body.setdefault("labelFingerprint", fingerprint(body.get("labels", {})))
    if "IPAddress" not in body:
        number = next(call.state.addresses)
        body["IPAddress"] = f"34.{64 + (number >> 14) % 64}.{(number >> 7) % 128}.{1 + number % 128}"


def _fill_pool(call: Call, path: str, body: Data) -> None:
    body.setdefault("sessionAffinity", "NONE")


def _fill_service(call: Call, path: str, body: Data) -> None:
    for name, value in {
        "description": "",
        "loadBalancingScheme": "EXTERNAL",
        "protocol": "TCP",
        "sessionAffinity": "NONE",
        "timeoutSec": 30,
    }.items():
        body.setdefault(name, value)


def _fill_check(call: Call, path: str, body: Data) -> None:
    for name, value in {
        "host": "",
        "requestPath": "/",
        "port": 80,
        "checkIntervalSec": 5,
        "timeoutSec": 5,
        "unhealthyThreshold": 2,
        "healthyThreshold": 2,
    }.items():
        body.setdefault(name, value)


def _named_in(field: str, segment: str) -> Callable[[State, str], str | None]:
    """Who names an object in ``field``, among the objects of a kind."""

    def user(state: State, path: str) -> str | None:
        url = link(path)
        for other, record in state.compute.items():
            named = record.data.get(field)
            if f"/{segment}/" in other and (named == url or (isinstance(named, list) and url in named)):
                return other
        return None

    return user


RULES = register(
    Kind(
        collection="forwardingRules",
        schema="ForwardingRule",
        kind="compute#forwardingRule",
        segment="forwardingRules",
        scope="region",
        noun="forwarding_rule",
        references={
            "target": "targetPools",
            "backendService": "backendServices",
            "network": "networks",
            "subnetwork": "subnetworks",
        },
        fill=_fill_rule,
        seconds="forwarding_rule",
    )
)
POOLS = register(
    Kind(
        collection="targetPools",
        schema="TargetPool",
        kind="compute#targetPool",
        segment="targetPools",
        scope="region",
        noun="target_pool",
        fill=_fill_pool,
        user=_named_in("target", "forwardingRules"),
        seconds="target_pool",
    )
)
SERVICES = register(
    Kind(
        collection="regionBackendServices",
        schema="BackendService",
        kind="compute#backendService",
        segment="backendServices",
        scope="region",
        noun="backend_service",
        patchable=frozenset({"description", "backends", "sessionAffinity", "timeoutSec", "healthChecks"}),
        fill=_fill_service,
        user=_named_in("backendService", "forwardingRules"),
        needs_fingerprint=True,
        seconds="backend_service",
    )
)
CHECKS = register(
    Kind(
        collection="httpHealthChecks",
        schema="HttpHealthCheck",
        kind="compute#httpHealthCheck",
        segment="httpHealthChecks",
        scope="global",
        noun="http_health_check",
        patchable=frozenset(
            {
                *("description", "host", "requestPath", "port", "checkIntervalSec", "timeoutSec"),
                *("unhealthyThreshold", "healthyThreshold"),
            }
        ),
        fill=_fill_check,
        user=_named_in("healthChecks", "targetPools"),
        seconds="http_health_check",
    )
)
