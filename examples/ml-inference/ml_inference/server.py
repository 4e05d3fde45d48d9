"""The server: how it stops without losing a request."""

from __future__ import annotations

import time
from types import FrameType

import uvicorn

from .app import State, create_app
from .settings import Settings


class Server(uvicorn.Server):
    """After SIGTERM ``/ready`` fails and requests are still answered for a while; then those in flight finish.

    A second signal ends the wait. The process ends with 0 after a signal, with 1 when its model could not be had.
    """

    def __init__(self, settings: Settings) -> None:
        self.failed = False
        self._drain = settings.drain_seconds
        self._stop_at: float | None = None
        app = create_app(settings, self._give_up)
        self._service: State = app.state.service
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                # Longer than load balancers keep idle connections (Google's 600 s): they would send into closed ones.
                timeout_keep_alive=620,
                timeout_graceful_shutdown=settings.stop_seconds,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining:
            self.should_exit = True
        elif self._stop_at is None:
            self._service.draining = True
            self._stop_at = time.monotonic() + self._drain

    async def on_tick(self, counter: int) -> bool:
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    def _give_up(self) -> None:
        self.failed = self.should_exit = True
