# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where database servers stand: a delegated subnet, and a private DNS zone that the network sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.network import Network
from .arm import ArmResource
from .groups import Groups
from .kinds_common import ResourceGroup
from .kinds_network import PrivateZone, SecurityGroup, Subnet, VirtualNetwork, ZoneLink
from .security import data_rules

SUFFIX = ".postgres.database.azure.com"
DELEGATION = "Microsoft.DBforPostgreSQL/flexibleServers"


@dataclass
class DatabasePlace:
    """needs: what must be there before a server is made. made: what is not the network's own."""

    group: ResourceGroup
    subnet: ArmResource
    zone: ArmResource
    needs: list[Resource]
    made: list[Resource] = field(default_factory=list)


def place(groups: Groups, spec: Network, built: Built) -> DatabasePlace:
    """Of the site's own network, or inside one that exists. Raises: SpecError where there is no room for a subnet."""
    group: ResourceGroup = built.exports["group"]
    made: list[Resource] = []
    if "data" in built.exports:
        subnet, vnet = built.exports["data"], built.exports["vnet"]
    else:
        vnet, subnet = _subnet(groups, spec, group, made)
    zones = [zone for zone in built.exports.get("dns_zones") or [] if zone.name.endswith(SUFFIX)]
    if zones:
        zone = zones[0]
        links = [item for item in built.resources if isinstance(item, ZoneLink) and item.parent is zone]
    else:
        zone, link = _zone(groups, group, vnet)
        made += [zone, link]
        links = [link]
    return DatabasePlace(group, subnet, zone, [subnet, zone, *links], made)


def _subnet(groups: Groups, spec: Network, group: ResourceGroup, made: list[Resource]) -> tuple[VirtualNetwork, Subnet]:
    """A delegated subnet of our own in a VNet that is only referred to."""
    session, site = groups.session, groups.session.site
    if not spec.addresses:
        raise SpecError(
            "network.addresses: database servers need a subnet of their own in the existing VNet. Give this site a "
            "range there: its part for data is taken for them."
        )
    addresses = spec.allocate(site)
    path = str(spec.azure.existing_subnet_id).rpartition("/subnets/")[0]
    vnet = VirtualNetwork(session, path.rpartition("/")[2], path, dict, managed=False)
    name = names.of(site, "data")
    rules = SecurityGroup(
        session,
        name,
        session.in_group(group.name, SecurityGroup.type, name),
        lambda: {"properties": {"securityRules": data_rules(addresses, spec.data_ports)}},
        parent=group,
    )

    def body() -> dict[str, Any]:
        return {
            "properties": {
                "addressPrefix": str(addresses.data(0)),
                "defaultOutboundAccess": False,
                "networkSecurityGroup": {"id": rules.out("id")},
                "delegations": [{"name": "data", "properties": {"serviceName": DELEGATION}}],
            }
        }

    subnet = Subnet(
        session, f"{vnet.name}/{name}", f"{path}/subnets/{name}", body, parent=vnet, needs=[rules], lock=path
    )
    made += [vnet, rules, subnet]
    return vnet, subnet


def _zone(groups: Groups, group: ResourceGroup, vnet: ArmResource) -> tuple[PrivateZone, ZoneLink]:
    session = groups.session
    domain = f"{session.site.base}.private{SUFFIX}"
    zone = PrivateZone(session, domain, session.in_group(group.name, PrivateZone.type, domain), dict, parent=group)
    leaf = vnet.path.rpartition("/")[2]
    link = ZoneLink(
        session,
        f"{domain}/{leaf}",
        f"{zone.path}/virtualNetworkLinks/{leaf}",
        lambda: {"properties": {"virtualNetwork": {"id": vnet.out("id")}, "registrationEnabled": False}},
        parent=zone,
        needs=[vnet],
    )
    return zone, link
