"""IAM policies of any resource: read, replace under an etag, test permissions."""

from __future__ import annotations

import base64
import re
from typing import Any

from .calls import Call
from .errors import GoogleError, aborted, invalid
from .state import PROJECT, State

_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(?:deleted:)?(?:user|serviceAccount|group|domain|projectOwner|projectEditor|"
    r"projectViewer|principal|principalSet):\S+"
)
_WORKLOAD = re.compile(r"serviceAccount:[^\[\]]+\.svc\.id\.goog\[[^/\]]+/[^/\]]+\]")
_ROLE = re.compile(r"(?:roles|projects/[^/]+/roles|organizations/[^/]+/roles)/[A-Za-z0-9_.]+")


def _etag(number: int) -> str:
    return base64.b64encode(b"\x07" + number.to_bytes(7, "big")).decode()


def get(state: State, key: str) -> dict[str, Any]:
    """The policy; one that was never set has an etag only."""
    return dict(state.policies.get(key) or {"etag": "ACAB"})


def put(call: Call, key: str, policy: dict[str, Any], *, accounts: bool = True) -> dict[str, Any]:
    """Replace a policy. 409 ABORTED when the etag is stale; 400 for a member or role that does not exist.

    ``accounts``: refuse service accounts of this project that do not exist, as the real service does.
    """
    present = get(call.state, key)
    etag = policy.get("etag")
    if etag and etag.rstrip("=") != present["etag"].rstrip("="):
        raise aborted(
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
            f"The request's ETag '{etag}' did not match the current policy's ETag '{present['etag']}'."
        )
    bindings = _clean(call, policy.get("bindings", []), accounts)
    number = call.state.policies.get(key, {}).get("#", 0) + 1
    stored: dict[str, Any] = {"version": 3 if any("condition" in item for item in bindings) else 1, "#": number}
    stored["etag"] = _etag(number)
    if bindings:
        stored["bindings"] = bindings
    if policy.get("auditConfigs"):
        stored["auditConfigs"] = policy["auditConfigs"]
    call.state.policies[key] = stored
    return shown(stored)


def shown(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy without what the sandbox notes down."""
    return {name: value for name, value in policy.items() if name != "#"}


def _clean(call: Call, bindings: list[dict[str, Any]], accounts: bool) -> list[dict[str, Any]]:
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for item in bindings:
        role, members = item.get("role", ""), item.get("members", [])
        if not _ROLE.fullmatch(role):
            raise invalid(f"Role {role} is not supported for this resource.")
        for member in members:
            _check_member(call.state, member, accounts)
        if not members:
            continue
        key = (role, str(item.get("condition")))
        entry = merged.setdefault(key, {**item, "members": []})
        entry["members"] = sorted({*entry["members"], *members})
    return [merged[key] for key in sorted(merged)]


def _check_member(state: State, member: str, accounts: bool) -> None:
    if not (_MEMBER.fullmatch(member) or _WORKLOAD.fullmatch(member)):
        raise GoogleError(400, f"Invalid member: {member}. The member must be of the form type:id.")
    kind, _, mail = member.partition(":")
    own = kind == "serviceAccount" and mail.endswith(f"@{PROJECT}.iam.gserviceaccount.com")
    if accounts and own and mail not in state.service_accounts:
        raise GoogleError(400, f"Service account {mail} does not exist.")


def forget(state: State, mail: str, unique_id: str) -> None:
    """A deleted service account stays in the policies that name it, marked as deleted."""
    member, mark = f"serviceAccount:{mail}", f"deleted:serviceAccount:{mail}?uid={unique_id}"
    for policy in state.policies.values():
        for binding in policy.get("bindings", []):
            binding["members"] = [mark if item == member else item for item in binding["members"]]


def test(call: Call) -> dict[str, Any]:
    """The account has every permission that it asks about."""
    permissions = call.body.get("permissions") or call.query.get("permissions") or []
    return {"permissions": permissions} if permissions else {}
