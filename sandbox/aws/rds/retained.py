"""Automated backups: of instances, and those that are kept when their instance is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..hooks import Hooks
from ..query import page
from ..wire import Call
from .errors import refuse
from .state import Document, Instance
from .store import Store


class AutomatedBackups:
    """Handlers of the operations on automated backups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.DescribeDBInstanceAutomatedBackups", self.describe)
        hooks.replace("rds.DeleteDBInstanceAutomatedBackup", self.delete)

    def describe(self, call: Call) -> Document:
        """DescribeDBInstanceAutomatedBackups: what instances, also deleted ones, can be restored to."""
        wanted = call.params
        found = [
            self._document(instance)
            for instance in self._all(call.region)
            if wanted.get("DBInstanceIdentifier", instance.name).lower() == instance.name
            and wanted.get("DbiResourceId") in (None, instance.document["DbiResourceId"])
            and wanted.get("DBInstanceAutomatedBackupsArn") in (None, backup_arn(self._store, instance))
        ]
        return page(call, found, "DBInstanceAutomatedBackups")

    def _all(self, region: str) -> Iterator[Instance]:
        instances = self._store.region(region).instances.values()
        yield from (instance for instance in instances if self._store.latest_restorable(instance) is not None)
        yield from self._store.retained(region)

    def delete(self, call: Call) -> Document:
        """DeleteDBInstanceAutomatedBackup: of a deleted instance; that of a living one goes with its retention."""
        wanted = call.params
        for instance in self._all(call.region):
            if wanted.get("DbiResourceId", instance.document["DbiResourceId"]) != instance.document[
                "DbiResourceId"
            ] or wanted.get("DBInstanceAutomatedBackupsArn") not in (None, backup_arn(self._store, instance)):
                continue
            if instance.retained_until is None:
                raise refuse(
                    "InvalidDBInstanceAutomatedBackupState",
                    "The automated backup is associated with an active DB instance and cannot be deleted.",
                )
            shown = self._document(instance)
            forget(self._store, instance)
            return {"DBInstanceAutomatedBackup": {**shown, "Status": "deleting"}}
        raise refuse("DBInstanceAutomatedBackupNotFound", "The automated backup was not found.")

    def _document(self, instance: Instance) -> Document:
        of = instance.document
        document = {
            key: of.get(key)
            for key in (
                "DBInstanceArn",
                "DbiResourceId",
                "DBInstanceIdentifier",
                "AllocatedStorage",
                "AvailabilityZone",
                "InstanceCreateTime",
                "MasterUsername",
                "Engine",
                "EngineVersion",
                "LicenseModel",
                "Iops",
                "StorageType",
                "KmsKeyId",
                "IAMDatabaseAuthenticationEnabled",
                "BackupRetentionPeriod",
                "PreferredBackupWindow",
            )
        }
        document.update(
            DBInstanceAutomatedBackupsArn=backup_arn(self._store, instance),
            Region=instance.region,
            Encrypted=of["StorageEncrypted"],
            Status="active" if instance.retained_until is None else "retained",
            Port=instance.port,
            VpcId=instance.subnet_group.vpc_id,
            BackupTarget="region",
            RestoreWindow={
                "EarliestTime": instance.first_backup,
                "LatestTime": self._store.latest_restorable(instance),
            },
        )
        return {key: value for key, value in document.items() if value is not None}


def backup_arn(store: Store, instance: Instance) -> str:
    """The ARN of an instance's automated backup."""
    backup = instance.document["DbiResourceId"].lower().replace("db-", "ab-")
    return store.arn(instance.region, "auto-backup", backup)


def forget(store: Store, instance: Instance) -> None:
    """The end of what was kept of a deleted instance."""
    store.regions[instance.region].retained.remove(instance)
    for snapshot in store.automated_of(instance):
        store.remove_snapshot(snapshot)
    server = instance.server
    if server is not None:
        server.run(partial(server.engine.delete, server.id))
