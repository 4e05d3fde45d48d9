# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that carry this site's ownership and are not in the specification."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._engine.errors import NotFound
from .base import as_dict
from .client import Session
from .ecr import REPOSITORIES, repositories
from .logs import LOG_GROUPS, log_groups
from .network import cluster_name
from .store_orphans import caches_there, databases_there, kept, secrets_there

# What the nodes of a living cluster bring along; it goes with them.
_OF_NODES = ("instance", "volume", "network-interface")


def find(session: Session, known: set[str]) -> list[dict[str, Any]]:
    """{kind, id, name} of each. Tags are asked of the tagging API, existence of the services themselves: the tagging
    API goes on naming objects for a while after they are gone."""
    session.forget(("ec2",), ("s3",), LOG_GROUPS, REPOSITORIES, ("elasticache",))
    owner = session.site.owner.tags()
    cluster_arn = session.arn("eks", f"cluster/{cluster_name(session)}")
    alive = cluster_arn in known
    found = _tagged(session, {key: [value] for key, value in owner.items()})
    if not alive:
        # Load balancers, volumes and security groups that Kubernetes made and nobody removed.
        found |= _tagged(session, {f"kubernetes.io/cluster/{cluster_name(session)}": ["owned"]})
        found |= _tagged(session, {"elbv2.k8s.aws/cluster": [cluster_name(session)]})
    left = {arn: tags for arn, tags in found.items() if not _is_known(arn, known)}
    if alive:
        left = {arn: tags for arn, tags in left.items() if not _belongs_to_cluster(arn)}
    left = _existing(session, left)
    left |= _roles(session, known) | _providers(session, known)
    return [_entry(session, arn, tags) for arn, tags in sorted(left.items())]


def _entry(session: Session, arn: str, tags: dict[str, str]) -> dict[str, Any]:
    named = {"id": _identity(arn), "name": tags.get("Name") or _name(arn)}
    why = kept(session, arn)
    return {"kind": f"aws.{_service(arn)}.{_type(arn)}", **named, **({"kept": why} if why else {})}


def _tagged(session: Session, tags: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """ARN -> tags of everything in the region that carries all of these tags."""
    wanted = [{"Key": key, "Values": values} for key, values in tags.items()]
    listed = session.steady(
        lambda: session.pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=wanted)
    )
    return {item["ResourceARN"]: as_dict(item.get("Tags")) for item in listed}


def _service(arn: str) -> str:
    return arn.split(":")[2]


def _type(arn: str) -> str:
    """ "vpc" for arn:...:vpc/vpc-1, "log-group" for arn:...:log-group:/a, "bucket" for arn:aws:s3:::a."""
    if _service(arn) == "s3":
        return "bucket"
    return arn.split(":", 5)[5].replace(":", "/", 1).split("/")[0]


def _identity(arn: str) -> str:
    """What resources of this kind have as their id: EC2 objects and buckets by name, the others by ARN."""
    if _service(arn) in ("ec2", "s3"):
        return arn.split(":", 5)[5].rpartition("/")[2]
    if _service(arn) == "logs":
        return arn.split(":", 6)[6].removesuffix(":*")
    return arn


def _name(arn: str) -> str:
    """What people call an object without a Name: load balancers and target groups have one inside their ARN."""
    if _service(arn) != "elasticloadbalancing":
        return _identity(arn)
    parts = arn.split(":", 5)[5].split("/")  # loadbalancer/name, loadbalancer/net/name/id, targetgroup/name/id
    return parts[-2] if len(parts) > 2 else parts[-1]


def _is_known(arn: str, known: set[str]) -> bool:
    return arn in known or _identity(arn) in known


def _belongs_to_cluster(arn: str) -> bool:
    """Whether it comes and goes with a living cluster: machines of its nodes, and its access entries."""
    return (_service(arn), _type(arn)) in {("eks", "access-entry"), *(("ec2", sort) for sort in _OF_NODES)}


def _existing(session: Session, found: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Those that are there. EC2 forgets the tags of what is gone, except where it keeps the object listed."""
    by_service: dict[str, list[str]] = {}
    for arn in found:
        by_service.setdefault(_service(arn), []).append(arn)
    gone: set[str] = set()
    for service, arns in by_service.items():
        check = _CHECKS.get(service)
        if check is not None:
            gone |= set(arns) - check(session, arns)
    return {arn: tags for arn, tags in found.items() if arn not in gone}


def _in_ec2(session: Session, arns: list[str]) -> set[str]:
    ids = sorted({_identity(arn) for arn in arns})
    wanted = [{"Name": "resource-id", "Values": ids}]
    tagged = session.steady(lambda: session.pages("ec2", "describe_tags", "Tags", Filters=wanted))
    there = {item["ResourceId"] for item in tagged}
    return {arn for arn in arns if _identity(arn) in there - _over(session, arns)}


def _over(session: Session, arns: list[str]) -> set[str]:
    """Ids that EC2 goes on listing with their tags although the objects are gone."""
    over: set[str] = set()
    for sort, operation, member, argument, state, identity in (
        ("natgateway", "describe_nat_gateways", "NatGateways", "Filter", "state", "NatGatewayId"),
        ("vpc-endpoint", "describe_vpc_endpoints", "VpcEndpoints", "Filters", "vpc-endpoint-state", "VpcEndpointId"),
        (
            "vpc-peering-connection",
            "describe_vpc_peering_connections",
            "VpcPeeringConnections",
            "Filters",
            "status-code",
            "VpcPeeringConnectionId",
        ),
    ):
        ids = [_identity(arn) for arn in arns if _type(arn) == sort]
        if ids:
            wanted: dict[str, Any] = {argument: [{"Name": state, "Values": ["deleted", "deleting"]}]}
            listed = session.steady(
                lambda call=operation, key=member, params=wanted: session.pages("ec2", call, key, **params)  # type: ignore[misc]
            )
            over |= {item[identity] for item in listed} & set(ids)
    machines = [_identity(arn) for arn in arns if _type(arn) == "instance"]
    if machines:
        wanted = {"Filters": [{"Name": "instance-state-name", "Values": ["terminated", "shutting-down"]}]}
        listed = session.steady(lambda: session.pages("ec2", "describe_instances", "Reservations", **wanted))
        over |= {item["InstanceId"] for part in listed for item in part.get("Instances") or ()} & set(machines)
    return over


def _in_kms(session: Session, arns: list[str]) -> set[str]:
    """Keys that are not on their way out already."""

    def lives(arn: str) -> bool:
        try:
            key = session.steady(lambda: session.call("kms", "describe_key", KeyId=arn))["KeyMetadata"]
        except NotFound:
            return False
        return str(key["KeyState"]) not in ("PendingDeletion", "PendingReplicaDeletion")

    return {arn for arn in arns if lives(arn)}


def _in_eks(session: Session, arns: list[str]) -> set[str]:
    """What is in a cluster is gone when the cluster is."""
    names = session.steady(lambda: session.pages("eks", "list_clusters", "clusters"))
    return {arn for arn in arns if arn.split(":", 5)[5].split("/")[1] in names}


def _in_logs(session: Session, arns: list[str]) -> set[str]:
    there = {item["logGroupName"] for item in session.steady(lambda: log_groups(session))}
    return {arn for arn in arns if _identity(arn) in there}


def _in_s3(session: Session, arns: list[str]) -> set[str]:
    there = {item["Name"] for item in session.steady(lambda: session.pages("s3", "list_buckets", "Buckets"))}
    return {arn for arn in arns if _identity(arn) in there}


def _in_ecr(session: Session, arns: list[str]) -> set[str]:
    there = {item["repositoryArn"] for item in session.steady(lambda: repositories(session)).values()}
    return set(arns) & there


def _in_balancing(session: Session, arns: list[str]) -> set[str]:
    """Load balancers of both generations and target groups; listeners and their rules go with their balancer."""
    there: set[str] = set()
    for operation, member, identity in (
        ("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        ("describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ):
        listed = session.steady(partial(session.pages, "elbv2", operation, member))
        there |= {item[identity] for item in listed}
    classic = session.steady(lambda: session.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions"))
    names = {item["LoadBalancerName"] for item in classic}
    return {
        arn
        for arn in arns
        if arn in there or (arn.count("/") == 1 and _type(arn) == "loadbalancer" and _name(arn) in names)
    }


_CHECKS = {
    "elasticloadbalancing": _in_balancing,
    "rds": databases_there,
    "ec2": _in_ec2,
    "kms": _in_kms,
    "eks": _in_eks,
    "logs": _in_logs,
    "s3": _in_s3,
    "secretsmanager": secrets_there,
    "ecr": _in_ecr,
    "elasticache": caches_there,
}


def _roles(session: Session, known: set[str]) -> dict[str, dict[str, str]]:
    """IAM roles, which the tagging API does not know: by name, then by their tags."""
    listed = session.steady(lambda: session.pages("iam", "list_roles", "Roles"))
    candidates = [
        item for item in listed if item["RoleName"].startswith(session.site.base) and item["Arn"] not in known
    ]
    found = {}
    for item in candidates:
        try:
            tags = as_dict(
                session.steady(
                    lambda name=item["RoleName"]: session.pages("iam", "list_role_tags", "Tags", RoleName=name)  # type: ignore[misc]
                )
            )
        except NotFound:
            continue
        if session.site.owner.owns(tags):
            found[item["Arn"]] = tags
    return found


def _providers(session: Session, known: set[str]) -> dict[str, dict[str, str]]:
    """Identity providers of EKS clusters in this region, which the tagging API does not know either."""
    listed = session.steady(lambda: session.call("iam", "list_open_id_connect_providers"))
    arns = [item["Arn"] for item in listed.get("OpenIDConnectProviderList") or ()]
    found = {}
    for arn in arns:
        if arn in known or f"oidc.eks.{session.region}." not in arn:
            continue
        try:
            answer = session.steady(
                lambda one=arn: session.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=one)  # type: ignore[misc]
            )
        except NotFound:
            continue
        tags = as_dict(answer.get("Tags"))
        if session.site.owner.owns(tags):
            found[arn] = tags
    return found
