"""Objects that go with their parent are not deleted one by one."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.apply import converge
from module_utils._engine.clock import SystemClock
from module_utils._engine.fields import Fields
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action
from module_utils._engine.resource import DONE, Observed, Operation, Resource
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner


class Cloud:
    """What exists, and what was deleted by a call of its own, in order."""

    def __init__(self, *names: str) -> None:
        self.there = set(names)
        self.deleted: list[str] = []
        self.takes_along = True


class Thing(Resource):
    kind = "test.thing"
    fields = Fields({})

    def __init__(
        self, cloud: Cloud, name: str, *needs: Resource, inside: Resource | None = None, **options: Any
    ) -> None:
        super().__init__(name, needs, **options)
        self.cloud = cloud
        self.goes_with = inside

    def desired(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        return Observed({}, {"id": self.name}) if self.name in self.cloud.there else None

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE

    def update(self, *_: Any) -> Operation:
        return DONE

    def delete(self, observed: Observed) -> Operation:
        self.cloud.deleted.append(self.name)
        self.cloud.there.discard(self.name)
        if self.name == "cluster" and self.cloud.takes_along:
            self.cloud.there -= {"pool"}
        return DONE


def graph(cloud: Cloud) -> Graph:
    cluster = Thing(cloud, "cluster")
    inner = Thing(cloud, "pool", cluster, inside=cluster)
    return Graph([cluster, inner, Thing(cloud, "user", inner)])


def run(graph: Graph, state: Any) -> Any:
    return converge(graph, Settings(Owner("ml", "dev", "x"), state=state), SystemClock())


def test_the_parent_alone_is_deleted_after_all_that_uses_its_children() -> None:
    cloud = Cloud("cluster", "pool", "user")
    report = run(graph(cloud), "absent")
    assert cloud.deleted == ["user", "cluster"]
    assert not cloud.there
    assert {entry.name: entry.action for entry in report.entries} == dict.fromkeys(
        ("cluster", "pool", "user"), Action.DELETE
    )
    assert not report.failed


def test_a_child_that_its_parent_leaves_behind_is_deleted_after_it() -> None:
    cloud = Cloud("cluster", "pool")
    cloud.takes_along = False
    assert not run(graph(cloud), "absent").failed
    assert cloud.deleted == ["cluster", "pool"]


def test_a_child_that_goes_alone_is_deleted_itself() -> None:
    cloud = Cloud("cluster", "pool")
    cluster = Thing(cloud, "cluster")
    assert not run(Graph([cluster, Thing(cloud, "pool", cluster, inside=cluster, present=False)]), "present").failed
    assert cloud.deleted == ["pool"]


def test_what_waits_for_one_another_is_told_instead_of_waited_for() -> None:
    """The value goes with its place, the service needs the place, and the value needs the service."""
    cloud = Cloud("place", "service", "value")
    place = Thing(cloud, "place")
    service = Thing(cloud, "service", place)
    value = Thing(cloud, "value", place, service, inside=place)
    settings = Settings(Owner("platform", "dev", "site"), state="absent")
    with pytest.raises(RuntimeError, match="wait for one another"):
        converge(Graph([place, service, value]), settings, SystemClock())
