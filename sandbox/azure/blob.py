"""A small blob data plane: enough to fill containers and to see whether they are empty.

``/blob/<account>/<container>[/<blob>]`` with bearer tokens, as the service takes them from Entra.
"""

from __future__ import annotations

import hashlib
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from aiohttp import web

from .errors import ArmError
from .signatures import opens

if TYPE_CHECKING:
    from .emulator import AzureEmulator
    from .store import Record

_ACCOUNTS = "Microsoft.Storage/storageAccounts"
_CONTAINERS = _ACCOUNTS + "/blobServices/containers"
_XML = "application/xml"


class BlobService:
    """Blobs by account, container and name; containers come from the management plane."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._blobs: dict[tuple[str, str], dict[str, bytes]] = {}

    def count(self, account: str, container: str) -> int:
        """How many blobs a container holds."""
        return len(self._blobs.get((account.lower(), container.lower()), {}))

    def locate(self, url: str, needed: str) -> tuple[str, str, str] | None:
        """Account, container and blob of a signed URL, here or in the cloud's form; None when the container is not
        there, or when the signature does not give the permissions ``needed``."""
        parts = urlsplit(url)
        path = parts.path.strip("/").split("/")
        path = path[1:] if path[0] == "blob" else [(parts.hostname or "").partition(".")[0], *path]
        account = self._record(_ACCOUNTS, path[0])
        if len(path) < 2 or account is None or self._record(_CONTAINERS, path[1], path[0]) is None:
            return None
        blob = "/".join(path[2:])
        now = self._emulator.context.clock.wall()
        return (path[0], path[1], blob) if opens(parts.query, account, path[1], blob, needed, now) else None

    def store(self, account: str, container: str, name: str, content: bytes) -> None:
        """Write a blob on behalf of another service."""
        self._blobs.setdefault((account.lower(), container.lower()), {})[name] = content

    def read(self, account: str, container: str, name: str) -> bytes | None:
        """Read a blob on behalf of another service; None when it is not there."""
        return self._blobs.get((account.lower(), container.lower()), {}).get(name)

    def forget(self, account: str, container: str | None = None) -> None:
        """Drop the blobs of a container, or of a whole account."""
        for key in list(self._blobs):
            if key[0] == account.lower() and container in (None, key[1]):
                del self._blobs[key]

    def handle(self, request: web.Request, content: bytes) -> web.Response:
        """Answer a request to the data plane."""
        _, _, account, *rest = request.path.split("/")
        try:
            self._emulator.authority.authenticate(request)
        except ArmError as error:
            return _failure(401, "InvalidAuthenticationInfo", error.message)
        if "x-ms-version" not in request.headers:
            return _failure(400, "MissingRequiredHeader", "The x-ms-version header is required with bearer tokens.")
        if self._record(_ACCOUNTS, account) is None:
            return _failure(404, "ResourceNotFound", f"The account {account} does not exist.")
        container = rest[0] if rest else ""
        if not container:
            return _failure(400, "InvalidQueryParameterValue", "Listing containers is served by the management plane.")
        if self._record(_CONTAINERS, container, account) is None:
            return _failure(404, "ContainerNotFound", "The specified container does not exist.")
        blobs = self._blobs.setdefault((account.lower(), container.lower()), {})
        name = "/".join(rest[1:])
        if not name:
            return self._container(request, container, blobs)
        return self._blob(request, name, blobs, content)

    def _record(self, kind: str, name: str, account: str = "") -> Record | None:
        for record in self._emulator.store.of_kind(kind):
            inside = not account or f"/storageaccounts/{account.lower()}/" in record.key
            if record.name.lower() == name.lower() and inside:
                return record
        return None

    def _container(self, request: web.Request, container: str, blobs: dict[str, bytes]) -> web.Response:
        if request.method != "GET" or request.query.get("comp") != "list":
            return _failure(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        prefix = request.query.get("prefix", "")
        most = int(request.query.get("maxresults", "5000"))
        names = sorted(name for name in blobs if name.startswith(prefix) and name > request.query.get("marker", ""))
        page, more = names[:most], names[most:]
        entries = "".join(_entry(name, blobs[name], self._date()) for name in page)
        marker = f"<NextMarker>{escape(page[-1])}</NextMarker>" if more and page else "<NextMarker />"
        text = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults '
            f'ServiceEndpoint="{self._emulator.context.url}/blob/" ContainerName="{escape(container)}">'
            f"<Blobs>{entries}</Blobs>{marker}</EnumerationResults>"
        )
        return web.Response(text=text, content_type=_XML)

    def _blob(self, request: web.Request, name: str, blobs: dict[str, bytes], content: bytes) -> web.Response:
        if request.method == "PUT":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return _failure(400, "InvalidHeaderValue", "The value of x-ms-blob-type must be BlockBlob.")
            blobs[name] = content
            return web.Response(status=201, headers=self._headers(content))
        if name not in blobs:
            return _failure(404, "BlobNotFound", "The specified blob does not exist.")
        if request.method == "DELETE":
            del blobs[name]
            return web.Response(status=202)
        if request.method in ("GET", "HEAD"):
            return web.Response(body=blobs[name], headers={**self._headers(blobs[name]), "x-ms-blob-type": "BlockBlob"})
        return _failure(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")

    def _headers(self, content: bytes) -> dict[str, str]:
        return {"ETag": _etag(content), "Last-Modified": self._date()}

    def _date(self) -> str:
        return format_datetime(self._emulator.context.clock.wall(), usegmt=True)


def _entry(name: str, content: bytes, date: str) -> str:
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{date}</Last-Modified><Etag>{_etag(content)}</Etag>"
        f"<Content-Length>{len(content)}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
    )


def _etag(content: bytes) -> str:
    return f"0x{hashlib.sha256(content).hexdigest()[:15].upper()}"


def _failure(status: int, code: str, message: str) -> web.Response:
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    )
    return web.Response(status=status, text=text, content_type=_XML, headers={"x-ms-error-code": code})
