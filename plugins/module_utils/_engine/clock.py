# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one clock: every wait, deadline and back-off goes through it, so tests can run a day in no time."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds and a way to let them pass."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Real time."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Backoff:
    """Jittered exponential delays in seconds; a server's Retry-After is a lower bound."""

    base: float = 0.4
    cap: float = 20.0
    attempt: int = 0
    rng: random.Random = field(default_factory=random.Random)

    def next(self, retry_after: float = 0.0) -> float:
        """The next delay. Half of it is fixed, half is jitter, so that parallel callers drift apart."""
        ceiling = min(self.cap, self.base * 2**self.attempt)
        self.attempt += 1
        return max(retry_after, ceiling / 2 + self.rng.uniform(0, ceiling / 2))


def poll_interval(elapsed: float, retry_after: float = 0.0) -> float:
    """Seconds until the next look at a running operation that has taken `elapsed` seconds.

    A twelfth of the time already spent, between 0.3 s and 15 s: short operations are noticed at once, long
    ones cost few calls, and the delay added is small beside the operation itself.
    """
    return max(retry_after, min(15.0, max(0.3, elapsed / 12)))
