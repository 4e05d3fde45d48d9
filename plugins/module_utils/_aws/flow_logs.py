# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flow logs of the VPC to CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import Conflict
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource, Status
from .base import Ec2Resource, as_dict
from .client import Session
from .ec2_lists import in_vpc, in_vpc_key
from .errors import raise_unsuccessful


class FlowLog(Ec2Resource):
    """What the VPC's interfaces let through and refuse. EC2 cannot change a flow log, but it holds no data: the
    records are in the log group, so it is made again in place of being changed."""

    kind: ClassVar[str] = "aws.ec2.flow_log"
    fields: ClassVar[Fields] = Fields(
        {"TrafficType": MUTABLE, "LogGroupName": MUTABLE, "DeliverLogsPermissionArn": MUTABLE, "tags": MUTABLE}
    )
    tag_type = "vpc-flow-log"

    def __init__(
        self, session: Session, name: str, vpc: Resource, group: Resource, role: Resource, traffic: str, **kwargs: Any
    ) -> None:
        super().__init__(session, name, [vpc, group, role], **kwargs)
        self.vpc, self.group, self.role, self.traffic = vpc, group, role, traffic

    def lists(self) -> Sequence[Hashable]:
        return (in_vpc_key("flow_logs"),)

    def desired(self) -> dict[str, Any]:
        return {
            "TrafficType": self.traffic,
            "LogGroupName": self.group.name,
            "DeliverLogsPermissionArn": self.role.out("arn"),
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        if not self.present and not self.role.outputs:
            return None  # without the role that it needs there is nothing left to switch off
        found = self.mine(in_vpc(self.session, "flow_logs", self.vpc.known("id")))
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        values = {
            "TrafficType": found.get("TrafficType"),
            "LogGroupName": found.get("LogGroupName"),
            "DeliverLogsPermissionArn": found.get("DeliverLogsPermissionArn"),
            "tags": tags,
        }
        # Failing deliveries are told and not waited for: access is granted by the role and checked again by EC2.
        reason = found.get("DeliverLogsErrorMessage") or ""
        return Observed(values, {"id": found["FlowLogId"]}, Status.READY, reason, tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        try:
            answer = self.session.create(
                "ec2",
                "create_flow_logs",
                ResourceIds=[self.vpc.known("id")],
                ResourceType="VPC",
                TrafficType=desired["TrafficType"],
                LogDestinationType="cloud-watch-logs",
                LogGroupName=desired["LogGroupName"],
                DeliverLogsPermissionArn=desired["DeliverLogsPermissionArn"],
                ClientToken=self.session.token(f"{self.key}/{desired['TrafficType']}"),
                TagSpecifications=self.tag_specifications(),
            )
            raise_unsuccessful(answer, "ec2 create_flow_logs")
        except Conflict as error:
            error.hint = f"Another flow log of the VPC writes to {desired['LogGroupName']}: delete it."
            raise
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("TrafficType", "LogGroupName", "DeliverLogsPermissionArn"):
            self.delete(observed)
            return self.create(desired)
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        for traffic in ("ALL", "ACCEPT", "REJECT"):
            self.session.spend_token(f"{self.key}/{traffic}")
        answer = self.session.call("ec2", "delete_flow_logs", FlowLogIds=[observed.outputs["id"]])
        raise_unsuccessful(answer, "ec2 delete_flow_logs")
        return WATCH
