"""What is special about each kind."""

from __future__ import annotations

from ..catalogue import Resource
from .base import Kind

__all__ = ["Kind", "kind_of"]

_KINDS: dict[str, type[Kind]] = {}


def kind_of(resource: Resource) -> Kind:
    """The rules of a resource."""
    return _KINDS.get(resource.id, Kind)(resource)
