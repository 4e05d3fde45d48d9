"""What every emulated cloud shares: time, faults, request log, server, certificates."""

from __future__ import annotations

from .clock import Clock
from .context import CloudEmulator, Context, Quotas
from .durations import DURATIONS, Profile
from .faults import FaultRule, Faults
from .journal import Journal
from .server import build_app
from .tls import Authority

__all__ = [
    "DURATIONS",
    "Authority",
    "Clock",
    "CloudEmulator",
    "Context",
    "FaultRule",
    "Faults",
    "Journal",
    "Profile",
    "Quotas",
    "build_app",
]
