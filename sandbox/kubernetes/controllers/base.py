"""What controllers have in common: a queue of keys, one reconciliation at a time per key, retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from ...core.clock import Clock
from .client import ApiFailure, Body, Client, path_of
from .informer import Informer, Key, key_of

_LOG = logging.getLogger(__name__)
_FIRST_RETRY, _LONGEST_RETRY = 0.01, 2.0
_CLOCK_SECONDS = 0.1  # how soon a clock that was put forward is noticed
_EXPECTED = (404, 409)  # somebody was faster: look again


class Informers:
    """One informer per resource, shared by the controllers."""

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self.clock = clock or Clock()
        self._known: dict[tuple[str, str], Informer] = {}

    def of(self, api_version: str, plural: str) -> Informer:
        """The informer of a resource."""
        key = (api_version, plural)
        if key not in self._known:
            self._known[key] = Informer(self._client, api_version, plural)
        return self._known[key]

    def all(self) -> list[Informer]:
        """Every one that somebody wanted."""
        return list(self._known.values())


class Controller:
    """Brings the objects of one kind to where they want to be. Subclasses implement ``reconcile``."""

    api_version = ""
    plural = ""
    kind = ""

    def __init__(self, client: Client, informers: Informers) -> None:
        self.client = client
        self.informers = informers
        self.clock = informers.clock
        self.own = informers.of(self.api_version, self.plural)
        self.own.on_change(lambda body, before: self.enqueue(key_of(body)))
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._alarms: dict[Key, asyncio.Task[None]] = {}

    def enqueue(self, key: Key) -> None:
        """Look at an object soon; once, however often it is asked for."""
        if key not in self._queued:
            self._queued.add(key)
            self._queue.put_nowait(key)

    def enqueue_after(self, key: Key, seconds: float) -> None:
        """Look at an object later."""
        asyncio.get_running_loop().call_later(seconds, self.enqueue, key)

    def enqueue_at(self, key: Key, moment: datetime) -> None:
        """Look at an object when the cluster's clock, which may be put forward, has reached a moment.

        A key has one such moment, the last one that was given.
        """

        async def wait() -> None:
            while (left := (moment - self.clock.wall()).total_seconds()) > 0:
                await asyncio.sleep(min(left, _CLOCK_SECONDS))
            if self._alarms.get(key) is asyncio.current_task():
                del self._alarms[key]
            self.enqueue(key)

        self.forget_moment(key)
        self._alarms[key] = asyncio.create_task(wait())

    def forget_moment(self, key: Key) -> None:
        """There is nothing to wait for any more."""
        alarm = self._alarms.pop(key, None)
        if alarm is not None:
            alarm.cancel()

    def follow_owned(self, informer: Informer) -> None:
        """Look at the owner when something that it controls changes."""

        def changed(body: Body, before: Body | None) -> None:
            for state in (body, before):
                for owner in (state or {}).get("metadata", {}).get("ownerReferences") or []:
                    if owner.get("controller") and owner["kind"] == self.kind:
                        self.enqueue((body["metadata"].get("namespace", ""), owner["name"]))

        informer.on_change(changed)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._work()
        finally:
            for alarm in self._alarms.values():
                alarm.cancel()

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            self._queued.discard(key)
            try:
                await self.reconcile(key)
                self._failures.pop(key, None)
            except ApiFailure as failure:
                self._again(key)
                if failure.code not in _EXPECTED:
                    _LOG.warning("%s %s/%s: %s", self.kind, *key, failure)
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                self._again(key)
            except Exception:
                _LOG.exception("%s %s/%s", self.kind, *key)
                self._again(key)

    def _again(self, key: Key) -> None:
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        self.enqueue_after(key, min(_LONGEST_RETRY, _FIRST_RETRY * 2**count))

    async def reconcile(self, key: Key) -> None:
        """Bring one object forward; called again for every change."""
        raise NotImplementedError

    def available(self, owner: Body, pods: Iterable[Body]) -> int:
        """How many pods have been ready for ``minReadySeconds``; looks again when there will be more."""
        waits = [_unavailable_for(pod, owner["spec"].get("minReadySeconds") or 0) for pod in pods]
        soon = min((one for one in waits if one), default=None)
        if soon is not None:
            self.enqueue_after(key_of(owner), soon + 0.05)
        return waits.count(0.0)

    # --- writes ---------------------------------------------------------------------------------------------------

    def path(self, body: Body, subresource: str = "") -> str:
        """Of an object of this controller's kind."""
        return path_of(self.api_version, self.plural, *key_of(body), subresource)

    async def set_status(self, body: Body, status: Body) -> None:
        """Replace the status when it differs; fields that are gone are taken away."""
        if body.get("status") == status:
            return
        patch = {**dict.fromkeys(body.get("status") or {}), **status}
        meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
        self.own.remember(await self.client.patch(self.path(body, "status"), {"metadata": meta, "status": patch}))

    async def event(self, body: Body, kind: str, reason: str, message: str) -> None:
        """Tell people what happened (an Event)."""
        namespace, name = key_of(body)
        stamp = now()
        reference = {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "name": name,
            "namespace": namespace,
            "uid": body["metadata"]["uid"],
        }
        event = {
            "metadata": {"generateName": f"{name}."},
            "involvedObject": reference,
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "source": {"component": type(self).__name__},
            "reportingComponent": type(self).__name__,
        }
        try:
            await self.client.create(path_of("v1", "events", namespace or "default"), event)
        except ApiFailure as failure:
            if failure.code not in (403, 404):  # the namespace is going
                raise


def now() -> str:
    """As metav1.Time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def owner_reference(owner: Body) -> Body:
    """That makes ``owner`` the controller of another object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(conditions: list[Body], kind: str, status: str, reason: str = "", message: str = "", **more: Any) -> bool:
    """Set a condition in place; whether it changed."""
    found = next((one for one in conditions if one["type"] == kind), None)
    wanted = {"status": status, **({"reason": reason} if reason else {}), **({"message": message} if message else {})}
    if found is not None and all(found.get(name) == value for name, value in wanted.items()):
        return False
    stamp = now()
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    if found.get("status") != status:
        found["lastTransitionTime"] = stamp
    if "lastUpdateTime" in more:
        found["lastUpdateTime"] = stamp
    for name in ("reason", "message"):
        found.pop(name, None)
    found |= wanted
    return True


def is_ready(pod: Body) -> bool:
    """Whether a pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _unavailable_for(pod: Body, seconds: int) -> float | None:
    """How long until a pod has been ready for ``seconds`` (0: it has); None when it is not ready."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = next((one for one in conditions if one["type"] == "Ready" and one["status"] == "True"), None)
    if ready is None:
        return None
    since = datetime.fromisoformat(ready["lastTransitionTime"])
    return max(0.0, seconds - (datetime.now(UTC) - since).total_seconds()) if seconds else 0.0


def is_active(pod: Body) -> bool:
    """Whether a pod is neither over nor going."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and not pod["metadata"].get("deletionTimestamp")


def pod_from(template: Body, owner: Body, **meta: Any) -> Body:
    """A pod as an owner's template wants it."""
    given = template.get("metadata") or {}
    kept = {name: given[name] for name in ("labels", "annotations", "finalizers") if given.get(name)}
    metadata = {**kept, "ownerReferences": [owner_reference(owner)], **meta}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def scaled(value: int | str | None, total: int, up: bool) -> int:
    """``25%`` or ``1`` of ``total``, rounded up or down."""
    if isinstance(value, str):
        share = int(value.rstrip("%")) * total
        return -(-share // 100) if up else share // 100
    return value or 0
