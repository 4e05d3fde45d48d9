"""Microsoft.Network, without private DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import addresses, balancers, endpoints, functions, peerings, routes, security, vnets, watchers

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of the provider."""
    for module in (vnets, security, routes, addresses, endpoints, balancers, peerings, watchers, functions):
        module.install(emulator)
