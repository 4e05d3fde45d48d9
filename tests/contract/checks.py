"""The checks of the contract: what every resource class of every cloud must do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from module_utils._engine.apply import converge
from module_utils._engine.errors import SpecError
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action
from module_utils._engine.report import Entry
from module_utils._engine.resource import Observed
from module_utils._engine.survey import survey

from .harness import (
    Case,
    Killed,
    Variant,
    World,
    acts,
    assert_gone,
    assert_one,
    carried_out,
    compare,
    counted,
    cumulated,
    done,
    entry_of,
    last,
    parents,
    remove_target,
    run,
    settings,
    target,
    writes,
)

REASON = "There is no capacity left in this zone."
Check = Callable[[World, Case], None]


def check_fields(world: World, case: Case) -> None:
    """Every field of the desired body is classed; names and kinds are said; a kind without updates says why."""
    environment = world.environment()
    assert case.updates or case.no_updates, "name the updates, or say in no_updates why there are none"
    for options in [{}, *(options for _, options in cumulated(case)), *(variant.options for variant in case.immutable)]:
        resource = target(case, environment, options)
        assert resource.name
        assert resource.kind
        missing = resource.fields.unclassified(resource.desired())
        assert not missing, f"fields of {resource.key} without a class: {missing}"


def check_life(world: World, case: Case) -> None:
    """Absent, created, in sync, each update, in sync, deleted, absent; each step predicted exactly."""
    created = compare(world, case)
    environment = world.environment()
    resource = target(case, environment)
    entry = entry_of(created, resource)
    assert entry.action is Action.CREATE
    assert entry.id, "a created object has an id in the report"
    assert_one(world, case)
    current: dict[str, Any] = {}
    for variant, current in cumulated(case):
        report = compare(world, case, current)
        entry = entry_of(report, resource)
        assert entry.action is Action.UPDATE, f"{dict(variant.options)}: {entry.action}"
        _assert_fields(entry, variant)
        others = {item.kind for item in report.entries if item.action is not Action.NONE} - {resource.kind}
        assert others <= set(variant.also), f"{dict(variant.options)} also changed {sorted(others)}"
        assert_one(world, case, current)
    removed = compare(world, case, current, state="absent")
    if resource.lasts():
        assert entry_of(removed, resource).action is Action.NONE
        return
    # What lives inside another object goes with it, unlooked at.
    assert entry_of(removed, resource).action is (Action.NONE if resource.inside else Action.DELETE)
    assert look(world, case, current) is None
    assert counted(world, case) in (None, 0), "the cloud still has the object"
    for options in ({}, *(options for _, options in cumulated(case))):
        done(run(world, case, options, state="absent"))  # what it needed in earlier shapes only
    assert_gone(world, case)


def _assert_fields(entry: Entry, variant: Variant) -> None:
    named = [path for path in variant.fields if any(change.under(path) for change in entry.changes)]
    assert named == list(variant.fields), f"planned only {[change.path for change in entry.changes]}"
    stray = [change.path for change in entry.changes if not any(change.under(path) for path in variant.fields)]
    assert not stray, f"{dict(variant.options)} also planned {stray}"


def check_immutable(world: World, case: Case) -> None:
    """A change that cannot be made is refused before anything is touched, naming the field."""
    done(run(world, case))
    for variant in case.immutable:
        before = last(world)
        message = refusal(world, case, variant.options)
        assert target(case, world.environment()).name in message
        for path in variant.fields:
            assert path.rsplit(".", 1)[-1] in message, f"{path} is not named in: {message}"
        assert writes(world, before) == [], "something was touched"


def refusal(world: World, case: Case, options: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """The message of the SpecError that the run must end in."""
    try:
        report = run(world, case, options, **changes)
    except SpecError as error:
        return str(error)
    raise AssertionError(f"nothing was refused: {acts(report)}")


def check_stranger(world: World, case: Case) -> None:
    """An object of somebody else's is left alone, and taken over with `adopt`."""
    theirs = world.environment(environment="staging")
    done(converge(Graph(case.build(theirs)), settings(theirs), theirs.clock))
    observed = look(world, case)
    if observed is None:
        assert not case.named, "an object that is found by its name must be met"
        pytest.skip("looked up by ownership: a stranger's is not even seen")
    if observed.tags is None:
        pytest.skip("carries no tags: ownership follows its parent")
    before = last(world)
    message = refusal(world, case)
    assert f"{target(case, world.environment()).name} exists, but" in message
    assert "adopt" in message
    assert writes(world, before) == [], "a stranger's object was touched"
    done(run(world, case, adopt=True))
    assert_one(world, case, adopt=True)  # where the mark of ownership never changes, adopt has to stay in force


def look(world: World, case: Case, options: Mapping[str, Any] | None = None) -> Observed | None:
    """What one read of the target says, parents read first."""
    environment = world.environment()
    graph = Graph(case.build(environment, **(options or {})))
    found = survey(graph, settings(environment), environment.clock)
    return found.planned[target(case, environment, options).key].observed


def check_missing(world: World, case: Case) -> None:
    """An object that somebody deleted is made again, and only that."""
    done(run(world, case))
    remove_target(world, case)
    report = compare(world, case)
    kinds = {path.split("/")[0] for path in acts(report)}
    assert kinds == {target(case, world.environment()).kind}, f"repaired more than was broken: {sorted(kinds)}"
    assert_one(world, case)


def creation_writes(world: World, case: Case) -> list[str]:
    """The operations of the target's creation that write, in order. Leaves its parents in place and it absent."""
    parents(world, case)
    before = last(world)
    done(run(world, case))
    found = [entry["operation"] for entry in writes(world, before) if carried_out(entry)]
    assert found, "creation wrote nothing"
    remove_target(world, case)
    return found


def check_lost_answers(world: World, case: Case) -> None:
    """The answer to each write of a creation is lost, after the cloud has acted: it converges, with one object."""
    for operation in dict.fromkeys(creation_writes(world, case)):
        world.fault(operation=f"^{re.escape(operation)}$", kind="drop_after")
        try:
            done(run(world, case))
            world.clear_faults()
            assert_one(world, case)
            remove_target(world, case)
        except AssertionError as error:
            raise AssertionError(f"lost answer of {operation}: {error}") from error


def check_faults(world: World, case: Case) -> None:
    """Each operation of a whole life fails twice: throttled, and with a server error.

    Tokens are not asked for again by us but by the SDKs, which sleep meanwhile: the integration tests have that.
    """
    for kind in ("throttle", "error"):
        world.fault(kind=kind, times=-1, per_operation=1, path="^(?!.*token$)")
    done(run(world, case))
    world.clear_faults()
    assert_one(world, case)
    world.fault(kind="throttle", times=-1, per_operation=1, path="^(?!.*token$)")
    done(run(world, case, state="absent"))
    world.clear_faults()
    assert_gone(world, case)


def check_killed(world: World, case: Case) -> None:
    """The process dies after each write of a creation: the next run finishes the work, with exactly one object."""
    total = len(creation_writes(world, case))
    for number in range(1, total + 1):
        try:
            with world.killed_after(number):
                run(world, case)
        except Killed:
            pass
        else:
            raise AssertionError(f"the run did not get to write {number} of {total}")
        try:
            done(run(world, case))
            assert_one(world, case)
            remove_target(world, case)
        except AssertionError as error:
            raise AssertionError(f"killed after write {number} of {total}: {error}") from error


def check_killed_deletion(world: World, case: Case) -> None:
    """The process dies during deletion: the next run finishes it."""
    done(run(world, case))
    if target(case, world.environment()).lasts():
        pytest.skip("belongs to the account and is never deleted")
    try:
        with world.killed_after(1):
            run(world, case, state="absent")
    except Killed:
        done(run(world, case, state="absent"))
        assert_gone(world, case)
    else:
        raise AssertionError("deletion wrote nothing")


def check_failed_operation(world: World, case: Case) -> None:
    """A creation that the cloud gives up: the report names the object and the cloud's reason; see `Case.failed`."""
    parents(world, case)
    world.fault(operation=case.operation, kind="fail_operation", message=REASON)
    report = run(world, case)
    entry = entry_of(report, target(case, world.environment()))
    assert entry.status == "failed", "the failure was not noticed: does `operation` match?"
    assert entry.name in entry.error, entry.error
    assert REASON in entry.error, entry.error
    world.clear_faults()
    if case.failed == "reported":
        message = refusal(world, case)
        assert entry.name in message, message
        assert REASON in message, message
    else:
        done(run(world, case))
        assert_one(world, case)


# Checks that are about waiting too: operations take their real time. In the others they take none.
WAITING = ("life", "killed", "failed_operation")

CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): function
    for name, function in list(globals().items())
    if name.startswith("check_") and callable(function)
}


def checks_of(case: Case) -> list[str]:
    """The checks that say something about a case."""
    without = {"immutable": not case.immutable, "failed_operation": not case.operation}
    return [name for name in CHECKS if not without.get(name)]
