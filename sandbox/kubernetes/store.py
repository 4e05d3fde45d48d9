"""Objects and the ordered log of everything that happened to them, in memory."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

KEPT_EVENTS = 5_000  # of one resource, before the oldest are compacted away
Key = tuple[str, str]  # namespace ("" for cluster-wide), name
Body = dict[str, Any]


class Compacted(Exception):
    """The revision asked for is older than what is kept (``oldest``)."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")
        self.asked, self.oldest = asked, oldest


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object. ``body`` belongs to the store: never change it, take ``copy()``."""

    body: Body
    raw: bytes
    revision: int

    def copy(self) -> Body:
        """A body of one's own."""
        copied: Body = json.loads(self.raw)
        return copied


@dataclass(frozen=True, slots=True)
class Change:
    """What happened at a revision: ``kind`` is ADDED, MODIFIED or DELETED."""

    kind: str
    revision: int
    key: Key
    now: Stored
    before: Stored | None


@dataclass
class _Shelf:
    objects: dict[Key, Stored] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    compacted: int = 0


class Store:
    """A small etcd. Not thread-safe: it belongs to the event loop of its server."""

    def __init__(self) -> None:
        self.revision = 1
        self._shelves: dict[str, _Shelf] = {}
        self._listeners: list[Callable[[str, Change], None]] = []

    def listen(self, listener: Callable[[str, Change], None]) -> Callable[[], None]:
        """Call ``listener(storage id, change)`` after every write; returns how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def get(self, storage: str, key: Key) -> Stored | None:
        """The current version."""
        return self._shelf(storage).objects.get(key)

    def objects(self, storage: str, namespace: str = "") -> list[Stored]:
        """Current objects in the order of their keys."""
        return [stored for _, stored in self.items(storage, namespace)]

    def items(self, storage: str, namespace: str = "") -> list[tuple[Key, Stored]]:
        """Current objects with their keys, in order."""
        objects = self._shelf(storage).objects
        if not namespace:
            return sorted(objects.items())
        return sorted((key, stored) for key, stored in objects.items() if key[0] == namespace)

    def items_at(self, storage: str, revision: int, namespace: str = "") -> list[tuple[Key, Stored]]:
        """As ``items``, as it was at ``revision``."""
        shelf = self._shelf(storage)
        if revision < shelf.compacted:
            raise Compacted(revision, shelf.compacted)
        objects = dict(shelf.objects)
        for change in reversed(shelf.log[self._after(shelf, revision) :]):
            if change.before is None:
                objects.pop(change.key, None)
            else:
                objects[change.key] = change.before
        return sorted((key, stored) for key, stored in objects.items() if not namespace or key[0] == namespace)

    def since(self, storage: str, revision: int) -> list[Change]:
        """What happened after ``revision``."""
        shelf = self._shelf(storage)
        if revision < shelf.compacted:
            raise Compacted(revision, shelf.compacted)
        return shelf.log[self._after(shelf, revision) :]

    def put(self, storage: str, key: Key, body: Body) -> Stored:
        """Store a new or changed object under a new revision, which becomes its resourceVersion."""
        shelf = self._shelf(storage)
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)
        stored = Stored(body, dump(body), self.revision)
        before = shelf.objects.get(key)
        shelf.objects[key] = stored
        self._record(storage, Change("MODIFIED" if before else "ADDED", self.revision, key, stored, before))
        return stored

    def remove(self, storage: str, key: Key) -> Stored:
        """Take an object away; returns its last version, with the revision of its end."""
        shelf = self._shelf(storage)
        before = shelf.objects.pop(key)
        self.revision += 1
        body = before.copy()
        body["metadata"]["resourceVersion"] = str(self.revision)
        last = Stored(body, dump(body), self.revision)
        self._record(storage, Change("DELETED", self.revision, key, last, before))
        return last

    def count(self, storage: str) -> int:
        """How many objects there are."""
        return len(self._shelf(storage).objects)

    def compact(self) -> None:
        """Forget the past: reading it, or watching from it, ends in 410."""
        for shelf in self._shelves.values():
            shelf.log.clear()
            shelf.compacted = self.revision

    def everything(self) -> Iterator[tuple[str, Key, Stored]]:
        """Every object of every resource."""
        for storage, shelf in list(self._shelves.items()):
            for key, stored in list(shelf.objects.items()):
                yield storage, key, stored

    def _shelf(self, storage: str) -> _Shelf:
        found = self._shelves.get(storage)
        if found is None:
            found = self._shelves[storage] = _Shelf()
        return found

    @staticmethod
    def _after(shelf: _Shelf, revision: int) -> int:
        return bisect_right(shelf.log, revision, key=lambda change: change.revision)

    def _record(self, storage: str, change: Change) -> None:
        shelf = self._shelf(storage)
        shelf.log.append(change)
        if len(shelf.log) > KEPT_EVENTS:
            cut = KEPT_EVENTS // 10
            shelf.compacted = shelf.log[cut - 1].revision
            del shelf.log[:cut]
        for listener in list(self._listeners):
            listener(storage, change)


def dump(body: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def pending(body: Body) -> bool:
    """Whether something still holds back an object that is being deleted."""
    if body["metadata"].get("finalizers"):
        return True
    if body["kind"] == "Namespace" and body["apiVersion"] == "v1":
        return bool(body.get("spec", {}).get("finalizers"))
    return body["metadata"].get("deletionGracePeriodSeconds", 0) > 0
