"""Load balancers that the cloud controller of a cluster makes for Services.

Source: kubernetes/cloud-provider-aws, ``pkg/providers/v1`` (names, tags, security groups, which subnets).
"""

from __future__ import annotations

from typing import Any

from moto.ec2.utils import random_public_ip

from ..errors import RawResponse
from ..hooks import Hooks
from ..wire import Call
from ..world import World
from .footprint import free_address
from .state import Cluster

Body = dict[str, Any]
_PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
_ROLE, _INTERNAL_ROLE = "kubernetes.io/role/elb", "kubernetes.io/role/internal-elb"
_NOT_IN_TREE = ("external", "nlb-ip")


class Refused(Exception):
    """What the controller writes into its Event."""


class Balancers:
    """Of one account. Called in the worker thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ensure(self, cluster: Cluster, service: Body) -> None:
        """Make what is missing; bring the listeners up to date."""
        annotations = service["metadata"].get("annotations") or {}
        kind = annotations.get(f"{_PREFIX}type", "")
        if kind in _NOT_IN_TREE:
            raise Refused(f"load balancers of type {kind} are left to the AWS Load Balancer Controller")
        internal = annotations.get(f"{_PREFIX}internal", "") == "true"
        if kind == "nlb":
            self._network(cluster, service, internal)
        else:
            self._classic(cluster, service, internal)

    def remove(self, cluster: Cluster, service: Body) -> None:
        """Everything that was made for a Service."""
        name, region = name_of(service), cluster.region
        classic = self._world.backend("elb", region)
        if classic.get_load_balancer(name) is not None:
            classic.delete_load_balancer(name)
        modern = self._world.backend("elbv2", region)
        for arn in [arn for arn, one in modern.load_balancers.items() if one.name == name]:
            modern.delete_load_balancer(arn)
        for arn in [arn for arn, one in modern.target_groups.items() if one.name.startswith(f"{name[:26]}-")]:
            del modern.target_groups[arn]
        self.drop_interfaces(region, name)
        self._drop_group(cluster, name)

    # --- kinds ----------------------------------------------------------------------------------------------------

    def _classic(self, cluster: Cluster, service: Body, internal: bool) -> None:
        backend, name = self._world.backend("elb", cluster.region), name_of(service)
        ports = [
            {"protocol": one["protocol"], "load_balancer_port": one["port"], "instance_port": one.get("nodePort", 0)}
            for one in service["spec"]["ports"]
        ]
        found = backend.get_load_balancer(name)
        if found is not None:
            found.listeners = []
            backend.create_load_balancer_listeners(
                name,
                [
                    {
                        "Protocol": p["protocol"],
                        "LoadBalancerPort": p["load_balancer_port"],
                        "InstancePort": p["instance_port"],
                    }
                    for p in ports
                ],
            )
            return
        subnets = self._subnets(cluster, internal)
        group = self._group(cluster, service, name)
        made = backend.create_load_balancer(
            name,
            [subnet.availability_zone for subnet in subnets],
            ports,
            "internal" if internal else "internet-facing",
            [subnet.id for subnet in subnets],
            [group.id],
        )
        prefix = "internal-" if internal else ""
        made.dns_name = f"{prefix}{name}-{int(name[1:9], 16)}.{cluster.region}.elb.amazonaws.com"
        made.tags.update(_tags(cluster, service))
        self._interfaces(cluster, subnets, name, f"ELB {name}", [group.id], internal)

    def _network(self, cluster: Cluster, service: Body, internal: bool) -> None:
        backend, name = self._world.backend("elbv2", cluster.region), name_of(service)
        tags = [{"Key": key, "Value": value} for key, value in _tags(cluster, service).items()]
        found = next((one for one in backend.load_balancers.values() if one.name == name), None)
        if found is None:
            subnets = self._subnets(cluster, internal)
            scheme = "internal" if internal else "internet-facing"
            found = backend.create_load_balancer(
                name, [], [subnet.id for subnet in subnets], None, scheme, "network", "ipv4", tags
            )
            found.activate()
            # Moto names all of them as those for applications.
            del backend.load_balancers[found.arn]
            found.arn = found.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
            backend.load_balancers[found.arn] = found
            backend.tagging_service.tag_resource(found.arn, tags)
            where = found.arn.split(":loadbalancer/", 1)[1]
            self._interfaces(cluster, subnets, name, f"ELB {where}", [], internal)
        wanted = {one["port"]: one for one in service["spec"]["ports"]}
        there = {int(listener.port): arn for arn, listener in found.listeners.items()}
        for port, arn in there.items():
            if port not in wanted:
                del found.listeners[arn]
        for port in set(wanted) - set(there):
            node_port, protocol = wanted[port].get("nodePort", port), wanted[port]["protocol"]
            target = backend.create_target_group(
                f"{name[:26]}-{port}",
                protocol=protocol,
                port=str(node_port),
                vpc_id=found.vpc_id,
                target_type="instance",
                healthcheck_protocol="TCP",
                healthcheck_port="traffic-port",
                tags=tags,
            )
            actions = [{"Type": "forward", "TargetGroupArn": target.arn}]
            backend.create_listener(found.arn, protocol, str(port), None, None, actions)

    # --- what they stand in ---------------------------------------------------------------------------------------

    def _subnets(self, cluster: Cluster, internal: bool) -> list[Any]:
        """One per zone of the cluster's VPC: those with the role's tag first, then those tagged for the cluster."""
        ec2 = self._world.ec2(cluster.region)
        vpc_id = cluster.document["resourcesVpcConfig"]["vpcId"]
        own = f"kubernetes.io/cluster/{cluster.name}"
        role = _INTERNAL_ROLE if internal else _ROLE
        chosen: dict[str, tuple[tuple[bool, bool, str], Any]] = {}
        for zone in ec2.subnets.values():
            for subnet in zone.values():
                if subnet.vpc_id != vpc_id or (not internal and not _is_public(ec2, subnet)):
                    continue
                tags = {tag["key"]: tag["value"] for tag in subnet.get_tags()}
                others = any(key.startswith("kubernetes.io/cluster/") for key in tags) and own not in tags
                if others:
                    continue
                rank = (role not in tags, own not in tags, subnet.id)
                if subnet.availability_zone not in chosen or rank < chosen[subnet.availability_zone][0]:
                    chosen[subnet.availability_zone] = (rank, subnet)
        if not chosen:
            raise Refused("could not find any suitable subnets for creating the ELB")
        return [subnet for _, subnet in (chosen[zone] for zone in sorted(chosen))]

    def _interfaces(
        self, cluster: Cluster, subnets: list[Any], name: str, description: str, groups: list[str], internal: bool
    ) -> None:
        ec2 = self._world.ec2(cluster.region)
        for subnet in subnets:
            made = ec2.create_network_interface(
                subnet, free_address(ec2, subnet), group_ids=groups, description=description
            )
            made.status, made.requester_managed = "in-use", True
            if not internal:
                made.public_ip = random_public_ip()

    def drop_interfaces(self, region: str, name: str) -> None:
        """Of the balancer ``name``, or of the newer kind ``net/name/id``."""
        ec2 = self._world.ec2(region)
        for key, one in list(ec2.enis.items()):
            if one.description == f"ELB {name}" or one.description.startswith(f"ELB net/{name}/"):
                del ec2.enis[key]

    def _group(self, cluster: Cluster, service: Body, name: str) -> Any:
        ec2 = self._world.ec2(cluster.region)
        vpc_id = cluster.document["resourcesVpcConfig"]["vpcId"]
        where = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        tags = {f"kubernetes.io/cluster/{cluster.name}": "owned"}
        description = f"Security group for Kubernetes ELB {name} ({where})"
        group = ec2.create_security_group(f"k8s-elb-{name}", description, vpc_id=vpc_id, tags=tags)
        sources = service["spec"].get("loadBalancerSourceRanges") or ["0.0.0.0/0"]
        for port in service["spec"]["ports"]:
            ec2.authorize_security_group_ingress(
                group.id,
                port["protocol"].lower(),
                str(port["port"]),
                str(port["port"]),
                [{"CidrIp": one} for one in sources],
                vpc_id=vpc_id,
            )
        nodes = cluster.document["resourcesVpcConfig"]["clusterSecurityGroupId"]
        if nodes in ec2.groups[vpc_id]:
            ec2.authorize_security_group_ingress(
                nodes, "-1", None, None, [], source_groups=[{"GroupId": group.id}], vpc_id=vpc_id
            )
        return group

    def _drop_group(self, cluster: Cluster, name: str) -> None:
        ec2 = self._world.ec2(cluster.region)
        config = cluster.document["resourcesVpcConfig"]
        groups = ec2.groups[config["vpcId"]]
        group = next((one for one in groups.values() if one.name == f"k8s-elb-{name}"), None)
        if group is None:
            return
        nodes = groups.get(config["clusterSecurityGroupId"])
        if nodes is not None:
            nodes.ingress_rules = [rule for rule in nodes.ingress_rules if rule.source_group.get("GroupId") != group.id]
        groups.pop(group.id, None)
        ec2.tags.pop(group.id, None)


class Followers:
    """Interfaces of a balancer go with it, whoever deletes it; its security group stays."""

    def __init__(self, world: World) -> None:
        self._balancers = Balancers(world)

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are followed."""
        hooks.after("elb.DeleteLoadBalancer", self._classic)
        hooks.after("elbv2.DeleteLoadBalancer", self._network)

    def _classic(self, call: Call, answer: RawResponse) -> None:
        self._balancers.drop_interfaces(call.region, call.params["LoadBalancerName"])

    def _network(self, call: Call, answer: RawResponse) -> None:
        name = call.params["LoadBalancerArn"].split("/")[-2]
        self._balancers.drop_interfaces(call.region, name)


def name_of(service: Body) -> str:
    """The balancer's name: from the Service's uid."""
    return ("a" + service["metadata"]["uid"].replace("-", ""))[:32]


def _tags(cluster: Cluster, service: Body) -> dict[str, str]:
    meta = service["metadata"]
    extra = (meta.get("annotations") or {}).get(f"{_PREFIX}additional-resource-tags", "")
    added = dict(pair.split("=", 1) for pair in extra.split(",") if "=" in pair)
    own = {
        "kubernetes.io/service-name": f"{meta['namespace']}/{meta['name']}",
        f"kubernetes.io/cluster/{cluster.name}": "owned",
    }
    return {**added, **own}


def _is_public(ec2: Any, subnet: Any) -> bool:
    """Whether its route table, or the VPC's main one, leads to an internet gateway."""
    tables = [table for table in ec2.route_tables.values() if table.vpc_id == subnet.vpc_id]
    own = next((table for table in tables if subnet.id in table._associations.values()), None)
    table = own or next((table for table in tables if table.main_association_id), None)
    if table is None:
        return False
    return any(route.gateway and route.gateway.id.startswith("igw-") for route in table.routes)
