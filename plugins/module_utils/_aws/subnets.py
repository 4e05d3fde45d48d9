# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnets: one of each tier per zone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from .._engine.fields import IMMUTABLE, MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, NotYetKnown, Observed, Operation, Resource, Status
from .base import Ec2Resource, Item, as_dict
from .client import Session, refuse
from .ec2_lists import in_vpc, in_vpc_key, zones

TIERS = ("public", "private", "data")


def subnet_name(base: str, tier: str, index: int) -> str:
    """Names carry the position, not the zone: which zones an account has is known only from the cloud."""
    return f"{base}-{tier}-{index + 1}"


def choose_zone(index: int, available: Sequence[str], taken: Mapping[int, str], count: int) -> str | None:
    """The zone of position `index`.

    A position keeps the zone that any of its subnets has, so a zone that AWS adds later moves nothing. Positions
    without subnets take the remaining zones in order. None: the region has too few.
    """
    if index in taken:
        return taken[index]
    free = [zone for zone in available if zone not in taken.values()]
    open_positions = [position for position in range(count) if position not in taken]
    place = open_positions.index(index) if index in open_positions else len(free)
    return free[place] if place < len(free) else None


class Subnet(Ec2Resource):
    """One subnet. The role tags tell Kubernetes where its load balancers go (AWS Load Balancer Controller guide)."""

    kind: ClassVar[str] = "aws.ec2.subnet"
    fields: ClassVar[Fields] = Fields(
        {
            "VpcId": IMMUTABLE,
            "CidrBlock": IMMUTABLE,
            "AvailabilityZone": IMMUTABLE,
            "MapPublicIpOnLaunch": MUTABLE,
            "tags": MUTABLE,
        }
    )
    tag_type = "subnet"

    def __init__(
        self,
        session: Session,
        tier: str,
        index: int,
        cidr: str,
        vpc: Resource,
        *,
        count: int,
        explicit_zones: Sequence[str] | None = None,
        extra_tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(session, subnet_name(session.site.base, tier, index), [vpc], **kwargs)
        self.tier, self.index, self.cidr, self.count = tier, index, cidr, count
        self.vpc = vpc
        self.explicit_zones = tuple(explicit_zones or ())
        self.extra_tags = dict(extra_tags or {})
        self._chosen: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, **self.extra_tags}

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("subnets"),)

    def predicted(self) -> dict[str, Any]:
        return {"cidr": self.cidr, **({"zone": self._chosen} if self._chosen else {})}

    def desired(self) -> dict[str, Any]:
        self._chosen = self._zone()
        return {
            "VpcId": self.vpc.out("id"),
            "CidrBlock": self.cidr,
            "AvailabilityZone": self._chosen,
            "MapPublicIpOnLaunch": False,
            "tags": self.tags,
        }

    def _zone(self) -> str:
        """The zone that was asked for or that the position has; the region's zones are only looked up without one."""
        if self.index < len(self.explicit_zones):
            return self.explicit_zones[self.index]
        taken = self._taken()
        available = [] if self.index in taken else zones(self.session)
        zone = choose_zone(self.index, available, taken, self.count)
        if zone is None:
            raise refuse(
                "network.zones",
                f"{self.count} zones are asked for, but {self.session.region} has only {', '.join(available)}. "
                f"Write zones: {len(available)}.",
            )
        return zone

    def _taken(self) -> dict[int, str]:
        """Zones that positions already have, from the subnets that exist."""
        try:
            listed = in_vpc(self.session, "subnets", self.vpc.known("id"))
        except NotYetKnown:
            return {}
        names = {
            subnet_name(self.session.site.base, tier, index): index for tier in TIERS for index in range(self.count)
        }
        found = ((as_dict(item.get("Tags")).get("Name", ""), item["AvailabilityZone"]) for item in listed)
        return {names[name]: zone for name, zone in found if name in names}

    def read(self) -> Observed | None:
        listed = in_vpc(self.session, "subnets", self.vpc.known("id"))
        # Two subnets of one VPC cannot have one range: a subnet whose Name was changed is still this one.
        found = self.mine(listed) or self._by_range(listed)
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        values = {
            "VpcId": found["VpcId"],
            "CidrBlock": found["CidrBlock"],
            "AvailabilityZone": found["AvailabilityZone"],
            "MapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
            "tags": tags,
        }
        outputs = {"id": found["SubnetId"], "zone": found["AvailabilityZone"], "cidr": found["CidrBlock"]}
        status = Status.READY if found.get("State", "available") == "available" else Status.PENDING
        return Observed(values, outputs, status, found.get("State", ""), tags)

    def _by_range(self, listed: list[Item]) -> Item | None:
        return next((item for item in listed if item["CidrBlock"] == self.cidr), None)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2",
            "create_subnet",
            VpcId=desired["VpcId"],
            CidrBlock=desired["CidrBlock"],
            AvailabilityZone=desired["AvailabilityZone"],
            TagSpecifications=self.tag_specifications(),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("MapPublicIpOnLaunch"):
            self.session.call(
                "ec2",
                "modify_subnet_attribute",
                SubnetId=observed.outputs["id"],
                MapPublicIpOnLaunch={"Value": desired["MapPublicIpOnLaunch"]},
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("ec2", "delete_subnet", SubnetId=observed.outputs["id"])
        return WATCH
