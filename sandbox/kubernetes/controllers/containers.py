"""One container of a pod: what is known about it, and its process."""

from __future__ import annotations

import asyncio

from .client import Body


class Container:
    """One container: what is known about it, and its process when it has one."""

    def __init__(self, spec: Body) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.state: Body = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Body = {}
        self.ready = False
        self.started = False
        self.restarts = 0
        self.process: asyncio.subprocess.Process | None = None
        self.environment: dict[str, str] = {}

    def status(self) -> Body:
        """A ContainerStatus."""
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": self.spec["image"],
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
            **({"containerID": f"sandbox://{self.process.pid}"} if self.process else {}),
        }
