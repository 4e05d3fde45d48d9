"""A small asynchronous client of any Kubernetes API server."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp

Body = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_WATCH_SECONDS = 300
_LARGEST_LINE = 16 * 1024 * 1024


class ApiFailure(Exception):
    """An answer that is not a success: ``code`` and ``reason`` of its Status."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message = code, reason, message


class Client:
    """Talks to the server at ``url`` with a bearer token. Use it as an async context manager."""

    def __init__(self, url: str, ca_file: Path, token: str, user_agent: str = "kube-controller-manager") -> None:
        self._url = url
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": f"{user_agent}/sandbox"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, read_bufsize=_LARGEST_LINE, timeout=_TIMEOUT
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def url(self) -> str:
        """Of the server."""
        return self._url

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        return self._session

    async def request(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
        """The body of the answer; ApiFailure for anything but a success."""
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(method, self._url + path, data=data, headers={"Content-Type": media}) as answer:
            found = await answer.json(content_type=None)
            if answer.status >= 400:
                raise ApiFailure(answer.status, found.get("reason", ""), found.get("message", ""))
            return found

    async def get(self, path: str) -> Body | None:
        """An object; None when it is not there."""
        try:
            found: Body = await self.request("GET", path)
        except ApiFailure as failure:
            if failure.code == 404:
                return None
            raise
        return found

    async def create(self, path: str, body: Body) -> Body:
        """POST."""
        made: Body = await self.request("POST", path, body)
        return made

    async def patch(self, path: str, body: Any, media: str = MERGE_PATCH) -> Body:
        """PATCH, a merge patch unless said otherwise."""
        patched: Body = await self.request("PATCH", path, body, media)
        return patched

    async def delete(self, path: str, **options: Any) -> None:
        """DELETE; what is gone already is fine."""
        try:
            await self.request("DELETE", path, options or None)
        except ApiFailure as failure:
            if failure.code != 404:
                raise

    async def watch(self, path: str, since: str) -> AsyncGenerator[tuple[str, Body], None]:
        """Events after a resourceVersion until the server ends the watch; ApiFailure 410 when it is too old."""
        query = f"{path}?watch=1&resourceVersion={since}&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self.session.get(self._url + query, timeout=timeout) as answer:
            if answer.status >= 400:
                raise ApiFailure(answer.status, "", await answer.text())
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiFailure(status.get("code", 500), status.get("reason", ""), status.get("message", ""))
                yield event["type"], event["object"]


def path_of(api_version: str, plural: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """``/apis/apps/v1/namespaces/x/deployments/y/status``."""
    base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    parts = [base, f"namespaces/{namespace}" if namespace else "", plural, name, subresource]
    return "/".join(part for part in parts if part)
