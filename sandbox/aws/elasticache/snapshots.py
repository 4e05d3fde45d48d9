"""Snapshots: made, described, copied, deleted."""

from __future__ import annotations

import re
import secrets
from functools import partial

from ..hooks import Hooks
from ..phases import Life, Phase
from ..query import page, tags_of
from ..wire import Call
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .state import Document, Group, Snapshot
from .store import Store

_SOURCES = {"user": "manual", "system": "automated"}


class Snapshots:
    """Handlers of the operations on snapshots."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateSnapshot", self.create)
        hooks.replace("elasticache.DescribeSnapshots", self.describe)
        hooks.replace("elasticache.CopySnapshot", self.copy)
        hooks.replace("elasticache.DeleteSnapshot", self.delete)

    def _free_name(self, call: Call, name: str) -> str:
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{0,253}", name):
            raise invalid_value(f"The snapshot name '{name}' is not valid.")
        if name in self._store.region(call.region).snapshots:
            raise refuse("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {name}")
        return name

    def create(self, call: Call) -> Document:
        """CreateSnapshot, of a group or of one of its nodes."""
        wanted, store = call.params, self._store
        name = self._free_name(call, wanted["SnapshotName"])
        group = self._group(call)
        if group.life.status != "available":
            raise wrong_state(f"Replication group {group.name} is not in available state.")
        phase = store.phase(call, "creating", "elasticache.snapshot")
        tags = tags_of(wanted.get("Tags")) or dict(group.tags)
        snapshot = store.take(group, name, "manual", phase, tags, wanted.get("CacheClusterId"))
        busy = Phase("snapshotting", "elasticache.snapshot", begin=snapshot.life.work, failed_status="available")
        group.life.enter(store.context, busy)
        return {"Snapshot": shown(snapshot)}

    def _group(self, call: Call) -> Group:
        name, group_id = call.params.get("CacheClusterId"), call.params.get("ReplicationGroupId")
        if (name is None) == (group_id is None):
            raise invalid_combination("Specify either CacheClusterId or ReplicationGroupId.")
        if group_id is not None:
            return self._store.group(call)
        for group in self._store.region(call.region).groups.values():
            if any(node.id == name for node in group.nodes):
                return group
        raise refuse("CacheClusterNotFound", f"CacheCluster not found: {name}")

    def describe(self, call: Call) -> Document:
        """DescribeSnapshots."""
        wanted = call.params
        if wanted.get("SnapshotName"):
            found = [self._store.snapshot(call, wanted["SnapshotName"])]
        else:
            found = list(self._store.region(call.region).snapshots.values())
        source = _SOURCES.get(wanted.get("SnapshotSource") or "")
        entries = [
            shown(snapshot)
            for snapshot in found
            if source in (None, snapshot.document["SnapshotSource"])
            and wanted.get("ReplicationGroupId") in (None, snapshot.origin["group"])
            and wanted.get("CacheClusterId") in (None, *_nodes(snapshot))
        ]
        return page(call, entries, "Snapshots")

    def copy(self, call: Call) -> Document:
        """CopySnapshot within the region."""
        wanted, store = call.params, self._store
        source = store.snapshot(call, wanted["SourceSnapshotName"])
        if wanted.get("TargetBucket"):
            raise refuse("NotImplemented", "Export of snapshots to S3 is not emulated")
        name = self._free_name(call, wanted["TargetSnapshotName"])
        if source.life.status != "available":
            raise refuse("InvalidSnapshotState", f"Snapshot {source.name} is not in available state.")
        document = {**source.document, "SnapshotName": name, "SnapshotSource": "manual"}
        document["ARN"] = store.arn(call.region, "snapshot", name)
        tags = tags_of(wanted.get("Tags"))
        snapshot = Snapshot(document, call.region, Life("available"), source.origin, tags)
        phase = store.phase(call, "copying", "elasticache.snapshot")
        engine, data = store.engine, source.data
        if engine is not None and data is not None and phase.failure is None:
            snapshot.data = copied = f"snapshot-{secrets.token_hex(8)}"
            phase.begin = partial(engine.background, engine.copy_snapshot, data, copied)
        store.region(call.region).snapshots[name] = snapshot
        snapshot.life.enter(store.context, phase)
        return {"Snapshot": shown(snapshot)}

    def delete(self, call: Call) -> Document:
        """DeleteSnapshot."""
        snapshot = self._store.snapshot(call, call.params["SnapshotName"])
        if snapshot.life.status not in ("available", "failed"):
            raise refuse("InvalidSnapshotState", f"Snapshot {snapshot.name} is not in available state.")
        phase = self._store.phase(call, "deleting", "elasticache.snapshot.delete", failed_status="available")
        phase.finish = lambda: self._store.remove_snapshot(snapshot)
        snapshot.life.enter(self._store.context, phase)
        return {"Snapshot": shown(snapshot)}


def _nodes(snapshot: Snapshot) -> list[str]:
    """The nodes that a snapshot is of."""
    document = snapshot.document
    named = [document.get("CacheClusterId"), *(node.get("CacheClusterId") for node in document["NodeSnapshots"])]
    return [name for name in named if name is not None]


def shown(snapshot: Snapshot) -> Document:
    """A snapshot as the API answers it."""
    return {**snapshot.document, "SnapshotStatus": snapshot.life.status}
