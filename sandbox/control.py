"""A small client for the control routes of a running emulator."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .core.connection import ca_directory


class ControlError(Exception):
    """The emulator refused a control request, or a stranger answered."""


class Control:
    """Talks to ``/_sandbox/…`` of the emulator at ``url`` whose sandbox lives in ``directory``."""

    def __init__(self, url: str, directory: Path, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port
        self._tls = parts.scheme == "https"
        self._ca = ca_directory(directory) / "ca.pem"
        self._timeout = timeout

    def call(self, method: str, route: str, body: Any = None) -> Any:
        """Send one request; ``route`` stands after ``/_sandbox/``. OSError when nobody listens."""
        connection = self._connection()
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/_sandbox/{route}", body=data, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise ControlError(f"no emulator answers on port {self._port}: {error!r}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise ControlError(f"no emulator answers on port {self._port}: HTTP {response.status}") from error
        if response.status >= 400:
            raise ControlError(f"{method} {route}: HTTP {response.status}: {text[:300]}")
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            trust = ssl.create_default_context(cafile=str(self._ca))
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=trust)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
