"""Grants are added to a policy and taken from it; all else in it stays."""

from __future__ import annotations

import copy
from typing import Any

from module_utils._gcp.iam import granted

ME, OTHER = "user:me@example.com", "user:other@example.com"
POLICY: dict[str, Any] = {
    "etag": "e",
    "bindings": [
        {"role": "roles/viewer", "members": [OTHER]},
        {"role": "roles/a", "members": [ME, OTHER]},
        {"role": "roles/b", "members": [ME], "condition": {"title": "t", "expression": "true"}},
    ],
    "auditConfigs": [{"service": "allServices"}],
}


def among(*roles: str) -> Any:
    return lambda binding: binding["role"] in roles


def test_a_role_is_added_and_nothing_else_changes() -> None:
    before = copy.deepcopy(POLICY)
    result = granted(POLICY, ME, ["roles/a", "roles/c"], among("roles/a", "roles/c"))
    assert before == POLICY, "the argument was changed"
    assert result == {
        **POLICY,
        "version": 3,
        "bindings": [*POLICY["bindings"], {"role": "roles/c", "members": [ME]}],
    }


def test_a_member_joins_a_binding_that_is_there() -> None:
    result = granted(POLICY, ME, ["roles/viewer"], among("roles/viewer"))
    assert result is not None
    assert result["bindings"][0] == {"role": "roles/viewer", "members": [OTHER, ME]}


def test_only_roles_that_count_are_taken_away() -> None:
    result = granted(POLICY, ME, [], among("roles/a", "roles/b"))
    assert result is not None
    assert [binding["role"] for binding in result["bindings"]] == ["roles/viewer", "roles/a", "roles/b"]
    assert result["bindings"][1]["members"] == [OTHER]
    assert result["bindings"][2]["members"] == [ME], "a conditional grant is somebody else's"


def test_an_empty_binding_goes() -> None:
    policy = {"bindings": [{"role": "roles/a", "members": [ME]}]}
    result = granted(policy, ME, [], among("roles/a"))
    assert result is not None
    assert result["bindings"] == []


def test_what_is_so_already_is_not_written() -> None:
    assert granted(POLICY, ME, ["roles/a"], among("roles/a")) is None
    assert granted({}, ME, [], among("roles/a")) is None
