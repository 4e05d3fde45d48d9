"""Secret Manager: secrets and their versions, with the bytes in memory only."""

from __future__ import annotations

from . import secrets, versions

__all__ = ["secrets", "versions"]
