# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against caches on AWS before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._engine.errors import AuthError
from .._engine.plan import Action
from .._engine.survey import Planned
from .._spec.cache import Cache, CacheInstance
from .._spec.network import Network
from .client import Session
from .data_tier import port_problems
from .elasticache import PORT, ReplicationGroup
from .elasticache_lists import fits, versions
from .windows import daily, overlap, weekly, weekly_problems


def problems(spec: Cache, network: Network, subnets: int) -> list[str]:
    """What ElastiCache cannot honour, as sentences; no I/O. subnets: how many there are, each in a zone of its own."""
    wanted = [item for item in spec.instances if item.state == "present"]
    found = port_problems(network, "caches", PORT) if wanted else []
    for item in wanted:
        found += _of_instance(item, f"cache.instances.{item.name}")
        if item.high_availability and subnets < 2:
            found.append(
                f"cache.instances.{item.name}.high_availability: a replica stands in a second zone, and the network "
                "has one. Write network.zones: 2, or high_availability: false."
            )
    return found


def _of_instance(item: CacheInstance, where: str) -> list[str]:
    found = []
    if item.persistence == "append_only":
        found.append(
            f"{where}.persistence: ElastiCache keeps no append-only file. Write persistence: snapshots, and "
            "high_availability: true to keep what was written between two snapshots."
        )
    if item.version and not re.fullmatch(r"\d+(\.(\d+|x)){0,2}", item.version):
        found.append(f"{where}.version: {item.version!r} is not a version (8.0).")
    if item.aws.node_type and not re.fullmatch(r"cache\.[a-z0-9-]+\.[a-z0-9]+", item.aws.node_type):
        found.append(f"{where}.aws.node_type: {item.aws.node_type!r} is not a node type (cache.m7g.large).")
    arn = item.aws.encryption_key_arn
    if arn and not re.match(r"^arn:aws[a-z-]*:kms:", arn):
        found.append(f"{where}.aws.encryption_key_arn: {arn!r} is not the ARN of a KMS key.")
    window = item.maintenance_window
    wrong = weekly_problems(window, f"{where}.maintenance_window", "ElastiCache") if window else []
    if window and item.snapshot_window and not wrong and overlap(daily(item.snapshot_window, 60), weekly(window)):
        wrong.append(f"{where}: snapshot_window (an hour) and maintenance_window must not overlap.")
    return found + wrong


def offer_problems(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Node types and versions that the plan asks for and the region does not have."""
    found: list[str] = []
    for item in planned:
        group = item.resource
        if not isinstance(group, ReplicationGroup) or item.action not in (Action.CREATE, Action.REPLACE, Action.UPDATE):
            continue
        where, update = f"cache.instances.{group.name}", item.action is Action.UPDATE
        if not update or item.plan.touches("Engine", "EngineVersion"):
            found += _version(session, group, where)
        if not update:
            found += _node_type(session, group, where)
        elif item.plan.touches("CacheNodeType"):
            found += _scaling(session, group, where)
    return found


def _version(session: Session, group: ReplicationGroup, where: str) -> list[str]:
    asked, engine = group.release.asked_version, session.steady(group.release.engine)
    if asked is None:
        return []
    offers = [item["EngineVersion"] for item in session.steady(lambda: versions(session, engine))]
    if any(fits(asked, offer) for offer in offers):
        return []
    return [f"{where}.version: ElastiCache in {session.region} has no {engine} {asked}. It has {', '.join(offers)}."]


def _node_type(session: Session, group: ReplicationGroup, where: str) -> list[str]:
    """ElastiCache lists what it sells only as reservations: there are some of every type of the region."""
    wanted = group.settings["CacheNodeType"]
    try:
        offers = session.remember(
            ("elasticache", "offerings", wanted),
            lambda: session.pages(
                "elasticache",
                "describe_reserved_cache_nodes_offerings",
                "ReservedCacheNodesOfferings",
                CacheNodeType=wanted,
            ),
        )
    except AuthError:  # a permission that only serves to tell early
        return []
    if offers:
        return []
    return [f"{where}: ElastiCache has no node type {wanted} in {session.region}. Name another one: aws.node_type."]


def _scaling(session: Session, group: ReplicationGroup, where: str) -> list[str]:
    """Not every type can follow every other one: the memory must hold what is there."""
    wanted = group.settings["CacheNodeType"]
    answer = session.steady(
        lambda: session.call("elasticache", "list_allowed_node_type_modifications", ReplicationGroupId=group.group_id)
    )
    allowed = [*(answer.get("ScaleUpModifications") or ()), *(answer.get("ScaleDownModifications") or ())]
    if wanted in allowed:
        return []
    return [
        f"{where}: the cache cannot move to {wanted}. ElastiCache offers it {', '.join(sorted(allowed)) or 'none'}."
    ]
