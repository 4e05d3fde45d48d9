"""What moto's EC2 lacks: time, dependencies, limits, idempotency."""

from __future__ import annotations

from ..hooks import Hooks, Service
from ..world import World
from . import fields
from .dependencies import Dependencies
from .endpoints import Endpoints
from .idempotency import Idempotency
from .limits import Limits
from .nat import NatGateways


class Ec2:
    """All additions to moto's EC2."""

    def __init__(self, world: World) -> None:
        fields.install()
        nat = NatGateways(world)
        self._parts: tuple[Service, ...] = (
            nat,
            Endpoints(world),
            Dependencies(world),
            Limits(world),
            Idempotency(),
        )

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        for part in self._parts:
            part.register(hooks)

    def reset(self) -> None:
        """Forget everything."""
        for part in self._parts:
            part.reset()
