"""Google Cloud, emulated: driven by Google's own discovery documents."""

from __future__ import annotations

from ..core.context import Context
from . import compute, container, iam, kms, lro, resourcemanager, servicenetworking, services, storage
from .emulator import GcpEmulator

__all__ = [
    "GcpEmulator",
    "compute",
    "container",
    "create",
    "iam",
    "kms",
    "lro",
    "resourcemanager",
    "servicenetworking",
    "services",
    "storage",
]


def create(context: Context) -> GcpEmulator:
    """The emulator for one sandbox."""
    return GcpEmulator(context)
