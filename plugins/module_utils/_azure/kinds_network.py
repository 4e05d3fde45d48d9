# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Microsoft.Network. Every PUT replaces the whole object; its etag keeps it from undoing others' changes."""

from __future__ import annotations

from typing import Any

from .._engine.errors import NotYetConsistent
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Mode
from .._engine.resource import Observed, Operation
from .arm import ArmResource, Body, at
from .fields import NAMED, NAMED_OPEN, ORDERED, REFERENCE, TRACKED, ArmFields, canonical
from .session import Session

_IMMUTABLE_WORDS = Field(Mode.IMMUTABLE, normalise=canonical)


class _Network(ArmResource):
    """A top-level object of the network provider."""

    tag_patch = True
    conditional = True


class VirtualNetwork(_Network):
    """A VNet. Its subnets and peerings are objects of their own: a PUT resends what is there and names none."""

    kind = "azure.network.vnet"
    type = "Microsoft.Network/virtualNetworks"
    fields = ArmFields(
        {
            **TRACKED,
            "properties.addressSpace.addressPrefixes": Field(Mode.IMMUTABLE, unordered=True, open=True),
            "properties.dhcpOptions.dnsServers": ORDERED,
            "properties.subnets": NAMED_OPEN,
            "properties.virtualNetworkPeerings": NAMED_OPEN,
        }
    )

    def check_delete(self, observed: Observed) -> str:
        subnets = at(observed.raw, "properties.subnets") or []
        strangers = sorted(item["name"] for item in subnets if not self.session.announced(item["id"]))
        if not strangers:
            return ""
        return (
            f"the VNet has subnets that the specification does not name: {', '.join(strangers)}. "
            "Deleting the VNet would delete them: remove them first."
        )


class Subnet(ArmResource):
    """A subnet. Not tagged: it belongs to whom its VNet belongs."""

    kind = "azure.network.subnet"
    type = "Microsoft.Network/virtualNetworks/subnets"
    tracked = False
    conditional = True
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.addressPrefix": IMMUTABLE,
            "properties.addressPrefixes": Field(Mode.IMMUTABLE, unordered=True),
            "properties.networkSecurityGroup": REFERENCE,
            "properties.natGateway": REFERENCE,
            "properties.routeTable": REFERENCE,
            "properties.delegations": NAMED,
            "properties.serviceEndpoints": Field(key="service"),
        }
    )
    read_only = frozenset(
        {"ipconfigurations", "privateendpoints", "serviceassociationlinks", "resourcenavigationlinks"}
    )


class SecurityGroup(_Network):
    """A network security group. Rules that others added stay; the six default rules are the service's own."""

    kind = "azure.network.security_group"
    type = "Microsoft.Network/networkSecurityGroups"
    fields = ArmFields(
        {**TRACKED, "properties.securityRules": NAMED_OPEN, "properties.defaultSecurityRules": NAMED_OPEN}
    )
    read_only = frozenset({"defaultsecurityrules", "networkinterfaces", "subnets"})


class PublicAddress(_Network):
    """A public IP address. outputs: address."""

    kind = "azure.network.public_ip"
    type = "Microsoft.Network/publicIPAddresses"
    fields = ArmFields(
        {
            **TRACKED,
            "sku": _IMMUTABLE_WORDS,
            "zones": Field(Mode.IMMUTABLE, unordered=True),
            "properties.publicIPAddressVersion": _IMMUTABLE_WORDS,
            "properties.publicIPPrefix": REFERENCE,
        }
    )
    exposes = {"address": "properties.ipAddress"}
    read_only = frozenset({"ipconfiguration", "ipaddress"})


class NatGateway(_Network):
    """A NAT gateway. Standard stands in one zone, StandardV2 in all zones of the region."""

    kind = "azure.network.nat_gateway"
    type = "Microsoft.Network/natGateways"
    fields = ArmFields(
        {
            **TRACKED,
            "sku": _IMMUTABLE_WORDS,
            "zones": Field(Mode.IMMUTABLE, unordered=True),
            "properties.publicIpAddresses": Field(key="id"),
            "properties.publicIpPrefixes": Field(key="id"),
        }
    )
    # Answered, but in no description of the type: not sent back.
    read_only = frozenset({"subnets", "tier", "scope", "privateipaddresses", "privateipaddressesv6"})


class PrivateZone(ArmResource):
    """A private DNS zone: its name is the domain, its location the world."""

    kind = "azure.network.private_dns_zone"
    type = "Microsoft.Network/privateDnsZones"
    place = "global"
    fields = ArmFields(TRACKED)
    patches = True


class ZoneLink(ArmResource):
    """A private DNS zone made visible in a VNet."""

    kind = "azure.network.private_dns_link"
    type = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
    place = "global"
    fields = ArmFields({**TRACKED, "properties.virtualNetwork.id": _IMMUTABLE_WORDS})
    patches = True


class Peering(ArmResource):
    """This side of a VNet peering. Not tagged: it belongs to whom its VNet belongs."""

    kind = "azure.network.peering"
    type = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
    tracked = False
    inner = True
    fields = ArmFields({"properties": MUTABLE, "properties.remoteVirtualNetwork": _IMMUTABLE_WORDS})
    read_only = frozenset({"remotevirtualnetworkencryption", "peeringstate", "peeringsynclevel", "routeservicevips"})


class FlowLog(ArmResource):
    """The flow log of a VNet. It lies in the region's network watcher, which Azure makes with the first VNet there."""

    kind = "azure.network.flow_log"
    type = "Microsoft.Network/networkWatchers/flowLogs"
    fields = ArmFields(
        {
            **TRACKED,
            "properties.targetResourceId": _IMMUTABLE_WORDS,
            "properties.flowAnalyticsConfiguration": MUTABLE,
        }
    )

    def __init__(self, session: Session, name: str, body: Body, **kw: Any) -> None:
        super().__init__(session, name, f"{session.subscription}/networkWatchers?/flowLogs/{name}", body, **kw)
        self._leaf = name

    def predicted(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        if self.parent is not None and not self.parent.outputs:
            return None
        watcher = self._watcher()
        if watcher is None:
            return None
        self.path = f"{watcher}/flowLogs/{self._leaf}"
        return super().read()

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.drop("watchers")
        watcher = self._watcher()
        if watcher is None:
            raise NotYetConsistent(
                f"the region {self.session.site.region} has no network watcher yet.",
                hint="Azure makes it with the first VNet of a region, unless that was switched off: "
                "then run `az network watcher configure --enabled true --locations <region>`.",
            )
        self.path = f"{watcher}/flowLogs/{self._leaf}"
        return super().create(desired)

    def _watcher(self) -> str | None:
        path = f"{self.session.subscription}/providers/Microsoft.Network/networkWatchers"
        found = self.session.once("watchers", lambda: self.client.pages(path, "Microsoft.Network/networkWatchers"))
        here = self.session.site.region.lower()
        return next((str(item["id"]) for item in found if str(item.get("location", "")).lower() == here), None)
