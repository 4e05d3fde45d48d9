# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Portable words about databases as flexible servers know them, and what they have no word for. No I/O."""

from __future__ import annotations

from typing import Any

from .._engine.errors import SpecError
from .._spec import names
from .._spec.cluster import MaintenanceWindow
from .._spec.database import DatabaseServer, Restore
from .._spec.site import Site

# Sizes of Premium SSD that the service takes, in GiB (Storage, concepts of compute and storage).
STORAGE_GB = (32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_TIERS = {"B": "Burstable", "D": "GeneralPurpose", "E": "MemoryOptimized"}
_LEAST_DAYS, _MOST_DAYS = 7, 35
_TLS = {"require_secure_transport": "on", "ssl_min_protocol_version": "TLSv1.2"}


def sku(name: str) -> dict[str, str]:
    """The size with its tier. Raises: SpecError for a name that is none."""
    tier = _TIERS.get(name.removeprefix("Standard_")[:1])
    if not name.startswith("Standard_") or tier is None:
        raise SpecError(
            f"database.servers.azure.sku: {name!r} is no size of a flexible server. Write one such as Standard_B2s, "
            "Standard_D4ds_v5 or Standard_E4ds_v5."
        )
    return {"name": name, "tier": tier}


def window(wanted: MaintenanceWindow | None) -> dict[str, Any] | None:
    """The custom window; None leaves it alone. It is one hour on one day here: the beginning of what is allowed."""
    if wanted is None:
        return None
    hour, minute = wanted.start_time.split(":")
    day = (wanted.days or ("sunday",))[0]
    return {
        "customWindow": "Enabled",
        "dayOfWeek": _DAYS.index(day),
        "startHour": int(hour),
        "startMinute": int(minute),
    }


def parameters(spec: DatabaseServer) -> dict[str, str]:
    """TLS, Query Store (which is what performance insights are here), and what people set."""
    capture = {} if spec.performance_insights is None else {"pg_qs.query_capture_mode": "none"}
    if spec.performance_insights:
        capture = {"pg_qs.query_capture_mode": "top"}
    return {**_TLS, **capture, **(spec.parameters or {})}


def origin_of(restore: Restore) -> str:
    """What a restored server is marked with, so that a rerun knows its own work."""
    return f"{restore.server}@{restore.label or restore.time or 'newest'}"


def identity_name(site: Site, server: str) -> str:
    return names.of(site, server, "db-key")


def refuse(spec: DatabaseServer, size: dict[str, str], where: str) -> None:
    """What a flexible server cannot be. Raises: SpecError saying what to write instead."""
    burstable = size["tier"] == "Burstable"
    if spec.storage_gb not in STORAGE_GB:
        fits = [gib for gib in STORAGE_GB if gib > spec.storage_gb]
        nearest = f"{fits[0]} is the next" if fits else f"{STORAGE_GB[-1]} is the most"
        raise SpecError(f"{where}.storage_gb: Azure has no disk of {spec.storage_gb} GiB. {nearest}.")
    if spec.max_storage_gb is not None:
        raise SpecError(f"{where}.max_storage_gb: Azure knows no bound for automatic growth. Remove it.")
    if spec.high_availability and burstable:
        raise SpecError(
            f"{where}.high_availability: the Burstable tier ({size['name']}) cannot have it. Choose a larger size, or "
            "set high_availability: false."
        )
    if spec.azure.high_availability_mode and not spec.high_availability:
        raise SpecError(f"{where}.azure.high_availability_mode needs high_availability: true.")
    if not _LEAST_DAYS <= int(spec.backup_retention_days or 0) <= _MOST_DAYS:
        raise SpecError(
            f"{where}.backup_retention_days: {spec.backup_retention_days} is not possible on Azure: {_LEAST_DAYS} to "
            f"{_MOST_DAYS}. Backups cannot be switched off there."
        )
    if spec.backup_window:
        raise SpecError(f"{where}.backup_window: Azure chooses the time of backups itself. Remove it.")
    if not spec.point_in_time_recovery:
        raise SpecError(f"{where}.point_in_time_recovery: it cannot be switched off on Azure. Write true.")
    if spec.azure.geo_redundant_backup and spec.encryption == "customer":
        raise SpecError(
            f"{where}.azure.geo_redundant_backup: with a customer key it needs a second key in the paired region, "
            "which is not offered here. Set encryption: provider, or geo_redundant_backup: false."
        )
    for name, value in _TLS.items():
        given = (spec.parameters or {}).get(name)
        if name == "require_secure_transport" and given is not None and str(given).lower() != value:
            raise SpecError(f"{where}.parameters.{name}: TLS is required and cannot be switched off. Remove it.")


def refuse_replica(size: dict[str, str], where: str) -> None:
    """What a read replica cannot be."""
    if size["tier"] == "Burstable":
        raise SpecError(f"{where}: servers of the Burstable tier have no read replicas. Choose a larger size.")
