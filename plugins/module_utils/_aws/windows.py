# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows as RDS and ElastiCache write them, in UTC: "03:00-04:00" a day, "sun:05:00-sun:06:00" a week. Pure."""

from __future__ import annotations

from .._spec.cluster import MaintenanceWindow

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = 24 * 60


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def daily(start: str, minutes: int) -> str:
    """The daily window that begins at `start` (HH:MM)."""
    return f"{start}-{_clock(_minutes(start) + minutes)}"


def daily_beside(start: str | None, minutes: int, week: MaintenanceWindow | None) -> str | None:
    """The daily window that begins at `start`. Without one, that ends where the weekly window begins: one that the
    service has chosen itself may lie in it, and both services refuse that. None where both are left to the service."""
    if start is not None:
        return daily(start, minutes)
    return daily(_clock(_minutes(week.start_time) - minutes), minutes) if week is not None else None


def weekly(window: MaintenanceWindow) -> str:
    """The weekly window of a specification without `weekly_problems`."""
    begin = _DAYS.index((window.days or _DAYS)[0]) * _DAY + _minutes(window.start_time)
    end = begin + window.duration_hours * 60
    return "-".join(f"{_DAYS[at // _DAY % 7][:3]}:{_clock(at)}" for at in (begin, end))


def weekly_problems(window: MaintenanceWindow, where: str, service: str) -> list[str]:
    """What these services refuse, as sentences. where: the option's path."""
    found = []
    if len(window.days or ()) != 1:
        found.append(f"{where}.days: {service} has one maintenance window a week. Name one day.")
    if not 1 <= window.duration_hours <= 23:
        found.append(f"{where}.duration_hours: {window.duration_hours} is not possible: {service} wants 1 to 23 hours.")
    return found


def overlap(day: str, week: str) -> bool:
    """Whether a daily window falls into a weekly one on some day. Both services refuse that."""
    opens, closes = (_minutes(clock) for clock in day.split("-"))
    lasts = (closes - opens) % _DAY
    begin, end = (_moment(text) for text in week.lower().split("-"))
    length = (end - begin) % (7 * _DAY)
    return any(begin < at + lasts and at < begin + length for at in range(opens - _DAY, 9 * _DAY, _DAY))


def _moment(text: str) -> int:
    day, clock = text.split(":", 1)
    return next(index for index, name in enumerate(_DAYS) if name.startswith(day)) * _DAY + _minutes(clock)
