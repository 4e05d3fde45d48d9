# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories of a registry, which Resource Manager does not show: the registry's own API does.

A token of the directory is exchanged for one of the registry, and that for one with the right that a call needs (Azure
Container Registry REST reference: AccessToken, Refresh Tokens, Repository).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlparse

from .._engine.errors import NotFound
from .client import Answer, Client

SCOPE = "https://containerregistry.azure.net/.default"
_PAGE = 100


class RegistryData:
    """One registry, by its login server. Every call is one attempt."""

    def __init__(self, client: Client, login_server: str) -> None:
        self._client = client
        self._service = login_server
        self._base = f"https://{login_server}"

    def names(self) -> list[str]:
        """Every repository."""
        token, found, last = self._token("registry:catalog:*"), [], ""
        while True:
            query = urlencode({"n": _PAGE, **({"last": last} if last else {})})
            answer = self._ask("GET", f"/acr/v1/_catalog?{query}", token)
            found += list((answer.body or {}).get("repositories") or [])
            last = _next(answer)
            if not last:
                return found

    def manifests(self, repository: str) -> int:
        """How many images a repository holds; none where there is no such repository."""
        token = self._token(f"repository:{repository}:metadata_read")
        try:
            body: Any = self._ask("GET", f"/acr/v1/{quote(repository)}", token).body
        except NotFound:
            return 0
        return int((body or {}).get("manifestCount") or 0)

    def delete(self, repository: str) -> None:
        """Delete a repository with all its images. Raises: NotFound."""
        self._ask("DELETE", f"/acr/v1/{quote(repository)}", self._token(f"repository:{repository}:delete"))

    def _ask(self, method: str, path: str, token: str) -> Answer:
        return self._client.bare(method, self._base + path, bearer=token)

    def _token(self, scope: str) -> str:
        exchanged = self._client.bare(
            "POST",
            f"{self._base}/oauth2/exchange",
            form={
                "grant_type": "access_token",
                "service": self._service,
                "access_token": self._client.token(SCOPE),
            },
        )
        granted = self._client.bare(
            "POST",
            f"{self._base}/oauth2/token",
            form={
                "grant_type": "refresh_token",
                "service": self._service,
                "scope": scope,
                "refresh_token": str((exchanged.body or {}).get("refresh_token", "")),
            },
        )
        return str((granted.body or {}).get("access_token", ""))


def _next(answer: Answer) -> str:
    """Where the next page begins: `Link: </acr/v1/_catalog?last=x&n=100>; rel="next"`."""
    link = answer.headers.get("link", "")
    target = link.partition("<")[2].partition(">")[0]
    return (parse_qs(urlparse(target).query).get("last") or [""])[0]
