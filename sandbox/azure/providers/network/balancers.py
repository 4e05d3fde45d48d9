"""Load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...call import Call
from ...store import Document, Record
from .addresses import ADDRESSES, BALANCERS
from .base import NetworkKind
from .vnets import SUBNETS

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_PARTS = (
    *("frontendIPConfigurations", "backendAddressPools", "loadBalancingRules", "probes", "inboundNatRules"),
    *("outboundRules", "inboundNatPools"),
)


class LoadBalancers(NetworkKind):
    """Load balancers: each of their parts gets an id, a type and a state."""

    type = BALANCERS
    duration = "azure.load_balancer"
    retry_after = None
    expects = {"publicIPAddress": ADDRESSES, "subnet": SUBNETS}

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        properties = document["properties"]
        document["sku"] = {"name": "Basic", "tier": "Regional", **(document.get("sku") or {})}
        for part in _PARTS:
            properties[part] = [
                {
                    "name": entry.get("name", ""),
                    "id": f"{call.target.path}/{part}/{entry.get('name', '')}",
                    "type": f"{BALANCERS}/{part}",
                    "properties": {"provisioningState": "Succeeded", **(entry.get("properties") or {})},
                }
                for entry in properties.get(part) or []
            ]


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(LoadBalancers(emulator))
