"""Fields of EC2's answers that moto does not fill."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPCEndPoint

# What AWS answers for objects on which nobody has set it.
_CONSTANT: dict[type, dict[str, Any]] = {
    Subnet: {"enable_dns64": False, "map_customer_owned_ip_on_launch": False},
    RouteTable: {"propagating_vgws": []},
    VPCEndPoint: {"requester_managed": False},
}


def _state(route: Any) -> str:
    nat, gateway = route.nat_gateway, route.gateway
    if nat is not None and nat.state in ("deleting", "deleted", "failed"):
        return "blackhole"
    if gateway is not None and hasattr(gateway, "vpc") and gateway.vpc is None:
        return "blackhole"
    return "active"


_make_version = LaunchTemplateVersion.__init__


def _version(self: Any, template: Any, number: int, data: dict[str, Any], description: str) -> None:
    """Tags of the launch template itself are no part of its data; moto mixes them in."""
    if "TagSpecifications" in data:
        kept = [item for item in data["TagSpecifications"] if item.get("ResourceType") != "launch-template"]
        data = {**data, "TagSpecifications": kept}
    _make_version(self, template, number, data, description)


def install() -> None:
    """Fill them. A route is a ``blackhole`` when its NAT or internet gateway is not there; moto says ``active``."""
    Route.state = property(_state)  # type: ignore[assignment,method-assign]
    LaunchTemplateVersion.__init__ = _version  # type: ignore[method-assign]
    # moto keeps the tags of the day of creation beside those that CreateTags changes.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda self, _: None)  # type: ignore[assignment]
    for kind, values in _CONSTANT.items():
        for name, value in values.items():
            setattr(kind, name, value)
