# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where RDS puts its instances: the subnets that they may stand in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .._engine.tags import tag_changes
from .base import AwsResource, Item, Shared, as_dict, as_list
from .bulk import TAGS, tags_in_sync
from .client import Session
from .rds_lists import SUBNET_GROUPS, snapshots, subnet_groups


class RdsResource(AwsResource):
    """What is tagged through RDS by its ARN, and whose descriptions do not show the tags."""

    def rds_tags(self, arn: str) -> dict[str, str] | None:
        """The tags, or None when the object has gone meanwhile."""
        tags = tags_in_sync(self.session, arn, self.tags)
        if tags is not None:
            return tags
        try:
            return as_dict(self.session.call("rds", "list_tags_for_resource", ResourceName=arn).get("TagList"))
        except NotFound:
            return None

    def rds_retag(
        self, observed: Observed, desired: dict[str, Any], change: Plan, *, region: str | None = None
    ) -> None:
        """Set the tags that differ."""
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values.get("tags") or {})
            arn = observed.outputs["id"]
            self.session.call("rds", "add_tags_to_resource", region=region, ResourceName=arn, Tags=as_list(tags))


def kept_snapshots(session: Session) -> list[Item]:
    """Those that do not go with their instance."""
    return [item for item in session.steady(lambda: snapshots(session)) if item.get("SnapshotType") == "manual"]


class SubnetGroup(Shared, RdsResource):
    """The data tier's subnets, or the private ones of a network of the user's. Changing its subnets moves
    nothing."""

    kind: ClassVar[str] = "aws.rds.subnet_group"
    fields: ClassVar[Fields] = Fields(
        {"Description": MUTABLE, "VpcId": IMMUTABLE, "SubnetIds": Field(unordered=True), "tags": MUTABLE}
    )
    stays: ClassVar[str] = "stays: other instances stand in it"

    def __init__(self, session: Session, name: str, vpc: Resource, subnets: Sequence[Resource], **kwargs: Any) -> None:
        super().__init__(session, name, [vpc, *subnets], **kwargs)
        self.vpc, self.subnets = vpc, list(subnets)

    @property
    def arn(self) -> str:
        return self.session.arn("rds", f"subgrp:{self.name}")

    def predicted(self) -> dict[str, Any]:
        return {"id": self.arn, "name": self.name}

    def lists(self) -> Sequence[Hashable]:
        return (SUBNET_GROUPS, TAGS)

    def desired(self) -> dict[str, Any]:
        return {
            "Description": f"Databases of {self.session.site.base}",
            "VpcId": self.vpc.out("id"),
            "SubnetIds": [subnet.out("id") for subnet in self.subnets],
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        found: Item | None = subnet_groups(self.session).get(self.name)
        tags = self.rds_tags(self.arn) if found else None
        if found is None or tags is None:
            return None
        values = {
            "Description": found["DBSubnetGroupDescription"],
            "VpcId": found["VpcId"],
            "SubnetIds": [subnet["SubnetIdentifier"] for subnet in found["Subnets"]],
            "tags": tags,
        }
        return Observed(values, {"id": found["DBSubnetGroupArn"], "name": self.name}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "rds",
            "create_db_subnet_group",
            DBSubnetGroupName=self.name,
            DBSubnetGroupDescription=desired["Description"],
            SubnetIds=desired["SubnetIds"],
            Tags=as_list(desired["tags"]),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("SubnetIds", "Description"):
            self.session.call(
                "rds",
                "modify_db_subnet_group",
                DBSubnetGroupName=self.name,
                DBSubnetGroupDescription=desired["Description"],
                SubnetIds=desired["SubnetIds"],
            )
        self.rds_retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("rds", "delete_db_subnet_group", DBSubnetGroupName=self.name)
        return WATCH
