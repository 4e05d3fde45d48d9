"""Routes whose target is gone."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.route_tables import Route


def _state(route: Any) -> str:
    nat, gateway = route.nat_gateway, route.gateway
    if nat is not None and nat.state in ("deleting", "deleted", "failed"):
        return "blackhole"
    if gateway is not None and hasattr(gateway, "vpc") and gateway.vpc is None:
        return "blackhole"
    return "active"


def install() -> None:
    """Moto calls every route active; AWS says ``blackhole`` when the NAT or internet gateway is not there."""
    Route.state = property(_state)  # type: ignore[assignment,method-assign]
