# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of one set share in one run: what was listed, what explains, what must not be shown."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._engine.clock import Clock
from .._engine.errors import NotFound
from .._engine.plan import MASK
from .._engine.settings import Settings
from .client import Client
from .health import WaitCondition
from .labels import MEMBER, set_id
from .objects import Body, Ref
from .stuck import explain

_FEW = 3  # so many objects are cheaper asked for one by one than by listing all of their kind
_SHORTEST_SECRET = 6
_EXPLAIN_SECONDS = 3.0


class Session:
    """Thread-safe. Lists are made once, when the first object of a kind is looked for, and serve the survey only: from
    the first change on every object is asked for itself."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        clock: Clock,
        name: str,
        *,
        wait: bool = True,
        force: bool = False,
        conditions: Sequence[WaitCondition] = (),
    ) -> None:
        self.client = client
        self.settings = settings
        self.clock = clock
        self.name = name
        self.wait = wait
        self.force = force
        self.conditions = tuple(conditions)
        self.members = _Lists(
            lambda version, kind, _space: client.list(version, kind, None, f"{MEMBER}={set_id(name)}")
        )
        self._whole = _Lists(lambda version, kind, space: client.list(version, kind, space or None), apart=True)
        self._classes = _Lists(lambda version, kind, _space: client.list(version, kind))
        self._sought: Counter[tuple[str, str, str]] = Counter()
        self._secrets: tuple[str, ...] = ()
        self._told: dict[str, tuple[float, str]] = {}

    def expect(self, bodies: Iterable[Body]) -> None:
        """The set's objects: their number decides how a kind is looked for; what its Secrets hold is hidden."""
        values: set[str] = set()
        for body in bodies:
            self._sought[body["apiVersion"], body["kind"], body["metadata"].get("namespace", "")] += 1
            if body["kind"] == "Secret":
                values |= secret_values(body)
        self._secrets = tuple(sorted(values, key=len, reverse=True))

    def listed(self, ref: Ref) -> Body | None:
        """One object as the lists of this run have it, or None. Also finds what does not carry the label."""
        found = self.members.get(ref)
        if found is not None:
            return found
        missing = self._sought[ref.api_version, ref.kind, ref.namespace] - self.members.count(ref)
        if missing > _FEW:
            return self._whole.get(ref)
        return self.live(ref)

    def live(self, ref: Ref) -> Body | None:
        """One object as it is now."""
        try:
            return self.client.get(ref)
        except NotFound:
            return None

    def binds_late(self, claim: Body) -> bool:
        """Whether a volume is bound only when a pod uses the claim, so that waiting for it would never end."""
        name = (claim.get("spec") or {}).get("storageClassName")
        for each in self._classes.all("storage.k8s.io/v1", "StorageClass"):
            notes = each["metadata"].get("annotations") or {}
            default = notes.get("storageclass.kubernetes.io/is-default-class") == "true"
            if each["metadata"]["name"] == name or (name is None and default):
                return bool(each.get("volumeBindingMode") == "WaitForFirstConsumer")
        return False

    def explain(self, body: Body, *, at_once: bool = False) -> str:
        """Why a workload is not ready. Asked for every few seconds only, unless it has to be known now."""
        key, now = str(body["metadata"].get("uid")), self.clock.now()
        when, words = self._told.get(key, (-_EXPLAIN_SECONDS, ""))
        if at_once or now - when >= _EXPLAIN_SECONDS:
            words = explain(self.client, body, self.mask)
            self._told[key] = (now, words)
        return words

    def mask(self, text: str) -> str:
        """Without the values of the set's Secrets."""
        for value in self._secrets:
            text = text.replace(value, MASK)
        return text


def secret_values(body: Body) -> set[str]:
    """What must not be shown of a Secret: its values, coded and plain. Short ones would mask half of a sentence."""
    found: set[str] = set()
    for value in (body.get("data") or {}).values():
        if not isinstance(value, str):
            continue
        found.add(value)
        try:
            plain = base64.b64decode(value, validate=True).decode()
        except ValueError:
            continue
        found |= {plain, *plain.splitlines()}
    return {each for each in found if len(each) >= _SHORTEST_SECRET}


class _Lists:
    """Lists of kinds, each asked for once, by whoever needs it first. apart: namespace by namespace."""

    def __init__(self, ask: Callable[[str, str, str], list[Body]], *, apart: bool = False) -> None:
        self._ask = ask
        self._apart = apart
        self._guard = threading.Lock()
        self._locks: dict[Any, threading.Lock] = {}
        self._found: dict[Any, dict[tuple[str, str], Body]] = {}

    def get(self, ref: Ref) -> Body | None:
        """One object of a list."""
        return self._of(ref.api_version, ref.kind, ref.namespace).get((ref.namespace, ref.name))

    def count(self, ref: Ref) -> int:
        """How many of its kind and namespace there are."""
        return sum(1 for space, _name in self._of(ref.api_version, ref.kind, ref.namespace) if space == ref.namespace)

    def all(self, api_version: str, kind: str) -> list[Body]:
        """The whole list, of all namespaces."""
        return list(self._of(api_version, kind, "").values())

    def _of(self, api_version: str, kind: str, namespace: str) -> dict[tuple[str, str], Body]:
        key = (api_version, kind, namespace if self._apart else "")
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._found:
                bodies = self._ask(api_version, kind, namespace)
                self._found[key] = {
                    (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in bodies
                }
            return self._found[key]
