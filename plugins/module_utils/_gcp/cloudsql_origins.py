# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new server begins with: a backup, or another server as it is or was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._engine.errors import AuthError, CloudError, SpecError
from .._spec.database import Restore
from . import errors
from .client import Cloud
from .cloudsql import SERVER, holder, instance_path, instances, labels

BACKUPS = "sqladmin/backups"


@dataclass(frozen=True)
class Origin:
    """Either an instance to clone (time: as it was then), or a backup."""

    source: str = ""
    time: str = ""
    backup: str = ""
    disk_gb: int = 0
    version: str = ""


def backups(cloud: Cloud) -> list[dict[str, Any]]:
    """All backups of the site, of servers that are and of those that were, the newest first."""

    def load() -> list[dict[str, Any]]:
        try:
            found = list(cloud.pages("sqladmin", f"projects/{cloud.project}/backups", "backups"))
        except AuthError as error:
            if error.code == errors.SERVICE_DISABLED:
                return []
            raise
        owned = [each for each in found if cloud.site.owner.owns(labels(each.get("instanceSettings") or {}))]
        return sorted(owned, key=taken, reverse=True)

    return cloud.shared.get(BACKUPS, load)


def taken(backup: dict[str, Any]) -> datetime:
    """The moment that a backup holds."""
    interval = backup.get("backupInterval") or {}
    return datetime.fromisoformat(str(interval.get("startTime") or interval.get("endTime")).replace("Z", "+00:00"))


def backups_of(cloud: Cloud, server: str) -> Iterator[dict[str, Any]]:
    """The backups of what was called `server` when they were taken."""
    return (each for each in backups(cloud) if labels(each["instanceSettings"]).get(SERVER) == server)


def find_origin(cloud: Cloud, restore: Restore) -> Origin:
    """Raises SpecError where there is nothing to restore from, saying what there is."""
    source = holder(cloud, restore.server)
    where = f"restore of database server {restore.server!r}"
    if restore.time:
        return _at(cloud, restore, source, where)
    if restore.label is None and source is not None and source.get("state") == "RUNNABLE":
        return Origin(source=source["name"], version=source["databaseVersion"])
    ready = [each for each in backups_of(cloud, restore.server) if each.get("state") == "SUCCESSFUL"]
    for each in ready:
        if restore.label in (None, each.get("description")):
            settings = each["instanceSettings"]
            size = int((settings.get("settings") or {}).get("dataDiskSizeGb") or 0)
            return Origin(backup=each["name"], disk_gb=size, version=str(each.get("databaseVersion") or ""))
    if not ready:
        raise SpecError(f"{where}: there is neither such a server nor any backup of one.")
    offered = sorted({str(each["description"]) for each in ready if each.get("description")})
    raise SpecError(
        f"{where}: no backup is called {restore.label!r}. There are {', '.join(offered) or 'none with a label'}; "
        "without a label the newest is taken."
    )


def _at(cloud: Cloud, restore: Restore, source: dict[str, Any] | None, where: str) -> Origin:
    if source is None:
        raise SpecError(
            f"{where}: the server does not exist any more, and of such a server only backups can be restored here. "
            "Use the label of a backup, or leave out time for the newest."
        )
    span = recovery_span(cloud, source)
    if span is None:
        raise SpecError(f"{where}: point-in-time recovery is off there. Use the label of a backup.")
    wanted = datetime.fromisoformat(str(restore.time))
    if not span[0] <= wanted <= span[1]:
        raise SpecError(
            f"{where}: {restore.time} cannot be restored, only {span[0].isoformat(timespec='seconds')} to "
            f"{span[1].isoformat(timespec='seconds')}."
        )
    return Origin(source=source["name"], time=str(restore.time), version=source["databaseVersion"])


def recovery_span(cloud: Cloud, raw: dict[str, Any]) -> tuple[datetime, datetime] | None:
    """The moments between which any can be restored; None where point-in-time recovery is off."""
    config = (raw.get("settings") or {}).get("backupConfiguration") or {}
    if not config.get("pointInTimeRecoveryEnabled") or raw.get("masterInstanceName"):
        return None
    try:
        answer = cloud.look("sqladmin", f"{instance_path(cloud, raw['name'])}/getLatestRecoveryTime")
    except CloudError as error:
        if error.status == 400:  # the first backup is still to come
            return None
        raise
    begin, end = answer.get("earliestRecoveryTime"), answer.get("latestRecoveryTime")
    if not begin or not end:
        return None
    return _moment(begin), _moment(end)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_gone(cloud: Cloud, backup: dict[str, Any]) -> bool:
    """Whether the instance that the backup is of was deleted."""
    return bool(backup.get("instanceDeletionTime")) or backup.get("instance") not in instances(cloud)
