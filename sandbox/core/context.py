"""What an emulated cloud gets, and what it must offer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from aiohttp import web

from .clock import Clock
from .durations import Profile
from .faults import FaultRule, Faults
from .journal import Journal
from .tls import Authority


class Quotas:
    """Limits by name; the emulator declares its defaults, tests set others."""

    def __init__(self) -> None:
        self._defaults: dict[str, float] = {}
        self._limits: dict[str, float] = {}

    def declare(self, defaults: dict[str, float]) -> None:
        """Name the quotas that this cloud knows, with the limits of a fresh account."""
        self._defaults.update(defaults)

    def get(self, name: str) -> float:
        """The limit in force; KeyError when the cloud has no such quota."""
        return self._limits.get(name, self._defaults[name])

    def set(self, limits: dict[str, float]) -> None:
        """Change limits; KeyError names a quota that the cloud does not have."""
        for name in limits:
            if name not in self._defaults:
                raise KeyError(name)
        self._limits.update({name: float(limit) for name, limit in limits.items()})

    def reset(self) -> None:
        """Back to the limits of a fresh account."""
        self._limits.clear()

    def as_dict(self) -> dict[str, float]:
        """All limits in force."""
        return {**self._defaults, **self._limits}


@dataclass
class Context:
    """Everything that an emulator may use. ``url`` is the address the cloud is served at, without a trailing slash."""

    url: str
    state_dir: Path
    authority: Authority
    journal: Journal
    profile: Profile = field(default_factory=Profile)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    quotas: Quotas = field(default_factory=Quotas)

    def take_operation_failure(self, operation: str) -> FaultRule | None:
        """The ``fail_operation`` fault that strikes this long-running operation, if any (counted)."""
        return self.faults.match_operation(operation)

    def ends_at(self, duration_key: str) -> float:
        """The instant (``clock.now()`` scale) at which an operation that starts now is over."""
        return self.clock.now() + self.profile.seconds(duration_key)


@runtime_checkable
class CloudEmulator(Protocol):
    """One emulated cloud. ``body`` is the request's whole body (``await request.read()`` returns it again)."""

    name: str

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""

    def operation_name(self, request: web.Request, body: bytes) -> str:
        """What the request does, in the cloud's own words: ``ec2.CreateVpc``, ``container.clusters.create``."""

    def is_write(self, request: web.Request, body: bytes) -> bool:
        """Whether the request changes something."""

    def fault_response(self, rule: FaultRule) -> web.Response:
        """The cloud's own error answer for a ``throttle`` or ``error`` rule."""

    def reset(self) -> None:
        """Forget every object."""
