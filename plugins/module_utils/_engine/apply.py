# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only code that changes anything: plan -> apply -> wait -> read again -> must be in sync."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from .clock import Backoff, Clock, poll_interval
from .errors import Busy, CloudError, Conflict, NotFound, NotInSync, OperationFailed, Retryable, SpecError, WaitTimeout
from .graph import Graph, Outcome, run
from .plan import Action, Plan, holds_unknown
from .report import Entry, Report
from .resource import Observed, Operation, Recovery, Resource, State, Status
from .retry import retry_call
from .settings import Event, Notify, Settings
from .survey import Planned, compared, read, survey, wanted

Preflight = Callable[[Sequence[Planned]], list[str]]


def converge(
    graph: Graph,
    settings: Settings,
    clock: Clock,
    *,
    notify: Notify = lambda event: None,
    preflight: Preflight | None = None,
) -> Report:
    """Bring every object of the graph to its desired state, or to absence, and report.

    Everything is read and planned first. Anything that speaks against the plan raises SpecError (or the cloud's own
    error where reading failed) before a single change is made. Failures while changing do not raise: they stand in
    the report, objects that depended on them are skipped, and independent branches finish.
    """
    begun = clock.now()
    found = survey(graph, settings, clock)
    if found.errors:
        raise found.errors[0]
    problems = list(found.problems)
    tolerant = settings.tolerant and settings.check
    if preflight is not None and settings.state == "present" and not tolerant:
        everything = [found.planned[key] for key in graph.order]
        problems += retry_call(lambda: preflight(everything), clock, timeout=settings.retry_timeout)
    if problems and not tolerant:
        raise SpecError("Nothing was changed. " + " ".join(dict.fromkeys(problems)))
    work = Converger(graph, settings, clock, notify, found.planned, begun)
    if not settings.check:
        work.apply()
    report = Report(check=settings.check, state=settings.state, warnings=problems)
    report.entries = [work.entries[key] for key in graph.order if graph.resources[key].managed]
    report.seconds = clock.now() - begun
    return report


class Converger:
    """One run's state. Worker threads write only to their own resource's entry."""

    def __init__(
        self,
        graph: Graph,
        settings: Settings,
        clock: Clock,
        notify: Notify,
        planned: dict[str, Planned],
        begun: float,
    ) -> None:
        self.graph = graph
        self.settings = settings
        self.clock = clock
        self.planned = planned
        self.begun = begun
        self._notify = notify
        self._speaking = threading.Lock()
        self.entries = {key: self._entry(key) for key in graph.order}

    def _entry(self, key: str) -> Entry:
        planned = self.planned[key]
        return Entry(
            kind=planned.resource.kind,
            name=planned.resource.name,
            id=_identity(planned.resource),
            action=planned.action,
            changes=planned.plan.changes,
            note=planned.note,
            disruptive=planned.disruptive,
            needs=tuple(sorted(self.graph.needs[key])),
            lock=planned.resource.lock or "",
        )

    # -- the three passes ------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Delete what is replaced, then make and change, then delete what is not wanted."""
        replaced = {key for key, planned in self.planned.items() if planned.action is Action.REPLACE}
        unwanted = {key for key, planned in self.planned.items() if planned.action is Action.DELETE}
        with_it = {other for key in replaced for other in self.graph.dependants(key)} & unwanted
        outcomes = self._run_deletions(replaced | with_it, {})
        made = {key: needs for key, needs in self.graph.needs.items() if key not in unwanted}
        before = {key: {need for need in needs if need in made} for key, needs in made.items()}
        outcomes |= self._run(before, self._converge_one, {k: o for k, o in outcomes.items() if o is not Outcome.OK})
        self._run_deletions(unwanted - with_it, outcomes)

    def _run_deletions(self, keys: set[str], past: dict[str, Outcome]) -> dict[str, Outcome]:
        after = self.graph.reversed()
        before = {key: {other for other in after[key] if other in keys or other in past} for key in keys}
        for key in keys:
            taker = self._taker(key, keys)
            if taker is not None:
                before[taker] = (before[taker] | before[key]) - {key}
                before[key] = {taker}
        return self._run(before, lambda key: self._delete_one(key, gone_along=self._taker(key, keys) is not None), past)

    def _taker(self, key: str, keys: set[str]) -> str | None:
        """The object whose deletion, among `keys`, takes this one along."""
        taker = self.graph.resources[key].goes_with
        return taker.key if taker is not None and taker.key in keys else None

    def _run(
        self, before: dict[str, set[str]], work: Callable[[str], None], past: dict[str, Outcome]
    ) -> dict[str, Outcome]:
        """Run one pass; `past` holds outcomes of earlier passes, which count as they ended."""

        def turn(key: str) -> Outcome:
            if key in past:
                return past[key]
            return self._attempt(key, work)

        everything = {**before, **{key: set() for key in past}}
        locks = {key: self.graph.resources[key].lock for key in everything}
        return run(everything, turn, self._skip, locks=locks, workers=self.settings.workers)

    def _skip(self, key: str, stopped_by: set[str]) -> None:
        entry = self.entries[key]
        if self.planned[key].action is Action.NONE:
            return
        entry.status = "skipped"
        entry.note = "not attempted, because of " + ", ".join(sorted(name.replace("/", " ", 1) for name in stopped_by))
        self._tell(entry, "skipped", 0.0, entry.note)

    def _attempt(self, key: str, work: Callable[[str], None]) -> Outcome:
        """One object's turn: time it, and turn an error into the entry's."""
        entry, started = self.entries[key], self.clock.now()
        if not entry.seconds:  # a replacement has two turns
            entry.started = started - self.begun
        try:
            work(key)
        except CloudError as error:
            error.what = error.what or f"{entry.kind} {entry.name}: {entry.action.value}"
            entry.status, entry.error = "failed", str(error)
        except Exception as error:  # a defect must not hide what the other branches did
            entry.status = "failed"
            entry.error = f"{entry.kind} {entry.name}: {entry.action.value}: unexpected {type(error).__name__}: {error}"
        entry.seconds += self.clock.now() - started
        entry.id = _identity(self.graph.resources[key]) or entry.id
        if self.planned[key].action is not Action.NONE or entry.status != "ok":
            self._tell(entry, "done" if entry.status == "ok" else "failed", entry.seconds, entry.error)
        return Outcome.OK if entry.status == "ok" else Outcome.FAILED

    def _tell(self, entry: Entry, state: str, elapsed: float, message: str = "") -> None:
        with self._speaking:
            self._notify(Event(entry.kind, entry.name, entry.action.value, state, elapsed, message))

    # -- one object ------------------------------------------------------------------------------------------------

    def _converge_one(self, key: str) -> None:
        planned, resource = self.planned[key], self.graph.resources[key]
        observed = planned.observed
        settled = observed is None or observed.status in (Status.READY, Status.FAILED)
        if planned.action is Action.NONE and settled:
            return
        turn = _Turn(self, key)
        self._tell(turn.entry, "started", 0.0)
        if planned.action is Action.REPLACE:
            observed = None
        elif not settled:
            observed = turn.settle()
        made: list[Plan] = []
        while True:
            desired = wanted(resource, self.settings, self.clock)
            todo = compared(resource, desired, observed, self.settings, self.clock)
            if observed is not None and observed.status is Status.FAILED:
                if made or observed.recovery is not Recovery.UPDATE:
                    raise OperationFailed(observed.reason or "it ended in a failed state")
                todo = Plan(Action.UPDATE, todo.changes)
            if not settled:
                turn.entry.action, turn.entry.changes = todo.action, todo.changes  # it could not be known before
                settled = True
            if not todo:
                return
            if todo in made:
                turn.look_again(todo, observed)
            else:
                turn.check_step(todo)
                if turn.step(observed, desired, todo):
                    made.append(todo)
            observed = turn.settle()

    def _delete_one(self, key: str, *, gone_along: bool = False) -> None:
        """gone_along: what takes it along is deleted already, so look before anything is done."""
        resource, turn = self.graph.resources[key], _Turn(self, key)
        self._tell(turn.entry, "started", 0.0)
        observed = self.planned[key].observed
        if gone_along:
            resource.forget()
        if gone_along or observed is None or observed.status in (Status.PENDING, Status.DELETING):
            observed = turn.settle()
        taken = False
        while observed is not None:
            if taken:
                turn.look_again(self.planned[key].plan, observed)
            else:
                taken = turn.remove(observed)
            observed = turn.settle()
        resource.outputs = {}


class _Turn:
    """The bounded waits and retries of one object's turn."""

    def __init__(self, run: Converger, key: str) -> None:
        self.run = run
        self.clock = run.clock
        self.settings = run.settings
        self.resource: Resource = run.graph.resources[key]
        self.entry = run.entries[key]
        self.began = self.clock.now()
        self.deadline = self.began + self.settings.wait_timeout
        self.patience: float | None = None  # the instant after which a failing call is not tried again
        self.grace: float | None = None  # the instant after which a change must show
        self.backoff = Backoff()
        self.lost = False  # a creation's answer was lost: the cloud may have made it

    def settle(self) -> Observed | None:
        """Read until the object is neither on its way nor going away."""
        begun = self.clock.now()
        while True:
            observed = read(self.resource, self.settings, self.clock)
            if observed is None or observed.status in (Status.READY, Status.FAILED):
                return observed
            self._wait(observed.reason or observed.status.value, self.clock.now() - begun, 0.0)
            self.resource.forget()

    def step(self, observed: Observed | None, desired: dict[str, object], todo: Plan) -> bool:
        """Make one change and wait for its operation. False: it was not taken, and is worth another look and try."""
        try:
            if observed is None:
                operation = self.resource.create(desired)
            else:
                operation = self.resource.update(observed, desired, todo)
            self._await(operation)
        except Retryable as error:
            self.lost = self.lost or error.ambiguous
            self._retry(error)
            return False
        except Conflict as error:
            if observed is not None or not self.lost:
                raise
            self._retry(error)  # what is in the way is our own, from the try whose answer was lost
            return False
        finally:
            self.resource.forget()
        self._start_afresh()
        return True

    def remove(self, observed: Observed) -> bool:
        """Start deletion and wait for its operation. What is still in use is tried again for a while: False."""
        try:
            self._await(self.resource.delete(observed))
        except NotFound:
            pass
        except (Retryable, Conflict) as error:
            self._retry(error)
            return False
        finally:
            self.resource.forget()
        self.patience = None
        return True

    def look_again(self, todo: Plan, observed: Observed | None) -> None:
        """The change was made but does not show: wait a little, for a while. Raises NotInSync when that is over."""
        now = self.clock.now()
        if self.grace is None:
            self.grace = min(self.deadline, now + self.settings.sync_grace)
        if now < self.grace:
            self.clock.sleep(self.backoff.next())
            self.resource.forget()
            return
        if todo.action is Action.CREATE:
            raise NotInSync("the cloud accepted its creation, but it cannot be found.")
        if todo.action in (Action.DELETE, Action.REPLACE):
            if observed is not None and observed.status is Status.FAILED:
                raise OperationFailed(observed.reason)
            raise NotInSync("the cloud accepted its deletion, but it is still there.")
        fields = "; ".join(f"{c.path} is still {c.shown_before!r}, not {c.shown_after!r}" for c in todo.changes)
        raise NotInSync(f"the cloud accepted the change but did not make it: {fields}.")

    def check_step(self, todo: Plan) -> None:
        """What planning could not know: values still missing, or an immutable field changed behind our back."""
        if self.clock.now() >= self.deadline:
            left = ", ".join(change.path for change in todo.changes)
            raise WaitTimeout(f"not finished after {self.settings.wait_timeout:.0f} s; still to be changed: {left}.")
        missing = [change for change in todo.changes if holds_unknown(change.after)]
        if missing:
            raise SpecError(f"{missing[0].path} depends on a value that the cloud never gave: {missing[0].after}.")
        if todo.action is Action.UPDATE and todo.immutable:
            change = todo.immutable[0]
            raise NotInSync(
                f"{change.path} is {change.shown_before!r}, not {change.shown_after!r}, and cannot be changed in place."
            )

    def _start_afresh(self) -> None:
        """A step was taken: the next one has all its patience."""
        self.patience, self.grace, self.backoff, self.lost = None, None, Backoff(), False

    def _await(self, operation: Operation) -> None:
        begun = self.clock.now()
        while not operation.done:
            progress = retry_call(
                lambda: self.resource.poll(operation), self.clock, timeout=self.settings.retry_timeout
            )
            if progress.state is State.DONE:
                return
            if progress.state is State.FAILED:
                raise progress.error or OperationFailed(progress.message)
            self._wait(progress.message, self.clock.now() - begun, progress.retry_after)

    def _wait(self, state: str, elapsed: float, retry_after: float) -> None:
        now = self.clock.now()
        if now >= self.deadline:
            raise WaitTimeout(
                f"not ready after {self.settings.wait_timeout:.0f} s; last observed state: {state or 'unknown'}.",
                hint="It goes on in the cloud: run again to wait on, or raise wait_timeout.",
            )
        self.run._tell(self.entry, "waiting", now - self.began, state)
        self.clock.sleep(min(poll_interval(elapsed, retry_after), max(0.0, self.deadline - now)))

    def _retry(self, error: CloudError) -> None:
        """Wait before another try, or give up with the cloud's own words."""
        now = self.clock.now()
        # Somebody else's operation on the same object ends when it ends; everything else must end soon, counted from
        # when that was over.
        if isinstance(error, Busy):
            until, self.patience = self.deadline, None
        else:
            until = self.patience = self.patience or min(self.deadline, now + self.settings.retry_timeout)
        delay = self.backoff.next(error.retry_after)
        if now + delay > until:
            raise error
        self.run._tell(self.entry, "waiting", now - self.began, f"will try again: {error.message}")
        self.clock.sleep(delay)


def _identity(resource: Resource) -> str:
    return str(resource.outputs.get("id", "") or "")
