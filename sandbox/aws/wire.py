"""HTTP requests to calls of a service's operation, and results back, by botocore's service descriptions."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from aiohttp import web
from botocore.exceptions import UnknownServiceError
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    determine_request_protocol,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from .errors import RawResponse
from .validate import unknown_members

# Signing name -> botocore's name of the service, where they differ.
_SIGNING_NAMES = {
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "email": "sesv2",
}
_READS = ("Describe", "Get", "List", "Head", "Lookup", "Search", "Simulate", "Check", "Select", "BatchGet", "Decode")
_UNSIGNED_STS = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")


@dataclass
class Call:
    """One request, understood. ``params`` are named as in boto3; ``unknown`` are those the service does not have."""

    service: str
    action: str
    region: str
    protocol: str
    environ: dict[str, Any]
    body: bytes
    access_key: str | None
    operation: OperationModel | None = None
    params: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    malformed: str | None = None

    @property
    def name(self) -> str:
        """``service.Action``."""
        return f"{self.service}.{self.action}"

    @property
    def is_write(self) -> bool:
        """Whether the operation changes something. Assuming a role hands out credentials and changes nothing."""
        return not self.action.startswith((*_READS, "AssumeRole"))


def parse(request: web.Request, body: bytes) -> Call:
    """Understand a request as far as possible; what cannot be understood has an empty ``action``."""
    environ = build_environ(request, body)
    access_key, region, signing_name = _credential(environ)
    service = _service_of(signing_name, environ, body)
    moto_request = Request(dict(environ, **{"wsgi.input": io.BytesIO(body)}))
    call = Call(service, "", region or "us-east-1", "rest-xml", environ, body, access_key)
    try:
        model = get_service_model(service)
        call.protocol = determine_request_protocol(model, moto_request.content_type)
        operation, uri_params = get_service_router(service).match(moto_request)
    except (UnknownServiceError, HTTPException, NotImplementedError):
        call.action = _action_without_model(environ, body)
        return call
    call.operation, call.action = operation, str(operation.name)
    if service == "s3" and call.action in ("PutObject", "UploadPart"):
        # Bytes of an object are not parameters: leave them where they are.
        call.params = dict(uri_params)
        return call
    parser = PROTOCOL_PARSERS[call.protocol](operation)
    try:
        call.params = parser.parse(
            {
                "method": moto_request.method,
                "values": moto_request.values,
                "headers": moto_request.headers,
                "body": body,
                "url_path": moto_request.path,
                "url_params": uri_params,
            }
        )
        call.unknown = unknown_members(call.protocol, operation, body, environ["QUERY_STRING"])
    except Exception as error:  # whatever moto's parser stumbles over is a malformed request
        call.malformed = f"{type(error).__name__}: {error}"
    return call


def build_environ(request: web.Request, body: bytes) -> dict[str, Any]:
    """The WSGI environment of a request whose body has been read."""
    raw_path = request.raw_path.split("?", 1)[0]
    host, _, port = request.host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": request.rel_url.raw_query_string,
        "RAW_URI": request.raw_path,
        "REQUEST_URI": request.raw_path,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        # The endpoint stands for AWS's, which is HTTPS: conditions on secure transport hold.
        "wsgi.url_scheme": "https",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    names: dict[str, str] = {}
    for name, value in request.headers.items():
        if name.lower() in ("content-length", "transfer-encoding"):
            continue
        key = environ_key_for_header(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
        if should_preserve_original_header_name(name):
            names[key] = name
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
    return environ


def _credential(environ: dict[str, Any]) -> tuple[str | None, str, str]:
    """Access key, region and signing name from the header or from a presigned query."""
    scope = ""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if authorization.startswith("AWS4-") and "Credential=" in authorization:
        scope = authorization.split("Credential=", 1)[1].split(",", 1)[0].strip()
    elif "X-Amz-Credential=" in environ["QUERY_STRING"]:
        scope = parse_qs(environ["QUERY_STRING"])["X-Amz-Credential"][0]
    parts = scope.split("/")
    if len(parts) != 5:
        return None, "", ""
    return parts[0], parts[2], parts[3].lower()


def _service_of(signing_name: str, environ: dict[str, Any], body: bytes) -> str:
    if signing_name == "elasticloadbalancing":
        return "elbv2" if b"Version=2015-12-01" in body else "elb"
    if signing_name:
        return _SIGNING_NAMES.get(signing_name, signing_name)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "sts" if _action_without_model(environ, body) in _UNSIGNED_STS else "ec2"
    return "s3"


def _action_without_model(environ: dict[str, Any], body: bytes) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rsplit(".", 1)[-1]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return ""


def serialize(call: Call, result: dict[str, Any]) -> RawResponse:
    """A result, named as in boto3, in the wire format of the call's protocol."""
    if call.operation is None:
        raise ValueError(f"{call.name} has no service description")
    serializer = get_serializer_class(call.service, call.protocol)(operation_model=call.operation)
    answer = serializer.serialize(result)
    body = answer["body"]
    headers = [(str(key), str(value)) for key, value in answer["headers"].items()]
    headers = [(key, "application/json" if value == "text" else value) for key, value in headers]
    headers.append(("x-amzn-RequestId", str(uuid.uuid4())))
    return RawResponse(answer["status_code"], headers, body.encode() if isinstance(body, str) else body)
