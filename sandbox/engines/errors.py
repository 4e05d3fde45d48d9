"""What can go wrong with a local server."""

from __future__ import annotations


class EngineError(Exception):
    """A local server did not start or did not do what it was told; the message never holds a password."""
