"""Changes of replication groups: settings, tokens, versions, node types, numbers of replicas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..hooks import Hooks
from ..phases import Phase
from ..query import next_weekly
from ..wire import Call
from .catalog import Version, find_version
from .checks import MOST_REPLICAS, Checks
from .describe import describe_group
from .errors import invalid_combination, invalid_value, refuse, wrong_state
from .groups import log_deliveries, token_rule
from .state import Document, Group, ParameterGroup
from .store import Store

# Wait for the maintenance window unless ApplyImmediately.
_DEFERRABLE = ("CacheNodeType", "EngineVersion")
_KNOWN = {
    "ReplicationGroupId",
    "ApplyImmediately",
    "AuthToken",
    "AuthTokenUpdateStrategy",
    "AutoMinorVersionUpgrade",
    "AutomaticFailoverEnabled",
    "CacheNodeType",
    "CacheParameterGroupName",
    "Engine",
    "EngineVersion",
    "LogDeliveryConfigurations",
    "MultiAZEnabled",
    "PreferredMaintenanceWindow",
    "RemoveUserGroups",
    "ReplicationGroupDescription",
    "SecurityGroupIds",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "SnapshottingClusterId",
    "TransitEncryptionEnabled",
    "TransitEncryptionMode",
    "UserGroupIdsToAdd",
    "UserGroupIdsToRemove",
}


class Changes:
    """Handlers of ModifyReplicationGroup, IncreaseReplicaCount and DecreaseReplicaCount."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.ModifyReplicationGroup", self.modify)
        hooks.replace("elasticache.IncreaseReplicaCount", self.increase)
        hooks.replace("elasticache.DecreaseReplicaCount", self.decrease)
        self._store.daily.append(self._apply_when_due)

    # --- ModifyReplicationGroup ---

    def modify(self, call: Call) -> Document:
        """ModifyReplicationGroup."""
        group = self._store.group(call)
        wanted = {key: value for key, value in call.params.items() if value is not None}
        unknown = sorted(set(wanted) - _KNOWN)
        if unknown:
            raise refuse("NotImplemented", f"ModifyReplicationGroup: {', '.join(unknown)} is not emulated")
        if group.life.status != "available":
            raise wrong_state("Replication group must be in available state to modify.")
        version = self._check(call, group, wanted)
        later: Document = {}
        if version is not None and version.number != group.node["EngineVersion"]:
            later["EngineVersion"] = version.number
        if wanted.get("CacheNodeType", group.node["CacheNodeType"]) != group.node["CacheNodeType"]:
            later["CacheNodeType"] = wanted["CacheNodeType"]
        at_once = bool(wanted.get("ApplyImmediately"))
        if at_once:
            later, group.node_pending, group.pending_at = {**group.node_pending, **later}, {}, None
        elif later:
            group.node_pending.update(later)
            group.pending_at = next_weekly(group.node["PreferredMaintenanceWindow"], self._store.world.clock.wall())
        now = self._changes(call, group, wanted, version if at_once else None)
        if now or (later and at_once):
            self._run(call, group, now, later if at_once else {})
        return {"ReplicationGroup": describe_group(group)}

    def _apply_when_due(self, group: Group) -> None:
        if group.pending_at is not None and self._store.world.clock.wall() >= group.pending_at:
            later, group.node_pending, group.pending_at = group.node_pending, {}, None
            self._run(None, group, [], later)

    def _check(self, call: Call, group: Group, wanted: Document) -> Version | None:
        checks = self._checks
        if "CacheNodeType" in wanted:
            checks.node_type(wanted["CacheNodeType"])
        if "SnapshotRetentionLimit" in wanted:
            checks.snapshots(wanted["SnapshotRetentionLimit"])
        after = {**group.document, **group.node, **wanted}
        checks.windows(after["SnapshotWindow"], after["PreferredMaintenanceWindow"])
        failover = wanted.get("AutomaticFailoverEnabled", group.document["AutomaticFailover"] == "enabled")
        multi_az = wanted.get("MultiAZEnabled", group.document["MultiAZ"] == "enabled")
        if {"AutomaticFailoverEnabled", "MultiAZEnabled"} & set(wanted):
            if group.clustered and not failover:
                raise invalid_combination(
                    "Turning off automatic failover for replication group with cluster mode enabled is not supported."
                )
            checks.availability(group.clustered, group.replicas + 1, failover, multi_az)
        self._check_access(call, group, wanted)
        version = self._check_version(group, wanted)
        self._new_parameters(call, group, wanted, version)
        if "SecurityGroupIds" in wanted:
            checks.security_groups(call.region, wanted["SecurityGroupIds"], group.subnet_group.vpc_id)
        return version

    def _new_parameters(
        self, call: Call, group: Group, wanted: Document, version: Version | None
    ) -> ParameterGroup | None:
        """The parameter group that the request names, if it is another one."""
        current = find_version(group.node["Engine"], group.node["EngineVersion"])
        target = version or current
        name = wanted.get("CacheParameterGroupName")
        if target is None or current is None or (name is None and target.family == current.family):
            return None
        if name is None and not group.parameter_group.is_default:
            raise invalid_combination(
                f"A parameter group of family {target.family} must be specified for the upgrade to {target.number}."
            )
        if name is None:
            return None  # the new family's default comes with the upgrade
        found = self._checks.parameter_group(call.region, name, target, group.clustered)
        if found.clustered != group.clustered:
            raise invalid_combination("The parameter group does not have the replication group's cluster mode.")
        return found if found is not group.parameter_group else None

    def _check_access(self, call: Call, group: Group, wanted: Document) -> None:
        encrypted = bool({**group.document, **wanted}["TransitEncryptionEnabled"])
        strategy = wanted.get("AuthTokenUpdateStrategy")
        has_token = group.document["AuthTokenEnabled"]
        if strategy == "DELETE":
            if not has_token:
                raise invalid_value("Auth token update strategy delete is not supported currently")
        elif "AuthToken" in wanted:
            if not encrypted:
                raise invalid_combination("AuthToken can be specified only when TransitEncryptionEnabled is true.")
            self._checks.token(wanted["AuthToken"])
            if strategy is None:
                raise invalid_value("AuthTokenUpdateStrategy must be specified together with AuthToken.")
            if strategy == "SET" and has_token and token_rule(wanted["AuthToken"]) not in group.tokens:
                raise invalid_value("The AUTH token must be rotated before it is set.")
        elif strategy is not None:
            raise invalid_value("AuthToken must be specified together with AuthTokenUpdateStrategy.")
        remains = {} if strategy == "DELETE" else group.document
        self._checks.user_groups(call.region, wanted.get("UserGroupIdsToAdd") or [], encrypted, remains)
        if wanted.get("TransitEncryptionEnabled") and not group.document["TransitEncryptionEnabled"]:
            if wanted.get("TransitEncryptionMode") != "preferred":
                raise invalid_combination(
                    "To turn encryption in transit on, set TransitEncryptionMode to preferred first, then to required."
                )
        elif wanted.get("TransitEncryptionEnabled") is False and has_token:
            raise invalid_combination("Encryption in transit cannot be turned off while an AUTH token is used.")

    @staticmethod
    def _check_version(group: Group, wanted: Document) -> Version | None:
        if not {"Engine", "EngineVersion"} & set(wanted):
            return None
        engine = wanted.get("Engine") or group.node["Engine"]
        version = find_version(engine, wanted.get("EngineVersion"))
        current = find_version(group.node["Engine"], group.node["EngineVersion"])
        if version is None or current is None:
            raise invalid_combination(f"Cannot find version {wanted.get('EngineVersion')} for {engine}")
        if version.order < current.order:
            raise invalid_combination(
                f"Cannot downgrade from {current.engine} {current.number} to {version.engine} {version.number}."
            )
        return version

    def _changes(self, call: Call, group: Group, wanted: Document, version: Version | None) -> list[Callable[[], None]]:
        """What is to be set when the change is over; the rest of the request says nothing new."""
        document, node = group.document, group.node
        steps: list[Callable[[], None]] = []

        def later(target: Document, key: str, value: Any) -> None:
            if target.get(key) != value:
                steps.append(lambda: target.update({key: value}))

        for name, key in (
            ("ReplicationGroupDescription", "Description"),
            ("SnapshotRetentionLimit", "SnapshotRetentionLimit"),
            ("SnapshotWindow", "SnapshotWindow"),
            ("SnapshottingClusterId", "SnapshottingClusterId"),
            ("TransitEncryptionEnabled", "TransitEncryptionEnabled"),
            ("TransitEncryptionMode", "TransitEncryptionMode"),
        ):
            if name in wanted:
                later(document, key, wanted[name])
        if "AutoMinorVersionUpgrade" in wanted:
            later(node, "AutoMinorVersionUpgrade", wanted["AutoMinorVersionUpgrade"])
        if "PreferredMaintenanceWindow" in wanted:
            later(node, "PreferredMaintenanceWindow", wanted["PreferredMaintenanceWindow"].lower())
        if "LogDeliveryConfigurations" in wanted:
            later(node, "LogDeliveryConfigurations", log_deliveries(wanted["LogDeliveryConfigurations"]))
        self._switches(group, wanted, steps)
        groups = wanted.get("SecurityGroupIds")
        if groups is not None and set(groups) != set(group.security_groups):
            steps.append(partial(self._set_security_groups, group, groups))
        found = self._new_parameters(call, group, wanted, version)
        if found is not None:
            steps.append(partial(_set_parameter_group, group, found))
        if {
            "AuthToken",
            "AuthTokenUpdateStrategy",
            "UserGroupIdsToAdd",
            "UserGroupIdsToRemove",
            "RemoveUserGroups",
        } & set(wanted):
            steps.append(partial(self._set_access, group, wanted))
        return steps

    @staticmethod
    def _switches(group: Group, wanted: Document, steps: list[Callable[[], None]]) -> None:
        document = group.document
        for name, key in (("AutomaticFailoverEnabled", "AutomaticFailover"), ("MultiAZEnabled", "MultiAZ")):
            if name not in wanted:
                continue
            target = "enabled" if wanted[name] else "disabled"
            if document[key] == target:
                continue
            if key == "AutomaticFailover":
                document[key] = "enabling" if wanted[name] else "disabling"
                group.pending["AutomaticFailoverStatus"] = target
            steps.append(partial(_switch, group, key, target))

    def _run(self, call: Call | None, group: Group, steps: list[Callable[[], None]], later: Document) -> None:
        """Begin; when it is over, everything is set and the real server knows."""
        store, before = self._store, dict(group.document)
        duration = "elasticache.scale" if later else "elasticache.modify"
        phase = Phase("modifying", duration, failed_status="available")
        if call is not None:
            phase = store.phase(call, "modifying", duration, failed_status="available")
            strategy = call.params.get("AuthTokenUpdateStrategy")
            if strategy in ("ROTATE", "SET"):
                group.pending["AuthTokenStatus"] = "ROTATING" if strategy == "ROTATE" else "SETTING"
        server, encrypted = group.server, group.document["TransitEncryptionEnabled"]

        def finish() -> None:
            for step in steps:
                step()
            self._scale(group, later)
            group.pending.clear()
            if server is not None and group.document["TransitEncryptionEnabled"] != encrypted:
                server.run(partial(server.engine.restart, server.id, tls=group.document["TransitEncryptionEnabled"]))

        def undo(reason: str) -> None:
            group.document.update(AutomaticFailover=before["AutomaticFailover"], MultiAZ=before["MultiAZ"])
            if before["AutomaticFailover"] in ("enabling", "disabling"):
                value = "disabled" if before["AutomaticFailover"] == "enabling" else "enabled"
                group.document["AutomaticFailover"] = value
            group.pending.clear()
            store.record(group, f"Failed to apply the change. {reason}")

        phase.finish, phase.on_failure = finish, undo
        group.life.enter(store.context, phase)

    def _scale(self, group: Group, later: Document) -> None:
        for key, value in later.items():
            group.node[key] = value
        number = later.get("EngineVersion")
        if number is None:
            return
        version = find_version("valkey", number) or find_version("redis", number)
        if version is not None:
            group.node["Engine"] = version.engine
            if group.parameter_group.is_default and group.parameter_group.family != version.family:
                default = self._store.default_parameter_group(group.region, version.family, group.clustered)
                _set_parameter_group(group, default)

    def _set_security_groups(self, group: Group, groups: list[str]) -> None:
        group.security_groups = list(groups)
        ec2 = self._store.world.ec2(group.region)
        places = {zone: subnet_id for subnet_id, zone in group.subnet_group.subnets}
        for node in group.nodes:
            self._store.footprint.detach(group.region, node.interfaces)
            subnet = ec2.get_subnet(places[node.zone])
            node.interfaces = self._store.footprint.attach(
                group.region, [subnet], group.security_groups, f"ElastiCache {node.id}", 1
            )

    def _set_access(self, group: Group, wanted: Document) -> None:
        """Tokens and user groups. With ROTATE the old token goes on opening, until the new one is SET."""
        strategy, document = wanted.get("AuthTokenUpdateStrategy"), group.document
        if strategy == "DELETE":
            group.tokens = []
        elif strategy == "SET":
            group.tokens = [token_rule(wanted["AuthToken"])]
        elif strategy == "ROTATE":
            group.tokens = [*group.tokens[-1:], token_rule(wanted["AuthToken"])]
        if strategy is not None:
            document["AuthTokenEnabled"] = bool(group.tokens)
            document["AuthTokenLastModifiedDate"] = self._store.world.clock.wall()
        dropped = set(wanted.get("UserGroupIdsToRemove") or ())
        kept = [] if wanted.get("RemoveUserGroups") else [name for name in group.user_groups if name not in dropped]
        group.user_groups = [*kept, *(name for name in wanted.get("UserGroupIdsToAdd") or () if name not in kept)]
        self._store.tell_users(group)

    # --- numbers of replicas ---

    def increase(self, call: Call) -> Document:
        """IncreaseReplicaCount."""
        group, count = self._count(call)
        if count <= group.replicas:
            raise invalid_value(f"The new replica count {count} must be more than the current one: {group.replicas}.")
        self._checks.availability(group.clustered, count + 1, failover=True, multi_az=False)
        self._checks.quota(call, (count - group.replicas) * len(group.shards))
        return self._replicas(call, group, count)

    def decrease(self, call: Call) -> Document:
        """DecreaseReplicaCount."""
        group, count = self._count(call)
        if count >= group.replicas:
            raise invalid_value(f"The new replica count {count} must be less than the current one: {group.replicas}.")
        if count == 0 and not group.clustered and group.document["AutomaticFailover"] == "enabled":
            raise invalid_combination(
                "When using automatic failover, there must be at least 2 cache clusters in the replication group."
            )
        if count == 0 and group.document["MultiAZ"] == "enabled":
            raise invalid_combination("Multi-AZ needs at least one replica in every node group.")
        return self._replicas(call, group, count)

    def _count(self, call: Call) -> tuple[Group, int]:
        group, wanted = self._store.group(call), call.params
        if group.life.status != "available":
            raise wrong_state("Replication group must be in available state to modify.")
        if wanted.get("NewReplicaCount") is None:
            raise refuse("NotImplemented", "Replica counts by node group are not emulated")
        if not wanted.get("ApplyImmediately"):
            raise invalid_value("ApplyImmediately must be true: the number of replicas changes at once only.")
        if not 0 <= wanted["NewReplicaCount"] <= MOST_REPLICAS:
            raise invalid_value(f"The replica count must be between 0 and {MOST_REPLICAS}.")
        return group, wanted["NewReplicaCount"]

    def _replicas(self, call: Call, group: Group, count: int) -> Document:
        store = self._store
        phase = store.phase(call, "modifying", "elasticache.replica", failed_status="available")

        def finish() -> None:
            for shard in group.shards:
                members = group.members(shard)
                numbers = {int(node.id.rsplit("-", 1)[1]) for node in members}
                free = (number for number in range(1, 1000) if number not in numbers)
                for _ in range(count + 1 - len(members)):
                    store.add_node(group, shard, next(free))
                surplus = [node for node in reversed(members) if node.id != group.primaries[shard]]
                for node in surplus[: len(members) - count - 1] if len(members) > count + 1 else ():
                    store.remove_node(group, node)
            store.record(group, f"Replica count of {group.name} is {count}")

        phase.finish = finish
        group.life.enter(store.context, phase)
        return {"ReplicationGroup": describe_group(group)}


def _switch(group: Group, key: str, value: str) -> None:
    group.document[key] = value


def _set_parameter_group(group: Group, found: ParameterGroup) -> None:
    group.parameter_group = found
    server = group.server
    if server is not None:
        server.run(partial(server.engine.set_parameters, server.id, dict(found.values)))
