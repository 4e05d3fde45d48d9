"""What a handler gets, what it may answer, and the table of handlers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.context import Context
from .discovery import Document, Method
from .errors import GoogleError
from .state import NUMBER, PROJECT, State

_PROJECT = re.compile(r"^projects/([^/:]+)")


@dataclass
class Answer:
    """An answer that is more than a JSON body with status 200."""

    status: int = 200
    body: dict[str, Any] | None = None
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One checked request to one method."""

    state: State
    method: Method
    path: dict[str, str]
    query: dict[str, Any]
    body: dict[str, Any]
    # The body before it was checked: a PATCH looks here for null.
    raw: Any = None
    content: bytes = b""
    # Case-insensitive; ``:method`` is the HTTP method itself.
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def context(self) -> Context:
        """Clock, time profile, faults, quotas."""
        return self.state.context

    @property
    def document(self) -> Document:
        """The discovery document that the request belongs to."""
        return self.method.document

    @property
    def name(self) -> str:
        """The resource name (``projects/…``) in the path, the project as its id."""
        for key in ("name", "parent", "resource"):
            if key in self.path:
                return own_project(self.path[key])
        raise KeyError("name")

    @property
    def patch(self) -> dict[str, Any]:
        """The body with its nulls, for a merge patch."""
        return _with_nulls(self.body, self.raw if isinstance(self.raw, dict) else {})

    @property
    def project(self) -> str | None:
        """The project that the request is about, as it was written; None when it names none."""
        for key in ("project", "projectId"):
            if key in self.path:
                return self.path[key]
        for key in ("name", "parent", "resource"):
            if key in self.path:
                found = _PROJECT.match(self.path[key])
                if found:
                    return found[1]
                if self.document.api == "cloudresourcemanager" and self.document.version == "v1":
                    # v1 writes the bare id: /v1/projects/{resource}:getIamPolicy
                    return None if self.path[key].startswith("operations/") else self.path[key]
        for key in ("project", "userProject"):
            if key in self.query:
                return str(self.query[key])
        return None


Result = dict[str, Any] | Answer
Handler = Callable[[Call], Result | Awaitable[Result]]
HANDLERS: dict[str, Handler] = {}


def handles(*methods: str) -> Callable[[Handler], Handler]:
    """Register the handler of one or more discovery method ids."""

    def register(handler: Handler) -> Handler:
        for method in methods:
            if method in HANDLERS:
                raise ValueError(f"two handlers for {method}")
            HANDLERS[method] = handler
        return handler

    return register


def own_project(name: str) -> str:
    """A resource name with the project's number replaced by its id."""
    prefix = f"projects/{NUMBER}"
    if name == prefix or name.startswith((prefix + "/", prefix + ":")):
        return f"projects/{PROJECT}{name[len(prefix) :]}"
    return name


def not_served(method: Method) -> GoogleError:
    """A method that Google has and this sandbox does not."""
    return GoogleError(501, f"Method {method.id} is not served by the sandbox.", reason="notImplemented")


def _with_nulls(checked: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    result = dict(checked)
    for key, value in raw.items():
        if value is None:
            result[key] = None
        elif isinstance(value, dict) and isinstance(checked.get(key), dict):
            result[key] = _with_nulls(checked[key], value)
    return result
