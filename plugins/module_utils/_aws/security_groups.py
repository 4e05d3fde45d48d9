# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups with exactly the rules of the specification."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .base import Ec2Resource, Item, as_dict
from .client import Session
from .ec2_lists import in_vpc, in_vpc_key
from .rules import rules_of, to_permissions


class SecurityGroup(Ec2Resource):
    """A security group. rules: words of `rules.rule`, or what makes them once `sources` are read; every other rule is
    taken away, the default egress too."""

    kind: ClassVar[str] = "aws.ec2.security_group"
    fields: ClassVar[Fields] = Fields(
        {
            "VpcId": IMMUTABLE,
            "GroupName": IMMUTABLE,
            "Description": IMMUTABLE,
            "Rules": Field(unordered=True),
            "tags": MUTABLE,
        }
    )
    tag_type = "security-group"

    def __init__(
        self,
        session: Session,
        name: str,
        description: str,
        vpc: Resource,
        rules: Sequence[str] | Callable[[], Sequence[str]],
        sources: Sequence[Resource] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [vpc, *sources], **kwargs)
        self.vpc, self.description, self.rules = vpc, description, rules

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("security_groups"),)

    def desired(self) -> dict[str, Any]:
        return {
            "VpcId": self.vpc.out("id"),
            "GroupName": self.name,
            "Description": self.description,
            "Rules": list(self.rules() if callable(self.rules) else self.rules),
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        listed: list[Item] = in_vpc(self.session, "security_groups", self.vpc.known("id"))
        found = next((group for group in listed if group["GroupName"] == self.name), None)
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        values = {
            "VpcId": found["VpcId"],
            "GroupName": found["GroupName"],
            "Description": found["Description"],
            "Rules": rules_of(found),
            "tags": tags,
        }
        return Observed(values, {"id": found["GroupId"]}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2",
            "create_security_group",
            VpcId=desired["VpcId"],
            GroupName=desired["GroupName"],
            Description=desired["Description"],
            TagSpecifications=self.tag_specifications(),
        )
        # Rules, and taking away the default egress rule, are the update that follows.
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("Rules"):
            have, want = set(observed.values["Rules"]), set(desired["Rules"])
            for verb, rules in (("authorize", want - have), ("revoke", have - want)):
                self._change(verb, observed.outputs["id"], rules)
        self.retag(observed, desired, change)
        return WATCH

    def _change(self, verb: str, group_id: str, rules: set[str]) -> None:
        for direction in ("ingress", "egress"):
            permissions = to_permissions(sorted(rule for rule in rules if rule.startswith(direction)))
            if permissions:
                self.session.call(
                    "ec2", f"{verb}_security_group_{direction}", GroupId=group_id, IpPermissions=permissions
                )

    def delete(self, observed: Observed) -> Operation:
        self.session.call("ec2", "delete_security_group", GroupId=observed.outputs["id"])
        return WATCH
