"""Everything in ElastiCache by region, brought up to the present before anybody looks at it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from ...engines import RedisEngine, redis_engine
from ...engines.redis import EVERYTHING
from ..eks.footprint import Footprint
from ..phases import Life, Phase
from ..query import next_daily
from ..wire import Call
from ..world import World
from .errors import refuse
from .state import Document, Group, Node, ParameterGroup, Region, Snapshot, User

_FAILED_STATUSES = ("create-failed", "failed", "incompatible-network", "restore-failed")


class Store:
    """The objects, the passage of time for them, and the engine behind them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.context = world.context
        self.footprint = Footprint(world)
        self.regions: dict[str, Region] = {}
        self._engine: RedisEngine | None = None
        self._engine_made = False
        # What else time brings to a group that is at rest.
        self.daily: list[Callable[[Group], None]] = [self._snapshot_when_due]

    @property
    def engine(self) -> RedisEngine | None:
        """Real Redis servers; None where there is no Redis."""
        if not self._engine_made:
            self._engine = redis_engine(self.context.state_dir / "engines", self.context.authority)
            self._engine_made = True
        return self._engine

    def reset(self) -> None:
        """Forget everything."""
        self.regions.clear()
        if self._engine is not None:
            self._engine.background(self._engine.reset)

    def region(self, name: str) -> Region:
        """What is in a region, up to date."""
        self.settle(name)
        if name not in self.regions:
            found = self.regions[name] = Region()
            # Every account has a user that may do everything.
            document = {
                "UserId": "default",
                "UserName": "default",
                "Engine": "redis",
                "MinimumEngineVersion": "6.0",
                "AccessString": "on ~* +@all",
                "UserGroupIds": [],
                "Authentication": {"Type": "no-password"},
                "ARN": self.arn(name, "user", "default"),
            }
            found.users["default"] = User(document, Life("active"), f"nopass {EVERYTHING}")
        return self.regions[name]

    def arn(self, region: str, kind: str, name: str) -> str:
        """ARN of an object."""
        return f"arn:aws:elasticache:{region}:{self.world.account}:{kind}:{name}"

    def group(self, call: Call) -> Group:
        """The replication group that the call names."""
        wanted = call.params["ReplicationGroupId"]
        found = self.region(call.region).groups.get(wanted.lower())
        if found is None:
            raise refuse("ReplicationGroupNotFoundFault", f"ReplicationGroup {wanted} not found.")
        return found

    def snapshot(self, call: Call, name: str) -> Snapshot:
        """A snapshot by name."""
        found = self.region(call.region).snapshots.get(name)
        if found is None:
            raise refuse("SnapshotNotFoundFault", f"Snapshot not found: {name}")
        return found

    def phase(self, call: Call, status: str, duration: str, **options: Any) -> Phase:
        """A phase of the operation that the call asks for; an injected fault decides how it ends."""
        rule = self.context.take_operation_failure(call.name)
        phase = Phase(status, duration, **options)
        if rule is not None:
            ending = rule.code if rule.code in _FAILED_STATUSES else phase.failed_status
            phase.failure = (ending, rule.message or "The operation could not be completed.")
        return phase

    def record(self, group: Group, message: str) -> None:
        """Add to what DescribeEvents tells."""
        event = {"SourceIdentifier": group.name, "SourceType": "replication-group", "Message": message}
        self.regions[group.region].events.append({**event, "Date": self.world.clock.wall()})

    def settle(self, region: str) -> None:
        """Let everything in a region become what it is by now."""
        found = self.regions.get(region)
        if found is None:
            return
        for table in (found.snapshots, found.users, found.user_groups):
            for item in list(table.values()):
                item.life.settle(self.context)  # type: ignore[attr-defined]
        for group in list(found.groups.values()):
            group.life.settle(self.context)
            if not group.life.phases and group.life.resting == "available":
                for duty in self.daily:
                    duty(group)

    def default_parameter_group(self, region: str, family: str, clustered: bool) -> ParameterGroup:
        """The group that ElastiCache keeps for a family; there from its first use."""
        name = f"default.{family}{'.cluster.on' if clustered else ''}"
        groups = self.region(region).parameter_groups
        if name not in groups:
            description = f"Default parameter group for {family}{' with cluster mode on' if clustered else ''}"
            groups[name] = ParameterGroup(name, self.arn(region, "parametergroup", name), family, description)
        return groups[name]

    # --- nodes ---

    def add_node(self, group: Group, shard: str, number: int) -> Node:
        """A further member of a shard, in a zone that has the fewest of them."""
        name = f"{group.name}-{shard}-{number:03}" if group.clustered else f"{group.name}-{number:03}"
        places = group.subnet_group.subnets
        taken = [node.zone for node in group.members(shard)]
        subnet_id, zone = min(places, key=lambda place: (taken.count(place[1]), place[1]))
        ec2 = self.world.ec2(group.region)
        interfaces = self.footprint.attach(
            group.region, [ec2.get_subnet(subnet_id)], group.security_groups, f"ElastiCache {name}", 1
        )
        node = Node(name, shard, zone, self.world.clock.wall(), interfaces)
        group.nodes.append(node)
        group.primaries.setdefault(shard, name)
        return node

    def remove_node(self, group: Group, node: Node) -> None:
        """Take a member away."""
        self.footprint.detach(group.region, node.interfaces)
        group.nodes.remove(node)

    # --- snapshots ---

    def take(
        self, group: Group, name: str, source: str, phase: Phase, tags: dict[str, str], node: str | None = None
    ) -> Snapshot:
        """Begin a snapshot of a group; without cluster mode of one node, its primary unless ``node`` names another."""
        arn = self.arn(group.region, "snapshot", name)
        document: Document = {
            "SnapshotName": name,
            "SnapshotSource": source,
            **_source(group, node),
            "CacheNodeType": group.node["CacheNodeType"],
            "Engine": group.node["Engine"],
            "EngineVersion": group.node["EngineVersion"],
            "Port": group.port,
            "CacheParameterGroupName": group.parameter_group.name,
            "CacheSubnetGroupName": group.subnet_group.name,
            "VpcId": group.subnet_group.vpc_id,
            "AutoMinorVersionUpgrade": group.node["AutoMinorVersionUpgrade"],
            "PreferredMaintenanceWindow": group.node["PreferredMaintenanceWindow"],
            "SnapshotRetentionLimit": group.document["SnapshotRetentionLimit"],
            "SnapshotWindow": group.document["SnapshotWindow"],
            "DataTiering": "disabled",
            "ARN": arn,
            "NodeSnapshots": [
                {
                    **({"CacheClusterId": group.primaries[shard], "NodeGroupId": shard} if group.clustered else {}),
                    "CacheNodeId": "0001",
                    "CacheNodeCreateTime": group.members(shard)[0].created,
                    "CacheSize": "",
                }
                for shard in group.shards
            ],
        }
        if group.document.get("KmsKeyId"):
            document["KmsKeyId"] = group.document["KmsKeyId"]
        origin = {
            "group": group.name,
            "clustered": group.clustered,
            "shards": len(group.shards),
            "engine": group.node["Engine"],
        }
        snapshot = Snapshot(document, group.region, Life("available"), origin, tags)
        server = group.server
        if server is not None and phase.failure is None:
            data = snapshot.data = f"snapshot-{secrets.token_hex(8)}"
            phase.begin = lambda: server.run(partial(server.engine.snapshot, server.id, data))

        def complete() -> None:
            for part in document["NodeSnapshots"]:
                part.update(SnapshotCreateTime=self.world.clock.wall(), CacheSize="4 MB")

        phase.finish = complete
        phase.on_failure = lambda reason: self.record(group, f"Snapshot {name} failed. {reason}")
        self.regions[group.region].snapshots[name] = snapshot
        snapshot.life.enter(self.context, phase)
        return snapshot

    def _snapshot_when_due(self, group: Group) -> None:
        """The daily snapshot; those past their retention go."""
        limit = group.document["SnapshotRetentionLimit"]
        now = self.world.clock.wall()
        if not limit:
            group.next_snapshot = None
            return
        window = group.document["SnapshotWindow"]
        if group.next_snapshot is None:
            group.next_snapshot = next_daily(window, now)
        if now < group.next_snapshot:
            return
        group.next_snapshot = next_daily(window, now)
        node = str(group.document.get("SnapshottingClusterId") or group.nodes[-1].id)
        name = f"automatic.{group.name if group.clustered else node}-{now:%Y-%m-%d-%H-%M}"
        self.take(group, name, "automated", Phase("creating", "elasticache.snapshot"), {}, node)
        for snapshot in list(self.regions[group.region].snapshots.values()):
            made = snapshot.document["NodeSnapshots"][0].get("SnapshotCreateTime")
            mine = snapshot.origin["group"] == group.name
            automatic = snapshot.document["SnapshotSource"] == "automated"
            if mine and automatic and made is not None and made < now - timedelta(days=limit):
                self.remove_snapshot(snapshot)

    def remove_snapshot(self, snapshot: Snapshot) -> None:
        """Forget a snapshot and its data."""
        self.regions[snapshot.region].snapshots.pop(snapshot.name, None)
        if snapshot.data is not None and self.engine is not None:
            self.engine.background(self.engine.delete_snapshot, snapshot.data)

    # --- who may use a real server ---

    def server_users(self, group: Group) -> dict[str, str]:
        """ACL rules by user name."""
        region = self.regions[group.region]
        if group.user_groups:
            members = [user for name in group.user_groups for user in region.user_groups[name].users]
            users = (region.users[user] for user in members if user in region.users)
            return {user.document["UserName"]: user.rules for user in users}
        return {"default": f"{' '.join(group.tokens) or 'nopass'} {EVERYTHING}"}

    def tell_users(self, group: Group) -> None:
        """Let the real server know who may use it now."""
        server, users = group.server, self.server_users(group)
        if server is not None and group.created:
            server.run(partial(server.engine.set_users, server.id, users))


def _source(group: Group, node: str | None) -> Document:
    """What a snapshot is of: the group, or without cluster mode the node that was copied (recorded traffic)."""
    if group.clustered:
        return {
            "ReplicationGroupId": group.name,
            "ReplicationGroupDescription": group.document["Description"],
            "NumNodeGroups": len(group.shards),
            "AutomaticFailover": group.document["AutomaticFailover"],
        }
    chosen = next((item for item in group.nodes if item.id == node), None)
    copied = chosen or next(item for item in group.nodes if item.id in group.primaries.values())
    return {
        "CacheClusterId": copied.id,
        "CacheClusterCreateTime": copied.created,
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": copied.zone,
    }
