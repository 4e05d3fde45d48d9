"""A credential's whole life, killed before and after every single step of the store and of the service."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from module_utils._engine.apply import converge
from module_utils._engine.credential import Credential, Kept, unpack
from module_utils._engine.fields import MUTABLE, Fields
from module_utils._engine.graph import Graph
from module_utils._engine.plan import MASK, Plan
from module_utils._engine.report import Report
from module_utils._engine.resource import DONE, WATCH, Observed, Operation, Progress, Resource, State
from module_utils._engine.settings import Settings

from .kit import OWNER, FakeClock


class Killed(BaseException):
    """The process is gone; what it had in memory is too."""


@dataclass
class World:
    """What outlives a run: the store's values and the service. kill: the step at which the process dies."""

    values: dict[str, str] = field(default_factory=dict)
    place: bool = False
    made: bool = False
    password: str | None = None
    accepting: int = 0  # polls until a password that was given is the one in use
    given: str | None = None
    kill: int | None = None
    steps: int = 0

    def step(self, act: Callable[[], None]) -> None:
        """One change, with a moment before and a moment after it."""
        self._moment()
        act()
        self._moment()

    def _moment(self) -> None:
        if self.kill is not None and self.steps == self.kill:
            raise Killed
        self.steps += 1

    def agrees(self) -> bool:
        """Store and service hold the same value, and nothing is on its way."""
        return set(self.values) == {"current"} and unpack(self.values["current"]) == self.password

    def nothing_lost(self) -> bool:
        """Whatever the service takes stands in the store."""
        return self.password is None or self.password in map(unpack, self.values.values())


class Vault:
    def __init__(self, world: World) -> None:
        self.world = world

    def kept(self, name: str) -> Kept:
        values = self.world.values
        return Kept.PENDING if "pending" in values else Kept.CURRENT if values else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return self.world.values.get("current")

    def pending(self, name: str) -> str | None:
        return self.world.values.get("pending")

    def put_pending(self, name: str, value: str) -> None:
        self.world.step(lambda: self.world.values.update(pending=value))

    def promote(self, name: str) -> None:
        def act() -> None:
            if "pending" in self.world.values:
                self.world.values = {"current": self.world.values["pending"]}

        self.world.step(act)


class Thing(Resource):
    """The secret, or the service, made in one step."""

    fields = Fields({"name": MUTABLE})

    def __init__(self, world: World, member: str, needs: tuple[Resource, ...] = ()) -> None:
        super().__init__(member, needs)
        self.world, self.member = world, member

    def desired(self) -> dict[str, Any]:
        return {"name": self.member}

    def read(self) -> Observed | None:
        return Observed({"name": self.member}, {"id": self.member}) if getattr(self.world, self.member) else None

    def create(self, desired: dict[str, Any]) -> Operation:
        self.world.step(lambda: setattr(self.world, self.member, True))
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise AssertionError("there is nothing to change")

    def delete(self, observed: Observed) -> Operation:
        raise AssertionError("nothing is deleted")


class Place(Thing):
    kind = "fake.secret"


class Service(Thing):
    """A service that is told its first password when it is made."""

    kind = "fake.service"

    def __init__(self, world: World, place: Place, first: Callable[[], str] | None) -> None:
        super().__init__(world, "made", (place,))
        self.first = first

    def create(self, desired: dict[str, Any]) -> Operation:
        password = self.first() if self.first else None

        def act() -> None:
            self.world.made, self.world.password = True, password

        self.world.step(act)
        return DONE


class Login(Credential):
    """A password that takes the service a while to accept, where `slow`."""

    kind = "fake.login"

    def __init__(self, world: World, place: Place, needs: tuple[Resource, ...], *, slow: bool, **more: Any) -> None:
        super().__init__("login", Vault(world), place, needs, secret="s", **more)
        self.world, self.slow = world, slow

    def give(self, password: str) -> Operation:
        def act() -> None:
            self.world.given, self.world.accepting = password, 2 if self.slow else 0
            if not self.slow:
                self.world.password = password

        self.world.step(act)
        return WATCH if self.slow else DONE

    def follow(self, operation: Operation) -> Progress:
        if self.world.accepting:
            self.world.accepting -= 1
            return Progress(State.RUNNING)

        def act() -> None:
            self.world.password = self.world.given

        self.world.step(act)
        return Progress(State.DONE)


def _last(logins: list[Login]) -> Login:
    return logins[-1]


def run(world: World, *, told_at_creation: bool, slow: bool, check: bool = False, **more: Any) -> Report:
    """One run of a process that remembers nothing of those before it."""
    place = Place(world, "place")
    logins: list[Login] = []
    service = Service(world, place, (lambda: _last(logins).for_creation()) if told_at_creation else None)
    logins.append(Login(world, place, (service,), slow=slow, **more))
    resources: list[Resource] = [place, service, logins[0]]
    report = converge(Graph(resources), Settings(owner=OWNER, check=check), FakeClock())
    assert [entry.error for entry in report.failed] == []
    return report


# Every order of things: what stands before, and what the run is asked for.
FRESH: dict[str, Any] = {}
STANDING: dict[str, Any] = {"values": {"current": "old"}, "place": True, "made": True, "password": "old"}
RESTORED: dict[str, Any] = {**STANDING, "password": "of the past"}


@pytest.mark.parametrize("slow", [False, True], ids=["quick", "slow"])
@pytest.mark.parametrize("told_at_creation", [False, True], ids=["given", "told at creation"])
@pytest.mark.parametrize(
    ("before", "asked"),
    [(FRESH, {}), (FRESH, {"username": "app"}), (FRESH, {"rotate": True}), (STANDING, {"rotate": True})],
    ids=["create", "create with a name", "create and rotate", "rotate"],
)
@pytest.mark.parametrize("again", ["same", "plain"])
def test_a_kill_loses_no_password(
    before: dict[str, Any], asked: dict[str, Any], told_at_creation: bool, slow: bool, again: str
) -> None:
    """again: the rerun asks for the same, or no longer for the rotation."""
    how = {"told_at_creation": told_at_creation, "slow": slow}
    later = asked if again == "same" else {name: value for name, value in asked.items() if name != "rotate"}
    for kill in range(100):
        world = World(**copy.deepcopy(before), kill=kill)
        try:
            run(world, **how, **asked)
        except Killed:
            pass
        else:
            break
        assert world.nothing_lost()
        world.kill = None
        run(world, **how, **later)
        assert world.agrees()
        assert not run(world, **how).changed
    else:
        pytest.fail("it never came to its end")
    assert kill >= 4
    assert world.agrees()
    assert before.get("password") != world.password


@pytest.mark.parametrize("slow", [False, True], ids=["quick", "slow"])
def test_what_a_restored_service_has_forgotten_is_given_again(slow: bool) -> None:
    for kill in range(100):
        world = World(**copy.deepcopy(RESTORED), kill=kill)
        try:
            run(world, told_at_creation=True, slow=slow, reapply=True)
        except Killed:
            pass
        else:
            break
        assert world.values["current"] == "old"
        world.kill = None
        run(world, told_at_creation=True, slow=slow, reapply=True)
        assert world.agrees()
    assert kill >= 2
    assert world.agrees()
    assert world.password == "old"


def test_rotation_and_reapplication_are_planned_and_done_once() -> None:
    world = World(**copy.deepcopy(STANDING))
    planned = run(world, told_at_creation=False, slow=False, check=True, rotate=True)
    assert planned.changed
    assert world.values == {"current": "old"}
    assert run(world, told_at_creation=False, slow=False, rotate=True).changed
    assert world.password != "old"
    assert not run(world, told_at_creation=False, slow=False).changed


def test_no_report_holds_a_value() -> None:
    world = World()
    texts = [str(run(world, told_at_creation=True, slow=True, username="app").as_dict())]
    passwords = [world.password or ""]
    texts.append(str(run(world, told_at_creation=True, slow=True, username="app", rotate=True).as_dict()))
    passwords.append(world.password or "")
    assert len(set(passwords)) == 2
    assert all(len(password) == 32 and password not in text for password in passwords for text in texts)
    assert MASK not in texts[0]  # nothing had to be masked: values are no part of what is compared
