# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of an RDS instance mean, and what RDS says of a failure."""

from __future__ import annotations

from .._engine.resource import Recovery, Status
from .base import Item
from .client import Session

# What an instance says while it serves (Amazon RDS User Guide, "Viewing Amazon RDS DB instance status"). It takes no
# changes while it is backed up; who wants one waits then.
_SERVING = {"available", "backing-up", "storage-optimization", "stopped"}
_FAILED = {
    "failed": "RDS cannot recover it.",
    "incompatible-network": "RDS cannot reach its subnets or security groups.",
    "incompatible-option-group": "RDS cannot apply its option group.",
    "incompatible-parameters": "It does not start with its parameters. Correct them.",
    "incompatible-restore": "RDS cannot restore it.",
    "incompatible-create": "RDS cannot make it with these settings.",
    "insufficient-capacity": "AWS has no capacity for it at the moment.",
    "inaccessible-encryption-credentials": "Its KMS key is disabled or deleted. Enable the key.",
    "inaccessible-encryption-credentials-recoverable": "Its KMS key is not accessible. Enable the key and start it.",
    "restore-error": "RDS cannot restore it.",
    "storage-full": "Its storage is full. Raise storage_gb.",
}
_CHANGE_REPAIRS = {"storage-full", "incompatible-parameters"}


def status_of(found: Item) -> tuple[Status, str, Recovery]:
    """The status of an instance as DescribeDBInstances shows it, its reason, and how a failure is repaired."""
    word = str(found["DBInstanceStatus"])
    if word == "deleting":
        return Status.DELETING, word, Recovery.REPORT
    if word in _FAILED:
        # Without a time of creation it never served, and holds nothing.
        recovery = Recovery.REPORT if found.get("InstanceCreateTime") else Recovery.RECREATE
        recovery = Recovery.UPDATE if word in _CHANGE_REPAIRS else recovery
        return Status.FAILED, f"{word}: {_FAILED[word]}", recovery
    if word not in _SERVING:
        return Status.PENDING, word, Recovery.REPORT
    return Status.READY, "", Recovery.REPORT


_EVENT_MINUTES = 14 * 24 * 60  # as long as RDS keeps events


def failure(session: Session, identifier: str, region: str | None = None) -> str:
    """RDS's own words for the last failure of an instance: they stand in its events."""
    events = session.pages(
        "rds",
        "describe_events",
        "Events",
        region=region,
        SourceIdentifier=identifier,
        SourceType="db-instance",
        Duration=_EVENT_MINUTES,
        EventCategories=["failure"],
    )
    newest = max(events, key=lambda event: str(event["Date"]), default=None)
    return str(newest["Message"]) if newest else ""
