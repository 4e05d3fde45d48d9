"""NAT gateways: they take time to come and to go, they can fail, and they hold an address and an interface."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.ec2.utils import add_tag_specification

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World

# A deleted or failed gateway stays visible for about an hour.
# https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
_VISIBLE_SECONDS = 3600.0


@dataclass
class _Phase:
    """What a gateway is on its way to."""

    region: str
    target: str
    ends_at: float
    failure: tuple[str, str] | None = None


class NatGateways:
    """Creation, deletion and their delays, on top of moto's objects."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._phases: dict[str, _Phase] = {}

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.before("ec2.*", lambda call: self.settle(call.region))
        hooks.before("ec2.CreateNatGateway", self._check_creation)
        hooks.before("ec2.DeleteNatGateway", self._check_exists)
        hooks.before("ec2.DescribeNatGateways", self._check_exists)
        hooks.replace("ec2.CreateNatGateway", self.create)
        hooks.replace("ec2.DeleteNatGateway", self.delete)

    def reset(self) -> None:
        """Forget all gateways."""
        self._phases.clear()

    def _gateways(self, region: str) -> dict[str, Any]:
        gateways: dict[str, Any] = self._world.ec2(region).nat_gateways
        return gateways

    def _check_creation(self, call: Call) -> None:
        subnet = self._world.ec2(call.region).get_subnet(call.params["SubnetId"])
        public = call.params.get("ConnectivityType", "public") == "public"
        if public and not call.params.get("AllocationId"):
            raise AwsError("MissingParameter", "The request must include the AllocationId parameter.", 400)
        if public:
            self._world.ec2(call.region).address_by_allocation([call.params["AllocationId"]])
        elif call.params.get("AllocationId"):
            raise AwsError("InvalidParameter", "AllocationId is not allowed for a private NAT gateway.", 400)
        limit = self._world.context.quotas.get("vpc/L-FE5A380F")
        in_zone = [
            gateway
            for gateway in self._gateways(call.region).values()
            if gateway.state in ("pending", "available", "deleting")
            and self._zone(call.region, gateway.subnet_id) == subnet.availability_zone
        ]
        if len(in_zone) >= limit:
            raise AwsError(
                "NatGatewayLimitExceeded",
                f"The maximum number of NAT gateways ({limit:.0f}) has been reached in {subnet.availability_zone}.",
                400,
            )

    def _zone(self, region: str, subnet_id: str) -> str | None:
        for zone in self._world.ec2(region).subnets.values():
            if subnet_id in zone:
                return str(zone[subnet_id].availability_zone)
        return None

    def _check_exists(self, call: Call) -> None:
        wanted = call.params.get("NatGatewayIds") or [call.params.get("NatGatewayId")]
        for gateway_id in filter(None, wanted):
            if gateway_id not in self._gateways(call.region):
                raise AwsError("NatGatewayNotFound", f"The Nat Gateway {gateway_id} was not found", 400)

    def create(self, call: Call) -> dict[str, Any]:
        """CreateNatGateway. What AWS finds out later (no internet gateway, address in use) ends as ``failed``."""
        ec2, params = self._world.ec2(call.region), call.params
        kind = params.get("ConnectivityType", "public")
        failure = self._coming_failure(call, kind)
        gateway = ec2.create_nat_gateway(
            params["SubnetId"],
            None if failure else params.get("AllocationId"),
            tags=add_tag_specification(params.get("TagSpecifications", [])),
            connectivity_type=kind,
        )
        interface = ec2.enis[gateway._eni.id]
        interface.description = f"Interface for NAT Gateway {gateway.id}"
        interface.status, interface.interface_type, interface.requester_managed = "in-use", "nat_gateway", True
        gateway.state = "pending"
        target = "failed" if failure else "available"
        ends_at = self._world.context.ends_at("nat.create")
        self._phases[gateway.id] = _Phase(call.region, target, ends_at, failure)
        return {"ClientToken": params.get("ClientToken"), "NatGateway": _describe(gateway)}

    def _coming_failure(self, call: Call, kind: str) -> tuple[str, str] | None:
        rule = self._world.context.take_operation_failure(call.name)
        if rule is not None:
            return rule.code or "InternalError", rule.message or "Network interface could not be created"
        if kind != "public":
            return None
        ec2 = self._world.ec2(call.region)
        vpc_id = ec2.get_subnet(call.params["SubnetId"]).vpc_id
        if not any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values()):
            return "Gateway.NotAttached", f"Network {vpc_id} has no Internet gateway attached"
        address = ec2.address_by_allocation([call.params["AllocationId"]])[0]
        if address.association_id:
            allocation = address.allocation_id
            return "Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated"
        return None

    def delete(self, call: Call) -> dict[str, Any]:
        """DeleteNatGateway; deleting what is gone already changes nothing."""
        gateway = self._gateways(call.region)[call.params["NatGatewayId"]]
        if gateway.state in ("pending", "available", "failed"):
            gateway.state = "deleting"
            gateway.delete_time = self._now()
            ends_at = self._world.context.ends_at("nat.delete")
            self._phases[gateway.id] = _Phase(call.region, "deleted", ends_at)
        return {"NatGatewayId": gateway.id}

    def _now(self) -> datetime:
        return self._world.clock.wall().replace(microsecond=0)

    def settle(self, region: str) -> None:
        """Let every gateway of a region become what it is by now."""
        now, gateways = self._world.clock.now(), self._gateways(region)
        for gateway_id, phase in list(self._phases.items()):
            if phase.region != region or now < phase.ends_at:
                continue
            gateway = gateways.get(gateway_id)
            if gateway is None or phase.target == "forgotten":
                gateways.pop(gateway_id, None)
                del self._phases[gateway_id]
                continue
            gateway.state = phase.target
            if phase.failure:
                gateway.failure_code, gateway.failure_message = phase.failure
                gateway.delete_time = self._now()
            if phase.target in ("deleted", "failed"):
                self._let_go(region, gateway)
                self._phases[gateway_id] = _Phase(region, "forgotten", now + _VISIBLE_SECONDS)
            else:
                del self._phases[gateway_id]

    def _let_go(self, region: str, gateway: Any) -> None:
        """Give back the address and the network interface."""
        ec2 = self._world.ec2(region)
        for address in ec2.addresses:
            if address.eni is not None and address.eni.id == gateway._eni.id:
                address.eni = address.association_id = None
        ec2.enis.pop(gateway._eni.id, None)


def _describe(gateway: Any) -> dict[str, Any]:
    addresses = [
        {
            "AllocationId": item.get("allocationId"),
            "PublicIp": item.get("publicIp"),
            "AssociationId": item.get("associationId"),
            "NetworkInterfaceId": item["networkInterfaceId"],
            "PrivateIp": item["privateIp"],
        }
        for item in gateway.address_set
    ]
    return {
        "NatGatewayId": gateway.id,
        "SubnetId": gateway.subnet_id,
        "VpcId": gateway.vpc_id,
        "State": gateway.state,
        "ConnectivityType": gateway.connectivity_type,
        "CreateTime": gateway._created_at,
        "NatGatewayAddresses": addresses,
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in gateway.get_tags()],
    }
