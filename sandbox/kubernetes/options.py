"""What a request says about how to read or write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, Cause, bad_request, bad_value, invalid, not_supported, too_long
from .identity import UserInfo

FIELD_VALIDATION = ("Ignore", "Warn", "Strict")
PROPAGATION = ("Orphan", "Background", "Foreground")
_LONGEST_MANAGER = 128
_TRUE = ("1", "t", "T", "true", "True", "TRUE")


@dataclass
class WriteOptions:
    """Of create, update and patch; ``warnings`` become Warning headers of the answer."""

    user: UserInfo
    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    subresource: str = ""
    operation: str = "Update"
    named: bool = True  # whether the client said its manager itself
    warnings: list[str] = field(default_factory=list)


@dataclass
class DeleteOptions:
    """Of delete and deletecollection."""

    user: UserInfo
    dry_run: bool = False
    propagation: str = ""
    grace_seconds: int | None = None
    uid: str = ""
    resource_version: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ListOptions:
    """Of list and watch."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout_seconds: float | None = None


def write_options(query: Mapping[str, str], user: UserInfo, user_agent: str, kind: str) -> WriteOptions:
    """From the query string; 422 for values that are not known."""
    validation = query.get("fieldValidation") or "Warn"
    causes = []
    if validation not in FIELD_VALIDATION:
        causes.append(not_supported("fieldValidation", validation, FIELD_VALIDATION))
    if query.get("dryRun", "All") not in ("All", ""):
        causes.append(not_supported("dryRun", [query["dryRun"]], ["All"]))
    if len(query.get("fieldManager", "").encode()) > _LONGEST_MANAGER:
        causes.append(too_long("fieldManager", _LONGEST_MANAGER))
    if causes:
        raise invalid(kind, "meta.k8s.io", "", causes)
    return WriteOptions(
        user=user,
        manager=query.get("fieldManager") or manager_of(user_agent),
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") in _TRUE,
        named=bool(query.get("fieldManager")),
    )


def manager_of(user_agent: str) -> str:
    """The default field manager: what stands before the first slash of the user agent."""
    return user_agent.partition("/")[0] or "unknown"


def delete_options(query: Mapping[str, str], body: Any, user: UserInfo) -> DeleteOptions:
    """From the query string and, stronger, from the body."""
    given = body if isinstance(body, dict) else {}
    grace = given.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    propagation = given.get("propagationPolicy") or query.get("propagationPolicy") or ""
    orphan = given.get("orphanDependents", {"true": True, "false": False}.get(query.get("orphanDependents", "")))
    dry_run = given.get("dryRun") or ([query["dryRun"]] if query.get("dryRun") else [])
    causes = []
    if propagation and orphan is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(bad_value("propagationPolicy", propagation, text))
    elif propagation not in ("", *PROPAGATION):
        causes.append(not_supported("propagationPolicy", propagation, PROPAGATION))
    if dry_run not in ([], ["All"]):
        causes.append(not_supported("dryRun", dry_run, ["All"]))
    if causes:
        raise invalid("DeleteOptions", "meta.k8s.io", "", causes)
    if not propagation and orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    conditions = given.get("preconditions") or {}
    return DeleteOptions(
        user=user,
        dry_run=dry_run == ["All"],
        propagation=propagation,
        grace_seconds=None if grace in (None, "") else _number(grace, "gracePeriodSeconds"),
        uid=conditions.get("uid", ""),
        resource_version=conditions.get("resourceVersion", ""),
    )


def list_options(query: Mapping[str, str]) -> ListOptions:
    """From the query string; 422 for what contradicts itself."""
    timeout = query.get("timeoutSeconds")
    causes = [] if query.get("watch") in _TRUE else _match_problems(query)
    if causes:
        raise invalid("ListOptions", "meta.k8s.io", "", causes)
    initial = query.get("sendInitialEvents")
    return ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=_number(query.get("limit") or 0, "limit"),
        continue_token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=query.get("watch") in _TRUE,
        bookmarks=query.get("allowWatchBookmarks") in _TRUE,
        initial_events=None if initial is None else initial in _TRUE,
        timeout_seconds=float(_number(timeout, "timeoutSeconds")) if timeout else None,
    )


def _match_problems(query: Mapping[str, str]) -> list[Cause]:
    """Of resourceVersionMatch in a list."""
    match, version = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    if not match:
        return []
    texts = []
    if not version:
        texts.append("resourceVersionMatch is forbidden unless resourceVersion is provided")
    if query.get("continue"):
        texts.append("resourceVersionMatch is forbidden when continue is provided")
    if match == "Exact" and version == "0":
        texts.append('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    causes = [Cause("FieldValueForbidden", f"Forbidden: {text}", "resourceVersionMatch") for text in texts]
    if match not in ("Exact", "NotOlderThan"):
        causes.append(not_supported("resourceVersionMatch", match, ("Exact", "NotOlderThan", "")))
    return causes


def _number(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise bad_request(
            f'Invalid value for query parameter {name}: strconv.ParseInt: parsing "{value}": invalid syntax'
        ) from None


def revision(text: str) -> int:
    """A resourceVersion as a number; 0 for none."""
    if not text:
        return 0
    if not text.isdigit():
        raise ApiError(400, "BadRequest", f'Invalid value: "{text}": strconv.ParseUint: invalid syntax')
    return int(text)
