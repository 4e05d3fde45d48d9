"""The objects that ElastiCache holds. Their status follows from the clock when they are read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...engines import Address, RedisEngine
from ..phases import Life

Document = dict[str, Any]


@dataclass
class ParameterGroup:
    """A cache parameter group: what the user has set by name."""

    name: str
    arn: str
    family: str
    description: str
    tags: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether ElastiCache keeps it itself."""
        return self.name.startswith("default.")

    @property
    def clustered(self) -> bool:
        """Whether it switches cluster mode on."""
        return self.name.endswith(".cluster.on") or self.values.get("cluster-enabled") == "yes"

    def describe(self) -> Document:
        """The group as an API answer."""
        return {
            "CacheParameterGroupName": self.name,
            "CacheParameterGroupFamily": self.family,
            "Description": self.description,
            "IsGlobal": False,
            "ARN": self.arn,
        }


@dataclass
class SubnetGroup:
    """A cache subnet group; ``subnets`` are (subnet id, zone)."""

    name: str
    arn: str
    description: str
    vpc_id: str
    subnets: list[tuple[str, str]]
    tags: dict[str, str] = field(default_factory=dict)

    def describe(self) -> Document:
        """The group as an API answer."""
        return {
            "CacheSubnetGroupName": self.name,
            "CacheSubnetGroupDescription": self.description,
            "VpcId": self.vpc_id,
            "Subnets": [
                {
                    "SubnetIdentifier": subnet_id,
                    "SubnetAvailabilityZone": {"Name": zone},
                    "SupportedNetworkTypes": ["ipv4"],
                }
                for subnet_id, zone in self.subnets
            ],
            "ARN": self.arn,
            "SupportedNetworkTypes": ["ipv4"],
        }


@dataclass
class User:
    """A user; ``rules`` are its ACL rules for a real server, passwords as hashes."""

    document: Document
    life: Life
    rules: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Identifier within the region."""
        return str(self.document["UserId"])


@dataclass
class UserGroup:
    """A user group."""

    document: Document
    life: Life
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def users(self) -> list[str]:
        """Identifiers of its users."""
        found: list[str] = self.document["UserIds"]
        return found


@dataclass
class Node:
    """A member of a replication group."""

    id: str
    shard: str
    zone: str
    created: datetime
    interfaces: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Server:
    """The real server of a replication group."""

    engine: RedisEngine
    id: str

    def run(self, work: Callable[[], Any]) -> Future[Any]:
        """Let the engine do something in its thread, after all that it was given before."""
        return self.engine.background(work)


@dataclass
class Group:
    """A replication group with its nodes. ``document`` holds what does not follow from the rest."""

    document: Document
    region: str
    life: Life
    # What DescribeCacheClusters shows of every node.
    node: Document
    parameter_group: ParameterGroup
    subnet_group: SubnetGroup
    security_groups: list[str]
    port: int
    clustered: bool
    shards: list[str]
    nodes: list[Node] = field(default_factory=list)
    primaries: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    user_groups: list[str] = field(default_factory=list)
    # Hashes of the tokens that open it, as rules for a real server.
    tokens: list[str] = field(default_factory=list, repr=False)
    server: Server | None = None
    address: Address | None = None
    created: bool = False
    # Shown of the group and of its nodes while something waits or is under way.
    pending: Document = field(default_factory=dict)
    node_pending: Document = field(default_factory=dict)
    pending_at: datetime | None = None
    next_snapshot: datetime | None = None

    @property
    def name(self) -> str:
        """Identifier within the region."""
        return str(self.document["ReplicationGroupId"])

    @property
    def replicas(self) -> int:
        """Replicas per shard."""
        return len(self.nodes) // len(self.shards) - 1

    def members(self, shard: str) -> list[Node]:
        """Nodes of a shard."""
        return [node for node in self.nodes if node.shard == shard]


@dataclass
class Snapshot:
    """A snapshot; ``data`` is its id in the engine, ``origin`` what a restored group needs to know."""

    document: Document
    region: str
    life: Life
    origin: Document
    tags: dict[str, str] = field(default_factory=dict)
    data: str | None = None

    @property
    def name(self) -> str:
        """Identifier within the region."""
        return str(self.document["SnapshotName"])


@dataclass
class Region:
    """What ElastiCache holds in a region, by name."""

    groups: dict[str, Group] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    subnet_groups: dict[str, SubnetGroup] = field(default_factory=dict)
    parameter_groups: dict[str, ParameterGroup] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    user_groups: dict[str, UserGroup] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
