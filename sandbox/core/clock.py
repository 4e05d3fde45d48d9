"""The clock that decides when an emulated operation is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Monotonic time that a test can move forward.

    Objects carry the instant at which their operation ends and compute their state from ``now()``
    when they are read: there are no timers.
    """

    def __init__(self, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._offset = 0.0

    def now(self) -> float:
        """Seconds on a monotonic scale."""
        return self._source() + self._offset

    def wall(self) -> datetime:
        """The date and time (UTC) that emulated objects carry as creation time."""
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        if seconds < 0:
            raise ValueError("the clock does not run backwards")
        self._offset += seconds
