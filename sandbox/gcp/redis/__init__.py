"""Memorystore for Redis: instances of the tiers BASIC and STANDARD_HA. Redis Cluster is not served."""

from __future__ import annotations

from . import actions, instances

__all__ = ["actions", "instances"]
