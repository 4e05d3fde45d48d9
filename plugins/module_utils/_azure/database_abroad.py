# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a replica in another region stands: a small VNet there with a delegated subnet, peered with the site's own.

Its range is a part of the site's block that Azure needs for nothing else (other clouds: managed services). Peered VNets
of different regions and a link to the same private DNS zone are what the service asks for ("Read replicas",
virtual network integration).
"""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.addresses import Addresses
from .database_network import DELEGATION, DatabasePlace
from .groups import Groups
from .kinds_network import Peering, SecurityGroup, Subnet, VirtualNetwork, ZoneLink
from .security import data_rules

_NET = "Microsoft.Network"


class Abroad:
    """Places by region. Each is made once, and goes when no replica needs it any more."""

    def __init__(self, groups: Groups, network: Built, home: DatabasePlace, regions: dict[str, bool]) -> None:
        """regions: those that the specification names, and whether any replica there is wanted."""
        self.session = groups.session
        self.site = groups.session.site
        self.network = network
        self.home = home
        self.regions = regions
        self.places: dict[str, DatabasePlace] = {}
        self.resources: list[Resource] = []
        for region, wanted in regions.items():
            self._place(region, wanted)

    def _place(self, region: str, wanted: bool) -> None:
        vnet: VirtualNetwork | None = self.network.exports.get("vnet")
        addresses: Addresses | None = self.network.exports.get("addresses")
        if vnet is None or addresses is None:
            raise SpecError(
                f"database.servers.replicas.region: a replica in {region} needs a network that is peered with the "
                "site's own, and an existing network is not changed. Leave region out."
            )
        prefix = self._prefix(addresses, region)
        name = names.of(self.site, region, "vnet")
        path = self.session.in_group(self.home.group.name, VirtualNetwork.type, name)

        def add(kind: type[Any], title: str, where: str, body: dict[str, Any], **options: Any) -> Any:
            options.setdefault("parent", self.home.group)
            made = kind(self.session, title, where, lambda: dict(body), present=wanted, **options)
            self.resources.append(made)
            return made

        rules_name = names.of(self.site, region, "data")
        rules = add(
            SecurityGroup,
            rules_name,
            self.session.in_group(self.home.group.name, SecurityGroup.type, rules_name),
            {"location": region, "properties": {"securityRules": data_rules(addresses, (5432,))}},
        )
        there = add(
            VirtualNetwork,
            name,
            path,
            {"location": region, "properties": {"addressSpace": {"addressPrefixes": [prefix]}}},
            lock=path,
        )
        properties = {
            "addressPrefix": prefix,
            "defaultOutboundAccess": False,
            "networkSecurityGroup": {"id": rules.out("id")},
            "delegations": [{"name": "data", "properties": {"serviceName": DELEGATION}}],
        }
        subnet = add(
            Subnet,
            f"{name}/data",
            f"{path}/subnets/data",
            {"properties": properties},
            parent=there,
            needs=[rules],
            lock=path,
        )
        forth = self._peering(add, vnet, there, region)
        back = self._peering(add, there, vnet, "home")
        link = add(
            ZoneLink,
            f"{self.home.zone.name}/{name}",
            f"{self.home.zone.path}/virtualNetworkLinks/{name}",
            {"properties": {"virtualNetwork": {"id": path}, "registrationEnabled": False}},
            parent=self.home.zone,
            needs=[there],
        )
        needs: list[Resource] = [subnet, self.home.zone, forth, back, link]
        self.places[region] = DatabasePlace(self.home.group, subnet, self.home.zone, needs)

    def _prefix(self, addresses: Addresses, region: str) -> str:
        """The range of a region: it hangs on its name alone, so that regions that come and go move no other."""
        parts = list(addresses.managed_services.subnets(new_prefix=26))

        def index(name: str) -> int:
            return int(names.digest(name), 16) % len(parts)

        others = [other for other in self.regions if other != region and index(other) == index(region)]
        if others:
            raise SpecError(
                f"database: replicas in {region} and {others[0]} would share a range. Leave one region out."
            )
        return str(parts[index(region)])

    def _peering(self, add: Any, one: VirtualNetwork, other: VirtualNetwork, name: str) -> Peering:
        body = {
            "properties": {
                "remoteVirtualNetwork": {"id": other.path},
                "allowVirtualNetworkAccess": True,
                "allowForwardedTraffic": True,
            }
        }
        path = f"{one.path}/virtualNetworkPeerings/{name}"
        made: Peering = add(
            Peering, f"{one.name}/{name}", path, body, parent=one, needs=[other], lock=one.lock or one.path
        )
        return made
