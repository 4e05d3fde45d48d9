# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to other VPCs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.fields import IMMUTABLE, MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Resource, Status
from .._spec.network import Peering
from .base import Ec2Resource, as_dict
from .client import Session
from .ec2_lists import in_vpc, in_vpc_key

_STATES = {
    "active": Status.READY,
    "initiating-request": Status.PENDING,
    "provisioning": Status.PENDING,
    "pending-acceptance": Status.READY,
    "deleting": Status.DELETING,
    "rejected": Status.FAILED,
    "failed": Status.FAILED,
    "expired": Status.FAILED,
}


class VpcPeering(Ec2Resource):
    """A peering connection. Inside one account it is accepted here; another account has to accept it itself, and
    until then routes over it lead nowhere."""

    kind: ClassVar[str] = "aws.ec2.vpc_peering"
    fields: ClassVar[Fields] = Fields(
        {
            "VpcId": IMMUTABLE,
            "PeerVpcId": IMMUTABLE,
            "PeerOwnerId": IMMUTABLE,
            "PeerRegion": IMMUTABLE,
            "Accepted": MUTABLE,
            "tags": MUTABLE,
        }
    )
    tag_type = "vpc-peering-connection"

    def __init__(
        self, session: Session, name: str, vpc: Resource, spec: Peering, needs: Sequence[Resource] = (), **kwargs: Any
    ) -> None:
        super().__init__(session, name, [vpc, *needs], **kwargs)
        self.vpc = vpc
        self.peer = spec.network
        self.account = spec.account or session.account
        self.region = spec.region or session.region

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("peerings"),)

    def desired(self) -> dict[str, Any]:
        return {
            "VpcId": self.vpc.out("id"),
            "PeerVpcId": self.peer,
            "PeerOwnerId": self.account,
            "PeerRegion": self.region,
            "Accepted": True if self.account == self.session.account else None,
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        listed = in_vpc(self.session, "peerings", self.vpc.known("id"))
        alive = [item for item in listed if item.get("Status", {}).get("Code") != "deleted"]
        # A connection that was refused or has expired stays listed beside the one that takes its place.
        failed = [item for item in alive if _STATES.get(item.get("Status", {}).get("Code")) is Status.FAILED]
        found = self.mine(item for item in alive if item not in failed) or self.mine(failed)
        if found is None:
            return None
        tags, peer = as_dict(found.get("Tags")), found.get("AccepterVpcInfo") or {}
        state = found.get("Status") or {}
        values = {
            "VpcId": (found.get("RequesterVpcInfo") or {}).get("VpcId"),
            "PeerVpcId": peer.get("VpcId"),
            "PeerOwnerId": peer.get("OwnerId"),
            "PeerRegion": peer.get("Region"),
            "Accepted": state.get("Code") == "active",
            "tags": tags,
        }
        outputs = {"id": found["VpcPeeringConnectionId"], "status": state.get("Code")}
        return Observed(
            values,
            outputs,
            _STATES.get(str(state.get("Code")), Status.PENDING),
            state.get("Message") or str(state.get("Code", "")),
            tags,
            recovery=Recovery.RECREATE,
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        arguments = {} if self.region == self.session.region else {"PeerRegion": self.region}
        self.session.create(
            "ec2",
            "create_vpc_peering_connection",
            VpcId=desired["VpcId"],
            PeerVpcId=desired["PeerVpcId"],
            PeerOwnerId=desired["PeerOwnerId"],
            TagSpecifications=self.tag_specifications(),
            **arguments,
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("Accepted"):
            self.session.create(
                "ec2",
                "accept_vpc_peering_connection",
                region=self.region,
                VpcPeeringConnectionId=observed.outputs["id"],
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("ec2", "delete_vpc_peering_connection", VpcPeeringConnectionId=observed.outputs["id"])
        return WATCH
