"""The emulated AWS: moto's services, and what they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.context import CloudEmulator, Context


def create(context: Context) -> CloudEmulator:
    """Build the emulator (imports moto, which takes about a second)."""
    from .emulator import AwsEmulator

    return AwsEmulator(context)
