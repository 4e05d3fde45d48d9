"""The report's constant shape, the clock's delays, ownership and errors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from module_utils._engine.clock import Backoff, SystemClock, poll_interval
from module_utils._engine.errors import CloudError, Retryable, Throttled, Unavailable
from module_utils._engine.fields import Field, Fields
from module_utils._engine.plan import MASK, Unknown, plan
from module_utils._engine.report import Entry, Report, diff_as_dict, plain
from module_utils._engine.retry import retry_call
from module_utils._engine.tags import Owner, as_description, from_description, tag_changes

from tests.unit.plugins.module_utils._engine.kit import Fake, FakeClock, FakeCloud

KEYS = {"changed", "resources", "diff", "outputs", "orphans", "kept", "seconds"}
ENTRY = {
    "kind",
    "name",
    "id",
    "action",
    "changes",
    "seconds",
    "started",
    "status",
    "error",
    "note",
    "disruptive",
    "needs",
    "lock",
}


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check", [True, False])
def test_the_shape_never_varies(state: str, check: bool) -> None:
    cloud = FakeCloud()
    report = cloud.run(Fake(cloud, "a", body={"size": Unknown("x.id")}), state=state, check=check).as_dict()
    assert report.keys() >= KEYS
    assert [entry.keys() for entry in report["resources"]] == [ENTRY]
    assert json.loads(json.dumps(report)) == report


def test_diff_shows_exactly_what_changes() -> None:
    fields = Fields({"size": Field(), "password": Field(secret=True)})
    update = plan({"size": 2, "zone": "a", "password": "new"}, {"size": 1, "zone": "a", "password": "old"}, fields)
    diff = diff_as_dict(Entry("vm", "one", action=update.action, changes=update.changes))
    assert diff["before"] == {"size": 1, "password": MASK}
    assert diff["after"] == {"size": 2, "password": MASK}
    assert diff["after_header"] == "vm one (update)"
    create = plan({"size": 2, "password": "new"}, None, fields)
    diff = diff_as_dict(Entry("vm", "one", action=create.action, changes=create.changes))
    assert (diff["before"], diff["after"]) == ({}, {"size": 2, "password": MASK})


def test_a_report_without_failures_has_nothing_to_sum_up() -> None:
    assert Report(check=False, state="present", entries=[Entry("a", "b")]).summary() == ""


def test_plain_values() -> None:
    assert plain({1: (Unknown("a.id"), {2}, Owner)})["1"][0] == "(known after apply: a.id)"


@given(st.integers(0, 30), st.floats(0, 100))
def test_delays_are_bounded(attempt: int, retry_after: float) -> None:
    delay = Backoff(attempt=attempt).next(retry_after)
    assert delay >= retry_after
    assert 0.2 <= delay <= max(20.0, retry_after)


@given(st.floats(0, 1e5), st.floats(0, 60))
def test_polls_are_bounded(elapsed: float, retry_after: float) -> None:
    assert max(0.3, retry_after) <= poll_interval(elapsed, retry_after) <= max(15.0, retry_after)


def test_the_system_clock_moves_forward() -> None:
    clock = SystemClock()
    begun = clock.now()
    clock.sleep(0.001)
    assert clock.now() > begun


def test_retry_call_gives_up_with_the_last_error() -> None:
    clock, calls = FakeClock(), []

    def fail() -> None:
        calls.append(clock.now())
        raise Unavailable(f"number {len(calls)}")

    with pytest.raises(Unavailable) as raised:
        retry_call(fail, clock, timeout=0.9)
    assert raised.value.message == f"number {len(calls)}"
    assert len(calls) > 1
    assert raised.value.ambiguous
    assert clock.now() <= 0.9


def test_retry_call_minds_what_it_may_retry() -> None:
    def fail() -> None:
        raise Unavailable("dropped")

    clock = FakeClock()
    with pytest.raises(Unavailable):
        retry_call(fail, clock, retry_on=Throttled)
    assert clock.now() == 0


def test_errors_say_what_where_and_what_to_do() -> None:
    error = CloudError("no room", what="vm one: create", code="Full", hint="Choose another zone.")
    assert str(error) == "vm one: create: no room [Full]. Choose another zone."
    assert str(CloudError("Full: no room", code="Full")) == "Full: no room"
    assert not Retryable("x").ambiguous


OWNER = Owner("ml", "dev", "aws-dev")


def test_ownership_is_all_four_tags() -> None:
    tags = OWNER.tags()
    assert OWNER.owns({**tags, "team": "x"})
    for key in tags:
        assert not OWNER.owns({**tags, key: "other"})
        assert not OWNER.owns({name: value for name, value in tags.items() if name != key})


words = st.from_regex(r"[a-z0-9_-]{1,8}", fullmatch=True)


@given(st.dictionaries(words, words | st.just("")))
def test_descriptions_carry_tags(tags: dict[str, str]) -> None:
    assert from_description(as_description(tags)) == tags


@pytest.mark.parametrize("text", [None, "", "made by hand", "; ;"])
def test_other_descriptions_carry_none(text: str | None) -> None:
    assert from_description(text) == {}


def test_only_named_tags_are_set() -> None:
    assert tag_changes({"a": "1", "b": "2"}, {"a": "1", "b": "x", "theirs": "y"}) == {"b": "2"}
