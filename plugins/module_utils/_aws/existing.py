# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that the specification names and that are not made here: looked at before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import Fields
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Resource
from .base import AwsResource
from .client import Session
from .ec2_lists import in_vpc, vpcs


class Reference(AwsResource):
    """An object that is looked at and never changed."""

    fields: ClassVar[Fields] = Fields({})

    def __init__(self, session: Session, name: str, needs: Sequence[Resource] = ()) -> None:
        super().__init__(session, name, needs, managed=False)

    def desired(self) -> dict[str, Any]:
        return {}

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError("only referred to")

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError("only referred to")

    def delete(self, observed: Observed) -> Operation:
        raise NotImplementedError("only referred to")


class ExistingVpc(Reference):
    """A VPC named by id, not made here."""

    kind: ClassVar[str] = "aws.ec2.vpc"

    def read(self) -> Observed | None:
        found = next((item for item in vpcs(self.session) if item["VpcId"] == self.name), None)
        return None if found is None else Observed({}, {"id": found["VpcId"], "cidr": found["CidrBlock"]})


class ExistingSubnet(Reference):
    """A subnet named by id, in a VPC that is not made here."""

    kind: ClassVar[str] = "aws.ec2.subnet"

    def __init__(self, session: Session, subnet_id: str, vpc: Resource) -> None:
        super().__init__(session, subnet_id, [vpc])
        self.vpc = vpc

    def read(self) -> Observed | None:
        listed = in_vpc(self.session, "subnets", self.vpc.known("id"))
        found = next((item for item in listed if item["SubnetId"] == self.name), None)
        if found is None:
            return None
        return Observed({}, {"id": self.name, "zone": found["AvailabilityZone"], "cidr": found["CidrBlock"]})


class ExistingRole(Reference):
    """A role that is named by its ARN and not made here."""

    kind: ClassVar[str] = "aws.iam.role"

    def read(self) -> Observed | None:
        try:
            found = self.session.call("iam", "get_role", RoleName=self.name.rpartition("/")[2])["Role"]
        except NotFound:
            return None
        return Observed({}, {"id": found["Arn"], "arn": found["Arn"]})


class ExistingKey(Reference):
    """A KMS key of the user's, named by ARN. One that is disabled or on its way out is no use."""

    kind: ClassVar[str] = "aws.kms.key"

    def read(self) -> Observed | None:
        try:
            found = self.session.call("kms", "describe_key", KeyId=self.name)["KeyMetadata"]
        except NotFound:
            return None
        return Observed({}, {"id": found["Arn"], "arn": found["Arn"]}) if found["KeyState"] == "Enabled" else None
