# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for backups of Memorystore for Redis, which has none: exports to a bucket of the site's."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from .._engine.backups import Backup
from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, Fields
from .._engine.resource import Operation, Progress
from .._spec import names
from .._spec.site import Site
from .client import Cloud
from .memorystore_redis import RedisInstance
from .rest import Request, RestResource, Style
from .storage import Bucket, BucketMember

ROLE = "roles/storage.admin"  # on the bucket alone (Memorystore for Redis documentation, exporting data)
GIB = 2**30


def bucket_name(site: Site) -> str:
    return names.globally_unique(site, "cache-backups")


def bucket(cloud: Cloud) -> Bucket:
    """Where exports go. It stays when the site goes: it holds what was asked to be kept."""
    access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    body = {"iamConfiguration": access, "location": cloud.region, "storageClass": "STANDARD"}
    return Bucket(cloud, bucket_name(cloud.site), body)


def writer(cloud: Cloud, store: Bucket, instance: RedisInstance) -> BucketMember:
    """The service's permission to write there."""

    def agent() -> Any:
        return instance.out("agent")  # Unknown while there is no instance

    return BucketMember(cloud, f"{store.name} {instance.name}", store, agent, [ROLE], (instance,), among=[ROLE])


def object_name(instance: str, label: str) -> str:
    return f"{instance}/{label}.rdb"


class RedisExport(RestResource):
    """One export, called as its label. Export holds the instance up while it lasts."""

    kind = "gcp.redis.export"
    service = "storage"
    style = Style.AT_ONCE
    replaceable = False
    fields = Fields({"name": IMMUTABLE})

    def __init__(
        self, cloud: Cloud, label: str, instance: RedisInstance, store: Bucket, permission: BucketMember
    ) -> None:
        self.object = object_name(instance.name, label)
        needs = (instance, store, permission)
        super().__init__(cloud, f"{instance.name}/{label}", {"name": self.object}, needs, lock=instance.lock)
        self.instance = instance
        self.store = store

    @property
    def path(self) -> str:
        return f"{self.store.path}/o/{quote(self.object, safe='')}"

    def predicted(self) -> dict[str, Any]:
        return {"id": f"gs://{self.store.name}/{self.object}"}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**self.predicted(), "taken": raw.get("timeCreated")}

    def create(self, desired: dict[str, Any]) -> Operation:
        target = {"outputConfig": {"gcsDestination": {"uri": self.predicted()["id"]}}}
        return self.instance.send(Request("POST", f"{self.instance.path}:export", target))

    def poll(self, operation: Operation) -> Progress:
        return self.instance.poll(operation)


def kept(cloud: Cloud) -> list[dict[str, str]]:
    """The bucket, while it is there."""
    try:
        cloud.look("storage", f"b/{bucket_name(cloud.site)}")
    except NotFound:
        return []
    name = bucket_name(cloud.site)
    reason = "exports of caches that were asked for, until they are deleted"
    return [{"kind": Bucket.kind, "id": f"b/{name}", "name": name, "kept": reason}]


def exports(cloud: Cloud, instance: str) -> list[Backup]:
    """What was exported of an instance, which need not exist any more."""
    prefix = object_name(instance, "").removesuffix(".rdb")
    try:
        found = list(cloud.pages("storage", f"b/{bucket_name(cloud.site)}/o", "items", {"prefix": prefix}))
    except NotFound:
        return []
    return [
        Backup(
            id=f"gs://{each['bucket']}/{each['name']}",
            label=each["name"].removeprefix(prefix).removesuffix(".rdb"),
            kind="manual",
            status="ready",
            taken=datetime.fromisoformat(each["timeCreated"].replace("Z", "+00:00")),
            size_gb=round(int(each.get("size") or 0) / GIB, 3),
        )
        for each in found
    ]
