# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of things: a graph of resources and a scheduler that runs independent ones side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum
from graphlib import CycleError, TopologicalSorter

from .errors import SpecError
from .resource import Resource


class Outcome(Enum):
    """How one resource's turn ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Graph:
    """Resources and all that they need. Raises SpecError for two resources of one name and for circles."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources: dict[str, Resource] = {}
        for resource in resources:
            other = self.resources.get(resource.key)
            if other is not None and other is not resource:
                raise SpecError(f"Two objects of the specification are named {resource.name!r} ({resource.kind}).")
            self.resources[resource.key] = resource
        queue = list(self.resources.values())
        while queue:
            for need in queue.pop().needs:
                if need.key not in self.resources:
                    self.resources[need.key] = need
                    queue.append(need)
                elif self.resources[need.key] is not need:
                    raise SpecError(f"Two objects of the specification are named {need.name!r} ({need.kind}).")
        self.needs: dict[str, set[str]] = {
            key: {need.key for need in resource.needs} for key, resource in self.resources.items()
        }
        try:
            self.order = list(TopologicalSorter(self.needs).static_order())
        except CycleError as error:
            raise SpecError(f"These objects need each other in a circle: {' -> '.join(error.args[1])}.") from error

    def reversed(self) -> dict[str, set[str]]:
        """For each resource the ones that need it: the order of deletion."""
        after: dict[str, set[str]] = {key: set() for key in self.needs}
        for key, needs in self.needs.items():
            for need in needs:
                after[need].add(key)
        return after

    def dependants(self, key: str) -> set[str]:
        """Everything that needs this resource, directly or not."""
        found: set[str] = set()
        after, queue = self.reversed(), [key]
        while queue:
            for dependant in after[queue.pop()] - found:
                found.add(dependant)
                queue.append(dependant)
        return found


def run(
    before: dict[str, set[str]],
    work: Callable[[str], Outcome],
    skip: Callable[[str, set[str]], None],
    *,
    locks: dict[str, str | None],
    workers: int,
) -> dict[str, Outcome]:
    """Run `work` for every key once all keys in `before[key]` ended OK, at most `workers` at a time.

    Keys that share a lock never run together. When something a key waits for did not end OK, `skip` is called
    with the keys that stopped it, and it counts as SKIPPED. `work` must not raise.
    """
    outcomes: dict[str, Outcome] = {}
    waiting = dict(before)
    running: dict[Future[Outcome], str] = {}
    held: set[str] = set()
    workers = max(1, workers)
    # Nothing queues inside the pool: when a worker dies, what has not begun never begins.
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="converge") as pool:
        while waiting or running:
            for key in list(waiting):
                if not waiting[key] <= outcomes.keys():
                    continue
                bad = {need for need in waiting[key] if outcomes[need] is not Outcome.OK}
                lock = locks.get(key)
                if bad:
                    del waiting[key]
                    skip(key, bad)
                    outcomes[key] = Outcome.SKIPPED
                    break  # a skip may release others: look again from the start
                if len(running) < workers and (lock is None or lock not in held):
                    del waiting[key]
                    if lock is not None:
                        held.add(lock)
                    running[pool.submit(work, key)] = key
            else:
                if waiting and not running:
                    raise RuntimeError(f"These wait for one another: {', '.join(sorted(waiting))}.")
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key = running.pop(future)
                    outcomes[key] = future.result()
                    held.discard(locks.get(key) or "")
    return outcomes
