# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable cache in Memorystore's words, and what Memorystore cannot do. Pure."""

from __future__ import annotations

import re
from typing import Any

from .._spec.cache import CacheInstance
from .._spec.cluster import MaintenanceWindow
from .._spec.sizes import CACHE_CLASSES, CACHE_MEMORY_GB

DAY = 86400
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Nodes of Memorystore for Valkey (Memorystore API v1, Instance.nodeType).
NODE_TYPES = (
    "SHARED_CORE_NANO", "CUSTOM_PICO", "CUSTOM_MICRO", "CUSTOM_MINI", "STANDARD_SMALL", "STANDARD_LARGE",
    "HIGHCPU_MEDIUM", "HIGHMEM_MEDIUM", "HIGHMEM_XLARGE", "HIGHMEM_2XLARGE",
)  # fmt: skip
VALKEY_VERSIONS = ("7.2", "8.0", "9.0")
REDIS_VERSIONS = ("3.2", "4.0", "5.0", "6.x", "7.0", "7.2")
MOST_MEMORY_GB = 300
# The ports that clients reach: Memorystore for Redis has one of its own for TLS.
VALKEY_PORT, REDIS_TLS_PORT = 6379, 6378
# The first daily snapshot; later ones keep to its time of day.
FIRST_DAY = "2024-01-01"
DEFAULT_BACKUP_HOUR = 3


def is_redis(item: CacheInstance) -> bool:
    """Valkey is what Memorystore offers first; Redis is there for those who ask for it."""
    return item.engine == "redis"


def problems(item: CacheInstance) -> list[str]:
    """What Memorystore cannot honour, as sentences that say what to write instead."""
    where = f"cache.instances.{item.name}"
    found = _of_redis(item, where) if is_redis(item) else _of_valkey(item, where)
    if item.maintenance_window and _window(item.maintenance_window) is None:
        found.append(
            f"{where}.maintenance_window: Memorystore takes one whole hour that begins at a full hour, and none fits "
            f"into {item.maintenance_window.duration_hours} h from {item.maintenance_window.start_time}. "
            "Begin at a full hour, or make it longer."
        )
    return found


def _of_valkey(item: CacheInstance, where: str) -> list[str]:
    found = _of_version(item, where, VALKEY_VERSIONS, "Memorystore for Valkey")
    node = item.gcp.node_type
    if node is not None and node not in NODE_TYPES:
        found.append(f"{where}.gcp.node_type: {node!r} is not one of {', '.join(NODE_TYPES)}.")
    if item.gcp.memory_gb is not None:
        found.append(f"{where}.gcp.memory_gb is of engine: redis. With Valkey choose gcp.node_type.")
    if item.snapshot_window and not item.snapshot_window.endswith(":00"):
        found.append(
            f"{where}.snapshot_window: Memorystore for Valkey begins its backups at a full hour. "
            f"Write {item.snapshot_window[:2]}:00."
        )
    if item.rotate:
        found.append(
            f"{where}.rotate: clients authenticate with IAM here, so there is no password to renew. Leave it out."
        )
    return found


def _of_redis(item: CacheInstance, where: str) -> list[str]:
    found = _of_version(item, where, REDIS_VERSIONS, "Memorystore for Redis")
    memory = item.gcp.memory_gb
    if memory is not None and not 1 <= memory <= MOST_MEMORY_GB:
        found.append(f"{where}.gcp.memory_gb: {memory} is not 1 to {MOST_MEMORY_GB}.")
    if item.gcp.node_type is not None:
        found.append(f"{where}.gcp.node_type is of engine: valkey. With Redis choose gcp.memory_gb.")
    if item.persistence == "append_only":
        found.append(
            f"{where}.persistence: Memorystore for Redis has no append-only file. Use engine: valkey, or snapshots."
        )
    if item.snapshot_retention_days is not None:
        found.append(
            f"{where}.snapshot_retention_days: Memorystore for Redis keeps its newest snapshot alone, to recover with. "
            "Leave it out, or use engine: valkey, which has backups."
        )
    if item.final_snapshot:
        found.append(
            f"{where}.final_snapshot: Memorystore for Redis has no backups that outlive it. Take one with backup.yml "
            "before, which exports to a bucket, or use engine: valkey."
        )
    return found


def _of_version(item: CacheInstance, where: str, known: tuple[str, ...], service: str) -> list[str]:
    """Versions that came after this was written are the service's to judge."""
    version = item.version
    if version is None or version in known or (is_redis(item) and re.fullmatch(r"6(\.\d+)?", version)):
        return []
    if re.fullmatch(r"\d+\.\d+", version) and _numbers(version) > _numbers(known[-1]):
        return []
    return [f"{where}.version: {service} has no {version}. Choose among {', '.join(known)}, or leave it out."]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def older(wanted: str, present: str) -> bool:
    """Whether one API version is before another: VALKEY_7_2, REDIS_6_X."""
    return _numbers(wanted) < _numbers(present)


# -- Valkey ------------------------------------------------------------------------------------------------------------


def valkey_body(item: CacheInstance, network: Any, project: str, key: str) -> dict[str, Any]:
    """One primary that all clients of Redis can speak to, with a replica in another zone where it is asked for."""
    auto = {"pscAutoConnection": {"network": network, "projectId": project}}
    body: dict[str, Any] = {
        "mode": "CLUSTER_DISABLED",
        "shardCount": 1,
        "replicaCount": 1 if item.high_availability else 0,
        "nodeType": item.gcp.node_type or CACHE_CLASSES["gcp"][item.size],
        "endpoints": [{"connections": [auto]}],
        "authorizationMode": "IAM_AUTH",
        "transitEncryptionMode": "SERVER_AUTHENTICATION",
        "persistenceConfig": _valkey_persistence(item),
        "automatedBackupConfig": _backups(item),
        "kmsKey": key,
    }
    if item.version:
        body["engineVersion"] = f"VALKEY_{item.version.replace('.', '_')}"
    if item.eviction_policy:
        body["engineConfigs"] = {"maxmemory-policy": item.eviction_policy}
    if item.maintenance_window:
        body["maintenancePolicy"] = _policy(item.maintenance_window)
    return body


def _valkey_persistence(item: CacheInstance) -> dict[str, Any]:
    if item.persistence == "append_only":
        return {"mode": "AOF", "aofConfig": {"appendFsync": "EVERY_SEC"}}
    if item.persistence == "snapshots":
        return {"mode": "RDB", "rdbConfig": _daily(item)}
    return {"mode": "DISABLED"}


def _daily(item: CacheInstance) -> dict[str, Any]:
    daily = {"rdbSnapshotPeriod": "TWENTY_FOUR_HOURS"}
    start = {"rdbSnapshotStartTime": f"{FIRST_DAY}T{item.snapshot_window}:00Z"} if item.snapshot_window else {}
    return daily | start


def _backups(item: CacheInstance) -> dict[str, Any]:
    if item.persistence != "snapshots":
        return {"automatedBackupMode": "DISABLED"}
    hour = int(item.snapshot_window[:2]) if item.snapshot_window else DEFAULT_BACKUP_HOUR
    return {
        "automatedBackupMode": "ENABLED",
        "fixedFrequencySchedule": {"startTime": {"hours": hour}},
        "retention": f"{(item.snapshot_retention_days or 1) * DAY}s",
    }


# -- Redis -------------------------------------------------------------------------------------------------------------


def redis_body(item: CacheInstance, network: Any, key: str) -> dict[str, Any]:
    """An instance of Memorystore for Redis on the network's connection to Google's services."""
    body: dict[str, Any] = {
        "tier": "STANDARD_HA" if item.high_availability else "BASIC",
        "memorySizeGb": item.gcp.memory_gb or CACHE_MEMORY_GB[item.size],
        "authorizedNetwork": network,
        "connectMode": "PRIVATE_SERVICE_ACCESS",
        "transitEncryptionMode": "SERVER_AUTHENTICATION",
        "authEnabled": True,
        "customerManagedKey": key,
        "persistenceConfig": {"persistenceMode": "RDB", **_daily(item)}
        if item.persistence == "snapshots"
        else {"persistenceMode": "DISABLED"},
    }
    if item.version:
        body["redisVersion"] = redis_version(item.version)
    if item.eviction_policy:
        body["redisConfigs"] = {"maxmemory-policy": item.eviction_policy}
    if item.maintenance_window:
        body["maintenancePolicy"] = _policy(item.maintenance_window)
    return body


def redis_version(version: str) -> str:
    """All of 6 are one version here."""
    return "REDIS_6_X" if version.split(".", maxsplit=1)[0] == "6" else f"REDIS_{version.replace('.', '_')}"


# -- both --------------------------------------------------------------------------------------------------------------


def _policy(window: MaintenanceWindow) -> dict[str, Any]:
    found = _window(window)
    return {"weeklyMaintenanceWindow": [found]} if found else {}


def _window(window: MaintenanceWindow) -> dict[str, Any] | None:
    """The first whole hour within the window on the first of its days: Memorystore takes one hour a week."""
    hour, minute = (int(part) for part in window.start_time.split(":"))
    begin = hour if minute == 0 else hour + 1
    if begin + 1 > hour + minute / 60 + window.duration_hours:
        return None
    day = next(each for each in DAYS if each in (window.days or DAYS))
    later, begin = divmod(begin, 24)
    return {"day": DAYS[(DAYS.index(day) + later) % 7].upper(), "startTime": {"hours": begin}}
