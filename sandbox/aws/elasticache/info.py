"""What ElastiCache tells about itself: versions, events, tags; and kinds of objects that there are none of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, timedelta

from ..hooks import Hooks
from ..query import page, tag_list, tags_of
from ..wire import Call
from .catalog import NODE_TYPES, VERSIONS, describe_version
from .errors import invalid_value, refuse
from .state import Document
from .store import Store

_EMPTY_LISTS = {
    "DescribeCacheSecurityGroups": "CacheSecurityGroups",
    "DescribeGlobalReplicationGroups": "GlobalReplicationGroups",
    "DescribeReservedCacheNodes": "ReservedCacheNodes",
    "DescribeServerlessCaches": "ServerlessCaches",
    "DescribeServerlessCacheSnapshots": "ServerlessCacheSnapshots",
    "DescribeServiceUpdates": "ServiceUpdates",
    "DescribeUpdateActions": "UpdateActions",
}


class Info:
    """Handlers of the operations that only tell, and of tags."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.DescribeCacheEngineVersions", self.versions)
        hooks.replace("elasticache.ListAllowedNodeTypeModifications", self.node_types)
        hooks.replace("elasticache.DescribeReservedCacheNodesOfferings", self.offerings)
        hooks.replace("elasticache.DescribeEvents", self.events)
        hooks.replace("elasticache.ListTagsForResource", lambda call: {"TagList": tag_list(self._tags(call))})
        hooks.replace("elasticache.AddTagsToResource", self.tag)
        hooks.replace("elasticache.RemoveTagsFromResource", self.untag)
        for action in _EMPTY_LISTS:
            hooks.replace(f"elasticache.{action}", lambda call: {_EMPTY_LISTS[call.action]: []})

    @staticmethod
    def versions(call: Call) -> Document:
        """DescribeCacheEngineVersions."""
        wanted = call.params
        found = [
            version
            for version in VERSIONS
            if wanted.get("Engine") in (None, version.engine)
            and wanted.get("EngineVersion") in (None, version.number, version.short)
            and wanted.get("CacheParameterGroupFamily") in (None, version.family)
        ]
        if wanted.get("DefaultOnly"):
            found = list({version.engine: version for version in found}.values())
        return page(call, [describe_version(version) for version in found], "CacheEngineVersions")

    @staticmethod
    def offerings(call: Call) -> Document:
        """DescribeReservedCacheNodesOfferings: a year of every node type for either engine, nothing upfront."""
        wanted = call.params.get("CacheNodeType")
        found: list[Document] = [
            {
                "ReservedCacheNodesOfferingId": hashlib.sha256(f"{name}/{engine}".encode()).hexdigest()[:36],
                "CacheNodeType": name,
                "Duration": 365 * 86400,
                "FixedPrice": 0.0,
                "UsagePrice": 0.0,
                "ProductDescription": engine,
                "OfferingType": "No Upfront",
                "RecurringCharges": [],
            }
            for name in NODE_TYPES
            for engine in ("redis", "valkey")
            if wanted in (None, name) and call.params.get("ProductDescription") in (None, engine)
        ]
        return page(call, found, "ReservedCacheNodesOfferings")

    def node_types(self, call: Call) -> Document:
        """ListAllowedNodeTypeModifications: every other type, larger ones and smaller ones."""
        if not call.params.get("ReplicationGroupId"):
            raise refuse("NotImplemented", "Clusters outside replication groups are not emulated")
        current = self._store.group(call).node["CacheNodeType"]
        place = NODE_TYPES.index(current)
        return {
            "ScaleUpModifications": list(NODE_TYPES[place + 1 :]),
            "ScaleDownModifications": list(NODE_TYPES[:place]),
        }

    def events(self, call: Call) -> Document:
        """DescribeEvents: of the last hour unless asked for more."""
        wanted, now = call.params, self._store.world.clock.wall()
        since = now - timedelta(minutes=wanted.get("Duration") or 60)
        if wanted.get("StartTime"):
            start = wanted["StartTime"]
            since = start if start.tzinfo else start.replace(tzinfo=UTC)
        found = [
            event
            for event in self._store.region(call.region).events
            if event["Date"] >= since and wanted.get("SourceIdentifier") in (None, event["SourceIdentifier"])
        ]
        return page(call, found, "Events")

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of everything in a region. Nodes have the tags of their group."""
        found = self._store.region(region)
        for group in found.groups.values():
            yield group.document["ARN"], group.tags
            for node in group.nodes:
                yield self._store.arn(region, "cluster", node.id), group.tags
        yield from ((snapshot.document["ARN"], snapshot.tags) for snapshot in found.snapshots.values())
        yield from ((item.arn, item.tags) for item in found.subnet_groups.values())
        yield from ((item.arn, item.tags) for item in found.parameter_groups.values())
        yield from ((user.document["ARN"], user.tags) for user in found.users.values())
        yield from ((item.document["ARN"], item.tags) for item in found.user_groups.values())

    def _tags(self, call: Call) -> dict[str, str]:
        wanted = call.params["ResourceName"]
        for arn, tags in self.tagged(call.region):
            if arn == wanted:
                return tags
        parts = wanted.split(":", 6)
        if len(parts) < 7:
            raise refuse("InvalidARN", f"The ARN {wanted} is not valid.")
        codes = {
            "replicationgroup": "ReplicationGroupNotFoundFault",
            "cluster": "CacheClusterNotFound",
            "snapshot": "SnapshotNotFoundFault",
            "subnetgroup": "CacheSubnetGroupNotFoundFault",
            "parametergroup": "CacheParameterGroupNotFound",
            "user": "UserNotFound",
            "usergroup": "UserGroupNotFound",
        }
        raise refuse(codes.get(parts[5], "InvalidARN"), f"{parts[6]} is either not present or not available.")

    def tag(self, call: Call) -> Document:
        """AddTagsToResource."""
        tags, added = self._tags(call), tags_of(call.params["Tags"])
        if any(key.lower().startswith("aws:") for key in added):
            raise invalid_value("Tag keys must not start with aws:.")
        tags.update(added)
        return {"TagList": tag_list(tags)}

    def untag(self, call: Call) -> Document:
        """RemoveTagsFromResource."""
        tags = self._tags(call)
        for key in call.params["TagKeys"]:
            tags.pop(key, None)
        return {"TagList": tag_list(tags)}
