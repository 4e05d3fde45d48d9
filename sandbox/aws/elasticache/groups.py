"""Replication groups: made, described, deleted, failed over."""

from __future__ import annotations

import hashlib
from functools import partial

from ..hooks import Hooks
from ..phases import Life, Phase
from ..query import page, tags_of
from ..wire import Call
from .catalog import Version, find_version
from .checks import Checks
from .describe import describe_group, describe_node
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .state import Document, Group, Server, Snapshot
from .store import Store


class Groups:
    """Handlers of the operations on replication groups as such, and of their nodes' descriptions."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateReplicationGroup", self.create)
        hooks.replace("elasticache.DescribeReplicationGroups", self.describe)
        hooks.replace("elasticache.DescribeCacheClusters", self.nodes)
        hooks.replace("elasticache.DeleteReplicationGroup", self.delete)
        hooks.replace("elasticache.TestFailover", self.fail_over)

    # --- creation ---

    def create(self, call: Call) -> Document:
        """CreateReplicationGroup."""
        wanted, store, checks = call.params, self._store, self._checks
        name = checks.name(wanted["ReplicationGroupId"], "ReplicationGroupId", 40)
        if name in store.region(call.region).groups:
            raise refuse("ReplicationGroupAlreadyExists", f"Replication group with id {name} already exists.")
        if wanted.get("GlobalReplicationGroupId") or wanted.get("PrimaryClusterId"):
            raise refuse("NotImplemented", "Global datastores and existing clusters as primary are not emulated")
        snapshot = self._snapshot(call)
        version = self._version(call, snapshot)
        clustered, shards, per_shard = self._shape(call, version, snapshot)
        failover = wanted.get("AutomaticFailoverEnabled", clustered)
        multi_az = bool(wanted.get("MultiAZEnabled"))
        node_type = wanted.get("CacheNodeType") or (snapshot.document["CacheNodeType"] if snapshot else None)
        if not node_type:
            raise invalid_combination("Must specify cache node type for the new replication group.")
        checks.node_type(node_type)
        checks.availability(clustered, per_shard, failover, multi_az)
        checks.quota(call, shards * per_shard)
        document = self._document(call, name, version, failover, multi_az)
        group = self._group(call, document, version, clustered, node_type)
        group.shards = [f"{index:04}" for index in range(1, shards + 1)]
        self._launch(call, group, per_shard, snapshot)
        return {"ReplicationGroup": describe_group(group)}

    def _snapshot(self, call: Call) -> Snapshot | None:
        name = call.params.get("SnapshotName")
        if not name:
            return None
        snapshot = self._store.snapshot(call, name)
        if snapshot.life.status != "available":
            raise refuse("InvalidSnapshotState", f"Snapshot {name} is not in available state.")
        return snapshot

    @staticmethod
    def _version(call: Call, snapshot: Snapshot | None) -> Version:
        engine = call.params.get("Engine") or (snapshot.origin["engine"] if snapshot else "redis")
        if engine not in ("redis", "valkey"):
            raise invalid_value(f"The parameter Engine is not valid for a replication group: {engine}")
        version = find_version(engine, call.params.get("EngineVersion"))
        if version is None:
            raise invalid_combination(f"Cannot find version {call.params['EngineVersion']} for {engine}")
        return version

    def _shape(self, call: Call, version: Version, snapshot: Snapshot | None) -> tuple[bool, int, int]:
        """Whether it is clustered, its shards, and the nodes per shard."""
        wanted = call.params
        sharded = wanted.get("NumNodeGroups") or wanted.get("ReplicasPerNodeGroup") is not None
        if wanted.get("NumCacheClusters") and sharded:
            raise invalid_combination("Cannot specify both NumCacheClusters and NumNodeGroups or ReplicasPerNodeGroup.")
        named = wanted.get("CacheParameterGroupName")
        by_group = bool(named) and self._checks.parameter_group(call.region, named, version, False).clustered
        shards = wanted.get("NumNodeGroups") or (snapshot.origin["shards"] if snapshot else 1)
        clustered = by_group or shards > 1 or wanted.get("ClusterMode") == "enabled"
        clustered = clustered or bool(snapshot and snapshot.origin["clustered"])
        if clustered and named and not by_group:
            raise invalid_combination(
                "Use a parameter group with cluster-enabled=yes to create a replication group with cluster mode on."
            )
        if clustered or wanted.get("ReplicasPerNodeGroup") is not None:
            return clustered, shards, (wanted.get("ReplicasPerNodeGroup") or 0) + 1
        return clustered, 1, wanted.get("NumCacheClusters") or 1

    def _document(self, call: Call, name: str, version: Version, failover: bool, multi_az: bool) -> Document:
        wanted, checks = call.params, self._checks
        encrypted = wanted.get("TransitEncryptionEnabled", False)
        token = wanted.get("AuthToken")
        if token is not None:
            if not encrypted:
                raise invalid_combination("AuthToken can be specified only when TransitEncryptionEnabled is true.")
            checks.token(token)
            if wanted.get("UserGroupIds"):
                raise invalid_combination("AuthToken and UserGroupIds cannot be used together.")
        at_rest = wanted.get("AtRestEncryptionEnabled", version.engine == "valkey")
        if wanted.get("KmsKeyId") and not at_rest:
            raise invalid_combination("KmsKeyId can be specified only when AtRestEncryptionEnabled is true.")
        checks.user_groups(call.region, wanted.get("UserGroupIds") or [], encrypted, {})
        limit = wanted.get("SnapshotRetentionLimit") or 0
        checks.snapshots(limit)
        document: Document = {
            "ReplicationGroupId": name,
            "Description": wanted["ReplicationGroupDescription"],
            "ARN": self._store.arn(call.region, "replicationgroup", name),
            "AutomaticFailover": "enabled" if failover else "disabled",
            "MultiAZ": "enabled" if multi_az else "disabled",
            "SnapshotRetentionLimit": limit,
            "SnapshotWindow": wanted.get("SnapshotWindow") or "03:30-04:30",
            "AuthTokenEnabled": token is not None,
            "TransitEncryptionEnabled": encrypted,
            "AtRestEncryptionEnabled": at_rest,
            "ReplicationGroupCreateTime": self._store.world.clock.wall(),
        }
        if token is not None:
            document["AuthTokenLastModifiedDate"] = self._store.world.clock.wall()
        if encrypted:
            document["TransitEncryptionMode"] = wanted.get("TransitEncryptionMode") or "required"
        if wanted.get("KmsKeyId"):
            document["KmsKeyId"] = checks.key(call.region, wanted["KmsKeyId"])
        return document

    def _group(self, call: Call, document: Document, version: Version, clustered: bool, node_type: str) -> Group:
        wanted, checks = call.params, self._checks
        maintenance = (wanted.get("PreferredMaintenanceWindow") or "sun:05:00-sun:06:00").lower()
        checks.windows(document["SnapshotWindow"], maintenance)
        port = wanted.get("Port") or 6379
        if not 1024 <= port <= 65535:
            raise invalid_value(f"Invalid port: {port}")
        subnets = checks.subnet_group(call.region, wanted.get("CacheSubnetGroupName"))
        group = Group(
            document=document,
            region=call.region,
            life=Life("available"),
            node={
                "CacheNodeType": node_type,
                "Engine": version.engine,
                "EngineVersion": version.number,
                "PreferredMaintenanceWindow": maintenance,
                "AutoMinorVersionUpgrade": wanted.get("AutoMinorVersionUpgrade", True),
                "LogDeliveryConfigurations": log_deliveries(wanted.get("LogDeliveryConfigurations")),
            },
            parameter_group=checks.parameter_group(
                call.region, wanted.get("CacheParameterGroupName"), version, clustered
            ),
            subnet_group=subnets,
            security_groups=checks.security_groups(call.region, wanted.get("SecurityGroupIds"), subnets.vpc_id),
            port=port,
            clustered=clustered,
            shards=["0001"],
            tags=tags_of(wanted.get("Tags")),
            user_groups=list(wanted.get("UserGroupIds") or ()),
        )
        if wanted.get("AuthToken"):
            group.tokens = [token_rule(wanted["AuthToken"])]
        return group

    def _launch(self, call: Call, group: Group, per_shard: int, snapshot: Snapshot | None) -> None:
        store = self._store
        for shard in group.shards:
            for number in range(1, per_shard + 1):
                store.add_node(group, shard, number)
        store.region(call.region).groups[group.name] = group
        phase = store.phase(call, "creating", "elasticache.create", failed_status="create-failed")
        engine = store.engine
        restorable = snapshot is None or snapshot.data is not None
        if engine is not None and restorable:
            # Names come again; those of servers do not.
            group.server = server = Server(engine, f"{group.name}.{store.world.new_uuid()[:8]}")
            start = partial(
                engine.start,
                server.id,
                tls=group.document["TransitEncryptionEnabled"],
                port=group.port,
                parameters=dict(group.parameter_group.values),
                users=store.server_users(group),
                cluster=group.clustered,
                snapshot=snapshot.data if snapshot else None,
            )

            def place() -> None:
                group.address = start()

            if phase.failure is None:
                phase.begin = lambda: server.run(place)

        def finish() -> None:
            group.created = True
            store.record(group, f"Replication group {group.name} created")

        phase.finish = finish
        phase.on_failure = lambda reason: store.record(group, f"Replication group creation failed. {reason}")
        group.life.enter(store.context, phase)

    # --- descriptions ---

    def describe(self, call: Call) -> Document:
        """DescribeReplicationGroups."""
        if call.params.get("ReplicationGroupId"):
            found = [self._store.group(call)]
        else:
            groups = self._store.region(call.region).groups
            found = [groups[name] for name in sorted(groups)]
        return page(call, [describe_group(group) for group in found], "ReplicationGroups")

    def nodes(self, call: Call) -> Document:
        """DescribeCacheClusters: the members of replication groups."""
        wanted = call.params
        name, with_nodes = wanted.get("CacheClusterId"), bool(wanted.get("ShowCacheNodeInfo"))
        alone = bool(wanted.get("ShowCacheClustersNotInReplicationGroups"))
        found = [
            describe_node(group, node, self._store.arn(call.region, "cluster", node.id), with_nodes)
            for group in self._store.region(call.region).groups.values()
            for node in group.nodes
            if (name is None or node.id == name.lower()) and not alone
        ]
        if name is not None and not found:
            raise refuse("CacheClusterNotFound", f"CacheCluster not found: {name}")
        return page(call, found, "CacheClusters")

    # --- deletion, failover ---

    def delete(self, call: Call) -> Document:
        """DeleteReplicationGroup, with a last snapshot when one is named."""
        group, store = self._store.group(call), self._store
        if call.params.get("RetainPrimaryCluster"):
            raise refuse("NotImplemented", "Clusters outside replication groups are not emulated")
        status = group.life.status
        if status not in ("available", "create-failed", "failed", "incompatible-network", "restore-failed"):
            raise wrong_state(f"Replication group {group.name} has status {status}, which is not valid for deletion.")
        final = call.params.get("FinalSnapshotIdentifier")
        if final:
            if final in store.region(call.region).snapshots:
                raise refuse("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {final}")
            store.take(group, final, "manual", Phase("creating", "elasticache.snapshot"), dict(group.tags))
        phase = store.phase(call, "deleting", "elasticache.delete", failed_status="available")
        server = group.server
        if server is not None and phase.failure is None:
            phase.begin = lambda: server.run(partial(server.engine.delete, server.id))
        phase.finish = lambda: self._gone(group)
        group.life.enter(store.context, phase)
        return {"ReplicationGroup": describe_group(group)}

    def _gone(self, group: Group) -> None:
        for node in list(group.nodes):
            self._store.footprint.detach(group.region, node.interfaces)
        region = self._store.regions[group.region]
        region.groups.pop(group.name, None)
        for name, snapshot in list(region.snapshots.items()):
            automatic = snapshot.document["SnapshotSource"] == "automated"
            if automatic and snapshot.origin["group"] == group.name:
                self._store.remove_snapshot(region.snapshots[name])
        self._store.record(group, f"Replication group {group.name} deleted")

    def fail_over(self, call: Call) -> Document:
        """TestFailover: a replica of the node group becomes its primary."""
        group, shard = self._store.group(call), call.params["NodeGroupId"]
        if group.document["AutomaticFailover"] != "enabled":
            raise invalid_combination("Test failover needs automatic failover to be enabled.")
        if shard not in group.shards:
            raise refuse("NodeGroupNotFoundFault", f"Node group {shard} not found.")
        if group.life.status != "available":
            raise wrong_state("Replication group must be in available state to test failover.")
        phase = self._store.phase(call, "modifying", "elasticache.failover", failed_status="available")

        def finish() -> None:
            others = [node.id for node in group.members(shard) if node.id != group.primaries[shard]]
            group.primaries[shard] = others[0]
            self._store.record(group, f"Failover from master node to replica node {others[0]} completed")

        phase.finish = finish
        group.life.enter(self._store.context, phase)
        return {"ReplicationGroup": describe_group(group)}


def token_rule(token: str) -> str:
    """An AUTH token as a real server is told of it."""
    return "#" + hashlib.sha256(token.encode()).hexdigest()


def log_deliveries(wanted: list[Document] | None) -> list[Document]:
    """Log deliveries as descriptions show them."""
    return [{**item, "Status": "active"} for item in wanted or () if item.pop("Enabled", True)]
