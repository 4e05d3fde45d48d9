# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of caches on demand, and what can be brought back of each.

ElastiCache has no point in time recovery. Automatic snapshots go with their cache; those on demand and the final one
stay.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from .._engine.backups import Backup, History
from .._engine.capability import Built
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Action, Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Status
from .._engine.survey import Planned
from .._engine.tags import tag_changes
from .._spec import names
from .._spec.cache import Cache
from .base import AwsResource, Item, as_list
from .bulk import TAGS
from .cache import group_id
from .client import Session
from .elasticache import last_event
from .elasticache_lists import listed, observed_tags
from .rds_lists import LABEL_TAG

CACHE_TAG = "cache"
_STATES = {"available": Status.READY, "failed": Status.FAILED, "deleting": Status.DELETING}
_FINAL = re.compile(r"-final(-\d{14})?$")
_UNITS = {"B": 1 / 2**30, "KB": 1 / 2**20, "MB": 1 / 2**10, "GB": 1.0, "TB": 2.0**10}


def snapshot_name(session: Session, cache: str, label: str) -> str:
    """A name of its own for each pair of cache and label: "a-b" of "c" is not "b" of "c-a"."""
    return f"{group_id(session, cache)}-{label}-{names.digest(f'{cache}/{label}', 4)}"


class CacheSnapshot(AwsResource):
    """A snapshot of one cache with a label. Made once; nothing about it changes."""

    kind: ClassVar[str] = "aws.elasticache.snapshot"
    fields: ClassVar[Fields] = Fields({"tags": MUTABLE})

    def __init__(self, session: Session, cache: str, label: str) -> None:
        super().__init__(session, snapshot_name(session, cache, label))
        self.cache, self.label = cache, label

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, CACHE_TAG: self.cache, LABEL_TAG: self.label}

    def lists(self) -> Sequence[Hashable]:
        return (("elasticache",), TAGS)

    def predicted(self) -> dict[str, Any]:
        return {"id": self.session.arn("elasticache", f"snapshot:{self.name}")}

    def desired(self) -> dict[str, Any]:
        return {"tags": self.tags}

    def read(self) -> Observed | None:
        found = listed(self.session, "snapshots").get(self.name)
        if found is None:
            return None
        arn = found.get("ARN") or self.predicted()["id"]
        tags = observed_tags(self.session, arn, self.tags)
        word = str(found["SnapshotStatus"])
        status = _STATES.get(word, Status.PENDING)
        if status is Status.FAILED:
            word = last_event(self.session, group_id(self.session, self.cache)) or word
        # One that failed holds nothing.
        return Observed({"tags": tags}, {"id": arn, "arn": arn}, status, word, tags, Recovery.RECREATE)

    def create(self, desired: dict[str, Any]) -> Operation:
        group = listed(self.session, "groups")[group_id(self.session, self.cache)]
        self.session.create(
            "elasticache",
            "create_snapshot",
            SnapshotName=self.name,
            # Without cluster mode it is a node that is copied (Amazon ElastiCache user guide, "Taking manual backups"):
            # a replica, where there is one.
            CacheClusterId=sorted(group["MemberClusters"])[-1],
            Tags=as_list(desired["tags"]),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        tags = tag_changes(desired["tags"], observed.values["tags"] or {})
        arn = observed.outputs["arn"]
        self.session.call("elasticache", "add_tags_to_resource", ResourceName=arn, Tags=as_list(tags))
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("elasticache", "delete_snapshot", SnapshotName=self.name)
        return WATCH


def backups(session: Session, label: str, spec: Cache) -> Built:
    """One snapshot of every cache that keeps its data, called `label`."""
    wanted, left_out = spec.to_back_up()
    made = {item.name: CacheSnapshot(session, item.name, label) for item in wanted}
    return Built(
        list(made.values()),
        outputs=lambda: {"cache": {name: item.out("id") for name, item in made.items()}, "left_out": left_out},
    )


def backup_problems(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Caches that shall be backed up and do not exist."""
    snapshots = [item.resource for item in planned if item.action is Action.CREATE]
    missing = [
        item.cache
        for item in snapshots
        if isinstance(item, CacheSnapshot)
        and group_id(session, item.cache) not in session.steady(lambda: listed(session, "groups"))
    ]
    return [f"cache.instances: {cache} does not exist, so there is nothing to back up." for cache in missing]


def histories(session: Session, spec: Cache) -> list[History]:
    """What can be brought back of each cache."""
    return [_history(session, item.name) for item in spec.instances]


def _history(session: Session, cache: str) -> History:
    name = group_id(session, cache)
    found = session.steady(lambda: listed(session, "groups")).get(name)
    days = int((found or {}).get("SnapshotRetentionLimit") or 0)
    snapshots = session.steady(lambda: listed(session, "snapshots")).values()
    return History(
        "cache",
        cache,
        exists=found is not None and found["Status"] != "deleting",
        retention_days=days,
        backups=tuple(_backup(cache, name, item, days) for item in snapshots if _is_of(name, item)),
    )


def _is_of(group: str, item: Item) -> bool:
    """Snapshots name the replication group or, of one without cluster mode, the node that was copied."""
    nodes = [item.get("CacheClusterId"), *(node.get("CacheClusterId") for node in item.get("NodeSnapshots") or ())]
    of_node = any(re.fullmatch(rf"{re.escape(group)}-\d{{3}}", str(node)) for node in nodes)
    return item.get("ReplicationGroupId") == group or of_node


def _backup(cache: str, group: str, item: Item, days: int) -> Backup:
    name, parts = str(item["SnapshotName"]), item.get("NodeSnapshots") or ()
    # Until it is ready ElastiCache does not tell when it was taken.
    moments = [part["SnapshotCreateTime"] for part in parts if part.get("SnapshotCreateTime")]
    taken = min(moments) if moments else datetime.now(UTC)
    automatic = item.get("SnapshotSource") == "automated"
    kind: Literal["manual", "automatic", "final"] = "manual"
    if automatic or _FINAL.search(name):
        kind = "automatic" if automatic else "final"
    status: Literal["ready", "pending", "failed"] = "pending"
    if item["SnapshotStatus"] in ("available", "failed"):
        status = "ready" if item["SnapshotStatus"] == "available" else "failed"
    return Backup(
        id=name,
        label=label_of(cache, group, name) if kind == "manual" else "",
        kind=kind,
        status=status,
        taken=taken,
        size_gb=_size([str(part.get("CacheSize") or "") for part in parts]),
        expires=taken + timedelta(days=days) if automatic and days else None,
    )


def label_of(cache: str, group: str, name: str) -> str:
    """The label in a snapshot's name; empty for one that somebody else took."""
    label, _dash, mark = name.removeprefix(f"{group}-").rpartition("-")
    return label if mark == names.digest(f"{cache}/{label}", 4) else ""


def _size(words: Sequence[str]) -> float | None:
    """ "4 MB" of each node in GiB; None where ElastiCache has not told."""
    found = [re.fullmatch(r"([\d.]+) ?([KMGT]?B)", word.strip().upper()) for word in words]
    sizes = [float(match[1]) * _UNITS[match[2]] for match in found if match]
    return round(sum(sizes), 3) if sizes and len(sizes) == len(words) else None
