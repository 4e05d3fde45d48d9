"""The resource providers of the emulated subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add every resource type and function to the emulator."""
    from . import (
        aks,
        authorization,
        compute,
        identities,
        insights,
        keyvault,
        logs,
        network,
        privatedns,
        resources,
        storage,
    )

    for provider in (
        resources,
        network,
        privatedns,
        identities,
        authorization,
        compute,
        aks,
        storage,
        logs,
        insights,
        keyvault,
    ):
        provider.install(emulator)
