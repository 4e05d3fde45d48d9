# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a site's caches: those that are asked for, what can be brought back, and what is left of deleted ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .._engine.backups import History
from .._engine.capability import Built
from .._engine.errors import AuthError
from .._engine.resource import Resource
from .._engine.retry import retry_call
from .._spec.cache import Cache
from . import errors, memorystore_backups, redis_exports
from .cache import instance_name
from .cache_bodies import DAY, is_redis
from .client import Cloud
from .memorystore import Instance
from .memorystore_backups import ValkeyBackup, backups_in, collections
from .memorystore_redis import RedisInstance
from .redis_exports import RedisExport, exports

T = TypeVar("T")


def needed(spec: Cache) -> set[str]:
    """The services that it takes."""
    return {
        service for item in spec.instances for service in (("redis", "storage") if is_redis(item) else ("memorystore",))
    }


def build(cloud: Cloud, label: str, spec: Cache) -> Built:
    """One backup of every cache, called `label`: of Valkey a backup, of Redis an export."""
    resources: list[Resource] = []
    made: dict[str, Resource] = {}
    store = redis_exports.bucket(cloud)
    for item in spec.instances:
        if item.state != "present":
            continue
        name = instance_name(item, cloud)
        if not is_redis(item):
            instance = Instance(cloud, name, managed=False)
            made[item.name] = ValkeyBackup(cloud, label, instance)
            resources += [instance, made[item.name]]
            continue
        exported = RedisInstance(cloud, name, managed=False, lock=f"redis/{name}")
        permission = redis_exports.writer(cloud, store, exported)
        made[item.name] = RedisExport(cloud, label, exported, store, permission)
        resources += [exported, store, permission, made[item.name]]
    return Built(resources, outputs=lambda: {"cache": {name: each.outputs.get("id") for name, each in made.items()}})


def histories(cloud: Cloud, spec: Cache) -> list[History]:
    """What can be brought back of every cache, also of one that does not exist any more."""
    groups = collections(cloud) if any(not is_redis(item) for item in spec.instances) else []
    found = []
    for item in spec.instances:
        name = instance_name(item, cloud)
        kind = RedisInstance if is_redis(item) else Instance
        raw = kind(cloud, name).fetch()
        if is_redis(item):
            backups = exports(cloud, name)
        else:
            own = [each["name"] for each in groups if _instance(each) == name]
            backups = [memorystore_backups.shown(each) for path in own for each in backups_in(cloud, path)]
        days = _retention_days(raw or {})
        found.append(History("cache", item.name, raw is not None, retention_days=days, backups=tuple(backups)))
    return found


def _instance(group: dict[str, Any]) -> str:
    """The name of the instance that a collection is of."""
    return str(group.get("instance", "")).rpartition("/")[2]


def _retention_days(raw: dict[str, Any]) -> int:
    config = raw.get("automatedBackupConfig") or {}
    if config.get("automatedBackupMode") != "ENABLED":
        return 0
    return round(float(str(config.get("retention") or "0").removesuffix("s")) / DAY)


def kept(cloud: Cloud) -> list[dict[str, str]]:
    """What has outlived its cache, or will: for the report of what stays on purpose."""
    return [each for look in (_left, redis_exports.kept) for each in _tolerant(cloud, look)]


def _tolerant(cloud: Cloud, look: Callable[[Cloud], list[T]]) -> list[T]:
    """A service that is off holds nothing."""
    try:
        return retry_call(lambda: look(cloud), cloud.clock)
    except AuthError as error:
        if error.code != errors.SERVICE_DISABLED:
            raise
        return []


def _left(cloud: Cloud) -> list[dict[str, str]]:
    return [_entry(each, raw) for each in _left_groups(cloud) for raw in backups_in(cloud, each["name"])]


def _left_groups(cloud: Cloud) -> list[dict[str, Any]]:
    """Collections of caches that do not exist any more."""
    present = {each["name"].rpartition("/")[2] for each in _instances(cloud)}
    return [each for each in collections(cloud) if _ours(cloud, _instance(each)) and _instance(each) not in present]


def kept_keys(cloud: Cloud) -> set[str]:
    """Keys without which backups that are kept could not be read."""

    def look(cloud: Cloud) -> list[str]:
        return [str(each["kmsKey"]) for each in _left_groups(cloud) if each.get("kmsKey")]

    return set(_tolerant(cloud, look))


def _instances(cloud: Cloud) -> list[dict[str, Any]]:
    path = f"projects/{cloud.project}/locations/{cloud.region}/instances"
    return list(cloud.pages("memorystore", path, "instances"))


def _ours(cloud: Cloud, instance: str) -> bool:
    """Neither a collection nor a backup has labels: the name of what it is of tells."""
    return instance.startswith(f"{cloud.site.base}-")


def _entry(group: dict[str, Any], raw: dict[str, Any]) -> dict[str, str]:
    backup = memorystore_backups.shown(raw)
    until = f"until {backup.expires.isoformat(timespec='seconds')}" if backup.expires else "until it is deleted"
    sort = {"final": "the final backup", "manual": "a backup that was asked for", "automatic": "an automated backup"}
    return {
        "kind": ValkeyBackup.kind,
        "id": backup.id,
        "name": f"{_instance(group)}/{backup.id.rpartition('/')[2]}",
        "kept": f"{sort[backup.kind]} of a deleted cache, {until}",
    }
