"""The suite must be able to fail: resources with one defect each, and the check that has to find it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import pytest
from module_utils._engine.errors import CloudError
from module_utils._engine.fields import IMMUTABLE, MUTABLE, Fields
from module_utils._engine.plan import Plan
from module_utils._engine.resource import WATCH, Observed, Operation, Recovery, Resource

from tests.contract import memory
from tests.contract.checks import CHECKS, WAITING
from tests.contract.harness import Case, Environment, Variant


class Unclassed(memory.Net):
    fields = Fields({"range": IMMUTABLE, "tags": MUTABLE})


class Echoes(memory.Net):
    """Shows what was asked for, not what is there."""

    def read(self) -> Observed | None:
        observed = super().read()
        return observed and dataclasses.replace(observed, values=self.desired())


class Resets(memory.Net):
    """Touches more than what differs."""

    def read(self) -> Observed | None:
        observed = super().read()
        if observed is not None:
            observed.values["mtu"] = str(observed.values.get("mtu")) + " bytes"
        return observed


class Forgets(memory.Net):
    """Never notices that creation stopped half-way."""

    fields = Fields({"range": IMMUTABLE, "mtu": MUTABLE, "tags": MUTABLE})

    def create(self, desired: dict[str, Any]) -> Operation:
        self.world.call("net.insert", self.name, {"range": desired["range"], "mtu": desired["mtu"]})
        self.world.call("net.label", self.name, {"tags": desired["tags"]})
        return WATCH

    def read(self) -> Observed | None:
        observed = super().read()
        if observed is not None and observed.tags is None:
            observed.values["tags"] = self.body["tags"]
            observed.tags = {}
        return observed


class Doubles(memory.Net):
    """Has another name every time it is made."""

    made = 0

    def create(self, desired: dict[str, Any]) -> Operation:
        Doubles.made += 1
        self.world.call("net.insert", f"{self.name}-{Doubles.made}", desired)
        self.world.things.setdefault(self.name, self.world.things[f"{self.name}-{Doubles.made}"])
        return WATCH


class WritesWhileReading(memory.Net):
    def read(self) -> Observed | None:
        if self.world.things.get(self.name) is not None:
            self.world.call("net.patch", self.name, {})
        return super().read()


class Stays(memory.Net):
    """Leaves something behind."""

    def delete(self, observed: Observed) -> Operation:
        self.world.things[f"{self.name}-leftover"] = memory.Thing({})
        return super().delete(observed)


class Movable(memory.Net):
    """Calls a field mutable that is not."""

    fields = Fields({"range": MUTABLE, "mtu": MUTABLE, "tags": MUTABLE})


class Ignores(memory.Net):
    """Accepts a change and does not make it."""

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return super().update(observed, {**desired, "mtu": observed.values.get("mtu")}, change)


class Anybodys(memory.Net):
    """Does not show whose it is."""

    def read(self) -> Observed | None:
        observed = super().read()
        return observed and dataclasses.replace(observed, tags=self.body["tags"])


class Silent(memory.Cluster):
    """Keeps the cloud's reason to itself."""

    def read(self) -> Observed | None:
        observed = super().read()
        return observed and dataclasses.replace(observed, reason="")


class GivesUp(memory.Cluster):
    def read(self) -> Observed | None:
        observed = super().read()
        return observed and dataclasses.replace(observed, recovery=Recovery.REPORT)


DEFECTS: list[tuple[type[memory.MemoryResource], str, str]] = [
    (Unclassed, "fields", "without a class: ['mtu']"),
    (Echoes, "life", "{'mtu': 1500}: none"),
    (Resets, "life", "mtu is still"),
    (Forgets, "killed", "carries no ownership tags"),
    (Doubles, "life", "exists more than once"),
    (Doubles, "killed", "killed after write 1 of 1"),
    (WritesWhileReading, "life", "a run without changes wrote"),
    (Stays, "life", "the cloud still has the object"),
    (Movable, "immutable", "nothing was refused"),
    (Ignores, "life", "accepted the change but did not make it"),
    (Anybodys, "stranger", "nothing was refused"),
    (Silent, "failed_operation", "it ended in a failed state"),
    (GivesUp, "failed_operation", "is in a failed state"),
]


def case_of(kind: type[memory.MemoryResource]) -> Case:
    """The case of the sound resource, with the defective one in its place."""

    def build(environment: Environment, **options: Any) -> Sequence[Resource]:
        if issubclass(kind, memory.Cluster):
            body = {"version": "1.33", "initialNodes": 2, **options}
            return [kind(environment, "cluster-1", body, [memory.Net(environment, "net-1", {"range": "a", "mtu": 1})])]
        return [kind(environment, "net-1", {"range": "10.0.0.0/16", "mtu": 1460, **options})]

    sound = next(case for case in memory.CASES if case.name == kind.kind)
    immutable = sound.immutable if kind.kind == "net" else ()
    updates = sound.updates or (Variant({}, ()),)
    return dataclasses.replace(sound, build=build, immutable=immutable, updates=updates)


@pytest.mark.parametrize(
    ("kind", "check", "words"), [pytest.param(*row, id=f"{row[0].__name__}-{row[1]}") for row in DEFECTS]
)
def test_a_defect_is_found(kind: type[memory.MemoryResource], check: str, words: str) -> None:
    world = memory.MemoryWorld()
    world.reset(waits=check in WAITING)
    with pytest.raises((AssertionError, CloudError), match=re.escape(words)):
        CHECKS[check](world, case_of(kind))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [memory.Net, memory.Cluster])
def test_sound_resources_pass(kind: type[memory.MemoryResource], check: str) -> None:
    if (check == "failed_operation" and kind is memory.Net) or (check == "immutable" and kind is memory.Cluster):
        pytest.skip("says nothing about this kind")
    world = memory.MemoryWorld()
    world.reset(waits=check in WAITING)
    CHECKS[check](world, case_of(kind))
