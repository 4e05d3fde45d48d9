"""Compute Engine: networks and what belongs to them, places, quotas."""

from __future__ import annotations

from . import addresses, balancing, disks, firewalls, networks, operations, places, routers, subnetworks
from .crud import register_verbs

register_verbs()

__all__ = ["addresses", "balancing", "disks", "firewalls", "networks", "operations", "places", "routers", "subnetworks"]
