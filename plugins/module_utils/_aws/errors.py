# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's errors in the one tree. Codes are those of the services' API references and of recorded traffic."""

from __future__ import annotations

import re
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

_THROTTLED = re.compile(r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|BandwidthLimitExceeded|PriorRequest")
_UNAVAILABLE = re.compile(r"^(InternalError|InternalFailure|ServerException|ServiceUnavailable|Unavailable|Internal)")
_AUTH = {
    "AuthFailure",
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "OptInRequired",
    "RequestExpired",
    "NotAuthorized",
}
_NOT_FOUND = re.compile(r"NotFound(Exception|Error|Fault)?$|^NoSuch|^404$|\.Unknown$")
_CONFLICT = re.compile(
    r"AlreadyExists|ResourceExists|AlreadyOwnedByYou|AlreadyAssociated|DependencyViolation|ResourceInUse|DeleteConflict"
    r"|BucketNotEmpty|\.Duplicate$|\.Conflict$|\.InUse|^InUse|GroupInUse$|^InvalidCacheParameterGroupState"
    r"|^InvalidDB(Parameter|Subnet)GroupState"
)
_BUSY = {
    "IncorrectState",
    "OperationAborted",
    "OperationAbortedException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConcurrentMutationLimitExceeded",
    "IncorrectInstanceState",
    "InvalidReplicationGroupState",
    "InvalidCacheClusterState",
    "OperationInProgress",
}
# RDS says with one code that something is under way and that something can never be.
_RDS_STATE = re.compile(
    r"not (currently )?in (the |an )?available state|already being|is not in the available", re.IGNORECASE
)
_QUOTA = re.compile(
    r"LimitExceeded|QuotaExceeded|QuotaFor\w+Exceeded|^TooManyBuckets$|MaxVpc|InsufficientFreeAddresses"
)

# EKS reports a running update, and an object that is not ready for one, under codes that also mean other things.
_RUNNING = re.compile(
    r"(has|have|already) (an? )?(ongoing |another )?update|update in progress|currently (has )?(an? )?update"
    r"|is not in (an? )?(ACTIVE|active)|not ACTIVE|already an in-progress|currently being|in progress",
    re.IGNORECASE,
)
# A principal that was just made: its consumers do not see it for some seconds (facts from recorded traffic, and the
# words that EKS, EC2 and KMS use).
_NOT_YET = re.compile(
    r"role .*(cannot be assumed|could not be assumed|does not exist|not authorized|is invalid|not found)"
    r"|unable to assume|cannot assume|can ?not be assumed|assume given IAM role"
    r"|not authorized to perform: (sts:AssumeRole|iam:PassRole)|trust (policy|relationship)"
    r"|KeyArn .*(not found|not enabled|invalid)"
    r"|invalid principal|principal.*(not valid|does not exist|is invalid)|Invalid repository policy provided",
    re.IGNORECASE,
)
_NOT_YET_CODES = {
    "InvalidParameterException",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "InvalidRequestException",
    "MalformedPolicyDocument",
    "MalformedPolicyDocumentException",
    "MalformedPolicy",
    "ValidationException",
    "ResourceNotFoundException",
}
# The policy that lets S3 deliver access logs was written a moment ago.
_ALWAYS_NOT_YET = {"InvalidTargetBucketForLogging"}

_UNKNOWN_KEY = "Check the AWS credentials: the environment, the profile, or what `credentials` names."
_HINTS = {
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "AuthFailure": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": "Check the AWS credentials (the secret key), and this machine's clock.",
    "OptInRequired": "Enable the service or the region for this account.",
    "ExpiredToken": "Renew the session's credentials.",
    "ExpiredTokenException": "Renew the session's credentials.",
    "BucketAlreadyExists": "Somebody else owns a bucket of this name: set physical_name to another one.",
}


def translate(error: Exception, service: str, operation: str) -> CloudError:
    """The error of the tree for whatever botocore raised."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,
        HTTPClientError,
        NoAuthTokenError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )

    call = f"{service} {operation}"
    if isinstance(error, ClientError):
        return from_response(error.response, call)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)):
        return AuthError(
            f"{error} ({call})",
            hint="Give the SDK credentials (environment, profile or role), or name a source in `credentials`.",
        )
    if isinstance(error, (SSOError, TokenRetrievalError, NoAuthTokenError)):
        return AuthError(f"{error} ({call})", hint="Sign in again with `aws sso login`.")
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return Unavailable(f"{error} ({call})", code=type(error).__name__)
    if isinstance(error, ParamValidationError):
        return InvalidRequest(f"{error} ({call})", code="ParamValidationError")
    if isinstance(error, BotoCoreError):
        return CloudError(f"{error} ({call})", code=type(error).__name__)
    raise error


def from_response(response: Any, call: str) -> CloudError:
    """The error of the tree for a refusal. response: as botocore parses it, `Error` and `ResponseMetadata`."""
    details = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code, message = str(details.get("Code", "")), str(details.get("Message", "") or details.get("Code", ""))
    status = int(metadata.get("HTTPStatusCode", 0) or 0)
    after = metadata.get("HTTPHeaders", {}).get("retry-after", "0")
    return _class_of(code, message, status)(
        f"{message.rstrip()} ({call})",
        code=code,
        status=status,
        hint=_HINTS.get(code, ""),
        retry_after=float(after) if str(after).replace(".", "", 1).isdigit() else 0.0,
    )


def _class_of(code: str, message: str, status: int) -> type[CloudError]:
    ordered: tuple[tuple[bool, type[CloudError]], ...] = (
        (bool(_THROTTLED.search(code)) or status == 429, Throttled),
        (status >= 500 or bool(_UNAVAILABLE.match(code)), Unavailable),
        (code in _ALWAYS_NOT_YET, NotYetConsistent),
        (code in _NOT_YET_CODES and bool(_NOT_YET.search(message)), NotYetConsistent),
        (code in _AUTH or status == 401, AuthError),
        (code in _BUSY, Busy),
        (
            code in ("InvalidDBInstanceState", "InvalidDBSnapshotState") and bool(_RDS_STATE.search(message)),
            Busy,
        ),
        (
            code in ("ResourceInUseException", "InvalidRequestException", "ConflictException")
            and bool(_RUNNING.search(message)),
            Busy,
        ),
        (bool(_QUOTA.search(code)), QuotaExceeded),
        (bool(_CONFLICT.search(code)), Conflict),
        (bool(_NOT_FOUND.search(code)) or status == 404, NotFound),
        (code.startswith("Unsupported"), Unsupported),
        (status == 403, AuthError),
        (status == 409, Conflict),
    )
    return next((kind for holds, kind in ordered if holds), InvalidRequest)


def raise_unsuccessful(answer: Any, call: str) -> None:
    """Raise what batch calls of EC2 report in an answer of status 200 (`Unsuccessful`: CreateFlowLogs and others)."""
    for item in answer.get("Unsuccessful") or ():
        error = dict(item.get("Error") or {})
        error["Code"] = str(error.get("Code", "")).removeprefix("Client.")
        raise from_response({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, call)
