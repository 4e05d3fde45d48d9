"""What RDS checks before it accepts a request."""

from __future__ import annotations

import re

from ..iam_principals import Principals
from ..kms_keys import service_key
from ..query import is_daily_window, is_weekly_window, windows_overlap
from ..world import World
from .catalog import can_fail_over, instance_classes, storage_types
from .errors import invalid_combination, invalid_value, refuse
from .state import Document, SubnetGroup
from .store import Store

_IDENTIFIER = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]*(?<!-)")
_RESERVED_NAMES = {"admin", "rdsadmin", "rdsrepladmin", "public", "user", "all", "any", "replication"}
_GP3_BASELINE_SIZE = {"postgres": 400}


class Checks:
    """Checks against other services' objects and against RDS's own rules."""

    def __init__(self, store: Store, principals: Principals) -> None:
        self._store = store
        self._principals = principals
        self._world: World = store.world

    # --- names and secrets ---

    def free_name(self, region: str, name: str, what: str = "DBInstanceIdentifier") -> str:
        """A legal instance identifier that is not taken, in lower case."""
        identifier(name, what, 63)
        if name.lower() in self._store.region(region).instances:
            raise refuse("DBInstanceAlreadyExists", "DB instance already exists")
        return name.lower()

    @staticmethod
    def master_user(engine: str, name: str) -> None:
        """The name of the master user."""
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,62}", name):
            raise invalid_value(f"The parameter MasterUsername is not valid: {name}")
        reserved = name.lower() in _RESERVED_NAMES or name.lower().startswith("pg_")
        if engine == "postgres" and reserved:
            raise invalid_value(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")

    @staticmethod
    def password(engine: str, password: str) -> None:
        """The password of the master user."""
        if len(password) < 8:
            raise invalid_value(
                "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters."
            )
        if len(password) > 128:
            raise invalid_value(
                "The parameter MasterUserPassword is not a valid password because it is longer than 128 characters."
            )
        if not re.fullmatch(r"[!-~]+", password) or set(password) & set('/@"'):
            raise invalid_value(
                "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
                "'/', '@', '\"', ' ' may be used."
            )

    @staticmethod
    def database_name(engine: str, name: str | None) -> None:
        """The name of the first database."""
        if name is None:
            return
        if engine != "postgres":
            raise invalid_combination(f"DBName must be null for engine: {engine}")
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}", name):
            raise invalid_value("DBName must begin with a letter and contain only alphanumeric characters.")
        if name.lower() in ("db", "rdsadmin", "template0", "template1"):
            raise invalid_value(f"DBName {name} cannot be used. It is a reserved word for this engine")

    # --- what is sold ---

    def instance_class(self, region: str, engine: str, number: str, name: str, license_model: str) -> None:
        """An instance class that the engine has in the region."""
        if not re.fullmatch(r"db\.[a-z0-9-]+\.[a-z0-9]+", name):
            raise invalid_value(f"Invalid DB Instance class: {name}")
        if name not in instance_classes(engine, region):
            raise invalid_combination(
                "RDS does not support creating a DB instance with the following combination: "
                f"DBInstanceClass={name}, Engine={engine}, EngineVersion={number}, LicenseModel={license_model}. "
                "For supported combinations of instance class and database engine version, see the documentation."
            )

    @staticmethod
    def multi_az(engine: str, wanted: bool) -> None:
        """Multi-AZ, where the engine has it."""
        if wanted and not can_fail_over(engine):
            raise invalid_combination(f"Multi-AZ instances are not available for engine: {engine}.")

    @staticmethod
    def storage(engine: str, wanted: Document) -> None:
        """``AllocatedStorage``, ``StorageType``, ``Iops``, ``StorageThroughput`` and ``MaxAllocatedStorage``."""
        kind, size = wanted["StorageType"], wanted["AllocatedStorage"]
        types = storage_types(engine)
        if kind not in types:
            raise invalid_value(f"Invalid storage type: {kind}")
        least, most, _, throughput = types[kind]
        if not least <= size <= most:
            raise invalid_value(f"Invalid storage size for engine name {engine} and storage type {kind}: {size}")
        below = kind == "gp3" and size < _GP3_BASELINE_SIZE.get(engine, 0)
        if below and (wanted.get("Iops") or wanted.get("StorageThroughput")):
            raise invalid_combination(
                f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less than 400."
            )
        if kind.startswith("io") and not wanted.get("Iops"):
            raise invalid_combination(f"You must specify IOPS when using {kind} storage.")
        if kind in ("gp2", "standard") and wanted.get("Iops"):
            raise invalid_combination(f"You can't specify IOPS for storage type {kind}.")
        if wanted.get("StorageThroughput") and not throughput:
            raise invalid_combination(f"You can't specify storage throughput for storage type {kind}.")
        most_growth = wanted.get("MaxAllocatedStorage")
        if most_growth is not None:
            if most_growth <= size:
                raise invalid_combination("Max storage size must be greater than storage size")
            if most_growth * 10 < size * 11:
                raise invalid_combination("The maximum allocated storage must be increased by at least 10 percent.")

    # --- windows and retention ---

    @staticmethod
    def retention(days: int) -> None:
        """Days that automated backups are kept."""
        if not 0 <= days <= 35:
            raise invalid_value(f"Invalid backup retention period: {days}. Retention period must be between 0 and 35.")

    @staticmethod
    def windows(backup: str, maintenance: str) -> None:
        """The daily and the weekly window; they must not overlap."""
        if not is_daily_window(backup):
            raise invalid_value(f"Invalid backup window format: {backup}. Should be specified as hh24:mi-hh24:mi.")
        if not is_weekly_window(maintenance):
            raise invalid_value(
                f"Invalid maintenance window format: {maintenance}. Should be specified as ddd:hh24:mi-ddd:hh24:mi."
            )
        if windows_overlap(backup, maintenance):
            raise invalid_combination("The backup window and maintenance window must not overlap.")

    @staticmethod
    def log_types(known: tuple[str, ...], wanted: list[str], engine: str, number: str) -> None:
        """Logs that the engine can export."""
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise invalid_combination(
                f"You cannot use the log types '{', '.join(unknown)}' with engine version {engine} {number}. "
                "For supported log types, see the documentation."
            )

    @staticmethod
    def insights_retention(days: int | None) -> None:
        """Days that Performance Insights keeps its data: a week, months, or two years."""
        if days is not None and days not in (7, 731) and (days % 31 or not 31 <= days <= 713):
            raise invalid_value(f"Invalid Performance Insights retention period. Value: {days}.")

    # --- objects of other services ---

    def monitoring(self, interval: int, role: str | None) -> None:
        """Enhanced monitoring: its interval and the role that it writes with."""
        if interval not in (0, 1, 5, 10, 15, 30, 60):
            raise invalid_value(f"Invalid MonitoringInterval: {interval}. Valid values are 0, 1, 5, 10, 15, 30, 60.")
        if interval and not role:
            raise invalid_combination(
                "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
            )
        if interval and role and not self._principals.assumable_by(role, "monitoring.rds.amazonaws.com"):
            raise invalid_value(
                "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING"
            )

    def key(self, region: str, key: str | None, alias: str = "alias/aws/rds") -> str:
        """ARN of an enabled encryption key; the service's own when none is named."""
        kms = self._world.kms(region)
        if key is None or key == alias:
            return str(service_key(self._world, region, alias).arn)
        key_id = kms.any_id_to_key_id(key)
        found = kms.keys.get(key_id)
        if found is None or (key.startswith("arn:") and f":{region}:" not in key):
            raise refuse(
                "KMSKeyNotAccessibleFault",
                f"The specified KMS key [{key}] does not exist, is not enabled or you do "
                "not have permissions to access it.",
            )
        if found.key_state != "Enabled":
            raise refuse("KMSKeyNotAccessibleFault", f"The specified KMS key [{key}] is not enabled.")
        return str(found.arn)

    def security_groups(self, region: str, wanted: list[str] | None, vpc_id: str) -> list[str]:
        """Security groups of the VPC; its default group when none are named."""
        groups = self._world.ec2(region).groups.get(vpc_id, {})
        if not wanted:
            return [group.id for group in groups.values() if group.name == "default"]
        for group_id in wanted:
            if group_id not in groups:
                raise invalid_value(f"Invalid security group , groupId= {group_id}, groupName=.")
        return list(wanted)

    def subnet_group(self, region: str, name: str | None) -> SubnetGroup:
        """A DB subnet group by name; that of the default VPC when none is named."""
        groups = self._store.region(region).subnet_groups
        if name is None or name == "default":
            return groups.get("default") or self._default_group(region)
        if name.lower() not in groups:
            raise refuse("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
        return groups[name.lower()]

    def _default_group(self, region: str) -> SubnetGroup:
        ec2 = self._world.ec2(region)
        default = next((vpc.id for vpc in ec2.vpcs.values() if str(vpc.is_default).lower() == "true"), None)
        subnets = [subnet for zone in ec2.subnets.values() for subnet in zone.values() if subnet.vpc_id == default]
        if not subnets:
            raise refuse("InvalidVPCNetworkStateFault", "No default VPC for this user")
        arn = self._store.arn(region, "subgrp", "default")
        places = sorted((subnet.id, subnet.availability_zone) for subnet in subnets)
        group = SubnetGroup("default", arn, "default", str(default), places)
        self._store.regions[region].subnet_groups["default"] = group
        return group


def identifier(name: str, what: str, longest: int) -> None:
    """RDS's rule for names: a letter, then letters, digits and single hyphens."""
    if not _IDENTIFIER.fullmatch(name) or len(name) > longest:
        raise invalid_value(
            f"The parameter {what} is not a valid identifier. Identifiers must begin with a letter; must contain only "
            "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )
