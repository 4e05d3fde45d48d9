"""A cluster of real binaries: etcd, kube-apiserver and, when it is there, kube-controller-manager as child processes.

Requests come in where the embedded server would be, with its certificate, request log and faults, and are passed on.
What the real server has to ask elsewhere, it asks this process (``companion``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ..core.tls import LOOPBACK, Authority
from .assets import OWN_CONTROLLERS, WORKLOAD_CONTROLLERS, Assets, Layout
from .authorization import Decide
from .companion import loopback_proxy, reviews
from .errors import ApiError
from .identity import TokenCheck, UserInfo
from .logs import Logs, LogSource
from .requests import request_info
from .server import CONTROLLERS, SERVICE_NAMES, Endpoint
from .store import Body, dump
from .traffic import Record, Strike

_LOG = logging.getLogger(__name__)
_READY_SECONDS, _POLL_SECONDS, _STOP_SECONDS = 80.0, 0.1, 10.0
_TAIL = 2000
_CHUNK = 64 * 1024
_HOP = {"connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class RealServer(Endpoint):
    """A control plane of child processes, at the address that the cloud hands out. ``directory`` is theirs.

    ``first``: objects that are there from the start. ``workloads``: have the controller manager run Deployments and
    the like too, where there is one.
    """

    start_seconds = _READY_SECONDS + 10

    def __init__(
        self,
        name: str,
        found: Assets,
        check: TokenCheck,
        authority: Authority,
        directory: Path,
        place: tuple[str, int] = ("127.0.0.1", 0),
        record: Record | None = None,
        strike: Strike | None = None,
        listener: socket.socket | None = None,
        *,
        decide: Decide | None = None,
        first: Sequence[Body] = (),
        workloads: bool = True,
    ) -> None:
        super().__init__(name, authority, place, record, strike, listener)
        self._found = found
        self._directory = directory
        self._check = check
        self._decide = decide
        self._first = first
        self._manager_runs = (*OWN_CONTROLLERS, *(WORKLOAD_CONTROLLERS if workloads else ()))
        self._logs = Logs()
        self._layout: Layout | None = None
        self._session: aiohttp.ClientSession | None = None
        self._children: list[asyncio.subprocess.Process] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # Endpoints: the addresses of pods are loopback, which a real server refuses there.
        self.brings = frozenset(("Endpoints", *(_BROUGHT if workloads and found.manager is not None else ())))

    @property
    def running(self) -> list[int]:
        """Ids of its processes."""
        return [child.pid for child in self._children if child.returncode is None]

    def read_logs_from(self, source: LogSource) -> None:
        self._logs.source = source

    def put(self, bodies: Sequence[Body]) -> None:
        """Soon there: nobody waits for the requests that this takes."""

        def begin() -> None:
            task = self._loop.create_task(self._put(bodies))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(begin)

    def upgrade(self, version: str) -> None:
        """Binaries are of one version."""
        _LOG.warning("%s stays at the version of its binaries instead of %s", self.name, version)

    @contextlib.asynccontextmanager
    async def behind(self) -> AsyncIterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True)
        # As in the embedded server, nothing outlives a stop.
        await asyncio.to_thread(shutil.rmtree, self._directory / "etcd", ignore_errors=True)
        certificate = self._authority.server_context("companion", LOOPBACK)
        trust = ssl.create_default_context(cafile=str(self._authority.certificate_file))
        async with contextlib.AsyncExitStack() as stack:
            address = await stack.enter_async_context(reviews(self._user, self._decide, certificate))
            egress = await stack.enter_async_context(loopback_proxy())
            etcd_port, peer_port, port = _free_ports(3)
            self._layout = Layout(
                self._directory,
                self._authority,
                (*LOOPBACK, *SERVICE_NAMES),
                etcd_port,
                peer_port,
                port,
                reviews=address,
                asks_cloud=self._decide is not None,
                egress=egress,
                token=self.token,
            )
            connector = aiohttp.TCPConnector(ssl=trust, limit=0)
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                )
            )
            stack.push_async_callback(self._end)
            await self._begin(self._layout)
            yield

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            async with self._passed_on(request) as answer:
                info = request_info(request.method, request.path, request.query)
                asks_log = (info.resource, info.subresource) == ("pods", "log")
                if asks_log and answer.status >= 500:  # allowed and sensible, but no node answers: the sandbox has it
                    return await self._log(request)
                return await _copied(request, answer)
        except ApiError as error:
            return _status(error)
        except (aiohttp.ClientError, TimeoutError) as problem:
            return _status(ApiError(503, "ServiceUnavailable", f"the API server does not answer: {problem}"))

    # --- requests -------------------------------------------------------------------------------------------------

    def _passed_on(self, request: web.BaseRequest) -> Any:
        session, layout = self._open()
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP]
        data = request.content.iter_chunked(_CHUNK) if request.can_read_body else None
        return session.request(
            request.method,
            f"{layout.url}{request.raw_path}",
            headers=headers,
            data=data,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def _log(self, request: web.BaseRequest) -> web.StreamResponse:
        pod = await self._own("GET", request.path.rpartition("/log")[0])
        if pod is None:
            raise ApiError(404, "NotFound", "the pod is gone")
        return await self._logs.answer(request, pod)

    async def _own(self, method: str, path: str, body: Body | None = None) -> Body | None:
        """A request of our own; None for what is not there, or (POST) is there already."""
        session, layout = self._open()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else dump(body)
        async with session.request(method, layout.url + path, headers=headers, data=data) as answer:
            found: Body = await answer.json(content_type=None)
            if answer.status in (404, 409):
                return None
            if answer.status >= 400:
                raise ApiError(answer.status, str(found.get("reason")), str(found.get("message")))
            return found

    async def _put(self, bodies: Sequence[Body]) -> None:
        for body in bodies:
            try:
                version, meta = body["apiVersion"], body["metadata"]
                base = f"/apis/{version}" if "/" in version else f"/api/{version}"
                served = await self._own("GET", base) or {"resources": []}
                plural = next(
                    one["name"] for one in served["resources"] if one["kind"] == body["kind"] and "/" not in one["name"]
                )
                scope = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
                made = await self._own("POST", f"{base}{scope}/{plural}", body)
                if made is not None and body.get("status"):  # such as a node's, which is written apart
                    made["status"] = body["status"]
                    await self._own("PUT", f"{base}{scope}/{plural}/{meta['name']}/status", made)
            except (ApiError, StopIteration, aiohttp.ClientError, TimeoutError):
                _LOG.exception("%s: %s %s", self.name, body.get("kind"), body["metadata"].get("name"))

    def _user(self, token: str) -> UserInfo | None:
        return CONTROLLERS if token == self.token else self._check(token)

    def _open(self) -> tuple[aiohttp.ClientSession, Layout]:
        if self._session is None or self._layout is None:
            raise RuntimeError("the server does not run")
        return self._session, self._layout

    # --- processes ------------------------------------------------------------------------------------------------

    async def _begin(self, layout: Layout) -> None:
        await self._run_child("etcd", layout.etcd(self._found))
        await self._run_child("kube-apiserver", layout.apiserver(self._found))
        async with asyncio.timeout(_READY_SECONDS):
            while not await self._is_ready():
                for child, name in zip(self._children, ("etcd", "kube-apiserver"), strict=True):
                    if child.returncode is not None:
                        raise RuntimeError(f"{name} has ended with {child.returncode}:\n{self._tail(name)}")
                await asyncio.sleep(_POLL_SECONDS)
        if self._found.manager is not None:
            command = layout.manager(self._found, self._manager_runs)
            await self._run_child("kube-controller-manager", command)
        await self._put(self._first)

    async def _run_child(self, name: str, command: list[str]) -> None:
        with (self._directory / f"{name}.log").open("wb") as log:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory
            )
        self._children.append(child)

    async def _is_ready(self) -> bool:
        session, layout = self._open()
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with session.get(f"{layout.url}/readyz", headers=headers) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _end(self) -> None:
        """Last started, first ended; each by its own handle."""
        for task in self._tasks:
            task.cancel()
        while self._children:
            child = self._children.pop()
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), _STOP_SECONDS)
            except TimeoutError:
                child.kill()
                await child.wait()

    def _tail(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_bytes()[-_TAIL:].decode(errors="replace")


# Of the sandbox's controllers, by the names of their classes: WORKLOAD_CONTROLLERS do their work.
_BROUGHT = ("Deployments", "ReplicaSets", "StatefulSets", "DaemonSets", "Jobs", "CronJobs", "DisruptionBudgets")


async def _copied(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in headers:
        response.headers.add(name, value)
    if answer.headers.get("Transfer-Encoding"):
        response.enable_chunked_encoding()
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def _status(error: ApiError) -> web.Response:
    return web.Response(body=dump(error.body()), status=error.code, headers={"Content-Type": "application/json"})


def _free_ports(count: int) -> list[int]:
    """Free a moment ago: the binaries take no open sockets."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]
