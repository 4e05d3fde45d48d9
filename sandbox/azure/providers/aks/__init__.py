"""Microsoft.ContainerService: clusters, node pools, maintenance windows, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import clusters, functions, maintenance, pools

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of the provider."""
    for module in (clusters, pools, maintenance, functions):
        module.install(emulator)
