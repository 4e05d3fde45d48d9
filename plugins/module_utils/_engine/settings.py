# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one run behaves, and what it tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .tags import Owner


@dataclass(frozen=True)
class Settings:
    """Limits and permissions of one run. Times are seconds.

    adopt: take over objects that carry our names but not our tags.
    allow_replace: delete and make again what cannot be changed in place.
    wait_timeout: the longest one object may take. retry_timeout: how long a failing call is tried again.
    sync_grace: how long a finished change may take to be visible.
    guard_disruption: refuse changes that restart or fail over what is running, unless allow_disruption.
    tolerant: what speaks against the plan becomes a warning of the report instead of stopping the run. Only with check.
    """

    owner: Owner
    state: Literal["present", "absent"] = "present"
    check: bool = False
    adopt: bool = False
    allow_replace: bool = False
    guard_disruption: bool = False
    allow_disruption: bool = False
    wait_timeout: float = 3600.0
    retry_timeout: float = 180.0
    sync_grace: float = 30.0
    workers: int = 16
    tolerant: bool = False


@dataclass(frozen=True)
class Event:
    """Progress of one object. state: started | waiting | done | failed | skipped."""

    kind: str
    name: str
    action: str
    state: str
    elapsed: float
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "elapsed": round(self.elapsed, 1)}


Notify = Callable[[Event], None]
