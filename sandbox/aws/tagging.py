"""The Resource Groups Tagging API over everything that moto and the emulator's own services hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from .eks.store import Store
from .eks.tags import tagged_documents
from .errors import AwsError, RawResponse
from .hooks import Hooks
from .wire import Call
from .world import World

# EC2's containers in moto, and what the tagging API calls the things in them.
_EC2_KINDS = {
    "vpcs": "vpc",
    "internet_gateways": "internet-gateway",
    "egress_only_internet_gateways": "egress-only-internet-gateway",
    "route_tables": "route-table",
    "nat_gateways": "natgateway",
    "vpc_end_points": "vpc-endpoint",
    "flow_logs": "vpc-flow-log",
    "network_acls": "network-acl",
    "enis": "network-interface",
    "launch_templates": "launch-template",
    "volumes": "volume",
    "snapshots": "snapshot",
    "amis": "image",
    "dhcp_options_sets": "dhcp-options",
    "vpc_pcxs": "vpc-peering-connection",
    "managed_prefix_lists": "prefix-list",
    "vpn_gateways": "vpn-gateway",
    "vpn_connections": "vpn-connection",
    "customer_gateways": "customer-gateway",
    "transit_gateways": "transit-gateway",
}
# Services whose tags moto does not hold.
_OWN = ("ec2", "ecr", "eks", "elasticache", "rds", "secretsmanager")
# Prefixes of the ids in those containers; tags of other kinds of things are left alone.
_FORGOTTEN = frozenset(
    ("vpc", "subnet", "igw", "rtb", "nat", "vpce", "fl", "acl", "eni", "lt", "vol", "snap", "sg", "sgr", "eipalloc")
)


class Tagged(Protocol):
    """A service of the emulator's own whose objects have tags."""

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of every object in a region."""


class Tagging:
    """GetResources and its relatives; also sees to it that tags do not outlive their resource."""

    def __init__(self, world: World, clusters: Store, others: Sequence[Tagged] = ()) -> None:
        self._world = world
        self._clusters = clusters
        self._others = others

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.replace("resourcegroupstaggingapi.GetResources", self.get_resources)
        hooks.replace("resourcegroupstaggingapi.GetTagKeys", self.get_keys)
        hooks.replace("resourcegroupstaggingapi.GetTagValues", self.get_values)
        hooks.after("ec2.*", self._forget_tags)

    def reset(self) -> None:
        """Nothing is kept."""

    def _all(self, call: Call) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of every tagged resource that the region's endpoint knows."""
        for kind, resource_id, tags in self._ec2(call.region):
            yield f"arn:aws:ec2:{call.region}:{self._world.account}:{kind}/{resource_id}", tags
        for cluster in self._clusters.clusters(call.region).values():
            for arn, document in tagged_documents(cluster):
                yield arn, document["tags"]
        for service in self._others:
            yield from service.tagged(call.region)
        others = self._world.backend("resourcegroupstaggingapi", call.region)
        for resource in others._get_resources_generator():
            if resource.arn.split(":")[2] not in _OWN:
                yield resource.arn, dict(resource.tags)

    def _ec2(self, region: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        ec2 = self._world.ec2(region)
        for kind, resource_id, item in _existing(ec2):
            tags = ec2.tags.get(resource_id)
            if tags and getattr(item, "state", None) != "deleted":
                yield kind, resource_id, tags

    def _forget_tags(self, call: Call, _: RawResponse) -> None:
        """Moto keeps the tags of what was deleted, and DescribeTags would still list them."""
        if call.action.startswith(("Delete", "Release", "Terminate")) and call.action != "DeleteTags":
            ec2 = self._world.ec2(call.region)
            existing = {resource_id for _, resource_id, _ in _existing(ec2)}
            for resource_id in [known for known in ec2.tags if known not in existing]:
                if resource_id.split("-", 1)[0] in _FORGOTTEN:
                    del ec2.tags[resource_id]

    def get_resources(self, call: Call) -> dict[str, Any]:
        """GetResources: by tags, types or ARNs."""
        wanted = call.params
        types = wanted.get("ResourceTypeFilters") or []
        arns = wanted.get("ResourceARNList")
        found = [
            {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
            for arn, tags in self._all(call)
            if tags
            and _has_tags(tags, wanted.get("TagFilters") or [])
            and (not types or any(_is_of_type(arn, kind) for kind in types))
            and (not arns or arn in arns)
        ]
        size = wanted.get("ResourcesPerPage") or 100
        return _page(found, wanted.get("PaginationToken"), size, "ResourceTagMappingList")

    def get_keys(self, call: Call) -> dict[str, Any]:
        """GetTagKeys."""
        keys = sorted({key for _, tags in self._all(call) for key in tags})
        return _page(keys, call.params.get("PaginationToken"), 100, "TagKeys")

    def get_values(self, call: Call) -> dict[str, Any]:
        """GetTagValues."""
        wanted = call.params["Key"]
        values = sorted({tags[wanted] for _, tags in self._all(call) if wanted in tags})
        return _page(values, call.params.get("PaginationToken"), 100, "TagValues")


def _existing(ec2: Any) -> Iterator[tuple[str, str, Any]]:
    """Kind, id and object of everything in EC2 that can have tags."""
    for container, kind in _EC2_KINDS.items():
        yield from ((kind, resource_id, item) for resource_id, item in getattr(ec2, container).items())
    for zone in ec2.subnets.values():
        yield from (("subnet", subnet_id, subnet) for subnet_id, subnet in zone.items())
    for group in (group for groups in ec2.groups.values() for group in groups.values()):
        yield "security-group", group.id, group
        for rule in (*group.ingress_rules, *group.egress_rules):
            yield "security-group-rule", rule.id, rule
    yield from (("elastic-ip", address.allocation_id, address) for address in ec2.addresses if address.allocation_id)
    for reservation in ec2.reservations.values():
        yield from (("instance", instance.id, instance) for instance in reservation.instances)
    yield from (("key-pair", key_pair.id, key_pair) for key_pair in ec2.key_pairs.values())


def _has_tags(tags: dict[str, str], filters: list[dict[str, Any]]) -> bool:
    return all(
        item["Key"] in tags and (not item.get("Values") or tags[item["Key"]] in item["Values"]) for item in filters
    )


def _is_of_type(arn: str, wanted: str) -> bool:
    service, _, kind = wanted.partition(":")
    parts = arn.split(":", 5)
    return parts[2] == service and (not kind or parts[5].split("/", 1)[0].split(":", 1)[0] == kind)


def _page(items: list[Any], token: str | None, size: int, key: str) -> dict[str, Any]:
    try:
        start = int(token) if token else 0
    except ValueError as error:
        raise AwsError("PaginationTokenExpiredException", "The pagination token is not valid", 400) from error
    following = str(start + size) if start + size < len(items) else ""
    return {key: items[start : start + size], "PaginationToken": following}
