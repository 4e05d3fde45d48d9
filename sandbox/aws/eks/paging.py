"""Pages of lists."""

from __future__ import annotations

import base64
from typing import Any

from ..wire import Call
from .errors import invalid


def page(call: Call, items: list[Any], key: str, default: int = 100) -> dict[str, Any]:
    """One page of ``items`` under ``key``, with ``nextToken`` when there is more."""
    size = call.params.get("maxResults") or default
    token = call.params.get("nextToken")
    try:
        start = int(base64.b64decode(token)) if token else 0
    except ValueError as error:
        raise invalid("The nextToken is invalid") from error
    answer: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = base64.b64encode(str(start + size).encode()).decode()
    return answer
