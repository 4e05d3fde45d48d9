# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS instances. Changes are made at once (`ApplyImmediately`), never left for a maintenance window."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

from .._engine.credential import Credential
from .._engine.errors import OperationFailed
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Resource, Status
from .base import Item, as_dict, as_list
from .client import Session, refuse
from .rds_lists import INSTANCES, SNAPSHOTS, group_name, instances, major, numbers, within
from .rds_network import RdsResource
from .rds_states import failure, status_of
from .rds_versions import ServerVersion

_STORAGE = ("AllocatedStorage", "StorageType", "Iops")
# Fields that ModifyDBInstance takes under the same name.
_SAME_NAME = (
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "DBParameterGroupName",
    "DeletionProtection",
    "MultiAZ",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "VpcSecurityGroupIds",
)

FIELDS = Fields(
    {
        "AllocatedStorage": MUTABLE,
        "AutoMinorVersionUpgrade": MUTABLE,
        "BackupRetentionPeriod": MUTABLE,  # from and to 0 interrupts: see `disruption`
        "CopyTagsToSnapshot": MUTABLE,
        "DBInstanceClass": Field(disruptive=True),
        "DBName": CREATE_ONLY,
        "DBParameterGroupName": Field(disruptive=True),
        "DBSubnetGroupName": IMMUTABLE,
        "DeletionProtection": MUTABLE,
        "EnabledCloudwatchLogsExports": Field(unordered=True),
        "Engine": IMMUTABLE,
        "EngineVersion": Field(
            disruptive=True, equal=lambda want, have: have is not None and within(str(want), str(have))
        ),
        "Iops": MUTABLE,
        "KmsKeyId": IMMUTABLE,
        "LicenseModel": CREATE_ONLY,
        "ManageMasterUserPassword": MUTABLE,
        "MasterUsername": CREATE_ONLY,
        "MaxAllocatedStorage": MUTABLE,  # 0: it does not grow by itself
        "MultiAZ": MUTABLE,
        "Origin": MUTABLE,
        "PerformanceInsightsEnabled": MUTABLE,
        "PreferredBackupWindow": MUTABLE,
        "PreferredMaintenanceWindow": MUTABLE,
        "PubliclyAccessible": MUTABLE,
        "ReadReplicaSource": Field(disruptive=True),
        "Running": MUTABLE,
        "StorageEncrypted": IMMUTABLE,
        "StorageType": MUTABLE,
        "VpcSecurityGroupIds": Field(unordered=True),
        "tags": MUTABLE,
    }
)


class Origin(Protocol):
    """What a new instance begins with."""

    mark: str  # as the instance carries it in a tag
    successor_of: str  # the instance whose name it may take

    def request(self) -> tuple[str, dict[str, Any]]:
        """The operation that restores, and what it needs beside the settings of the instance."""

    def takes(self) -> frozenset[str]:
        """Settings that the operation takes."""


class Instance(RdsResource):
    """A server. settings: those members of the desired body that the specification decides.

    managed_password: RDS makes and keeps the administrator's password; else `credential` does, which must be told at
    creation. final_snapshot: its deletion leaves one.
    """

    kind: ClassVar[str] = "aws.rds.instance"
    fields: ClassVar[Fields] = FIELDS
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        settings: Mapping[str, Any],
        *,
        version: ServerVersion | None = None,
        subnet_group: Resource | None = None,
        security_groups: Sequence[Resource] = (),
        parameter_group: Resource | None = None,
        encrypted_by: Resource | None = None,
        secret_encrypted_by: Resource | None = None,
        needs: Sequence[Resource] = (),
        origin: Origin | None = None,
        final_snapshot: bool = True,
        region: str | None = None,
        extra_tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        parts = [subnet_group, *security_groups, parameter_group, encrypted_by, secret_encrypted_by]
        super().__init__(session, name, [*[part for part in parts if part], *needs], **kwargs)
        self.settings, self.version = dict(settings), version
        self.subnet_group, self.security_groups, self.parameter_group = subnet_group, security_groups, parameter_group
        self.encrypted_by, self.secret_encrypted_by = encrypted_by, secret_encrypted_by
        self.origin, self.final_snapshot, self.region = origin, final_snapshot, region
        self.extra_tags = dict(extra_tags or {})
        self.credential: Credential | None = None
        self._final = f"{name}-final-{datetime.now(UTC):%Y%m%d%H%M%S}"
        self._changed = False  # by this run: what RDS says to be pending is being done

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, **self.extra_tags}

    def lists(self) -> Sequence[Hashable]:
        return (("rds", "instances", self.region or self.session.region), ("rds", "backups"))

    def item(self) -> Item | None:
        return instances(self.session, self.region).get(self.name)

    def call(self, operation: str, **params: Any) -> Item:
        return self.session.call("rds", operation, region=self.region, **params)

    # -- desired -------------------------------------------------------------------------------------------------------

    def desired(self) -> dict[str, Any]:
        body = {
            "AutoMinorVersionUpgrade": True,
            "CopyTagsToSnapshot": True,
            "PubliclyAccessible": False,
            "Running": True,
            "VpcSecurityGroupIds": [group.out("id") for group in self.security_groups],
            "tags": self.tags,
            **self.settings,
        }
        if self.subnet_group is not None:
            body["DBSubnetGroupName"] = self.subnet_group.out("name")
        if self.parameter_group is not None:
            body["DBParameterGroupName"] = self.parameter_group.out("name")
        if self.encrypted_by is not None:
            body["KmsKeyId"] = self.encrypted_by.out("arn")
        if self.version is not None:
            body["EngineVersion"] = self.version.wanted()
        found = self.item()
        if self.origin is not None:
            body["Origin"] = self.origin.mark
            if found is None and self.version is not None and self.version.mismatch():
                raise refuse(f"database.servers.{self.name}.version", self.version.mismatch())
        if found is not None:
            body |= self._grown(found, body)
            if self._succeeds(found):
                body["DBParameterGroupName"] = None
        return body

    def _succeeds(self, found: Item) -> bool:
        """Whether a restored instance has the parameter group of the server whose name it is about to take."""
        if self.origin is None or self.version is None:
            return False
        groups = {group["DBParameterGroupName"] for group in found.get("DBParameterGroups") or ()}
        return group_name(self.origin.successor_of, self.version.family()) in groups

    @staticmethod
    def _grown(found: Item, body: Mapping[str, Any]) -> dict[str, Any]:
        """Storage that has grown by itself is as it shall be."""
        grows, wanted = body.get("MaxAllocatedStorage"), body.get("AllocatedStorage")
        have = int(found.get("AllocatedStorage") or 0)
        if not grows or wanted is None or have <= wanted:
            return {}
        return {"AllocatedStorage": None, "MaxAllocatedStorage": grows if have < grows else None}

    # -- read ----------------------------------------------------------------------------------------------------------

    def read(self) -> Observed | None:
        found = self.item()
        if found is None:
            return None
        tags = as_dict(found.get("TagList"))
        status, reason, recovery = self._status(found)
        address = found.get("Endpoint") or {}
        outputs = {
            "id": found["DBInstanceArn"],
            "name": self.name,
            "resource_id": found["DbiResourceId"],
            "host": address.get("Address"),
            "port": address.get("Port"),
            "version": found["EngineVersion"],
            "username": found.get("MasterUsername"),
            "secret": (found.get("MasterUserSecret") or {}).get("SecretArn"),
        }
        return Observed(self._values(found, tags), outputs, status, reason, tags, recovery, raw=found)

    @staticmethod
    def _values(found: Item, tags: dict[str, str]) -> dict[str, Any]:
        same = {
            name: found.get(name)
            for name in (*_SAME_NAME, *_STORAGE, "Engine", "EngineVersion", "KmsKeyId", "StorageEncrypted", "DBName")
        }
        source = str(found.get("ReadReplicaSourceDBInstanceIdentifier") or "")
        return {
            **same,
            "DBParameterGroupName": next(
                (g["DBParameterGroupName"] for g in found.get("DBParameterGroups") or ()), None
            ),
            "DBSubnetGroupName": (found.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
            "EnabledCloudwatchLogsExports": list(found.get("EnabledCloudwatchLogsExports") or ()),
            "LicenseModel": found.get("LicenseModel"),
            "ManageMasterUserPassword": bool(found.get("MasterUserSecret")),
            "MasterUsername": found.get("MasterUsername"),
            "MaxAllocatedStorage": found.get("MaxAllocatedStorage") or 0,
            "Origin": tags.get("restored-from"),
            "PerformanceInsightsEnabled": bool(found.get("PerformanceInsightsEnabled")),
            "ReadReplicaSource": source.rpartition(":")[2],
            "Running": found["DBInstanceStatus"] != "stopped",
            "VpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups") or ()],
            "tags": tags,
        }

    def _status(self, found: Item) -> tuple[Status, str, Recovery]:
        status, reason, recovery = status_of(found)
        pending = found.get("PendingModifiedValues") or {}
        if status is Status.READY and self._changed and pending:
            return Status.PENDING, f"to be changed: {', '.join(sorted(pending))}", recovery
        if status is Status.FAILED:
            reason = " ".join(filter(None, (reason, failure(self.session, self.name, self.region))))
        return status, reason, recovery

    # -- change --------------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        body = {
            name: desired.get(name)
            for name in (
                *_SAME_NAME,
                *_STORAGE,
                "DBName",
                "DBSubnetGroupName",
                "Engine",
                "EngineVersion",
                "KmsKeyId",
                "LicenseModel",
                "ManageMasterUserPassword",
                "MasterUsername",
                "StorageEncrypted",
            )
        }
        body |= {
            "DBInstanceIdentifier": self.name,
            "EnableCloudwatchLogsExports": desired.get("EnabledCloudwatchLogsExports") or None,
            "EnablePerformanceInsights": desired.get("PerformanceInsightsEnabled") or None,
            "MaxAllocatedStorage": desired.get("MaxAllocatedStorage") or None,
            "Tags": as_list(desired["tags"]),
        }
        operation = "create_db_instance"
        if self.origin is not None:
            # What the operation does not take is changed by the updates that follow.
            operation, source = self.origin.request()
            body = {name: value for name, value in body.items() if name in self.origin.takes()} | source
        elif desired.get("ManageMasterUserPassword"):
            body |= self._secret_key()
        elif self.credential is not None:
            body["MasterUserPassword"] = self.credential.for_creation()
        given = {name: value for name, value in body.items() if value is not None}
        self.session.create("rds", operation, region=self.region, **given)
        return WATCH

    def _secret_key(self) -> dict[str, Any]:
        return {"MasterUserSecretKmsKeyId": self.secret_encrypted_by.out("arn")} if self.secret_encrypted_by else {}

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("Running"):
            self.call("start_db_instance", DBInstanceIdentifier=self.name)
            return WATCH
        self.rds_retag(observed, desired, change, region=self.region)
        params = self.modification(observed, desired, change)
        if params:
            self.call("modify_db_instance", DBInstanceIdentifier=self.name, ApplyImmediately=True, **params)
            self._changed = True
        elif observed.status is Status.FAILED:
            raise OperationFailed(observed.reason)
        return WATCH

    def modification(self, observed: Observed, desired: Mapping[str, Any], change: Plan) -> dict[str, Any]:
        """The parameters of ModifyDBInstance for a change."""
        have = observed.values
        params = {name: desired[name] for name in _SAME_NAME if change.touches(name)}
        if change.touches(*_STORAGE):
            # RDS wants the size with the type, and the type with the operations a second.
            params |= {name: desired[name] for name in _STORAGE if desired.get(name) is not None}
        if change.touches("MaxAllocatedStorage"):
            # The size itself is the word for "do not grow" (API reference, ModifyDBInstance).
            params["MaxAllocatedStorage"] = desired["MaxAllocatedStorage"] or max(
                int(have["AllocatedStorage"]), int(desired.get("AllocatedStorage") or 0)
            )
        if change.touches("EnabledCloudwatchLogsExports"):
            want, old = set(desired["EnabledCloudwatchLogsExports"]), set(have["EnabledCloudwatchLogsExports"])
            params["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(want - old),
                "DisableLogTypes": sorted(old - want),
            }
        if change.touches("PerformanceInsightsEnabled"):
            params["EnablePerformanceInsights"] = desired["PerformanceInsightsEnabled"]
        if change.touches("ManageMasterUserPassword"):
            params |= {"ManageMasterUserPassword": True, **self._secret_key()}
        if change.touches("EngineVersion"):
            engine = str(have["Engine"])
            params["EngineVersion"] = desired["EngineVersion"]
            if major(engine, desired["EngineVersion"]) != major(engine, have["EngineVersion"]):
                params["AllowMajorVersionUpgrade"] = True
                if desired.get("DBParameterGroupName"):
                    params["DBParameterGroupName"] = desired["DBParameterGroupName"]
        return params

    # -- guards --------------------------------------------------------------------------------------------------------

    def check_update(self, observed: Observed, change: Plan) -> str:
        for each in change.changes:
            reason = self._objection(each.top, each.before, each.after, observed)
            if reason:
                return reason
        return ""

    def _objection(self, name: str, before: Any, after: Any, observed: Observed) -> str:
        if name == "Origin":
            return (
                "an instance of this name exists already and was not made by this restore, which never overwrites. "
                "Give the restored server another name."
            )
        if name == "AllocatedStorage" and after < before:
            return f"storage cannot shrink from {before} GiB to {after}. Write storage_gb: {before} or more."
        if name == "AllocatedStorage" and after * 10 < before * 11:
            least = -(-before * 11 // 10)
            return f"RDS lets storage grow by 10 % at least. Write storage_gb: {least} or more."
        if name == "EngineVersion" and numbers(after) < numbers(before)[: len(numbers(after))]:
            return f"it runs version {before}, and RDS has no way back to {after}. Write version: '{before}'."
        if name == "ManageMasterUserPassword" and after and observed.raw.get("ReadReplicaDBInstanceIdentifiers"):
            return (
                "it has read replicas that the specification does not list "
                f"({', '.join(observed.raw['ReadReplicaDBInstanceIdentifiers'])}). List them, or remove them with "
                "state: absent."
            )
        if name == "BackupRetentionPeriod" and after == 0 and observed.raw.get("ReadReplicaDBInstanceIdentifiers"):
            return "its read replicas need backups. Set backup_retention_days, or remove the replicas first."
        return ""

    def disruption(self, observed: Observed, change: Plan) -> str:
        switched = [
            each for each in change.changes if each.path == "BackupRetentionPeriod" and 0 in (each.before, each.after)
        ]
        if switched:
            return "switching automated backups on or off interrupts the service"
        return super().disruption(observed, change)

    def check_delete(self, observed: Observed) -> str:
        if observed.values["DeletionProtection"]:
            return "deletion protection is on. Set deletion_protection: false and apply that first."
        return ""

    def remains(self, observed: Observed) -> str:
        return f"leaves the final snapshot {self._final}" if self._leaves_snapshot(observed) else ""

    def _leaves_snapshot(self, observed: Observed) -> bool:
        """RDS takes none of what is a replica or never served."""
        return self.final_snapshot and not observed.values["ReadReplicaSource"] and observed.status is not Status.FAILED

    def delete(self, observed: Observed) -> Operation:
        last = {"FinalDBSnapshotIdentifier": self._final} if self._leaves_snapshot(observed) else {}
        self.call(
            "delete_db_instance",
            DBInstanceIdentifier=self.name,
            SkipFinalSnapshot=not last,
            DeleteAutomatedBackups=True,
            **last,
        )
        self.session.forget(SNAPSHOTS, INSTANCES)
        return WATCH
