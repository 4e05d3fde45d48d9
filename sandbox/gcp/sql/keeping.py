"""Backups in memory: on demand, automated, final. Those of a deleted instance may outlive it."""

from __future__ import annotations

import copy
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..calls import Call
from ..state import PROJECT, State, uuid, zulu
from . import servers
from .model import Data, Instance, link
from .versions import invalid_request

_FINAL_DAYS = 30
_MAX_DAYS = 365 * 99


@dataclass
class Backup:
    """One backup, with what is needed to make an instance of it."""

    id: str
    owner: Instance
    kind: str
    begun: datetime
    location: str
    description: str = ""
    status: str = "RUNNING"
    ended: datetime | None = None
    window: datetime | None = None
    error: str = ""
    expiry: datetime | None = None
    orphaned: datetime | None = None
    # The engine's copy of the rows; there is none without a real server.
    snapshot: str = ""
    name: str = field(default_factory=uuid)
    data: Data = field(default_factory=dict)
    users: dict[tuple[str, str], Data] = field(default_factory=dict)
    databases: dict[str, Data] = field(default_factory=dict)

    @property
    def instance(self) -> str:
        """The name of the instance."""
        return self.owner.name

    @property
    def path(self) -> str:
        """``projects/<id>/backups/<name>``."""
        return f"projects/{PROJECT}/backups/{self.name}"

    def done(self, moment: datetime) -> None:
        """It can be restored from."""
        self.status, self.ended = "SUCCESSFUL", moment


def new(
    call: Call, instance: Instance, kind: str, moment: datetime, description: str = "", location: str = ""
) -> tuple[Backup, Future[Any] | None]:
    """Begin a backup; with a real server its rows are copied meanwhile."""
    number = int(moment.timestamp() * 1000)
    while str(number) in call.state.sql_backups:
        number += 1
    place = location or instance.settings["backupConfiguration"].get("location") or _multi(instance.data["region"])
    backup = Backup(
        str(number),
        instance,
        kind,
        moment,
        place,
        description,
        snapshot=f"sql-{number}-{uuid()}" if instance.server else "",
        data=copy.deepcopy(instance.data),
        users=copy.deepcopy(instance.users),
        databases=copy.deepcopy(instance.databases),
    )
    call.state.sql_backups[backup.id] = backup
    return backup, servers.snapshot(call.state, instance, backup.snapshot) if backup.snapshot else None


def _multi(region: str) -> str:
    """Backups are kept in the multi-region of the continent unless a place is named."""
    return {"us": "us", "europe": "eu", "asia": "asia"}.get(region.partition("-")[0], region)


def forget(state: State, backup: Backup) -> None:
    """Remove a backup."""
    state.sql_backups.pop(backup.id, None)
    if backup.snapshot:
        servers.forget_snapshot(state, backup.snapshot)


def of_instance(state: State, instance: Instance) -> list[Backup]:
    """The backups of an instance, oldest first."""
    found = [item for item in state.sql_backups.values() if item.owner is instance]
    return sorted(found, key=lambda item: item.begun)


def recovers(instance: Instance) -> bool:
    """Whether any point in time can be restored."""
    config = instance.settings["backupConfiguration"]
    return bool(config["transactionalLogStorageState"] == "CLOUD_STORAGE")


def first_backup(call: Call, instance: Instance) -> None:
    """Point-in-time recovery starts with a backup."""
    instance.watched = call.state.wall()
    automated = [item for item in of_instance(call.state, instance) if item.kind == "AUTOMATED"]
    if recovers(instance) and not automated:
        backup, _ = new(call, instance, "AUTOMATED", call.state.wall())
        backup.window = backup.begun
        backup.done(call.state.wall())


def look_after(call: Call, instance: Instance) -> None:
    """Take the daily backups whose time has come since anyone looked, and drop those that are too many or too old."""
    state, now = call.state, call.state.wall()
    for backup in list(state.sql_backups.values()):
        if backup.expiry is not None and backup.expiry <= now:
            forget(state, backup)
    config = instance.settings["backupConfiguration"]
    if not instance.made or not config["enabled"] or instance.watched is None:
        return
    kept, hour, minute = (
        int(config["backupRetentionSettings"]["retainedBackups"]),
        *map(int, config["startTime"].split(":")),
    )
    moment = instance.watched.replace(hour=hour, minute=minute, second=0, microsecond=0)
    moments = []
    while moment <= now:
        if moment > instance.watched:
            moments.append(moment)
        moment += timedelta(days=1)
    if instance.running:
        for moment in moments[-kept:]:
            backup, _ = new(call, instance, "AUTOMATED", moment)
            backup.window = moment
            backup.done(moment + timedelta(seconds=60))
    instance.watched = now
    automated = [item for item in of_instance(state, instance) if item.kind == "AUTOMATED"]
    for backup in automated[:-kept]:
        forget(state, backup)


def window(call: Call, instance: Instance) -> tuple[datetime, datetime] | None:
    """The earliest and the latest moment that can be restored; None without point-in-time recovery."""
    look_after(call, instance)
    ended = [item.ended for item in of_instance(call.state, instance) if item.ended is not None]
    if not recovers(instance) or not ended:
        return None
    now = call.state.wall()
    days = int(instance.settings["backupConfiguration"]["transactionLogRetentionDays"])
    return max(min(ended), now - timedelta(days=days)), now


def expiry(call: Call, days: str | None, moment: str | None) -> datetime | None:
    """When a backup is removed by itself; None = never. 400 for a time that is past."""
    if days is not None:
        if not 1 <= int(days) <= _MAX_DAYS:
            raise invalid_request(f"The time to live of a backup must be between 1 and {_MAX_DAYS} days.")
        return call.state.wall() + timedelta(days=int(days))
    if moment is None:
        return None
    try:
        end = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        if end <= call.state.wall():
            raise ValueError
    except (ValueError, TypeError):
        raise invalid_request(f"Invalid expiry time of a backup: {moment}.") from None
    return end


def kept_after_deletion(call: Call, instance: Instance) -> Future[Any] | None:
    """Begin the final backup of an instance that is being deleted, when one is wanted."""
    config, query = instance.settings.get("finalBackupConfig", {}), call.query
    if not query.get("enableFinalBackup", config.get("enabled", False)) or not instance.made:
        return None
    days, moment = query.get("finalBackupTtlDays"), query.get("finalBackupExpiryTime")
    if days is None and moment is None:
        days = str(config.get("retentionDays", _FINAL_DAYS))
    end = expiry(call, days, moment)
    backup, work = new(call, instance, "FINAL", call.state.wall(), query.get("finalBackupDescription", ""))
    backup.expiry = end
    return work


def part(call: Call, instance: Instance, *, deleted: bool) -> None:
    """The end of a deletion: the final backup stands, the others go unless they are to be retained."""
    retained = instance.settings.get("retainBackupsOnDelete", False)
    for backup in of_instance(call.state, instance):
        if backup.kind == "FINAL" and backup.status == "RUNNING":
            if deleted:
                backup.done(call.state.wall())
            else:
                forget(call.state, backup)
                continue
        if deleted and (backup.kind == "FINAL" or retained):
            backup.orphaned = backup.orphaned or call.state.wall()
        elif deleted:
            forget(call.state, backup)


def shown_run(call: Call, backup: Backup) -> Data:
    """As a backup run of the instance."""
    answer: Data = {
        "kind": "sql#backupRun",
        "id": backup.id,
        "status": backup.status,
        "type": backup.kind,
        "enqueuedTime": zulu(backup.begun, 3),
        "startTime": zulu(backup.begun, 3),
        "windowStartTime": zulu(backup.window or backup.begun, 3),
        "instance": backup.instance,
        "selfLink": link(call, f"instances/{backup.instance}/backupRuns/{backup.id}"),
        "location": backup.location,
        "backupKind": "SNAPSHOT",
        "databaseVersion": backup.data["databaseVersion"],
    }
    if backup.ended is not None:
        answer |= {"endTime": zulu(backup.ended, 3), "maxChargeableBytes": _size(backup)}
    if backup.description:
        answer["description"] = backup.description
    if backup.error:
        answer["error"] = {"kind": "sql#operationError", "code": "INTERNAL_ERROR", "message": backup.error}
    if "diskEncryptionConfiguration" in backup.data:
        answer["diskEncryptionConfiguration"] = backup.data["diskEncryptionConfiguration"]
    return answer


def _size(backup: Backup) -> str:
    return str(32 * 1024**2 * (1 + len(backup.databases)))


def shown(call: Call, backup: Backup) -> Data:
    """As a backup of the project."""
    answer: Data = {
        "kind": "sql#backup",
        "name": backup.path,
        "selfLink": link(call, f"backups/{backup.name}"),
        "type": backup.kind,
        "state": backup.status,
        "instance": backup.instance,
        "location": backup.location,
        "backupKind": "SNAPSHOT",
        "databaseVersion": backup.data["databaseVersion"],
        "backupInterval": {"startTime": zulu(backup.begun, 3), "endTime": zulu(backup.ended or backup.begun, 3)},
        "instanceSettings": {"kind": "sql#instance", **backup.data},
        "satisfiesPzi": True,
        "backupRun": f"projects/{PROJECT}/instances/{backup.instance}/backupRuns/{backup.id}",
    }
    if backup.description:
        answer["description"] = backup.description
    if backup.expiry is not None:
        answer["expiryTime"] = zulu(backup.expiry, 3)
    if backup.orphaned is not None:
        answer["instanceDeletionTime"] = zulu(backup.orphaned, 3)
    if backup.ended is not None:
        answer["maxChargeableBytes"] = _size(backup)
    key = backup.data.get("diskEncryptionConfiguration", {}).get("kmsKeyName")
    return {**answer, "kmsKey": key, "kmsKeyVersion": f"{key}/cryptoKeyVersions/1"} if key else answer
