"""One object's turn: waits and their deadlines, and objects found on their way, going away or failed."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import Busy, CloudError
from module_utils._engine.plan import Action
from module_utils._engine.resource import Operation, Progress, Recovery, State, Status

from tests.unit.plugins.module_utils._engine.kit import Fake, FakeCloud, Thing, actions, entry


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def test_creation_is_waited_for(cloud: FakeCloud) -> None:
    report = cloud.run(Fake(cloud, "a", takes=540))
    assert not report.failed
    assert 540 <= cloud.clock.now() < 560
    assert 540 <= entry(report, "a").seconds < 560
    assert cloud.reads < 100
    told = [(event.state, event.message) for event in cloud.events]
    assert told[0] == ("started", "")
    assert told[-1] == ("done", "")
    assert ("waiting", "PROVISIONING") in told


def test_a_wait_ends_with_the_last_state(cloud: FakeCloud) -> None:
    report = cloud.run(Fake(cloud, "a", takes=5000), wait_timeout=600)
    error = entry(report, "a").error
    assert "not ready after 600 s; last observed state: PROVISIONING." in error
    assert "run again to wait on" in error
    assert 600 <= cloud.clock.now() < 620


def test_an_operation_is_polled_by_its_own_pace(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a")
    answers = iter(
        [
            Progress(State.RUNNING, "ProvisioningControlPlane", retry_after=40),
            Progress(State.RUNNING, "AWordNobodyKnows"),
            Progress(State.DONE),
        ]
    )
    create = resource.create
    resource.create = lambda desired: create(desired) and Operation(handle=lambda: next(answers))  # type: ignore[method-assign]
    assert not cloud.run(resource).failed
    assert 40 <= cloud.clock.now() < 60
    words = [event.message for event in cloud.events if event.state == "waiting"]
    assert words == ["ProvisioningControlPlane", "AWordNobodyKnows"]


@pytest.mark.parametrize(("error", "tries"), [(None, 1), (Busy("ServerIsBusy"), 2)])
def test_an_operation_that_fails(cloud: FakeCloud, error: Any, tries: int) -> None:
    """A failure that is worth another try is given as its Retryable."""
    resource = Fake(cloud, "a", body={"size": 2})
    cloud.put(resource, size=1)
    answers = iter([Progress(State.FAILED, "the server is busy", error=error), Progress(State.DONE)])
    update, first = resource.update, [True]

    def accept(*arguments: Any) -> Operation:
        if first and first.pop():
            resource._call("update", lambda: None)
        else:
            update(*arguments)
        return Operation(handle=lambda: next(answers))

    resource.update = accept  # type: ignore[method-assign,assignment]
    report = cloud.run(resource)
    assert len(cloud.verbs()) == tries
    assert bool(report.failed) == (error is None)
    if error is None:
        assert entry(report, "a").error == "fake a: update: the server is busy"


# -- what is found -----------------------------------------------------------------------------------------------------


def test_an_object_on_its_way_is_waited_for(cloud: FakeCloud) -> None:
    cloud.put(Fake(cloud, "a"), Status.PENDING, ready_at=100.0)
    report = cloud.run(Fake(cloud, "a"))
    assert (cloud.verbs(), actions(report)) == ([], {})
    assert 100 <= cloud.clock.now() < 115


def test_an_object_on_its_way_may_need_a_change_then(cloud: FakeCloud) -> None:
    """What it shows while on its way is no promise: the entry tells what was done in the end."""
    cloud.put(Fake(cloud, "a"), Status.PENDING, ready_at=100.0, size=None)
    resource = Fake(cloud, "a")
    read = resource.read

    def half_shown() -> Any:
        observed = read()
        if observed is not None and observed.status is Status.PENDING:
            observed.values.pop("size")
            observed.values["stages"] = "not said yet"
        elif observed is not None and not cloud.calls:
            observed.values["size"] = 9
        return observed

    resource.read = half_shown  # type: ignore[method-assign]
    report = cloud.run(resource)
    assert cloud.verbs() == ["update a"]
    assert [(c.path, c.before, c.after) for c in entry(report, "a").changes] == [("size", 9, 1)]


def test_an_object_on_its_way_need_not_show_what_is_immutable(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"zone": "b"})
    cloud.put(resource, Status.PENDING, ready_at=50.0)
    read = resource.read

    def half_shown() -> Any:
        observed = read()
        if observed is not None and observed.status is Status.PENDING:
            del observed.values["zone"]
        return observed

    resource.read = half_shown  # type: ignore[method-assign]
    assert actions(cloud.run(resource)) == {}


def test_an_object_going_away_is_waited_for_and_made_again(cloud: FakeCloud) -> None:
    cloud.put(Fake(cloud, "a"), gone_at=80.0)
    report = cloud.run(Fake(cloud, "a"))
    assert actions(report) == {"a": "create"}
    assert cloud.calls[0][2] >= 80


def test_an_object_going_away_is_not_deleted_again(cloud: FakeCloud) -> None:
    cloud.put(Fake(cloud, "a"), gone_at=80.0)
    report = cloud.run(Fake(cloud, "a"), state="absent")
    assert cloud.verbs() == []
    assert not report.failed


def test_an_object_on_its_way_is_deleted_once_it_stands(cloud: FakeCloud) -> None:
    cloud.put(Fake(cloud, "a"), Status.PENDING, ready_at=60.0)
    assert not cloud.run(Fake(cloud, "a"), state="absent").failed
    assert [call[:2] for call in cloud.calls] == [("delete", "a")]
    assert cloud.calls[0][2] >= 60


@pytest.mark.parametrize(
    ("recovery", "verbs", "action"),
    [(Recovery.UPDATE, ["update a"], "update"), (Recovery.RECREATE, ["delete a", "create a"], "replace")],
)
def test_a_failed_object_is_brought_back(cloud: FakeCloud, recovery: Recovery, verbs: list[str], action: str) -> None:
    cloud.put(Fake(cloud, "a"), Status.FAILED, reason="no capacity", recovery=recovery)
    planned = cloud.run(Fake(cloud, "a"), check=True)
    assert cloud.verbs() == []
    report = cloud.run(Fake(cloud, "a"))
    assert cloud.verbs() == verbs
    assert actions(report) == actions(planned) == {"a": action}
    assert "no capacity" in entry(report, "a").note
    assert actions(cloud.run(Fake(cloud, "a"))) == {}


def test_a_failed_object_that_may_hold_something_is_reported(cloud: FakeCloud) -> None:
    cloud.put(Fake(cloud, "a"), Status.FAILED, reason="Storage is corrupt.", recovery=Recovery.REPORT)
    with pytest.raises(CloudError, match=r"fake a is in a failed state: Storage is corrupt\. Repair or delete it"):
        cloud.run(Fake(cloud, "a"))
    assert cloud.verbs() == []


def test_a_repair_that_fails_again_ends(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": 2})
    cloud.put(resource, Status.FAILED, reason="quota", recovery=Recovery.UPDATE)
    resource.update = lambda *_: resource._call("update", lambda: None)  # type: ignore[method-assign]
    report = cloud.run(resource)
    assert entry(report, "a").error == "fake a: update: quota"
    assert cloud.verbs() == ["update a"]


@pytest.mark.parametrize("recovery", list(Recovery))
def test_a_creation_that_fails_says_why(cloud: FakeCloud, recovery: Recovery) -> None:
    ends = Thing({}, then=Status.FAILED, reason="no capacity in zone b", recovery=recovery)
    report = cloud.run(Fake(cloud, "a", takes=60, ends=ends), retry_timeout=5)
    assert cloud.verbs() == ["create a"]
    assert entry(report, "a").error == "fake a: create: no capacity in zone b"


def test_a_value_that_never_comes_is_not_sent(cloud: FakeCloud) -> None:
    need = Fake(cloud, "need")
    resource = Fake(cloud, "a", [need], body={"need": lambda: {"deep": [need.out("never")]}})
    report = cloud.run(need, resource)
    assert "need depends on a value that the cloud never gave" in entry(report, "a").error
    assert cloud.verbs() == ["create need"]


def test_an_immutable_field_that_changes_behind_our_back(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"zone": "b", "size": 2})
    cloud.put(resource, size=1)
    resource.on_call = lambda verb: cloud.things["a"].body.update(zone="c")
    report = cloud.run(resource)
    assert "zone is 'c', not 'b', and cannot be changed in place" in entry(report, "a").error
    assert entry(report, "a").action is Action.UPDATE
