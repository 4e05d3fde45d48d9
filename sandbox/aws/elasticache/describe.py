"""Descriptions of replication groups and of their nodes as the API answers them."""

from __future__ import annotations

import hashlib
from typing import Any

from .state import Document, Group, Node

_PAGE = "https://console.aws.amazon.com/elasticache/home#client-download:"


def _short(region: str) -> str:
    """How ElastiCache's host names spell a region: eu-central-1 is euc1."""
    area, direction, number = region.rsplit("-", 2)
    return f"{area.replace('-', '')}{direction[0]}{number}"


def _host(group: Group, kind: str) -> str:
    """A name as ElastiCache gives it, which nothing answers at."""
    mark = hashlib.sha256(f"{group.region}/{group.name}".encode()).hexdigest()[:6]
    region = f"{_short(group.region)}.cache.amazonaws.com"
    if kind == "configuration":
        return f"{'clustercfg.' if group.document['TransitEncryptionEnabled'] else ''}{group.name}.{mark}." + (
            region if group.document["TransitEncryptionEnabled"] else f"clustercfg.{region}"
        )
    if group.document["TransitEncryptionEnabled"]:
        return f"{kind}.{group.name}.{mark}.{region}"
    return f"{group.name}.{mark}.ng.0001.{region}" if kind == "master" else f"{group.name}-ro.{mark}.ng.0001.{region}"


def endpoint(group: Group, kind: str) -> Document:
    """An endpoint (``master``, ``replica``, ``configuration`` or a node's name): its real server, else a name."""
    if group.address is not None:
        return {"Address": group.address.host, "Port": group.address.port}
    if kind in ("master", "replica", "configuration"):
        return {"Address": _host(group, kind), "Port": group.port}
    mark = _host(group, "master").split(group.name + ".", 1)[-1]
    return {"Address": f"{kind}.{mark}", "Port": group.port}


def _slots(index: int, count: int) -> str:
    first, last = index * 16384 // count, (index + 1) * 16384 // count - 1
    return f"{first}-{last}"


def _shard(group: Group, index: int, shard: str) -> Document:
    shown: Document = {
        "NodeGroupId": shard,
        "Status": "available" if group.created else "creating",
        "NodeGroupMembers": [_member(group, node) for node in group.members(shard)],
    }
    if group.clustered:
        shown["Slots"] = _slots(index, len(group.shards))
    elif group.created:
        shown["PrimaryEndpoint"] = endpoint(group, "master")
        shown["ReaderEndpoint"] = endpoint(group, "replica")
    return shown


def _member(group: Group, node: Node) -> Document:
    shown: Document = {
        "CacheClusterId": node.id,
        "CacheNodeId": "0001",
        "PreferredAvailabilityZone": node.zone,
    }
    if not group.clustered:
        shown["CurrentRole"] = "primary" if group.primaries[node.shard] == node.id else "replica"
        if group.created:
            shown["ReadEndpoint"] = endpoint(group, node.id)
    return shown


def describe_group(group: Group) -> Document:
    """A replication group as DescribeReplicationGroups shows it."""
    status = group.life.status
    shown: Document = {
        **group.document,
        "Status": status,
        "PendingModifiedValues": dict(group.pending),
        "GlobalReplicationGroupInfo": {},
        "MemberClusters": [node.id for node in group.nodes],
        "ClusterEnabled": group.clustered,
        "ClusterMode": "enabled" if group.clustered else "disabled",
        "CacheNodeType": group.node["CacheNodeType"],
        "Engine": group.node["Engine"],
        "AutoMinorVersionUpgrade": group.node["AutoMinorVersionUpgrade"],
        "LogDeliveryConfigurations": group.node["LogDeliveryConfigurations"],
        "NetworkType": "ipv4",
        "IpDiscovery": "ipv4",
        "DataTiering": "disabled",
    }
    if group.user_groups:
        shown["UserGroupIds"] = list(group.user_groups)
    if status == "deleting":
        # A group on its way out does not show its nodes.
        shown.pop("MemberClusters")
        return shown
    if status != "creating":
        shown["NodeGroups"] = [_shard(group, index, shard) for index, shard in enumerate(group.shards)]
    if group.clustered and group.created:
        shown["ConfigurationEndpoint"] = endpoint(group, "configuration")
    return {key: value for key, value in shown.items() if value is not None}


def describe_node(group: Group, node: Node, arn: str, with_nodes: bool) -> Document:
    """A member as DescribeCacheClusters shows it."""
    status = group.life.status
    shared = ("AuthTokenEnabled", "TransitEncryptionEnabled", "AtRestEncryptionEnabled", "TransitEncryptionMode")
    replica = group.primaries[node.shard] != node.id
    shown: dict[str, Any] = {
        **group.node,
        **{key: group.document[key] for key in shared if key in group.document},
        "CacheClusterId": node.id,
        "ClientDownloadLandingPage": _PAGE,
        "CacheClusterStatus": "available" if status == "snapshotting" and not replica else status,
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": node.zone,
        "CacheClusterCreateTime": node.created,
        "PendingModifiedValues": dict(group.node_pending),
        "CacheSecurityGroups": [],
        "CacheParameterGroup": {
            "CacheParameterGroupName": group.parameter_group.name,
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": group.subnet_group.name,
        "SecurityGroups": [{"SecurityGroupId": name, "Status": "active"} for name in group.security_groups],
        "ReplicationGroupId": group.name,
        # Snapshots are taken of a replica where there is one.
        "SnapshotRetentionLimit": group.document["SnapshotRetentionLimit"] if replica or not group.replicas else 0,
        "SnapshotWindow": group.document["SnapshotWindow"],
        "ARN": arn,
        "ReplicationGroupLogDeliveryEnabled": bool(group.node["LogDeliveryConfigurations"]),
        "NetworkType": "ipv4",
        "IpDiscovery": "ipv4",
    }
    if with_nodes:
        shown["CacheNodes"] = [
            {
                "CacheNodeId": "0001",
                "CacheNodeStatus": shown["CacheClusterStatus"],
                "CacheNodeCreateTime": node.created,
                "ParameterGroupStatus": "in-sync",
                "CustomerAvailabilityZone": node.zone,
                **({"Endpoint": endpoint(group, node.id)} if group.created else {}),
            }
        ]
    return shown
