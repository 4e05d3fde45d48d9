"""Public IP addresses and NAT gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...call import Call
from ...operations import Operation
from ...store import Document, Record
from .base import NetworkKind, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

ADDRESSES = "Microsoft.Network/publicIPAddresses"
NATS = "Microsoft.Network/natGateways"
BALANCERS = "Microsoft.Network/loadBalancers"
_POOL = 20 << 24 | 50 << 16  # 20.50.0.0/16, addresses are counted up from here
_FIRST = 10


class PublicAddresses(NetworkKind):
    """Public IP addresses; a static one has its address once it is provisioned."""

    type = ADDRESSES
    duration = "azure.public_ip"
    retry_after = 1
    since = {"ddosSettings": "2022-05-01"}
    conceals = ("ipAddress",)
    defaults = {
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Dynamic",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        "ddosSettings": {"protectionMode": "VirtualNetworkInherited"},
    }

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self._next = _FIRST

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        properties = document["properties"]
        document["sku"] = {"name": "Basic", "tier": "Regional", **(document.get("sku") or {})}
        standard = document["sku"]["name"].startswith("Standard")
        if standard and properties["publicIPAllocationMethod"] != "Static":
            raise refuse(
                "PublicIPAddressStandardSkuMustBeStatic",
                f"Standard sku publicIp {call.target.path} must have AllocationMethod set to Static.",
            )
        if previous is None:
            self.check_quota(document["location"])
        else:
            self._check_change(document, previous)
        address = previous.properties.get("ipAddress") if previous is not None else None
        if properties["publicIPAllocationMethod"] == "Static":
            properties["ipAddress"] = address or self.allocate()

    def _check_change(self, document: Document, previous: Record) -> None:
        old, new = previous.document, document
        for what, before, after in (
            ("sku", old["sku"]["name"], new["sku"]["name"]),
            ("zones", old.get("zones") or [], new.get("zones") or []),
        ):
            if before != after:
                raise refuse(
                    "PropertyChangeNotAllowed",
                    f"Changing property '{what}' of resource {previous.id} is not allowed.",
                )

    def check_quota(self, location: str) -> None:
        """ArmError when the region's quota is used up."""
        limit = int(self.emulator.context.quotas.get("network.PublicIPAddresses"))
        used = sum(1 for record in self.store.of_kind(ADDRESSES) if record.location == location)
        if used >= limit:
            raise refuse(
                "PublicIPCountLimitReached",
                f"Cannot create more than {limit} public IP addresses for this subscription in this region.",
            )

    def allocate(self) -> str:
        """The next public address."""
        self._next += 1
        number = _POOL + self._next
        return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))

    def check_delete(self, call: Call, record: Record) -> None:
        users = self.store.users(record.id, NATS, BALANCERS, "Microsoft.Network/networkInterfaces")
        if users:
            raise refuse(
                "PublicIPAddressCannotBeDeleted",
                f"Public IP address {record.id} can not be deleted since it is still allocated to resource "
                f"{_user_id(users[0], record)}. In order to delete the public IP, disassociate/detach the Public IP "
                "address from the resource. To learn how to do this, see aka.ms/deletepublicip.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        for user in self.store.users(record.id, NATS, BALANCERS):
            key = "natGateway" if user.kind.type == NATS else "ipConfiguration"
            properties[key] = {"id": _user_id(user, record)}


class NatGateways(NetworkKind):
    """NAT gateways."""

    type = NATS
    duration = "azure.nat_gateway"
    ignored = ("properties.scope", "properties.privateIPAddresses", "properties.privateIPAddressesV6", "sku.tier")
    since = {"scope": "2025-01-01", "privateIPAddresses": "2025-01-01", "privateIPAddressesV6": "2025-01-01"}
    defaults = {
        "idleTimeoutInMinutes": 4,
        "scope": "Public",
        "privateIPAddresses": [],
        "privateIPAddressesV6": [],
    }
    expects = {"publicIpAddresses": ADDRESSES, "sourceVirtualNetwork": "Microsoft.Network/virtualNetworks"}

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        document["sku"] = {"name": "Standard", "tier": "Regional", **(document.get("sku") or {})}
        idle = document["properties"]["idleTimeoutInMinutes"]
        if not 4 <= idle <= 120:
            raise refuse(
                "InvalidIdleTimeout",
                f"NAT Gateway {call.target.path} has an invalid idle timeout {idle}. Allowed range is 4-120 minutes.",
            )
        if previous is not None and (previous.document.get("zones") or []) != (document.get("zones") or []):
            raise refuse(
                "PropertyChangeNotAllowed",
                f"Changing property 'zones' of resource {previous.id} is not allowed.",
            )
        for reference in document["properties"].get("publicIpAddresses") or []:
            self._check_address(call, str(reference.get("id") or ""))

    def _check_address(self, call: Call, address_id: str) -> None:
        address = self.store.get(address_id)
        if address is None:
            return  # refused with the other references
        if not address.document["sku"]["name"].startswith("Standard"):
            raise refuse(
                "NatGatewayCannotReferenceBasicSkuPublicIp",
                f"NAT Gateway {call.target.path} cannot reference public IP address {address.id}: its sku is Basic.",
            )
        others = [
            user for user in self.store.users(address.id, NATS, BALANCERS) if user.key != call.target.path.lower()
        ]
        if others:
            raise refuse(
                "PublicIPAddressInUse",
                f"Resource {call.target.path} is referencing public IP address {address.id} that is "
                "already allocated to "
                f"resource {_user_id(others[0], address)}.",
            )

    def check_delete(self, call: Call, record: Record) -> None:
        subnets = self.store.users(record.id, "Microsoft.Network/virtualNetworks/subnets")
        if subnets:
            raise refuse(
                "CannotDeleteNatGatewayAssociatedToSubnet",
                f"NAT Gateway {record.id} is still configured on {len(subnets)} subnets. Remove NAT Gateway from all "
                "referenced subnets and then delete NAT Gateway.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        subnets = self.store.users(record.id, "Microsoft.Network/virtualNetworks/subnets")
        if subnets:
            document["properties"]["subnets"] = [{"id": subnet.id} for subnet in subnets]

    def settled(self, record: Record, operation: Operation) -> None:
        for address in record.properties.get("publicIpAddresses") or []:
            found = self.store.get(address["id"])
            if found is not None:
                found.changed = self.emulator.context.clock.wall()


def _user_id(user: Record, address: Record) -> str:
    """What an address is allocated to: the gateway itself, or the frontend of a load balancer."""
    for frontend in user.properties.get("frontendIPConfigurations") or []:
        reference = ((frontend.get("properties") or {}).get("publicIPAddress") or {}).get("id", "")
        if reference.lower() == address.key:
            return f"{user.id}/frontendIPConfigurations/{frontend['name']}"
    return user.id


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(PublicAddresses(emulator))
    emulator.add(NatGateways(emulator))
