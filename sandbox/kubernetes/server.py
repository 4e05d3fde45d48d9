"""The network side of a cluster: TLS, an event loop in a thread of its own, start and stop."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web

from ..core.clock import Clock
from ..core.tls import LOOPBACK, Authority
from .api import LARGEST_BODY, Api
from .cluster import Cluster
from .identity import MASTERS, TokenCheck, UserInfo
from .logs import LogSource
from .store import Body
from .traffic import Record, Strike, Traffic

_T = TypeVar("_T")
_START_SECONDS = 30.0
CONTROLLERS = UserInfo("system:kube-controller-manager", groups=(MASTERS,))
SERVICE_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


class Endpoint:
    """The network side of an API server: address, certificate, thread, request log. Subclasses say what answers."""

    start_seconds = 30.0
    # Of the controllers, by the names of their classes: what the server has somebody else for.
    brings: frozenset[str] = frozenset()

    def __init__(
        self,
        name: str,
        authority: Authority,
        place: tuple[str, int],
        record: Record | None = None,
        strike: Strike | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        """``listener``: a socket that listens already (connections wait in it); it is the server's from now on."""
        self.name = name
        self._authority = authority
        self._host, self._port = place
        self._listener = listener
        # For the cluster's own controllers.
        self.token = secrets.token_urlsafe(32)
        self._traffic = Traffic(self.answer, self.token, record, strike)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: threading.Event = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"kubernetes-{name}", daemon=True)

    @property
    def url(self) -> str:
        """``https://127.0.0.1:40123``."""
        return f"https://{self._host}:{self._port}"

    @property
    def ca_pem(self) -> bytes:
        """The CA that signed the server's certificate."""
        return self._authority.pem

    @property
    def ca_file(self) -> Path:
        """The file that ``ca_pem`` is in."""
        return self._authority.certificate_file

    def start(self) -> Self:
        """Serve; returns when connections are accepted. OSError when the port is taken."""
        self._thread.start()
        if not self._ready.wait(self.start_seconds):
            raise TimeoutError(f"the API server of {self.name} did not start")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """End it and its thread; open watches are cut off."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        raise NotImplementedError

    def behind(self) -> AbstractAsyncContextManager[object]:
        """What has to run for as long as requests are answered; entered in the server's thread."""
        return nullcontext()

    def read_logs_from(self, source: LogSource) -> None:
        """Where logs of containers are: ``Controllers.log`` of the controllers that run the pods."""
        raise NotImplementedError

    def put(self, bodies: Sequence[Body]) -> None:
        """Have objects of the cluster's own there; what exists stays. Does not wait for it."""
        raise NotImplementedError

    def upgrade(self, version: str) -> None:
        """Be another version from now on; objects stay. Does not wait for it."""
        raise NotImplementedError

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # start() raises it
            self._failure = error
        finally:
            self._ready.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        async with self.behind():
            server = web.Server(
                self._traffic.handle, request_factory=_request, handler_cancellation=True, access_log=None
            )
            runner = web.ServerRunner(server, shutdown_timeout=0.1)
            await runner.setup()
            try:
                context = self._authority.server_context("apiserver", (*LOOPBACK, *SERVICE_NAMES))
                if self._listener is None:
                    await web.TCPSite(runner, self._host, self._port, ssl_context=context).start()
                else:
                    await web.SockSite(runner, self._listener, ssl_context=context).start()
                self._port = runner.addresses[0][1]
                self._ready.set()
                await self._stop.wait()
            finally:
                await runner.cleanup()


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """As aiohttp makes it, but for the size of its body."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)


class ApiServer(Endpoint):
    """The embedded API server. All of its state belongs to its own thread: ``call`` runs code there."""

    def __init__(
        self,
        cluster: Cluster,
        check: TokenCheck,
        authority: Authority,
        host: str,
        port: int,
        record: Record | None = None,
        strike: Strike | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        super().__init__(cluster.name, authority, (host, port), record, strike, listener)
        self.cluster = cluster
        self._api = Api(cluster, lambda token: CONTROLLERS if token == self.token else check(token))

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._api.handle(request)

    @asynccontextmanager
    async def behind(self) -> AsyncIterator[None]:
        self.cluster.registry.schedule = self._loop.call_soon
        self.cluster.registry.settle()
        try:
            yield
        finally:
            await self._api.close()

    def read_logs_from(self, source: LogSource) -> None:
        self.cluster.logs.source = source

    def put(self, bodies: Sequence[Body]) -> None:
        """There before any request that comes after this."""
        self._loop.call_soon_threadsafe(self.cluster.put_all, bodies)

    def upgrade(self, version: str) -> None:
        self._loop.call_soon_threadsafe(self.cluster.upgrade, version)

    def call(self, work: Callable[[Cluster], _T]) -> _T:
        """Run ``work`` on the cluster in the server's thread and return its result."""

        async def run() -> _T:
            return work(self.cluster)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def start(
    name: str,
    version: str,
    tokens: TokenCheck,
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    record: Record | None = None,
    strike: Strike | None = None,
) -> ApiServer:
    """Start the API server of the cluster ``name`` at Kubernetes ``version`` (``1.34`` or ``1.34.2``).

    ``tokens`` turns a bearer token into its user (None: 401). The CA is kept in ``directory`` and reused. ``record``
    and ``strike`` are ``Journal.record`` and ``Faults.match`` of a request log and of faults (see ``traffic``).
    """
    authority = Authority(directory, common_name=f"kubernetes-{name}")
    return ApiServer(
        Cluster(name, version, clock, authority.pem.decode()), tokens, authority, host, port, record, strike
    ).start()
