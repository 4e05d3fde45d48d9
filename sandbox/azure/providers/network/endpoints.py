"""Private endpoints, their interfaces, and the DNS records that they keep."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ... import armid
from ...call import Call
from ...operations import Operation
from ...store import Document, Record
from .base import NetworkKind, PartKind, refuse
from .vnets import SUBNETS, free_address

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

ENDPOINTS = "Microsoft.Network/privateEndpoints"
INTERFACES = "Microsoft.Network/networkInterfaces"
_SUFFIXES = {
    "blob": "blob.core.windows.net",
    "dfs": "dfs.core.windows.net",
    "file": "file.core.windows.net",
    "queue": "queue.core.windows.net",
    "table": "table.core.windows.net",
    "vault": "vault.azure.net",
    "registry": "azurecr.io",
    "redisenterprise": "{location}.redis.azure.net",
}


class PrivateEndpoints(NetworkKind):
    """Private endpoints."""

    type = ENDPOINTS
    duration = "azure.private_endpoint"
    ignored = ("properties.resourceGuid",)
    top_level = ("extendedLocation",)
    since = {
        "ipVersionType": "2025-01-01",
        "ipConfigurations": "2021-05-01",
        "customNetworkInterfaceName": "2021-05-01",
    }
    conceals = ("customDnsConfigs",)
    expects = {"subnet": SUBNETS}

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        sent = document["properties"]
        subnet = (sent.get("subnet") or {}).get("id", "")
        if armid.type_of(subnet) == SUBNETS.lower():
            self.require(subnet, call.target.path, document["location"])
        properties: Document = {
            "resourceGuid": sent["resourceGuid"],
            "privateLinkServiceConnections": self._connections(call, sent, "privateLinkServiceConnections"),
            "manualPrivateLinkServiceConnections": self._connections(call, sent, "manualPrivateLinkServiceConnections"),
            "customNetworkInterfaceName": sent.get("customNetworkInterfaceName", ""),
            "subnet": {"id": subnet},
            "ipConfigurations": sent.get("ipConfigurations") or [],
            "customDnsConfigs": [],
            "ipVersionType": sent.get("ipVersionType", "IPv4"),
        }
        document["properties"] = properties
        if previous is not None:
            properties["customDnsConfigs"] = previous.properties["customDnsConfigs"]

    def _connections(self, call: Call, sent: Document, key: str) -> list[Document]:
        result = []
        manual = key.startswith("manual")
        for entry in sent.get(key) or []:
            given = entry.get("properties") or {}
            service = given.get("privateLinkServiceId", "")
            if armid.type_of(service) in self.emulator.kinds and self.store.get(service) is None:
                raise refuse(
                    "InvalidResourceReference",
                    f"Resource {service} referenced by resource {call.target.path} was not found. "
                    "Please make sure that "
                    "the referenced resource exists, and that both resources are in the same region.",
                    details=[{"code": "NotFound", "message": f"Resource {service} not found."}],
                )
            state = {"status": "Approved", "description": "Auto-Approved", "actionsRequired": "None"}
            if manual:
                state = {"status": "Pending", "description": "", "actionsRequired": "None"}
            name = entry.get("name", "")
            result.append(
                {
                    "name": name,
                    "id": f"{call.target.path}/{key}/{name}",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "privateLinkServiceId": service,
                        "groupIds": given.get("groupIds") or [],
                        "privateLinkServiceConnectionState": state,
                    },
                    "type": f"{ENDPOINTS}/{key}",
                }
            )
        return result

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        if "interface" in record.private:
            return
        subnet = self.store.get(record.properties["subnet"]["id"])
        address = free_address(self.emulator, subnet) if subnet is not None else ""
        name = record.properties["customNetworkInterfaceName"] or f"{record.name}.nic.{uuid.uuid4()}"
        kind = self.emulator.kinds[INTERFACES.lower()]
        interface_id = f"{record.id.rpartition('/providers/')[0]}/providers/{INTERFACES}/{name}"
        document = interface_document(record, address)
        interface = self.store.put(kind.make(interface_id, name, record.group, document))
        interface.private["ip_configurations"] = [f"{interface_id}/ipConfigurations/privateEndpointIpConfig"]
        record.private.update(interface=interface_id, address=address)

    def settled(self, record: Record, operation: Operation) -> None:
        address = record.private.get("address", "")
        record.properties["customDnsConfigs"] = [
            {"fqdn": fqdn, "ipAddresses": [address]} for fqdn in fully_qualified(record)
        ]

    def removed(self, record: Record) -> None:
        interface = self.store.get(record.private.get("interface", ""))
        if interface is not None:
            self.store.remove(interface)

    def show(self, record: Record, document: Document, version: str) -> None:
        for key in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
            document["properties"][key] = [
                {**connection, "etag": f'W/"{record.etag}"'} for connection in document["properties"].get(key) or []
            ]
        interface = record.private.get("interface")
        if interface:
            document["properties"]["networkInterfaces"] = [{"id": interface}]
        if record.hidden:
            document["properties"].setdefault("customDnsConfigs", [])


class DnsZoneGroups(PartKind):
    """The private DNS zones in which an endpoint keeps its records."""

    type = ENDPOINTS + "/privateDnsZoneGroups"
    duration = "azure.private_endpoint_dns"
    retry_after = 10
    top_level = ()

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        path = call.target.path
        configurations = []
        for entry in document["properties"].get("privateDnsZoneConfigs") or []:
            zone_id = (entry.get("properties") or {}).get("privateDnsZoneId", "")
            self.require(zone_id, path, "global")
            configurations.append(
                {
                    "name": entry.get("name", ""),
                    "id": f"{path}/privateDnsZoneConfigs/{entry.get('name', '')}",
                    "type": f"{self.type}/privateDnsZoneConfigs",
                    "properties": {"provisioningState": "Succeeded", "privateDnsZoneId": zone_id},
                }
            )
        document["properties"] = {"privateDnsZoneConfigs": configurations}

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        endpoint = self.store.get(record.parent)
        if endpoint is None:
            return
        self._clear(record)
        records = self.emulator.kinds["microsoft.network/privatednszones/a"]
        for configuration in record.properties["privateDnsZoneConfigs"]:
            zone = self.store.get(configuration["properties"]["privateDnsZoneId"])
            sets = []
            for fqdn in fully_qualified(endpoint) if zone is not None else []:
                assert zone is not None  # noqa: S101
                # What stands before the service's domain, which has a region in it for some.
                name = (
                    fqdn.removesuffix(zone.name.removeprefix("privatelink")) if zone.name[:11] == "privatelink" else ""
                )
                name, address = name or fqdn.partition(".")[0], endpoint.private.get("address", "")
                document = {
                    "properties": {"ttl": 10, "aRecords": [{"ipv4Address": address}], "isAutoRegistered": False}
                }
                kept = self.store.put(records.make(f"{zone.id}/A/{name}", name, zone.group, document))
                record.private.setdefault("records", []).append(kept.id)
                sets.append(
                    {
                        "recordType": "A",
                        "recordSetName": name,
                        "fqdn": f"{name}.{zone.name}",
                        "ttl": 10,
                        "provisioningState": "Succeeded",
                        "ipAddresses": [address],
                    }
                )
            configuration["properties"]["recordSets"] = sets

    def show(self, record: Record, document: Document, version: str) -> None:
        document["properties"]["privateDnsZoneConfigs"] = [
            {**configuration, "etag": f'W/"{self.etag_of(record)}"'}
            for configuration in document["properties"]["privateDnsZoneConfigs"]
        ]

    def _clear(self, record: Record) -> None:
        for kept in record.private.pop("records", []):
            found = self.store.get(kept)
            if found is not None:
                self.store.remove(found)

    def removed(self, record: Record) -> None:
        self._clear(record)


class Interfaces(NetworkKind):
    """Network interfaces; here only those that services make."""

    type = INTERFACES
    duration = "azure.network_interface"
    top_level = ("managedBy", "kind")
    expects = {"subnet": SUBNETS, "networkSecurityGroup": "Microsoft.Network/networkSecurityGroups"}

    def check_delete(self, call: Call, record: Record) -> None:
        owner = record.document.get("managedBy")
        if owner:
            raise refuse(
                "NetworkInterfaceAssociatedWithPrivateEndpoint",
                f"Network Interface {record.id} is associated with Private Endpoint {owner}.",
            )


def interface_document(endpoint: Record, address: str) -> Document:
    """The interface of a private endpoint."""
    return {
        "location": endpoint.location,
        "properties": {
            "resourceGuid": str(uuid.uuid4()),
            "ipConfigurations": [
                {
                    "name": "privateEndpointIpConfig",
                    "type": f"{INTERFACES}/ipConfigurations",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "privateIPAddress": address,
                        "privateIPAllocationMethod": "Dynamic",
                        "subnet": {"id": endpoint.properties["subnet"]["id"]},
                        "primary": True,
                        "privateIPAddressVersion": "IPv4",
                    },
                }
            ],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "hostedWorkloads": [],
            "privateEndpoint": {"id": endpoint.id},
            "nicType": "Standard",
        },
        "managedBy": endpoint.id,
        "kind": "Regular",
    }


def fully_qualified(endpoint: Record) -> list[str]:
    """Public host names that the endpoint stands for."""
    found = []
    for key in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        for connection in endpoint.properties.get(key) or []:
            properties = connection["properties"]
            name = properties["privateLinkServiceId"].rpartition("/")[2].lower()
            found += [
                f"{name}.{_SUFFIXES[group.lower()].format(location=endpoint.location)}"
                for group in properties["groupIds"]
                if group.lower() in _SUFFIXES
            ]
    return found


def disconnect(emulator: AzureEmulator, service: Record) -> None:
    """Endpoints of a service that is deleted stay, and lead nowhere, also when one of its name is made again."""
    for endpoint in emulator.store.of_kind(ENDPOINTS):
        for connection in endpoint.properties.get("privateLinkServiceConnections") or []:
            told = connection["properties"]
            if told["privateLinkServiceId"].lower() == service.key:
                told["privateLinkServiceConnectionState"] = {
                    "status": "Disconnected",
                    "description": "Deleted state",
                    "actionsRequired": "None",
                }


def _record_name(fqdn: str, zone: str) -> str:
    """What stands before the service's domain: for some services with a region in it."""
    domain = zone.removeprefix("privatelink")
    return fqdn.removesuffix(domain) if fqdn.endswith(domain) else fqdn.partition(".")[0]


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(PrivateEndpoints(emulator))
    emulator.add(DnsZoneGroups(emulator))
    emulator.add(Interfaces(emulator))
