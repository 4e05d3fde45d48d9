# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read replicas, and their promotion to servers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from .._engine.errors import Busy, OperationFailed
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .base import as_list
from .client import Session
from .rds import Instance

_WITHIN = timedelta(minutes=10)  # RDS tells the lag once a minute


def lag(session: Session, identifier: str, region: str | None = None) -> float | None:
    """Seconds that a replica is behind, by the newest metric (Amazon RDS User Guide, "ReplicaLag"): -1 when replication
    is broken, None when there is no metric."""
    now = datetime.now(UTC)
    answer = session.call(
        "cloudwatch",
        "get_metric_statistics",
        region=region,
        Namespace="AWS/RDS",
        MetricName="ReplicaLag",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": identifier}],
        StartTime=now - _WITHIN,
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer.get("Datapoints") or (), key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else None


class ReadReplica(Instance):
    """A replica of a server, here or in another region. promote: it becomes a server of its own, if it is no more than
    max_lag_seconds behind."""

    kind: ClassVar[str] = "aws.rds.read_replica"

    def __init__(
        self,
        session: Session,
        name: str,
        settings: Mapping[str, Any],
        source: Instance,
        *,
        promote: bool = False,
        max_lag_seconds: int = 30,
        needs: tuple[Resource, ...] = (),
        key_arn: str | None = None,
        placement: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(session, name, settings, needs=[source, *needs], **options)
        self.source, self.promote, self.max_lag_seconds = source, promote, max_lag_seconds
        self.key_arn = key_arn
        self.placement = dict(placement or {})  # in another region: subnet group and security groups by name

    @property
    def abroad(self) -> bool:
        return self.region not in (None, self.session.region)

    def desired(self) -> dict[str, Any]:
        body = {**super().desired(), **self.placement, "ReadReplicaSource": "" if self.promote else self.source.name}
        if not self.promote:
            # Backups of a replica are its source's; these settings come with its promotion.
            body |= {"BackupRetentionPeriod": None, "PreferredBackupWindow": None}
        return body

    def create(self, desired: dict[str, Any]) -> Operation:
        body = {
            name: desired.get(name)
            for name in (
                "AutoMinorVersionUpgrade",
                "CopyTagsToSnapshot",
                "DBInstanceClass",
                "DBParameterGroupName",
                "DBSubnetGroupName",
                "DeletionProtection",
                "Iops",
                "PubliclyAccessible",
                "StorageType",
                "VpcSecurityGroupIds",
            )
        }
        body |= {
            "DBInstanceIdentifier": self.name,
            "SourceDBInstanceIdentifier": self.source.known("id") if self.abroad else self.source.name,
            "EnableCloudwatchLogsExports": desired.get("EnabledCloudwatchLogsExports") or None,
            "EnablePerformanceInsights": desired.get("PerformanceInsightsEnabled") or None,
            "MaxAllocatedStorage": desired.get("MaxAllocatedStorage") or None,
            "Tags": as_list(desired["tags"]),
        }
        if self.abroad:
            # botocore signs the request to the source's region by itself.
            body |= {"SourceRegion": self.session.region, "KmsKeyId": self.key_arn or "alias/aws/rds"}
        else:
            body.pop("DBSubnetGroupName")  # a replica stands in its source's
        given = {name: value for name, value in body.items() if value is not None}
        self.session.create("rds", "create_db_instance_read_replica", region=self.region, **given)
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if not change.touches("ReadReplicaSource"):
            return super().update(observed, desired, change)
        behind = self.session.steady(lambda: lag(self.session, self.name, self.region))
        if behind is None:  # a new replica: its first metric comes within minutes
            raise Busy("RDS does not tell yet how far the replica is behind.", retry_after=5)
        reason = self._too_far(behind)
        if reason:
            raise OperationFailed(reason)
        wanted = {name: desired[name] for name in ("BackupRetentionPeriod", "PreferredBackupWindow") if desired[name]}
        self.call("promote_read_replica", DBInstanceIdentifier=self.name, **wanted)
        self._changed = True
        return WATCH

    def _too_far(self, behind: float) -> str:
        if behind < 0:
            return "its replication is broken, so that nobody knows what it lacks. Repair the replication first."
        if behind > self.max_lag_seconds:
            return (
                f"it is {behind:.0f} s behind its source, and max_lag_seconds allows {self.max_lag_seconds}. Wait "
                "until it has caught up, or raise max_lag_seconds and lose what is missing."
            )
        return ""

    def _objection(self, name: str, before: Any, after: Any, observed: Observed) -> str:
        if name != "ReadReplicaSource":
            return super()._objection(name, before, after, observed)
        if after:
            return (
                "it is a server of its own (it was promoted) and cannot become a replica again. Write promote: true, "
                "or remove it with state: absent first."
            )
        behind = self.session.steady(lambda: lag(self.session, self.name, self.region))
        if behind is None:
            return "RDS does not tell how far it is behind (CloudWatch has no ReplicaLag of the last minutes)."
        return self._too_far(behind)

    def disruption(self, observed: Observed, change: Plan) -> str:
        if change.touches("ReadReplicaSource"):
            return "its promotion restarts it and ends its replication"
        return super().disruption(observed, change)
