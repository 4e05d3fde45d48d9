# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of an API server as errors of the engine's tree.

Source: Kubernetes API conventions ("Response Status Kind"), and `k8s.io/apimachinery/pkg/api/errors`, which is where
the reasons and the wording of the messages come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._engine.errors import (
    AuthError,
    Busy,
    CloudError,
    Conflict,
    InvalidRequest,
    NotFound,
    NotYetConsistent,
    QuotaExceeded,
    Throttled,
    Unavailable,
    Unsupported,
)


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field. field: its path such as "spec.ports[0].port"; may be empty."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class UnknownKind(NotFound):
    """The API server serves no such kind."""


class Invalid(InvalidRequest):
    """The content of an object was refused; `fields` says where."""

    fields: tuple[FieldProblem, ...] = ()

    @property
    def immutable(self) -> tuple[FieldProblem, ...]:
        """Those that cannot be changed after creation."""
        return tuple(each for each in self.fields if _IMMUTABLE.search(each.message))


class FieldConflict(Conflict):
    """Server-side apply would change fields that others manage; `others` has their paths by the manager's name."""

    others: Mapping[str, tuple[str, ...]] = {}


class NamespaceTerminating(Conflict):
    """Nothing can be made in a namespace that is being deleted."""


# field is immutable | may not change once set | updates to statefulset spec for fields other than ... are forbidden |
# Forbidden: spec is immutable after creation except ... | may not be changed | cannot change roleRef | pod updates may
# not change fields other than ...
_IMMUTABLE = re.compile(
    r"immutable|may not change once set|may not be changed|cannot change|updates to .* are forbidden"
    r"|updates may not change",
    re.I,
)
_UNKNOWN_FIELDS = re.compile(r'(unknown|duplicate) field "([^"]+)"')
_UNTYPED = re.compile(r"\.?(\S+): field not declared in schema")
_MANAGER = re.compile(r'conflict with "([^"]*)"')
_STALE = "the object has been modified"


def map_answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> CloudError:
    """The error that an answer of the API server with a status of 400 and more stands for."""
    told = _status(body)
    message = str(told.get("message") or body.strip()[:500] or f"HTTP {status}")
    reason = str(told.get("reason") or "")
    details = told.get("details") or {}
    causes = [cause for cause in details.get("causes") or [] if isinstance(cause, Mapping)]
    known: dict[str, Any] = {"code": reason or str(status), "status": status}
    if status == 401:
        hint = "The credentials of this site are not accepted by its cluster: give their identity access to it."
        return AuthError(message, hint=hint, **known)
    if status == 403:
        return _forbidden(message, causes, known)
    if status == 404:
        return NotFound(message, **known)
    if status == 409:
        return _conflict(message, causes, known)
    if status == 410:  # a continued list, or a watch, that is too old
        return NotYetConsistent(message, **known)
    if status == 429:
        return Throttled(message, retry_after=_retry_after(details, headers), **known)
    if status in (405, 406, 415, 501):
        return Unsupported(message, **known)
    if status in (400, 413, 422) or "field not declared in schema" in message or "failed to create typed" in message:
        return _invalid(message, causes, known)
    if status >= 500:
        return Unavailable(message, retry_after=_retry_after(details, headers), **known)
    return InvalidRequest(message, **known)


def map_exception(error: Exception, *, doing: str) -> CloudError | None:
    """The same for failures of the official client. None for what is not one."""
    import urllib3.exceptions
    from kubernetes.client.exceptions import ApiException

    if isinstance(error, AttributeError) and isinstance(error.__context__, ApiException):
        error = error.__context__  # the client stumbles over its own error when there was no answer to decode
    if isinstance(error, ApiException):
        if not error.status:
            return _untrusted(str(error.reason), doing)
        body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
        mapped = map_answer(error.status, body, error.headers)
        mapped.what = doing
        return mapped
    if isinstance(error, urllib3.exceptions.SSLError):
        return _untrusted(str(error), doing)
    if isinstance(error, (urllib3.exceptions.HTTPError, OSError)):
        return Unavailable(f"the API server did not answer: {error}", what=doing, code=type(error).__name__)
    return None


def _untrusted(reason: str, doing: str) -> CloudError:
    text = " ".join(reason.split())
    if "CERTIFICATE_VERIFY_FAILED" not in text:  # cut off while the connection was made
        return Unavailable(f"the API server did not answer: {text}", what=doing, code="SSLError")
    return AuthError(
        f"the API server's certificate is not trusted: {text}",
        what=doing,
        hint="Something on the way answers in the cluster's place, or it was made anew under the same address.",
    )


def _status(body: str) -> Mapping[str, Any]:
    """The Status object of an answer; nothing for the words of a proxy in between."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) and told.get("kind") == "Status" else {}


def _retry_after(details: Mapping[str, Any], headers: Mapping[str, str] | None) -> float:
    told = next((value for name, value in (headers or {}).items() if name.lower() == "retry-after"), None)
    try:
        return float(told or details.get("retryAfterSeconds") or 0)
    except (TypeError, ValueError):
        return 0.0


def _forbidden(message: str, causes: list[Mapping[str, Any]], known: dict[str, Any]) -> CloudError:
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes) or "is being terminated" in message:
        hint = "Wait until it is gone, then run again."
        return NamespaceTerminating(message, hint=hint, **known)
    if "exceeded quota" in message or ("must specify" in message and "quota" in message):
        return QuotaExceeded(message, hint="Raise the namespace's ResourceQuota, or ask for less.", **known)
    if "Update role assignment to allow access" in message:
        # AKS with Azure RBAC: a new role counts after up to five minutes (Microsoft Learn, "Use Azure role-based access
        # control for AKS"), and says the same until then as one that is missing.
        hint = "Give the site's identity a role in the cluster. A new one takes up to five minutes to count."
        return NotYetConsistent(message, hint=hint, **known)
    if "cannot" in message and "User" in message:
        return AuthError(message, hint="Give the site's identity this right in the cluster.", **known)
    # Admission (Pod Security, policies): what is asked for is refused, whoever asks.
    return InvalidRequest(message, **known)


def _conflict(message: str, causes: list[Mapping[str, Any]], known: dict[str, Any]) -> CloudError:
    others: dict[str, list[str]] = {}
    for cause in causes:
        if cause.get("reason") == "FieldManagerConflict":
            named = _MANAGER.search(str(cause.get("message", "")))
            others.setdefault(named[1] if named else "?", []).append(str(cause.get("field", "")).lstrip("."))
    if others:
        who = "; ".join(f"{manager} manages {', '.join(fields)}" for manager, fields in others.items())
        hint = "Leave these fields out of the manifest, or set force_conflicts: true to take them over."
        conflict = FieldConflict(f"fields are managed by others: {who}", hint=hint, **known)
        conflict.others = {manager: tuple(fields) for manager, fields in others.items()}
        return conflict
    if _STALE in message:  # somebody wrote at the same moment (also inside the server, to a quota's count)
        return Busy(message, **known)
    return Conflict(message, **known)


def _invalid(message: str, causes: list[Mapping[str, Any]], known: dict[str, Any]) -> CloudError:
    fields = [FieldProblem(str(cause.get("field") or ""), str(cause.get("message") or "")) for cause in causes]
    if not fields:
        fields = [FieldProblem(path, f"{word} field") for word, path in _UNKNOWN_FIELDS.findall(message)]
    if not fields:
        fields = [FieldProblem(path, "unknown field") for path in _UNTYPED.findall(message)]
    error = Invalid("; ".join(str(each) for each in fields) or message, **known)
    error.fields = tuple(fields)
    return error
