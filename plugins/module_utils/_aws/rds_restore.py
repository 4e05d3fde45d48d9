# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New instances out of backups: a snapshot by its label, a moment, or the newest state there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._engine.backups import moment
from .._spec import names
from .._spec.database import Restore
from .base import Item, as_dict
from .client import Session, refuse
from .rds_lists import LABEL_TAG, SERVER_TAG, automated_backups, aware, snapshots

# Settings that both restoring operations take; the others are changed when the instance is there.
_TAKEN = frozenset(
    {
        "AutoMinorVersionUpgrade",
        "CopyTagsToSnapshot",
        "DBInstanceClass",
        "DBParameterGroupName",
        "DBSubnetGroupName",
        "DeletionProtection",
        "EnableCloudwatchLogsExports",
        "Iops",
        "MultiAZ",
        "PubliclyAccessible",
        "StorageType",
        "Tags",
        "VpcSecurityGroupIds",
    }
)


def identifier(session: Session, server: str) -> str:
    """RDS's name of a server."""
    return names.of(session.site, server, limit=63)


def origin_mark(restore: Restore) -> str:
    """What a restored instance was made from, as it says for good in a tag."""
    return f"{restore.server}/{restore.label or restore.time or 'latest'}"


def snapshots_of(session: Session, server: str) -> list[Item]:
    """The snapshots of a server that belong to this site, oldest first. Made by anybody from the server's instance, or
    tagged with its name, as those of an instance that was called otherwise then are."""
    own, found = identifier(session, server), []
    for item in snapshots(session):
        tags = as_dict(item.get("TagList"))
        named = tags.get(SERVER_TAG)
        ours = session.site.owner.owns(tags)
        if (ours and named == server) or (item["DBInstanceIdentifier"] == own and (named is None or not ours)):
            found.append(item)
    return sorted(found, key=lambda item: str(item.get("SnapshotCreateTime") or ""))


def windows_of(session: Session, server: str) -> list[tuple[datetime, datetime, Item]]:
    """From when to when a server can be restored, of its instance and of those that are deleted."""
    found = []
    for item in automated_backups(session):
        window = item.get("RestoreWindow") or {}
        if item["DBInstanceIdentifier"] == identifier(session, server) and window.get("LatestTime"):
            earliest = window.get("EarliestTime") or window["LatestTime"]
            found.append((aware(earliest), aware(window["LatestTime"]), item))
    return sorted(found, key=lambda each: each[1])


def ready(item: Item) -> bool:
    return bool(item["Status"] == "available")


@dataclass
class Source:
    """Where the data comes from: a snapshot, or the automated backups up to a moment."""

    operation: str
    params: dict[str, Any]
    version: str


class BackupOrigin:
    """What the specification says that a new server begins with, looked up once."""

    def __init__(self, session: Session, restore: Restore, where: str, target: str) -> None:
        self.session, self.restore, self.where, self.target = session, restore, where, target
        self.mark, self.successor_of = origin_mark(restore), identifier(session, restore.server)

    def takes(self) -> frozenset[str]:
        return _TAKEN

    def version(self) -> str:
        return self._source().version

    def request(self) -> tuple[str, dict[str, Any]]:
        source = self._source()
        name = "TargetDBInstanceIdentifier" if "to_point_in_time" in source.operation else "DBInstanceIdentifier"
        return source.operation, {name: self.target, **source.params}

    def _source(self) -> Source:
        source: Source = self.session.remember(("rds", "origin", self.target), self._look)
        return source

    def _look(self) -> Source:
        if self.restore.label:
            return self._labelled(self.restore.label)
        if self.restore.time:
            return self._at(datetime.fromisoformat(self.restore.time))
        return self._latest()

    def _labelled(self, label: str) -> Source:
        own = snapshots_of(self.session, self.restore.server)
        found = [item for item in own if as_dict(item.get("TagList")).get(LABEL_TAG) == label]
        if not found:
            labels = sorted({as_dict(item.get("TagList")).get(LABEL_TAG, "") for item in own} - {""})
            have = f"There are {', '.join(labels)}." if labels else "There is none with a label."
            raise refuse(f"{self.where}.label", f"{self.restore.server} has no backup {label!r}. {have}")
        if not ready(found[-1]):
            state = found[-1]["Status"]
            raise refuse(f"{self.where}.label", f"the backup {label!r} is not ready but {state}. Wait until it is.")
        return _from_snapshot(found[-1])

    def _at(self, wanted: datetime) -> Source:
        windows = windows_of(self.session, self.restore.server)
        for earliest, latest, item in reversed(windows):
            if earliest <= wanted <= latest:
                return _from_automated(item, {"RestoreTime": wanted})
        told = "; ".join(f"{moment(earliest)} to {moment(latest)}" for earliest, latest, _item in windows)
        raise refuse(
            f"{self.where}.time",
            f"{self.restore.time} is not within what can be restored of {self.restore.server}: "
            f"{told or 'nothing, it has no automated backups'}. Write another time, or a label.",
        )

    def _latest(self) -> Source:
        windows = windows_of(self.session, self.restore.server)
        taken = [item for item in snapshots_of(self.session, self.restore.server) if ready(item)]
        if not windows and not taken:
            raise refuse(f"{self.where}.server", f"there is no backup of {self.restore.server}.")
        if windows and (not taken or aware(taken[-1]["SnapshotCreateTime"]) <= windows[-1][1]):
            return _from_automated(windows[-1][2], {"UseLatestRestorableTime": True})
        return _from_snapshot(taken[-1])


def _from_snapshot(item: Item) -> Source:
    params = {"DBSnapshotIdentifier": item["DBSnapshotIdentifier"]}
    return Source("restore_db_instance_from_db_snapshot", params, str(item["EngineVersion"]))


def _from_automated(item: Item, when: dict[str, Any]) -> Source:
    """Of a living instance by its name; of a deleted one by what is kept of it."""
    source = (
        {"SourceDBInstanceAutomatedBackupsArn": item["DBInstanceAutomatedBackupsArn"]}
        if item.get("Status") == "retained"
        else {"SourceDBInstanceIdentifier": item["DBInstanceIdentifier"]}
    )
    return Source("restore_db_instance_to_point_in_time", {**source, **when}, str(item["EngineVersion"]))
