"""Cleanup policies of a repository."""

from __future__ import annotations

import re
from typing import Any

from ..errors import invalid

_DURATION = re.compile(r"\d+(?:\.\d{1,9})?s")
_ID = re.compile(r"[a-z][a-z0-9-]{0,126}[a-z0-9]")
_MAX = 10


def check(policies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The policies with their id inside; 400 for one that contradicts itself."""
    if len(policies) > _MAX:
        raise invalid(f"A repository may have at most {_MAX} cleanup policies.", field="repository.cleanup_policies")
    return {name: _one(name, policy) for name, policy in policies.items()}


def _one(name: str, policy: dict[str, Any]) -> dict[str, Any]:
    where = f"repository.cleanup_policies[{name}]"
    if not _ID.fullmatch(name) or policy.get("id", name) != name:
        raise invalid(f"Invalid cleanup policy id {policy.get('id', name)!r} under key {name!r}.", field=f"{where}.id")
    action = policy.get("action")
    if action not in ("DELETE", "KEEP"):
        raise invalid(f"Cleanup policy {name} must have the action DELETE or KEEP.", field=f"{where}.action")
    kinds = [kind for kind in ("condition", "mostRecentVersions") if kind in policy]
    if len(kinds) != 1:
        raise invalid(f"Cleanup policy {name} must have either a condition or most_recent_versions.", field=where)
    if kinds == ["mostRecentVersions"]:
        if action != "KEEP":
            raise invalid(f"Cleanup policy {name}: most_recent_versions is for the action KEEP.", field=where)
        if policy["mostRecentVersions"].get("keepCount", 0) < 1:
            raise invalid(f"Cleanup policy {name}: keep_count must be at least 1.", field=where)
    else:
        _condition(name, where, policy["condition"])
    return {"id": name, **policy}


def _condition(name: str, where: str, condition: dict[str, Any]) -> None:
    for field in ("olderThan", "newerThan"):
        if field in condition and not _DURATION.fullmatch(condition[field]):
            raise invalid(f"Illegal duration format; duration must end with 's': {condition[field]}", field=where)
    if condition.get("tagState") == "UNTAGGED" and condition.get("tagPrefixes"):
        raise invalid(f"Cleanup policy {name}: tag_prefixes cannot be set when tag_state is UNTAGGED.", field=where)
