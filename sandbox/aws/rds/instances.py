"""Instances: made, described, started, stopped, rebooted, deleted."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..hooks import Hooks
from ..phases import Phase
from ..query import page, tags_of
from ..wire import Call
from .building import Builder, Maker
from .catalog import DEFAULT_PORT, VERSIONS, Version, find_version, license_models
from .checks import identifier
from .describe import describe_instance, filtered
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .parameter_values import server_settings
from .state import Document, Instance, Server

_FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "engine": "Engine",
}


class Instances:
    """Handlers of the operations on instances as such."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._store = builder.store
        self._checks = builder.checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.CreateDBInstance", self.create)
        hooks.replace("rds.DescribeDBInstances", self.describe)
        hooks.replace("rds.DeleteDBInstance", self.delete)
        hooks.replace("rds.StartDBInstance", self.start)
        hooks.replace("rds.StopDBInstance", self.stop)
        hooks.replace("rds.RebootDBInstance", self.reboot)

    def create(self, call: Call) -> Document:
        """CreateDBInstance."""
        wanted, region, checks = call.params, call.region, self._checks
        name = checks.free_name(region, wanted["DBInstanceIdentifier"])
        self._builder.check_quota(region)
        engine = wanted["Engine"]
        if engine not in VERSIONS:
            raise invalid_value(f"Invalid DB engine: {engine}")
        version = find_version(engine, wanted.get("EngineVersion"))
        if version is None:
            raise invalid_combination(f"Cannot find version {wanted.get('EngineVersion')} for {engine}")
        license_model = wanted.get("LicenseModel") or license_models(engine)[0]
        if license_model not in license_models(engine):
            raise invalid_combination(f"Invalid license model '{license_model}' for engine '{engine}'.")
        checks.instance_class(region, engine, version.number, wanted["DBInstanceClass"], license_model)
        self._check_credentials(call, engine)
        values = self._builder.common(call)
        retention = wanted.get("BackupRetentionPeriod")
        values.update(
            DBInstanceClass=wanted["DBInstanceClass"],
            AllocatedStorage=wanted.get("AllocatedStorage") or 0,
            StorageType=values["StorageType"] or ("io1" if wanted.get("Iops") else "gp2"),
            MasterUsername=wanted["MasterUsername"],
            BackupRetentionPeriod=1 if retention is None else retention,
            TagList=tags_of(wanted.get("Tags")),
        )
        checks.storage(engine, values)
        checks.multi_az(engine, bool(values["MultiAZ"]))
        checks.retention(values["BackupRetentionPeriod"])
        exports = wanted.get("EnableCloudwatchLogsExports") or []
        checks.log_types(version.log_types, exports, engine, version.number)
        values["EnabledCloudwatchLogsExports"] = sorted(exports) or None
        if wanted.get("KmsKeyId") and not wanted.get("StorageEncrypted"):
            raise invalid_combination("KmsKeyId can be specified only when StorageEncrypted is true.")
        if wanted.get("StorageEncrypted"):
            values.update(StorageEncrypted=True, KmsKeyId=checks.key(region, wanted.get("KmsKeyId")))
        return self._make(call, name, version, values)

    def _make(self, call: Call, name: str, version: Version, values: Document) -> Document:
        wanted = call.params
        document = self._builder.document(call, name, version, values)
        self._checks.windows(document["PreferredBackupWindow"], document["PreferredMaintenanceWindow"])
        group = self._builder.parameter_group(call, version)
        subnets = self._checks.subnet_group(call.region, wanted.get("DBSubnetGroupName"))
        self._builder.place(document, subnets, wanted.get("AvailabilityZone"))
        port = wanted.get("Port") or DEFAULT_PORT[version.engine]
        if not 1150 <= port <= 65535:
            raise invalid_value(f"Invalid value {port} for port. Must be between 1150 and 65535.")
        instance = self._builder.new_instance(call, document, group, subnets, port)
        if wanted.get("ManageMasterUserPassword"):
            instance.secret, password = self._builder.managed_secret(call, document)
        else:
            password = wanted["MasterUserPassword"]
        self._builder.launch(call, instance, "rds.instance.create", self._maker(instance, password))
        return {"DBInstance": describe_instance(self._store, instance)}

    def _maker(self, instance: Instance, password: str) -> Maker | None:
        server = instance.server
        if server is None:
            return None
        document = instance.document
        databases = [document["DBName"]] if document.get("DBName") not in (None, "postgres") else []
        settings, _ = server_settings(instance.parameter_group)
        options = self._builder.server_options(instance)
        return partial(
            server.engine.start,
            server.id,
            document["MasterUsername"],
            password,
            databases,
            parameters=settings,
            **options,
        )

    def _check_credentials(self, call: Call, engine: str) -> None:
        wanted = call.params
        if not wanted.get("MasterUsername"):
            raise invalid_value("The parameter MasterUsername must be provided and must not be blank.")
        self._checks.master_user(engine, wanted["MasterUsername"])
        self._checks.database_name(engine, wanted.get("DBName"))
        if wanted.get("ManageMasterUserPassword"):
            if wanted.get("MasterUserPassword"):
                raise invalid_combination(
                    "You can't specify MasterUserPassword when ManageMasterUserPassword is turned on."
                )
            return
        if wanted.get("MasterUserSecretKmsKeyId"):
            raise invalid_combination(
                "MasterUserSecretKmsKeyId is valid only when ManageMasterUserPassword is turned on."
            )
        if not wanted.get("MasterUserPassword"):
            raise invalid_value("The parameter MasterUserPassword must be provided and must not be blank.")
        self._checks.password(engine, wanted["MasterUserPassword"])

    def describe(self, call: Call) -> Document:
        """DescribeDBInstances."""
        if call.params.get("DBInstanceIdentifier"):
            found = [self._store.instance(call)]
        else:
            instances = self._store.region(call.region).instances
            found = [instances[name] for name in sorted(instances)]
        shown = [describe_instance(self._store, instance) for instance in found]
        return page(call, filtered(shown, call.params.get("Filters"), _FILTERS), "DBInstances")

    def delete(self, call: Call) -> Document:
        """DeleteDBInstance."""
        instance, wanted = self._store.instance(call), call.params
        if instance.document["DeletionProtection"]:
            raise invalid_combination(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        final = wanted.get("FinalDBSnapshotIdentifier")
        self._check_final(call, instance, final)
        status = instance.life.status
        if status == "deleting":
            raise wrong_state(f"Instance {instance.name} is already being deleted.")
        if final:
            if status not in ("available", "storage-optimization", "storage-full"):
                raise wrong_state(
                    f"Cannot create a snapshot because the database instance {instance.name} is not currently in the "
                    "available state."
                )
            tags = dict(instance.tags) if instance.document["CopyTagsToSnapshot"] else {}
            self._store.take(instance, final.lower(), "manual", tags, Phase("creating", "rds.snapshot.create"))
        instance.life.phases.clear()
        phase = self._store.phase(call, "deleting", "rds.instance.delete")
        latest = self._store.latest_restorable(instance)
        keep = wanted.get("DeleteAutomatedBackups") is False and latest is not None
        if phase.failure is None:
            phase.begin = lambda: self._end_server(instance, keep)
        phase.finish = lambda: self._gone(instance, latest if keep else None)
        instance.life.enter(self._store.context, phase)
        return {"DBInstance": describe_instance(self._store, instance)}

    def _check_final(self, call: Call, instance: Instance, final: str | None) -> None:
        skip = call.params.get("SkipFinalSnapshot", False)
        if skip and final:
            raise invalid_combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting an instance with SkipFinalSnapshot."
            )
        if not skip and not final:
            raise invalid_combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        if final:
            identifier(final, "FinalDBSnapshotIdentifier", 255)
            if instance.source is not None:
                raise invalid_combination(
                    "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance"
                )
            if final.lower() in self._store.region(call.region).snapshots:
                raise refuse(
                    "DBSnapshotAlreadyExists",
                    f"Cannot create the snapshot because a snapshot with the identifier {final} already exists.",
                )

    @staticmethod
    def _end_server(instance: Instance, keep: bool) -> Future[Any] | None:
        for replica in instance.replicas:
            # Replicas of a deleted source stand alone.
            if replica.server is not None:
                replica.server.run(partial(replica.server.engine.promote, replica.server.id))
        server = instance.server
        if server is None:
            return None
        return server.run(partial(server.engine.retire if keep else server.engine.delete, server.id))

    def _gone(self, instance: Instance, restorable_to: datetime | None) -> None:
        store = self._store
        region = store.regions[instance.region]
        region.instances.pop(instance.name, None)
        store.footprint.detach(instance.region, instance.interfaces)
        if instance.source is not None:
            instance.source.replicas.remove(instance)
        for replica in instance.replicas:
            replica.source = None
        if instance.secret is not None:
            store.passwords.remove(instance.region, instance.secret.arn)
        if restorable_to is not None:
            instance.restorable_to = restorable_to
            instance.retained_until = store.world.clock.wall() + timedelta(
                days=instance.document["BackupRetentionPeriod"]
            )
            region.retained.append(instance)
        else:
            for snapshot in store.automated_of(instance):
                store.remove_snapshot(snapshot)
        store.record(instance, "DB instance deleted", "deletion")

    def start(self, call: Call) -> Document:
        """StartDBInstance."""
        instance = self._store.instance(call)
        if instance.life.status != "stopped":
            raise wrong_state(
                f"Instance {instance.name} cannot be started as it is not in one of the following statuses: "
                "'stopped, inaccessible-encryption-credentials-recoverable, incompatible-network'."
            )
        server = instance.server
        phase = self._store.phase(call, "starting", "rds.instance.start", failed_status="stopped")
        if server is not None and phase.failure is None:
            phase.begin = lambda: server.run(partial(server.engine.resume, server.id))
        phase.finish = lambda: self._rest(instance, "available", "DB instance started")
        instance.life.enter(self._store.context, phase)
        return {"DBInstance": describe_instance(self._store, instance)}

    def stop(self, call: Call) -> Document:
        """StopDBInstance."""
        instance = self._store.instance(call)
        if instance.source is not None or instance.replicas:
            raise wrong_state("Cannot stop or start a read replica instance or an instance that has read replicas.")
        if instance.life.status != "available":
            raise wrong_state(f"Instance {instance.name} is not in available state.")
        if call.params.get("DBSnapshotIdentifier"):
            name = call.params["DBSnapshotIdentifier"].lower()
            self._store.take(instance, name, "manual", {}, Phase("creating", "rds.snapshot.create"))
        server = instance.server
        phase = self._store.phase(call, "stopping", "rds.instance.stop", failed_status="available")
        if server is not None and phase.failure is None:
            phase.begin = lambda: server.run(partial(server.engine.stop, server.id))
        phase.finish = lambda: self._rest(instance, "stopped", "DB instance stopped")
        instance.life.enter(self._store.context, phase)
        return {"DBInstance": describe_instance(self._store, instance)}

    def _rest(self, instance: Instance, status: str, message: str) -> None:
        instance.life.resting = status
        self._store.record(instance, message, "notification")

    def reboot(self, call: Call) -> Document:
        """RebootDBInstance: what waits for a reboot comes into force."""
        instance = self._store.instance(call)
        if instance.life.status not in ("available", "storage-optimization", "incompatible-parameters"):
            raise wrong_state("Database instance is not in available state.")
        failover = call.params.get("ForceFailover", False)
        if failover and not instance.document["MultiAZ"]:
            raise invalid_combination("Cannot force failover for a DB instance that is not Multi-AZ.")
        server = instance.server
        phase = self._store.phase(call, "rebooting", "rds.instance.reboot", failed_status="available")
        if server is not None and phase.failure is None:
            phase.begin = lambda: server.run(partial(_restart_server, instance, server))
        phase.finish = lambda: self._rebooted(instance, failover)
        instance.life.enter(self._store.context, phase)
        return {"DBInstance": describe_instance(self._store, instance)}

    def _rebooted(self, instance: Instance, failover: bool) -> None:
        instance.group_status = "in-sync"
        instance.life.resting = "available"
        document = instance.document
        if failover:
            zones = document["AvailabilityZone"], document["SecondaryAvailabilityZone"]
            document["SecondaryAvailabilityZone"], document["AvailabilityZone"] = zones
            self._store.record(instance, "Multi-AZ instance failover completed", "failover")
        self._store.record(instance, "DB instance restarted", "availability")


def _restart_server(instance: Instance, server: Server) -> None:
    settings, force_tls = server_settings(instance.parameter_group)
    server.engine.set_parameters(server.id, settings)
    server.engine.require_tls(server.id, force_tls)
    server.engine.restart(server.id)
