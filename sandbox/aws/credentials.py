"""Who calls: access keys and SigV4 signatures."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, quote

from ..core.connection import AWS_ACCESS_KEY, AWS_SECRET_KEY
from .errors import bad_signature, unknown_key, unsigned
from .wire import Call
from .world import World

_UNSIGNED = ("sts.AssumeRoleWithWebIdentity", "sts.AssumeRoleWithSAML")


def check(world: World, call: Call) -> None:
    """Raise the service's own error unless the request is signed with a key of the account."""
    if call.access_key is None:
        if call.name in _UNSIGNED:
            return
        raise unsigned(call.service)
    secret = _secret_of(world, call.access_key)
    if secret is None:
        raise unknown_key(call.service, call.protocol)
    authorization = call.environ.get("HTTP_AUTHORIZATION", "")
    if authorization.startswith("AWS4-HMAC-SHA256") and not _signed_with(secret, call, authorization):
        raise bad_signature(call.service, call.protocol)


def _secret_of(world: World, access_key: str) -> str | None:
    if access_key == AWS_ACCESS_KEY:
        return AWS_SECRET_KEY
    # Keys of users and of assumed roles alike.
    key = world.iam().access_keys.get(access_key)
    return str(key.secret_access_key) if key is not None and key.status == "Active" else None


def _signed_with(secret: str, call: Call, authorization: str) -> bool:
    """Whether the signature is that of ``secret`` over the request as it arrived."""
    fields = dict(part.strip().split("=", 1) for part in authorization.split(" ", 1)[1].split(",") if "=" in part)
    _, date, region, service, terminator = fields["Credential"].split("/")
    request = _canonical_request(call, fields["SignedHeaders"], service)
    stamp = call.environ.get("HTTP_X_AMZ_DATE", "")
    scope = f"{date}/{region}/{service}/{terminator}"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for step in (date, region, service, terminator):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    wanted = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, fields["Signature"])


def _canonical_request(call: Call, signed_headers: str, service: str) -> str:
    environ = call.environ
    path = environ["RAW_URI"].split("?", 1)[0] or "/"
    if service != "s3":
        # Every service but S3 signs the path encoded twice.
        path = quote(path, safe="/~")
    query = "&".join(sorted(f"{_encode(key)}={_encode(value)}" for key, value in _query_items(environ["QUERY_STRING"])))
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in signed_headers.split(";"))
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(call.body).hexdigest()
    return "\n".join((environ["REQUEST_METHOD"], path, query, headers, signed_headers, payload))


def _query_items(query: str) -> list[tuple[str, str]]:
    # A plus sign stands for itself in a signed query.
    return parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    if key == "CONTENT_LENGTH":
        return str(environ.get("CONTENT_LENGTH", ""))
    value = environ.get(key if key == "CONTENT_TYPE" else f"HTTP_{key}", "")
    return " ".join(str(value).split())
