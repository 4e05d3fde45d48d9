"""Servers that were deleted: the service keeps their backups for five days (Restore a deleted server)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...store import Record
from .engine import Backing

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_KEPT = timedelta(days=5)


class Dropped:
    """The last server of each id that was deleted, and when."""

    def __init__(self, emulator: AzureEmulator, backing: Backing) -> None:
        self._emulator = emulator
        self._backing = backing
        self._servers: dict[str, tuple[Record, datetime]] = {}

    def add(self, record: Record) -> None:
        """A server was deleted."""
        former = self._servers.get(record.key)
        if former is not None:
            self._backing.remove(former[0])
        self._backing.retire(record)
        self._servers[record.key] = record, self._emulator.context.clock.wall()

    def find(self, reference: str) -> Record | None:
        """The server of an id, while its backups are kept."""
        now = self._emulator.context.clock.wall()
        for key, (record, moment) in list(self._servers.items()):
            if now - moment > _KEPT:
                self._backing.remove(record)
                del self._servers[key]
        found = self._servers.get("/" + reference.strip("/").lower())
        return found[0] if found is not None else None

    def moment(self, record: Record) -> datetime | None:
        """When this very server was deleted; None for one that lives."""
        found = self._servers.get(record.key)
        return found[1] if found is not None and found[0] is record else None
