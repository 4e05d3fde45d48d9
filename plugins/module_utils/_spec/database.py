# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a managed database is: private, encrypted, backed up, and never replaced behind anybody's back."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .arguments import NOT_SECRET
from .cluster import MaintenanceWindow
from .names import fit
from .site import Site, check
from .sizes import environment_default


@dataclass(frozen=True)
class AwsDatabase:
    """RDS only. storage_type and iops: EBS volume type and provisioned I/O operations a second."""

    instance_class: str | None = None  # db.m6g.large
    storage_type: Literal["gp3", "io2"] | None = None
    iops: int | None = None
    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class GcpDatabase:
    """Cloud SQL only."""

    tier: str | None = None  # db-custom-2-8192
    edition: Literal["ENTERPRISE", "ENTERPRISE_PLUS"] | None = None
    kms_key: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class AzureDatabase:
    """Azure Database for PostgreSQL flexible server, and Azure SQL. high_availability_mode: without it ZoneRedundant
    where the region has it, else SameZone."""

    sku: str | None = None  # Standard_D2ds_v5
    key_vault_key_id: str | None = None
    geo_redundant_backup: bool = False
    high_availability_mode: Literal["ZoneRedundant", "SameZone"] | None = None


@dataclass(frozen=True)
class DatabaseUser:
    """A login beside the administrator. Its password is generated, lives in the secret store and is never returned.
    databases: those it may use; without them all that the server's entry names."""

    name: str
    state: Literal["present", "absent"] = "present"
    databases: tuple[str, ...] | None = None
    rotate: bool = False


@dataclass(frozen=True)
class AwsReplica:
    """RDS only, for a replica in another region: where it stands there. encryption_key_arn: a key of that region;
    without it RDS's own."""

    subnet_group: str | None = None
    security_group_ids: tuple[str, ...] | None = None
    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class Replica:
    """A read replica; a `region` other than the site's makes it a cross-region one. promote: make it a server of its
    own, refused while it is more than max_lag_seconds behind."""

    name: str
    state: Literal["present", "absent"] = "present"
    region: str | None = None
    promote: bool = False
    max_lag_seconds: int = 30
    aws: AwsReplica = field(default_factory=AwsReplica)


@dataclass(frozen=True)
class Restore:
    """What a new server begins with: the backup with this label, the state at this time (UTC, ISO 8601), or without
    both the newest state there is. `server` names the entry that the backup is of; it need not exist any more."""

    server: str
    label: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class DatabaseServer:
    """One managed server. `size`: small, medium, large; a native class stands in the cloud's own block. Sizes of
    storage are GiB. The administrator's password is generated and lives in the secret store; rotate: make a new one."""

    name: str
    state: Literal["present", "absent"] = "present"
    engine: Literal["postgresql", "sqlserver"] = "postgresql"
    version: str | None = None
    edition: Literal["express", "web", "standard", "enterprise"] | None = None
    size: Literal["small", "medium", "large"] = "small"
    storage_gb: int = 128
    storage_autogrow: bool = True
    max_storage_gb: int | None = None
    high_availability: bool | None = None
    encryption: Literal["provider", "customer"] = "provider"
    backup_retention_days: int | None = None
    backup_window: str | None = None
    point_in_time_recovery: bool = True
    maintenance_window: MaintenanceWindow | None = None
    log_exports: bool | None = None
    performance_insights: bool | None = None
    parameters: dict[str, str] | None = None
    databases: tuple[str, ...] | None = None
    users: tuple[DatabaseUser, ...] | None = None
    replicas: tuple[Replica, ...] | None = None
    deletion_protection: bool | None = None
    final_snapshot: bool | None = None
    rotate: bool = False
    restore: Restore | None = None
    aws: AwsDatabase = field(default_factory=AwsDatabase)
    gcp: GcpDatabase = field(default_factory=GcpDatabase)
    azure: AzureDatabase = field(default_factory=AzureDatabase)


@dataclass(frozen=True)
class Database:
    """The site's managed databases."""

    servers: tuple[DatabaseServer, ...] = ()

    def resolve(self, site: Site) -> Database:
        """Every None that the environment decides, decided. Raises SpecError."""
        problems = []
        names = [server.name for server in self.servers]
        names += [replica.name for server in self.servers for replica in server.replicas or ()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"database.servers: two servers or replicas are named {name!r}.")
        resolved = tuple(_resolve(server, site) for server in self.servers)
        for server in resolved:
            problems += _problems(server)
        check(problems)
        return dataclasses.replace(self, servers=resolved)


def former_name(server: str, restored: str) -> str:
    """What a server is called after a restored one has taken its name: a legal name of a server, too."""
    return fit(f"{server}-before-{restored}", 30)


def _resolve(server: DatabaseServer, site: Site) -> DatabaseServer:
    def default(value: Any, name: str) -> Any:
        return environment_default(site.environment, name) if value is None else value

    sql_server = server.engine == "sqlserver"
    return dataclasses.replace(
        server,
        edition=server.edition or ("standard" if sql_server else None),
        high_availability=default(server.high_availability, "high_availability"),
        backup_retention_days=default(server.backup_retention_days, "backup_retention_days"),
        deletion_protection=default(server.deletion_protection, "deletion_protection"),
        final_snapshot=default(server.final_snapshot, "final_snapshot"),
        log_exports=default(server.log_exports, "database_insights"),
        performance_insights=default(server.performance_insights, "database_insights"),
    )


def _problems(server: DatabaseServer) -> list[str]:
    where, problems = f"database.servers.{server.name}", []
    retention = server.backup_retention_days or 0
    problems += server.maintenance_window.problems(where) if server.maintenance_window else []
    for label, name in ((where, server.name), *((f"{where}.replicas", each.name) for each in server.replicas or ())):
        if not re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", name) or "--" in name:
            problems.append(
                f"{label}: {name!r} must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a "
                "letter."
            )
    if server.engine == "postgresql" and server.edition:
        problems.append(f"{where}.edition is a matter of engine: sqlserver. Remove it.")
    if not 0 <= retention <= 35:
        problems.append(f"{where}.backup_retention_days: {retention} is out of range (0, which is off, to 35).")
    if retention == 0 and (server.replicas or server.point_in_time_recovery):
        problems.append(
            f"{where}: replicas and point_in_time_recovery need backups. Set backup_retention_days, or "
            "point_in_time_recovery: false and no replicas."
        )
    if server.storage_gb < 20:
        problems.append(f"{where}.storage_gb: {server.storage_gb} is too small (20 or more).")
    if server.max_storage_gb is not None and server.max_storage_gb <= server.storage_gb:
        problems.append(
            f"{where}.max_storage_gb: {server.max_storage_gb} must be more than storage_gb ({server.storage_gb})."
        )
    if server.max_storage_gb is not None and not server.storage_autogrow:
        problems.append(f"{where}.max_storage_gb has no effect with storage_autogrow: false.")
    if server.backup_window and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", server.backup_window):
        problems.append(f"{where}.backup_window: {server.backup_window!r} is not a time of day (HH:MM, UTC).")
    custom = server.aws.encryption_key_arn or server.gcp.kms_key or server.azure.key_vault_key_id
    if custom and server.encryption == "provider":
        problems.append(f"{where}: a key of your own needs encryption: customer.")
    return problems + _of_contents(server, where) + _of_restore(server, where)


def _of_contents(server: DatabaseServer, where: str) -> list[str]:
    problems = [
        f"{where}: {name!r} is not a plain SQL name (a lower-case letter, then up to 62 letters, digits and _)."
        for name in (*(server.databases or ()), *(user.name for user in server.users or ()))
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name)
    ]
    names = [user.name for user in server.users or ()]
    problems += [f"{where}.users: {name!r} stands there twice." for name in sorted(set(names)) if names.count(name) > 1]
    for replica in server.replicas or ():
        if replica.max_lag_seconds < 0:
            problems.append(f"{where}.replicas.{replica.name}.max_lag_seconds: {replica.max_lag_seconds} is negative.")
    for user in server.users or ():
        unknown = sorted(set(user.databases or ()) - set(server.databases or ()))
        if unknown:
            problems.append(
                f"{where}.users.{user.name}.databases: {', '.join(unknown)} is not among the server's databases."
            )
    return problems


def _of_restore(server: DatabaseServer, where: str) -> list[str]:
    restore, problems = server.restore, []
    if restore is None:
        return []
    if restore.server == server.name:
        problems.append(f"{where}.restore.server: it must name another server: a restore never overwrites.")
    if restore.label and restore.time:
        problems.append(f"{where}.restore: give label or time, not both.")
    if restore.time:
        try:
            moment = datetime.fromisoformat(restore.time)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            problems.append(
                f"{where}.restore.time: {restore.time!r} is not a moment with a time zone (2026-01-31T08:15:00Z)."
            )
    return problems
