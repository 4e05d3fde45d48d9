"""Lists of usages per region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...call import Call, Reply
from .base import VERSIONS

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

# name -> (text, type that is counted, limit of a fresh subscription)
USAGES: dict[str, tuple[str, str, int]] = {
    "VirtualNetworks": ("Virtual Networks", "Microsoft.Network/virtualNetworks", 1000),
    "NetworkSecurityGroups": ("Network Security Groups", "Microsoft.Network/networkSecurityGroups", 5000),
    "PublicIPAddresses": ("Public IP Addresses", "Microsoft.Network/publicIPAddresses", 1000),
    "NetworkInterfaces": ("Network Interfaces", "Microsoft.Network/networkInterfaces", 65536),
    "LoadBalancers": ("Load Balancers", "Microsoft.Network/loadBalancers", 1000),
    "RouteTables": ("Route Tables", "Microsoft.Network/routeTables", 200),
    "NatGateways": ("Nat Gateways", "Microsoft.Network/natGateways", 1000),
    "PrivateEndpoints": ("Private Endpoints", "Microsoft.Network/privateEndpoints", 65536),
    "NetworkWatchers": ("Network Watchers", "Microsoft.Network/networkWatchers", 1),
}


def install(emulator: AzureEmulator) -> None:
    """Add the functions of this module."""
    emulator.context.quotas.declare({f"network.{name}": float(limit) for name, (_, _, limit) in USAGES.items()})

    def usages(call: Call) -> Reply:
        location = call.target.names[0].lower()
        return call.reply(200, {"value": [_usage(emulator, location, name) for name in USAGES]})

    emulator.function("Microsoft.Network/locations/usages", "GET", VERSIONS, usages)


def _usage(emulator: AzureEmulator, location: str, name: str) -> dict[str, Any]:
    text, kind, _ = USAGES[name]
    path = f"/subscriptions/{emulator.subscription_id}/providers/Microsoft.Network/locations/{location}/usages/{name}"
    return {
        "currentValue": sum(1 for record in emulator.store.of_kind(kind) if record.location == location),
        "id": path,
        "limit": int(emulator.context.quotas.get(f"network.{name}")),
        "name": {"localizedValue": text, "value": name},
        "unit": "Count",
    }
