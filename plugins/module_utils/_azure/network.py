# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable network on Azure: a VNet with subnets of its own, a way out, closed security groups, private DNS.

Availability: a Standard NAT gateway stands in one zone; a subnet can have only one gateway, and the nodes of all zones
share one subnet. So `high_availability` takes the zone-redundant StandardV2 gateway instead of one gateway per zone.
The two cannot be turned into each other: switching makes the new one, moves the subnet, and removes the old one.
"""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.addresses import Addresses
from .._spec.network import Network
from .arm import ArmResource
from .groups import Groups
from .kinds_network import (
    FlowLog,
    NatGateway,
    Peering,
    PrivateZone,
    PublicAddress,
    SecurityGroup,
    Subnet,
    VirtualNetwork,
    ZoneLink,
)
from .kinds_storage import StorageAccount
from .security import data_rules, endpoint_rules

_NET = "Microsoft.Network"
_NAT_SKUS = ("Standard", "StandardV2")
# Services that the platform's data stores use through private endpoints or VNet integration.
_DEFAULT_ZONES = (
    "{base}.private.postgres.database.azure.com",
    "privatelink.blob.core.windows.net",
    "privatelink.redis.azure.net",
)


class NetworkBuilder:
    """Turns one resolved network specification into resources. exports: group, vnet, nodes, data, endpoints, nat,
    addresses, zones."""

    def __init__(self, groups: Groups, spec: Network, managed: bool) -> None:
        self.groups = groups
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.managed = managed
        self.resources: list[Resource] = []

    def build(self) -> Built:
        if self.spec.azure.existing_subnet_id:
            return self._existing(self.spec.azure.existing_subnet_id)
        self._refuse()
        addresses = self.spec.allocate(self.site)
        self.group = self.groups.main(self.spec.azure.resource_group, managed=self.managed)
        self.resources.append(self.group)
        self.lock = self._path("virtualNetworks", names.of(self.site, "vnet"))
        gateways = {sku: self._gateway(sku) for sku in _NAT_SKUS}
        vnet = self._vnet(addresses)
        nat = gateways[self._sku()] if self.spec.nat else None
        nodes = self._subnet(vnet, "nodes", str(addresses.nodes), self._rules("nodes", []), nat=nat)
        data = self._subnet(
            vnet,
            "data",
            str(addresses.data(0)),
            self._rules("data", data_rules(addresses, self.spec.data_ports)),
            delegation="Microsoft.DBforPostgreSQL/flexibleServers",
        )
        endpoints = self._subnet(
            vnet,
            "endpoints",
            str(addresses.endpoints),
            self._rules("endpoints", endpoint_rules(addresses, self.spec.data_ports)),
        )
        zones = self._dns(vnet)
        self._flow_logs(vnet)
        for peering in self.spec.peerings or ():
            self._peering(vnet, peering)
        address = next((need for need in nat.needs if isinstance(need, PublicAddress)), None) if nat else None
        return Built(
            self.resources,
            exports={
                "group": self.group,
                "vnet": vnet,
                "nodes": nodes,
                "data": data,
                "endpoints": endpoints,
                "nat": nat,
                "nat_address": address,
                "addresses": addresses,
                "dns_zones": zones,
            },
            outputs=lambda: {
                "resource_group": self.group.out("id"),
                "vnet": vnet.out("id"),
                "subnets": {
                    name: item.out("id") for name, item in (("nodes", nodes), ("data", data), ("endpoints", endpoints))
                },
                "nat_addresses": [address.out("address")] if address else [],
                "private_dns_zones": {zone.name: zone.out("id") for zone in zones},
                "addresses": addresses.as_dict(),
            },
        )

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _vnet(self, addresses: Addresses) -> VirtualNetwork:
        name = names.of(self.site, "vnet")
        body = {"properties": {"addressSpace": {"addressPrefixes": [str(addresses.network)]}}}
        return self._add(VirtualNetwork, name, self._path("virtualNetworks", name), body, lock=self.lock)

    def _subnet(
        self,
        vnet: VirtualNetwork,
        role: str,
        prefix: str,
        rules: SecurityGroup,
        *,
        nat: NatGateway | None = None,
        delegation: str = "",
    ) -> Subnet:
        properties: dict[str, Any] = {
            "addressPrefix": prefix,
            "defaultOutboundAccess": False,
            "privateEndpointNetworkPolicies": "Enabled" if role == "endpoints" else None,
            "networkSecurityGroup": {"id": rules.out("id")},
            "natGateway": {"id": nat.out("id")} if nat else {},
            "delegations": [{"name": role, "properties": {"serviceName": delegation}}] if delegation else None,
        }
        needs = [rules, nat] if nat else [rules]
        path = f"{vnet.path}/subnets/{role}"
        return self._add(
            Subnet, f"{vnet.name}/{role}", path, {"properties": properties}, parent=vnet, needs=needs, lock=self.lock
        )

    def _rules(self, role: str, rules: list[dict[str, Any]]) -> SecurityGroup:
        name = names.of(self.site, role)
        return self._add(
            SecurityGroup, name, self._path("networkSecurityGroups", name), {"properties": {"securityRules": rules}}
        )

    def _sku(self) -> str:
        return self.spec.azure.nat_sku or ("StandardV2" if self.spec.high_availability else "Standard")

    def _gateway(self, sku: str) -> NatGateway:
        """A NAT gateway and its address; the one that the specification does not want is taken away."""
        wanted = self.spec.nat and self._sku() == sku
        name = names.of(self.site, "nat" if sku == "Standard" else "nat-v2")
        common = {"sku": {"name": sku}, "zones": ["1", "2", "3"] if sku == "StandardV2" else None}
        address = self._add(
            PublicAddress,
            name,
            self._path("publicIPAddresses", name),
            {**common, "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"}},
            present=wanted,
        )
        body = {
            **common,
            "properties": {
                "idleTimeoutInMinutes": self.spec.azure.nat_idle_timeout_minutes,
                "publicIpAddresses": [{"id": address.out("id")}],
            },
        }
        return self._add(NatGateway, name, self._path("natGateways", name), body, needs=[address], present=wanted)

    def _dns(self, vnet: VirtualNetwork) -> list[PrivateZone]:
        given = self.spec.azure.private_dns_zones
        domains = [zone.format(base=self.site.base) for zone in _DEFAULT_ZONES] if given is None else list(given)
        zones = []
        for domain in domains:
            zone = self._add(PrivateZone, domain, self._path("privateDnsZones", domain), {})
            link = {"properties": {"virtualNetwork": {"id": vnet.out("id")}, "registrationEnabled": False}}
            self._add(
                ZoneLink,
                f"{domain}/{vnet.name}",
                f"{zone.path}/virtualNetworkLinks/{vnet.name}",
                link,
                parent=zone,
                needs=[vnet],
            )
            zones.append(zone)
        return zones

    def _flow_logs(self, vnet: VirtualNetwork) -> None:
        wanted = bool(self.spec.flow_logs)
        name = names.globally_unique(self.site, "flow", limit=24, separator="")
        # The watcher writes with the account's key: shared keys stay on here, and nowhere else.
        store = self._add(
            StorageAccount,
            name,
            self.session.in_group(self.group.name, StorageAccount.type, name),
            {
                "kind": "StorageV2",
                "sku": {"name": "Standard_LRS"},
                "properties": {
                    "minimumTlsVersion": "TLS1_2",
                    "supportsHttpsTrafficOnly": True,
                    "allowBlobPublicAccess": False,
                },
            },
            present=wanted,
        )
        days = int(self.spec.flow_logs_retention_days or 0)
        body = {
            "properties": {
                "targetResourceId": vnet.out("id"),
                "storageId": store.out("id"),
                "enabled": True,
                "format": {"type": "JSON", "version": 2},
                "retentionPolicy": {"days": days, "enabled": days > 0},
            }
        }
        flow = FlowLog(
            self.session,
            names.of(self.site, "flow"),
            lambda: body,
            needs=[store],
            parent=vnet,
            present=wanted,
            managed=self.managed,
        )
        self.resources.append(flow)

    def _peering(self, vnet: VirtualNetwork, peering: Any) -> None:
        where = f"network.peerings.{peering.name}"
        if not peering.network.lower().startswith("/subscriptions/"):
            raise SpecError(f"{where}.network: give the id of the VNet (/subscriptions/.../virtualNetworks/<name>).")
        if peering.account and f"/subscriptions/{peering.account}/".lower() not in peering.network.lower():
            raise SpecError(f"{where}: the VNet {peering.network} does not lie in the account {peering.account}.")
        if peering.region:
            raise SpecError(f"{where}.region has no meaning on Azure: the VNet's id tells all. Remove it.")
        body = {
            "properties": {
                "remoteVirtualNetwork": {"id": peering.network},
                "allowVirtualNetworkAccess": True,
                "allowForwardedTraffic": True,
            }
        }
        self._add(
            Peering,
            f"{vnet.name}/{peering.name}",
            f"{vnet.path}/virtualNetworkPeerings/{peering.name}",
            body,
            parent=vnet,
            lock=self.lock,
        )

    # -- an existing network ---------------------------------------------------------------------------------------

    def _existing(self, subnet_id: str) -> Built:
        """A subnet that is only referred to; what the site itself makes lies in its own group."""
        if "/subnets/" not in subnet_id.lower():
            raise SpecError(
                "network.azure.existing_subnet_id: give the id of a subnet (/subscriptions/.../subnets/<name>)."
            )
        group = self.groups.main(self.spec.azure.resource_group)
        subnet = Subnet(self.session, subnet_id.rpartition("/")[2], subnet_id, dict, managed=False)
        addresses = self.spec.allocate(self.site) if self.spec.addresses else None
        return Built(
            [group, subnet],
            exports={"group": group, "nodes": subnet, "nat": None, "nat_address": None, "addresses": addresses},
            outputs=lambda: {"resource_group": group.out("id"), "subnets": {"nodes": subnet.out("id")}},
        )

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        minutes = self.spec.azure.nat_idle_timeout_minutes
        if not 4 <= minutes <= 120:
            raise SpecError(f"network.azure.nat_idle_timeout_minutes: {minutes} is not possible: 4 to 120.")

    def _path(self, kind: str, name: str) -> str:
        return self.session.in_group(self.group.name, f"{_NET}/{kind}", name)

    def _add(self, kind: type[Any], name: str, path: str, body: dict[str, Any], **options: Any) -> Any:
        options.setdefault("parent", self.group)
        resource: ArmResource = kind(self.session, name, path, lambda: dict(body), managed=self.managed, **options)
        self.resources.append(resource)
        return resource
