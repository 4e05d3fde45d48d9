"""Failures as a kube-apiserver sends them: a ``Status`` object with reason, details and causes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cause:
    """One entry of ``details.causes``; ``field`` is a path such as ``spec.ports[0].port``."""

    reason: str
    message: str
    field: str = ""

    def body(self) -> dict[str, str]:
        """As in a Status."""
        body = {"reason": self.reason, "message": self.message}
        return {**body, "field": self.field} if self.field else body

    def line(self) -> str:
        """As in the message of a Status."""
        return f"{self.field}: {self.message}" if self.field else self.message


class ApiError(Exception):
    """Ends a request with a Status of ``code``."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}


def qualified(resource: str, group: str) -> str:
    """``deployments.apps``, ``configmaps``."""
    return f"{resource}.{group}" if group else resource


def _details(kind: str, group: str, name: str = "", **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    return {**details, "kind": kind, **more}


def not_found(resource: str, group: str, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(
        404, "NotFound", f'{qualified(resource, group)} "{name}" not found', _details(resource, group, name)
    )


def no_such_path() -> ApiError:
    """404 for a path or a resource that is not served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: str, group: str, name: str) -> ApiError:
    """409 for a create."""
    message = f'{qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, group, name))


def conflict(resource: str, group: str, name: str, why: str) -> ApiError:
    """409 for a write that is based on an old version or not possible now."""
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, group, name))


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with all its causes."""
    lines = [cause.line() for cause in causes]
    text = lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"
    details = _details(kind, group, name, causes=[cause.body() for cause in causes])
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {text}', details)


def forbidden(resource: str, group: str, name: str, why: str) -> ApiError:
    """403 of an admission plugin or of the authorizer."""
    subject = f'{qualified(resource, group)} "{name}"' if name else qualified(resource, group)
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", _details(resource, group, name))


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def gone(message: str) -> ApiError:
    """410: the revision asked for was compacted away."""
    return ApiError(410, "Expired", message)


def unauthorized() -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiError:
    """405: the resource has no such verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def not_acceptable(served: Sequence[str]) -> ApiError:
    """406 naming what can be had."""
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(served)}")


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    """415 naming what would have been accepted."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiError(415, "UnsupportedMediaType", message)


# --- causes ---------------------------------------------------------------------------------------------------------


def required(field: str, detail: str = "") -> Cause:
    """A field that is missing."""
    return Cause("FieldValueRequired", "Required value" + (f": {detail}" if detail else ""), field)


def bad_value(field: str, value: Any, detail: str) -> Cause:
    """A field with a value that is not possible."""
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {detail}", field)


def not_supported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    """A field with a value out of its enumeration."""
    names = ", ".join(json.dumps(name) for name in sorted(supported))
    return Cause("FieldValueNotSupported", f"Unsupported value: {json.dumps(value)}: supported values: {names}", field)


def not_allowed(field: str, detail: str) -> Cause:
    """A field that may not be set or changed like this."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


def duplicate(field: str, value: Any) -> Cause:
    """A value that is there twice."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(value)}", field)


def too_long(field: str, limit: int) -> Cause:
    """A value over its length."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


IMMUTABLE = "field is immutable"
