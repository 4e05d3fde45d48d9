# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of network security groups.

Azure's six default rules let the whole VNet in and the Internet not. Nodes keep that. Data and endpoint subnets are
closed to the VNet too, except for the nodes, the pods, and (for replication between data servers) themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._spec.addresses import Addresses

# What stands behind private endpoints: blob storage and key vaults, Azure SQL, and Azure Managed Redis, whose ports
# are fixed.
_SERVICES = (443, 1433, 10000)


def data_rules(addresses: Addresses, ports: Sequence[int]) -> list[dict[str, Any]]:
    """Of a subnet that database servers stand in: at home, or with replicas in another region."""
    servers = [str(addresses.data(0)), str(addresses.managed_services)]
    return [
        _allow("allow-platform", 100, [str(addresses.nodes), str(addresses.pods)], ports),
        _allow("allow-replication", 110, servers, ports),
        _deny("deny-network", 4000),
    ]


def endpoint_rules(addresses: Addresses, ports: Sequence[int]) -> list[dict[str, Any]]:
    """Of the subnet that private endpoints stand in."""
    sources = [str(addresses.nodes), str(addresses.pods)]
    return [_allow("allow-platform", 100, sources, (*ports, *_SERVICES)), _deny("deny-network", 4000)]


def _allow(name: str, priority: int, sources: Sequence[str], ports: Sequence[int]) -> dict[str, Any]:
    # The service answers one-element lists as they were sent, so the plural members are used throughout.
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourceAddressPrefixes": sorted(set(sources)),
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRanges": [str(port) for port in sorted(set(ports))],
        },
    }


def _deny(name: str, priority: int) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            "priority": priority,
            "direction": "Inbound",
            "access": "Deny",
            "protocol": "*",
            "sourceAddressPrefix": "VirtualNetwork",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "*",
        },
    }
