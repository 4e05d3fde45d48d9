# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrade channels and maintenance windows of AKS."""

from __future__ import annotations

from typing import Any

from .._engine.errors import SpecError
from .._spec.cluster import MaintenanceWindow

# `regular` is AKS's "stable" (the newest patch of the minor version before the newest), `stable` its "patch" (new
# patches of the minor version that runs; a new minor version only when people ask for it).
CHANNELS = {"none": "none", "rapid": "rapid", "regular": "stable", "stable": "patch"}
SCHEDULES = ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule")
_LEAST_HOURS, _MOST_HOURS = 4, 24


def window_body(window: MaintenanceWindow) -> dict[str, Any]:
    """The properties of a maintenance configuration. Raises: SpecError for what AKS has no word for."""
    where = "cluster.maintenance_window"
    days = set(window.days or ())
    if not _LEAST_HOURS <= window.duration_hours <= _MOST_HOURS:
        raise SpecError(
            f"{where}.duration_hours: {window.duration_hours} is not possible on Azure: "
            f"{_LEAST_HOURS} to {_MOST_HOURS} hours."
        )
    if len(days) in (0, 7):
        schedule: dict[str, Any] = {"daily": {"intervalDays": 1}}
    elif len(days) == 1:
        schedule = {"weekly": {"intervalWeeks": 1, "dayOfWeek": days.pop().capitalize()}}
    else:
        raise SpecError(f"{where}.days: AKS knows one day a week, or every day. Name one day, or leave days out.")
    return {
        "maintenanceWindow": {
            "schedule": schedule,
            "durationHours": window.duration_hours,
            "startTime": window.start_time,
            "utcOffset": "+00:00",
        }
    }
