"""Logs: a JSON object per line on standard output. Inputs are never in them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = "fields"


class JsonLines(logging.Formatter):
    """``time``, ``level``, ``message``, what every line of this process has, and the record's own ``fields``."""

    def __init__(self, **always: str) -> None:
        super().__init__()
        self._always = {key: value for key, value in always.items() if value}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **self._always,
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: str, **always: str) -> None:
    """All loggers of the process, uvicorn's too, write here."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(**always))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # the middleware says the same with its duration
