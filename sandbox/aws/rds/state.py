"""The objects that RDS holds. Their status follows from the clock when they are read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...engines import Address, PostgresEngine
from ..phases import Life

Document = dict[str, Any]

# How ModifyDBInstance's parameters are called in PendingModifiedValues.
PENDING_NAMES = {
    "AllocatedStorage": "AllocatedStorage",
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "CACertificateIdentifier": "CACertificateIdentifier",
    "DBInstanceClass": "DBInstanceClass",
    "DBPortNumber": "Port",
    "DBSubnetGroupName": "DBSubnetGroupName",
    "DedicatedLogVolume": "DedicatedLogVolume",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EngineVersion": "EngineVersion",
    "Iops": "Iops",
    "LicenseModel": "LicenseModel",
    "MasterUserPassword": "MasterUserPassword",
    "MultiAZ": "MultiAZ",
    "NewDBInstanceIdentifier": "DBInstanceIdentifier",
    "StorageThroughput": "StorageThroughput",
    "StorageType": "StorageType",
    "CloudwatchLogsExportConfiguration": "PendingCloudwatchLogsExports",
}


@dataclass
class ParameterGroup:
    """A parameter group: what the user has set, as (value, apply method) by name."""

    name: str
    arn: str
    family: str
    description: str
    tags: dict[str, str] = field(default_factory=dict)
    values: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether RDS keeps it itself."""
        return self.name.startswith("default.")

    def describe(self) -> Document:
        """The group as an API answer."""
        return {
            "DBParameterGroupName": self.name,
            "DBParameterGroupFamily": self.family,
            "Description": self.description,
            "DBParameterGroupArn": self.arn,
        }


@dataclass
class SubnetGroup:
    """A DB subnet group; ``subnets`` are (subnet id, zone)."""

    name: str
    arn: str
    description: str
    vpc_id: str
    subnets: list[tuple[str, str]]
    tags: dict[str, str] = field(default_factory=dict)

    def describe(self) -> Document:
        """The group as an API answer."""
        return {
            "DBSubnetGroupName": self.name,
            "DBSubnetGroupDescription": self.description,
            "VpcId": self.vpc_id,
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {
                    "SubnetIdentifier": subnet_id,
                    "SubnetAvailabilityZone": {"Name": zone},
                    "SubnetOutpost": {},
                    "SubnetStatus": "Active",
                }
                for subnet_id, zone in self.subnets
            ],
            "DBSubnetGroupArn": self.arn,
            "SupportedNetworkTypes": ["IPV4"],
        }


@dataclass
class ManagedSecret:
    """The master user's password in Secrets Manager."""

    arn: str
    key: str
    status: str = "creating"


@dataclass(frozen=True)
class Server:
    """The real server of an instance."""

    engine: PostgresEngine
    id: str

    def run(self, work: Callable[[], Any]) -> Future[Any]:
        """Let the engine do something in its thread, after all that it was given before."""
        return self.engine.background(work)


@dataclass
class Instance:
    """A DB instance. ``document`` holds what does not follow from the rest; ``server`` is None without an engine."""

    document: Document
    region: str
    life: Life
    parameter_group: ParameterGroup
    subnet_group: SubnetGroup
    security_groups: list[str]
    port: int
    server: Server | None = None
    address: Address | None = None
    # Parameter group: until when it is being applied, and what comes then.
    group_status: str = "in-sync"
    group_ends_at: float | None = None
    # Modifications: those that wait for the maintenance window, and those under way.
    pending: Document = field(default_factory=dict)
    pending_at: datetime | None = None
    applying: Document = field(default_factory=dict)
    secret: ManagedSecret | None = None
    source: Instance | None = None
    replicas: list[Instance] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    first_backup: datetime | None = None
    next_backup: datetime | None = None
    optimised_at: float = 0.0
    created: bool = False
    # Deleted with its automated backups kept: for how long, and the last moment that it can be restored to.
    retained_until: datetime | None = None
    restorable_to: datetime | None = None

    @property
    def name(self) -> str:
        """Identifier within the region."""
        return str(self.document["DBInstanceIdentifier"])

    @property
    def arn(self) -> str:
        """ARN; a new one after a rename."""
        return str(self.document["DBInstanceArn"])

    @property
    def engine(self) -> str:
        """Name of the database engine."""
        return str(self.document["Engine"])

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        found: dict[str, str] = self.document["TagList"]
        return found

    def seen_from(self, region: str) -> str:
        """How another instance names this one: by its identifier, across regions by ARN."""
        return self.name if region == self.region else self.arn

    def pending_values(self) -> Document:
        """PendingModifiedValues. Passwords are masked."""
        shown: Document = {}
        for key, value in {**self.pending, **self.applying}.items():
            name = PENDING_NAMES.get(key)
            if key == "MasterUserPassword":
                shown["MasterUserPassword"] = "****"
            elif key == "CloudwatchLogsExportConfiguration":
                enabled, disabled = value.get("EnableLogTypes") or [], value.get("DisableLogTypes") or []
                shown["PendingCloudwatchLogsExports"] = {"LogTypesToEnable": enabled, "LogTypesToDisable": disabled}
            elif name:
                shown[name] = value
        return shown


@dataclass
class Snapshot:
    """A snapshot, manual or automated. ``data`` is its id in the engine, ``taken`` when its data was complete."""

    document: Document
    region: str
    life: Life
    resource: str
    # What a restored instance inherits.
    settings: Document = field(default_factory=dict)
    data: str | None = None
    taken: datetime | None = None

    @property
    def name(self) -> str:
        """Identifier within the region."""
        return str(self.document["DBSnapshotIdentifier"])

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        found: dict[str, str] = self.document["TagList"]
        return found


@dataclass
class Region:
    """What RDS holds in a region, by name."""

    instances: dict[str, Instance] = field(default_factory=dict)
    # Deleted instances whose automated backups are kept.
    retained: list[Instance] = field(default_factory=list)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    subnet_groups: dict[str, SubnetGroup] = field(default_factory=dict)
    parameter_groups: dict[str, ParameterGroup] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
