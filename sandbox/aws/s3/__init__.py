"""What moto's S3 lacks: the defaults of today's buckets, regions, and refusals."""

from __future__ import annotations

from ..hooks import Hooks, Service
from ..world import World
from . import policies
from .buckets import Buckets
from .configuration import Configuration
from .lifecycle import Lifecycle


class S3:
    """All additions to moto's S3."""

    def __init__(self, world: World) -> None:
        policies.install()
        self._parts: tuple[Service, ...] = (Buckets(world), Configuration(world), Lifecycle(world))

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        for part in self._parts:
            part.register(hooks)

    def reset(self) -> None:
        """Forget everything."""
        for part in self._parts:
            part.reset()
