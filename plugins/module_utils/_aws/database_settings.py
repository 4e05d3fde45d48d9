# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of the specification in RDS's words, and what RDS cannot do of it. Pure."""

from __future__ import annotations

from typing import Any

from .._spec.database import DatabaseServer
from .._spec.site import Site
from .._spec.sizes import DATABASE_CLASSES, environment_default
from .logs import retention_problem
from .windows import daily, daily_beside, overlap, weekly, weekly_problems

ADMINISTRATOR = "dbadmin"  # "admin" and "postgres" are words of the engines
PORTS = {"postgresql": 5432, "sqlserver": 1433}
_EDITIONS = {"express": "ex", "web": "web", "standard": "se", "enterprise": "ee"}
_YEARS = {"2016": "13.00", "2017": "14.00", "2019": "15.00", "2022": "16.00"}
# SQL Server does not run on Graviton.
_SQL_SERVER_CLASSES = {"small": "db.m6i.large", "medium": "db.m6i.xlarge", "large": "db.m6i.2xlarge"}
_EXPRESS_CLASSES = {"small": "db.t3.large", "medium": "db.t3.xlarge", "large": "db.t3.2xlarge"}
_MOST_STORAGE = {"postgresql": 65536, "sqlserver": 16384}
_BACKUP_MINUTES = 60
_TLS = "rds.force_ssl"
_GP3_CHOICE_GB = 400  # below, gp3 of PostgreSQL has its baseline alone (Amazon RDS User Guide, "DB instance storage")


def engine_of(server: DatabaseServer) -> str:
    """RDS's name of the engine."""
    if server.engine == "postgresql":
        return "postgres"
    return f"sqlserver-{_EDITIONS[server.edition or 'standard']}"


def version_of(server: DatabaseServer) -> str | None:
    """The version as RDS counts: SQL Server 2022 is 16.00."""
    return _YEARS.get(server.version, server.version) if server.version else None


def class_of(server: DatabaseServer) -> str:
    if server.aws.instance_class:
        return server.aws.instance_class
    if server.engine == "postgresql":
        return DATABASE_CLASSES["aws"][server.size]
    return (_EXPRESS_CLASSES if server.edition == "express" else _SQL_SERVER_CLASSES)[server.size]


def parameters_of(server: DatabaseServer) -> dict[str, str]:
    """TLS is required of every client."""
    return {**{name: _word(value) for name, value in (server.parameters or {}).items()}, _TLS: "1"}


def _word(value: Any) -> str:
    """YAML's booleans as the engines write them."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def log_types(server: DatabaseServer) -> list[str]:
    if server.engine == "postgresql":
        return ["postgresql", "upgrade"]
    return ["error"] if server.edition == "express" else ["agent", "error"]


def log_groups(server: DatabaseServer, identifier: str) -> list[str]:
    """Where RDS exports logs to."""
    return [f"/aws/rds/instance/{identifier}/{sort}" for sort in log_types(server)]


def settings_of(server: DatabaseServer) -> dict[str, Any]:
    """The members of an instance's body that the specification decides."""
    version = version_of(server)
    pinned = version is not None and "." in version.removesuffix(".00")
    size = server.storage_gb
    most = server.max_storage_gb or _MOST_STORAGE[server.engine]
    return {
        "AllocatedStorage": size,
        "AutoMinorVersionUpgrade": not pinned,
        "BackupRetentionPeriod": server.backup_retention_days,
        "DBInstanceClass": class_of(server),
        "DeletionProtection": bool(server.deletion_protection),
        "EnabledCloudwatchLogsExports": log_types(server) if server.log_exports else [],
        "Engine": engine_of(server),
        "Iops": server.aws.iops,
        "LicenseModel": "license-included" if server.engine == "sqlserver" else None,
        "MasterUsername": ADMINISTRATOR,
        "MaxAllocatedStorage": most if server.storage_autogrow and most > size else 0,
        "MultiAZ": bool(server.high_availability),
        "PerformanceInsightsEnabled": bool(server.performance_insights),
        "PreferredBackupWindow": daily_beside(server.backup_window, _BACKUP_MINUTES, server.maintenance_window),
        "PreferredMaintenanceWindow": weekly(server.maintenance_window) if server.maintenance_window else None,
        "StorageEncrypted": True,
        "StorageType": server.aws.storage_type or "gp3",
    }


def problems_of(server: DatabaseServer, site: Site, zones: int) -> list[str]:
    """What RDS cannot do, as sentences. zones: how many the data tier stands in."""
    where = f"database.servers.{server.name}"
    if server.state == "absent":
        return []
    found = [
        *_of_storage(server, where),
        *_of_time(server, where),
        *_of_replicas(server, where, site),
        *(_of_sql_server(server, where) if server.engine == "sqlserver" else []),
    ]
    if server.high_availability and zones < 2:
        found.append(f"{where}.high_availability: a standby needs a second zone. Write network.zones: 2 or more.")
    if (server.parameters or {}).get(_TLS) is not None and _word((server.parameters or {})[_TLS]) != "1":
        found.append(f"{where}.parameters: TLS is required of every client; {_TLS} cannot be switched off.")
    arn = server.aws.encryption_key_arn
    if arn and not arn.startswith(("arn:aws:kms:", "arn:aws-cn:kms:", "arn:aws-us-gov:kms:")):
        found.append(f"{where}.aws.encryption_key_arn: {arn!r} is not the ARN of a KMS key.")
    if server.log_exports:
        found.append(
            retention_problem(f"{where}.log_exports", int(environment_default(site.environment, "log_retention_days")))
        )
    return [problem for problem in found if problem]


def _of_storage(server: DatabaseServer, where: str) -> list[str]:
    most, sort = _MOST_STORAGE[server.engine], server.aws.storage_type or "gp3"
    found = []
    if max(server.storage_gb, server.max_storage_gb or 0) > most:
        found.append(f"{where}: RDS has at most {most} GiB of storage for {server.engine}.")
    if server.max_storage_gb and server.max_storage_gb * 10 < server.storage_gb * 11:
        least = -(-server.storage_gb * 11 // 10)
        found.append(f"{where}.max_storage_gb: RDS wants room for 10 % of growth. Write {least} or more.")
    if sort == "io2" and server.aws.iops is None:
        found.append(f"{where}.aws.iops: io2 needs the number of I/O operations a second.")
    if sort == "io2" and server.storage_gb < 100:
        found.append(f"{where}.storage_gb: io2 begins with 100 GiB.")
    if sort == "gp3" and server.aws.iops and server.engine == "postgresql" and server.storage_gb < _GP3_CHOICE_GB:
        found.append(
            f"{where}.aws.iops: gp3 below {_GP3_CHOICE_GB} GiB has 3000 operations a second, and no choice. Leave it "
            f"out, or write storage_gb: {_GP3_CHOICE_GB} or more."
        )
    return found


def _of_time(server: DatabaseServer, where: str) -> list[str]:
    window = server.maintenance_window
    found = weekly_problems(window, f"{where}.maintenance_window", "RDS") if window else []
    both = server.backup_window and window and not found
    if both and overlap(daily(str(server.backup_window), _BACKUP_MINUTES), weekly(window)):  # type: ignore[arg-type]
        found.append(f"{where}: backup_window (an hour) and maintenance_window must not overlap.")
    if server.backup_retention_days and not server.point_in_time_recovery:
        found.append(
            f"{where}.point_in_time_recovery: on RDS it comes with automated backups. Write true, or "
            "backup_retention_days: 0."
        )
    return found


def _of_replicas(server: DatabaseServer, where: str, site: Site) -> list[str]:
    found = []
    for replica in server.replicas or ():
        label = f"{where}.replicas.{replica.name}"
        abroad = replica.region not in (None, site.region)
        if replica.state == "absent":
            continue
        if abroad and not (replica.aws.subnet_group and replica.aws.security_group_ids):
            found.append(
                f"{label}: a replica in another region stands in a network there. Name aws.subnet_group and "
                "aws.security_group_ids of that region."
            )
        if not abroad and (replica.aws.subnet_group or replica.aws.security_group_ids):
            found.append(f"{label}.aws: a replica in the site's region stands beside its source. Leave it out.")
        if server.engine == "sqlserver" and (server.edition != "enterprise" or not server.high_availability):
            found.append(
                f"{label}: RDS replicates SQL Server only in the enterprise edition with high_availability: true."
            )
        if server.engine == "sqlserver" and abroad:
            found.append(f"{label}.region: RDS replicates SQL Server only within a region. Leave it out.")
    return found


def _of_sql_server(server: DatabaseServer, where: str) -> list[str]:
    found = []
    if server.high_availability and server.edition in ("express", "web"):
        found.append(
            f"{where}.high_availability: the {server.edition} edition has none on RDS. Write edition: standard, or "
            "high_availability: false."
        )
    if server.databases or server.users:
        found.append(
            f"{where}: databases and users of SQL Server are made by its own tools: RDS has no API for them. Leave "
            "databases and users out."
        )
    return found
