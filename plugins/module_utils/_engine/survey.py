# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look before anything is touched: read every object, plan it, and collect everything that speaks against it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .clock import Clock
from .errors import CloudError
from .graph import Graph, Outcome, run
from .plan import Action, Change, Plan, plan
from .resource import NotYetKnown, Observed, Recovery, Resource, Status
from .retry import retry_call
from .settings import Settings


@dataclass
class Planned:
    """One object, what the cloud has of it, and what would be done. `note` says why, where that is not obvious."""

    resource: Resource
    observed: Observed | None = None
    plan: Plan = field(default_factory=lambda: Plan(Action.NONE))
    note: str = ""

    @property
    def action(self) -> Action:
        return self.plan.action


@dataclass
class Survey:
    """Every object planned. `problems` stop the run; `errors` are reads that failed."""

    planned: dict[str, Planned]
    problems: list[str] = field(default_factory=list)
    errors: list[CloudError] = field(default_factory=list)


def survey(graph: Graph, settings: Settings, clock: Clock) -> Survey:
    """Read and plan the whole graph, independent objects side by side. Changes nothing."""
    result = Survey({key: Planned(resource) for key, resource in graph.resources.items()})
    guard = threading.Lock()

    def work(key: str) -> Outcome:
        planned = result.planned[key]
        try:
            found = _plan_one(planned, graph, result, settings, clock)
        except CloudError as error:
            error.what = error.what or f"{planned.resource.kind} {planned.resource.name}"
            with guard:
                result.errors.append(error)
            return Outcome.FAILED
        with guard:
            result.problems.extend(found)
        return Outcome.OK

    run(graph.needs, work, lambda key, bad: None, locks={}, workers=settings.workers)
    return result


def _plan_one(planned: Planned, graph: Graph, result: Survey, settings: Settings, clock: Clock) -> list[str]:
    resource = planned.resource
    what = f"{resource.kind} {resource.name}"
    planned.observed = observed = read(resource, settings, clock)
    wanted = resource.present and settings.state == "present"
    if not resource.managed:
        if observed is None and wanted:
            return [f"{what}: the specification refers to it, but it does not exist in this account and region."]
        return []
    if not wanted:
        planned.plan = plan(None, observed.values if observed else None, resource.fields)
        problem = resource.check_delete(observed) if observed else ""
        return [*_hands_off(planned, settings), *([f"{what}: {problem}"] if problem else [])]
    if observed is None or observed.status is Status.DELETING:
        planned.plan = plan(resource.desired(), None, resource.fields)
        planned.note = "waits for the deletion under way" if observed else ""
        return []
    planned.plan = plan(resource.desired(), observed.values, resource.fields)
    if any(result.planned[need.key].action is Action.REPLACE for need in resource.needs):
        planned.plan = Plan(Action.REPLACE, planned.plan.changes)
        planned.note = "replaced because something it needs is replaced"
    problems = _failed(planned) if observed.status is Status.FAILED else []
    problems += _immutable(planned, graph, settings)
    refusal = resource.check_update(observed, planned.plan) if planned.action is Action.UPDATE else ""
    if refusal:
        problems.append(f"{what}: {refusal}")
    if planned.action is Action.REPLACE:
        refusal = resource.check_delete(observed)
        if refusal:
            problems.append(f"{what}: {refusal}")
    return [*problems, *_hands_off(planned, settings)]


def _failed(planned: Planned) -> list[str]:
    """An object found FAILED: repaired or made again where that loses nothing, otherwise reported."""
    observed, resource = planned.observed, planned.resource
    assert observed is not None  # noqa: S101 - narrows the type; the caller has looked
    what = f"{resource.kind} {resource.name}"
    planned.note = f"found failed: {observed.reason}"
    status = Change("status", f"failed: {observed.reason}", "ready")
    if observed.recovery is Recovery.UPDATE:
        planned.plan = Plan(Action.UPDATE, planned.plan.changes or (status,))
    elif observed.recovery is Recovery.RECREATE:
        planned.plan = Plan(Action.REPLACE, (status, *planned.plan.changes))
    else:
        return [f"{what} is in a failed state: {observed.reason} Repair or delete it, then run again."]
    return []


def _immutable(planned: Planned, graph: Graph, settings: Settings) -> list[str]:
    """Changes that cannot be made in place: refused with both values, or planned as a replacement."""
    resource, fixed = planned.resource, planned.plan.immutable
    if not fixed or planned.action is not Action.UPDATE:
        return []
    taken = sorted(key.replace("/", " ", 1) for key in graph.dependants(resource.key))
    destroys = f"{resource.kind} {resource.name}" + (f" and all that needs it: {', '.join(taken)}" if taken else "")
    if settings.allow_replace and resource.replaceable:
        planned.plan = Plan(Action.REPLACE, planned.plan.changes)
        planned.note = "cannot be changed in place"
        return []
    fields = "; ".join(f"{change.path} is {change.before!r}, asked for {change.after!r}" for change in fixed)
    remedy = (
        f"allow_replace: true would delete and make again {destroys}."
        if resource.replaceable
        else "It is never replaced automatically, because that would lose data: delete it deliberately first."
    )
    return [f"{resource.kind} {resource.name}: this cannot be changed after creation: {fields}. {remedy}"]


def _hands_off(planned: Planned, settings: Settings) -> list[str]:
    observed = planned.observed
    if planned.action is Action.NONE or observed is None or observed.tags is None or settings.adopt:
        return []
    if settings.owner.owns(observed.tags):
        return []
    resource = planned.resource
    return [
        f"{resource.kind} {resource.name} exists, but {settings.owner.claim(observed.tags)}. "
        f"It would need action {planned.action.value!r} and is left alone. "
        "Choose another name, or set adopt: true to take it over."
    ]


def read(resource: Resource, settings: Settings, clock: Clock) -> Observed | None:
    """Read with retries, and remember the outputs. An object whose parent is not known yet does not exist."""
    try:
        observed = retry_call(resource.read, clock, timeout=settings.retry_timeout)
    except NotYetKnown:
        observed = None
    resource.outputs = dict(observed.outputs) if observed else {}
    return observed
