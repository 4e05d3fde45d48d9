# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private endpoints: a service's address inside the site's network, and the name that leads there."""

from __future__ import annotations

from typing import Any

from .._engine.fields import MUTABLE, Field, Mode
from .arm import ArmResource
from .fields import TRACKED, ArmFields, canonical
from .session import Session

_FIXED = Field(Mode.IMMUTABLE, normalise=canonical)


def interface_of(endpoint: str) -> str:
    """The path of the network interface that Azure makes for an endpoint of ours, and takes away with it."""
    group, name = endpoint.partition("/providers/")[0], endpoint.rpartition("/")[2]
    return f"{group}/providers/Microsoft.Network/networkInterfaces/{name}-nic"


class PrivateEndpoint(ArmResource):
    """A private endpoint. Its interface has a name of our choosing, so that it is known whose it is."""

    kind = "azure.network.private_endpoint"
    type = "Microsoft.Network/privateEndpoints"
    conditional = True
    fields = ArmFields(
        {
            **TRACKED,
            "properties.subnet.id": _FIXED,
            "properties.customNetworkInterfaceName": _FIXED,
            "properties.privateLinkServiceConnections": Field(key="name"),
            "properties.privateLinkServiceConnections[].properties.privateLinkServiceId": _FIXED,
            "properties.privateLinkServiceConnections[].properties.groupIds": _FIXED,
            "properties.manualPrivateLinkServiceConnections": Field(key="name"),
            "properties.customDnsConfigs": Field(Mode.CREATE_ONLY),
        }
    )
    read_only = frozenset({"networkinterfaces", "customdnsconfigs", "iptype", "privatelinkserviceconnectionstate"})

    def __init__(self, session: Session, name: str, path: str, *args: Any, **options: Any) -> None:
        super().__init__(session, name, path, *args, **options)
        session.expect(interface_of(path))


class ZoneGroup(ArmResource):
    """The private DNS zone in which an endpoint keeps its record."""

    kind = "azure.network.private_dns_zone_group"
    type = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
    tracked = False
    inner = True
    whole = True
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.privateDnsZoneConfigs": Field(key="name"),
            "properties.privateDnsZoneConfigs[].properties.privateDnsZoneId": Field(normalise=canonical),
        }
    )
