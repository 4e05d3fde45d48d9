# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where data stores stand in the network, and who may reach them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec.network import Network
from .base import Shared
from .client import Session
from .rules import rule
from .security_groups import SecurityGroup


class StoreGroup(Shared, SecurityGroup):
    """A security group that stores of several calls may share."""

    stays: ClassVar[str] = "stays: other stores are in it"


@dataclass(frozen=True)
class DataTier:
    """subnets: in a site's own network those of the data tier. group: open to the private subnets on the store's port.
    own: the group belongs to the store, and stands in its resources."""

    subnets: list[Resource]
    group: SecurityGroup
    own: bool


def data_tier(session: Session, network_built: Built, part: str, port: int) -> DataTier:
    """The place for one sort of stores (`part`: "cache"). In a network of the user's, which has no data tier, it is the
    private subnets and a group of the stores' own."""
    exports = network_built.exports
    if "data_subnets" in exports:
        return DataTier(list(exports["data_subnets"]), exports["data_security_group"], own=False)
    private: list[Resource] = list(exports["private_subnets"])

    def rules() -> list[str]:
        return sorted(rule("ingress", "tcp", str(port), str(subnet.out("cidr"))) for subnet in private)

    group = StoreGroup(
        session,
        f"{session.site.base}-{part}",
        f"{part}: reachable from the private subnets only",
        exports["vpc"],
        rules,
        private,
    )
    return DataTier(private, group, own=True)


def port_problems(network: Network, what: str, port: int) -> list[str]:
    """Whether the site's own network lets anybody reach the port."""
    if network.existing or port in network.data_ports:
        return []
    return [f"network.data_ports does not hold {port}, so that nobody could reach the {what}. Add it."]
