"""Backups of instances: on demand and automated; they outlive their instance."""

from __future__ import annotations

import re
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from .. import managed_lro
from ..calls import Call, handles, own_project
from ..errors import GoogleError, invalid
from ..listing import page
from ..managed_lro import EMPTY, check_idle
from ..state import Record, hex_id, uuid, zulu
from . import settings
from .model import INSTANCES, NODE_GB, TYPE, Data, collection_of, encryption, find_active, region, server, shown

_COLLECTIONS = "memorystore.projects.locations.backupCollections"
_BACKUPS = f"{_COLLECTIONS}.backups"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_GB = 1024**3
_KEPT_SECONDS = 100 * 365 * 86400


def _shown(backup: Data) -> Data:
    return {key: value for key, value in backup.items() if not key.startswith("#")}


def _expire(call: Call) -> None:
    now = call.state.wall()
    for name, backup in list(call.state.cache_backups.items()):
        if datetime.fromisoformat(backup["expireTime"].replace("Z", "+00:00")) <= now:
            _forget(call, name)


def _forget(call: Call, name: str) -> None:
    backup = call.state.cache_backups.pop(name)
    if backup["#server"] is not None:
        call.state.engines.run(backup["#server"], lambda engine: engine.delete_snapshot(backup["#snapshot"]))


def _new(call: Call, data: Data, name: str, moment: datetime, kind: str, kept: int) -> tuple[Data, Future[Any] | None]:
    stamp, real, snapshot = zulu(moment, 9), server(data), f"backup-{hex_id(16)}"
    backup: Data = {
        "name": name,
        "createTime": stamp,
        "instance": data["name"],
        "instanceUid": data["uid"],
        "totalSizeBytes": str(int(NODE_GB[data["nodeType"]] * data["shardCount"] * _GB / 100)),
        "expireTime": zulu(moment + timedelta(seconds=kept), 9),
        "engineVersion": data["engineVersion"],
        "nodeType": data["nodeType"],
        "shardCount": data["shardCount"],
        "replicaCount": data["replicaCount"],
        "backupType": kind,
        "state": "CREATING",
        "uid": uuid(),
        "encryptionInfo": encryption(call, data),
        "#key": data.get("kmsKey"),
        "#instance": data["name"],
        "#snapshot": snapshot,
        "#server": real,
    }
    call.state.cache_backups[name] = backup
    work = None
    if real is not None:
        work = call.state.engines.run(real, lambda engine: engine.snapshot(real.id, snapshot))
    return backup, work


def _finish(backup: Data) -> None:
    backup["state"] = "ACTIVE"
    backup["backupFiles"] = [
        {"fileName": f"shard-{index}.rdb", "sizeBytes": backup["totalSizeBytes"], "createTime": backup["createTime"]}
        for index in range(backup["shardCount"])
    ]


@handles(f"{INSTANCES}.backup")
def create(call: Call) -> Data:
    """Back an instance up; its collection is made with the first backup."""
    record = find_active(call)
    take_automated(call, record)
    name = call.body.get("backupId") or call.state.wall().strftime("%Y%m%d%H%M%S-") + hex_id(8)
    if not _ID.fullmatch(name):
        raise invalid(f"Invalid backup id: {name}.", field="backup_id")
    path = f"{collection_of(record.data)}/backups/{name}"
    if path in call.state.cache_backups:
        raise GoogleError(409, f"Resource '{path}' already exists")
    kept = settings.retention(call.body["ttl"]) if "ttl" in call.body else _KEPT_SECONDS
    backup, work = _new(call, record.data, path, call.state.wall(), "ON_DEMAND", kept)

    def response() -> Data:
        _finish(backup)
        # The operation answers with the instance; the backup is found by its id. Source: Google's client library.
        return {"@type": f"{TYPE}Instance", **shown(call, record.data)}

    def failed(_: str) -> None:
        call.state.cache_backups.pop(path, None)

    return managed_lro.start(call, record, "backup", "memorystore.backup.create", response, failed, work)


def take_automated(call: Call, record: Record) -> None:
    """The daily backups whose time has come since anyone looked, as far as they would still be kept."""
    data = record.data
    config = data["automatedBackupConfig"]
    if config["automatedBackupMode"] != "ENABLED" or not data["#made"]:
        return
    now, kept = call.state.wall(), settings.retention(config["retention"])
    hour = config["fixedFrequencySchedule"]["startTime"].get("hours", 0)
    begin = data.setdefault("#automated", datetime.fromisoformat(data["updateTime"].replace("Z", "+00:00")))
    moment = begin.replace(hour=hour, minute=0, second=0, microsecond=0)
    while moment <= begin:
        moment += timedelta(days=1)
    while moment <= now:
        if moment + timedelta(seconds=kept) > now:
            name = f"{collection_of(data)}/backups/{moment:%Y%m%d%H%M%S}-{hex_id(8)}"
            _finish(_new(call, data, name, moment, "AUTOMATED", kept)[0])
        moment += timedelta(days=1)
    data["#automated"] = now


def _all(call: Call) -> dict[str, Data]:
    for record in call.state.memorystore.values():
        take_automated(call, record)
    _expire(call)
    return call.state.cache_backups


def _collections(call: Call, place: str) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for name, backup in _all(call).items():
        path = name.partition("/backups/")[0]
        if place not in ("-", path.split("/")[3]):
            continue
        entry = found.setdefault(
            path,
            {
                "name": path,
                "instanceUid": backup["instanceUid"],
                "instance": backup["instance"],
                "uid": backup["instanceUid"],
                "createTime": backup["createTime"],
                "totalBackupCount": "0",
                "totalBackupSizeBytes": "0",
                **({"kmsKey": backup["#key"]} if backup["#key"] else {}),
            },
        )
        entry["totalBackupCount"] = str(int(entry["totalBackupCount"]) + 1)
        entry["totalBackupSizeBytes"] = str(int(entry["totalBackupSizeBytes"]) + int(backup["totalSizeBytes"]))
        entry["lastBackupTime"] = max(entry.get("lastBackupTime", ""), backup["createTime"])
    return found


@handles(f"{_COLLECTIONS}.get")
def get_collection(call: Call) -> Data:
    """One collection."""
    found = _collections(call, region(call)).get(call.name)
    if found is None:
        raise GoogleError(404, f"Resource '{call.name}' was not found")
    return found


@handles(f"{_COLLECTIONS}.list")
def list_collections(call: Call) -> Data:
    """The collections of a region, ``-`` for all."""
    items = list(_collections(call, region(call)).values())
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=1000)
    answer: Data = {"backupCollections": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


def _find(call: Call, name: str) -> Data:
    backup = _all(call).get(name)
    if backup is None:
        raise GoogleError(404, f"Resource '{name}' was not found")
    return backup


@handles(f"{_BACKUPS}.get")
def get(call: Call) -> Data:
    """One backup."""
    return _shown(_find(call, call.name))


@handles(f"{_BACKUPS}.list")
def listing(call: Call) -> Data:
    """The backups of a collection, newest first."""
    prefix = f"{call.name}/backups/"
    items = [_shown(item) for name, item in _all(call).items() if name.startswith(prefix)]
    items.sort(key=lambda item: str(item["createTime"]), reverse=True)
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=1000)
    answer: Data = {"backups": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_BACKUPS}.delete")
def delete(call: Call) -> Data:
    """Delete a backup."""
    backup = _find(call, call.name)
    record = backup.setdefault("#record", Record(backup))
    check_idle(record)
    backup["state"] = "DELETING"

    def response() -> Data:
        _forget(call, backup["name"])
        return EMPTY

    def failed(_: str) -> None:
        backup["state"] = "ACTIVE"

    return managed_lro.start(call, record, "delete", "memorystore.backup.delete", response, failed)


def source_of(call: Call, body: Data) -> str | None:
    """The engine's snapshot behind the backup that a new instance starts from; None without one."""
    if "gcsSource" in body:
        raise invalid("The sandbox imports no RDB files into new instances: use a managed backup.")
    name = body.get("managedBackupSource", {}).get("backup", "")
    if not name:
        return None
    backup = _find(call, own_project(name))
    if backup["state"] != "ACTIVE":
        raise invalid(f"Backup {name} is in state {backup['state']}.")
    if body.get("engineVersion", "VALKEY_9_9") < backup["engineVersion"]:
        raise invalid(f"Backup {name} was taken of {backup['engineVersion']}, newer than the instance.")
    return str(backup["#snapshot"])
