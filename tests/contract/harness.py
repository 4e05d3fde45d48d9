"""The contract that every resource class of every cloud keeps, told as cases.

Each cloud lists its cases in `tests/contract/cases/<cloud>.py` and `<cloud>_*.py` as `CASES: list[Case]`; `memory.py`
is the example.
`test_contract.py` runs every check of `checks.py` on every case. A check works on a `World`: one cloud that can be
emptied, hurt and watched. Runs are one process's: each takes a fresh `Environment` (new driver, new SDK session,
nothing cached).

Time is simulated: the environment's clock moves the emulated cloud forward instead of sleeping, so waits are real and
cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from module_utils._engine.apply import converge
from module_utils._engine.clock import Clock
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action
from module_utils._engine.report import Entry, Report
from module_utils._engine.resource import Resource
from module_utils._engine.settings import Settings
from module_utils._spec.site import Site

Builder = Callable[..., Sequence[Resource]]


class Killed(BaseException):
    """The process dies here. Not an Exception: nothing on the way may catch it."""


class World(Protocol):
    """One cloud that the checks run on."""

    cloud: str

    def reset(self, *, waits: bool = True) -> None:
        """Forget all objects and faults. waits: operations take the time they really take, else none."""
        ...

    def environment(self, **site: Any) -> Environment:
        """What one process has: a fresh driver and session. `site` replaces members of the Site."""
        ...

    def fault(self, **rule: Any) -> None:
        """Put a fault into force; the fields of `sandbox.core.faults.FaultRule`."""
        ...

    def clear_faults(self) -> None: ...

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests after number `since`: {seq, operation, write, status, fault, method, path}."""
        ...

    def killed_after(self, writes: int) -> AbstractContextManager[None]:
        """Within it, `Killed` is raised once the cloud has carried out this many writes."""
        ...


@dataclass
class Environment:
    """What a case's `build` gets: the site, its driver, and the cloud it stands on."""

    site: Site
    driver: Any
    clock: Clock
    world: World


@dataclass(frozen=True)
class Variant:
    """One change of the specification.

    options: keyword arguments of `Case.build`; in `updates` they add to those of the variants before.
    fields: paths without list keys ("properties.sku", "tags") that the plan must name: each of them, and nothing else.
    also: kinds of further objects (not the target) that may change with it.
    """

    options: Mapping[str, Any]
    fields: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One resource class at work.

    name: unique within the cloud; "vpc", "nodegroup-gpu".
    build: `build(environment, **options)` returns resources, the one under test LAST. What these need is added by
        itself, so `[target]` is enough. Called again for every run; without options it is the base specification.
        Take resources out of the driver's builders, as users get them: `pick(environment.driver.network(...), kind)`.
    updates: applied one after the other to the same object. immutable: each alone, refused before anything is touched.
    no_updates: why there are none, for kinds that have nothing to update.
    count: how many objects of the target's sort exist, asked of the vendor's own SDK (not of our code). Checks that
        nothing is made twice and nothing stays.
    operation: regular expression of the long-running operation that `fail_operation` strikes (as the emulator calls
        `Context.take_operation_failure`); empty when creation is not a long-running operation.
    failed: what a rerun does with an object whose creation failed: "converges", or "reported" (people must look).
    named: the object is found by its name alone, so a stranger's object of that name is met and refused. False for
        kinds that are looked up by ownership tags or through their parent.
    skip: names of checks (without `check_`) that cannot apply -> why not.
    """

    name: str
    build: Builder
    updates: Sequence[Variant] = ()
    immutable: Sequence[Variant] = ()
    no_updates: str = ""
    count: Callable[[Environment], int] | None = None
    operation: str = ""
    failed: str = "converges"
    named: bool = True
    skip: Mapping[str, str] = field(default_factory=dict)


def pick(built: Any, kind: str, name: str = "") -> Resource:
    """The one resource of a kind (whose name contains `name`) among what a driver's builder returned."""
    found = [item for item in built.resources if item.kind == kind and name in item.name]
    assert len(found) == 1, f"{len(found)} resources of kind {kind} with {name!r}: {[item.key for item in found]}"
    return found[0]


# -- one run -----------------------------------------------------------------------------------------------------------


def settings(environment: Environment, **changes: Any) -> Settings:
    """One worker, so that runs can be compared request by request."""
    return Settings(**{"owner": environment.site.owner, "workers": 1, **changes})


def run(world: World, case: Case, options: Mapping[str, Any] | None = None, **changes: Any) -> Report:
    """One process: build, converge, report. `changes` go to Settings."""
    environment = world.environment()
    resources = case.build(environment, **(options or {}))
    return converge(Graph(resources), settings(environment, **changes), environment.clock)


def target(case: Case, environment: Environment, options: Mapping[str, Any] | None = None) -> Resource:
    return case.build(environment, **(options or {}))[-1]


def done(report: Report) -> Report:
    """The report, if nothing failed."""
    assert not report.failed, report.summary()
    return report


def entry_of(report: Report, resource: Resource) -> Entry:
    return next(entry for entry in report.entries if (entry.kind, entry.name) == (resource.kind, resource.name))


def acts(report: Report) -> dict[str, tuple[Action, tuple[str, ...]]]:
    """What was done, or would be: by object, the action and the fields."""
    return {
        f"{entry.kind}/{entry.name}": (entry.action, tuple(sorted(change.path for change in entry.changes)))
        for entry in report.entries
        if entry.action is not Action.NONE
    }


def last(world: World) -> int:
    """The number of the last request so far."""
    entries = world.journal()
    return int(entries[-1]["seq"]) if entries else 0


def writes(world: World, since: int) -> list[dict[str, Any]]:
    return [entry for entry in world.journal(since) if entry["write"]]


def carried_out(entry: Mapping[str, Any]) -> bool:
    """Whether a logged request changed something. What the cloud refused (a role that it does not see yet) did not."""
    return bool(entry["write"]) and int(entry["status"]) < 400


def parents(world: World, case: Case, options: Mapping[str, Any] | None = None) -> None:
    """Bring everything but the target into being."""
    environment = world.environment()
    resource = target(case, environment, options)
    if resource.needs:
        done(converge(Graph(resource.needs), settings(environment), environment.clock))


def remove_target(world: World, case: Case) -> None:
    """Delete the target alone; what it needs stays."""
    environment = world.environment()
    graph = Graph(case.build(environment))
    resource = target_in(graph, case, environment)
    place = getattr(resource, "place", None)
    if resource.inside and isinstance(place, Resource):
        resource = graph.resources[place.key]  # a value is removed with its place, never by itself
    if resource.lasts():
        pytest.skip("belongs to the account and is never deleted")
    resource.present = False
    done(converge(graph, settings(environment), environment.clock))


def target_in(graph: Graph, case: Case, environment: Environment) -> Resource:
    return graph.resources[target(case, environment).key]


def counted(world: World, case: Case) -> int | None:
    return case.count(world.environment()) if case.count else None


def assert_one(world: World, case: Case, options: Mapping[str, Any] | None = None, **changes: Any) -> None:
    """In sync, without a write, and exactly one object. `changes` go to Settings."""
    before = last(world)
    again = done(run(world, case, options, **changes))
    assert acts(again) == {}, f"a second run would change: {acts(again)}"
    assert writes(world, before) == [], "a run without changes wrote to the cloud"
    assert counted(world, case) in (None, 1), "the object exists more than once"


def assert_gone(world: World, case: Case) -> None:
    environment = world.environment()
    again = done(converge(Graph(case.build(environment)), settings(environment, state="absent"), environment.clock))
    assert acts(again) == {}, f"still there after deletion: {acts(again)}"
    assert counted(world, case) in (None, 0), "the cloud still has the object"
    # What stays on purpose (a final snapshot) is named as such.
    orphans = [each for each in world.environment().driver.orphans(set()) if "kept" not in each]
    assert orphans == [], f"left behind: {orphans}"


def compare(world: World, case: Case, options: Mapping[str, Any] | None = None, **changes: Any) -> Report:
    """Plan, then apply: the plan writes nothing and predicts exactly what is done. Returns the applied report."""
    before = last(world)
    predicted = run(world, case, options, check=True, **changes)
    assert writes(world, before) == [], "planning wrote to the cloud"
    applied = done(run(world, case, options, **changes))
    assert acts(predicted) == acts(applied), "what was done is not what was predicted"
    return applied


def cumulated(case: Case) -> Iterable[tuple[Variant, dict[str, Any]]]:
    options: dict[str, Any] = {}
    for variant in case.updates:
        options = {**options, **variant.options}
        yield variant, options
