"""Lists: selected, in pages that show one revision, as raw JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .catalogue import Resource
from .errors import ApiError, bad_request, gone
from .options import ListOptions, revision
from .selectors import SELECTABLE, field_selector, label_selector
from .store import Body, Compacted, Key, Store, Stored, dump

Selects = Callable[[Body], bool]
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True)
class Page:
    """What one list request answers."""

    items: list[Stored]
    revision: int
    continue_token: str = ""
    remaining: int | None = None

    def metadata(self) -> dict[str, Any]:
        """ListMeta."""
        meta: dict[str, Any] = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            meta["continue"] = self.continue_token
        if self.remaining is not None:
            meta["remainingItemCount"] = self.remaining
        return meta

    def render(self, resource: Resource) -> bytes:
        """The List object: stored JSON put together, never parsed."""
        head = dump({"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": self.metadata()})
        return head[:-1] + b',"items":[' + b",".join(item.raw for item in self.items) + b"]}"


def selects(resource: Resource, options: ListOptions) -> Selects | None:
    """Which objects a list or watch is about; None for all."""
    labels = label_selector(options.labels)
    fields = field_selector(options.fields, selectable(resource))
    if labels is None and fields is None:
        return None

    def matches(body: Body) -> bool:
        if labels is not None and not labels(body["metadata"].get("labels") or {}):
            return False
        return fields is None or fields(body)

    return matches


def selectable(resource: Resource) -> dict[str, str]:
    """The fields of a resource that can be selected by."""
    if resource.custom is None:
        return SELECTABLE.get(resource.id, {})
    return {one["jsonPath"].lstrip("."): "" for one in resource.custom.get("selectableFields") or []}


def page(store: Store, resource: Resource, namespace: str, options: ListOptions, name: str = "") -> Page:
    """Objects in the order of their keys; 410 when the revision asked for is gone."""
    wanted = selects(resource, options)
    start: Key | None = None
    at = store.revision
    if options.continue_token:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        at, start = _continued(options.continue_token, store.revision)
    elif options.match == "Exact":
        at = revision(options.resource_version)
    asked = revision(options.resource_version)
    if asked > store.revision:
        raise _too_new(asked, store.revision)
    try:
        current = at == store.revision
        found = store.items(resource.storage, namespace) if current else _past(store, resource, at, namespace)
    except Compacted as error:
        if not options.continue_token:
            raise gone(str(error)) from None
        rest = gone(_TOO_OLD)
        raise _Restart(rest, _token(-1, start or ("", ""))) from None
    if start is not None:
        found = [(key, stored) for key, stored in found if key >= start]
    if wanted is not None:
        found = [(key, stored) for key, stored in found if wanted(stored.body)]
    if name:
        found = [(key, stored) for key, stored in found if key[1] == name]
    if 0 < options.limit < len(found):
        following = found[options.limit][0]
        remaining = len(found) - options.limit if wanted is None else None
        items = [stored for _, stored in found[: options.limit]]
        return Page(items, at, _token(at, following), remaining)
    return Page([stored for _, stored in found], at)


class _Restart(ApiError):
    """410 with a token to go on with."""

    def __init__(self, error: ApiError, token: str) -> None:
        super().__init__(error.code, error.reason, error.message)
        self.token = token

    def body(self) -> dict[str, Any]:
        return {**super().body(), "metadata": {"continue": self.token}}


def _past(store: Store, resource: Resource, at: int, namespace: str) -> list[tuple[Key, Stored]]:
    return store.items_at(resource.storage, at, namespace)


def _token(at: int, start: Key) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": at, "start": "/".join(start)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _continued(token: str, now: int) -> tuple[int, Key]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = found["start"].partition("/")
        at = int(found["rv"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: illegal base64 data at input byte 0") from None
    return (now if at < 0 else at), (namespace, name)


def _too_new(asked: int, now: int) -> ApiError:
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return ApiError(504, "Timeout", f"Timeout: Too large resource version: {asked}, current: {now}", details)
