"""New instances from old data: from a snapshot, from a moment in time, as a read replica."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from ...engines import Address
from ..hooks import Hooks
from ..phases import Phase
from ..query import tags_of
from ..wire import Call
from .building import Builder, Maker
from .catalog import Version, version_of
from .describe import describe_instance
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .parameter_values import server_settings
from .retained import backup_arn
from .state import Document, Instance, Server, Snapshot
from .store import Store

_MOST_REPLICAS = 15


class Restores:
    """Handlers of restores and of read replicas."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._store: Store = builder.store
        self._checks = builder.checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.RestoreDBInstanceFromDBSnapshot", self.from_snapshot)
        hooks.replace("rds.RestoreDBInstanceToPointInTime", self.to_moment)
        hooks.replace("rds.CreateDBInstanceReadReplica", self.replica)
        hooks.replace("rds.PromoteReadReplica", self.promote)

    # --- from a snapshot ---

    def from_snapshot(self, call: Call) -> Document:
        """RestoreDBInstanceFromDBSnapshot."""
        wanted = call.params
        name = self._checks.free_name(call.region, wanted["DBInstanceIdentifier"])
        if not wanted.get("DBSnapshotIdentifier"):
            raise refuse("NotImplemented", "Snapshots of clusters are not emulated")
        snapshot = self._store.snapshot(call)
        if snapshot.life.status != "available":
            raise refuse("InvalidDBSnapshotState", f"The snapshot {snapshot.name} is not in the available state.")
        source = {**snapshot.settings, **snapshot.document, "StorageEncrypted": snapshot.document["Encrypted"]}
        instance = self._inherit(call, name, source)
        server = instance.server
        make: Maker | None = None
        if server is not None and snapshot.data is not None:
            user, options = instance.document["MasterUsername"], self._builder.server_options(instance)
            make = partial(server.engine.restore, snapshot.data, server.id, user, **options)
        else:
            # Taken without a real server: nothing could answer.
            instance.server = None
        return self._launch(call, instance, make)

    def _inherit(self, call: Call, name: str, source: Document) -> Instance:
        """An instance like its source where the request does not say otherwise."""
        wanted, checks = call.params, self._checks
        self._builder.check_quota(call.region)
        engine = wanted.get("Engine") or source["Engine"]
        if engine != source["Engine"]:
            raise invalid_combination(f"The engine {engine} can't be restored from a backup of {source['Engine']}.")
        version = version_of(engine, source["EngineVersion"])
        values = self._inherited_values(call, source, version)
        document = self._builder.document(call, name, version, values)
        checks.windows(document["PreferredBackupWindow"], document["PreferredMaintenanceWindow"])
        checks.storage(
            engine,
            {
                **document,
                "Iops": wanted.get("Iops") or _provisioned(document),
                "StorageThroughput": wanted.get("StorageThroughput"),
            },
        )
        checks.multi_az(engine, document["MultiAZ"])
        group = self._builder.parameter_group(call, version)
        subnets = checks.subnet_group(call.region, wanted.get("DBSubnetGroupName"))
        self._builder.place(document, subnets, wanted.get("AvailabilityZone"))
        port = wanted.get("Port") or source["Port"]
        return self._builder.new_instance(call, document, group, subnets, port)

    def _inherited_values(self, call: Call, source: Document, version: Version) -> Document:
        wanted = call.params
        values = self._builder.common(call)
        for key in (
            "AllocatedStorage",
            "StorageType",
            "Iops",
            "StorageThroughput",
            "AutoMinorVersionUpgrade",
            "PreferredMaintenanceWindow",
            "MaxAllocatedStorage",
            "DBName",
            "IAMDatabaseAuthenticationEnabled",
        ):
            if values.get(key) is None:
                values[key] = wanted.get(key) if wanted.get(key) is not None else source.get(key)
        values.update(
            DBInstanceClass=wanted.get("DBInstanceClass") or source["DBInstanceClass"],
            MasterUsername=source["MasterUsername"],
            StorageEncrypted=source["StorageEncrypted"],
            KmsKeyId=source.get("KmsKeyId"),
            TagList=tags_of(wanted.get("Tags")),
        )
        retention = wanted.get("BackupRetentionPeriod")
        values["BackupRetentionPeriod"] = source.get("BackupRetentionPeriod", 1) if retention is None else retention
        self._checks.retention(values["BackupRetentionPeriod"])
        self._checks.instance_class(
            call.region, version.engine, version.number, values["DBInstanceClass"], source["LicenseModel"]
        )
        exports = wanted.get("EnableCloudwatchLogsExports") or []
        self._checks.log_types(version.log_types, exports, version.engine, version.number)
        values["EnabledCloudwatchLogsExports"] = sorted(exports) or None
        return values

    def _launch(self, call: Call, instance: Instance, make: Maker | None) -> Document:
        if call.params.get("ManageMasterUserPassword"):
            instance.secret, password = self._builder.managed_secret(call, instance.document)
            if make is not None and instance.server is not None:
                make = partial(_make_with_password, make, instance, instance.server, password)
        self._builder.launch(call, instance, "rds.instance.restore", make, "incompatible-restore")
        return {"DBInstance": describe_instance(self._store, instance)}

    # --- from a moment in time ---

    def to_moment(self, call: Call) -> Document:
        """RestoreDBInstanceToPointInTime."""
        wanted = call.params
        source = self._source_of_restore(call)
        name = self._checks.free_name(call.region, wanted["TargetDBInstanceIdentifier"], "TargetDBInstanceIdentifier")
        latest, moment = self._store.latest_restorable(source), wanted.get("RestoreTime")
        if source.document["BackupRetentionPeriod"] == 0 or latest is None or source.first_backup is None:
            raise refuse(
                "PointInTimeRestoreNotEnabled",
                f"DB Instance {source.name} does not have automated backups enabled.",
            )
        if bool(moment) == bool(wanted.get("UseLatestRestorableTime")):
            raise invalid_combination("You must specify either RestoreTime or UseLatestRestorableTime, and not both.")
        moment = _aware(moment) if moment else latest
        if not source.first_backup <= moment <= latest:
            raise invalid_value(
                f"The specified instance cannot be restored to a time later than {latest.isoformat()} or earlier than "
                f"{source.first_backup.isoformat()} because its backups are not complete."
            )
        instance = self._inherit(call, name, {**source.document, "Port": source.port})
        make = self._recovery(source, instance, moment)
        if make is None:
            instance.server = None
        return self._launch(call, instance, make)

    def _source_of_restore(self, call: Call) -> Instance:
        wanted = call.params
        if wanted.get("SourceDBInstanceIdentifier"):
            return self._store.instance(call, wanted["SourceDBInstanceIdentifier"])
        resource, backup = wanted.get("SourceDbiResourceId"), wanted.get("SourceDBInstanceAutomatedBackupsArn")
        living = self._store.region(call.region).instances.values()
        for instance in (*living, *self._store.retained(call.region)):
            if instance.document["DbiResourceId"] == resource or backup_arn(self._store, instance) == backup:
                return instance
        if backup:
            raise refuse("DBInstanceAutomatedBackupNotFound", f"The automated backup {backup} was not found.")
        raise refuse("DBInstanceNotFound", f"DBInstance {resource} not found.")

    def _recovery(self, source: Instance, instance: Instance, moment: datetime) -> Maker | None:
        server = instance.server
        if server is None or source.server is None:
            return None
        clock = self._store.world.clock
        # Real servers live in real time, the emulator's clock may be ahead of it.
        real = moment - (clock.wall() - datetime.now(UTC))
        snapshots = [item.data for item in self._usable(source, real) if item.data is not None]
        options = self._builder.server_options(instance)
        return partial(server.engine.restore_to_time, source.server.id, server.id, real, snapshots, **options)

    def _usable(self, source: Instance, real: datetime) -> list[Snapshot]:
        """The snapshots of an instance that were complete by then, oldest first."""
        resource = source.document["DbiResourceId"]
        found = [
            item
            for item in self._store.regions[source.region].snapshots.values()
            if item.resource == resource and item.data is not None and item.taken is not None and item.taken <= real
        ]
        return sorted(found, key=lambda item: item.taken or real)

    # --- read replicas ---

    def replica(self, call: Call) -> Document:
        """CreateDBInstanceReadReplica, of an instance of this or of another region."""
        wanted = call.params
        name = self._checks.free_name(call.region, wanted["DBInstanceIdentifier"])
        if not wanted.get("SourceDBInstanceIdentifier"):
            raise refuse("NotImplemented", "Replicas of clusters are not emulated")
        source = self._store.instance(call, wanted["SourceDBInstanceIdentifier"])
        self._check_source(call, source)
        if source.region == call.region:
            wanted["DBSubnetGroupName"] = wanted.get("DBSubnetGroupName") or source.subnet_group.name
        document = {**source.document, "Port": source.port, "BackupRetentionPeriod": 0, "DeletionProtection": False}
        instance = self._inherit(call, name, document)
        instance.document["PromotionTier"] = None
        if source.document["StorageEncrypted"] and wanted.get("KmsKeyId"):
            instance.document["KmsKeyId"] = self._checks.key(call.region, wanted["KmsKeyId"])
        instance.source = source
        source.replicas.append(instance)
        make = self._replication(source, instance)
        if make is None:
            instance.server = None
        self._builder.launch(call, instance, "rds.replica.create", make)
        return {"DBInstance": describe_instance(self._store, instance)}

    def _check_source(self, call: Call, source: Instance) -> None:
        if source.document["BackupRetentionPeriod"] == 0 and source.source is None:
            raise wrong_state(
                "Automated backups are not enabled for this database instance. To enable automated backups, use "
                "ModifyDBInstance to set the backup retention period to a non-zero value."
            )
        if source.life.status not in ("available", "storage-optimization", "backing-up"):
            raise wrong_state(f"DB instance {source.name} is not in the available state.")
        if source.secret is not None and source.engine == "postgres":
            # Amazon RDS User Guide, "Limitations for Secrets Manager integration with Amazon RDS".
            raise invalid_combination(
                "You can't create a read replica of a DB instance that manages its master user password with Secrets "
                "Manager."
            )
        if len(source.replicas) >= _MOST_REPLICAS:
            raise refuse("InstanceQuotaExceeded", f"A DB instance can have {_MOST_REPLICAS} read replicas at most.")
        foreign = source.region != call.region
        if foreign and not call.params["SourceDBInstanceIdentifier"].startswith("arn:"):
            raise invalid_value("The source of a cross-region read replica must be given as an ARN.")
        if foreign and source.document["StorageEncrypted"] and not call.params.get("KmsKeyId"):
            raise invalid_combination(
                "Cannot create a cross region read replica of an encrypted source without specifying a KMS key"
            )

    def _replication(self, source: Instance, instance: Instance) -> Maker | None:
        server = instance.server
        if server is None or source.server is None:
            return None
        options = self._builder.server_options(instance)
        return partial(server.engine.replicate, source.server.id, server.id, **options)

    def promote(self, call: Call) -> Document:
        """PromoteReadReplica."""
        instance, wanted = self._store.instance(call), call.params
        source = instance.source
        if source is None:
            raise wrong_state("DB Instance is not a read replica.")
        if instance.life.status not in ("available", "storage-optimization"):
            raise wrong_state(f"DB instance {instance.name} is not in the available state.")
        retention = wanted.get("BackupRetentionPeriod")
        self._checks.retention(1 if retention is None else retention)
        server = instance.server
        phase = self._store.phase(call, "modifying", "rds.replica.promote", failed_status="available")
        if server is not None and phase.failure is None:
            phase.begin = lambda: server.run(partial(_promote_server, instance, server))

        def finish() -> None:
            instance.source = None
            if instance in source.replicas:
                source.replicas.remove(instance)
            instance.document["BackupRetentionPeriod"] = 1 if retention is None else retention
            if wanted.get("PreferredBackupWindow"):
                instance.document["PreferredBackupWindow"] = wanted["PreferredBackupWindow"]
            self._store.record(instance, "Promoted read replica to a stand-alone DB instance", "notification")
            if instance.document["BackupRetentionPeriod"]:
                self._store.automated_backup(instance)

        phase.finish = finish
        instance.life.enter(self._store.context, phase, Phase("rebooting", "rds.instance.reboot"))
        return {"DBInstance": describe_instance(self._store, instance)}


def _make_with_password(make: Maker, instance: Instance, server: Server, password: str) -> Address:
    address = make()
    server.engine.set_password(server.id, instance.document["MasterUsername"], password)
    return address


def _promote_server(instance: Instance, server: Server) -> None:
    server.engine.promote(server.id)
    settings, _ = server_settings(instance.parameter_group)
    server.engine.set_parameters(server.id, settings)


def _provisioned(document: Document) -> int | None:
    return document.get("Iops") if str(document["StorageType"]).startswith("io") else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
