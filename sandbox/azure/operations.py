"""Long-running operations: when they end, and what their end does."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core import Context, FaultRule

if TYPE_CHECKING:
    from .flows import Flow
    from .store import Record


@dataclass
class Operation:
    """One accepted write that ends at ``ends_at``. ``verb`` is create, update or delete."""

    verb: str
    title: str
    ends_at: float
    started_at: float
    started: datetime
    flow: Flow
    record: Record | None
    location: str
    api_version: str
    finish: Callable[[Operation], None]
    failure: FaultRule | None = None
    error: dict[str, Any] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    signature: str = field(default_factory=lambda: uuid.uuid4().hex)
    finished: bool = False
    ended: datetime | None = None

    @property
    def failed(self) -> bool:
        """Whether it has ended badly."""
        return self.finished and self.error is not None


class Operations:
    """All operations of a subscription; ``settle`` ends those whose time has come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._all: dict[str, Operation] = {}
        self._queue: list[tuple[float, int, Operation]] = []
        self._count = 0

    def start(self, operation: Operation) -> Operation:
        """Register an accepted operation."""
        self._all[operation.id] = operation
        self._count += 1
        heapq.heappush(self._queue, (operation.ends_at, self._count, operation))
        return operation

    def get(self, operation_id: str) -> Operation | None:
        """The operation of an id."""
        return self._all.get(operation_id.lower())

    def settle(self) -> None:
        """End every operation whose time has come, in order."""
        now = self._context.clock.now()
        while self._queue and self._queue[0][0] <= now:
            _, _, operation = heapq.heappop(self._queue)
            operation.finished = True
            operation.ended = self._context.clock.wall()
            if operation.failure is not None:
                operation.error = {
                    "code": operation.failure.code or "InternalServerError",
                    "message": operation.failure.message or "An error occurred.",
                }
            operation.finish(operation)
            if operation.record is not None and operation.record.operation is operation:
                operation.record.operation = None
