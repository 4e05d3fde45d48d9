"""A scripted cloud and a clock that jumps, for tests of the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from module_utils._engine.apply import Preflight, converge
from module_utils._engine.errors import CloudError, NotFound, Unavailable
from module_utils._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action, Plan
from module_utils._engine.report import Entry, Report
from module_utils._engine.resource import WATCH, Observed, Operation, Progress, Recovery, Resource, State, Status
from module_utils._engine.settings import Event, Settings
from module_utils._engine.tags import Owner

OWNER = Owner("ml", "dev", "aws-dev")


class FakeClock:
    """Time passes only by sleeping. Safe for threads."""

    def __init__(self) -> None:
        self._time = 0.0
        self._guard = threading.Lock()

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        with self._guard:
            self._time += seconds


@dataclass
class Thing:
    """One object of the fake cloud. It reaches `then` at `ready_at`, and is gone at `gone_at`."""

    body: dict[str, Any]
    ready_at: float = 0.0
    then: Status = Status.READY
    reason: str = ""
    recovery: Recovery = Recovery.REPORT
    gone_at: float | None = None
    visible_at: float = 0.0


@dataclass
class FakeCloud:
    """calls: (verb, name, instant) of everything that changes something. reads counts the rest."""

    clock: FakeClock = field(default_factory=FakeClock)
    things: dict[str, Thing] = field(default_factory=dict)
    calls: list[tuple[str, str, float]] = field(default_factory=list)
    reads: int = 0
    events: list[Event] = field(default_factory=list)
    active: dict[str, int] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def put(self, resource: Fake, status: Status = Status.READY, **changes: Any) -> Thing:
        """Let the object of a resource exist already."""
        members = {key: changes.pop(key) for key in ("reason", "recovery", "gone_at") if key in changes}
        ready_at = changes.pop("ready_at", 1e9 if status is Status.PENDING else 0.0)
        then = Status.READY if status is Status.PENDING else status
        thing = Thing({**resource.body, "tags": OWNER.tags(), **changes}, ready_at, then, **members)
        self.things[resource.name] = thing
        return thing

    def verbs(self, *names: str) -> list[str]:
        """Verb and name of every call, in order; only those of the named objects if any are named."""
        return [f"{verb} {name}" for verb, name, _ in self.calls if not names or name in names]

    def run(self, *resources: Resource, preflight: Preflight | None = None, **changes: Any) -> Report:
        return converge(
            Graph(resources),
            Settings(**{"owner": OWNER, **changes}),
            self.clock,
            notify=self.events.append,
            preflight=preflight,
        )


class Fake(Resource):
    """A resource on the fake cloud. `script` holds, per verb, errors to raise one after the other.

    body: what is desired; values may be callables, called when desired() is. lost: verbs whose answer gets lost once.
    takes: seconds until a created object is ready. ends: how it ends.
    """

    kind: ClassVar[str] = "fake"
    fields: ClassVar[Fields] = Fields(
        {
            "size": MUTABLE,
            "zone": IMMUTABLE,
            "initial": CREATE_ONLY,
            "tags": MUTABLE,
            "need": IMMUTABLE,
            "password": Field(secret=True),
            "auth": MUTABLE,
            "auth.token": Field(secret=True),
            "stages": MUTABLE,
        }
    )

    def __init__(
        self,
        cloud: FakeCloud,
        name: str,
        needs: Sequence[Resource] = (),
        *,
        body: Mapping[str, Any] | None = None,
        script: Mapping[str, Sequence[CloudError]] | None = None,
        lost: Sequence[str] = (),
        takes: float = 0.0,
        ends: Thing | None = None,
        tagged: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(name, needs, **options)
        self.cloud = cloud
        self.body = dict(body if body is not None else {"size": 1})
        self.script = {verb: list(errors) for verb, errors in (script or {}).items()}
        self.lost = list(lost)
        self.takes = takes
        self.ends = ends
        self.tagged = tagged
        self.ignores: set[str] = set()  # fields whose change the cloud accepts and does not make
        self.guards: dict[str, str] = {}
        self.on_call: Callable[[str], object] = lambda verb: None

    def desired(self) -> dict[str, Any]:
        body = {name: value() if callable(value) else value for name, value in self.body.items()}
        return {**body, "tags": OWNER.tags()} if self.tagged else body

    def read(self) -> Observed | None:
        with self.cloud.guard:
            self.cloud.reads += 1
        self._fail("read")
        now, thing = self.cloud.clock.now(), self.cloud.things.get(self.name)
        if thing is not None and thing.gone_at is not None and now >= thing.gone_at:
            thing = self.cloud.things.pop(self.name, None) and None
        if thing is None or now < thing.visible_at:
            return None
        if thing.gone_at is not None:
            status, reason = Status.DELETING, "DELETING"
        elif now < thing.ready_at:
            status, reason = Status.PENDING, "PROVISIONING"
        else:
            status, reason = thing.then, thing.reason
        tags = thing.body.get("tags") if self.tagged else None
        return Observed(dict(thing.body), {"id": f"id-{self.name}"}, status, reason, tags, thing.recovery)

    def create(self, desired: dict[str, Any]) -> Operation:
        def act() -> None:
            assert self.name not in self.cloud.things, f"{self.name} was made twice"
            end = self.ends or Thing({})
            self.cloud.things[self.name] = Thing(
                dict(desired), self.cloud.clock.now() + self.takes, end.then, end.reason, end.recovery
            )

        return self._call("create", act)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        def act() -> None:
            thing = self.cloud.things[self.name]
            thing.body.update({each.top: desired[each.top] for each in change.changes if each.top in desired})
            for name in self.ignores:
                thing.body[name] = observed.values.get(name)
            thing.then, thing.reason = Status.READY, ""

        return self._call("update", act)

    def delete(self, observed: Observed) -> Operation:
        def act() -> None:
            if self.cloud.things.pop(self.name, None) is None:
                raise NotFound("it is gone")

        return self._call("delete", act)

    def poll(self, operation: Operation) -> Progress:
        return operation.handle() if callable(operation.handle) else Progress(State.DONE)

    def check_delete(self, observed: Observed) -> str:
        return self.guards.get("delete", "")

    def check_update(self, observed: Observed, change: Plan) -> str:
        return self.guards.get("update", "")

    def _call(self, verb: str, act: Callable[[], None]) -> Operation:
        lock = self.lock or f"own {self.name}"
        with self.cloud.guard:
            self.cloud.calls.append((verb, self.name, self.cloud.clock.now()))
            self.cloud.active[lock] = self.cloud.active.get(lock, 0) + 1
            if self.cloud.active[lock] > 1:
                self.cloud.overlaps.append(lock)
        try:
            self.on_call(verb)
            self._fail(verb)
            with self.cloud.guard:
                act()
            if verb in self.lost:
                self.lost.remove(verb)
                raise Unavailable("connection closed without an answer")
        finally:
            with self.cloud.guard:
                self.cloud.active[lock] -= 1
        return WATCH

    def _fail(self, verb: str) -> None:
        if self.script.get(verb):
            raise self.script[verb].pop(0)


def entry(report: Report, name: str) -> Entry:
    return next(each for each in report.entries if each.name == name)


def actions(report: Report) -> dict[str, str]:
    return {each.name: each.action.value for each in report.entries if each.action is not Action.NONE}
