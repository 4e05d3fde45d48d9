"""One object's turn: retries, lost answers, and changes that do not show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from module_utils._engine.errors import (
    Busy,
    CloudError,
    Conflict,
    InvalidRequest,
    NotYetConsistent,
    Throttled,
    Unavailable,
)
from module_utils._engine.resource import Operation, Status

from tests.unit.plugins.module_utils._engine.kit import Fake, FakeCloud, Thing, actions, entry


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def test_absent_created_unchanged_updated_deleted(cloud: FakeCloud) -> None:
    made = cloud.run(Fake(cloud, "a"))
    assert (actions(made), made.changed) == ({"a": "create"}, True)
    assert entry(made, "a").id == "id-a"
    again = cloud.run(Fake(cloud, "a"))
    assert (actions(again), again.changed) == ({}, False)
    changed = cloud.run(Fake(cloud, "a", body={"size": 2}))
    assert [(c.path, c.before, c.after) for c in entry(changed, "a").changes] == [("size", 1, 2)]
    gone = cloud.run(Fake(cloud, "a"), state="absent")
    assert actions(gone) == {"a": "delete"}
    assert entry(gone, "a").id == "id-a"
    assert not cloud.run(Fake(cloud, "a"), state="absent").changed
    assert cloud.verbs() == ["create a", "update a", "delete a"]


@pytest.mark.parametrize("error", [Throttled, Busy, Unavailable, NotYetConsistent])
@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_what_passes_is_tried_again(cloud: FakeCloud, verb: str, error: type[CloudError]) -> None:
    resource = Fake(cloud, "a", body={"size": 2}, script={verb: [error("not now"), error("not now")]})
    if verb != "create":
        cloud.put(resource, size=1)
    report = cloud.run(resource, state="absent" if verb == "delete" else "present")
    assert not report.failed
    assert cloud.verbs() == [f"{verb} a"] * 3


def test_retry_after_is_a_lower_bound(cloud: FakeCloud) -> None:
    cloud.run(Fake(cloud, "a", script={"create": [Throttled("slow down", retry_after=17)], "read": [Throttled("x")]}))
    first, second = (instant for _, _, instant in cloud.calls)
    assert second - first >= 17


def test_reads_honour_retry_after(cloud: FakeCloud) -> None:
    cloud.run(Fake(cloud, "a", script={"read": [Throttled("slow down", retry_after=11)]}))
    assert cloud.calls[0][2] >= 11


def test_delays_grow(cloud: FakeCloud) -> None:
    cloud.run(Fake(cloud, "a", script={"create": [Throttled("x") for _ in range(6)]}))
    instants = [instant for _, _, instant in cloud.calls]
    delays = [after - before for before, after in pairwise(instants)]
    assert delays[-1] > 4 * delays[0]
    assert delays[0] < 1


def test_patience_ends_with_the_clouds_words(cloud: FakeCloud) -> None:
    errors = [Unavailable("the region is on fire", code="InternalError", status=500) for _ in range(500)]
    report = cloud.run(Fake(cloud, "a", script={"create": errors}), retry_timeout=60)
    assert entry(report, "a").error == "fake a: create: the region is on fire [InternalError]"
    assert 30 < cloud.clock.now() <= 60


def test_busy_is_waited_for_until_the_deadline(cloud: FakeCloud) -> None:
    """Somebody else's operation on the same cluster may take longer than a failing call is worth."""
    begun = cloud.clock.now()
    resource = Fake(cloud, "a", script={"create": [Busy("another operation is running") for _ in range(40)]})
    assert not cloud.run(resource, retry_timeout=60, wait_timeout=3600).failed
    assert cloud.clock.now() - begun > 300
    busy = Fake(cloud, "b", script={"create": [Busy("another operation is running") for _ in range(4000)]})
    report = cloud.run(busy, retry_timeout=60, wait_timeout=900)
    assert "another operation is running" in entry(report, "b").error


def test_patience_with_failures_begins_anew_when_the_wait_for_others_is_over(cloud: FakeCloud) -> None:
    errors = [Unavailable("down"), *(Busy("another operation is running") for _ in range(40)), Unavailable("down")]
    resource = Fake(cloud, "a", script={"create": errors})
    assert not cloud.run(resource, retry_timeout=60, wait_timeout=3600).failed


def test_what_does_not_pass_is_not_tried_again(cloud: FakeCloud) -> None:
    report = cloud.run(
        Fake(cloud, "a", script={"create": [InvalidRequest("bad zone", code="InvalidZone", hint="Use b.")]})
    )
    assert entry(report, "a").error == "fake a: create: bad zone [InvalidZone]. Use b."
    assert cloud.verbs() == ["create a"]


def test_a_defect_is_reported_and_hides_nothing(cloud: FakeCloud) -> None:
    broken, sound = Fake(cloud, "a"), Fake(cloud, "b")

    def defect(verb: str) -> None:
        raise KeyError("oops")

    broken.on_call = defect
    report = cloud.run(broken, sound)
    assert "unexpected KeyError" in entry(report, "a").error
    assert entry(report, "b").status == "ok"


# -- lost answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_lost_answer_is_looked_for_before_another_try(cloud: FakeCloud, verb: str) -> None:
    resource = Fake(cloud, "a", body={"size": 2}, lost=[verb])
    if verb != "create":
        cloud.put(resource, size=1)
    report = cloud.run(resource, state="absent" if verb == "delete" else "present")
    assert not report.failed
    assert cloud.verbs() == [f"{verb} a"]
    assert actions(report) == {"a": verb}


def test_our_own_object_in_the_way_after_a_lost_answer(cloud: FakeCloud) -> None:
    """The lost creation was carried out, but lists do not show it yet: the second try is refused."""
    resource = Fake(cloud, "a", lost=["create"])

    def carried_out(verb: str) -> None:
        if cloud.things:
            raise Conflict("already exists")
        resource.on_call = refuse_and_hide

    def refuse_and_hide(verb: str) -> None:
        cloud.things["a"].visible_at = cloud.clock.now() + 5
        raise Conflict("already exists")

    resource.on_call = carried_out
    cloud.things.clear()
    hidden = resource.read
    resource.read = lambda: None if len(cloud.calls) == 1 else hidden()  # type: ignore[method-assign]
    report = cloud.run(resource)
    assert not report.failed, report.summary()
    assert cloud.verbs()[0] == "create a"
    assert len(cloud.things) == 1


def test_somebody_elses_object_in_the_way(cloud: FakeCloud) -> None:
    report = cloud.run(Fake(cloud, "a", script={"create": [Conflict("the name is taken", code="BucketAlreadyExists")]}))
    assert "the name is taken [BucketAlreadyExists]" in entry(report, "a").error
    assert cloud.verbs() == ["create a"]


# -- changes that do not show ------------------------------------------------------------------------------------------


def test_a_creation_may_show_late(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a")
    read, resource.read = resource.read, lambda: read() if cloud.clock.now() > 12 else None  # type: ignore[method-assign]
    assert not cloud.run(resource).failed
    assert cloud.verbs() == ["create a"]


def test_a_creation_that_never_shows(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a")
    resource.read = lambda: None  # type: ignore[method-assign]
    report = cloud.run(resource, sync_grace=20)
    assert "cannot be found" in entry(report, "a").error
    assert cloud.verbs() == ["create a"]
    assert 15 < cloud.clock.now() < 60


def test_a_creation_that_shows_late_and_failed_is_a_failure(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", ends=Thing({}, then=Status.FAILED, reason="no capacity"))
    read, resource.read = resource.read, lambda: read() if cloud.clock.now() > 5 else None  # type: ignore[method-assign]
    report = cloud.run(resource)
    assert "no capacity" in entry(report, "a").error


def test_an_update_may_show_late(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": 2})
    cloud.put(resource, size=1)
    resource.ignores = {"size"}
    read = resource.read

    def late() -> Any:
        if cloud.clock.now() > 8:
            cloud.things["a"].body["size"] = 2
        return read()

    resource.read = late  # type: ignore[method-assign]
    assert not cloud.run(resource).failed
    assert cloud.verbs() == ["update a"]


def test_an_update_that_the_cloud_ignores_is_named(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": 2, "stages": 3, "password": "new"})
    cloud.put(resource, size=1, password="old")
    resource.ignores = {"size", "password"}
    report = cloud.run(resource, sync_grace=10)
    error = entry(report, "a").error
    assert "accepted the change but did not make it" in error
    assert "size is still 1, not 2" in error
    assert "password" in error
    assert "old" not in error
    assert "new" not in error


def test_one_aspect_at_a_time(cloud: FakeCloud) -> None:
    """An update may change one field per call; the engine goes on until nothing differs."""
    resource = Fake(cloud, "a", body={"size": 2, "stages": 5})
    cloud.put(resource, size=1, stages=1)
    whole = resource.update

    def one(observed: Any, desired: Any, change: Any) -> Operation:
        first = change.changes[0].top
        return whole(observed, {first: desired[first]}, change)

    resource.update = one  # type: ignore[method-assign]
    assert not cloud.run(resource).failed
    assert cloud.verbs() == ["update a", "update a"]


def test_a_value_that_climbs_in_steps(cloud: FakeCloud) -> None:
    """One minor version per update: the same field, each time from where it has got to."""
    resource = Fake(cloud, "a", body={"stages": 4})
    cloud.put(resource, stages=1)

    def climb(observed: Any, desired: Any, change: Any) -> Operation:
        return resource._call("update", lambda: cloud.things["a"].body.update(stages=observed.values["stages"] + 1))

    resource.update = climb  # type: ignore[method-assign]
    assert not cloud.run(resource).failed
    assert cloud.verbs() == ["update a"] * 3


def test_a_value_that_goes_back_and_forth_ends(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": 5})
    cloud.put(resource, size=1)

    def flip(observed: Any, desired: Any, change: Any) -> Operation:
        return resource._call("update", lambda: cloud.things["a"].body.update(size=3 - observed.values["size"]))

    resource.update = flip  # type: ignore[method-assign]
    report = cloud.run(resource)
    assert "size is still" in entry(report, "a").error
    assert len(cloud.verbs()) <= 4


def test_values_that_never_settle_end_at_the_deadline(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": -1})
    cloud.put(resource, size=1)

    def drift(observed: Any, desired: Any, change: Any) -> Operation:
        cloud.clock.sleep(100)
        return resource._call("update", lambda: cloud.things["a"].body.update(size=observed.values["size"] + 1))

    resource.update = drift  # type: ignore[method-assign]
    report = cloud.run(resource, wait_timeout=1000)
    assert "still to be changed: size" in entry(report, "a").error


def test_a_deletion_may_show_late(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a")
    thing = cloud.put(resource)

    def accept(observed: Any) -> Operation:
        def later() -> None:
            thing.gone_at = None

        resource._call("delete", later)
        return Operation(done=True)

    resource.delete = accept  # type: ignore[method-assign]
    read = resource.read
    resource.read = lambda: read() if cloud.clock.now() < 9 else None  # type: ignore[method-assign]
    assert not cloud.run(resource, state="absent").failed
    assert cloud.verbs() == ["delete a"]


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [(Status.READY, "", "still there"), (Status.FAILED, "it has network interfaces", "it has network interfaces")],
)
def test_a_deletion_that_never_shows(cloud: FakeCloud, status: Status, reason: str, expected: str) -> None:
    resource = Fake(cloud, "a")
    cloud.put(resource, status, reason=reason)
    resource.delete = lambda observed: resource._call("delete", lambda: None)  # type: ignore[method-assign]
    report = cloud.run(resource, state="absent")
    assert expected in entry(report, "a").error
    assert cloud.verbs() == ["delete a"]


def test_what_is_in_use_is_deleted_when_it_is_free(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", script={"delete": [Conflict("DependencyViolation") for _ in range(5)]})
    cloud.put(resource)
    assert not cloud.run(resource, state="absent").failed
    assert cloud.verbs() == ["delete a"] * 6


def test_whatever_only_asks_is_tried_again(cloud: FakeCloud) -> None:
    """A desired body may have to ask the cloud (for a default version); so may the preflight."""
    errors = [Unavailable("x"), Throttled("y"), Unavailable("x"), Throttled("y")]

    def ask() -> int:
        if errors:
            raise errors.pop()
        return 1

    def preflight(planned: object) -> list[str]:
        ask()
        return []

    assert not cloud.run(Fake(cloud, "a", body={"size": ask}), preflight=preflight).failed
    errors[:] = [Unavailable("x")]
    assert not cloud.run(Fake(cloud, "b"), preflight=preflight).failed
