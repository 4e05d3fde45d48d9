"""Kubernetes Engine: clusters, node pools, operations."""

from __future__ import annotations

from . import clusters, nodepools, operations, updates

__all__ = ["clusters", "nodepools", "operations", "updates"]
