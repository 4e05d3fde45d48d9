"""Credentials: the value is never lost, and a service is told only what it has to know."""

from __future__ import annotations

from typing import Any

from module_utils._engine.credential import Credential, Kept
from module_utils._engine.plan import Action, Plan
from module_utils._engine.resource import DONE, Observed, Operation, Resource


class Memory:
    """A vault in memory."""

    def __init__(self, **values: str) -> None:
        self.values = dict(values)

    def kept(self, name: str) -> Kept:
        return Kept.PENDING if "pending" in self.values else Kept.CURRENT if self.values else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return self.values.get("current")

    def pending(self, name: str) -> str | None:
        return self.values.get("pending")

    def put_pending(self, name: str, value: str) -> None:
        self.values["pending"] = value

    def promote(self, name: str) -> None:
        if "pending" in self.values:
            self.values = {"current": self.values["pending"]}


class Place(Resource):
    kind = "fake.place"

    def predicted(self) -> dict[str, Any]:
        return {"id": "place"}

    def desired(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        return Observed({})

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return DONE

    def delete(self, observed: Observed) -> Operation:
        return DONE


class Password(Credential):
    kind = "fake.password"

    def __init__(self, vault: Memory, **more: Any) -> None:
        super().__init__("password", vault, Place("place"), secret="s", **more)
        self.told: list[str] = []

    def give(self, password: str) -> Operation:
        self.told.append(password)
        return DONE


def steps(credential: Credential) -> int:
    """Converges as the engine does. Returns how many steps it took."""
    count = 0
    while True:
        observed = credential.read()
        if observed is None:
            credential.create(credential.desired())
        elif observed.values == credential.desired():
            return count
        else:
            credential.update(observed, credential.desired(), Plan(Action.UPDATE))
        count += 1


def test_a_new_value_is_given_and_only_then_current() -> None:
    vault = Memory()
    credential = Password(vault)
    credential.create(credential.desired())
    assert credential.told == [vault.values["pending"]]
    assert steps(credential) == 1
    assert credential.told == [vault.values["current"]]


def test_a_pending_value_is_gone_on_with_even_when_a_new_one_is_asked_for() -> None:
    vault = Memory(current="old", pending="new")
    credential = Password(vault, rotate=True)
    assert steps(credential) == 2
    assert (credential.told, vault.values) == (["new"], {"current": "new"})


def test_rotation_makes_a_new_value_once() -> None:
    vault = Memory(current="old")
    credential = Password(vault, rotate=True)
    assert steps(credential) == 2
    assert credential.told == [vault.values["current"]] != ["old"]
    assert steps(credential) == 0


def test_a_service_made_with_the_current_value_is_told_nothing_more() -> None:
    """Its secret was brought back with its value: planned as new, in use already when its turn comes."""
    vault = Memory(current="kept")
    credential = Password(vault)
    assert credential.for_creation() == "kept"
    credential.create(credential.desired())
    assert credential.told == []
    assert vault.values == {"current": "kept"}


def test_a_service_made_with_a_new_value_confirms_it() -> None:
    vault = Memory()
    credential = Password(vault, rotate=True)
    password = credential.for_creation()
    assert vault.values == {"pending": password}
    assert steps(credential) == 1
    assert (credential.told, vault.values) == ([], {"current": password})
