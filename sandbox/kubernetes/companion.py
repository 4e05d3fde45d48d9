"""What a real API server asks of its surroundings: who, whether, and a way out that ends on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from .authorization import Attributes, Decide
from .identity import TokenCheck, UserInfo

_HEAD_SECONDS = 10.0
_CHUNK = 64 * 1024


@contextlib.asynccontextmanager
async def reviews(check: TokenCheck, decide: Decide | None, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Answers TokenReviews by ``check`` and SubjectAccessReviews by ``decide``; yields its https address."""

    async def review(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405)
        asked = json.loads(await request.read())
        spec: dict[str, Any] = asked.get("spec") or {}
        status: dict[str, Any]
        if asked.get("kind") == "TokenReview":
            user = check(spec.get("token", ""))
            status = {"authenticated": False} if user is None else {"authenticated": True, "user": user.body()}
        elif asked.get("kind") == "SubjectAccessReview" and decide is not None:
            verdict = decide(*_question(spec))
            status = {"allowed": verdict.allowed, "reason": verdict.reason}
        else:
            return web.Response(status=400)
        return web.json_response({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "status": status})

    runner = web.ServerRunner(web.Server(review, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _question(spec: dict[str, Any]) -> tuple[UserInfo, Attributes]:
    """Who wants to do what, of a SubjectAccessReview's spec."""
    user = UserInfo(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), spec.get("extra") or {})
    about = spec.get("resourceAttributes")
    if about is None:
        paths = spec.get("nonResourceAttributes") or {}
        return user, Attributes(paths.get("verb", ""), path=paths.get("path", ""))
    names = ("verb", "group", "resource", "subresource", "namespace", "name")
    return user, Attributes(*(about.get(name, "") for name in names))


@contextlib.asynccontextmanager
async def loopback_proxy() -> AsyncIterator[str]:
    """An HTTP CONNECT proxy to loopback addresses; 403 for all others. Yields its http address."""
    open_now: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            open_now.add(task)
            task.add_done_callback(open_now.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            await _connect(head, reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


async def _connect(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method, target, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
    host, _, port = target.rpartition(":")
    if method != "CONNECT" or not port.isdigit():
        writer.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
    elif not _is_loopback(host.strip("[]")):
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    else:
        try:
            far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        if writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
