"""Watches: one JSON line per change, resumable from any revision that is still kept."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from aiohttp import web

from .catalogue import CRD, Resource
from .errors import ApiError, Cause, gone, invalid
from .listing import Selects, selects
from .options import ListOptions, revision
from .store import Change, Compacted, Store, Stored, dump

_BOOKMARK_SECONDS = 60.0
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
Show = Callable[[Stored], bytes]
Served = Callable[[], bool]  # whether there still is such a resource


class Watch:
    """One watch on one resource, possibly of one namespace."""

    def __init__(
        self, store: Store, resource: Resource, namespace: str, options: ListOptions, show: Show, served: Served
    ) -> None:
        self.store, self.resource, self.namespace, self.options = store, resource, namespace, options
        self._show = show
        self._served = served
        self._selects: Selects | None = selects(resource, options)
        self._changed = asyncio.Event()
        self._position = 0
        revision(options.resource_version)  # refused before there is a stream
        if options.initial_events is not None and options.match != "NotOlderThan":
            detail = "resourceVersionMatch is required when sendInitialEvents is set"
            raise invalid("ListOptions", "meta.k8s.io", "", [_forbidden("sendInitialEvents", detail)])

    async def stream(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer until the timeout of the request is over or the client is gone."""
        headers = {"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        forget = self.store.listen(self._on_change)
        with contextlib.suppress(ConnectionResetError):
            try:
                await self._send(response)
            finally:
                forget()
            await response.write_eof()
        return response

    async def _send(self, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        seconds = self.options.timeout_seconds or random.uniform(1800, 3600)  # noqa: S311 - spreads reconnects
        deadline = loop.time() + seconds
        try:
            first = self._first()
        except ApiError as error:
            await response.write(_line("ERROR", dump(error.body())))
            return
        if first:
            await response.write(b"".join(first))
        bookmark_at = loop.time() + _BOOKMARK_SECONDS
        while self._served() and (left := deadline - loop.time()) > 0:
            self._changed.clear()
            try:
                lines = self._following()
            except Compacted as error:
                await response.write(_line("ERROR", dump(gone(str(error)).body())))
                return
            if lines:
                await response.write(b"".join(lines))
            if self.options.bookmarks and loop.time() >= bookmark_at:
                bookmark_at = loop.time() + _BOOKMARK_SECONDS
                await response.write(self._bookmark())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, max(0.0, bookmark_at - loop.time()) or left))
        if not self._served():
            await response.write(b"".join(self._following()))
        elif self.options.bookmarks:
            await response.write(self._bookmark())

    def _on_change(self, storage: str, change: Change) -> None:
        if storage in (self.resource.storage, CRD):
            self._changed.set()

    def _first(self) -> list[bytes]:
        """Present objects where they are asked for; sets where to go on from."""
        asked = revision(self.options.resource_version)
        now = self.store.revision
        if asked > now:
            raise ApiError(504, "Timeout", f"Timeout: Too large resource version: {asked}, current: {now}")
        initial = self.options.initial_events
        if asked and not initial:
            self._position = asked
            try:
                self.store.since(self.resource.storage, asked)
            except Compacted as error:
                raise gone(str(error)) from None
            return []
        self._position = now
        if initial is False:
            return []
        found = self.store.objects(self.resource.storage, self.namespace)
        lines = [_line("ADDED", self._show(one)) for one in found if self._wanted(one)]
        return [*lines, self._bookmark(initial_end=True)] if initial else lines

    def _following(self) -> list[bytes]:
        lines = []
        for change in self.store.since(self.resource.storage, self._position):
            if not self.namespace or change.key[0] == self.namespace:
                lines += self._event(change)
        self._position = self.store.revision
        return lines

    def _event(self, change: Change) -> list[bytes]:
        """A change as the selector sees it: leaving it is a DELETED, entering it an ADDED."""
        was = change.before is not None and self._wanted(change.before)
        is_now = change.kind != "DELETED" and self._wanted(change.now)
        if is_now:
            return [_line("MODIFIED" if was else "ADDED", self._show(change.now))]
        return [_line("DELETED", self._show(change.now))] if was else []

    def _wanted(self, stored: Stored) -> bool:
        return self._selects is None or self._selects(stored.body)

    def _bookmark(self, initial_end: bool = False) -> bytes:
        meta: dict[str, object] = {"resourceVersion": str(self._position), "creationTimestamp": None}
        if initial_end:
            meta["annotations"] = {_INITIAL_EVENTS_END: "true"}
        body = {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": meta}
        return _line("BOOKMARK", dump(body))


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"


def _forbidden(field: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)
