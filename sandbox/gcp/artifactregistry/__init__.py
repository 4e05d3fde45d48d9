"""Artifact Registry: repositories, their settings and policies. What is pushed into them is not emulated."""

from __future__ import annotations

from . import cleanup, repositories

__all__ = ["cleanup", "repositories"]
