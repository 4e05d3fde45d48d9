"""Cloud SQL: instances of PostgreSQL, SQL Server and MySQL, replicas, backups, databases and users.

PostgreSQL instances have a real server behind them where PostgreSQL is installed (``servers``).
"""

from __future__ import annotations

from . import (
    actions,
    backup_runs,
    clones,
    databases,
    instances,
    operations,
    project_backups,
    replicas,
    restores,
    tables,
    updates,
    users,
)

__all__ = [
    "actions",
    "backup_runs",
    "clones",
    "databases",
    "instances",
    "operations",
    "project_backups",
    "replicas",
    "restores",
    "tables",
    "updates",
    "users",
]
