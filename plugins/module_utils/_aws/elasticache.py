# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication groups of ElastiCache: one primary, with high availability a replica in another zone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields, ignore_case
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Recovery, Resource, Status
from .._engine.tags import tag_changes
from .base import AwsResource, Item, as_list
from .client import Session
from .elasticache_groups import CacheParameterGroup, CacheSubnetGroup, Release
from .elasticache_lists import default_version, fits, key_id, listed, nodes_of, numbers, observed_tags, versions

PORT = 6379
# What one ModifyReplicationGroup may hold together: it neither restarts nor moves anything.
_LIGHT = {
    "Description": "ReplicationGroupDescription",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "SecurityGroupIds": "SecurityGroupIds",
    "SnapshotRetentionLimit": "SnapshotRetentionLimit",
    "SnapshotWindow": "SnapshotWindow",
    "TransitEncryptionMode": "TransitEncryptionMode",
}
_RANKS = {"redis": 0, "valkey": 1}


class Token(Protocol):
    """Who knows the AUTH token of a cache that is made."""

    def for_creation(self) -> str: ...


class ReplicationGroup(AwsResource):
    """One cache: encrypted in transit and at rest, with an AUTH token, without cluster mode.

    settings: the members of `desired()` that the specification gives as they are. token: set by the builder.
    """

    kind: ClassVar[str] = "aws.elasticache.replication_group"
    fields: ClassVar[Fields] = Fields(
        {
            "Description": MUTABLE,
            "Engine": MUTABLE,
            "EngineVersion": Field(equal=lambda want, have: bool(have) and fits(want, have)),
            "CacheNodeType": MUTABLE,
            # Replicas that somebody added to those of high availability stay.
            "Replicas": Field(equal=lambda want, have: have is not None and (have >= want if want else have == 0)),
            "AutomaticFailover": MUTABLE,
            "MultiAZ": MUTABLE,
            "CacheParameterGroupName": MUTABLE,
            "CacheSubnetGroupName": IMMUTABLE,
            "SecurityGroupIds": Field(unordered=True),
            "SnapshotRetentionLimit": MUTABLE,
            "SnapshotWindow": MUTABLE,
            "PreferredMaintenanceWindow": Field(normalise=ignore_case),
            "TransitEncryptionEnabled": MUTABLE,
            "TransitEncryptionMode": MUTABLE,
            "AtRestEncryptionEnabled": IMMUTABLE,
            "KmsKeyId": Field(IMMUTABLE.mode, normalise=lambda value: key_id({"KmsKeyId": value})),
            "AuthTokenEnabled": MUTABLE,
            "ClusterEnabled": IMMUTABLE,
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        release: Release,
        *,
        subnet_group: CacheSubnetGroup,
        parameter_group: CacheParameterGroup,
        security_group: Resource,
        key: Resource | None,
        settings: Mapping[str, Any],
        final_snapshot: bool,
        needs: Sequence[Resource] = (),
        **kwargs: Any,
    ) -> None:
        used = [subnet_group, parameter_group, security_group, *([key] if key else []), *needs]
        super().__init__(session, name, used, **kwargs)
        self.release, self.group_id = release, release.group_id
        self.subnet_group, self.parameter_group = subnet_group, parameter_group
        self.security_group, self.key_source = security_group, key
        self.settings, self.final_snapshot = dict(settings), final_snapshot
        self.token: Token | None = None

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, "Name": self.group_id}

    @property
    def arn(self) -> str:
        return self.session.arn("elasticache", f"replicationgroup:{self.group_id}")

    def predicted(self) -> dict[str, Any]:
        return {"id": self.arn, "arn": self.arn}

    def lists(self) -> Sequence[Hashable]:
        return (("elasticache", "groups"), ("elasticache", "nodes"))

    def desired(self) -> dict[str, Any]:
        return {
            "Description": f"{self.name} of {self.session.site.base}",
            "Engine": self.release.asked_engine,
            "EngineVersion": self.release.asked_version,
            **self.settings,
            "CacheParameterGroupName": self.parameter_group.out("name"),
            "CacheSubnetGroupName": self.subnet_group.out("name"),
            "SecurityGroupIds": [self.security_group.out("id")],
            "TransitEncryptionEnabled": True,
            "TransitEncryptionMode": "required",
            "AtRestEncryptionEnabled": True,
            "KmsKeyId": self.key_source.out("arn") if self.key_source else "",
            "AuthTokenEnabled": True,
            "ClusterEnabled": False,
            "tags": self.tags,
        }

    # -- looking ---------------------------------------------------------------------------------------------------

    def read(self) -> Observed | None:
        found = listed(self.session, "groups").get(self.group_id)
        if found is None:
            return None
        status, reason = _STATUSES.get(found["Status"], Status.PENDING), found["Status"]
        there = found["Status"] not in ("creating", "deleting")
        tags = observed_tags(self.session, found["ARN"], self.tags, ask=there)
        if status is Status.FAILED:
            reason = last_event(self.session, self.group_id) or reason
        return Observed(
            {**_group_values(found), **_node_values(nodes_of(self.session, found)), "tags": tags},
            self._outputs(found),
            status,
            reason,
            tags,
            Recovery.RECREATE,  # the only failure there is: it never came to life
            raw=found,
        )

    def _outputs(self, found: Item) -> dict[str, Any]:
        shard: Item = next(iter(found.get("NodeGroups") or ()), {})
        primary, reader = shard.get("PrimaryEndpoint") or {}, shard.get("ReaderEndpoint") or {}
        return {
            "id": found["ARN"],
            "arn": found["ARN"],
            "host": primary.get("Address"),
            "port": primary.get("Port"),
            "reader_host": reader.get("Address"),
        }

    # -- changing --------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        engine = self.release.engine()
        if self.token is None:
            raise NotImplementedError("a cache is made with its token")
        optional = ("SnapshotRetentionLimit", "SnapshotWindow", "PreferredMaintenanceWindow")
        self.session.create(
            "elasticache",
            "create_replication_group",
            ReplicationGroupId=self.group_id,
            ReplicationGroupDescription=desired["Description"],
            Engine=engine,
            EngineVersion=self._offer(engine),
            CacheNodeType=desired["CacheNodeType"],
            NumCacheClusters=desired["Replicas"] + 1,
            AutomaticFailoverEnabled=desired["AutomaticFailover"],
            MultiAZEnabled=desired["MultiAZ"],
            CacheParameterGroupName=desired["CacheParameterGroupName"],
            CacheSubnetGroupName=desired["CacheSubnetGroupName"],
            SecurityGroupIds=desired["SecurityGroupIds"],
            Port=PORT,
            TransitEncryptionEnabled=True,
            TransitEncryptionMode="required",
            AtRestEncryptionEnabled=True,
            AuthToken=self.token.for_creation(),
            Tags=as_list(desired["tags"]),
            **{name: desired[name] for name in optional if desired.get(name) is not None},
            **({"KmsKeyId": desired["KmsKeyId"]} if desired["KmsKeyId"] else {}),
        )
        return WATCH

    def _offer(self, engine: str) -> str:
        """The version to ask for: the newest that fits, or ElastiCache's default, which the parameter group is for."""
        session, asked = self.session, self.release.asked_version
        if asked is None:
            return session.steady(lambda: default_version(session, engine))
        offers = [item["EngineVersion"] for item in session.steady(lambda: versions(session, engine))]
        return asked if asked in offers else max((o for o in offers if fits(asked, o)), key=numbers, default=asked)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        """One step: a group takes one modification at a time."""
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"] or {})
            arn = observed.outputs["arn"]
            self.session.call("elasticache", "add_tags_to_resource", ResourceName=arn, Tags=as_list(tags))
        elif change.touches(*_LIGHT):
            self._modify(**self._light(observed, desired, change))
        elif change.touches("Replicas") and desired["Replicas"]:
            self._count("increase_replica_count", desired["Replicas"])
        elif change.touches("AutomaticFailover", "MultiAZ") and desired["AutomaticFailover"]:
            self._modify(AutomaticFailoverEnabled=True, MultiAZEnabled=desired["MultiAZ"])
        elif change.touches("Engine", "EngineVersion"):
            engine = self.release.engine()
            # The parameter group is of the new version's family: both change together.
            self._modify(
                Engine=engine,
                EngineVersion=self._offer(engine),
                CacheParameterGroupName=desired["CacheParameterGroupName"],
            )
        elif change.touches("CacheParameterGroupName"):
            self._modify(CacheParameterGroupName=desired["CacheParameterGroupName"])
        elif change.touches("CacheNodeType"):
            self._modify(CacheNodeType=desired["CacheNodeType"])
        elif change.touches("AutomaticFailover", "MultiAZ"):
            self._modify(AutomaticFailoverEnabled=False, MultiAZEnabled=False, **self._snapshots_of_primary(observed))
        elif change.touches("Replicas"):
            self._count("decrease_replica_count", 0)
        return WATCH

    def _modify(self, **params: Any) -> None:
        self.session.call(
            "elasticache",
            "modify_replication_group",
            ReplicationGroupId=self.group_id,
            ApplyImmediately=True,
            **params,
        )

    def _count(self, operation: str, replicas: int) -> None:
        self.session.call(
            "elasticache",
            operation,
            ReplicationGroupId=self.group_id,
            NewReplicaCount=replicas,
            ApplyImmediately=True,
        )

    def _light(self, observed: Observed, desired: dict[str, Any], change: Plan) -> dict[str, Any]:
        params = {_LIGHT[name]: desired[name] for name in _LIGHT if change.touches(name)}
        if params.get("SnapshotRetentionLimit") and not observed.values["SnapshotRetentionLimit"]:
            # Automatic snapshots have to be told whose memory they are of: a replica's, where there is one.
            params["SnapshottingClusterId"] = sorted(observed.raw["MemberClusters"])[-1]
        return params

    def _snapshots_of_primary(self, observed: Observed) -> dict[str, str]:
        """The replica that the snapshots are taken of is about to go."""
        if not observed.raw.get("SnapshottingClusterId"):
            return {}
        members = [item for shard in observed.raw.get("NodeGroups") or () for item in shard["NodeGroupMembers"]]
        primary = next((item["CacheClusterId"] for item in members if item.get("CurrentRole") == "primary"), None)
        return {"SnapshottingClusterId": primary} if primary else {}

    def check_update(self, observed: Observed, change: Plan) -> str:
        if change.touches("TransitEncryptionEnabled", "AuthTokenEnabled"):
            return (
                "it was made without encryption in transit or without an AUTH token. Switch them on first, so that its "
                f"clients can follow: aws elasticache modify-replication-group --replication-group-id {self.group_id} "
                "(--transit-encryption-enabled --transit-encryption-mode preferred; then --auth-token ... "
                "--auth-token-update-strategy ROTATE, then SET)."
            )
        if change.touches("Engine", "EngineVersion"):
            return self._downgrade(observed)
        return ""

    def _downgrade(self, observed: Observed) -> str:
        """ElastiCache never goes back to an earlier version (API reference, ModifyReplicationGroup)."""
        have = (observed.values["Engine"], observed.values["EngineVersion"])
        want = (self.release.asked_engine or have[0], self.release.asked_version)
        lower = _RANKS[want[0]] < _RANKS[have[0]]
        if want[0] == have[0] and want[1]:
            lower = numbers(want[1]) < numbers(have[1])
        if not lower:
            return ""
        return (
            f"EngineVersion: it runs {have[0]} {have[1]}, and ElastiCache cannot go back to "
            f"{' '.join(filter(None, want))}. Write engine: {have[0]} and version: {have[1]!r}, or leave them out."
        )

    def disruption(self, observed: Observed, change: Plan) -> str:
        found = [why for fields, why in _INTERRUPTS.items() if change.touches(*fields)]
        if change.touches("Replicas") and not self.settings["Replicas"]:
            found.append("clients of the reader endpoint lose their connections when the replicas go")
        return "; ".join(found)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _final_snapshot(self, observed: Observed) -> str:
        """One name for one life of the group, however often its deletion is tried."""
        if not self.final_snapshot or observed.status is not Status.READY:
            return ""
        made = observed.raw.get("ReplicationGroupCreateTime")
        return f"{self.group_id}-final-{made:%Y%m%d%H%M%S}" if made else f"{self.group_id}-final"

    def remains(self, observed: Observed) -> str:
        name = self._final_snapshot(observed)
        return f"its final snapshot {name} stays" if name else ""

    def delete(self, observed: Observed) -> Operation:
        name = self._final_snapshot(observed)
        self.session.call(
            "elasticache",
            "delete_replication_group",
            ReplicationGroupId=self.group_id,
            **({"FinalSnapshotIdentifier": name} if name else {}),
        )
        return WATCH


# API reference, ReplicationGroup. A group serves its clients while it is snapshotting.
_STATUSES = {
    "available": Status.READY,
    "snapshotting": Status.READY,
    "deleting": Status.DELETING,
    "create-failed": Status.FAILED,
}
_INTERRUPTS = {
    ("CacheNodeType",): "connections end when the cache moves to nodes of another type",
    ("Engine", "EngineVersion"): "connections end when the engine is upgraded",
    ("TransitEncryptionMode",): "clients without encryption are locked out",
}


def _group_values(found: Item) -> dict[str, Any]:
    """What a replication group shows of itself."""
    members = found.get("MemberClusters")
    return {
        "Description": found.get("Description"),
        "CacheNodeType": found.get("CacheNodeType"),
        "Replicas": len(members) - 1 if members else None,
        "AutomaticFailover": found.get("AutomaticFailover") in ("enabled", "enabling"),
        "MultiAZ": found.get("MultiAZ") == "enabled",
        "SnapshotRetentionLimit": found.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": found.get("SnapshotWindow"),
        "TransitEncryptionEnabled": bool(found.get("TransitEncryptionEnabled")),
        "TransitEncryptionMode": found.get("TransitEncryptionMode"),
        "AtRestEncryptionEnabled": bool(found.get("AtRestEncryptionEnabled")),
        "KmsKeyId": found.get("KmsKeyId"),
        "AuthTokenEnabled": bool(found.get("AuthTokenEnabled")),
        "ClusterEnabled": bool(found.get("ClusterEnabled")),
    }


def _node_values(nodes: Sequence[Item]) -> dict[str, Any]:
    """What only its nodes show; nothing while there are none."""
    node = next(iter(nodes), {})
    groups = node.get("SecurityGroups")
    return {
        "Engine": node.get("Engine"),
        "EngineVersion": node.get("EngineVersion"),
        "CacheParameterGroupName": (node.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
        "CacheSubnetGroupName": node.get("CacheSubnetGroupName"),
        "SecurityGroupIds": None if groups is None else [item["SecurityGroupId"] for item in groups],
        "PreferredMaintenanceWindow": node.get("PreferredMaintenanceWindow"),
    }


def last_event(session: Session, group_id: str) -> str:
    """What ElastiCache said last about a group."""
    events = session.steady(
        lambda: session.pages(
            "elasticache",
            "describe_events",
            "Events",
            SourceIdentifier=group_id,
            SourceType="replication-group",
            Duration=7 * 24 * 60,
        )
    )
    return str(max(events, key=lambda item: item["Date"])["Message"]) if events else ""
