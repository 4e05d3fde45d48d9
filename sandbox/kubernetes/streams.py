"""Connections into pods over WebSockets: exec, and port-forward to a pod's address.

``v5.channel.k8s.io`` and ``v4.channel.k8s.io``: the first byte of a message is its channel; kubectl forwards ports
through ``spdy``. SPDY without WebSocket, which clients used before, is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import WSMsgType, web

from ..engines.tools import setpriv
from . import spdy
from .errors import ApiError, bad_request
from .kinds.base import at
from .logs import container_of
from .requests import RequestInfo
from .store import Body

_STDIN, _STDOUT, _STDERR, _ERROR = range(4)
_CLOSE = 255
_V5 = "v5.channel.k8s.io"
_CHANNELS = (_V5, "v4.channel.k8s.io")
_PROCESS = "sandbox://"
_CHUNK = 32 * 1024
_LARGEST_MESSAGE = 16 * 1024 * 1024
_WITH_US = [program, "--pdeathsig", "KILL", "--"] if (program := setpriv()) else []
_NEEDED = "you must specify at least 1 container, command or port"


async def answer(request: web.BaseRequest, info: RequestInfo, pod: Body) -> web.StreamResponse:
    """Serve one connection until it ends."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    if info.subresource == "exec":
        return await _exec(request, pod)
    return await _forward(request, pod)


async def accepted(request: web.BaseRequest, protocols: tuple[str, ...]) -> web.WebSocketResponse:
    """The other end of a WebSocket; 400 for a client that speaks nothing that is known."""
    asked = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
    if not set(asked) & set(protocols):
        raise bad_request(f"unable to negotiate protocol: client supports {asked}, server accepts {list(protocols)}")
    socket = web.WebSocketResponse(protocols=protocols, max_msg_size=_LARGEST_MESSAGE, autoping=True)
    await socket.prepare(request)
    return socket


async def messages(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    """What the client sends, until it closes."""
    async for message in socket:
        if message.type == WSMsgType.BINARY:
            yield message.data
        elif message.type == WSMsgType.TEXT:
            yield message.data.encode()


# --- exec -----------------------------------------------------------------------------------------------------------


async def _exec(request: web.BaseRequest, pod: Body) -> web.StreamResponse:
    query = request.query
    command = query.getall("command", [])
    if not command:
        raise bad_request(_NEEDED)
    if _true(query.get("tty", "")):
        raise bad_request("terminals are not emulated: run it without a TTY")
    main = _process_of(pod, container_of(pod, query))
    environment = _environment(main)
    socket = await accepted(request, _CHANNELS)
    program = sys.executable if command[0] == "python" else shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        await _end(socket, _not_started(command[0], "executable file not found in $PATH"))
        return socket
    try:
        process = await asyncio.create_subprocess_exec(
            *_WITH_US,
            program,
            *command[1:],
            env=environment,
            cwd=f"/proc/{main}/cwd",
            stdin=asyncio.subprocess.PIPE if _true(query.get("stdin", "")) else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        await _end(socket, _not_started(command[0], str(error.strerror)))
        return socket
    try:
        outputs = [
            asyncio.create_task(_copy(process.stdout, socket, _STDOUT)),
            asyncio.create_task(_copy(process.stderr, socket, _STDERR)),
        ]
        feeding = asyncio.create_task(_feed(socket, process))
        done, _ = await asyncio.wait([feeding, *outputs], return_when=asyncio.FIRST_COMPLETED)
        if feeding in done and not all(one.done() for one in outputs) and socket.closed:
            return socket  # the client is gone
        await asyncio.gather(*outputs)
        await _end(socket, _exit_status(await process.wait()))
        feeding.cancel()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return socket


async def _copy(source: asyncio.StreamReader | None, socket: web.WebSocketResponse, channel: int) -> None:
    while source is not None and (data := await source.read(_CHUNK)):
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([channel]) + data)


async def _feed(socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
    async for data in messages(socket):
        if process.stdin is None or not data:
            continue
        if data[0] == _STDIN:
            process.stdin.write(data[1:])
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
        elif data[0] == _CLOSE and data[1:2] == bytes([_STDIN]):
            process.stdin.close()


async def _end(socket: web.WebSocketResponse, status: Body) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_bytes(bytes([_ERROR]) + json.dumps(status).encode())
        await socket.close()


def _exit_status(code: int) -> Body:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    shown = code if code > 0 else 128 - code
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit code {shown}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(shown)}]},
    }


def _not_started(name: str, why: str) -> Body:
    message = f'error executing command in container: failed to exec in container: exec: "{name}": {why}: unknown'
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}


def _process_of(pod: Body, name: str) -> int:
    """The id of a container's process; 500 for a container that has none."""
    statuses = at(pod, "status.containerStatuses") or []
    status: Body = next((one for one in statuses if one["name"] == name), {})
    identity = str(status.get("containerID", ""))
    if at(status, "state.running") is None:
        raise ApiError(500, "InternalError", f'unable to upgrade connection: container not found ("{name}")')
    if not identity.startswith(_PROCESS) or not Path(f"/proc/{identity.removeprefix(_PROCESS)}").exists():
        raise ApiError(500, "InternalError", f'container "{name}" runs in name only: there is nothing to execute in')
    return int(identity.removeprefix(_PROCESS))


def _environment(process: int) -> dict[str, str]:
    data = Path(f"/proc/{process}/environ").read_bytes()
    pairs = (os.fsdecode(entry).partition("=") for entry in data.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _true(text: str) -> bool:
    return text.lower() in ("1", "t", "true")


# --- port-forward ---------------------------------------------------------------------------------------------------


async def _forward(request: web.BaseRequest, pod: Body) -> web.StreamResponse:
    """Two channels per port: data, and errors; each begins with the port's number."""
    ip = at(pod, "status.podIP")
    if at(pod, "status.phase") != "Running" or not ip:
        phase = at(pod, "status.phase") or "Unknown"
        raise bad_request(f"unable to forward port because pod is not running. Current status={phase}")
    if spdy.PROTOCOL in request.headers.get("Sec-WebSocket-Protocol", ""):
        return await _tunnel(request, pod, ip)
    numbers = [one for text in request.query.getall("ports", []) for one in text.split(",")]
    if not numbers or not all(one.isdigit() and 0 < int(one) < 65536 for one in numbers):
        raise bad_request(_NEEDED if not numbers else f'unable to parse "{",".join(numbers)}" as ports')
    ports = [int(one) for one in numbers]
    socket = await accepted(request, _CHANNELS)
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks = []
    try:
        for index, port in enumerate(ports):
            data, error = 2 * index, 2 * index + 1
            for channel in (data, error):
                await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
            try:
                reader, writers[data] = await asyncio.open_connection(ip, port)
            except OSError as problem:
                await socket.send_bytes(bytes([error]) + unreachable(port, pod, problem).encode())
                continue
            tasks.append(asyncio.create_task(_copy(reader, socket, data)))
        reading = asyncio.create_task(_deliver(socket, writers))
        ended = asyncio.create_task(_all(tasks))
        await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        await socket.close()
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers.values():
            writer.close()
    return socket


async def _tunnel(request: web.BaseRequest, pod: Body, ip: str) -> web.StreamResponse:
    """As kubectl does it: any number of connections in one."""
    socket = await accepted(request, (spdy.PROTOCOL,))
    tunnel = spdy.Tunnel(
        socket.send_bytes,
        lambda port: asyncio.open_connection(ip, port),
        lambda port, problem: unreachable(port, pod, problem),
    )
    with contextlib.suppress(ConnectionError):
        await tunnel.run(messages(socket))
    await socket.close()
    return socket


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _deliver(socket: web.WebSocketResponse, writers: dict[int, asyncio.StreamWriter]) -> None:
    async for data in messages(socket):
        writer = writers.get(data[0]) if data else None
        if writer is not None:
            writer.write(data[1:])
            with contextlib.suppress(ConnectionError):
                await writer.drain()


def unreachable(port: int, pod: Body, problem: OSError) -> str:
    """In the words of a container runtime."""
    why = "connection refused" if isinstance(problem, ConnectionRefusedError) else str(problem.strerror or problem)
    uid = pod["metadata"]["uid"]
    return f"error forwarding port {port} to pod {uid}, uid : failed to connect to localhost:{port}: connect: {why}"
