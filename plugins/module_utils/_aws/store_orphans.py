# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the data stores that the tagging API names are really there, and which of them stay on purpose."""

from __future__ import annotations

from .client import Session
from .elasticache_lists import kept_copies, key_id, listed
from .rds_lists import instances, parameter_groups, snapshots, subnet_groups
from .rds_network import kept_snapshots
from .secrets import describe_secret


def secrets_there(session: Session, arns: list[str]) -> set[str]:
    """Secrets that are not on their way out already."""

    def lives(arn: str) -> bool:
        session.forget(("secrets", arn))
        found = session.steady(lambda: describe_secret(session, arn))
        return found is not None and not found.get("DeletedDate")

    return {arn for arn in arns if lives(arn)}


def caches_there(session: Session, arns: list[str]) -> set[str]:
    """Caches, their groups, and snapshots that do not go with their cache. A cache's nodes are the cache."""
    there: set[str] = set()
    for sort in ("groups", "subnet_groups", "parameter_groups"):
        there |= {str(item.get("ARN")) for item in session.steady(lambda one=sort: listed(session, one)).values()}  # type: ignore[misc]
    there |= {str(item.get("ARN")) for item in kept_copies(session) if item.get("SnapshotStatus") != "deleting"}
    return set(arns) & there


def databases_there(session: Session, arns: list[str]) -> set[str]:
    """Instances, their groups, and snapshots that do not go with their instance."""
    session.forget(("rds",))
    there = {
        str(item["DBInstanceArn"])
        for item in session.steady(lambda: instances(session)).values()
        if item["DBInstanceStatus"] != "deleting"
    }
    there |= {str(item["DBSubnetGroupArn"]) for item in session.steady(lambda: subnet_groups(session)).values()}
    there |= {str(item["DBParameterGroupArn"]) for item in session.steady(lambda: parameter_groups(session)).values()}
    there |= {
        str(item["DBSnapshotArn"])
        for item in session.steady(lambda: snapshots(session))
        if item.get("SnapshotType") == "manual" and item["Status"] != "deleting"
    }
    return set(arns) & there


def kept(session: Session, arn: str) -> str:
    """Why an object stays on purpose, or an empty string."""
    service, sort = arn.split(":")[2], arn.split(":")[5]
    if service == "kms" and arn in {item.get("KmsKeyId") for item in kept_snapshots(session)}:
        return "snapshots of databases that stay can only be read with it"
    if service == "kms" and arn.rpartition("/")[2] in map(key_id, kept_copies(session)):
        return "snapshots of caches that stay can only be read with it"
    if service in ("rds", "elasticache") and sort == "snapshot":
        final = "-final-" in arn
        return f"a {'final snapshot' if final else 'backup'} stays until somebody deletes it"
    return ""
