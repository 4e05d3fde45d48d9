"""Run one emulated cloud in this process: bind, build, tell where it is, stop when idle or told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .core.connection import CLOUDS, SCHEMES, ca_directory
from .core.context import CloudEmulator, Context
from .core.durations import Profile
from .core.journal import Journal
from .core.server import ACTIVITY, Activity, build_app
from .core.tls import Authority


@dataclass(frozen=True)
class Options:
    """How one cloud is served. ``port`` 0 = any free one; ``parent`` = stop when that process is gone (0 = never)."""

    cloud: str
    directory: Path
    port: int = 0
    profile: str = "instant"
    scale: float = 60.0
    idle_minutes: float = 240.0
    parent: int = 0


def state_file(directory: Path, cloud: str) -> Path:
    """Where a running emulator says how it is reached: ``{cloud, pid, port, url}``."""
    return directory / f"{cloud}.json"


def run(options: Options) -> None:
    """Serve until stopped. Raises OSError when the port is taken, ModuleNotFoundError for a missing cloud."""
    if options.cloud not in CLOUDS:
        raise ValueError(f"unknown cloud {options.cloud!r}: one of {', '.join(CLOUDS)}")
    asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    directory = options.directory.resolve()
    state_dir = directory / options.cloud
    state_dir.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    port = listener.getsockname()[1]
    scheme = SCHEMES[options.cloud]
    url = f"{scheme}://127.0.0.1:{port}"
    authority = Authority(ca_directory(directory))
    context = Context(
        url=url,
        state_dir=state_dir,
        authority=authority,
        journal=Journal(options.cloud, directory / f"{options.cloud}.journal.jsonl"),
        profile=Profile(options.profile, options.scale),
    )
    emulator: CloudEmulator = importlib.import_module(f"sandbox.{options.cloud}").create(context)
    app = build_app(emulator, context)
    # access_log=None: the journal is the request log.
    # Bodies are stored as they were sent: an object with a content encoding stays encoded.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=False, shutdown_timeout=2.0, auto_decompress=False
    )
    await runner.setup()
    ssl_context = authority.server_context(options.cloud) if scheme == "https" else None
    await web.SockSite(runner, listener, ssl_context=ssl_context, backlog=1024).start()
    # The service models stay for the whole life of the process: keep the collector away from them.
    gc.collect()
    gc.freeze()
    told = state_file(directory, options.cloud)
    _write_json(told, {"cloud": options.cloud, "pid": os.getpid(), "port": port, "url": url})
    try:
        await _until_over(app, context.journal, options)
    finally:
        await runner.cleanup()
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(told.read_text(encoding="utf-8"))["pid"] == os.getpid():
                told.unlink()


def idle_for(activity: Activity, journal: Journal) -> float:
    """Seconds without a request, be it to the cloud or to one of its clusters."""
    return time.monotonic() - max(activity.last, journal.last)


async def _until_over(app: web.Application, journal: Journal, options: Options) -> None:
    activity = app[ACTIVITY]
    activity.last = time.monotonic()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, activity.stop.set)
    while not activity.stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(activity.stop.wait(), timeout=1.0)
        if idle_for(activity, journal) > options.idle_minutes * 60:
            return
        if options.parent and os.getppid() != options.parent:
            return


def _write_json(path: Path, data: dict[str, object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data), encoding="utf-8")
    temporary.replace(path)
