# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's answers as the one tree of errors.

ARM answers `{"error": {"code", "message", "details": [...]}}`; AKS and some others leave the outer object out. A long
operation that failed carries the same object in a 200. Codes seen in recorded traffic and in the REST API reference.
"""

from __future__ import annotations

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
    Unsupported,
)

# Something else is changing the object or its parent: the same request is right a little later.
_BUSY = {
    "anotheroperationinprogress",
    "operationinprogress",
    "operationpreempted",
    "concurrentupdateerror",
    "concurrentfederatedidentitycredentialswritesforsinglemanagedidentity",
    "etagmismatch",
    "preconditionfailed",
    "resourcegroupbeingdeleted",
    "resourcebeingdeleted",
    "serverisbusy",
    "storageaccountoperationinprogress",
    "storageaccountisnotprovisioned",
    "retryableerror",
    "retryableerrorduetoanotheroperation",
    "inprogressoperation",
    "scopelockinprogress",
    "containerbeingdeleted",
    "objectisbeingdeleted",
    "objectisbeingrecovered",
}
# An object that was just made is not visible everywhere yet.
_NOT_YET = {
    "principalnotfound",
    "referencedresourcenotprovisioned",
    "customkubeletidentitymissingpermissionerror",
    "identitynotfound",
    "managedidentitynotready",
    "resourcenotyetsynced",
    "keyvaultaccessforbidden",
    "keyvaultauthenticationfailure",
    "resourcemissingpermissionerror",
    "networkwatchernotready",
}
_QUOTA = {
    "quotaexceeded",
    "errcode_insufficientvcpuquota",
    "insufficientvcpuquota",
    "publicipcountlimitreached",
    "maxstorageaccountscountpersubscriptionexceeded",
    "resourcequotaexceeded",
    "subscriptionquotareached",
}
_SKU = {"skunotavailable", "vmsizenotsupported", "locationnotavailableforresourcetype", "availabilityzonenotsupported"}
_CAPACITY = {"allocationfailed", "zonalallocationfailed", "overconstrainedallocationrequest"}

# Some services quote the signed address that they were given.
_SIGNATURE = re.compile(r"\bsig=[^&\s'\"]+")

HINTS = {
    "missingsubscriptionregistration": "Set enable_services: true, or register the resource provider yourself.",
    "scopelocked": "A lock protects it. Remove the lock (for a cluster: deletion_protection: false), then run again.",
    "requestdisallowedbypolicy": "A policy of the subscription forbids it: the message names the policy.",
    "principalnotfound": "If the principal was not made by this run, check its object id.",
    "authorizationfailed": "The credentials need a role on that scope.",
    "linkedauthorizationfailed": "The credentials need a role on the object that is referred to.",
}


def from_response(status: int, body: Any, *, retry_after: float = 0.0, what: str = "") -> CloudError:
    """The error that an answer of status 400 or more stands for."""
    code, message = details(body)
    message = message or f"The service answered HTTP {status} without an explanation."
    kind = _kind(status, code.lower(), message)
    return kind(message, code=code, status=status, hint=HINTS.get(code.lower(), ""), retry_after=retry_after, what=what)


def from_operation(body: Any) -> CloudError:
    """The error that a failed long operation carries. Retryable where the cause passes by itself."""
    code, message = details(body)
    status = str(body.get("status", "Failed")) if isinstance(body, Mapping) else "Failed"
    message = message or f"The operation ended as {status}, and the service gave no reason."
    folded = code.lower()
    kind = _kind(0, folded, message)
    if kind in (InvalidRequest, Unavailable):
        # The service has tried for its own time and given up: that is told, and tried again by the next run.
        kind = OperationFailed
    return kind(message, code=code, hint=HINTS.get(folded, ""))


def from_exception(error: Exception) -> CloudError:
    """The error that an exception of azure-core or azure-identity stands for."""
    from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError, ServiceRequestError
    from azure.identity import CredentialUnavailableError

    message = str(error).split("\nTo mitigate", maxsplit=1)[0].strip() or type(error).__name__
    if isinstance(error, CredentialUnavailableError):
        return AuthError(message, hint="Name a source in credentials.source, or set the variables AZURE_*.")
    if isinstance(error, ClientAuthenticationError):
        if _transient(error, message):
            return Unavailable(message)
        found = re.search(r"AADSTS\d+", message)
        return AuthError(message, code=found.group() if found else "", status=401)
    if isinstance(error, HttpResponseError) and error.status_code and not isinstance(error, DecodeError):
        return from_response(error.status_code, {"error": {"message": message}})
    if isinstance(error, ServiceRequestError) and "CERTIFICATE_VERIFY_FAILED" in message:
        return AuthError(message, hint="The server's certificate is not trusted: name its CA in ca_bundle.")
    return Unavailable(message)


def details(body: Any) -> tuple[str, str]:
    """Code and message of an error document, wherever the service puts them; messages of its details added."""
    if not isinstance(body, Mapping):
        return "", str(body or "").strip()[:500]
    error = body.get("error")
    several = body.get("errors")
    if error is None and isinstance(several, list) and several:  # container registries
        error = several[0]
    if isinstance(error, str):
        return error, str(body.get("error_description") or body.get("message") or "")
    if not isinstance(error, Mapping):
        error = body
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    nested = _nested(message)
    if nested:
        code, message = nested
    cause = error.get("innererror")  # key vaults say there what it is about
    if isinstance(cause, Mapping) and cause.get("code") and code.lower() in ("forbidden", "conflict"):
        code = str(cause["code"])
    for item in error.get("details") or []:
        if isinstance(item, Mapping) and item.get("message") and str(item["message"]) not in message:
            message = f"{message} {item['message']}".strip()
    # Wrappers say nothing by themselves: the first detail's code is the cause.
    inner = next((str(item["code"]) for item in error.get("details") or [] if _coded(item)), "")
    if inner and code.lower() in (
        "",
        "deploymentfailed",
        "operationfailed",
        "badrequest",
        "conflict",
        "multipleerrors",
    ):
        code = inner
    return code, _SIGNATURE.sub("sig=...", message)


def _coded(item: Any) -> bool:
    return isinstance(item, Mapping) and bool(item.get("code"))


def _nested(message: str) -> tuple[str, str] | None:
    """Some providers put a whole error document into the message."""
    import json

    if not message.lstrip().startswith("{"):
        return None
    try:
        inner = json.loads(message)
    except ValueError:
        return None
    return details(inner) if isinstance(inner, Mapping) else None


def _kind(status: int, code: str, message: str) -> type[CloudError]:
    by_code = _by_code(code, message)
    if by_code is not None:
        return by_code
    if status in (401, 403):
        return AuthError
    if status == 404 or code in ("resourcenotfound", "resourcegroupnotfound", "notfound", "parentresourcenotfound"):
        return NotFound
    if status == 409:
        return Conflict
    if status == 412:
        return Busy
    if status == 429:
        return Throttled
    if status in (408, 499) or status >= 500:
        return Unavailable
    return InvalidRequest


def _by_code(code: str, message: str) -> type[CloudError] | None:
    text = message.lower()
    if code in ("operationnotallowed", "conflict", "badrequest", "invalidparameter") and "quota" in text:
        return QuotaExceeded
    if code in _QUOTA or code.endswith(("limitreached", "quotaexceeded", "countexceeded")):
        return QuotaExceeded
    if code in _BUSY or (code == "operationnotallowed" and ("in progress" in text or "another operation" in text)):
        return Busy
    if code == "conflict" and ("in progress" in text or "being deleted" in text or "concurrent" in text):
        return Busy
    if code in _NOT_YET:
        return NotYetConsistent
    if code in ("toomanyrequests", "subscriptionrequeststhrottled", "operationthrottled"):
        return Throttled
    if code in _SKU:
        return Unsupported
    if code in _CAPACITY:
        return OperationFailed
    if code in ("scopelocked", "roleassignmentexists") or _in_use(code):
        return Conflict
    return None


def _in_use(code: str) -> bool:
    """Deletion refused because something refers to the object: 400 in the network provider, 409 elsewhere."""
    return code.startswith(("inuse", "cannotdelete")) or code.endswith(
        ("inuse", "cannotbedeleted", "isinuse", "hasnestedresources")
    )


def _transient(error: Any, message: str) -> bool:
    """The sign-in service is out of order or overloaded: that says nothing about the credentials."""
    status = getattr(getattr(error, "response", None), "status_code", None) or 0
    if status in (408, 429) or status >= 500:
        return True
    message = " ".join([message, *_causes(error)])
    words = r"timed out|Connection (aborted|reset|refused)|Max retries|temporarily_?\s?unavailable|AADSTS90033"
    return bool(re.search(words + r"|HTTP (Error|status): (429|5\d\d)", message, re.IGNORECASE))


def _causes(error: BaseException) -> list[str]:
    """What the errors say that led to an error: a sign-in that does not find its addresses tells why only there."""
    found: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(found) < 5:
        found.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return found
