"""What clusters and node groups leave in the VPC: network interfaces and the cluster security group."""

from __future__ import annotations

import ipaddress
from itertools import islice
from typing import Any

from moto.ec2.exceptions import InvalidNetworkInterfaceIdError

from ..world import World
from .state import Cluster

_GROUP_DESCRIPTION = (
    "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
    "as well as any managed workloads."
)
_CLUSTER_INTERFACES = 2
_RESERVED = 3  # router, DNS and one for later


class Footprint:
    """Makes and removes the objects in moto's EC2 that keep subnets, security groups and VPCs from being deleted."""

    def __init__(self, world: World) -> None:
        self._world = world

    def make_security_group(self, region: str, cluster: str, vpc_id: str) -> str:
        """The cluster security group, open to itself."""
        ec2 = self._world.ec2(region)
        number = self._world.new_uuid()[:8]
        name = f"eks-cluster-sg-{cluster}-{int(number, 16)}"
        tags = {"Name": name, f"kubernetes.io/cluster/{cluster}": "owned", "aws:eks:cluster-name": cluster}
        group = ec2.create_security_group(name, _GROUP_DESCRIPTION, vpc_id=vpc_id, tags=tags)
        ec2.authorize_security_group_ingress(
            group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}], vpc_id=vpc_id
        )
        return str(group.id)

    def attach(
        self, region: str, subnets: list[Any], groups: list[str], description: str, count: int, start: int = 0
    ) -> list[str]:
        """``count`` network interfaces spread over the subnets, beginning with number ``start``; their ids."""
        ec2 = self._world.ec2(region)
        made = []
        for index in range(start, start + count):
            subnet = subnets[index % len(subnets)]
            interface = ec2.create_network_interface(
                subnet, free_address(ec2, subnet), group_ids=groups, description=description
            )
            interface.status, interface.requester_managed = "in-use", True
            made.append(interface.id)
        return made

    def attach_control_plane(self, cluster: Cluster, subnets: list[Any]) -> None:
        """The interfaces through which the control plane reaches the VPC."""
        config = cluster.document["resourcesVpcConfig"]
        groups = [*config["securityGroupIds"], config["clusterSecurityGroupId"]]
        description = f"Amazon EKS {cluster.name}"
        one_per_zone = list({subnet.availability_zone: subnet for subnet in subnets}.values())
        cluster.interfaces = self.attach(cluster.region, one_per_zone, groups, description, _CLUSTER_INTERFACES)

    def detach(self, region: str, interfaces: list[str]) -> None:
        """Remove interfaces; those removed behind EKS's back do not matter."""
        ec2 = self._world.ec2(region)
        for interface_id in interfaces:
            try:
                ec2.delete_network_interface(interface_id)
            except InvalidNetworkInterfaceIdError:
                continue
        interfaces.clear()

    def remove(self, cluster: Cluster) -> None:
        """Everything that the cluster put into its VPC. A security group that others use is left, as EKS does."""
        ec2 = self._world.ec2(cluster.region)
        self.detach(cluster.region, cluster.interfaces)
        for nodegroup in cluster.nodegroups.values():
            self.detach(cluster.region, nodegroup.interfaces)
        config = cluster.document["resourcesVpcConfig"]
        groups = ec2.groups[config["vpcId"]]
        group_id = config["clusterSecurityGroupId"]
        in_use = any(group_id in {group.id for group in eni.group_set} for eni in ec2.enis.values())
        if not in_use:
            groups.pop(group_id, None)


def free_address(ec2: Any, subnet: Any) -> str:
    """The first one that no interface of the subnet has, beyond AWS's own (moto draws lots, and draws some twice)."""
    taken = {one.private_ip_address for one in ec2.enis.values() if one.subnet.id == subnet.id}
    hosts = islice(ipaddress.ip_network(subnet.cidr_block).hosts(), _RESERVED, None)
    return next((str(address) for address in hosts if str(address) not in taken), "")
