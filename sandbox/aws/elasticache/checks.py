"""What ElastiCache checks before it accepts a request."""

from __future__ import annotations

import re

from ..query import is_daily_window, is_weekly_window, windows_overlap
from ..wire import Call
from .catalog import NODE_TYPES, Version
from .errors import invalid_combination, invalid_value, refuse
from .state import Document, ParameterGroup, SubnetGroup
from .store import Store

_NAME = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]*(?<!-)")
_TOKEN = re.compile(r"[a-zA-Z0-9!&#$^<>\-]{16,128}")
MOST_REPLICAS = 5
NODES_QUOTA = "elasticache/L-DFE45DF3"


class Checks:
    """Checks against other services' objects and against ElastiCache's own rules."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._world = store.world

    @staticmethod
    def name(name: str, what: str, longest: int) -> str:
        """A legal name, in lower case."""
        if not _NAME.fullmatch(name) or len(name) > longest:
            raise invalid_value(
                f"The parameter {what} is not a valid identifier. Identifiers must begin with a letter; must contain "
                "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive "
                "hyphens."
            )
        return name.lower()

    @staticmethod
    def token(token: str) -> None:
        """An AUTH token."""
        if not _TOKEN.fullmatch(token):
            raise invalid_value(
                "Invalid AuthToken provided. The AUTH token must contain between 16 and 128 alphanumeric characters or "
                "symbols, of which these are allowed: !, &, #, $, ^, <, > and -."
            )

    @staticmethod
    def node_type(name: str) -> None:
        """A node type on sale."""
        if name not in NODE_TYPES:
            raise invalid_value(f"Invalid Cache Node type: {name}.")

    @staticmethod
    def snapshots(limit: int) -> None:
        """Days that automatic snapshots are kept."""
        if not 0 <= limit <= 35:
            raise invalid_value(f"The parameter SnapshotRetentionLimit must be between 0 and 35. Value: {limit}")

    @staticmethod
    def windows(snapshot: str, maintenance: str) -> None:
        """The daily and the weekly window; they must not overlap."""
        if not is_daily_window(snapshot):
            raise invalid_value(f"Invalid snapshot window: {snapshot}")
        if not is_weekly_window(maintenance):
            raise invalid_value(f"Invalid maintenance window: {maintenance}")
        if windows_overlap(snapshot, maintenance):
            raise invalid_combination("The snapshot window and maintenance window must not overlap.")

    def availability(self, clustered: bool, nodes: int, failover: bool, multi_az: bool) -> None:
        """Automatic failover and Multi-AZ need somebody who takes over; ``nodes`` per shard."""
        if failover and not clustered and nodes < 2:
            raise invalid_combination(
                "When using automatic failover, there must be at least 2 cache clusters in the replication group."
            )
        if clustered and not failover:
            raise invalid_combination(
                "Automatic failover must be enabled for a replication group with cluster mode enabled."
            )
        if multi_az and not failover:
            raise invalid_combination("Must enable automatic failover to enable Multi-AZ.")
        if multi_az and nodes < 2:
            raise invalid_combination("Multi-AZ needs at least one replica in every node group.")
        if nodes - 1 > MOST_REPLICAS:
            raise invalid_value(f"A node group can have {MOST_REPLICAS} replicas at most.")

    def quota(self, call: Call, more: int) -> None:
        """The number of nodes that the account may have in the region."""
        used = sum(len(group.nodes) for group in self._store.region(call.region).groups.values())
        if used + more > self._store.context.quotas.get(NODES_QUOTA):
            raise refuse("NodeQuotaForCustomerExceeded", "You have exceeded the maximum number of nodes.")

    def key(self, region: str, key: str) -> str:
        """ARN of an enabled encryption key."""
        kms = self._world.kms(region)
        found = kms.keys.get(kms.any_id_to_key_id(key))
        if found is None or found.key_state != "Enabled" or (key.startswith("arn:") and f":{region}:" not in key):
            raise invalid_value(f"The KMS key {key} does not exist, is not enabled or is not in this region.")
        return str(found.arn)

    def security_groups(self, region: str, wanted: list[str] | None, vpc_id: str) -> list[str]:
        """Security groups of the VPC; its default group when none are named."""
        groups = self._world.ec2(region).groups.get(vpc_id, {})
        if not wanted:
            return [group.id for group in groups.values() if group.name == "default"]
        for group_id in wanted:
            if group_id not in groups:
                raise invalid_value(f"Some security group Ids are not valid: [{group_id}]")
        return list(wanted)

    def subnet_group(self, region: str, name: str | None) -> SubnetGroup:
        """A subnet group by name; that of the default VPC when none is named."""
        groups = self._store.region(region).subnet_groups
        if (name or "default") == "default" and "default" not in groups:
            groups["default"] = self._default_group(region)
        found = groups.get((name or "default").lower())
        if found is None:
            raise refuse("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
        return found

    def _default_group(self, region: str) -> SubnetGroup:
        ec2 = self._world.ec2(region)
        default = next((vpc.id for vpc in ec2.vpcs.values() if str(vpc.is_default).lower() == "true"), None)
        subnets = [subnet for zone in ec2.subnets.values() for subnet in zone.values() if subnet.vpc_id == default]
        if not subnets:
            raise refuse("InvalidVPCNetworkStateFault", "No default VPC for this user")
        arn = self._store.arn(region, "subnetgroup", "default")
        places = sorted((subnet.id, subnet.availability_zone) for subnet in subnets)
        return SubnetGroup("default", arn, "Default CacheSubnetGroup", str(default), places)

    def parameter_group(self, region: str, name: str | None, version: Version, clustered: bool) -> ParameterGroup:
        """A parameter group by name, else the default of the version's family."""
        if name is None:
            return self._store.default_parameter_group(region, version.family, clustered)
        for cluster_mode in (False, True):
            default = self._store.default_parameter_group(region, version.family, cluster_mode)
            if default.name == name:
                return default
        found = self._store.region(region).parameter_groups.get(name.lower())
        if found is None:
            raise refuse("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}")
        if found.family != version.family:
            raise invalid_combination(
                f"Expected a parameter group of family {version.family} but found one of family {found.family}"
            )
        return found

    def user_groups(self, region: str, wanted: list[str], encrypted: bool, document: Document) -> None:
        """User groups that can be given to a replication group."""
        known = self._store.region(region).user_groups
        for name in wanted:
            if name not in known:
                raise refuse("UserGroupNotFound", f"User group {name} not found.")
            if known[name].life.status != "active":
                raise refuse("InvalidUserGroupState", f"User group {name} is not in active state.")
        if wanted and not encrypted:
            raise invalid_combination("User group based access control requires encryption-in-transit to be enabled.")
        if wanted and document.get("AuthTokenEnabled"):
            raise invalid_combination(
                "User group can't be associated with auth token enabled. Pass AuthStrategy delete to proceed."
            )
