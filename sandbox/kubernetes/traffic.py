"""The request log of a cluster, and faults on its wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from ..core.faults import FaultRule
from .errors import ApiError, qualified
from .requests import RequestInfo, request_info
from .store import dump

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
# The rule that strikes (operation, method, path), as ``Faults.match``.
Strike = Callable[[str, str, str], FaultRule | None]
_CHANGING = ("create", "update", "patch", "delete", "deletecollection")
_ASKING = (
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "tokenreviews",
)


class Record(Protocol):
    """Takes one entry, as ``Journal.record``."""

    def __call__(
        self, *, method: str, path: str, operation: str, status: int, start: float, write: bool, fault: str | None
    ) -> None: ...


def operation_of(info: RequestInfo) -> str:
    """``kubernetes.patch.deployments.apps/status``, ``kubernetes.get`` for paths without a resource."""
    if not info.is_resource:
        return f"kubernetes.{info.verb}"
    name = qualified(info.resource, info.group)
    return f"kubernetes.{info.verb}.{name}" + (f"/{info.subresource}" if info.subresource else "")


def is_write(info: RequestInfo, dry_run: bool) -> bool:
    """Whether a request may change the cluster: no dry run, question, token or request to a pod."""
    asks = info.resource in _ASKING or info.subresource in ("token", "proxy", "exec", "portforward")
    return info.is_resource and info.verb in _CHANGING and not dry_run and not asks


class Traffic:
    """Around the API of one cluster. Requests of the cluster's own controllers (``own_token``) pass unseen.

    ``record`` and ``strike`` are called in the thread of the API server: a journal that belongs to another thread
    has to be handed its entries there (``loop.call_soon_threadsafe``).
    """

    def __init__(self, handle: Handler, own_token: str, record: Record | None, strike: Strike | None) -> None:
        self._handle = handle
        self._own = f"Bearer {own_token}"
        self._record = record
        self._strike = strike

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer of the API, or of a fault."""
        if (self._record is None and self._strike is None) or request.headers.get("Authorization") == self._own:
            return await self._handle(request)
        start = time.time()
        info = request_info(request.method, request.path, request.query)
        operation = operation_of(info)
        rule = self._strike(operation, request.method, request.path) if self._strike else None
        entry: dict[str, Any] = {
            "method": request.method,
            "path": request.path,
            "operation": operation,
            "start": start,
            "write": is_write(info, request.query.get("dryRun") == "All"),
            "fault": rule.kind if rule else None,
        }
        status = 0
        try:
            response = await self._answer(rule, request)
            if response is not None:
                status = response.status
                return response
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        finally:
            if self._record is not None:
                self._record(**entry, status=status)

    async def _answer(self, rule: FaultRule | None, request: web.BaseRequest) -> web.StreamResponse | None:
        """None: the connection is to be closed without an answer."""
        if rule is not None:
            if rule.kind == "drop":
                return None
            if rule.kind in ("throttle", "error"):
                return _refusal(rule)
            if rule.kind == "slow":
                await asyncio.sleep(rule.seconds)
        response = await self._handle(request)
        return None if rule is not None and rule.kind == "drop_after" else response


def _refusal(rule: FaultRule) -> web.Response:
    """As the API server throttles (429) or fails (500)."""
    if rule.kind == "throttle":
        message = rule.message or "the server has received too many requests and has asked us to try again later"
        error = ApiError(rule.status or 429, rule.code or "TooManyRequests", message, {"retryAfterSeconds": 1})
    else:
        message = rule.message or "Internal error occurred"
        error = ApiError(rule.status or 500, rule.code or "InternalError", message)
    headers = {"Content-Type": "application/json"} | ({"Retry-After": "1"} if rule.kind == "throttle" else {})
    return web.Response(body=dump(error.body()), status=error.code, headers=headers)
