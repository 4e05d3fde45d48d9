"""What a request says about how to read or write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, bad_request, invalid, not_supported
from .identity import UserInfo

FIELD_VALIDATION = ("Ignore", "Warn", "Strict")
PROPAGATION = ("Orphan", "Background", "Foreground")
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
    if not propagation:
        orphan = given.get("orphanDependents", {"true": True, "false": False}.get(query.get("orphanDependents", "")))
        propagation = "" if orphan is None else "Orphan" if orphan else "Background"
    if propagation not in ("", *PROPAGATION):
        causes = [not_supported("propagationPolicy", propagation, PROPAGATION)]
        raise invalid("DeleteOptions", "meta.k8s.io", "", causes)
    conditions = given.get("preconditions") or {}
    return DeleteOptions(
        user=user,
        dry_run=(given.get("dryRun") or [query.get("dryRun")]) == ["All"],
        propagation=propagation,
        grace_seconds=None if grace in (None, "") else _number(grace, "gracePeriodSeconds"),
        uid=conditions.get("uid", ""),
        resource_version=conditions.get("resourceVersion", ""),
    )


def list_options(query: Mapping[str, str]) -> ListOptions:
    """From the query string."""
    timeout = query.get("timeoutSeconds")
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
