"""Snapshots: made, described, copied, deleted, shared."""

from __future__ import annotations

import secrets
from functools import partial

from ..hooks import Hooks
from ..phases import Life, Phase
from ..query import page, tags_of
from ..wire import Call
from .checks import Checks, identifier
from .describe import describe_snapshot, filtered
from .errors import invalid_combination, refuse, wrong_state
from .state import Document, Snapshot
from .store import Store

SNAPSHOTS_QUOTA = "rds/L-272F1212"
_FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-snapshot-id": "DBSnapshotIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "snapshot-type": "SnapshotType",
    "engine": "Engine",
}


class Snapshots:
    """Handlers of the operations on snapshots."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.CreateDBSnapshot", self.create)
        hooks.replace("rds.DescribeDBSnapshots", self.describe)
        hooks.replace("rds.DeleteDBSnapshot", self.delete)
        hooks.replace("rds.CopyDBSnapshot", self.copy)
        hooks.replace("rds.DescribeDBSnapshotAttributes", self.attributes)

    def create(self, call: Call) -> Document:
        """CreateDBSnapshot."""
        name = self._free_name(call, call.params["DBSnapshotIdentifier"], "DBSnapshotIdentifier")
        instance = self._store.instance(call)
        if instance.life.status not in ("available", "storage-optimization") or instance.applying:
            raise wrong_state(
                f"Cannot create a snapshot because the database instance {instance.name} is not currently in the "
                "available state."
            )
        tags = tags_of(call.params.get("Tags"))
        if not tags and instance.document["CopyTagsToSnapshot"]:
            tags = dict(instance.tags)
        phase = self._store.phase(call, "creating", "rds.snapshot.create")
        snapshot = self._store.take(instance, name, "manual", tags, phase)
        backing_up = Phase("backing-up", "rds.snapshot.create", begin=snapshot.life.work, failed_status="available")
        instance.life.enter(self._store.context, backing_up)
        return {"DBSnapshot": describe_snapshot(self._store, snapshot)}

    def _free_name(self, call: Call, name: str, what: str) -> str:
        identifier(name, what, 255)
        snapshots = self._store.region(call.region).snapshots
        if name.lower() in snapshots:
            raise refuse(
                "DBSnapshotAlreadyExists",
                f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
            )
        manual = sum(item.document["SnapshotType"] == "manual" for item in snapshots.values())
        if manual >= self._store.context.quotas.get(SNAPSHOTS_QUOTA):
            raise refuse("SnapshotQuotaExceeded", "Cannot create more than the allowed number of manual snapshots.")
        return name.lower()

    def describe(self, call: Call) -> Document:
        """DescribeDBSnapshots."""
        wanted = call.params
        if wanted.get("DBSnapshotIdentifier"):
            found = [self._store.snapshot(call)]
        else:
            found = list(self._store.region(call.region).snapshots.values())
        kind, of = wanted.get("SnapshotType"), wanted.get("DBInstanceIdentifier")
        if kind in ("shared", "public", "awsbackup"):
            found = []
        elif kind is not None:
            found = [item for item in found if item.document["SnapshotType"] == kind]
        if of is not None:
            name = of.rsplit(":", 1)[-1].lower()
            found = [item for item in found if item.document["DBInstanceIdentifier"] == name]
        if wanted.get("DbiResourceId"):
            found = [item for item in found if item.resource == wanted["DbiResourceId"]]
        shown = [describe_snapshot(self._store, item) for item in found]
        return page(call, filtered(shown, wanted.get("Filters"), _FILTERS), "DBSnapshots")

    def delete(self, call: Call) -> Document:
        """DeleteDBSnapshot: manual ones, when nothing is going on with them."""
        snapshot = self._store.snapshot(call)
        if snapshot.document["SnapshotType"] != "manual":
            raise refuse("InvalidDBSnapshotState", "Only manual snapshots may be deleted.")
        if snapshot.life.status not in ("available", "failed"):
            raise refuse(
                "InvalidDBSnapshotState",
                "Cannot delete the snapshot because it is not currently in the available or failed state.",
            )
        phase = self._store.phase(call, "deleting", "rds.snapshot.delete")
        phase.finish = lambda: self._store.remove_snapshot(snapshot)
        snapshot.life.enter(self._store.context, phase)
        shown = describe_snapshot(self._store, snapshot)
        return {"DBSnapshot": {**shown, "Status": "deleted"}}

    def copy(self, call: Call) -> Document:
        """CopyDBSnapshot, within a region or into this one."""
        wanted, store = call.params, self._store
        name = self._free_name(call, wanted["TargetDBSnapshotIdentifier"], "TargetDBSnapshotIdentifier")
        source = store.snapshot(call, wanted["SourceDBSnapshotIdentifier"])
        if source.life.status != "available":
            raise refuse("InvalidDBSnapshotState", "The source snapshot is not in the available state.")
        key = wanted.get("KmsKeyId")
        encrypted = source.document["Encrypted"]
        if encrypted and source.region != call.region and not key:
            raise invalid_combination("KmsKeyId must be specified when copying an encrypted snapshot across regions.")
        tags = dict(source.tags) if wanted.get("CopyTags") else tags_of(wanted.get("Tags"))
        document = {
            **source.document,
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": store.arn(call.region, "snapshot", name),
            "SnapshotType": "manual",
            "PercentProgress": 0,
            "SourceDBSnapshotIdentifier": source.document["DBSnapshotArn"],
            "TagList": tags,
        }
        if source.region != call.region:
            document["SourceRegion"] = source.region
        if key:
            document.update(Encrypted=True, KmsKeyId=self._checks.key(call.region, key))
        snapshot = Snapshot(document, call.region, Life("available"), source.resource, source.settings)
        phase = store.phase(call, "creating", "rds.snapshot.copy")
        engine, data = store.engine, source.data
        if engine is not None and data is not None and phase.failure is None:
            snapshot.data = copied = f"snapshot-{secrets.token_hex(8)}"
            phase.begin = partial(engine.background, engine.copy_snapshot, data, copied)
        snapshot.taken = source.taken

        def complete() -> None:
            document.update(PercentProgress=100, SnapshotCreateTime=store.world.clock.wall())

        phase.finish = complete
        store.region(call.region).snapshots[name] = snapshot
        snapshot.life.enter(store.context, phase)
        return {"DBSnapshot": describe_snapshot(store, snapshot)}

    def attributes(self, call: Call) -> Document:
        """DescribeDBSnapshotAttributes: shared with nobody."""
        snapshot = self._store.snapshot(call)
        nobody = [{"AttributeName": "restore", "AttributeValues": []}]
        return {"DBSnapshotAttributesResult": {"DBSnapshotIdentifier": snapshot.name, "DBSnapshotAttributes": nobody}}
