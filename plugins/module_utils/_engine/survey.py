# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look before anything is touched: read every object, plan it, and collect everything that speaks against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .errors import CloudError, SpecError
from .graph import Graph, Outcome, run
from .plan import Action, Change, Plan
from .resource import NotYetKnown, Observed, Recovery, Resource, Status
from .retry import retry_call
from .settings import Settings


@dataclass
class Planned:
    """One object, what the cloud has of it, and what would be done. `note` says why, where that is not obvious.

    disruptive: what is running restarts or fails over.

    problems speak against it, as sentences. error: it could not be read.
    """

    resource: Resource
    observed: Observed | None = None
    plan: Plan = field(default_factory=lambda: Plan(Action.NONE))
    note: str = ""
    disruptive: bool = False
    problems: list[str] = field(default_factory=list)
    error: CloudError | None = None

    @property
    def action(self) -> Action:
        return self.plan.action

    @property
    def what(self) -> str:
        return f"{self.resource.kind} {self.resource.name}"


@dataclass
class Survey:
    """Every object planned. `problems` stop the run; `errors` are reads that failed."""

    planned: dict[str, Planned]

    @property
    def problems(self) -> list[str]:
        return [problem for planned in self.planned.values() for problem in planned.problems]

    @property
    def errors(self) -> list[CloudError]:
        return [planned.error for planned in self.planned.values() if planned.error]


def survey(graph: Graph, settings: Settings, clock: Clock) -> Survey:
    """Read and plan the whole graph, independent objects side by side. Changes nothing."""
    result = Survey({key: Planned(graph.resources[key]) for key in graph.order})

    def work(key: str) -> Outcome:
        planned = result.planned[key]
        try:
            planned.problems = _plan_one(planned, graph, result, settings, clock)
        except SpecError as error:
            error.what = error.what or planned.what
            planned.problems = [str(error)]
            return Outcome.FAILED
        except CloudError as error:
            error.what = error.what or planned.what
            planned.error = error
            return Outcome.FAILED
        return Outcome.OK

    run(graph.needs, work, lambda key, bad: None, locks={}, workers=settings.workers)
    return result


def _plan_one(planned: Planned, graph: Graph, result: Survey, settings: Settings, clock: Clock) -> list[str]:
    resource, holder = planned.resource, planned.resource.goes_with
    if resource.inside and holder is not None and (settings.state == "absent" or not holder.present):
        planned.note = f"goes with {holder.kind} {holder.name}"
        return []
    planned.observed = observed = read(resource, settings, clock)
    present = resource.present and settings.state == "present"
    if not resource.managed:
        if observed is None and present:
            return [f"{planned.what}: the specification refers to it, but it is not in this account and region."]
        return []
    if not present and resource.lasts():
        planned.note = resource.stays if observed else ""
        return []
    if not present:
        planned.plan = compared(resource, None, observed, settings, clock)
        planned.note = resource.remains(observed) if observed else ""
        return [*_hands_off(planned, settings), *_refusal(planned)]
    if observed is None or observed.status is Status.DELETING:
        planned.plan = compared(resource, wanted(resource, settings, clock), None, settings, clock)
        planned.note = "waits for the deletion under way" if observed else ""
        return []
    planned.plan = compared(resource, wanted(resource, settings, clock), observed, settings, clock)
    problems = _failed(planned, observed) if observed.status is Status.FAILED else []
    problems += _dragged(planned, result, settings)
    problems += _immutable(planned, observed, graph, settings)
    problems += _disruption(planned, observed, settings)
    return [*problems, *_hands_off(planned, settings), *_refusal(planned)]


def _disruption(planned: Planned, observed: Observed, settings: Settings) -> list[str]:
    """A change that interrupts what is running: said in the plan, and refused where that is guarded."""
    if planned.action is not Action.UPDATE:
        return []
    reason = planned.resource.disruption(observed, planned.plan)
    if not reason:
        return []
    planned.disruptive = True
    planned.note = planned.note or reason
    if not settings.guard_disruption or settings.allow_disruption:
        return []
    return [f"{planned.what}: {reason}. Set allow_disruption: true to do so now."]


def _refusal(planned: Planned) -> list[str]:
    """What the kind itself says against the action."""
    observed, resource, reason = planned.observed, planned.resource, ""
    if observed is not None and planned.action in (Action.DELETE, Action.REPLACE):
        reason = resource.check_delete(observed)
    elif observed is not None and planned.action is Action.UPDATE:
        reason = resource.check_update(observed, planned.plan)
    return [f"{planned.what}: {reason}"] if reason else []


def _failed(planned: Planned, observed: Observed) -> list[str]:
    """An object found FAILED: repaired or made again where that loses nothing, otherwise reported."""
    planned.note = f"found failed: {observed.reason}"
    status = Change("status", f"failed: {observed.reason}", "ready")
    if observed.recovery is Recovery.UPDATE:
        planned.plan = Plan(Action.UPDATE, planned.plan.changes or (status,))
    elif observed.recovery is Recovery.RECREATE:
        planned.plan = Plan(Action.REPLACE, (status, *planned.plan.changes))
    else:
        return [f"{planned.what} is in a failed state: {observed.reason} Repair or delete it, then run again."]
    return []


def _dragged(planned: Planned, result: Survey, settings: Settings) -> list[str]:
    """An object whose needs are replaced has to go with them, if it may."""
    needs = () if planned.resource.by_name else planned.resource.needs
    replaced = [result.planned[need.key] for need in needs]
    replaced = [need for need in replaced if need.action is Action.REPLACE]
    if not replaced or planned.action is Action.REPLACE:
        return []
    planned.plan = Plan(Action.REPLACE, planned.plan.changes)
    planned.note = planned.note or "replaced because something it needs is replaced"
    if settings.allow_replace and planned.resource.replaceable:
        return []
    remedy = _LOSES if settings.allow_replace else "allow_replace: true would do so."
    return [f"{planned.what} would have to be deleted and made again with {replaced[0].what}, which it needs. {remedy}"]


_LOSES = "It is never replaced automatically, because that would lose data: delete it deliberately first."


def _immutable(planned: Planned, observed: Observed, graph: Graph, settings: Settings) -> list[str]:
    """Changes that cannot be made in place: refused with both values, or planned as a replacement."""
    resource, fixed = planned.resource, planned.plan.immutable
    if observed.status is Status.PENDING:
        # An object on its way may not show all of itself yet: what is missing speaks against nothing.
        fixed = tuple(change for change in fixed if change.before is not None)
    if not fixed or planned.action is not Action.UPDATE:
        return []
    if settings.allow_replace and resource.replaceable:
        planned.plan = Plan(Action.REPLACE, planned.plan.changes)
        planned.note = "cannot be changed in place"
        return []
    taken = sorted(k.replace("/", " ", 1) for k in graph.dependants(resource.key) if not graph.resources[k].by_name)
    destroys = planned.what + (f" and all that needs it: {', '.join(taken)}" if taken else "")
    fields = "; ".join(f"{each.path} is {each.shown_before!r}, asked for {each.shown_after!r}" for each in fixed)
    remedy = f"allow_replace: true would delete and make again {destroys}." if resource.replaceable else _LOSES
    return [f"{planned.what}: this cannot be changed after creation: {fields}. {remedy}"]


def _hands_off(planned: Planned, settings: Settings) -> list[str]:
    """Somebody else's object is not changed, and not built upon either: some carry a mark that never changes again."""
    observed = planned.observed
    if observed is None or observed.tags is None or settings.adopt:
        return []
    if settings.owner.owns(observed.tags):
        return []
    needs = (
        "" if planned.action is Action.NONE else f"It would need action {planned.action.value!r} and is left alone. "
    )
    return [
        f"{planned.what} exists, but {settings.owner.claim(observed.tags)}. {needs}"
        "Choose another name, or set adopt: true to take it over."
    ]


def wanted(resource: Resource, settings: Settings, clock: Clock) -> dict[str, Any]:
    """The desired body, with retries: some ask the cloud (for a default version, a service's identity)."""
    return retry_call(resource.desired, clock, timeout=settings.retry_timeout)


def compared(
    resource: Resource, desired: dict[str, Any] | None, observed: Observed | None, settings: Settings, clock: Clock
) -> Plan:
    """What would change, with retries: some ask the cloud."""
    return retry_call(lambda: resource.compare(desired, observed), clock, timeout=settings.retry_timeout)


def read(resource: Resource, settings: Settings, clock: Clock) -> Observed | None:
    """Read with retries, and remember the outputs. An object whose parent is not known yet does not exist."""
    try:
        observed = retry_call(resource.read, clock, timeout=settings.retry_timeout)
    except NotYetKnown:
        observed = None
    resource.outputs = dict(observed.outputs) if observed else {}
    return observed
