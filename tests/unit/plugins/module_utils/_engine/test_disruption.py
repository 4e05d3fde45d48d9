"""What interrupts is told and guarded; what lives inside something goes with it; what stays on purpose is named."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.fields import Field
from module_utils._engine.plan import Action, Plan
from module_utils._engine.resource import Observed, Operation

from .kit import Fake, FakeCloud, actions, entry


class Server(Fake):
    """Its class is changed with a restart; so are some of its parameters. static: those."""

    kind = "fake.server"
    fields = Fake.fields.extend({"class": Field(disruptive=True), "parameters": Field()})
    static: frozenset[str] = frozenset({"shared_buffers"})

    def disruption(self, observed: Observed, change: Plan) -> str:
        names = [each.path for each in change.changes if each.path.removeprefix("parameters.") in self.static]
        return f"{names[0]} takes effect with a restart" if names else super().disruption(observed, change)

    def remains(self, observed: Observed) -> str:
        return f"final snapshot {self.name}-final stays"


class Inside(Fake):
    """A login: it can be asked for only where its server answers."""

    kind = "fake.login"
    inside = True

    def __init__(self, cloud: FakeCloud, name: str, holder: Fake, **more: Any) -> None:
        super().__init__(cloud, name, (holder,), **more)
        self.goes_with = holder
        self.deleted = 0

    def delete(self, observed: Observed) -> Operation:
        self.deleted += 1
        return super().delete(observed)


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def server(cloud: FakeCloud, **body: Any) -> Server:
    return Server(cloud, "main", body={"class": "small", "size": 1, "parameters": {"work_mem": "4"}, **body})


def standing(cloud: FakeCloud, **change: Any) -> Server:
    """A server as it was, and the specification of what it shall be."""
    cloud.put(server(cloud))
    return server(cloud, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class": "large"}, "a change of class interrupts the service"),
        (
            {"parameters": {"work_mem": "4", "shared_buffers": "9"}},
            "parameters.shared_buffers takes effect with a restart",
        ),
    ],
)
def test_an_interruption_is_refused_where_it_is_guarded(cloud: FakeCloud, change: dict[str, Any], reason: str) -> None:
    wanted = standing(cloud, **change)
    for check in (True, False):
        with pytest.raises(SpecError, match=f"fake.server main: {reason}. Set allow_disruption: true"):
            cloud.run(wanted, guard_disruption=True, check=check)
    assert cloud.verbs() == []
    planned = entry(cloud.run(wanted, guard_disruption=True, allow_disruption=True, check=True), "main")
    assert (planned.action, planned.disruptive, planned.note) == (Action.UPDATE, True, reason)
    done = entry(cloud.run(wanted, guard_disruption=True, allow_disruption=True), "main")
    assert (done.action, done.disruptive, done.note) == (Action.UPDATE, True, reason)
    assert done.as_dict()["disruptive"] is True


def test_an_interruption_is_told_where_it_is_not_guarded(cloud: FakeCloud) -> None:
    done = entry(cloud.run(standing(cloud, **{"class": "large"})), "main")
    assert (done.status, done.disruptive) == ("ok", True)


@pytest.mark.parametrize("change", [{"size": 2}, {"parameters": {"work_mem": "8"}}, {}])
def test_what_interrupts_nothing_is_not_held_up(cloud: FakeCloud, change: dict[str, Any]) -> None:
    done = entry(cloud.run(standing(cloud, **change), guard_disruption=True), "main")
    assert (done.status, done.disruptive) == ("ok", False)


def test_making_and_deleting_are_no_interruptions(cloud: FakeCloud) -> None:
    made = entry(cloud.run(server(cloud), guard_disruption=True), "main")
    assert (made.action, made.disruptive) == (Action.CREATE, False)
    gone = entry(cloud.run(server(cloud), state="absent", guard_disruption=True), "main")
    assert (gone.action, gone.disruptive) == (Action.DELETE, False)


def test_a_refused_interruption_stands_beside_other_problems(cloud: FakeCloud) -> None:
    wanted = standing(cloud, **{"class": "large"})
    wanted.guards["update"] = "storage cannot shrink"
    with pytest.raises(SpecError) as refused:
        cloud.run(wanted, guard_disruption=True)
    assert "interrupts the service" in str(refused.value)
    assert "storage cannot shrink" in str(refused.value)


def test_only_looking_tells_an_interruption_as_a_problem(cloud: FakeCloud) -> None:
    report = cloud.run(standing(cloud, **{"class": "large"}), guard_disruption=True, check=True, tolerant=True)
    assert "Set allow_disruption: true" in report.warnings[0]
    assert entry(report, "main").disruptive


def test_what_remains_is_named_before_and_after(cloud: FakeCloud) -> None:
    cloud.run(server(cloud))
    for check in (True, False):
        note = entry(cloud.run(server(cloud), state="absent", check=check), "main").note
        assert note == "final snapshot main-final stays"
    assert entry(cloud.run(server(cloud), state="absent"), "main").note == ""  # there is nothing left to keep


@pytest.mark.parametrize("how", ["the site goes", "the server alone goes"])
def test_what_lives_inside_is_not_looked_at_where_its_holder_goes(cloud: FakeCloud, how: str) -> None:
    """A login cannot be asked for any more where its server is out of reach, and need not be."""
    holder = server(cloud)
    cloud.run(holder, Inside(cloud, "app", holder))
    leaving = server(cloud)
    leaving.present = how == "the site goes"
    login = Inside(cloud, "app", leaving, present=leaving.present)
    login.on_call = lambda verb: pytest.fail(f"{verb} of what goes along")
    login.script["read"] = [SpecError("the server answers only inside the network")] * 9
    report = cloud.run(leaving, login, state="absent" if leaving.present else "present")
    assert actions(report) == {"main": "delete"}
    assert entry(report, "app").note == "goes with fake.server main"
    assert login.deleted == 0


def test_what_lives_inside_goes_alone_where_its_holder_stays(cloud: FakeCloud) -> None:
    holder = server(cloud)
    cloud.run(holder, Inside(cloud, "app", holder))
    login = Inside(cloud, "app", holder, present=False)
    assert actions(cloud.run(holder, login)) == {"app": "delete"}
    assert login.deleted == 1
