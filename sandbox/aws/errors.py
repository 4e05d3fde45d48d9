"""Errors as AWS sends them, in the wire format of each protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

_HOST_ID = "c2FuZGJveA=="


class AwsError(Exception):
    """A refusal: ``code`` and ``message`` as the service words them, ``status`` 0 = what the service's model says.

    ``extra`` are further members of the error (EKS names the cluster, S3 the bucket).
    """

    def __init__(self, code: str, message: str, status: int = 0, **extra: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra
        self.headers: list[tuple[str, str]] = []


@dataclass
class RawResponse:
    """An HTTP answer on its way out."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def error_response(protocol: str, error: AwsError) -> RawResponse:
    """``error`` in the format of ``protocol`` (a botocore protocol name)."""
    answer = _error_document(protocol, error)
    answer.headers += error.headers
    return answer


def _error_document(protocol: str, error: AwsError) -> RawResponse:
    request_id = str(uuid.uuid4())
    status = error.status or 400
    if protocol in ("json", "rest-json"):
        body: dict[str, Any] = {**error.extra, "__type": error.code, "message": error.message}
        content_type = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
        headers = [
            ("Content-Type", content_type),
            ("x-amzn-ErrorType", error.code),
            ("x-amzn-RequestId", request_id),
        ]
        return RawResponse(status, headers, json.dumps(body).encode())
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    inner += "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in error.extra.items())
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif protocol == "rest-xml":
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId><HostId>{_HOST_ID}</HostId></Error>"
    else:
        fault = "Sender" if status < 500 else "Receiver"
        inner = f"<Type>{fault}</Type>{inner}"
        text = f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    content_type = "application/xml" if protocol == "rest-xml" else "text/xml"
    return RawResponse(status, [("Content-Type", content_type), ("x-amz-request-id", request_id)], document)


def throttled(service: str, protocol: str) -> AwsError:
    """The service's own words for too many requests."""
    if service == "s3":
        return AwsError("SlowDown", "Please reduce your request rate.", 503)
    if service == "ec2":
        return AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
    if protocol == "query":
        return AwsError("Throttling", "Rate exceeded", 400)
    return AwsError("ThrottlingException", "Rate exceeded", 429 if service == "eks" else 400)


def unknown_key(service: str, protocol: str) -> AwsError:
    """The service's own words for an access key that does not exist."""
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", message, 403)
    if service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    message = "The security token included in the request is invalid."
    if protocol == "query":
        return AwsError("InvalidClientTokenId", message, 403)
    return AwsError("UnrecognizedClientException", message, 403 if protocol == "rest-json" else 400)


def bad_signature(service: str, protocol: str) -> AwsError:
    """The service's own words for a secret key that does not belong to the access key."""
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )
    if service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    code = "InvalidSignatureException" if protocol in ("json", "rest-json") else "SignatureDoesNotMatch"
    return AwsError(code, message, 400 if protocol == "json" else 403)


def unsigned(service: str) -> AwsError:
    """The service's own words for a request without credentials."""
    if service == "s3":
        return AwsError("AccessDenied", "Access Denied", 403)
    return AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)
