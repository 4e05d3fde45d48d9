"""Artifact Registry: repositories, their settings and policies, and the images that are pushed into them."""

from __future__ import annotations

from . import cleanup, images, repositories

__all__ = ["cleanup", "images", "repositories"]
