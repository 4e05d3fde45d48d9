"""ModifyDBInstance: what is checked, what applies at once, what waits for the maintenance window."""

from __future__ import annotations

from typing import Any

from ..hooks import Hooks
from ..query import next_weekly, tags_of
from ..wire import Call
from .building import Builder
from .catalog import CERTIFICATES, Version, find_version, upgrade_targets, version_of
from .describe import describe_instance
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .modifying import Modifications
from .state import Document, Instance

# Wait for the maintenance window unless ApplyImmediately; the rest is applied as soon as possible.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
DEFERRABLE = frozenset(
    {
        "AllocatedStorage",
        "DBInstanceClass",
        "DBSubnetGroupName",
        "DedicatedLogVolume",
        "EngineVersion",
        "Iops",
        "LicenseModel",
        "MultiAZ",
        "NewDBInstanceIdentifier",
        "StorageThroughput",
        "StorageType",
    }
)
# Parameters that are fields of the description under the same name.
_SAME_NAME = (
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DatabaseInsightsMode",
    "DBInstanceClass",
    "DedicatedLogVolume",
    "DeletionProtection",
    "Iops",
    "LicenseModel",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "MultiAZ",
    "NetworkType",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "PubliclyAccessible",
    "StorageThroughput",
    "StorageType",
)
_OTHER_NAME = {
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
}
_STORAGE = {"AllocatedStorage", "StorageType", "Iops", "StorageThroughput"}
_CONTROL = {
    "DBInstanceIdentifier",
    "ApplyImmediately",
    "AllowMajorVersionUpgrade",
    "CertificateRotationRestart",
    "RotateMasterUserPassword",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "PerformanceInsightsKMSKeyId",
    "TagSpecifications",
}
_SPECIAL = {
    "CloudwatchLogsExportConfiguration",
    "DBParameterGroupName",
    "DBPortNumber",
    "DBSubnetGroupName",
    "EngineVersion",
    "MasterUserPassword",
    "NewDBInstanceIdentifier",
    "VpcSecurityGroupIds",
}


class Changes:
    """The handler of ModifyDBInstance."""

    def __init__(self, builder: Builder, modifications: Modifications) -> None:
        self._builder = builder
        self._store = builder.store
        self._checks = builder.checks
        self._modifications = modifications

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.ModifyDBInstance", self.modify)
        self._store.daily.append(self._apply_when_due)

    def modify(self, call: Call) -> Document:
        """ModifyDBInstance."""
        instance = self._store.instance(call)
        wanted = {key: value for key, value in call.params.items() if value is not None}
        unknown = sorted(set(wanted) - _CONTROL - _SPECIAL - set(_SAME_NAME) - set(_OTHER_NAME))
        if unknown:
            raise refuse("NotImplemented", f"ModifyDBInstance: {', '.join(unknown)} is not emulated")
        self._check_state(instance, wanted)
        changes = self._differences(call, instance, wanted)
        self._check(call, instance, changes)
        at_once = bool(wanted.get("ApplyImmediately"))
        deferred = {} if at_once else {key: value for key, value in changes.items() if _waits(instance, key, value)}
        now = {key: value for key, value in changes.items() if key not in deferred}
        self._cancel_reverted(instance, wanted)
        if at_once:
            # What was pending goes along.
            now, instance.pending = {**instance.pending, **now}, {}
        self._modifications.secret(call, instance, wanted)
        instance.pending.update(deferred)
        instance.pending_at = self._window(instance) if instance.pending else None
        if now:
            self._modifications.start(call, instance, now)
        return {"DBInstance": describe_instance(self._store, instance)}

    def _window(self, instance: Instance) -> Any:
        return next_weekly(instance.document["PreferredMaintenanceWindow"], self._store.world.clock.wall())

    def _apply_when_due(self, instance: Instance) -> None:
        if instance.pending_at is not None and self._store.world.clock.wall() >= instance.pending_at:
            changes, instance.pending, instance.pending_at = instance.pending, {}, None
            self._modifications.run(instance, changes, None)

    @staticmethod
    def _check_state(instance: Instance, wanted: Document) -> None:
        status = instance.life.status
        storage = set(wanted) & _STORAGE
        fine = status == "available" or (status == "storage-optimization" and not storage)
        fine = fine or (status == "storage-full" and bool(storage)) or status == "incompatible-parameters"
        if not fine or (instance.applying and status == "available"):
            raise wrong_state("Database instance is not in available state.")

    # --- what is different ---

    def _differences(self, call: Call, instance: Instance, wanted: Document) -> Document:
        """The parameters that ask for something else than there is."""
        document = instance.document
        changes: Document = {}
        for key, field in {**{name: name for name in _SAME_NAME}, **_OTHER_NAME}.items():
            if key in wanted and wanted[key] != document.get(field):
                changes[key] = wanted[key]
        if "EngineVersion" in wanted:
            version = self._version(instance, wanted)
            if version.number != document["EngineVersion"]:
                changes["EngineVersion"] = version.number
        if "DBPortNumber" in wanted and wanted["DBPortNumber"] != instance.port:
            changes["DBPortNumber"] = wanted["DBPortNumber"]
        if "MasterUserPassword" in wanted:
            changes["MasterUserPassword"] = wanted["MasterUserPassword"]
        self._other_differences(call, instance, wanted, changes)
        changes.pop("MaxAllocatedStorage", None) if _autoscaling_off(instance, changes) else None
        return changes

    def _other_differences(self, call: Call, instance: Instance, wanted: Document, changes: Document) -> None:
        if "VpcSecurityGroupIds" in wanted and set(wanted["VpcSecurityGroupIds"]) != set(instance.security_groups):
            changes["VpcSecurityGroupIds"] = wanted["VpcSecurityGroupIds"]
        name = wanted.get("DBParameterGroupName", instance.parameter_group.name).lower()
        if name != instance.parameter_group.name:
            changes["DBParameterGroupName"] = name
        subnets = wanted.get("DBSubnetGroupName", instance.subnet_group.name).lower()
        if subnets != instance.subnet_group.name:
            changes["DBSubnetGroupName"] = subnets
        new_name = wanted.get("NewDBInstanceIdentifier", instance.name).lower()
        if new_name != instance.name:
            changes["NewDBInstanceIdentifier"] = new_name
        logs = wanted.get("CloudwatchLogsExportConfiguration")
        if logs:
            exported = set(instance.document.get("EnabledCloudwatchLogsExports") or ())
            enable = [kind for kind in logs.get("EnableLogTypes") or () if kind not in exported]
            disable = [kind for kind in logs.get("DisableLogTypes") or () if kind in exported]
            if enable or disable:
                changes["CloudwatchLogsExportConfiguration"] = {"EnableLogTypes": enable, "DisableLogTypes": disable}
        if "TagSpecifications" in wanted:
            instance.tags.update(tags_of(wanted["TagSpecifications"][0].get("Tags")))

    def _version(self, instance: Instance, wanted: Document) -> Version:
        engine, current = instance.engine, instance.document["EngineVersion"]
        major = find_version(engine, current)
        if major is not None and wanted["EngineVersion"] == major.major:
            return major
        version = find_version(engine, wanted["EngineVersion"])
        if version is None:
            raise invalid_combination(
                f"Cannot find upgrade target from {current} with requested version {wanted['EngineVersion']}."
            )
        return version

    @staticmethod
    def _cancel_reverted(instance: Instance, wanted: Document) -> None:
        """A pending change ends when the present value is asked for."""
        for key in list(instance.pending):
            field = _OTHER_NAME.get(key, key)
            if key in wanted and wanted[key] == instance.document.get(field):
                del instance.pending[key]

    # --- what is allowed ---

    def _check(self, call: Call, instance: Instance, changes: Document) -> None:
        checks, document, region = self._checks, instance.document, call.region
        engine = instance.engine
        if "DBInstanceClass" in changes:
            checks.instance_class(
                region, engine, document["EngineVersion"], changes["DBInstanceClass"], document["LicenseModel"]
            )
        if "EngineVersion" in changes:
            self._check_upgrade(call, instance, changes["EngineVersion"])
        if changes.get("MultiAZ"):
            checks.multi_az(engine, True)
            self._builder.place({**document, "MultiAZ": True}, instance.subnet_group, None)
        if set(changes) & (_STORAGE | {"MaxAllocatedStorage"}):
            self._check_storage(call, instance, changes)
        if "BackupRetentionPeriod" in changes:
            checks.retention(changes["BackupRetentionPeriod"])
            if instance.replicas and changes["BackupRetentionPeriod"] == 0:
                raise wrong_state("Cannot disable backups for an instance that has read replicas.")
        after = {**document, **changes}
        checks.windows(after["PreferredBackupWindow"], after["PreferredMaintenanceWindow"])
        if "MasterUserPassword" in changes:
            if instance.secret is not None and call.params.get("ManageMasterUserPassword") is not False:
                raise invalid_combination(
                    "You can't specify MasterUserPassword when ManageMasterUserPassword is turned on."
                )
            checks.password(engine, changes["MasterUserPassword"])
        if "MonitoringInterval" in changes:
            role = changes.get("MonitoringRoleArn", document.get("MonitoringRoleArn"))
            checks.monitoring(changes["MonitoringInterval"], role)
        self._check_references(call, instance, changes)

    def _check_references(self, call: Call, instance: Instance, changes: Document) -> None:
        checks, region = self._checks, call.region
        if "VpcSecurityGroupIds" in changes:
            checks.security_groups(region, changes["VpcSecurityGroupIds"], instance.subnet_group.vpc_id)
        if "DBParameterGroupName" in changes:
            version = version_of(instance.engine, {**instance.document, **changes}["EngineVersion"])
            self._builder.parameter_group(call, version)
        if "DBSubnetGroupName" in changes:
            group = checks.subnet_group(region, changes["DBSubnetGroupName"])
            if group.vpc_id == instance.subnet_group.vpc_id:
                raise refuse(
                    "InvalidVPCNetworkStateFault",
                    f"The specified DB instance {instance.name} is already in the target VPC. The specified target DB "
                    "subnet group must be in a VPC different from that of the DB instance.",
                )
        if "NewDBInstanceIdentifier" in changes:
            checks.free_name(region, changes["NewDBInstanceIdentifier"], "NewDBInstanceIdentifier")
        if "CACertificateIdentifier" in changes and changes["CACertificateIdentifier"] not in CERTIFICATES:
            raise refuse("CertificateNotFound", f"CA Certificate {changes['CACertificateIdentifier']} not found.")
        if "DBPortNumber" in changes and not 1150 <= changes["DBPortNumber"] <= 65535:
            raise invalid_value(f"Invalid value {changes['DBPortNumber']} for port. Must be between 1150 and 65535.")
        checks.insights_retention(changes.get("PerformanceInsightsRetentionPeriod"))
        logs = changes.get("CloudwatchLogsExportConfiguration")
        if logs:
            version = version_of(instance.engine, instance.document["EngineVersion"])
            checks.log_types(version.log_types, logs["EnableLogTypes"], instance.engine, version.number)

    def _check_upgrade(self, call: Call, instance: Instance, number: str) -> None:
        current = version_of(instance.engine, instance.document["EngineVersion"])
        target = version_of(instance.engine, number)
        if target not in upgrade_targets(current):
            raise invalid_combination(f"Cannot upgrade {instance.engine} from {current.number} to {target.number}")
        if target.major != current.major:
            if not call.params.get("AllowMajorVersionUpgrade"):
                raise invalid_combination(
                    "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
                )
            own = not instance.parameter_group.is_default
            if own and not call.params.get("DBParameterGroupName"):
                raise invalid_combination(
                    f"The current DB instance parameter group {instance.parameter_group.name} is custom. You must "
                    "explicitly specify a new DB parameter group, either default or custom, for the engine version "
                    "upgrade."
                )

    def _check_storage(self, call: Call, instance: Instance, changes: Document) -> None:
        document = instance.document
        size: int = {**document, **changes}["AllocatedStorage"]
        fields = ("AllocatedStorage", "StorageType", "Iops", "StorageThroughput", "MaxAllocatedStorage")
        after = {key: changes.get(key, document.get(key)) for key in fields}
        if not set(changes) & _STORAGE:
            self._checks.storage(instance.engine, {**after, "Iops": None, "StorageType": "gp2"})
            return
        if after["StorageType"] != document["StorageType"]:
            # The numbers of the old type mean nothing to the new one.
            after.update({key: changes.get(key) for key in ("Iops", "StorageThroughput")})
        if after["StorageType"] == "gp3" and size < 400:
            # The baseline shown in descriptions is not a choice.
            after.update({key: changes.get(key) for key in ("Iops", "StorageThroughput")})
        if size < document["AllocatedStorage"]:
            raise invalid_combination(
                f"Requested storage size ({size}) cannot be less than the current storage size "
                f"({document['AllocatedStorage']})."
            )
        provisioned = str(document["StorageType"]).startswith("io")
        if provisioned and not {"AllocatedStorage", "Iops"} <= set(call.params):
            raise invalid_combination(
                "You must specify both the storage size and iops when modifying the storage size or iops on a DB "
                "instance that has iops."
            )
        if self._store.context.clock.now() < instance.optimised_at:
            raise invalid_combination(
                "You can't currently modify the storage of this DB instance because the previous storage change is "
                "being optimized."
            )
        self._checks.storage(instance.engine, after)
        self._grow_enough(document, changes)

    @staticmethod
    def _grow_enough(document: Document, changes: Document) -> None:
        """Storage grows by a tenth at least: less is rounded up."""
        size = changes.get("AllocatedStorage")
        if size is not None:
            changes["AllocatedStorage"] = max(size, -(-document["AllocatedStorage"] * 11 // 10))


def _waits(instance: Instance, key: str, value: Any) -> bool:
    if key == "BackupRetentionPeriod":
        # Switching backups on or off is an outage; another number of days is not.
        return 0 in (value, instance.document["BackupRetentionPeriod"])
    return key in DEFERRABLE


def _autoscaling_off(instance: Instance, changes: Document) -> bool:
    """MaxAllocatedStorage equal to the size switches autoscaling off."""
    if changes.get("MaxAllocatedStorage") == instance.document["AllocatedStorage"]:
        instance.document.pop("MaxAllocatedStorage", None)
        return True
    return False
