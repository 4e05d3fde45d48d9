"""Microsoft.Storage: accounts, blob service, containers, lifecycle policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import accounts, containers, policies

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of the provider."""
    for module in (accounts, containers, policies):
        module.install(emulator)
