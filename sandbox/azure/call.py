"""One request on its way through the emulator."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .armid import Target
from .errors import ArmError

if TYPE_CHECKING:
    from .emulator import AzureEmulator

Reply = web.Response
_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(-[a-z]+)?$", re.IGNORECASE)


@dataclass
class Call:
    """A request to ARM. ``operation`` is its name in the journal; ``claims`` those of its token.

    ``notes`` carries what checking found out to what is done once the write is accepted.
    """

    emulator: AzureEmulator
    request: web.Request
    target: Target
    content: bytes
    operation: str
    claims: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters, names in lower case."""
        return {key.lower(): value for key, value in self.request.query.items()}

    @property
    def base(self) -> str:
        """The address that clients reach the emulator at."""
        return self.emulator.context.url

    @property
    def version(self) -> str:
        """The api-version; ArmError when it is missing or malformed."""
        version = self.query.get("api-version", "")
        if not version:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError(400, "MissingApiVersionParameter", message)
        if not _VERSION.match(version):
            message = f"The api-version '{version}' is invalid. The supported formats are YYYY-MM-DD(-preview)."
            raise ArmError(400, "InvalidApiVersionParameter", message)
        return version.lower()

    def json(self) -> dict[str, Any]:
        """The body as an object; ArmError as ARM answers anything else."""
        try:
            body = json.loads(self.content or b"null")
        except ValueError as error:
            message = f"The request content was invalid and could not be deserialized: '{error}'."
            raise ArmError(400, "InvalidRequestContent", message) from None
        if not isinstance(body, dict):
            message = "The request content was invalid and could not be deserialized: 'an object is expected'."
            raise ArmError(400, "InvalidRequestContent", message)
        return body

    def now(self) -> float:
        """The emulator's clock."""
        return self.emulator.context.clock.now()

    def retry_after(self, seconds: int) -> str:
        """The value of a Retry-After header, in the time of the current profile."""
        profile = self.emulator.context.profile
        return "0" if profile.name == "instant" else str(round(seconds / profile.scale))

    def reply(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """An answer with ARM's usual headers; ``body`` None sends none."""
        merged = {"x-ms-request-id": str(uuid.uuid4()), "Cache-Control": "no-cache", **(headers or {})}
        if body is None:
            return web.Response(status=status, headers=merged)
        data = json.dumps(body, separators=(",", ":")).encode()
        return web.Response(
            status=status, body=data, headers={**merged, "Content-Type": "application/json; charset=utf-8"}
        )
