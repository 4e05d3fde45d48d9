"""What the services of the query protocol have in common: refusals, pages, tag lists, time windows."""

from __future__ import annotations

import base64
import functools
import re
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import get_service_model

from .errors import AwsError
from .wire import Call

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(rf"{_CLOCK}-{_CLOCK}")
_WEEKLY = re.compile(rf"({'|'.join(_DAYS)}):{_CLOCK}-({'|'.join(_DAYS)}):{_CLOCK}")


@functools.cache
def _statuses(service: str) -> dict[str, int]:
    """HTTP status by error code, as the service's description has them."""
    found = {}
    for shape in get_service_model(service).error_shapes:
        error = shape.metadata.get("error", {})
        found[error.get("code", shape.name)] = error.get("httpStatusCode", 400)
    return found


def refusal(service: str, code: str, message: str) -> AwsError:
    """An error of the service, with the status that its description gives to the code."""
    return AwsError(code, message, _statuses(service).get(code, 400))


def page(call: Call, items: list[Any], key: str) -> dict[str, Any]:
    """One page of ``items`` under ``key``, with ``Marker`` when there is more."""
    size = call.params.get("MaxRecords") or 100
    if not 20 <= size <= 100:
        raise refusal(
            call.service, "InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100"
        )
    marker = call.params.get("Marker")
    try:
        start = int(base64.b64decode(marker)) if marker else 0
    except ValueError as error:
        raise refusal(call.service, "InvalidParameterValue", "The marker is not valid.") from error
    answer: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        answer["Marker"] = base64.b64encode(str(start + size).encode()).decode()
    return answer


def tags_of(items: list[dict[str, str]] | None) -> dict[str, str]:
    """A tag list as a mapping."""
    return {item["Key"]: item.get("Value", "") for item in items or ()}


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """A mapping as a tag list."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def is_daily_window(text: str) -> bool:
    """Whether ``text`` is like ``03:00-03:30`` and lasts at least 30 minutes."""
    found = _DAILY.fullmatch(text)
    return found is not None and _minutes(*found.groups()) >= 30


def is_weekly_window(text: str) -> bool:
    """Whether ``text`` is like ``sun:05:00-sun:05:30``."""
    return _WEEKLY.fullmatch(text.lower()) is not None


def windows_overlap(daily: str, weekly: str) -> bool:
    """Whether a daily window falls into a weekly one on some day."""
    a, b = _DAILY.fullmatch(daily), _WEEKLY.fullmatch(weekly.lower())
    if a is None or b is None:
        return False
    first_day, h1, m1, last_day, h2, m2 = b.groups()
    start = _DAYS.index(first_day) * 1440 + int(h1) * 60 + int(m1)
    length = (_DAYS.index(last_day) * 1440 + int(h2) * 60 + int(m2) - start) % (7 * 1440)
    begin, lasting = int(a[1]) * 60 + int(a[2]), _minutes(*a.groups())
    return any(_meet(start, length, day * 1440 + begin, lasting) for day in range(-1, 9))


def _meet(start: int, length: int, other: int, lasting: int) -> bool:
    return start < other + lasting and other < start + length


def _minutes(h1: str, m1: str, h2: str, m2: str) -> int:
    return (int(h2) * 60 + int(m2) - int(h1) * 60 - int(m1)) % 1440


def next_daily(window: str, after: datetime) -> datetime:
    """When a daily window opens next."""
    hour, minute = (int(part) for part in window.split("-", maxsplit=1)[0].split(":"))
    opening = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return opening if opening > after else opening + timedelta(days=1)


def next_weekly(window: str, after: datetime) -> datetime:
    """When a weekly window opens next."""
    day, hour, minute = window.lower().split("-")[0].split(":")
    opening = after.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    opening += timedelta(days=(_DAYS.index(day) - after.weekday()) % 7)
    return opening if opening > after else opening + timedelta(days=7)
