# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is touched: do the account's quotas and the region's offers suffice for what the plan adds?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from .._engine.errors import NotFound
from .._engine.plan import Action
from .._engine.survey import Planned
from .addons import DEFAULT_ADDONS, Addon
from .cache_backups import backup_problems
from .cache_checks import offer_problems
from .client import Session
from .ec2_lists import addresses, vpcs
from .ecr import EcrRepository, repositories
from .eks import Cluster
from .elasticache import ReplicationGroup
from .elasticache_lists import listed
from .gateways import ElasticIp, InternetGateway, NatGateway
from .iam import Role
from .nodegroups import NodeGroup
from .offers import addon_problems, cluster_problems, machine_problems, vcpu_needs, vcpu_use
from .rds import Instance
from .rds_backups import Snapshot
from .rds_offers import database_problems
from .routes import GatewayEndpoint
from .vpc import Vpc

_CHANGING = (Action.CREATE, Action.REPLACE, Action.UPDATE)


def problems(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Shortfalls and missing offers, each as a sentence. Asks only for what the plan adds."""
    added = [item.resource for item in planned if item.action in (Action.CREATE, Action.REPLACE)]
    found: list[str] = []
    for kind, quota, name, used in _COUNTED:
        need = sum(isinstance(item, kind) for item in added)
        if need:
            # What is replaced makes room for itself.
            freed = sum(isinstance(i.resource, kind) and i.action in (Action.REPLACE, Action.DELETE) for i in planned)
            found += short(session, quota, f"{name} in {session.region}", need - freed, partial(used, session))
    found += _nats(session, [item for item in added if isinstance(item, NatGateway)])
    found += _roles(session, sum(isinstance(item, Role) for item in added))
    groups = [item for item in added if isinstance(item, NodeGroup)]
    if groups:
        shapes, wrong = machine_problems(session, groups)
        found += wrong
        in_use: list[Counter[str]] = []

        def vcpus_in_use(code: str) -> int:
            in_use[:] = in_use or [vcpu_use(session)]
            return in_use[0][code]

        for code, (name, need) in vcpu_needs(groups, shapes).items():
            found += short(session, ("ec2", code), name, need, partial(vcpus_in_use, code))
    clusters = [
        item
        for item in planned
        if isinstance(item.resource, Cluster)
        and (item.action is Action.CREATE or (item.action is Action.UPDATE and item.plan.touches("version")))
    ]
    found += [problem for item in clusters for problem in cluster_problems(session, item)]
    addons = [item for item in planned if isinstance(item.resource, Addon) and item.action in _CHANGING]
    # The add-ons of every cluster are there for every version of Kubernetes, unless one of theirs is asked for.
    found += offer_problems(session, planned) + _cache_nodes(session, planned) + database_problems(session, planned)
    found += backup_problems(session, planned)
    asked = [item for item in addons if item.resource.name not in DEFAULT_ADDONS or item.resource.version]  # type: ignore[attr-defined]
    found += [problem for item in asked for problem in addon_problems(session, item)]
    return found


def short(session: Session, quota: tuple[str, str], name: str, need: int, used: Callable[[], int]) -> list[str]:
    """A sentence when a quota does not suffice. quota: Service Quotas' service and quota code."""
    if need <= 0:
        return []
    limit = limit_of(session, *quota)
    if limit is None:
        return []
    have = used()
    if have + need <= limit:
        return []
    return [
        f"Quota: {name}: the plan adds {need}, {have} are in use, and the limit is {limit:g}. Have "
        f"{max(0, limit - have):g}, need {need}. Ask AWS for more (Service Quotas, {quota[0]} {quota[1]}), or remove "
        "what is not needed."
    ]


def limit_of(session: Session, service: str, code: str) -> float | None:
    """The account's limit, or AWS's default where it has none of its own; None when AWS knows no such quota."""
    for operation in ("get_service_quota", "get_aws_default_service_quota"):
        try:
            answer = session.steady(
                lambda call=operation: session.call("service-quotas", call, ServiceCode=service, QuotaCode=code)  # type: ignore[misc]
            )
        except NotFound:
            continue
        return float(answer["Quota"]["Value"])
    return None


def _listed(operation: str, member: str, service: str = "ec2", **filters: Iterable[str]) -> Callable[[Session], int]:
    """How many objects a list has."""

    def count(session: Session) -> int:
        wanted = [{"Name": name.replace("_", "-"), "Values": list(values)} for name, values in filters.items()]
        arguments: dict[str, Any] = {"Filters": wanted} if wanted else {}
        return len(session.steady(lambda: session.pages(service, operation, member, **arguments)))

    return count


def _manual_snapshots(session: Session) -> int:
    """Snapshots that RDS makes by itself do not count."""
    listed = session.steady(lambda: session.pages("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"))
    return len(listed)


# Kind, quota, its name, and what counts as used. Codes: AWS General Reference, "Service endpoints and quotas".
_COUNTED: tuple[tuple[type, tuple[str, str], str, Callable[[Session], int]], ...] = (
    (Vpc, ("vpc", "L-F678F1CE"), "VPCs", lambda session: len(session.steady(lambda: vpcs(session)))),
    (
        InternetGateway,
        ("vpc", "L-A4707A72"),
        "internet gateways",
        _listed("describe_internet_gateways", "InternetGateways"),
    ),
    (
        ElasticIp,
        ("ec2", "L-0263D0A3"),
        "Elastic IP addresses",
        lambda session: len(session.steady(lambda: addresses(session))),
    ),
    (
        GatewayEndpoint,
        ("vpc", "L-1B52E74A"),
        "gateway VPC endpoints",
        _listed("describe_vpc_endpoints", "VpcEndpoints", vpc_endpoint_type=["Gateway"]),
    ),
    (Instance, ("rds", "L-7B6409FD"), "DB instances", _listed("describe_db_instances", "DBInstances", "rds")),
    (Snapshot, ("rds", "L-272F1212"), "manual DB snapshots", _manual_snapshots),
    (Cluster, ("eks", "L-1194D53C"), "EKS clusters", _listed("list_clusters", "clusters", "eks")),
    (
        EcrRepository,
        ("ecr", "L-CFEB8E8D"),
        "ECR repositories",
        lambda session: len(session.steady(lambda: repositories(session))),
    ),
)


def _cache_nodes(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Nodes of caches, counted together in the region."""
    groups = [(item, item.resource) for item in planned if isinstance(item.resource, ReplicationGroup)]
    need = sum(group.settings["Replicas"] + 1 for item, group in groups if item.action is Action.CREATE)
    growing = [group for item, group in groups if item.action is Action.UPDATE and item.plan.touches("Replicas")]
    need += sum(1 for group in growing if group.settings["Replicas"])

    def used() -> int:
        return len(session.steady(lambda: listed(session, "nodes")))

    return short(session, ("elasticache", "L-DFE45DF3"), f"ElastiCache nodes in {session.region}", need, used)


def _nats(session: Session, added: Sequence[NatGateway]) -> list[str]:
    """NAT gateways are counted per zone."""
    needs = Counter(str(item.subnet.out("zone")) for item in added)
    if not needs:
        return []

    def load() -> Counter[str]:
        alive = [{"Name": "state", "Values": ["pending", "available"]}]
        nats = session.pages("ec2", "describe_nat_gateways", "NatGateways", Filter=alive)
        subnets = sorted({item["SubnetId"] for item in nats})
        wanted = [{"Name": "subnet-id", "Values": subnets}]
        listed = session.pages("ec2", "describe_subnets", "Subnets", Filters=wanted) if subnets else []
        zones = {item["SubnetId"]: item["AvailabilityZone"] for item in listed}
        return Counter(zones.get(item["SubnetId"], "") for item in nats)

    use = session.steady(load)
    return [
        problem
        for zone, need in needs.items()
        for problem in short(
            session, ("vpc", "L-FE5A380F"), f"NAT gateways in {zone}", need, partial(use.__getitem__, zone)
        )
    ]


def _roles(session: Session, need: int) -> list[str]:
    """IAM tells its own limits and use in one call."""
    if not need:
        return []
    summary = session.steady(lambda: session.call("iam", "get_account_summary"))["SummaryMap"]
    have, limit = int(summary.get("Roles", 0)), int(summary.get("RolesQuota", 0))
    if not limit or have + need <= limit:
        return []
    return [f"Quota: IAM roles: the plan adds {need}, {have} are in use, and the limit is {limit}."]
