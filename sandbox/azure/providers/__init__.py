"""The resource providers of the emulated subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add every resource type and function to the emulator."""
    from . import (
        activity,
        aks,
        authorization,
        cache,
        compute,
        disks,
        identities,
        keyvault,
        locks,
        logs,
        network,
        privatedns,
        registry,
        resources,
        sql,
    )
    from .insights import install as install_insights
    from .postgresql import install as install_postgresql
    from .storage import install as install_storage

    resources.install(emulator)
    network.install(emulator)
    privatedns.install(emulator)
    identities.install(emulator)
    authorization.install(emulator)
    locks.install(emulator)
    compute.install(emulator)
    disks.install(emulator)
    aks.install(emulator)
    install_storage(emulator)
    logs.install(emulator)
    install_insights(emulator)
    activity.install(emulator)
    keyvault.install(emulator)
    install_postgresql(emulator)
    registry.install(emulator)
    cache.install(emulator)
    sql.install(emulator)
