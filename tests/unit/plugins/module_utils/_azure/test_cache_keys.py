"""Access keys in the store: whatever dies between two steps, the store holds a key that opens the cache."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from module_utils._azure.cache_keys import AccessKey, Copied
from module_utils._engine.credential import IN_USE, Kept
from module_utils._engine.fields import Fields
from module_utils._engine.plan import Action, plan
from module_utils._engine.resource import DONE, Observed, Operation, Progress, Resource, State


class Killed(BaseException):
    """The process dies here."""


class Store:
    """A vault in memory that dies when its countdown is over."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.waiting: dict[str, str] = {}
        self.steps = itertools.count()
        self.dies_at = -1

    def _step(self) -> None:
        if next(self.steps) == self.dies_at:
            raise Killed

    def kept(self, name: str) -> Kept:
        if name in self.waiting:
            return Kept.PENDING
        return Kept.CURRENT if name in self.held else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return self.held.get(name)

    def pending(self, name: str) -> str | None:
        return self.waiting.get(name)

    def put_pending(self, name: str, value: str) -> None:
        self.waiting[name] = value
        self._step()

    def promote(self, name: str) -> None:
        if name in self.waiting:
            self.held[name] = self.waiting[name]
            self._step()
            del self.waiting[name]
            self._step()


class Place(Resource):
    kind = "test.secret"
    fields = Fields({})

    def __init__(self) -> None:
        super().__init__("place")
        self.outputs = {"id": "https://vault/secrets/place"}

    def desired(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        return Observed({}, self.outputs)

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE

    update = delete = create  # type: ignore[assignment]


class Database(Place):
    """A database with two keys; `slow`: a renewal takes a while."""

    kind = "test.database"

    def __init__(self, store: Store, slow: bool) -> None:
        super().__init__()
        self.store, self.slow = store, slow
        self.serial = itertools.count(1)
        self.renewed: list[str] = []
        self.now: dict[str, str] = {}
        self.make()

    def make(self) -> None:
        self.now = {name: f"{name}-{next(self.serial)}" for name in ("Primary", "Secondary")}

    def keys(self) -> dict[str, str]:
        return dict(self.now)

    def regenerate(self, name: str) -> Operation:
        self.now[name] = f"{name}-{next(self.serial)}"
        self.renewed.append(name)
        self.store._step()
        return Operation(name) if self.slow else DONE

    def poll(self, operation: Operation) -> Progress:
        return Progress(State.DONE)


def converge(store: Store, database: Database, *, rotate: bool = False) -> list[str]:
    """One process. Returns the states that it went through."""
    key = AccessKey("cache", Copied(store, "cache"), Place(), database, rotate=rotate)  # type: ignore[arg-type]
    states = []
    for _ in range(6):
        observed = key.read()
        states.append("" if observed is None else observed.values["use"])
        changes = plan(key.desired(), observed.values if observed else None, key.fields)
        if changes.action is Action.NONE:
            return states
        operation = key.create({}) if observed is None else key.update(observed, {}, changes)
        if not operation.done:
            assert key.poll(operation).state is State.DONE
    raise AssertionError(f"it does not come to rest: {states}")


@pytest.fixture(params=[False, True], ids=["at once", "slow"])
def world(request: pytest.FixtureRequest) -> tuple[Store, Database]:
    store = Store()
    return store, Database(store, request.param)


def test_the_first_key_is_copied_and_then_left_alone(world: tuple[Store, Database]) -> None:
    store, database = world
    assert converge(store, database) == ["", IN_USE]
    assert (store.held["cache"], database.renewed) == ("Primary-1", [])
    assert converge(store, database) == [IN_USE]


def test_keys_take_turns(world: tuple[Store, Database]) -> None:
    store, database = world
    converge(store, database)
    for expected in ("Secondary", "Primary", "Secondary"):
        before = store.held["cache"]
        assert converge(store, database, rotate=True) == ["to be renewed", "the other key is renewed", IN_USE]
        assert store.held["cache"] == database.now[expected]
        assert before in database.now.values(), "the key that was in use still opens the cache"
    assert database.renewed == ["Secondary", "Primary", "Secondary"]


@pytest.mark.parametrize("step", range(4))
def test_a_kill_loses_no_key(world: tuple[Store, Database], step: int) -> None:
    store, database = world
    converge(store, database)
    first = store.held["cache"]
    store.steps, store.dies_at = itertools.count(), step
    with pytest.raises(Killed):
        converge(store, database, rotate=True)
    store.dies_at = -1
    assert store.held["cache"] in database.now.values()
    converge(store, database, rotate=True)
    assert store.held["cache"] in database.now.values()
    assert store.held["cache"] != first
    assert converge(store, database) == [IN_USE]


def test_a_key_that_somebody_renewed_is_replaced_by_a_rotation(world: tuple[Store, Database]) -> None:
    store, database = world
    converge(store, database)
    database.make()
    converge(store, database, rotate=True)
    assert store.held["cache"] == database.now["Primary"]


@pytest.mark.parametrize("dies", [False, True], ids=["whole", "killed after the database was made"])
def test_a_new_database_is_never_opened_with_the_key_of_a_former_one(world: tuple[Store, Database], dies: bool) -> None:
    store, database = world
    converge(store, database)
    Copied(store, "cache").invalidate()  # just before the database is made again
    assert store.kept("cache") is Kept.PENDING, "whoever comes after a kill sees that the value is not current"
    database.make()
    if dies:
        store.steps, store.dies_at = itertools.count(), 0
        with pytest.raises(Killed):
            converge(store, database)
        store.dies_at = -1
    converge(store, database)
    assert store.held["cache"] == database.now["Primary"]


def test_nothing_waits_where_the_store_holds_nothing() -> None:
    store = Store()
    Copied(store, "cache").invalidate()
    assert store.kept("cache") is Kept.NOTHING
