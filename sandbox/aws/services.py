"""The list of what is added to moto."""

from __future__ import annotations

from .hooks import Service
from .identity import Identity
from .world import World


def build_services(world: World) -> list[Service]:
    """Every service of the emulator's own, in the order in which their hooks run."""
    return [Identity(world)]
