"""The emulated Azure: Resource Manager, its providers, and the login service, on one HTTPS port."""

from __future__ import annotations

from ..core import CloudEmulator, Context


def create(context: Context) -> CloudEmulator:
    """Build the emulator."""
    from .emulator import AzureEmulator

    return AzureEmulator(context)
