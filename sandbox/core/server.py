"""The HTTP application around one emulated cloud: request log, faults and control routes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from .. import engines
from .context import CloudEmulator, Context
from .faults import FaultRule

CONTROL = "/_sandbox/"
_MAX_BODY = 5 * 1024**3
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Activity:
    """When the last request came; tells an idle server that it may stop."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.stop = asyncio.Event()


ACTIVITY: web.AppKey[Activity] = web.AppKey("activity", Activity)


def build_app(cloud: CloudEmulator, context: Context) -> web.Application:
    """The application that serves ``cloud``; must be called inside a running event loop."""
    app = web.Application(client_max_size=_MAX_BODY)
    app[ACTIVITY] = activity = Activity()
    _add_control_routes(app, cloud, context, activity)

    async def serve(request: web.Request) -> web.StreamResponse:
        activity.last = time.monotonic()
        return await _serve(cloud, context, request)

    app.router.add_route("*", "/{path:.*}", serve)

    async def close_journal(_: web.Application) -> None:
        context.journal.close()

    app.on_cleanup.append(_stop_clusters)
    app.on_cleanup.append(close_journal)
    return app


async def _stop_clusters(_: web.Application) -> None:
    """The API servers of the cloud's clusters end with it; a cloud without clusters has never loaded them."""
    managed = sys.modules.get("sandbox.kubernetes.managed")
    if managed is not None:
        await asyncio.get_running_loop().run_in_executor(None, managed.stop_all)


async def _serve(cloud: CloudEmulator, context: Context, request: web.Request) -> web.StreamResponse:
    start = time.time()
    body = await request.read()
    try:
        operation, write = cloud.operation_name(request, body), cloud.is_write(request, body)
    except (ValueError, KeyError, LookupError, UnicodeDecodeError):
        # A request that cannot be understood is still logged; the emulator answers it as the cloud would.
        operation, write = "unknown", False
    rule = context.faults.match(operation, request.method, request.path)
    status = 0
    try:
        response = await _answer(cloud, rule, request)
        if response is not None:
            status = response.status
            return response
        _hang_up(request)
        return web.Response(status=503)
    finally:
        context.journal.record(
            method=request.method,
            path=request.path,
            operation=operation,
            status=status,
            start=start,
            write=write,
            fault=rule.kind if rule else None,
        )


async def _answer(cloud: CloudEmulator, rule: FaultRule | None, request: web.Request) -> web.StreamResponse | None:
    """The response, or None when the connection shall be closed without one."""
    if rule is not None:
        if rule.kind == "drop":
            return None
        if rule.kind in ("throttle", "error"):
            return cloud.fault_response(rule)
        if rule.kind == "slow":
            await asyncio.sleep(rule.seconds)
    response = await cloud.handle(request)
    return None if rule is not None and rule.kind == "drop_after" else response


def _hang_up(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        transport.abort()


def _add_control_routes(app: web.Application, cloud: CloudEmulator, context: Context, activity: Activity) -> None:
    async def health(_: web.Request) -> web.Response:
        told = {"cloud": cloud.name, "pid": os.getpid(), "url": context.url, "status": "ok"}
        return web.json_response({**told, "engines": engines.describe()})

    async def get_profile(_: web.Request) -> web.Response:
        return web.json_response({"name": context.profile.name, "scale": context.profile.scale})

    async def put_profile(request: web.Request) -> web.Response:
        data = await _json_object(request, {"name", "scale"})
        context.profile.set(data.get("name", context.profile.name), data.get("scale", context.profile.scale))
        return await get_profile(request)

    async def get_faults(_: web.Request) -> web.Response:
        return web.json_response([rule.as_dict() for rule in context.faults.rules()])

    async def post_faults(request: web.Request) -> web.Response:
        rule = context.faults.add(FaultRule.from_dict(await _json_object(request)))
        return web.json_response(rule.as_dict(), status=201)

    async def delete_faults(request: web.Request) -> web.Response:
        context.faults.clear(int(request.query["id"]) if "id" in request.query else None)
        return web.json_response({})

    async def get_quotas(_: web.Request) -> web.Response:
        return web.json_response(context.quotas.as_dict())

    async def put_quotas(request: web.Request) -> web.Response:
        context.quotas.set(await _json_object(request))
        return await get_quotas(request)

    async def post_clock(request: web.Request) -> web.Response:
        context.clock.advance(float((await _json_object(request, {"advance"})).get("advance", 0)))
        return web.json_response({})

    async def reset(_: web.Request) -> web.Response:
        cloud.reset()
        context.faults.clear()
        context.quotas.reset()
        return web.json_response({})

    async def servers(_: web.Request) -> web.Response:
        # Real servers behind emulated instances, of clouds that name them.
        return web.json_response(list(cloud.servers()) if hasattr(cloud, "servers") else [])

    async def clusters(_: web.Request) -> web.Response:
        managed = sys.modules.get("sandbox.kubernetes.managed")
        return web.json_response(managed.all_for_people() if managed is not None else [])

    async def journal(request: web.Request) -> web.Response:
        return web.json_response(context.journal.since(int(request.query.get("since", "0"))))

    async def shutdown(_: web.Request) -> web.Response:
        activity.stop.set()
        return web.json_response({})

    routes: list[tuple[str, str, _Handler]] = [
        ("GET", "health", health),
        ("GET", "profile", get_profile),
        ("PUT", "profile", put_profile),
        ("GET", "faults", get_faults),
        ("POST", "faults", post_faults),
        ("DELETE", "faults", delete_faults),
        ("GET", "quotas", get_quotas),
        ("PUT", "quotas", put_quotas),
        ("POST", "clock", post_clock),
        ("POST", "reset", reset),
        ("GET", "journal", journal),
        ("GET", "servers", servers),
        ("GET", "clusters", clusters),
        ("POST", "shutdown", shutdown),
    ]
    for method, name, handler in routes:
        app.router.add_route(method, CONTROL + name, _refusing_nonsense(handler))


def _refusing_nonsense(handler: _Handler) -> _Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return guarded


async def _json_object(request: web.Request, allowed: set[str] | None = None) -> dict[str, Any]:
    data = json.loads(await request.read() or b"{}")
    if not isinstance(data, dict):
        raise ValueError("a JSON object is expected")
    if allowed is not None and set(data) - allowed:
        raise ValueError(f"unknown fields: {', '.join(sorted(set(data) - allowed))}")
    return data
