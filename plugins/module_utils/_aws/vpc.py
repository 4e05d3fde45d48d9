# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VPC."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import CloudError, Conflict
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Status
from .base import Ec2Resource, Item, as_dict
from .client import Session
from .ec2_lists import VPCS, in_vpc, in_vpc_key, vpcs
from .rules import rules_of, to_permissions

_ATTRIBUTES = ("EnableDnsSupport", "EnableDnsHostnames")


class Vpc(Ec2Resource):
    """The VPC with DNS, and its default security group, which EC2 makes with it: closed."""

    kind: ClassVar[str] = "aws.ec2.vpc"
    fields: ClassVar[Fields] = Fields(
        {
            "CidrBlock": IMMUTABLE,
            "EnableDnsSupport": MUTABLE,
            "EnableDnsHostnames": MUTABLE,
            "DefaultSecurityGroupRules": Field(unordered=True),
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False
    tag_type = "vpc"

    def __init__(self, session: Session, name: str, cidr: str, *, managed: bool = True) -> None:
        super().__init__(session, name, managed=managed)
        self.cidr = cidr

    def desired(self) -> dict[str, Any]:
        return {
            "CidrBlock": self.cidr,
            "EnableDnsSupport": True,
            "EnableDnsHostnames": True,
            "DefaultSecurityGroupRules": [],
            "tags": self.tags,
        }

    def lists(self) -> Sequence[Hashable]:
        return (VPCS, ("vpc_attributes",), in_vpc_key("security_groups"))

    def read(self) -> Observed | None:
        found = self.mine(vpcs(self.session))
        if found is None:
            return None
        if not self.managed:
            return Observed({}, _outputs(found))
        vpc_id, tags = found["VpcId"], as_dict(found.get("Tags"))
        group = self._default_group(vpc_id)
        values = {
            "CidrBlock": found["CidrBlock"],
            **self._attributes(vpc_id),
            "DefaultSecurityGroupRules": rules_of(group) if group else [],
            "tags": tags,
        }
        status = Status.READY if found.get("State", "available") == "available" else Status.PENDING
        return Observed(values, _outputs(found), status, found.get("State", ""), tags)

    def _attributes(self, vpc_id: str) -> dict[str, bool]:
        """DNS settings. DescribeVpcAttribute answers one attribute of one VPC a call."""

        def load() -> dict[str, bool]:
            found = {}
            for name in _ATTRIBUTES:
                attribute = name[0].lower() + name[1:]
                answer = self.session.call("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=attribute)
                found[name] = bool(answer[name]["Value"])
            return found

        return self.session.remember(("vpc_attributes", vpc_id), load)

    def _default_group(self, vpc_id: str) -> Item | None:
        groups = in_vpc(self.session, "security_groups", vpc_id)
        return next((group for group in groups if group["GroupName"] == "default"), None)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2", "create_vpc", CidrBlock=desired["CidrBlock"], TagSpecifications=self.tag_specifications()
        )
        # DNS and the default group are set by the update that follows: a run that dies here goes on there.
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        vpc_id = observed.outputs["id"]
        for name in _ATTRIBUTES:
            if change.touches(name):
                attribute: dict[str, Any] = {name: {"Value": desired[name]}}
                self.session.call("ec2", "modify_vpc_attribute", VpcId=vpc_id, **attribute)
        if change.touches("DefaultSecurityGroupRules"):
            self._close(vpc_id, observed.values["DefaultSecurityGroupRules"])
        self.retag(observed, desired, change)
        return WATCH

    def _close(self, vpc_id: str, rules: list[str]) -> None:
        group = self.session.steady(lambda: self._default_group(vpc_id))
        if group is None:
            return
        for direction in ("ingress", "egress"):
            permissions = to_permissions([rule for rule in rules if rule.startswith(direction)])
            if permissions:
                self.session.call(
                    "ec2", f"revoke_security_group_{direction}", GroupId=group["GroupId"], IpPermissions=permissions
                )

    def delete(self, observed: Observed) -> Operation:
        vpc_id = observed.outputs["id"]
        try:
            self.session.call("ec2", "delete_vpc", VpcId=vpc_id)
        except Conflict as error:
            error.hint = self._still_in_use(vpc_id)
            raise
        return WATCH

    def _still_in_use(self, vpc_id: str) -> str:
        """What keeps the VPC: mostly load balancers and their interfaces that Kubernetes made (recorded traffic)."""
        try:
            interfaces = self.session.pages(
                "ec2",
                "describe_network_interfaces",
                "NetworkInterfaces",
                Filters=[{"Name": "vpc-id", "Values": [vpc_id]}],
            )
            groups = self.session.pages(
                "ec2", "describe_security_groups", "SecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}]
            )
        except CloudError:
            return "Something in the VPC was not made here: look for network interfaces and security groups."
        held = [f"{item['NetworkInterfaceId']} ({item.get('Description', '')})" for item in interfaces]
        held += [f"{item['GroupId']} ({item['GroupName']})" for item in groups if item["GroupName"] != "default"]
        return f"Still in the VPC: {', '.join(held)}. Delete what made them first." if held else ""


def _outputs(found: Item) -> dict[str, Any]:
    return {"id": found["VpcId"], "cidr": found["CidrBlock"]}
