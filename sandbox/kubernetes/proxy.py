"""The way through the API server to what runs in the cluster: ``services/<id>/proxy`` and ``pods/<id>/proxy``.

Ids are ``name``, ``name:port`` and ``scheme:name:port``. WebSockets are refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from .catalogue import Resource
from .errors import ApiError, bad_request
from .kinds.base import at
from .registry import Registry
from .requests import RequestInfo

_SCHEMES = ("", "http", "https")
# For this connection, or for the API server alone.
_NOT_FORWARDED = (
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
_NOT_ANSWERED = (
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "connection",
    "content-length",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)
_IDLE_SECONDS = 2.0  # less than servers keep a connection: a POST on one that is just closing cannot be repeated
_CHUNK = 64 * 1024
_OWN_PARTS = len(["", "api", "v1", "namespaces", "NAMESPACE", "services", "ID", "proxy"])


class Proxy:
    """Forwards requests to the loopback addresses of pods."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._session: aiohttp.ClientSession | None = None

    async def answer(self, request: web.BaseRequest, resource: Resource, info: RequestInfo) -> web.StreamResponse:
        """What the process answers; 503 when there is none, or none that can be reached."""
        find = self._service if resource.id == "services" else self._pod
        target = find(resource, info)
        if request.headers.get("Upgrade"):
            raise ApiError(501, "NotImplemented", "connections of another protocol are not forwarded")
        path, mark, query = request.raw_path.partition("?")
        parts = path.split("/")
        prefix, below = "/".join(parts[:_OWN_PARTS]), "".join(f"/{part}" for part in parts[_OWN_PARTS:])
        if not below and request.method in ("GET", "HEAD"):
            return web.Response(status=301, headers={"Location": f"{prefix}/{mark}{query}"})
        return await self._forward(request, f"{target}{below or '/'}{mark}{query}", prefix)

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _forward(self, request: web.BaseRequest, url: str, prefix: str) -> web.StreamResponse:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=False, keepalive_timeout=_IDLE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=_TIMEOUT, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = _forwarded(request)
        try:
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=_body(request) if request.can_read_body else None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as found:
                return await _answered(request, found, url, prefix)
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise _unreachable(url, error) from None

    # --- targets --------------------------------------------------------------------------------------------------

    def _service(self, resource: Resource, info: RequestInfo) -> str:
        """A ready endpoint of a Service, any one of them."""
        scheme, name, port = _split(info.name, "service")
        service = self._registry.get(resource, info.namespace, name).body
        if port.isdigit():
            ports = at(service, "spec.ports") or []
            found = next((one for one in ports if one["port"] == int(port)), None)
            if found is None:
                raise _unavailable(f'no service port {port} found for service "{name}"')
            port = found.get("name", "")
        endpoints = self._registry.store.get("endpoints", (info.namespace, name))
        subsets = [] if endpoints is None else endpoints.body.get("subsets") or []
        places = [
            (address["ip"], one["port"])
            for subset in subsets
            for address in subset.get("addresses") or []
            for one in subset.get("ports") or []
            if one.get("name", "") == port and self._is_there(address, info.namespace)
        ]
        if not places:
            raise _unavailable(f'no endpoints available for service "{info.name if subsets else name}"')
        ip, number = random.choice(places)  # noqa: S311 - not a secret
        return f"{scheme or 'http'}://{ip}:{number}"

    def _is_there(self, address: dict[str, Any], namespace: str) -> bool:
        """Whether the pod of an endpoint exists with this address."""
        pod = self._registry.store.get("pods", (namespace, at(address, "targetRef.name") or ""))
        return pod is not None and at(pod.body, "status.podIP") == address["ip"]

    def _pod(self, resource: Resource, info: RequestInfo) -> str:
        """A pod, at its first port unless told otherwise."""
        scheme, name, port = _split(info.name, "pod")
        pod = self._registry.get(resource, info.namespace, name).body
        ip = at(pod, "status.podIP")
        if not ip:
            raise bad_request("address not allowed")
        ports = [one["containerPort"] for box in pod["spec"]["containers"] for one in box.get("ports") or []]
        chosen = port or next(map(str, ports), "")
        if chosen and not chosen.isdigit():
            raise bad_request(f'invalid pod request "{info.name}"')
        return f"{scheme or 'http'}://{ip}" + (f":{chosen}" if chosen else "")


def _split(identity: str, kind: str) -> tuple[str, str, str]:
    """Scheme, name and port; 400 for anything else."""
    parts = identity.split(":")
    scheme, name, port = {1: ("", *parts, ""), 2: ("", *parts), 3: tuple(parts)}.get(len(parts), ("", "", ""))
    if not name or scheme not in _SCHEMES:
        raise bad_request(f'invalid {kind} request "{identity}"')
    return scheme, name, port


def _forwarded(request: web.BaseRequest) -> list[tuple[str, str]]:
    """The client's headers without its credentials, and where it came from."""
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _NOT_FORWARDED and not name.lower().startswith("impersonate-")
    ]
    return [
        *kept,
        ("X-Forwarded-For", request.remote or "127.0.0.1"),
        ("X-Forwarded-Host", request.host),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Uri", request.path),
    ]


async def _body(request: web.BaseRequest) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(_CHUNK):
        yield chunk


async def _answered(
    request: web.BaseRequest, found: aiohttp.ClientResponse, url: str, prefix: str
) -> web.StreamResponse:
    response = web.StreamResponse(status=found.status, reason=found.reason)
    for name, value in found.headers.items():
        if name.lower() == "location":
            response.headers.add(name, _moved(value, url, prefix))
        elif name.lower() not in _NOT_ANSWERED:
            response.headers.add(name, value)
    if found.content_length is not None:
        response.content_length = found.content_length
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in found.content.iter_any():
            await response.write(chunk)
    await response.write_eof()
    return response


def _moved(location: str, url: str, prefix: str) -> str:
    """A redirect within the process goes through the API server again."""
    own, to = urlsplit(url), urlsplit(location)
    if to.netloc and to.netloc != own.netloc:
        return location
    if not to.path.startswith("/"):
        return location
    return prefix + to.path + (f"?{to.query}" if to.query else "")


def _unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def _unreachable(url: str, error: Exception) -> ApiError:
    where = urlsplit(url)
    number = where.port or (443 if where.scheme == "https" else 80)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return _unavailable("error trying to reach service: EOF")
    cause = getattr(error, "os_error", error)
    if isinstance(cause, (asyncio.TimeoutError, TimeoutError)):
        why = "i/o timeout"
    else:
        why = "connect: " + (getattr(cause, "strerror", None) or str(cause)).lower()
        if isinstance(cause, ConnectionRefusedError):
            why = "connect: connection refused"
    return _unavailable(f"error trying to reach service: dial tcp {where.hostname}:{number}: {why}")
