"""DependencyViolation and its relatives, as EC2 words them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World


def _violation(message: str) -> AwsError:
    return AwsError("DependencyViolation", message, 400)


class Dependencies:
    """Checks before something is deleted, detached or released."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are checked."""
        hooks.before("ec2.DeleteVpc", self._vpc)
        hooks.before("ec2.DeleteSubnet", self._subnet)
        hooks.before("ec2.DeleteSecurityGroup", self._security_group)
        hooks.before("ec2.DetachInternetGateway", self._detach)
        hooks.before("ec2.DeleteInternetGateway", self._internet_gateway)
        hooks.before("ec2.ReleaseAddress", self._address)
        hooks.before("ec2.DisassociateAddress", self._association)
        hooks.before("ec2.DeleteNetworkInterface", self._interface)
        hooks.before("ec2.DeleteRouteTable", self._route_table)

    def reset(self) -> None:
        """Nothing is kept."""

    def _vpc(self, call: Call) -> None:
        ec2, vpc_id = self._world.ec2(call.region), call.params["VpcId"]
        if vpc_id in ec2.vpcs and any(_dependants(ec2, vpc_id)):
            raise _violation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")

    def _subnet(self, call: Call) -> None:
        ec2, subnet_id = self._world.ec2(call.region), call.params["SubnetId"]
        if any(interface.subnet.id == subnet_id for interface in ec2.enis.values()) or any(
            instance.subnet_id == subnet_id and instance.state != "terminated"
            for reservation in ec2.reservations.values()
            for instance in reservation.instances
        ):
            raise _violation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")

    def _security_group(self, call: Call) -> None:
        ec2 = self._world.ec2(call.region)
        group = ec2.get_security_group_by_name_or_id(call.params.get("GroupId") or call.params.get("GroupName", ""))
        if group is None:
            return
        if group.name == "default":
            message = f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
            raise AwsError("CannotDelete", message, 400)
        used = any(group.id in {item.id for item in interface.group_set} for interface in ec2.enis.values())
        if used or group.id in _referenced_groups(ec2, besides=group.id):
            raise _violation(f"resource {group.id} has a dependent object")

    def _detach(self, call: Call) -> None:
        ec2, vpc_id = self._world.ec2(call.region), call.params["VpcId"]
        if any(interface.public_ip and interface.vpc_id == vpc_id for interface in ec2.enis.values()):
            raise _violation(
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
                "detaching the gateway."
            )

    def _internet_gateway(self, call: Call) -> None:
        gateway_id = call.params["InternetGatewayId"]
        gateway = self._world.ec2(call.region).internet_gateways.get(gateway_id)
        if gateway is not None and gateway.vpc is not None:
            raise _violation(f"The internetGateway '{gateway_id}' has dependencies and cannot be deleted.")

    def _find_address(self, call: Call) -> Any | None:
        params = call.params
        for address in self._world.ec2(call.region).addresses:
            if params.get("AllocationId") and address.allocation_id == params["AllocationId"]:
                return address
            if params.get("AssociationId") and address.association_id == params["AssociationId"]:
                return address
            if params.get("PublicIp") and address.public_ip == params["PublicIp"]:
                return address
        return None

    def _address(self, call: Call) -> None:
        address = self._find_address(call)
        if address is not None and address.association_id:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.", 400)

    def _association(self, call: Call) -> None:
        address = self._find_address(call)
        if address is not None and address.eni is not None and address.eni.interface_type == "nat_gateway":
            raise AwsError("AuthFailure", "You do not have permission to access the specified resource.", 400)

    def _interface(self, call: Call) -> None:
        interface_id = call.params["NetworkInterfaceId"]
        interface = self._world.ec2(call.region).enis.get(interface_id)
        if interface is not None and (interface.status == "in-use" or interface.attachment_id):
            message = f"Network interface '{interface_id}' is currently in use."
            raise AwsError("InvalidNetworkInterface.InUse", message, 400)

    def _route_table(self, call: Call) -> None:
        table = self._world.ec2(call.region).route_tables.get(call.params["RouteTableId"])
        if table is not None and table.main_association_id:
            raise _violation(f"The routeTable '{table.id}' has dependencies and cannot be deleted.")


def _dependants(ec2: Any, vpc_id: str) -> Iterator[bool]:
    """One truth value per kind of thing that keeps a VPC from being deleted."""
    yield any(subnet.vpc_id == vpc_id for zone in ec2.subnets.values() for subnet in zone.values())
    yield any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values())
    yield any(group.name != "default" for group in ec2.groups.get(vpc_id, {}).values())
    yield any(
        gateway.vpc_id == vpc_id and gateway.state in ("pending", "available", "deleting")
        for gateway in ec2.nat_gateways.values()
    )
    yield any(endpoint.vpc_id == vpc_id for endpoint in ec2.vpc_end_points.values())
    yield any(table.vpc_id == vpc_id and not table.main_association_id for table in ec2.route_tables.values())
    yield any(acl.vpc_id == vpc_id and str(acl.default).lower() != "true" for acl in ec2.network_acls.values())
    yield vpc_id in _referenced_elsewhere(ec2)


def _referenced_elsewhere(ec2: Any) -> set[str]:
    """VPCs with an active peering connection."""
    found: set[str] = set()
    for peering in ec2.vpc_pcxs.values():
        if peering._status.code in ("active", "pending-acceptance"):
            found.update((peering.vpc.id, peering.peer_vpc.id))
    return found


def _referenced_groups(ec2: Any, besides: str) -> set[str]:
    """Groups that the rules of other groups name."""
    found: set[str] = set()
    for groups in ec2.groups.values():
        for group in groups.values():
            if group.id == besides:
                continue
            for rule in (*group.ingress_rules, *group.egress_rules):
                source = getattr(rule, "source_group", None) or {}
                found.add(source.get("GroupId", ""))
    return found
