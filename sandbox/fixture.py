"""A sandbox of one's own for a test or a benchmark."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import lifecycle
from .control import Control
from .core.connection import CLOUDS, ca_directory, endpoints, environment
from .core.tls import Authority
from .serve import Options


class Sandbox:
    """Emulated clouds on free ports, stopped at the end of the ``with`` block.

    ``with Sandbox(clouds=("aws",)) as sandbox: …``. The emulators also end when this process does. Without
    ``directory`` a temporary one is used and removed.
    """

    def __init__(
        self,
        clouds: Iterable[str] = CLOUDS,
        profile: str = "instant",
        scale: float = 60.0,
        directory: Path | str | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-") if directory is None else None
        self.directory = Path(self._temporary.name if self._temporary else str(directory)).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._running: dict[str, lifecycle.Running] = {}
        self.moved: set[str] = set()  # clouds whose clock was put forward
        Authority(ca_directory(self.directory))
        try:
            for cloud in clouds:
                options = Options(cloud, self.directory, profile=profile, scale=scale, parent=os.getpid())
                self._processes[cloud] = lifecycle.launch(options)
            for cloud, process in self._processes.items():
                self._running[cloud] = lifecycle.wait_healthy(cloud, process, self.directory)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def clouds(self) -> tuple[str, ...]:
        """The clouds that run."""
        return tuple(self._running)

    @property
    def ca_bundle(self) -> Path:
        """The CA that the HTTPS endpoints are signed by."""
        return ca_directory(self.directory) / "ca.pem"

    def url(self, cloud: str) -> str:
        """Base URL of a cloud, without a trailing slash."""
        return self._running[cloud].url

    def pid(self, cloud: str) -> int:
        """Process id of a cloud's emulator."""
        return self._running[cloud].pid

    def environment(self) -> dict[str, str]:
        """Every environment variable that the SDKs need for the clouds that run."""
        merged: dict[str, str] = {}
        for cloud in self._running:
            merged.update(environment(cloud, self.url(cloud), self.directory))
        return merged

    def endpoints(self, cloud: str) -> dict[str, str]:
        """Base URL overrides of a cloud, by service name; ``default`` for all others."""
        return endpoints(cloud, self.url(cloud), self.directory)

    def control(self, cloud: str, method: str, route: str, body: Any = None) -> Any:
        """Call a control route."""
        return Control(self.url(cloud), self.directory).call(method, route, body)

    def fault(self, cloud: str, **rule: Any) -> dict[str, Any]:
        """Inject a fault; fields as in ``core.faults.FaultRule``. Returns the rule with its id."""
        added: dict[str, Any] = self.control(cloud, "POST", "faults", rule)
        return added

    def clear_faults(self, cloud: str) -> None:
        """Take every fault out of force."""
        self.control(cloud, "DELETE", "faults")

    def journal(self, cloud: str, since: int = 0) -> list[dict[str, Any]]:
        """Requests logged after entry number ``since``."""
        entries: list[dict[str, Any]] = self.control(cloud, "GET", f"journal?since={since}")
        return entries

    def set_profile(self, name: str, scale: float = 60.0, cloud: str | None = None) -> None:
        """Switch the time profile of one cloud, or of all."""
        for item in [cloud] if cloud else self._running:
            self.control(item, "PUT", "profile", {"name": name, "scale": scale})

    def set_quotas(self, cloud: str, limits: dict[str, float]) -> None:
        """Change quota limits."""
        self.control(cloud, "PUT", "quotas", limits)

    def advance(self, cloud: str, seconds: float) -> None:
        """Let ``seconds`` pass at once for a cloud's objects. Its clock is ahead from then on (see ``moved``)."""
        self.moved.add(cloud)
        self.control(cloud, "POST", "clock", {"advance": seconds})

    def reset(self, cloud: str | None = None) -> None:
        """Forget all objects, faults and changed quotas of one cloud, or of all; the request log is kept."""
        for item in [cloud] if cloud else self._running:
            self.control(item, "POST", "reset")

    def stop(self) -> None:
        """End the emulators."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._running.clear()
        if self._temporary is not None:
            self._temporary.cleanup()
