# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long operations: which header to follow, and what the answers mean.

Azure-AsyncOperation counts before Location, Location before the object's own provisioningState (Azure Resource
Manager, "Track asynchronous Azure operations"; each provider's habit as in recorded traffic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from .._engine.errors import CloudError, NotFound, Retryable
from .._engine.resource import DONE, WATCH, Operation, Progress, State
from .client import Answer, Client
from .errors import from_operation

SETTLED = ("", "succeeded", "created", "ready")
FAILED = ("failed", "canceled", "cancelled")


@dataclass(frozen=True)
class Handle:
    """Where to look. status: the URL answers a status document (Azure-AsyncOperation), not the result (Location).
    deleting: the object's absence is success."""

    url: str
    status: bool
    deleting: bool = False


def started(answer: Answer, client: Client, *, deleting: bool = False) -> Operation:
    """The operation that an accepted write has begun."""
    for name, status in (("azure-asyncoperation", True), ("location", False)):
        url = answer.headers.get(name, "")
        # A 200 or 201 with a Location of the object itself (managed identities) starts nothing.
        if url and (status or answer.status == 202) and _trusted(url, client):
            return Operation(Handle(url, status, deleting))
    if answer.status == 202:
        return WATCH
    return DONE if deleting or word(answer.body).lower() in SETTLED else WATCH


def look(client: Client, handle: Handle) -> Progress:
    """Ask once how an operation is. Raises Retryable when the question itself was not answered."""
    try:
        answer = client.call("GET", handle.url)
    except NotFound:
        # Gone with the object it deleted, or forgotten by the service: the object itself tells.
        return Progress(State.DONE)
    except Retryable:
        raise
    except CloudError as error:
        return Progress(State.FAILED, error.message, error=error)
    state = str((answer.body or {}).get("status") or "") if isinstance(answer.body, dict) else ""
    if answer.status == 204:
        return Progress(State.DONE)
    if not handle.status and answer.status == 202:
        return Progress(State.RUNNING, state or word(answer.body), answer.retry_after)
    if not state and not handle.status:
        state = word(answer.body)
    if state.lower() in FAILED:
        failure = from_operation(answer.body)
        return Progress(State.FAILED, failure.message, error=failure)
    if state.lower() in SETTLED and (state or not handle.status):
        return Progress(State.DONE)
    return Progress(State.RUNNING, state, answer.retry_after)


def word(body: Any) -> str:
    """The provisioningState of an object, or nothing."""
    if not isinstance(body, dict):
        return ""
    properties = body.get("properties")
    found = properties.get("provisioningState") if isinstance(properties, dict) else None
    return str(found or body.get("provisioningState") or "")


def _trusted(url: str, client: Client) -> bool:
    """The token goes to the resource manager and its regional hosts alone, whatever a header says."""
    host, own = urlparse(url).netloc.lower(), urlparse(client.base_url).netloc.lower()
    return host == own or host.endswith("." + own)
