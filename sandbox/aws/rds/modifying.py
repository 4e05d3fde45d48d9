"""Carrying modifications out: in which states, for how long, and what the real server does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..phases import Phase
from ..wire import Call
from .building import Builder, make_log_groups, new_password
from .catalog import certificate
from .errors import invalid_combination, wrong_state
from .state import Document, Instance, ManagedSecret

# Shown in the very answer: nothing has to be done for them.
_AT_ONCE = (
    "AutoMinorVersionUpgrade",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DatabaseInsightsMode",
    "DeletionProtection",
    "MaxAllocatedStorage",
    "NetworkType",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PromotionTier",
)
_STORAGE = ("AllocatedStorage", "StorageType", "Iops", "StorageThroughput")
# Parameter -> the status and duration of its own phase; all others share "modifying".
_OWN_PHASE = {
    "CloudwatchLogsExportConfiguration": ("configuring-log-exports", "rds.instance.log_exports"),
    "EnableIAMDatabaseAuthentication": ("configuring-iam-database-auth", "rds.instance.log_exports"),
    "EngineVersion": ("upgrading", "rds.instance.upgrade"),
    "MasterUserPassword": ("resetting-master-credentials", "rds.instance.reset_password"),
    "MonitoringInterval": ("configuring-enhanced-monitoring", "rds.instance.log_exports"),
    "NewDBInstanceIdentifier": ("renaming", "rds.instance.rename"),
}
_LAST = "NewDBInstanceIdentifier"


class Modifications:
    """Begins modifications and applies them when their time has come."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._store = builder.store
        self._store.passwords.rotators["rds"] = self.rotate_secret
        self._setters: dict[str, Callable[[Instance, Any], None]] = {
            "BackupRetentionPeriod": self._set_retention,
            "CACertificateIdentifier": _set_certificate,
            "CloudwatchLogsExportConfiguration": self._set_logs,
            "DBParameterGroupName": self._set_group,
            "DBPortNumber": _set_port,
            "DBSubnetGroupName": self._set_subnets,
            "EnableIAMDatabaseAuthentication": _set_iam,
            "EnablePerformanceInsights": self._set_insights,
            "MasterUserPassword": self._set_password,
            "MonitoringInterval": _set_monitoring,
            "MultiAZ": self._set_multi_az,
            "NewDBInstanceIdentifier": self._rename,
            "VpcSecurityGroupIds": self._set_security_groups,
        }

    def start(self, call: Call, instance: Instance, changes: Document) -> None:
        """Apply what applies at once; begin the rest."""
        for key in _AT_ONCE:
            if key in changes:
                self._set(instance, key, changes.pop(key))
        retention = changes.get("BackupRetentionPeriod")
        if retention is not None and 0 not in (retention, instance.document["BackupRetentionPeriod"]):
            instance.document["BackupRetentionPeriod"] = changes.pop("BackupRetentionPeriod")
        if changes:
            self.run(instance, changes, call)

    def run(self, instance: Instance, changes: Document, call: Call | None) -> None:
        """Begin modifications that take time. The status goes on saying ``available`` for some seconds."""
        store = self._store
        instance.applying = dict(changes)
        phases = [Phase("available", "rds.instance.notice")]
        shared = {key: value for key, value in changes.items() if key not in _OWN_PHASE}
        if shared:
            phases.append(self._phase(instance, "modifying", "rds.instance.modify", shared))
        for key in sorted(set(changes) & set(_OWN_PHASE), key=lambda item: item == _LAST):
            status, duration = _OWN_PHASE[key]
            phases.append(self._phase(instance, status, duration, {key: changes[key]}))
        if any(key in changes for key in _STORAGE):
            phases.append(Phase("storage-optimization", "rds.instance.storage_optimization"))
            whole = sum(store.context.profile.seconds(phase.duration) for phase in phases)
            instance.optimised_at = store.context.clock.now() + whole
        if call is not None:
            self._let_fail(call, instance, phases[1])
        instance.life.resting = "available"
        instance.life.enter(store.context, *phases)

    def _let_fail(self, call: Call, instance: Instance, phase: Phase) -> None:
        """An injected failure: nothing is changed, and an event says why."""
        probe = self._store.phase(call, phase.status, phase.duration, failed_status="available")
        if probe.failure is not None:
            phase.failure, phase.begin = probe.failure, None
            phase.on_failure = lambda reason: self._given_up(instance, reason)

    def _given_up(self, instance: Instance, reason: str) -> None:
        instance.applying = {}
        instance.optimised_at = 0.0
        self._store.record(instance, f"Unable to modify the DB instance. {reason}", "failure")

    def _phase(self, instance: Instance, status: str, duration: str, changes: Document) -> Phase:
        phase = Phase(status, duration, failed_status="available")
        phase.on_failure = lambda reason: self._given_up(instance, reason)
        work = self._server_work(instance, changes)
        server = instance.server
        if work and server is not None:
            phase.begin = lambda: server.run(lambda: [step() for step in work])

        def finish() -> None:
            for key, value in changes.items():
                self._set(instance, key, value)
                instance.applying.pop(key, None)

        phase.finish = finish
        return phase

    def _server_work(self, instance: Instance, changes: Document) -> list[Callable[[], Any]]:
        """What the real server has to do."""
        if instance.server is None:
            return []
        engine, server = instance.server.engine, instance.server.id
        steps: list[Callable[[], Any]] = []
        if "MasterUserPassword" in changes:
            user, password = instance.document["MasterUsername"], changes["MasterUserPassword"]
            steps.append(lambda: engine.set_password(server, user, password))
        if "DBPortNumber" in changes:

            def move() -> None:
                instance.address = engine.move(server, changes["DBPortNumber"])

            steps.append(move)
        if changes.keys() & {"DBInstanceClass", "EngineVersion"}:
            # The outage that the real change brings.
            steps.append(lambda: engine.restart(server))
        return steps

    def _set(self, instance: Instance, key: str, value: Any) -> None:
        """Let one modification be true."""
        handler = self._setters.get(key)
        if handler is not None:
            handler(instance, value)
            return
        document = instance.document
        document[key] = value
        if key == "StorageType" and value == "gp3":
            document["Iops"] = document.get("Iops") or 3000
            document["StorageThroughput"] = document.get("StorageThroughput") or 125
        elif key == "StorageType":
            document["StorageThroughput"] = 0

    def _set_security_groups(self, instance: Instance, groups: list[str]) -> None:
        instance.security_groups = list(groups)
        self._rewire(instance)

    def _set_subnets(self, instance: Instance, name: str) -> None:
        instance.subnet_group = self._builder.checks.subnet_group(instance.region, name)
        self._rewire(instance)

    def _set_logs(self, instance: Instance, value: Document) -> None:
        document = instance.document
        kinds = set(document.get("EnabledCloudwatchLogsExports") or ()) | set(value["EnableLogTypes"])
        document["EnabledCloudwatchLogsExports"] = sorted(kinds - set(value["DisableLogTypes"])) or None
        make_log_groups(self._store, instance)

    def _set_multi_az(self, instance: Instance, wanted: bool) -> None:
        document = instance.document
        document["MultiAZ"] = wanted
        self._builder.place(document, instance.subnet_group, None if wanted else document["AvailabilityZone"])

    def _set_password(self, instance: Instance, _: str) -> None:
        self._store.record(instance, "Reset master credentials", "configuration change")

    def _set_group(self, instance: Instance, name: str) -> None:
        """A new parameter group waits for a reboot."""
        store = self._store
        groups = store.regions[instance.region].parameter_groups
        family = name.removeprefix("default.")
        known = name in groups
        instance.parameter_group = groups[name] if known else store.default_parameter_group(instance.region, family)
        instance.group_status = "pending-reboot"
        instance.group_ends_at = store.context.ends_at("rds.parameters.apply")

    def _set_insights(self, instance: Instance, enabled: bool) -> None:
        document = instance.document
        document["PerformanceInsightsEnabled"] = enabled
        if enabled:
            document["PerformanceInsightsKMSKeyId"] = self._builder.checks.key(instance.region, None)
            document.setdefault("PerformanceInsightsRetentionPeriod", 7)
        else:
            document.pop("PerformanceInsightsKMSKeyId", None)
            document.pop("PerformanceInsightsRetentionPeriod", None)

    def _set_retention(self, instance: Instance, days: int) -> None:
        instance.document["BackupRetentionPeriod"] = days
        if days:
            self._store.automated_backup(instance)
        else:
            instance.first_backup = instance.next_backup = None
            for snapshot in self._store.automated_of(instance):
                self._store.remove_snapshot(snapshot)

    def _rewire(self, instance: Instance) -> None:
        """Network interfaces follow groups and subnets."""
        store = self._store
        ec2 = store.world.ec2(instance.region)
        store.footprint.detach(instance.region, instance.interfaces)
        subnets = [ec2.get_subnet(subnet_id) for subnet_id, _ in instance.subnet_group.subnets[:1]]
        description = "RDSNetworkInterface"
        instance.interfaces = store.footprint.attach(instance.region, subnets, instance.security_groups, description, 1)

    def _rename(self, instance: Instance, name: str) -> None:
        instances = self._store.regions[instance.region].instances
        del instances[instance.name]
        arn = self._store.arn(instance.region, "db", name)
        instance.document.update(DBInstanceIdentifier=name, DBInstanceArn=arn)
        instances[name] = instance

    # --- the master user's password in Secrets Manager ---

    def secret(self, call: Call, instance: Instance, wanted: Document) -> None:
        """ManageMasterUserPassword and RotateMasterUserPassword."""
        manage = wanted.get("ManageMasterUserPassword")
        if wanted.get("RotateMasterUserPassword"):
            if instance.secret is None:
                raise invalid_combination(
                    "You can't specify RotateMasterUserPassword because ManageMasterUserPassword isn't turned on."
                )
            if not wanted.get("ApplyImmediately"):
                raise invalid_combination("You must specify ApplyImmediately when rotating the master user password.")
            self._rotate(instance, instance.secret)
        elif manage and instance.secret is None:
            secret, password = self._builder.managed_secret(call, instance.document)
            instance.secret = secret
            self._begin_password(instance, secret, password)
        elif manage is False and instance.secret is not None:
            if "MasterUserPassword" not in wanted:
                raise invalid_combination(
                    "You must specify MasterUserPassword when turning off ManageMasterUserPassword."
                )
            self._store.passwords.remove(instance.region, instance.secret.arn)
            instance.secret = None

    def rotate_secret(self, region: str, arn: str) -> None:
        """What Secrets Manager asks for when somebody rotates the secret there."""
        for instance in self._store.region(region).instances.values():
            if instance.secret is not None and instance.secret.arn == arn:
                self._rotate(instance, instance.secret)
                return
        raise wrong_state("The DB instance of the secret does not exist.")

    def _rotate(self, instance: Instance, secret: ManagedSecret) -> None:
        if instance.life.status not in ("available", "storage-optimization"):
            raise wrong_state("Database instance is not in available state.")
        self._begin_password(instance, secret, new_password())

    def _begin_password(self, instance: Instance, secret: ManagedSecret, password: str) -> None:
        """The server gets the password, then the secret: who reads the secret finds what works."""
        secret.status = "rotating" if secret.status == "active" else "creating"
        server = instance.server
        user = instance.document["MasterUsername"]
        phase = Phase("resetting-master-credentials", "rds.instance.reset_password", failed_status="available")
        if server is not None:
            phase.begin = lambda: server.run(lambda: server.engine.set_password(server.id, user, password))

        def finish() -> None:
            found = self._store.passwords.find(instance.region, secret.arn)
            text = json.dumps({"username": user, "password": password})
            if found is not None:
                self._store.passwords.set_managed(found, text)
            secret.status = "active"
            self._store.record(instance, "The master user password was rotated", "configuration change")

        phase.finish = finish
        instance.life.resting = "available"
        instance.life.enter(self._store.context, phase)


def _set_certificate(instance: Instance, name: str) -> None:
    instance.document.update(certificate(name))


def _set_port(instance: Instance, port: int) -> None:
    instance.port = port


def _set_iam(instance: Instance, enabled: bool) -> None:
    instance.document["IAMDatabaseAuthenticationEnabled"] = enabled


def _set_monitoring(instance: Instance, interval: int) -> None:
    instance.document["MonitoringInterval"] = interval
    if not interval:
        instance.document.pop("MonitoringRoleArn", None)
