"""The table of compute's kinds: what each does beyond being created, read, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..calls import Call
from ..state import Record, State

Data = dict[str, Any]


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Kind:
    """One kind of compute object.

    ``collection``: the discovery resource (``globalAddresses``); ``segment``: its word in paths (``addresses``).
    ``fill``: complete a new object (may refuse it). ``patchable``: top-level fields that PATCH and PUT may change,
    any other difference is refused. ``changed``: check and complete a changed object. ``view``: what a read adds.
    ``user``: path of an object that still uses this one; a delete then fails, at once or (``late_conflict``) when its
    operation ends. ``created`` and ``gone``: side effects.
    ``references``: fields that name another object, with its collection; they are printed as URLs.
    """

    collection: str
    schema: str
    kind: str
    segment: str
    scope: str
    noun: str
    references: dict[str, str] = field(default_factory=dict)
    patchable: frozenset[str] = frozenset()
    fill: Callable[[Call, str, Data], None] = _nothing
    changed: Callable[[Call, str, Data, Data], None] = _nothing
    view: Callable[[State, str, Record], Data] | None = None
    user: Callable[[State, str], str | None] = _nothing
    late_conflict: bool = False
    created: Callable[[State, str], None] = _nothing
    gone: Callable[[State, str, Data], None] = _nothing
    needs_fingerprint: bool = False
    patch_operation: Callable[[Data], str] = lambda _: "patch"
    seconds: str = "object"

    def duration(self, verb: str) -> str:
        """Key into the table of durations; ``verb``: insert, update or delete."""
        return f"gce.{self.seconds}.{verb}"


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind to the table."""
    KINDS[kind.collection] = kind
    return kind
