"""The request log: one JSON line per request."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO


class Journal:
    """Requests in order of their end; ``seq`` counts from 1.

    An entry is ``{seq, time, cloud, method, path, operation, status, start, duration, write, fault}``: ``time`` is the
    wall clock (UTC, ISO) and ``start`` the Unix time at the start, ``duration`` seconds, ``fault`` the kind of the
    fault that struck or null, ``status`` 0 when the connection was dropped. Neither bodies nor query strings (which
    can hold credentials) are logged.
    """

    def __init__(self, cloud: str, file: Path | None = None) -> None:
        self.cloud = cloud
        self.entries: list[dict[str, Any]] = []
        self.last = 0.0  # monotonic time of the newest entry
        self._seq = 0
        self._lock = threading.Lock()  # the clusters' API servers log from their own threads
        self._file: TextIO | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("a", encoding="utf-8", buffering=1)

    def record(
        self, *, method: str, path: str, operation: str, status: int, start: float, write: bool, fault: str | None
    ) -> None:
        """Log a request that ends now; ``start`` is Unix time. May be called in any thread."""
        entry = {
            "seq": 0,
            "time": datetime.fromtimestamp(start, UTC).isoformat(timespec="milliseconds"),
            "cloud": self.cloud,
            "method": method,
            "path": path,
            "operation": operation,
            "status": status,
            "start": round(start, 6),
            "duration": round(time.time() - start, 6),
            "write": write,
            "fault": fault,
        }
        with self._lock:
            self._seq += 1
            self.last = time.monotonic()
            entry["seq"] = self._seq
            self.entries.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry) + "\n")

    def since(self, seq: int = 0) -> list[dict[str, Any]]:
        """Entries logged after entry number ``seq``."""
        return self.entries[max(seq, 0) :]

    def close(self) -> None:
        """Close the log file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
