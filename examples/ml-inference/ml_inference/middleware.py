"""Around every request: the size of its body is bounded, it is counted, timed and logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from .logs import FIELDS
from .metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("ml_inference")
LARGEST_BODY = 1024 * 1024
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Asked every few seconds by machines: logged when something is wrong, or at DEBUG.
_QUIET = ("/health", "/ready", "/metrics")


class Observed:
    """ASGI middleware; ``starlette``'s own base class would hide what is streamed."""

    def __init__(self, app: ASGIApp, metrics: Metrics, draining: Callable[[], bool]) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began, received = 500, time.perf_counter(), 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise HTTPException(413, f"the body is longer than {LARGEST_BODY} bytes")
            return message

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._draining():  # whoever asks next goes elsewhere
                    message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        try:
            with self._metrics.in_flight.track_inprogress():
                await self._app(scope, bounded, noting)
        finally:
            # Known routes and methods only: whoever asks for thousands of others makes no thousands of time series.
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            fields = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
            level = logging.DEBUG if route in _QUIET and status < 500 else logging.INFO
            _log.log(level, "request", extra={FIELDS: fields})
