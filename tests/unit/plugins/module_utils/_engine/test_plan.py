"""The planner: tables in tests/unit/cases/plan.yml, and what must hold for any bodies."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from module_utils._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode, ignore_case
from module_utils._engine.plan import MASK, Action, Change, Plan, Unknown, bare, plan

CASES = yaml.safe_load((Path(__file__).parents[3] / "cases" / "plan.yml").read_text(encoding="utf-8"))
MODES = {"mutable": MUTABLE, "immutable": IMMUTABLE, "create-only": CREATE_ONLY}
FUNCTIONS: dict[str, Any] = {
    "ignore_case": ignore_case,
    "prefix": lambda want, have: have is not None and str(have).startswith(want),
    "minus_one_or_absent": lambda want, have: have == want or (have is None and want == -1),
}


def _field(told: str | dict[str, Any]) -> Field:
    if isinstance(told, str):
        return MODES[told]
    return Field(**{name: FUNCTIONS.get(value, value) if name != "key" else value for name, value in told.items()})


def _value(told: Any) -> Any:
    if isinstance(told, dict):
        if set(told) == {"unknown"}:
            return Unknown(told["unknown"])
        return {name: _value(item) for name, item in told.items()}
    return [_value(item) for item in told] if isinstance(told, list) else told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_table(case: dict[str, Any]) -> None:
    fields = Fields({path: _field(told) for path, told in case.get("fields", {}).items()})
    result = plan(_value(case["desired"]), case["observed"], fields)
    changes = [_value(change) for change in case.get("changes", [])]
    assert [[change.path, change.before, change.after] for change in result.changes] == changes
    assert result.action == case.get("action", "update" if changes else "none")


def test_cases_have_names_of_their_own() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names))


# -- for any bodies ----------------------------------------------------------------------------------------------------

names = st.sampled_from(["alpha", "Beta", "gammaDelta", "e"])
plain = st.none() | st.booleans() | st.integers(-3, 300) | st.text("abcXYZ./", max_size=5)
bodies = st.dictionaries(
    names,
    st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)
NO_CLASSES = Fields({})


def _merged(have: Any, want: Any) -> Any:
    """What a cloud holds after a change was applied: members merged, lists replaced, omitted members kept."""
    if isinstance(want, dict):
        base = have if isinstance(have, dict) else {}
        return {**base, **{name: _merged(base.get(name), value) for name, value in want.items() if value is not None}}
    if isinstance(want, list):
        return [_merged(None, value) for value in want]
    return want


def _echo(want: Any, noise: st.DataObject) -> Any:
    """What a cloud answers to a body: members added, empties dropped, numbers as strings, names in another case."""
    if isinstance(want, dict):
        out: dict[str, Any] = {}
        for name, value in want.items():
            told = _echo(value, noise)
            if told in (None, False, 0, "", [], {}) and noise.draw(st.booleans()):
                continue
            out[name.upper() if noise.draw(st.booleans()) else name] = told
        if noise.draw(st.booleans()):
            out["serverFilled"] = noise.draw(plain)
        return out
    if isinstance(want, list):
        return [_echo(value, noise) for value in want]
    if isinstance(want, int) and not isinstance(want, bool) and noise.draw(st.booleans()):
        return str(want)
    return want


@given(bodies)
def test_a_body_equals_itself(body: dict[str, Any]) -> None:
    assert not plan(body, copy.deepcopy(body), NO_CLASSES)


@given(bodies, st.data())
def test_the_echo_of_a_body_is_no_drift(body: dict[str, Any], data: st.DataObject) -> None:
    assert plan(body, _echo(body, data), NO_CLASSES).changes == ()


@given(bodies, bodies)
def test_nothing_is_left_after_applying(desired: dict[str, Any], observed: dict[str, Any]) -> None:
    assert plan(desired, _merged(observed, desired), NO_CLASSES).changes == ()


@given(bodies, bodies)
def test_a_change_says_what_is_there_and_what_is_wanted(desired: dict[str, Any], observed: dict[str, Any]) -> None:
    for change in plan(desired, observed, NO_CLASSES).changes:
        assert repr(change.before) != repr(change.after)  # 0 and false are equal to Python, not to a cloud
        assert change.after is not None


@given(bodies, bodies)
def test_order_of_members_does_not_matter(desired: dict[str, Any], observed: dict[str, Any]) -> None:
    forward = plan(desired, observed, NO_CLASSES)
    backward = plan(dict(reversed(desired.items())), dict(reversed(observed.items())), NO_CLASSES)
    assert sorted(change.path for change in forward.changes) == sorted(change.path for change in backward.changes)


@given(st.lists(st.integers(0, 5)), st.data())
def test_order_of_unordered_lists_does_not_matter(items: list[int], data: st.DataObject) -> None:
    fields = Fields({"a": Field(unordered=True)})
    assert not plan({"a": items}, {"a": data.draw(st.permutations(items))}, fields)


@given(st.dictionaries(names, st.integers(0, 5)), st.dictionaries(names, st.integers(0, 5)), st.data())
def test_order_of_keyed_lists_does_not_matter(want: dict[str, int], have: dict[str, int], data: st.DataObject) -> None:
    fields = Fields({"pools": Field(key="name")})

    def body(pools: dict[str, int], order: list[str]) -> dict[str, Any]:
        return {"pools": [{"name": name, "max": pools[name]} for name in order]}

    one = plan(body(want, list(want)), body(have, list(have)), fields)
    mixed = body(want, data.draw(st.permutations(list(want)))), body(have, data.draw(st.permutations(list(have))))
    other = plan(*mixed, fields)
    assert {change.path for change in one.changes} == {change.path for change in other.changes}
    differ = {name for name in want.keys() & have.keys() if want[name] != have[name]} | (want.keys() ^ have.keys())
    assert len(one.changes) == len(differ)


# -- classes, paths, secrets -------------------------------------------------------------------------------------------


def test_a_field_takes_mode_from_its_nearest_ancestor() -> None:
    fields = Fields({"a": Field(Mode.IMMUTABLE, secret=True, key="name", exact=True), "a[].b": MUTABLE})
    assert fields.at("a").key == "name"
    assert fields.at("a[].c.d") == Field(Mode.IMMUTABLE, secret=True)
    assert fields.at("A[].B") is MUTABLE
    assert fields.at("z") is MUTABLE


def test_unclassified_members_are_found() -> None:
    fields = Fields({"spec.replicas": MUTABLE, "Labels": MUTABLE, "pools[].max": MUTABLE})
    assert fields.unclassified({"spec": 1, "labels": 2, "pools": 3, "paused": 4}) == ["paused"]
    assert Fields({"*": MUTABLE}).unclassified({"anything": 1}) == []


def test_extend_keeps_and_replaces() -> None:
    base = Fields({"a": MUTABLE, "b": MUTABLE})
    wider = base.extend({"b": IMMUTABLE, "c": CREATE_ONLY})
    assert [wider.at(path).mode for path in "abc"] == [Mode.MUTABLE, Mode.IMMUTABLE, Mode.CREATE_ONLY]
    assert base.at("b") is MUTABLE


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a", "a"), ("a[x].b", "a[].b"), ("a[0]", "a[]"), ("a[x.y[z]].b[1].c", "a[].b[].c")],
)
def test_bare(path: str, expected: str) -> None:
    assert bare(path) == expected


def test_under_stops_at_names() -> None:
    change = Change("properties.network[main.x].plugin", 1, 2)
    assert change.under("properties")
    assert change.under("properties.network")
    assert not change.under("properties.net")
    assert change.top == "properties"
    assert Plan(Action.UPDATE, (change,)).touches("x", "properties.network")
    assert not Plan(Action.UPDATE, (change,)).touches("x")


def test_immutable_changes_are_told_apart() -> None:
    result = plan({"zone": "b", "size": 2}, {"zone": "a", "size": 1}, Fields({"zone": IMMUTABLE, "size": MUTABLE}))
    assert [change.path for change in result.immutable] == ["zone"]


SECRETS = Fields(
    {"auth": MUTABLE, "auth.password": Field(secret=True), "keys": MUTABLE, "keys[].value": Field(secret=True)}
)


@pytest.mark.parametrize(
    ("observed", "shown"),
    [
        (None, [("auth", None, {"user": "u", "password": MASK}), ("keys", None, [{"name": "k", "value": MASK}])]),
        (
            {"auth": {"user": "u", "password": "old"}, "keys": []},
            [("auth.password", MASK, MASK), ("keys", [], [{"name": "k", "value": MASK}])],
        ),
        ({"auth": {"user": "u"}, "keys": [{"name": "k", "value": "v"}]}, [("auth.password", None, MASK)]),
    ],
)
def test_secrets_are_masked_wherever_they_are(observed: Any, shown: list[Any]) -> None:
    desired = {"auth": {"user": "u", "password": "new"}, "keys": [{"name": "k", "value": "v"}]}
    changes = plan(desired, observed, SECRETS).changes
    assert [(each.path, each.shown_before, each.shown_after) for each in changes] == shown


def test_unknown_is_equal_by_source_and_says_so() -> None:
    assert Unknown("vpc.id") == Unknown("vpc.id") != Unknown("vpc.arn")
    assert len({Unknown("a"), Unknown("a")}) == 1
    assert str(Unknown("vpc.id")) == "(known after apply: vpc.id)"
