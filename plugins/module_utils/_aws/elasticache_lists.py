# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache's lists, each read with one call, and what version numbers and tags mean there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.errors import Busy, NotFound
from .base import Item, as_dict
from .bulk import tags_in_sync
from .client import Session

# sort -> operation, member of the answer, member that is the name.
_LISTS = {
    "groups": ("describe_replication_groups", "ReplicationGroups", "ReplicationGroupId"),
    "nodes": ("describe_cache_clusters", "CacheClusters", "CacheClusterId"),
    "subnet_groups": ("describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName"),
    "parameter_groups": ("describe_cache_parameter_groups", "CacheParameterGroups", "CacheParameterGroupName"),
    "snapshots": ("describe_snapshots", "Snapshots", "SnapshotName"),
}


def listed(session: Session, sort: str) -> dict[str, Item]:
    """Every object of a sort in the region, by name."""
    operation, member, name = _LISTS[sort]

    def load() -> dict[str, Item]:
        return {item[name]: item for item in session.pages("elasticache", operation, member)}

    return session.remember(("elasticache", sort), load)


def key_id(item: Mapping[str, Any]) -> str:
    """The id of the customer key that encrypts a cache or a snapshot, which may be told as an ARN; else empty."""
    return str(item.get("KmsKeyId") or "").rpartition("/")[2]


def kept_copies(session: Session) -> list[Item]:
    """Snapshots that do not go with their cache."""
    copies = session.steady(lambda: listed(session, "snapshots")).values()
    return [item for item in copies if item.get("SnapshotSource") != "automated"]


def nodes_of(session: Session, group: Mapping[str, Any]) -> list[Item]:
    """The nodes of a replication group. They show what the group itself does not: version, window, groups."""
    nodes = listed(session, "nodes")
    return [nodes[name] for name in group.get("MemberClusters") or () if name in nodes]


def observed_tags(session: Session, arn: str, wanted: Mapping[str, str], *, ask: bool = True) -> dict[str, str] | None:
    """An object's tags. None while it comes or goes, when ElastiCache need not be asked: it tells them of available
    objects only (API reference, ListTagsForResource: InvalidReplicationGroupState)."""
    tags = tags_in_sync(session, arn, wanted)
    if tags is not None or not ask:
        return tags
    try:
        answer = session.call("elasticache", "list_tags_for_resource", ResourceName=arn)
    except (Busy, NotFound):
        return None
    return as_dict(answer.get("TagList"))


def numbers(version: str) -> tuple[int, ...]:
    """A version for comparing: "8.0.1" -> (8, 0, 1); "6.x" -> (6,)."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def fits(wanted: str, version: str) -> bool:
    """Whether a version is the wanted one: "8.0" means every 8.0.x, because ElastiCache applies patches by itself."""
    short = numbers(wanted)
    return numbers(version)[: len(short)] == short


def family(engine: str, version: str) -> str:
    """The family of parameter groups for a version (Amazon ElastiCache user guide, "Engine specific parameters")."""
    major, *rest = numbers(version)
    if engine == "valkey" or major >= 7:
        return f"{engine}{major}"
    return f"{engine}6.x" if major == 6 else f"{engine}{major}.{rest[0] if rest else 0}"


def versions(session: Session, engine: str) -> list[Item]:
    """What versions of an engine ElastiCache offers."""
    return session.remember(
        ("elasticache", "versions", engine),
        lambda: session.pages("elasticache", "describe_cache_engine_versions", "CacheEngineVersions", Engine=engine),
    )


def default_version(session: Session, engine: str) -> str:
    """The version that a cache gets when none is asked for."""

    def load() -> str:
        answer = session.call("elasticache", "describe_cache_engine_versions", Engine=engine, DefaultOnly=True)
        found = answer.get("CacheEngineVersions") or versions(session, engine)
        return str(max((item["EngineVersion"] for item in found), key=numbers))

    return session.remember(("elasticache", "default", engine), load)
