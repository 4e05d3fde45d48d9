"""Objects that pass through states: each phase lasts as long as the real one, and as its work on this machine takes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ..core.context import Context


@dataclass
class Phase:
    """One state on the way. ``duration`` is a key of DURATIONS.

    ``begin`` starts work on this machine when the phase begins; the phase is not over before that is done.
    ``finish`` runs when it ends well. ``failure`` (status, reason) is how it ends instead, because of a fault;
    ``failed_status`` is where the object rests when the work on this machine fails.
    """

    status: str
    duration: str
    begin: Callable[[], Future[Any] | None] | None = None
    finish: Callable[[], None] | None = None
    failure: tuple[str, str] | None = None
    failed_status: str = "failed"
    on_failure: Callable[[str], None] | None = None
    ends_at: float | None = None
    work: Future[Any] | None = None


@dataclass
class Life:
    """The status of an object: that of the phase it is in, else ``resting``."""

    resting: str
    phases: list[Phase] = field(default_factory=list)
    reason: str | None = None

    def work(self) -> Future[Any] | None:
        """What is being done on this machine for the present phase; lets another object wait for it."""
        return self.phases[0].work if self.phases else None

    @property
    def status(self) -> str:
        """What the object's description shows."""
        return self.phases[0].status if self.phases else self.resting

    def enter(self, context: Context, *phases: Phase) -> None:
        """Append phases and begin the first one when nothing else is going on."""
        idle = not self.phases
        self.phases.extend(phases)
        if idle:
            self._begin(context, context.clock.now())

    def settle(self, context: Context) -> None:
        """Become what the object is by now."""
        now = context.clock.now()
        while self.phases:
            phase = self.phases[0]
            if phase.ends_at is None or now < phase.ends_at or (phase.work is not None and not phase.work.done()):
                return
            self.phases.pop(0)
            failure = phase.failure or _work_failure(phase)
            if failure is not None:
                self.phases.clear()
                self.resting, self.reason = failure
                if phase.on_failure is not None:
                    phase.on_failure(failure[1])
                return
            if phase.finish is not None:
                phase.finish()
            self._begin(context, phase.ends_at)

    def _begin(self, context: Context, instant: float) -> None:
        if self.phases and self.phases[0].ends_at is None:
            phase = self.phases[0]
            phase.ends_at = instant + context.profile.seconds(phase.duration)
            phase.work = phase.begin() if phase.begin is not None else None


def _work_failure(phase: Phase) -> tuple[str, str] | None:
    error = phase.work.exception() if phase.work is not None else None
    if error is None:
        return None
    # The emulator's own trouble: it must be seen in its log.
    traceback.print_exception(error)
    return phase.failed_status, str(error)
