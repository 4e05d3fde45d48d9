# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch log groups with a retention."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation
from .._engine.tags import tag_changes
from .base import AwsResource, Item
from .bulk import TAGS, tags_in_sync
from .client import Session

# The only values that PutRetentionPolicy takes (Amazon CloudWatch Logs API reference).
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
LOG_GROUPS: Hashable = ("logs", "groups")


def retention_problem(where: str, days: int) -> str:
    """Why a retention is not possible, or an empty string."""
    if days in RETENTION_DAYS:
        return ""
    longer = next((value for value in RETENTION_DAYS if value > days), RETENTION_DAYS[-1])
    return f"{where}: CloudWatch Logs cannot keep logs for {days} days. Write {longer}."


def log_groups(session: Session) -> list[Item]:
    """The log groups that have the site's name in theirs: those of the network and of the cluster in one call."""
    return session.remember(
        LOG_GROUPS,
        lambda: session.pages("logs", "describe_log_groups", "logGroups", logGroupNamePattern=session.site.base),
    )


class LogGroup(AwsResource):
    """A log group. It must be there before the service that writes to it, which would make one without retention."""

    kind: ClassVar[str] = "aws.logs.log_group"
    fields: ClassVar[Fields] = Fields({"retentionInDays": MUTABLE, "tags": MUTABLE})

    def __init__(self, session: Session, name: str, retention_days: int, **kwargs: Any) -> None:
        super().__init__(session, name, **kwargs)
        self.retention_days = retention_days

    @property
    def arn(self) -> str:
        return self.session.arn("logs", f"log-group:{self.name}")

    def predicted(self) -> dict[str, Any]:
        return {"id": self.name, "arn": self.arn}

    def lists(self) -> Sequence[Hashable]:
        return (LOG_GROUPS, TAGS)

    def desired(self) -> dict[str, Any]:
        return {"retentionInDays": self.retention_days, "tags": self.tags}

    def read(self) -> Observed | None:
        found = next((item for item in log_groups(self.session) if item["logGroupName"] == self.name), None)
        if found is None:
            return None
        try:
            tags = tags_in_sync(self.session, self.arn, self.tags)
            if tags is None:
                tags = self.session.call("logs", "list_tags_for_resource", resourceArn=self.arn).get("tags") or {}
        except NotFound:
            return None
        values = {"retentionInDays": found.get("retentionInDays"), "tags": tags}
        return Observed(values, {"id": self.name, "arn": self.arn}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create("logs", "create_log_group", logGroupName=self.name, tags=desired["tags"])
        self._retain(desired)
        return WATCH

    def _retain(self, desired: dict[str, Any]) -> None:
        self.session.create(
            "logs", "put_retention_policy", logGroupName=self.name, retentionInDays=desired["retentionInDays"]
        )

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("retentionInDays"):
            self._retain(desired)
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            self.session.call("logs", "tag_resource", resourceArn=self.arn, tags=tags)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("logs", "delete_log_group", logGroupName=self.name)
        return WATCH
