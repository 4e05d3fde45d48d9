# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows in GKE's form (MaintenanceWindow and RecurringTimeWindow of the API)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .._spec.cluster import MaintenanceWindow

_DAYS = {
    "monday": "MO", "tuesday": "TU", "wednesday": "WE", "thursday": "TH", "friday": "FR", "saturday": "SA",
    "sunday": "SU",
}  # fmt: skip
_SHORTEST = 4  # hours of one window; and 48 hours within any 32 days
_WEEKLY = 12  # hours a week that reach those 48 in 32 days (four whole weeks)
_DAILY = 4  # hours of a daily window, which GKE chooses


def window_problems(window: MaintenanceWindow) -> list[str]:
    """What GKE refuses, as sentences."""
    days = len(set(window.days or _DAYS))
    problems = []
    if not _SHORTEST <= window.duration_hours <= 24:
        problems.append(
            f"cluster.maintenance_window.duration_hours: {window.duration_hours} is not possible: "
            f"GKE wants {_SHORTEST} to 24 hours."
        )
    elif window.duration_hours * days < _WEEKLY:
        problems.append(
            f"cluster.maintenance_window: {days} x {window.duration_hours} hours a week are too few: GKE wants "
            f"48 hours within 32 days, {_WEEKLY} a week. Name more days or a longer window."
        )
    return problems


def maintenance_policy(window: MaintenanceWindow) -> dict[str, Any]:
    """The policy's body. Times are UTC."""
    if not window.days and window.duration_hours == _DAILY:
        return {"window": {"dailyMaintenanceWindow": {"startTime": window.start_time}}}
    days = [day for day in _DAYS if day in (window.days or _DAYS)]
    hour, minute = (int(part) for part in window.start_time.split(":"))
    # Any past date will do as the first window, if it is one of the days; 2024 began with a Monday.
    start = datetime(2024, 1, 1 + list(_DAYS).index(days[0]), hour, minute)
    end = start + timedelta(hours=window.duration_hours)
    rule = "FREQ=DAILY" if len(days) == len(_DAYS) else "FREQ=WEEKLY;BYDAY=" + ",".join(_DAYS[day] for day in days)
    times = {"startTime": f"{start:%Y-%m-%dT%H:%M:%SZ}", "endTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    return {"window": {"recurringWindow": {"window": times, "recurrence": rule}}}
