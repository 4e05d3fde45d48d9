"""Errors as Google's APIs word and shape them."""

from __future__ import annotations

from typing import Any

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASON = {
    "INVALID_ARGUMENT": "badRequest",
    "FAILED_PRECONDITION": "failedPrecondition",
    "UNAUTHENTICATED": "authError",
    "PERMISSION_DENIED": "forbidden",
    "NOT_FOUND": "notFound",
    "ALREADY_EXISTS": "alreadyExists",
    "ABORTED": "aborted",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "INTERNAL": "backendError",
    "UNAVAILABLE": "backendError",
    "UNIMPLEMENTED": "notImplemented",
    "DEADLINE_EXCEEDED": "deadlineExceeded",
    "CANCELLED": "cancelled",
}
# These put an errors[] list into the body; the others speak plain google.rpc.Status.
# Source: recorded traffic of each API.
_WITH_ERRORS = ("compute", "container", "iam", "sqladmin", "storage")
_WITHOUT_STATUS = ("compute", "sqladmin", "storage")


class GoogleError(Exception):
    """An error answer: HTTP ``code``, ``message``, canonical ``status`` and the legacy ``reason``."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: str | None = None,
        reason: str | None = None,
        domain: str = "global",
        details: list[dict[str, Any]] | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code, "UNKNOWN")
        self.reason = reason or _REASON.get(self.status, "badRequest")
        self.domain = domain
        self.details = details
        self.location = location

    def body(self, api: str) -> dict[str, Any]:
        """The JSON body in the form that ``api`` uses."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if api in _WITH_ERRORS:
            entry = {"message": self.message, "domain": self.domain, "reason": self.reason}
            if self.location:
                entry["location"] = self.location
                entry["locationType"] = "header" if self.location in ("If-Match", "Authorization") else "parameter"
            error["errors"] = [entry]
        # Compute and storage add a status only where the shared front end answers for them.
        if api not in _WITHOUT_STATUS or self.code in (401, 429, 501) or self.details:
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid(message: str, *, field: str | None = None) -> GoogleError:
    """400 INVALID_ARGUMENT; ``field`` adds the field violation that OnePlatform APIs attach."""
    details = None
    if field is not None:
        violation = {"field": field, "description": message} if field else {"description": message}
        details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return GoogleError(400, message, details=details)


def invalid_field(path: str, value: object, why: str) -> GoogleError:
    """Compute's 400: Invalid value for field 'resource.name': 'Foo'. Must be a match of regex ..."""
    shown = value if isinstance(value, str) else repr(value)
    return GoogleError(400, f"Invalid value for field '{path}': '{shown}'. {why}", reason="invalid")


def required_field(path: str) -> GoogleError:
    """Compute's 400 for a missing field."""
    return GoogleError(400, f"Required field '{path}' not specified", reason="required")


def precondition(message: str) -> GoogleError:
    """400 FAILED_PRECONDITION."""
    return GoogleError(400, message, status="FAILED_PRECONDITION")


def aborted(message: str) -> GoogleError:
    """409 ABORTED: a concurrent change, the read-modify-write must be repeated."""
    return GoogleError(409, message, status="ABORTED")


def permission_denied(message: str = "The caller does not have permission") -> GoogleError:
    """403 PERMISSION_DENIED."""
    return GoogleError(403, message)


def unauthenticated() -> GoogleError:
    """401 for a missing, unknown or expired access token."""
    message = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    return GoogleError(401, message, location="Authorization")


def quota_exceeded(metric: str, limit: float, where: str) -> GoogleError:
    """Compute's 403 when a quota does not suffice; ``where`` is a region or ``globally``."""
    place = "globally" if where == "globally" else f"in region {where}"
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "QUOTA_EXCEEDED",
        "domain": "compute.googleapis.com",
        "metadata": {"metric": metric, "limit": f"{limit:.1f}", "location": where},
    }
    return GoogleError(
        403,
        f"Quota '{metric}' exceeded.  Limit: {limit:.1f} {place}.",
        reason="quotaExceeded",
        domain="usageLimits",
        details=[detail],
    )


def service_disabled(service: str, title: str, number: str) -> GoogleError:
    """403 for an API that is not switched on in the project."""
    link = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    message = (
        f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {link} then "
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and "
        "retry."
    )
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "domain": "googleapis.com",
            "metadata": {"service": service, "consumer": f"projects/{number}", "activationUrl": link},
        }
    ]
    return GoogleError(403, message, reason="accessNotConfigured", domain="usageLimits", details=details)
