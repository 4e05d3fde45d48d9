# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's errors in the engine's tree: HTTP answers, long-running operations, and what the transport raises."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .._engine.errors import (
    AuthError,
    Busy,
    CloudError,
    Conflict,
    InvalidRequest,
    NotFound,
    NotYetConsistent,
    OperationFailed,
    QuotaExceeded,
    Throttled,
    Unavailable,
)

SERVICE_DISABLED = "SERVICE_DISABLED"
EXISTS = ("alreadyExists", "ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS")
# google.rpc.Code, as container and service-consumer operations carry it, in HTTP statuses.
_RPC_STATUS = {
    1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500,
    14: 503, 15: 500, 16: 401,
}  # fmt: skip
_RPC_EXISTS = 6
_RATE = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "concurrentLimitExceeded"}
_QUOTA = {"quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded", "LIMIT_EXCEEDED"}
_BUSY = {
    "resourceNotReady", "RESOURCE_NOT_READY", "operationInProgress", "OPERATION_IN_PROGRESS", "ABORTED", "aborted",
    "conditionNotMet", "CONDITION_NOT_MET", "fingerprintMismatch", "invalidState",
}  # fmt: skip
_IN_USE = {"resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "resourceInUse"}
# What GKE says with FAILED_PRECONDITION when waiting helps (recorded traffic; container API error reference).
_BUSY_WORDS = (
    "incompatible operation", "is currently", "currently operating", "operation is in progress", "in progress",
    "fingerprint", "cluster is running", "being deleted", "try again", "please wait", "not ready",
)  # fmt: skip
# Consumers that do not yet see a principal or a grant that was just made: IAM, GKE and Cloud Storage in their words.
_LATE = re.compile(
    r"service account .*(does not exist|not found|is unknown)|unknown service account"
    r"|permission denied on (cloud )?kms key|permission 'cloudkms\.|cloudkms\.cryptokeyversions"
)


def from_response(status: int, text: str, headers: Mapping[str, str], what: str = "") -> CloudError:
    """The error that an HTTP answer of 400 and more means."""
    try:
        decoded = json.loads(text)
    except ValueError:
        decoded = None
    error = decoded.get("error") if isinstance(decoded, dict) else None
    if not isinstance(error, dict):
        message = f"HTTP {status}" + ("" if "<html" in text.lower() or not text.strip() else f": {text.strip()[:300]}")
        return classify(status, "", message, what=what, retry_after=_retry_after(headers))
    return classify(
        status,
        _code(error),
        str(error.get("message") or f"HTTP {status}"),
        what=what,
        retry_after=_retry_after(headers),
        words=_words(error),
    )


def from_operation(operation: Mapping[str, Any], what: str = "") -> CloudError | None:
    """The error that a finished operation carries, or None. DONE is not success (recorded traffic: deletions that
    end DONE with RESOURCE_IN_USE_BY_ANOTHER_RESOURCE)."""
    error = operation.get("error")
    if not error:
        return None
    listed = error.get("errors") if isinstance(error, Mapping) else None
    if listed:  # compute
        first = listed[0]
        status = int(operation.get("httpErrorStatusCode") or 400)
        text = "; ".join(str(item.get("message") or item.get("code")) for item in listed)
        return classify(status, str(first.get("code", "")), text, what=what, finished=True)
    number = int(error.get("code") or 2)
    text = str(error.get("message") or operation.get("statusMessage") or "the operation failed")
    code = _code(error) or ("ALREADY_EXISTS" if number == _RPC_EXISTS else "")
    return classify(_RPC_STATUS.get(number, 500), code, text, what=what, finished=True)


def from_exception(error: Exception, what: str = "") -> CloudError:
    """What the transport or the credentials raised."""
    if isinstance(error, CloudError):
        return error
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, TransportError):
        return Unavailable(f"No answer from Google's token service: {error}", what=what)
    if isinstance(error, GoogleAuthError):
        if getattr(error, "retryable", False):
            return Unavailable(f"Google's token service failed: {error}", what=what)
        return AuthError(
            f"The Google credentials were refused: {_plain(error)}",
            what=what,
            hint="Check the service account key and that the account still exists.",
        )
    return Unavailable(f"No answer: {type(error).__name__}: {error}", what=what)


def unreadable(status: int, what: str) -> CloudError:
    """An answer that is not JSON: something between us and Google cut it."""
    return Unavailable("The answer could not be read.", what=what, status=status)


def classify(
    status: int,
    code: str,
    message: str,
    *,
    what: str = "",
    retry_after: float = 0.0,
    words: frozenset[str] = frozenset(),
    finished: bool = False,
) -> CloudError:
    """One error from its status, Google's code for it, its message and all further reasons.

    finished: it ended an operation, so a server error is final and not ambiguous.
    """
    kind, hint = _kind(status, message.lower(), words | {code}, finished)
    return kind(message, what=what, code=code, status=status, hint=hint, retry_after=retry_after)


def _kind(status: int, message: str, codes: frozenset[str] | set[str], finished: bool) -> tuple[type[CloudError], str]:  # noqa: PLR0911, PLR0912 - one row per kind of answer
    if codes & _RATE:
        return Throttled, ""
    if codes & _QUOTA or (status in (403, 429) and "quota" in message and "per minute" not in message):
        return QuotaExceeded, "Ask for more in the console under IAM & Admin, Quotas, or take less."
    if status == 429:
        return Throttled, ""
    if codes & {SERVICE_DISABLED, "accessNotConfigured"}:
        return AuthError, "Switch the API on, or set enable_services: true."
    if codes & _IN_USE:
        return Conflict, ""
    if "still using this connection" in message:
        # What a deleted server had in the connected network is kept for some more time (Cloud SQL documentation,
        # private services access).
        return Conflict, "Where no server is left in it, Google frees it hours to days after the last: run again then."
    if status in (400, 403) and _LATE.search(message):
        return NotYetConsistent, "If it stays like this, check that the account exists and may use the key."
    if codes & _BUSY or status == 412:
        return Busy, ""
    if (codes & {"FAILED_PRECONDITION", "failedPrecondition"} or status == 409) and any(
        words in message for words in _BUSY_WORDS
    ):
        return Busy, ""
    if status == 409 and "concurrent" in message:
        return Busy, ""
    if status == 401:
        return AuthError, "Check the service account key and that the account still exists."
    if status == 403:
        return AuthError, "Grant the role that the message names to the account whose credentials are used."
    if status == 404:
        return NotFound, ""
    if status == 409:
        return Conflict, ""
    if status == 408 or status >= 500:
        return (OperationFailed if finished else Unavailable), ""
    return (OperationFailed if finished else InvalidRequest), ""


def _code(error: Mapping[str, Any]) -> str:
    """The most telling code: ErrorInfo's reason, the legacy reason, or the canonical status."""
    for detail in error.get("details") or ():
        if isinstance(detail, Mapping) and str(detail.get("@type", "")).endswith("ErrorInfo") and detail.get("reason"):
            return str(detail["reason"])
    for item in error.get("errors") or ():
        if isinstance(item, Mapping) and item.get("reason"):
            return str(item["reason"])
    return str(error.get("status") or "")


def _words(error: Mapping[str, Any]) -> frozenset[str]:
    found = {str(error.get("status") or "")}
    for item in (*(error.get("errors") or ()), *(error.get("details") or ())):
        if isinstance(item, Mapping) and item.get("reason"):
            found.add(str(item["reason"]))
    return frozenset(found - {""})


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After") or headers.get("retry-after") or ""
    return float(value) if value.isdigit() else 0.0


def _plain(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
