# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS's lists, each one call for all objects of its sort, and what its versions are called."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any

from .base import Item
from .client import Session

INSTANCES: Hashable = ("rds", "instances")
SUBNET_GROUPS: Hashable = ("rds", "subnet_groups")
PARAMETER_GROUPS: Hashable = ("rds", "parameter_groups")
SNAPSHOTS: Hashable = ("rds", "snapshots")
AUTOMATED_BACKUPS: Hashable = ("rds", "automated_backups")

# Tags beside the ownership: what a snapshot or a restored server is of.
SERVER_TAG = "database-server"
LABEL_TAG = "backup-label"
ORIGIN_TAG = "restored-from"
AS_TAG = "restored-as"


def instances(session: Session, region: str | None = None) -> dict[str, Item]:
    """The instances of a region by identifier."""
    where = region or session.region

    def load() -> dict[str, Item]:
        listed = session.pages("rds", "describe_db_instances", "DBInstances", region=where)
        return {item["DBInstanceIdentifier"]: item for item in listed}

    return session.remember(("rds", "instances", where), load)


def subnet_groups(session: Session) -> dict[str, Item]:
    def load() -> dict[str, Item]:
        listed = session.pages("rds", "describe_db_subnet_groups", "DBSubnetGroups")
        return {item["DBSubnetGroupName"]: item for item in listed}

    return session.remember(SUBNET_GROUPS, load)


def parameter_groups(session: Session) -> dict[str, Item]:
    def load() -> dict[str, Item]:
        listed = session.pages("rds", "describe_db_parameter_groups", "DBParameterGroups")
        return {item["DBParameterGroupName"]: item for item in listed}

    return session.remember(PARAMETER_GROUPS, load)


def snapshots(session: Session) -> list[Item]:
    """The region's snapshots, manual and automated."""
    return session.remember(SNAPSHOTS, lambda: session.pages("rds", "describe_db_snapshots", "DBSnapshots"))


def automated_backups(session: Session) -> list[Item]:
    """What can be restored to a moment: of living instances, and those kept of deleted ones."""
    return session.remember(
        AUTOMATED_BACKUPS,
        lambda: session.pages("rds", "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"),
    )


def engine_versions(session: Session, engine: str) -> list[Item]:
    """Every version that RDS offers of an engine, with the versions that each can be upgraded to."""
    return session.remember(
        ("rds", "versions", engine),
        lambda: session.pages("rds", "describe_db_engine_versions", "DBEngineVersions", Engine=engine),
    )


def default_version(session: Session, engine: str) -> str:
    """The version that RDS makes where none is asked for."""
    listed = session.remember(
        ("rds", "default_version", engine),
        lambda: session.pages(
            "rds", "describe_db_engine_versions", "DBEngineVersions", Engine=engine, DefaultOnly=True
        ),
    )
    return str(listed[0]["EngineVersion"])


def numbers(version: str) -> tuple[int, ...]:
    """ "16.00.4165.4.v1" -> (16, 0, 4165, 4, 1)"""
    return tuple(int(part.lstrip("v") or 0) for part in version.split(".") if part.lstrip("v").isdigit())


def within(wanted: str, version: str) -> bool:
    """Whether a version is the wanted one, or one of the wanted major version."""
    want, have = numbers(wanted), numbers(version)
    return have[: len(want)] == want


def major(engine: str, version: str) -> str:
    """PostgreSQL counts by its first number, SQL Server by two."""
    parts = version.split(".")
    return parts[0] if engine == "postgres" else ".".join([parts[0], (parts[1:] or ["00"])[0]])


def family(engine: str, version: str) -> str:
    """The parameter group family: postgres16, sqlserver-se-16.0."""
    if engine == "postgres":
        return f"postgres{major(engine, version)}"
    first, second = major(engine, version).split(".")
    return f"{engine}-{first}.{int(second)}"


def group_name(identifier: str, family: str) -> str:
    """The parameter group of an instance: one for each major version."""
    return f"{identifier}-{family}".replace(".", "-")


def aware(value: Any) -> datetime:
    """A moment as botocore gives it, in UTC."""
    moment: datetime = value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
