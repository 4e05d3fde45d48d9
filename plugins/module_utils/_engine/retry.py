# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One back-off for every call that is safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .clock import Backoff, Clock
from .errors import Retryable

T = TypeVar("T")


def retry_call(
    function: Callable[[], T],
    clock: Clock,
    *,
    timeout: float = 120.0,
    retry_on: type[Retryable] | tuple[type[Retryable], ...] = Retryable,
) -> T:
    """Call `function` until it answers, waiting between tries, at most `timeout` seconds. For repeatable calls only.

    Raises the last error when the time is up. Mutations go through the apply loop instead: it looks before it
    tries again.
    """
    backoff = Backoff()
    deadline = clock.now() + timeout
    while True:
        try:
            return function()
        except retry_on as error:
            delay = backoff.next(error.retry_after)
            if clock.now() + delay > deadline:
                raise
            clock.sleep(delay)
