# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run shares: the site, its client, and lists that answer many reads with one call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from .._engine.clock import Clock
from .._engine.errors import NotFound
from .._engine.retry import retry_call
from .._spec.site import Site
from .client import Client

T = TypeVar("T")


class Session:
    """One site's run. Thread-safe."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site = site
        self.clock = clock
        self.client = Client(site)
        self.subscription = self.client.subscription
        self._announced: set[str] = set()
        self._finders: list[Callable[[], str]] = []
        self._expected: Counter[str] = Counter()
        self._answers: dict[str, Future[Any]] = {}
        self._guard = threading.Lock()

    def expect(self, path: str) -> None:
        """Announce an object that will be read: where two lie side by side, one list serves both."""
        self._announced.add(path.lower())
        # Lists of groups hold the whole subscription: never worth it for one or two.
        if "/providers/" in path:
            self._expected[_collection(path)] += 1

    def expect_found(self, ask: Callable[[], str]) -> None:
        """Announce an object whose path is told by what there is: `ask` answers it, or nothing. What lies at the path
        it would have may be another's."""
        self._finders.append(ask)

    def retract(self, path: str) -> None:
        """Take an announcement back."""
        self._announced.discard(path.lower())

    def announced(self, path: str) -> bool:
        """Whether this run holds the object."""
        return path.lower() in self._announced or any(ask().lower() == path.lower() for ask in self._finders)

    def read(self, path: str, kind: str, *, direct: bool = False) -> dict[str, Any] | None:
        """One object as the service shows it, or None. direct: never from a list made earlier."""
        collection = _collection(path)
        try:
            if not direct and self._expected[collection] > 1:
                found = self.once(collection, lambda: self._listed(collection, kind))
                return found.get(path.lower())
            body = self.client.get(path, kind)
        except NotFound:
            return None
        return body if isinstance(body, dict) else None

    def _listed(self, collection: str, kind: str) -> dict[str, Any]:
        return {str(item.get("id", "")).lower(): item for item in self.client.pages(collection, kind)}

    def once(self, key: str, ask: Callable[[], T]) -> T:
        """The answer to a question that is asked once per run, whoever asks first. Failures are not kept."""
        with self._guard:
            future = self._answers.get(key)
            mine = future is None
            if future is None:
                future = self._answers[key] = Future()
        if mine:
            try:
                future.set_result(ask())
            except BaseException as error:
                with self._guard:
                    self._answers.pop(key, None)
                future.set_exception(error)
        return future.result()

    def patient(self, ask: Callable[[], T]) -> T:
        """A call that may be repeated, repeated until it is answered."""
        return retry_call(ask, self.clock)

    def drop(self, key: str) -> None:
        """Forget an answer."""
        with self._guard:
            self._answers.pop(key, None)

    # -- paths -----------------------------------------------------------------------------------------------------

    def group_path(self, group: str) -> str:
        return f"{self.subscription}/resourceGroups/{group}"

    def in_group(self, group: str, kind: str, name: str) -> str:
        """The path of an object of a resource group: kind "Microsoft.Network/virtualNetworks"."""
        return f"{self.group_path(group)}/providers/{kind}/{name}"


def _collection(path: str) -> str:
    return path.rpartition("/")[0]
