# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route tables with their routes and subnets, and the gateway endpoint that hangs on them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource, Status
from .base import Ec2Resource, Item, as_dict
from .client import Session
from .ec2_lists import in_vpc, in_vpc_key
from .errors import raise_unsuccessful

ANYWHERE = "0.0.0.0/0"
# Where a route leads: the member of the API by the kind of the target.
_TARGETS = {
    "aws.ec2.internet_gateway": "GatewayId",
    "aws.ec2.nat_gateway": "NatGatewayId",
    "aws.ec2.vpc_peering": "VpcPeeringConnectionId",
}


class RouteTable(Ec2Resource):
    """A route table, its routes and the subnets that use it.

    routes: destination -> the resource that the route leads to. The default route and routes that lead nowhere
    (blackhole) are this object's even when they are not asked for; other routes belong to whoever made them.
    Subnets that were given to this table by others stay; a subnet is moved by the table that wants it.
    """

    kind: ClassVar[str] = "aws.ec2.route_table"
    fields: ClassVar[Fields] = Fields(
        {
            "VpcId": IMMUTABLE,
            "Routes": Field(key="Destination"),
            "SubnetIds": Field(unordered=True, open=True),
            "tags": MUTABLE,
        }
    )
    tag_type = "route-table"

    def __init__(
        self,
        session: Session,
        name: str,
        vpc: Resource,
        subnets: Sequence[Resource],
        routes: dict[str, Resource],
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [vpc, *subnets, *dict.fromkeys(routes.values())], **kwargs)
        self.vpc, self.subnets, self.routes = vpc, list(subnets), routes

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("route_tables"),)

    def desired(self) -> dict[str, Any]:
        return {
            "VpcId": self.vpc.out("id"),
            "Routes": [
                {"Destination": destination, "Target": target.out("id")} for destination, target in self.routes.items()
            ],
            "SubnetIds": [subnet.out("id") for subnet in self.subnets],
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        found = self.mine(self._listed())
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        routes = [
            {"Destination": route["DestinationCidrBlock"], "Target": _target(route)}
            for route in found.get("Routes") or ()
            if self._ours(route)
        ]
        values = {
            "VpcId": found["VpcId"],
            "Routes": routes,
            "SubnetIds": [item["SubnetId"] for item in found.get("Associations") or () if item.get("SubnetId")],
            "tags": tags,
        }
        return Observed(values, {"id": found["RouteTableId"]}, tags=tags, raw=found)

    def _listed(self) -> list[Item]:
        return in_vpc(self.session, "route_tables", self.vpc.known("id"))

    def _ours(self, route: Item) -> bool:
        destination = route.get("DestinationCidrBlock")
        if (
            destination is None
            or route.get("GatewayId") == "local"
            or route.get("Origin") == "EnableVgwRoutePropagation"
        ):
            return False
        return destination == ANYWHERE or destination in self.routes or route.get("State") == "blackhole"

    def create(self, desired: dict[str, Any]) -> Operation:
        answer = self.session.create(
            "ec2",
            "create_route_table",
            VpcId=desired["VpcId"],
            ClientToken=self.session.token(self.key),
            TagSpecifications=self.tag_specifications(),
        )
        table_id = answer["RouteTable"]["RouteTableId"]
        self._route(table_id, [], desired["Routes"])
        self._associate(table_id, desired["SubnetIds"])
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        table_id = observed.outputs["id"]
        if change.touches("Routes"):
            self._route(table_id, observed.values["Routes"], desired["Routes"])
        if change.touches("SubnetIds"):
            have = observed.values["SubnetIds"]
            self._associate(table_id, [subnet for subnet in desired["SubnetIds"] if subnet not in have])
        self.retag(observed, desired, change)
        return WATCH

    def _route(self, table_id: str, have: list[dict[str, str]], want: list[dict[str, str]]) -> None:
        there = {route["Destination"]: route["Target"] for route in have}
        members = {target.out("id"): _TARGETS[target.kind] for target in self.routes.values()}
        for route in want:
            destination, target = route["Destination"], route["Target"]
            if there.get(destination) != target:
                self.session.create(
                    "ec2",
                    "replace_route" if destination in there else "create_route",
                    RouteTableId=table_id,
                    DestinationCidrBlock=destination,
                    **{members[target]: target},
                )
        for destination in there.keys() - {route["Destination"] for route in want}:
            self.session.call("ec2", "delete_route", RouteTableId=table_id, DestinationCidrBlock=destination)

    def _associate(self, table_id: str, subnet_ids: list[str]) -> None:
        """Give subnets to this table; one that has a table is moved, so it is never without routes."""
        self.session.forget(in_vpc_key("route_tables"))
        listed = self.session.steady(self._listed) if subnet_ids else []
        links = {
            item["SubnetId"]: item["RouteTableAssociationId"]
            for table in listed
            for item in table.get("Associations") or ()
            if item.get("SubnetId") and table["RouteTableId"] != table_id
        }
        for subnet_id in subnet_ids:
            if subnet_id in links:
                self.session.create(
                    "ec2", "replace_route_table_association", AssociationId=links[subnet_id], RouteTableId=table_id
                )
            else:
                self.session.create("ec2", "associate_route_table", RouteTableId=table_id, SubnetId=subnet_id)

    def delete(self, observed: Observed) -> Operation:
        for item in observed.raw.get("Associations") or ():
            if not item.get("Main"):
                # Since it was looked at, its subnets may have been moved to another table.
                with suppress(NotFound):
                    self.session.call("ec2", "disassociate_route_table", AssociationId=item["RouteTableAssociationId"])
        self.session.spend_token(self.key)
        self.session.call("ec2", "delete_route_table", RouteTableId=observed.outputs["id"])
        return WATCH


def _target(route: Item) -> str:
    members = (
        "GatewayId",
        "NatGatewayId",
        "VpcPeeringConnectionId",
        "TransitGatewayId",
        "NetworkInterfaceId",
        "InstanceId",
    )
    return next((str(route[member]) for member in members if route.get(member)), "")


_ENDPOINT_STATES = {"available": Status.READY, "deleting": Status.DELETING, "failed": Status.FAILED}


class GatewayEndpoint(Ec2Resource):
    """The gateway endpoint that keeps traffic to S3 inside AWS, free of charge."""

    kind: ClassVar[str] = "aws.ec2.vpc_endpoint"
    fields: ClassVar[Fields] = Fields(
        {
            "VpcId": IMMUTABLE,
            "ServiceName": IMMUTABLE,
            "RouteTableIds": Field(unordered=True, open=True),
            "tags": MUTABLE,
        }
    )
    tag_type = "vpc-endpoint"

    def __init__(self, session: Session, name: str, vpc: Resource, tables: Sequence[Resource], **kwargs: Any) -> None:
        super().__init__(session, name, [vpc, *tables], **kwargs)
        self.vpc, self.tables = vpc, list(tables)
        self.service = f"com.amazonaws.{session.region}.s3"

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("vpc_endpoints"), in_vpc_key("route_tables"))

    def desired(self) -> dict[str, Any]:
        return {
            "VpcId": self.vpc.out("id"),
            "ServiceName": self.service,
            "RouteTableIds": [table.out("id") for table in self.tables],
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        listed = in_vpc(self.session, "vpc_endpoints", self.vpc.known("id"))
        over = ("deleted", "rejected", "expired")
        alive = [item for item in listed if str(item.get("State", "")).lower() not in over]
        found = self.mine(alive)
        if found is None:
            return None
        tags, state = as_dict(found.get("Tags")), str(found.get("State", "pending")).lower()
        values = {
            "VpcId": found["VpcId"],
            "ServiceName": found["ServiceName"],
            "RouteTableIds": list(found.get("RouteTableIds") or ()),
            "tags": tags,
        }
        reason = (found.get("LastError") or {}).get("Message") or state
        return Observed(
            values, {"id": found["VpcEndpointId"]}, _ENDPOINT_STATES.get(state, Status.PENDING), reason, tags
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2",
            "create_vpc_endpoint",
            VpcEndpointType="Gateway",
            VpcId=desired["VpcId"],
            ServiceName=desired["ServiceName"],
            RouteTableIds=desired["RouteTableIds"],
            ClientToken=self.session.token(self.key),
            TagSpecifications=self.tag_specifications(),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        missing = [table for table in desired["RouteTableIds"] if table not in observed.values["RouteTableIds"]]
        if missing:
            self.session.create(
                "ec2", "modify_vpc_endpoint", VpcEndpointId=observed.outputs["id"], AddRouteTableIds=missing
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        answer = self.session.call("ec2", "delete_vpc_endpoints", VpcEndpointIds=[observed.outputs["id"]])
        raise_unsuccessful(answer, "ec2 delete_vpc_endpoints")
        return WATCH
