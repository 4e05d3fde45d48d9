"""Cloud Storage: the JSON API with media."""

from __future__ import annotations

from . import buckets, media, objects

__all__ = ["buckets", "media", "objects"]
