"""When a CronJob is due: cron expressions, ``@hourly`` and its kind, ``@every 1h30m``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


class Schedule:
    """``text`` as ``spec.schedule`` has it; ValueError for what is none. ``zone``: as ``spec.timeZone``."""

    def __init__(self, text: str, zone: str = "") -> None:
        self._zone: tzinfo = UTC if not zone else time_zone(zone)
        self._every: timedelta | None = None
        self._expression = ""
        if text.startswith(_EVERY):
            self._every = _duration(text.removeprefix(_EVERY))
            return
        if text.startswith("@") and text not in _NAMED:
            raise ValueError(f"unrecognized descriptor: {text}")
        if "TZ" in text:
            raise ValueError("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
        self._expression = _NAMED.get(text, text).replace("?", "*")
        count = len(self._expression.split())
        if count != 5:
            raise ValueError(f"expected exactly 5 fields, found {count}: [{' '.join(text.split())}]")
        try:
            CronSim(self._expression, _ANY_MOMENT)
        except CronSimError as problem:
            raise ValueError(f"{problem} in {text!r}") from None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The moments (UTC) that come after ``moment``; ends when there are no more."""
        if self._every is not None:
            while True:
                moment = moment.replace(microsecond=0) + self._every
                yield moment
        for found in CronSim(self._expression, moment.astimezone(self._zone)):
            yield found.astimezone(UTC)


def time_zone(name: str) -> ZoneInfo:
    """ValueError for a zone that nobody knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name}") from None


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f'failed to parse duration {_EVERY}{text}: time: invalid duration "{text}"')
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return max(timedelta(hours=hours, minutes=minutes, seconds=seconds), timedelta(seconds=1))
