# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's lists: one call reads every object of a sort in a VPC, however many of them there are."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from .base import Item, filters
from .client import Session

# sort -> operation, member of the answer, filter for the VPC, name of the filter argument.
_IN_VPC: dict[str, tuple[str, str, str, str]] = {
    "subnets": ("describe_subnets", "Subnets", "vpc-id", "Filters"),
    "route_tables": ("describe_route_tables", "RouteTables", "vpc-id", "Filters"),
    "security_groups": ("describe_security_groups", "SecurityGroups", "vpc-id", "Filters"),
    "nat_gateways": ("describe_nat_gateways", "NatGateways", "vpc-id", "Filter"),
    "vpc_endpoints": ("describe_vpc_endpoints", "VpcEndpoints", "vpc-id", "Filters"),
    "flow_logs": ("describe_flow_logs", "FlowLogs", "resource-id", "Filter"),
    "peerings": (
        "describe_vpc_peering_connections",
        "VpcPeeringConnections",
        "requester-vpc-info.vpc-id",
        "Filters",
    ),
}


def in_vpc_key(sort: str) -> Hashable:
    """What to forget after a change to an object of this sort."""
    return ("ec2", sort)


def in_vpc(session: Session, sort: str, vpc_id: str) -> list[Item]:
    """Every object of a sort in one VPC."""
    operation, member, name, argument = _IN_VPC[sort]
    arguments: dict[str, Any] = {argument: [{"Name": name, "Values": [vpc_id]}]}
    return session.remember(("ec2", sort, vpc_id), lambda: session.pages("ec2", operation, member, **arguments))


VPCS: Hashable = ("ec2", "vpcs")
ADDRESSES: Hashable = ("ec2", "addresses")
GATEWAYS: Hashable = ("ec2", "internet_gateways")
ZONES: Hashable = ("ec2", "zones")


def vpcs(session: Session) -> list[Item]:
    """The region's VPCs. All of them: there are few, and preflight counts them against the quota."""
    return session.remember(VPCS, lambda: session.pages("ec2", "describe_vpcs", "Vpcs"))


def addresses(session: Session) -> list[Item]:
    """The region's elastic IP addresses; few, and counted against the quota, like VPCs. The API does not page them."""
    return session.remember(ADDRESSES, lambda: list(session.call("ec2", "describe_addresses").get("Addresses") or []))


def internet_gateways(session: Session) -> list[Item]:
    """The internet gateways whose Name begins with the site's, attached or not."""
    base = session.site.base
    return session.remember(
        GATEWAYS,
        lambda: session.pages(
            "ec2", "describe_internet_gateways", "InternetGateways", Filters=filters(tag_Name=f"{base}*")
        ),
    )


def zones(session: Session) -> list[str]:
    """Availability zones of the region that take EKS control planes, sorted by name.

    Three zones do not take them (Amazon EKS user guide, "Amazon EKS networking requirements"): told by zone id,
    which is the same in every account.
    """

    def load() -> list[str]:
        answer = session.call(
            "ec2",
            "describe_availability_zones",
            Filters=filters(zone_type="availability-zone", state="available"),
        )
        found = [
            zone["ZoneName"]
            for zone in answer["AvailabilityZones"]
            if zone.get("ZoneId") not in ("use1-az3", "usw1-az2", "cac1-az3")
        ]
        return sorted(found)

    return session.remember(ZONES, load)
