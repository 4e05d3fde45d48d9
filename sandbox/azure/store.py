"""What the emulated subscription holds: records by ARM id (compared without case)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kind import Kind
    from .operations import Operation

Document = dict[str, Any]


@dataclass
class Record:
    """One resource. ``document`` holds what the user set and the service decided, without provisioningState.

    ``hidden`` names properties that are not shown before the running operation has ended well (a public IP's address).
    ``private`` is the service's own knowledge and never shown.
    """

    id: str
    kind: Kind
    name: str
    group: str
    document: Document
    created: datetime
    changed: datetime
    parent: str = ""
    state: str = "Succeeded"
    etag: str = field(default_factory=lambda: str(uuid.uuid4()))
    operation: Operation | None = None
    hidden: frozenset[str] = frozenset()
    private: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()

    @property
    def properties(self) -> Document:
        """The ``properties`` of the document."""
        found: Document = self.document.setdefault("properties", {})
        return found

    @property
    def location(self) -> str:
        """The region, or an empty string."""
        return str(self.document.get("location") or "")

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self.document.get("tags") or {})

    @property
    def busy(self) -> bool:
        """Whether an operation runs on the resource."""
        return self.operation is not None and not self.operation.finished


class Store:
    """Records with an index of who refers to whom."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._by_kind: dict[str, dict[str, Record]] = {}
        self._refers: dict[str, set[str]] = {}  # source -> targets
        self._referred: dict[str, dict[str, None]] = {}  # target -> sources, in order of appearance

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def get(self, resource_id: str) -> Record | None:
        """The record of an id, whatever its case."""
        return self._records.get("/" + resource_id.strip("/").lower())

    def put(self, record: Record) -> Record:
        """Keep a new or changed record; its references are read anew."""
        self._records[record.key] = record
        self._by_kind.setdefault(record.kind.type.lower(), {})[record.key] = record
        self._forget_references(record.key)
        targets = {target for target in _ids(record.document) if not _inside(target, record.key)}
        self._refers[record.key] = targets
        for target in targets:
            self._referred.setdefault(target, {})[record.key] = None
        return record

    def remove(self, record: Record) -> None:
        """Drop a record, with everything nested in it and every extension resource on it."""
        for nested in self.below(record.key):
            self._drop(nested)
        self._drop(record)

    def below(self, resource_id: str) -> list[Record]:
        """Records nested in, or attached to, an id (a group's whole content for a resource group)."""
        prefix = resource_id.lower().rstrip("/") + "/"
        return [record for key, record in self._records.items() if key.startswith(prefix)]

    def of_kind(self, kind: str, scope: str = "") -> list[Record]:
        """Records of a type below a scope."""
        prefix = scope.lower().rstrip("/") + "/"
        found = self._by_kind.get(kind.lower(), {})
        return [record for key, record in found.items() if not scope or key.startswith(prefix)]

    def users(self, resource_id: str, *kinds: str) -> list[Record]:
        """Records whose documents refer to exactly this id, of the given types (all when none is given)."""
        wanted = {kind.lower() for kind in kinds}
        keys = self._referred.get("/" + resource_id.strip("/").lower(), {})
        records = [self._records[key] for key in keys if key in self._records]
        return [record for record in records if not wanted or record.kind.type.lower() in wanted]

    def _drop(self, record: Record) -> None:
        self._records.pop(record.key, None)
        self._by_kind.get(record.kind.type.lower(), {}).pop(record.key, None)
        self._forget_references(record.key)

    def _forget_references(self, key: str) -> None:
        for target in self._refers.pop(key, ()):
            sources = self._referred.get(target)
            if sources is not None:
                sources.pop(key, None)
                if not sources:
                    del self._referred[target]


def _inside(target: str, key: str) -> bool:
    return target == key or target.startswith(key + "/")


def _ids(value: Any) -> Iterator[str]:
    """Every resource id in a document, in lower case; keys of maps count too (userAssignedIdentities)."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower().startswith("/subscriptions/"):
                yield key.lower()
            if key != "id" or not isinstance(item, str) or "properties" not in value:
                yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif isinstance(value, str) and value[:15].lower() == "/subscriptions/":
        yield value.rstrip("/").lower()
