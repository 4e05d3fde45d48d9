"""Everything in RDS by region, brought up to the present before anybody looks at it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ...engines import PostgresEngine, postgres_engine
from ..eks.footprint import Footprint
from ..phases import Life, Phase
from ..query import next_daily
from ..secretsmanager.store import Store as Secrets
from ..wire import Call
from ..world import World
from .errors import refuse
from .state import Document, Instance, ParameterGroup, Region, Snapshot

# Faults can name one of these as the status that an operation ends in.
FAILED_STATUSES = (
    "failed",
    "storage-full",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "inaccessible-encryption-credentials",
    "insufficient-capacity",
    "restore-error",
)
_NOT_FOUND = "DBInstance {} not found."


class Store:
    """The objects, the passage of time for them, and the engine behind them."""

    def __init__(self, world: World, passwords: Secrets) -> None:
        self.world = world
        self.context = world.context
        self.passwords = passwords
        self.footprint = Footprint(world)
        self.regions: dict[str, Region] = {}
        self._engine: PostgresEngine | None = None
        self._engine_made = False
        # What else time brings to an instance that is at rest.
        self.daily: list[Callable[[Instance], None]] = [self._backup_when_due]

    @property
    def engine(self) -> PostgresEngine | None:
        """Real PostgreSQL servers; None where there is no PostgreSQL."""
        if not self._engine_made:
            self._engine = postgres_engine(self.context.state_dir / "engines", self.context.authority)
            self._engine_made = True
        return self._engine

    def reset(self) -> None:
        """Forget everything."""
        self.regions.clear()
        if self._engine is not None:
            self._engine.background(self._engine.reset)

    def region(self, name: str) -> Region:
        """What is in a region, up to date."""
        self.settle(name)
        return self.regions.setdefault(name, Region())

    def arn(self, region: str, kind: str, name: str) -> str:
        """ARN of an object."""
        return f"arn:aws:rds:{region}:{self.world.account}:{kind}:{name}"

    def instance(self, call: Call, name: str | None = None) -> Instance:
        """The instance that the call names."""
        wanted = name or call.params["DBInstanceIdentifier"]
        found = self.find_instance(call.region, wanted)
        if found is None:
            raise refuse("DBInstanceNotFound", _NOT_FOUND.format(wanted))
        return found

    def find_instance(self, region: str, wanted: str) -> Instance | None:
        """An instance by identifier or ARN, whichever region the ARN names."""
        if wanted.startswith("arn:"):
            region, wanted = wanted.split(":")[3], wanted.rsplit(":", 1)[1]
        return self.region(region).instances.get(wanted.lower())

    def retained(self, region: str) -> list[Instance]:
        """Deleted instances that can still be restored to a moment, until their retention is over."""
        now = self.world.clock.wall()
        found = self.region(region).retained
        found[:] = [item for item in found if item.retained_until is None or item.retained_until > now]
        return list(found)

    def snapshot(self, call: Call, name: str | None = None) -> Snapshot:
        """The snapshot that the call names, by identifier or ARN."""
        wanted = name or call.params["DBSnapshotIdentifier"]
        region, key = call.region, wanted
        if wanted.startswith("arn:"):
            region, key = wanted.split(":")[3], wanted.split(":snapshot:", 1)[-1]
        found = self.region(region).snapshots.get(key.lower())
        if found is None:
            raise refuse("DBSnapshotNotFound", f"DBSnapshot {wanted} not found.")
        return found

    def new_resource_id(self) -> str:
        """An id such as ``db-ABCDEFGHIJKLMNOPQRSTUVWXYZ``."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        return "db-" + "".join(secrets.choice(letters) for _ in range(26))

    def phase(self, call: Call, status: str, duration: str, **options: Any) -> Phase:
        """A phase of the operation that the call asks for; an injected fault decides how it ends."""
        rule = self.context.take_operation_failure(call.name)
        phase = Phase(status, duration, **options)
        if rule is not None:
            ending = rule.code if rule.code in FAILED_STATUSES else phase.failed_status
            phase.failure = (ending, rule.message or "The operation could not be completed.")
        return phase

    def record(self, instance: Instance | Snapshot, message: str, category: str) -> None:
        """Add to what DescribeEvents tells."""
        kind = "db-instance" if isinstance(instance, Instance) else "db-snapshot"
        arn = instance.document["DBInstanceArn" if isinstance(instance, Instance) else "DBSnapshotArn"]
        event = {"SourceIdentifier": instance.name, "SourceType": kind, "SourceArn": arn, "Message": message}
        event.update(EventCategories=[category], Date=self.world.clock.wall())
        self.regions.setdefault(instance.region, Region()).events.append(event)

    def settle(self, region: str) -> None:
        """Let everything in a region become what it is by now."""
        found = self.regions.get(region)
        if found is None:
            return
        now = self.context.clock.now()
        for instance in list(found.instances.values()):
            instance.life.settle(self.context)
            if instance.group_ends_at is not None and now >= instance.group_ends_at:
                instance.group_ends_at = None
            if not instance.life.phases and instance.life.resting == "available":
                for duty in self.daily:
                    duty(instance)
        # After the instances: one that waited for its backup shows what it can be restored to.
        for snapshot in list(found.snapshots.values()):
            snapshot.life.settle(self.context)

    def _backup_when_due(self, instance: Instance) -> None:
        if instance.next_backup is not None and self.world.clock.wall() >= instance.next_backup:
            self.automated_backup(instance)

    def remove_snapshot(self, snapshot: Snapshot) -> None:
        """Forget a snapshot and its data."""
        self.regions[snapshot.region].snapshots.pop(snapshot.name, None)
        if snapshot.data is not None and self.engine is not None:
            self.engine.background(self.engine.delete_snapshot, snapshot.data)

    # --- backups ---

    def take(
        self,
        instance: Instance,
        name: str,
        kind: str,
        tags: dict[str, str],
        phase: Phase,
        then: Callable[[], None] | None = None,
    ) -> Snapshot:
        """Begin a snapshot of an instance; ``phase`` says how long it takes and how it ends, ``then`` what follows."""
        document = self._snapshot_document(instance, name, kind, tags)
        settings = {
            key: instance.document.get(key)
            for key in (
                "DBInstanceClass",
                "DBName",
                "BackupRetentionPeriod",
                "PreferredMaintenanceWindow",
                "AutoMinorVersionUpgrade",
                "CopyTagsToSnapshot",
                "MaxAllocatedStorage",
            )
        }
        resource = instance.document["DbiResourceId"]
        snapshot = Snapshot(document, instance.region, Life("available"), resource, settings)
        server = instance.server
        if server is not None and phase.failure is None:
            data = snapshot.data = f"snapshot-{secrets.token_hex(8)}"

            def copy() -> None:
                server.engine.snapshot(server.id, data)
                snapshot.taken = datetime.now(UTC)

            phase.begin = lambda: server.run(copy)

        def complete() -> None:
            document["PercentProgress"] = 100
            document["SnapshotCreateTime"] = document["OriginalSnapshotCreateTime"] = self.world.clock.wall()
            if then is not None:
                then()

        phase.finish = complete
        self.regions[instance.region].snapshots[name] = snapshot
        snapshot.life.enter(self.context, phase)
        return snapshot

    def _snapshot_document(self, instance: Instance, name: str, kind: str, tags: dict[str, str]) -> Document:
        of = instance.document
        document = {
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": self.arn(instance.region, "snapshot", name),
            "DBInstanceIdentifier": instance.name,
            "DbiResourceId": of["DbiResourceId"],
            "Engine": of["Engine"],
            "EngineVersion": of["EngineVersion"],
            "AllocatedStorage": of["AllocatedStorage"],
            "StorageType": of["StorageType"],
            "AvailabilityZone": of["AvailabilityZone"],
            "VpcId": instance.subnet_group.vpc_id,
            "InstanceCreateTime": of.get("InstanceCreateTime"),
            "MasterUsername": of["MasterUsername"],
            "Port": instance.port,
            "LicenseModel": of["LicenseModel"],
            "SnapshotType": kind,
            "OptionGroupName": of["OptionGroupMemberships"][0]["OptionGroupName"],
            "PercentProgress": 0,
            "Encrypted": of["StorageEncrypted"],
            "IAMDatabaseAuthenticationEnabled": of["IAMDatabaseAuthenticationEnabled"],
            "SnapshotTarget": "region",
            "DedicatedLogVolume": False,
            "TagList": tags,
        }
        for key in ("KmsKeyId", "Iops", "StorageThroughput"):
            if of.get(key) is not None:
                document[key] = of[key]
        return document

    def automated_backup(self, instance: Instance) -> Snapshot | None:
        """The daily backup, or the first one; those past their retention go. None when there is one of this minute."""
        now = self.world.clock.wall()
        name = f"rds:{instance.name}-{now:%Y-%m-%d-%H-%M}"
        region = self.regions[instance.region]
        made: Snapshot | None = None
        if name not in region.snapshots:
            tags = dict(instance.tags) if instance.document["CopyTagsToSnapshot"] else {}
            phase = Phase("creating", "rds.instance.first_backup")
            made = self.take(instance, name, "automated", tags, phase, partial(self._first_backup, instance))
        instance.next_backup = next_daily(instance.document["PreferredBackupWindow"], now)
        oldest = now - timedelta(days=instance.document["BackupRetentionPeriod"])
        for snapshot in self.automated_of(instance):
            created = snapshot.document.get("SnapshotCreateTime")
            if created is not None and created < oldest:
                self.remove_snapshot(snapshot)
        return made

    def _first_backup(self, instance: Instance) -> None:
        """The instance can be restored to any moment from the end of its first backup on."""
        if instance.first_backup is None and instance.document["BackupRetentionPeriod"]:
            instance.first_backup = self.world.clock.wall()

    def automated_of(self, instance: Instance) -> list[Snapshot]:
        """The automated snapshots of an instance, oldest first."""
        resource = instance.document["DbiResourceId"]
        return [
            snapshot
            for snapshot in self.regions[instance.region].snapshots.values()
            if snapshot.document["SnapshotType"] == "automated" and snapshot.resource == resource
        ]

    def latest_restorable(self, instance: Instance) -> datetime | None:
        """The last moment that the instance can be restored to; None without backups."""
        if instance.restorable_to is not None:
            return instance.restorable_to
        if instance.document["BackupRetentionPeriod"] == 0 or instance.first_backup is None:
            return None
        behind = timedelta(seconds=self.context.profile.seconds("rds.instance.log_upload"))
        return max(instance.first_backup, self.world.clock.wall() - behind)

    def default_parameter_group(self, region: str, family: str) -> ParameterGroup:
        """The group that RDS keeps for a family; there from its first use."""
        groups = self.regions.setdefault(region, Region()).parameter_groups
        name = f"default.{family}"
        if name not in groups:
            description = f"Default parameter group for {family}"
            groups[name] = ParameterGroup(name, self.arn(region, "pg", name), family, description)
        return groups[name]
