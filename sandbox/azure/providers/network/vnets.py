"""Virtual networks, subnets and peerings of address space."""

from __future__ import annotations

import ipaddress
from itertools import count
from typing import TYPE_CHECKING, Any

from ....core import FaultRule
from ...armid import same
from ...call import Call, Reply
from ...errors import ArmError
from ...regions import REGIONS
from ...store import Document, Record
from .base import IpNetwork, NetworkKind, PartKind, check_type, network_of, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

SUBNETS = "Microsoft.Network/virtualNetworks/subnets"
_RESERVED = 4  # the network address and three for the platform; the last one is the broadcast address
# Delegated subnets answer with the actions that the service may take.
_ACTIONS = {"microsoft.containerinstance/containergroups": ["Microsoft.Network/virtualNetworks/subnets/action"]}
_JOIN = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
_REGIONAL_ENDPOINTS = ("microsoft.storage", "microsoft.sql")


class VirtualNetworks(NetworkKind):
    """Virtual networks. A PUT carries the subnets: those it leaves out are deleted."""

    type = "Microsoft.Network/virtualNetworks"
    duration = "azure.vnet"
    retry_after = 3
    since = {"privateEndpointVNetPolicies": "2023-11-01"}
    ignored = ("properties.virtualNetworkPeerings",)  # a side is made where it can be compared with its counterpart
    defaults = {"addressSpace": {"addressPrefixes": []}, "privateEndpointVNetPolicies": "Disabled"}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        properties = dict(body.get("properties") or {})
        subnets = properties.pop("subnets", [])
        document = super().build(call, {**body, "properties": properties}, previous)
        document["properties"].setdefault("enableDdosProtection", False)
        prefixes = document["properties"]["addressSpace"].get("addressPrefixes") or []
        if not prefixes:
            raise refuse(
                "InvalidRequestFormat",
                f"Virtual network {call.target.name} does not specify any address prefix.",
            )
        for prefix in prefixes:
            network_of(prefix, call.target.path)
        call.emulator.require_group(call.target)
        self._plan(call, document, subnets, previous)
        return document

    def _plan(self, call: Call, document: Document, subnets: list[Document], previous: Record | None) -> None:
        """Check the subnets of the body against each other and against what is there; nothing is changed yet."""
        kind = self.emulator.kinds[SUBNETS.lower()]
        assert isinstance(kind, Subnets)  # noqa: S101
        base = call.target.path
        wanted: dict[str, tuple[str, Document]] = {}
        for entry in subnets:
            name = entry.get("name") or str(entry.get("id") or "").rpartition("/")[2]
            existing = self.store.get(f"{base}/subnets/{name}")
            part = kind.complete_part(entry, existing, f"{base}/subnets/{name}", document["location"])
            wanted[name.lower()] = (name, part)
        for record in self.store.of_kind(SUBNETS, base) if previous is not None else []:
            if record.name.lower() not in wanted:
                kind.check_unused(record)
        spaces = document["properties"]["addressSpace"]["addressPrefixes"]
        others: list[tuple[str, list[IpNetwork]]] = []
        for name, part in wanted.values():
            check_ranges(call.target.name, name, part["properties"], spaces, others)
            others.append((name, ranges(part["properties"])))
        call.notes["subnets"] = wanted

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        wanted: dict[str, tuple[str, Document]] | None = call.notes.get("subnets")
        if wanted is None:
            return
        before = {old.name.lower(): old.document for old in self.store.of_kind(SUBNETS, record.id)}
        record.private["subnets_changed"] = before != {key: part for key, (_, part) in wanted.items()}
        kind = self.emulator.kinds[SUBNETS.lower()]
        for old in self.store.of_kind(SUBNETS, record.id):
            if old.name.lower() not in wanted:
                kind.drop(old)
        for name, part in wanted.values():
            existing = self.store.get(f"{record.id}/subnets/{name}")
            if existing is None:
                existing = kind.make(f"{record.id}/subnets/{name}", name, record.group, part)
            existing.document = part
            self.store.put(existing)

    def short_update(self, record: Record, previous: Document) -> bool:
        return super().short_update(record, previous) and not record.private.get("subnets_changed")

    def check_busy(self, call: Call, record: Record) -> None:
        super().check_busy(call, record)
        running = next((item for item in self.store.of_kind(SUBNETS, record.id) if item.busy), None)
        if running is not None and running.operation is not None:
            raise another_operation(call, running)

    def check_delete(self, call: Call, record: Record) -> None:
        kind = self.emulator.kinds[SUBNETS.lower()]
        for subnet in self.store.of_kind(SUBNETS, record.id):
            kind.check_delete(call, subnet)

    def show(self, record: Record, document: Document, version: str) -> None:
        subnets = sorted(self.store.of_kind(SUBNETS, record.id), key=lambda subnet: subnet.created)
        properties = document["properties"]
        ddos = properties.pop("enableDdosProtection", False)
        properties["subnets"] = [subnet.kind.render(subnet, version) for subnet in subnets]
        peerings = self.store.of_kind(f"{self.type}/virtualNetworkPeerings", record.id)
        properties["virtualNetworkPeerings"] = [peering.kind.render(peering, version) for peering in peerings]
        properties["enableDdosProtection"] = ddos


class Subnets(PartKind):
    """Subnets; one change at a time per virtual network."""

    type = SUBNETS
    duration = "azure.subnet"
    retry_after = 3
    top_level = ()
    expects = {
        "networkSecurityGroup": "Microsoft.Network/networkSecurityGroups",
        "routeTable": "Microsoft.Network/routeTables",
        "natGateway": "Microsoft.Network/natGateways",
    }

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        vnet = self.store.get(call.target.parent)
        assert vnet is not None  # noqa: S101 - checked before
        self._check_vnet_free(call, vnet, previous)
        document = self.complete_part(body, previous, call.target.path, vnet.location)
        others = [
            (record.name, ranges(record.properties))
            for record in self.store.of_kind(SUBNETS, vnet.id)
            if record is not previous
        ]
        spaces = vnet.properties["addressSpace"]["addressPrefixes"]
        check_ranges(vnet.name, call.target.name, document["properties"], spaces, others)
        return document

    def complete_part(self, body: Document, previous: Record | None, path: str, location: str) -> Document:
        """A subnet out of a request, alone or within its virtual network."""
        sent = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        properties: Document = {}
        for key in ("addressPrefix", "addressPrefixes"):
            if sent.get(key):
                properties[key] = sent.pop(key)
        if not properties:
            raise refuse(
                "InvalidAddressPrefixFormat",
                f"Address prefix  of resource {path} is not formatted correctly. It should follow CIDR notation, for "
                "example 10.0.0.0/24.",
            )
        for prefix in prefixes(properties):
            network_of(prefix, path)
        for key in ("networkSecurityGroup", "routeTable", "natGateway"):
            if sent.get(key):
                properties[key] = {"id": sent.pop(key).get("id", "")}
        properties["serviceEndpoints"] = [
            _endpoint(endpoint, location) for endpoint in sent.pop("serviceEndpoints", None) or []
        ]
        if not properties["serviceEndpoints"]:
            del properties["serviceEndpoints"]
        properties["delegations"] = [_delegation(item, path) for item in sent.pop("delegations", None) or []]
        properties["privateEndpointNetworkPolicies"] = sent.pop("privateEndpointNetworkPolicies", "Disabled")
        properties["privateLinkServiceNetworkPolicies"] = sent.pop("privateLinkServiceNetworkPolicies", "Enabled")
        properties.update(sent)
        self._check_targets(properties, path, location)
        if previous is not None:
            self._check_change(previous, properties)
        return {"properties": properties}

    def _check_targets(self, properties: Document, path: str, location: str) -> None:
        for name, expected in self.expects.items():
            reference = (properties.get(name) or {}).get("id")
            if not reference:
                continue
            check_type(reference, expected, f"properties.{name}")
            self.require(reference, path, location)

    def _check_change(self, previous: Record, properties: Document) -> None:
        gone = set(prefixes(previous.properties)) - set(prefixes(properties))
        if gone and self.users(previous):
            raise refuse(
                "InUsePrefixCannotBeDeleted",
                f"IpPrefix {sorted(gone)[0]} on Subnet {previous.name} has active allocations and cannot be deleted.",
            )
        before = {item["properties"]["serviceName"] for item in previous.properties.get("delegations", [])}
        after = {item["properties"]["serviceName"] for item in properties["delegations"]}
        if before - after and previous.private.get("delegated"):
            raise refuse(
                "SubnetMissingRequiredDelegation",
                f"Subnet {previous.id} requires any of the following delegation(s) {sorted(before)} "
                "to reference service "
                "association link.",
            )

    def _check_vnet_free(self, call: Call, vnet: Record, previous: Record | None) -> None:
        if vnet.busy and vnet.operation is not None and vnet.state != "Updating":
            raise another_operation(call, vnet)
        running = next((r for r in self.store.of_kind(SUBNETS, vnet.id) if r.busy and r is not previous), None)
        if running is not None:
            raise another_operation(call, running)
        if vnet.busy:
            raise another_operation(call, vnet)

    def check_delete(self, call: Call, record: Record) -> None:
        self.check_unused(record)
        vnet = self.store.get(record.parent)
        if call.target.kind.lower() == self.type.lower() and vnet is not None:
            self._check_vnet_free(call, vnet, record)

    def users(self, record: Record) -> list[Record]:
        """Resources with addresses in the subnet."""
        kinds = (
            *("Microsoft.Network/networkInterfaces", "Microsoft.Network/privateEndpoints"),
            *("Microsoft.Network/loadBalancers", "Microsoft.Compute/virtualMachineScaleSets"),
            "Microsoft.DBforPostgreSQL/flexibleServers",
        )
        return self.store.users(record.id, *kinds)

    def check_unused(self, record: Record) -> None:
        """ArmError when something has an address in the subnet."""
        users = self.users(record)
        if users:
            shown = " and ".join(_configuration(user) for user in users[:5])
            raise refuse(
                "InUseSubnetCannotBeDeleted",
                f"Subnet {record.name} is in use by {shown} and cannot be deleted. In order to "
                "delete the subnet, delete "
                "all the resources within the subnet. See aka.ms/deletesubnet.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        interfaces = [
            {"id": _configuration(user)}
            for user in self.users(record)
            if not user.kind.type.endswith("/privateEndpoints")
        ]
        endpoints = self.store.users(record.id, "Microsoft.Network/privateEndpoints")
        properties = document["properties"]
        if interfaces:
            properties["ipConfigurations"] = interfaces
        if endpoints:
            properties["privateEndpoints"] = [{"id": endpoint.id} for endpoint in endpoints]
        for item in properties.get("delegations") or []:
            item["etag"] = f'W/"{self.etag_of(record)}"'

    def accept(self, call: Call, record: Record, before: Document | None, failure: FaultRule | None) -> Reply:
        vnet = self.store.get(record.parent)
        if vnet is not None:
            vnet.changed = record.changed
        reply: Reply = super().accept(call, record, before, failure)
        return reply

    def short_update(self, record: Record, previous: Document) -> bool:
        return record.document == previous


def prefixes(properties: Document) -> list[str]:
    """The address prefixes of a subnet, however they were given."""
    single = properties.get("addressPrefix")
    return [*([single] if single else []), *(properties.get("addressPrefixes") or [])]


def ranges(properties: Document) -> list[IpNetwork]:
    """The address ranges of a subnet."""
    return [ipaddress.ip_network(prefix) for prefix in prefixes(properties)]


def check_ranges(
    vnet: str, name: str, properties: Document, spaces: list[str], others: list[tuple[str, list[IpNetwork]]]
) -> None:
    """ArmError unless a subnet lies inside of the address space and beside all others."""
    inside = [ipaddress.ip_network(space) for space in spaces]
    for network in ranges(properties):
        if not any(space.version == network.version and network.subnet_of(space) for space in inside):  # type: ignore[arg-type]
            raise refuse(
                "NetcfgSubnetRangeOutsideVnet",
                f"Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual "
                f"network '{vnet}'.",
            )
        for other, taken in others:
            if other.lower() != name.lower() and any(network.overlaps(item) for item in taken):
                raise refuse(
                    "NetcfgSubnetRangesOverlap",
                    f"Subnet '{name}' is not valid because its IP address range overlaps with that "
                    "of an existing subnet "
                    f"in virtual network '{vnet}'.",
                )


def free_address(emulator: AzureEmulator, subnet: Record) -> str:
    """The next address of a subnet for an interface."""
    network = ranges(subnet.properties)[0]
    taken: set[str] = subnet.private.setdefault("addresses", set())
    for offset in count(_RESERVED):
        address = str(network[offset])
        if address not in taken:
            taken.add(address)
            return address
    raise AssertionError("unreachable")


def another_operation(call: Call, record: Record) -> ArmError:
    """429 of a second write on a virtual network."""
    operation = record.operation
    where = operation.flow.url(call, operation, "operations") if operation is not None else record.id
    return refuse(
        "AnotherOperationInProgress",
        "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: "
        f"{where}.",
        429,
        headers={"Retry-After": call.retry_after(10)},
    )


def _configuration(user: Record) -> str:
    configurations: list[Any] = user.private.get("ip_configurations") or []
    return str(configurations[0]) if configurations else user.id


def _delegation(item: Document, path: str) -> Document:
    name = item.get("name") or "0"
    service = (item.get("properties") or {}).get("serviceName", "")
    return {
        "name": name,
        "id": f"{path}/delegations/{name}",
        "properties": {
            "provisioningState": "Succeeded",
            "serviceName": service,
            "actions": list(_ACTIONS.get(service.lower(), _JOIN)),
        },
        "type": "Microsoft.Network/virtualNetworks/subnets/delegations",
    }


def _endpoint(item: Document, location: str) -> Document:
    service = str(item.get("service") or "")
    pair = REGIONS[location].pair if location in REGIONS else ""
    local = [place for place in (location, pair) if place]
    places = item.get("locations") or (local if service.lower() in _REGIONAL_ENDPOINTS else ["*"])
    return {"provisioningState": "Succeeded", "service": service, "locations": places}


def vnet_of(emulator: AzureEmulator, subnet_id: str) -> Record | None:
    """The virtual network of a subnet id."""
    subnet = emulator.store.get(subnet_id)
    return emulator.store.get(subnet.parent) if subnet is not None else None


def is_in(subnet_id: str, vnet_id: str) -> bool:
    """Whether a subnet belongs to a virtual network."""
    return same(subnet_id.rpartition("/subnets/")[0], vnet_id)


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(VirtualNetworks(emulator))
    emulator.add(Subnets(emulator))
