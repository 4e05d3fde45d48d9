"""A cache of one resource that follows the server, and tells who wants to know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import aiohttp

from .client import ApiFailure, Body, Client, path_of

Key = tuple[str, str]
Handler = Callable[[Body, Body | None], None]
_RETRY_SECONDS = 0.2


class Informer:
    """Lists and watches; ``handlers`` get the new and the previous state (the new one again for deletions)."""

    def __init__(self, client: Client, api_version: str, plural: str) -> None:
        self._client = client
        self.api_version, self.plural = api_version, plural
        self.objects: dict[Key, Body] = {}
        self.synced = asyncio.Event()
        self._handlers: list[Handler] = []

    def on_change(self, handler: Handler) -> None:
        """Call ``handler`` for every object that appears, changes or goes."""
        self._handlers.append(handler)

    def get(self, namespace: str, name: str) -> Body | None:
        """An object as it was last seen."""
        return self.objects.get((namespace, name))

    def by_uid(self, uid: str) -> Body | None:
        """An object by its uid."""
        return next((body for body in self.objects.values() if body["metadata"]["uid"] == uid), None)

    def owned_by(self, uid: str, namespace: str) -> list[Body]:
        """What is controlled by an owner."""
        return [body for key, body in self.objects.items() if key[0] == namespace and controller_uid(body) == uid]

    def in_namespace(self, namespace: str) -> Iterator[Body]:
        """What a namespace has."""
        return (body for key, body in self.objects.items() if key[0] == namespace)

    def remember(self, body: Body) -> None:
        """Take in the answer of a write, so that the next look does not miss it."""
        key = key_of(body)
        known = self.objects.get(key)
        if known is None or version_of(known) < version_of(body):
            self._set(body)

    async def run(self) -> None:
        """Follow until cancelled; a lost or outdated watch starts over."""
        while True:
            try:
                since = await self._list()
                self.synced.set()
                await self._follow(since)
            except (ApiFailure, aiohttp.ClientError, TimeoutError, ConnectionError):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _list(self) -> str:
        answer = await self._client.request("GET", path_of(self.api_version, self.plural))
        kind = answer["kind"].removesuffix("List")
        found = {}
        for item in answer.get("items") or []:
            body = {"apiVersion": self.api_version, "kind": kind, **item}
            found[key_of(body)] = body
        for key in [key for key in self.objects if key not in found]:
            self._remove(self.objects[key])
        for body in found.values():
            self._set(body)
        return str(answer["metadata"]["resourceVersion"])

    async def _follow(self, since: str) -> None:
        async with contextlib.aclosing(self._client.watch(path_of(self.api_version, self.plural), since)) as events:
            async for kind, body in events:
                if kind == "DELETED":
                    self._remove(body)
                elif kind != "BOOKMARK":
                    known = self.objects.get(key_of(body))
                    if known is None or version_of(known) < version_of(body):
                        self._set(body)

    def _set(self, body: Body) -> None:
        key = key_of(body)
        before = self.objects.get(key)
        self.objects[key] = body
        for handler in self._handlers:
            handler(body, before)

    def _remove(self, body: Body) -> None:
        known = self.objects.get(key_of(body))
        if known is not None and known["metadata"]["uid"] != body["metadata"]["uid"]:
            return
        self.objects.pop(key_of(body), None)
        for handler in self._handlers:
            handler(body, body)


def key_of(body: Body) -> Key:
    """Namespace and name."""
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def version_of(body: Body) -> int:
    """The resourceVersion; it is a number on every server that keeps its objects in etcd."""
    return int(body["metadata"]["resourceVersion"])


def controller_uid(body: Body) -> str:
    """Of the owner that controls an object; "" for none."""
    for owner in body["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner["uid"])
    return ""
