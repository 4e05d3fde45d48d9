"""An in-memory cloud that takes part in the contract: the example for the others, and a test of the suite itself.

It has what real clouds have: objects found by name and by parent, creation in several calls, operations that take
time, answers that get lost, and states of failure. All state is in `MemoryWorld`, which outlives the drivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from module_utils._engine.errors import NotFound, Throttled, Unavailable
from module_utils._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Fields
from module_utils._engine.plan import Plan
from module_utils._engine.resource import WATCH, Observed, Operation, Recovery, Resource, Status
from module_utils._spec.site import Site

from sandbox.core.faults import FaultRule, Faults

from .harness import Case, Environment, Killed, Variant

CREATION_SECONDS = 540.0


@dataclass
class MemoryClock:
    """Simulated seconds."""

    time: float = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class Thing:
    """One object in the cloud. It is ready at an instant of the clock, or has failed by then."""

    body: dict[str, Any]
    ready_at: float = 0.0
    failure: str = ""


@dataclass
class MemoryWorld:
    """The cloud. `calls` is its request log."""

    cloud: str = "memory"
    clock: MemoryClock = field(default_factory=MemoryClock)
    things: dict[str, Thing] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    calls: list[dict[str, Any]] = field(default_factory=list)
    waits: bool = True
    _dies_after: int | None = None

    def reset(self, *, waits: bool = True) -> None:
        self.waits = waits
        self.things.clear()
        self.faults.clear()

    def environment(self, **site: Any) -> Environment:
        members = {
            "cloud": "gcp",
            "region": "memory-1",
            "platform": "contract",
            "account": "memory",
            "site": "memory-test",
        }
        return Environment(Site(**{**members, **site}), MemoryDriver(self), self.clock, self)

    def fault(self, **rule: Any) -> None:
        self.faults.add(FaultRule(**rule))

    def clear_faults(self) -> None:
        self.faults.clear()

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        return self.calls[since:]

    @contextmanager
    def killed_after(self, writes: int) -> Iterator[None]:
        self._dies_after = writes
        try:
            yield
        finally:
            self._dies_after = None

    def call(self, operation: str, name: str, body: dict[str, Any] | None = None) -> Thing | None:
        """One request to the cloud, as its SDK would send it."""
        write = not operation.endswith(".get")
        rule = self.faults.match(operation, "POST" if write else "GET", f"/{name}")
        kind = rule.kind if rule else None
        status = {"throttle": 429, "error": 500, "drop": 0, "drop_after": 0}.get(kind or "", 200)
        entry = {"seq": len(self.calls) + 1, "operation": operation, "write": write, "status": status, "fault": kind}
        self.calls.append(entry)
        if kind == "throttle":
            raise Throttled("slow down", code="TooManyRequests", status=429, retry_after=3)
        if kind in ("error", "drop"):
            raise Unavailable("internal error", code="InternalError", status=500)
        thing = self._carry_out(operation, name, body)
        if write and self._dies_after is not None:
            self._dies_after -= 1
            if self._dies_after == 0:
                raise Killed
        if kind == "drop_after":
            raise Unavailable("connection closed without an answer")
        return thing

    def _carry_out(self, operation: str, name: str, body: dict[str, Any] | None) -> Thing | None:
        verb = operation.rpartition(".")[2]
        if verb == "get":
            return self.things.get(name)
        if verb == "delete":
            if self.things.pop(name, None) is None:
                raise NotFound(f"{name} does not exist", code="NotFound", status=404)
            return None
        if verb == "insert":
            assert name not in self.things, f"{name} was made twice"
            failing = self.faults.match_operation(operation)
            reason = (failing.message or "it failed") if failing else ""
            slow = self.waits and operation.startswith("cluster.")
            self.things[name] = Thing(dict(body or {}), self.clock.now() + (CREATION_SECONDS if slow else 0.0), reason)
        else:
            self.things[name].body.update(body or {})
        return self.things[name]


@dataclass
class MemoryDriver:
    """What a process has of the cloud."""

    world: MemoryWorld

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        return [{"kind": "memory", "id": name, "name": name} for name in self.world.things if name not in known]


class MemoryResource(Resource):
    """Common to both kinds: read, and one call per verb."""

    def __init__(self, environment: Environment, name: str, body: dict[str, Any], needs: Sequence[Resource] = ()):
        super().__init__(name, needs)
        self.world: MemoryWorld = environment.world  # type: ignore[assignment]
        self.body = {**body, "tags": environment.site.all_tags}

    def desired(self) -> dict[str, Any]:
        return self.body

    def read(self) -> Observed | None:
        thing = self.world.call(f"{self.kind}.get", self.name)
        if thing is None:
            return None
        status, reason = Status.READY, ""
        if self.world.clock.now() < thing.ready_at:
            status, reason = Status.PENDING, "PROVISIONING"
        elif thing.failure:
            status, reason = Status.FAILED, thing.failure
        return Observed(
            dict(thing.body), {"id": self.name}, status, reason, thing.body.get("tags"), recovery=Recovery.RECREATE
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        self.world.call(f"{self.kind}.insert", self.name, desired)
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.world.call(f"{self.kind}.patch", self.name, {each.top: desired[each.top] for each in change.changes})
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.world.call(f"{self.kind}.delete", self.name)
        return WATCH


class Net(MemoryResource):
    """Made by two calls, of which the second may never come."""

    kind: ClassVar[str] = "net"
    fields: ClassVar[Fields] = Fields({"range": IMMUTABLE, "mtu": MUTABLE, "tags": MUTABLE})

    def create(self, desired: dict[str, Any]) -> Operation:
        self.world.call("net.insert", self.name, {"range": desired["range"], "tags": desired["tags"]})
        self.world.call("net.patch", self.name, {"mtu": desired["mtu"]})
        return WATCH


class Cluster(MemoryResource):
    """Takes nine minutes, and may fail in the end."""

    kind: ClassVar[str] = "cluster"
    fields: ClassVar[Fields] = Fields(
        {"net": IMMUTABLE, "version": MUTABLE, "initialNodes": CREATE_ONLY, "tags": MUTABLE}
    )

    def desired(self) -> dict[str, Any]:
        return {**self.body, "net": self.needs[0].out("id")}


def _net(environment: Environment, **options: Any) -> list[Resource]:
    return [Net(environment, "net-1", {"range": "10.0.0.0/16", "mtu": 1460, **options})]


def _cluster(environment: Environment, network: str = "net-1", **options: Any) -> list[Resource]:
    net = Net(environment, network, {"range": "10.0.0.0/16", "mtu": 1460})
    body = {"version": "1.33", "initialNodes": 2, **options}
    return [Cluster(environment, "cluster-1", body, needs=[net])]


def _count(kind: str) -> Any:
    return lambda environment: sum(name.startswith(kind) for name in environment.world.things)


CASES = [
    Case(
        "net",
        _net,
        updates=[Variant({"mtu": 1500}, ("mtu",))],
        immutable=[Variant({"range": "10.1.0.0/16"}, ("range",))],
        count=_count("net-"),
    ),
    Case(
        "cluster",
        _cluster,
        updates=[Variant({"version": "1.34"}, ("version",))],
        immutable=[Variant({"network": "net-2"}, ("net",))],
        count=_count("cluster-"),
        operation=r"^cluster\.insert$",
    ),
]
