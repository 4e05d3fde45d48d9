# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways out: internet gateway, elastic addresses and NAT gateways."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.fields import IMMUTABLE, MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Resource, Status
from .base import Ec2Resource, Item, as_dict
from .client import Session
from .ec2_lists import ADDRESSES, GATEWAYS, addresses, in_vpc, in_vpc_key, internet_gateways


class InternetGateway(Ec2Resource):
    """The internet gateway, attached to the VPC."""

    kind: ClassVar[str] = "aws.ec2.internet_gateway"
    fields: ClassVar[Fields] = Fields({"VpcId": MUTABLE, "tags": MUTABLE})
    tag_type = "internet-gateway"

    def __init__(self, session: Session, name: str, vpc: Resource, **kwargs: Any) -> None:
        super().__init__(session, name, [vpc], **kwargs)
        self.vpc = vpc

    def lists(self) -> Sequence[Hashable]:
        return (GATEWAYS,)

    def desired(self) -> dict[str, Any]:
        return {"VpcId": self.vpc.out("id"), "tags": self.tags}

    def read(self) -> Observed | None:
        found = self.mine(internet_gateways(self.session))
        if found is None:
            return None
        attached: Item = next((item for item in found.get("Attachments") or ()), {})
        tags = as_dict(found.get("Tags"))
        # "available" is what EC2 says of an attached internet gateway, "attached" of a virtual private one.
        status = Status.READY if attached.get("State", "available") in ("available", "attached") else Status.PENDING
        values = {"VpcId": attached.get("VpcId"), "tags": tags}
        return Observed(values, {"id": found["InternetGatewayId"]}, status, attached.get("State", ""), tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        # Attached by the update that follows: a run that dies in between goes on there.
        self.session.create("ec2", "create_internet_gateway", TagSpecifications=self.tag_specifications())
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        gateway_id = observed.outputs["id"]
        if change.touches("VpcId"):
            self._detach(observed)
            self.session.create("ec2", "attach_internet_gateway", InternetGatewayId=gateway_id, VpcId=desired["VpcId"])
        self.retag(observed, desired, change)
        return WATCH

    def _detach(self, observed: Observed) -> None:
        vpc_id = observed.values["VpcId"]
        if vpc_id:
            self.session.call("ec2", "detach_internet_gateway", InternetGatewayId=observed.outputs["id"], VpcId=vpc_id)

    def delete(self, observed: Observed) -> Operation:
        self._detach(observed)
        self.session.call("ec2", "delete_internet_gateway", InternetGatewayId=observed.outputs["id"])
        return WATCH


class ElasticIp(Ec2Resource):
    """The public address of a NAT gateway."""

    kind: ClassVar[str] = "aws.ec2.elastic_ip"
    fields: ClassVar[Fields] = Fields({"Domain": IMMUTABLE, "tags": MUTABLE})
    tag_type = "elastic-ip"

    def lists(self) -> Sequence[Hashable]:
        return (ADDRESSES,)

    def desired(self) -> dict[str, Any]:
        return {"Domain": "vpc", "tags": self.tags}

    def read(self) -> Observed | None:
        found = self.mine(addresses(self.session))
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        outputs = {"id": found["AllocationId"], "address": found["PublicIp"]}
        return Observed({"Domain": found.get("Domain"), "tags": tags}, outputs, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2", "allocate_address", Domain=desired["Domain"], TagSpecifications=self.tag_specifications()
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("ec2", "release_address", AllocationId=observed.outputs["id"])
        return WATCH


_NAT_STATES = {
    "pending": Status.PENDING,
    "available": Status.READY,
    "deleting": Status.DELETING,
    "failed": Status.FAILED,
}
# A gateway that failed or goes away stays listed for an hour beside the one that takes its place.
_NAT_ORDER = ("available", "pending", "deleting", "failed")


class NatGateway(Ec2Resource):
    """A public NAT gateway in one public subnet."""

    kind: ClassVar[str] = "aws.ec2.nat_gateway"
    fields: ClassVar[Fields] = Fields(
        {"SubnetId": IMMUTABLE, "AllocationId": IMMUTABLE, "ConnectivityType": IMMUTABLE, "tags": MUTABLE}
    )
    tag_type = "natgateway"

    def __init__(
        self,
        session: Session,
        name: str,
        vpc: Resource,
        subnet: Resource,
        address: Resource,
        gateway: Resource,
        **kwargs: Any,
    ) -> None:
        # Without an attached internet gateway creation ends as failed (Gateway.NotAttached, EC2 API reference).
        super().__init__(session, name, [vpc, subnet, address, gateway], **kwargs)
        self.vpc, self.subnet, self.address = vpc, subnet, address

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("nat_gateways"), ADDRESSES)

    def desired(self) -> dict[str, Any]:
        return {
            "SubnetId": self.subnet.out("id"),
            "AllocationId": self.address.out("id"),
            "ConnectivityType": "public",
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        found = self._look()
        if found is None:
            return None
        tags, state = as_dict(found.get("Tags")), found.get("State", "pending")
        address: Item = next(iter(found.get("NatGatewayAddresses") or ()), {})
        values = {
            "SubnetId": found["SubnetId"],
            "AllocationId": address.get("AllocationId"),
            "ConnectivityType": found.get("ConnectivityType", "public"),
            "tags": tags,
        }
        outputs = {"id": found["NatGatewayId"], "address": address.get("PublicIp")}
        reason = found.get("FailureMessage") or state
        return Observed(
            values, outputs, _NAT_STATES.get(state, Status.PENDING), reason, tags, recovery=Recovery.RECREATE
        )

    def _look(self) -> Item | None:
        listed = in_vpc(self.session, "nat_gateways", self.vpc.known("id"))
        for state in _NAT_ORDER:
            found = self.mine(item for item in listed if item.get("State") == state)
            if found is not None:
                return found
        return None

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2",
            "create_nat_gateway",
            SubnetId=desired["SubnetId"],
            AllocationId=desired["AllocationId"],
            ConnectivityType=desired["ConnectivityType"],
            ClientToken=self.session.token(self.key),
            TagSpecifications=self.tag_specifications(),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        self.session.call("ec2", "delete_nat_gateway", NatGatewayId=observed.outputs["id"])
        return WATCH
