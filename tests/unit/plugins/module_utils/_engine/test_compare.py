"""Resources that tell themselves what would change, what they say against it, and those that refer by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from module_utils._engine.errors import SpecError, Throttled
from module_utils._engine.plan import Action, Change, Plan
from module_utils._engine.resource import Observed

from tests.unit.plugins.module_utils._engine.kit import Fake, FakeCloud


class Tried(Fake):
    """Has its change tried out: `says` is the answer of the first try, after that nothing differs."""

    says: Plan | SpecError | None = None
    busy = 0
    tries = 0

    def compare(self, desired: Mapping[str, Any] | None, observed: Observed | None) -> Plan:
        self.tries += 1
        if self.busy:
            self.busy -= 1
            raise Throttled("too many requests")
        if isinstance(self.says, SpecError):
            raise self.says
        if self.says is None or observed is None or not self.cloud.calls:
            return self.says or super().compare(desired, observed)
        return Plan(Action.NONE)


class Named(Fake):
    """Refers to what it needs by name."""

    by_name: ClassVar[bool] = True


def test_the_change_is_what_the_object_says() -> None:
    """Both when it is planned and when it is made; a try that fails is tried again."""
    cloud = FakeCloud()
    tried = Tried(cloud, "net", body={"size": 2})
    cloud.put(tried, size=1, default=5)
    tried.says = Plan(Action.UPDATE, (Change("default", 5, None),))
    tried.busy = 2
    report = cloud.run(tried)
    assert [(change.path, change.before) for change in report.entries[0].changes] == [("default", 5)]
    assert cloud.verbs() == ["update net"]
    assert report.failed == []


def test_all_that_objects_say_against_the_plan_is_told_at_once() -> None:
    """With the object's name; nothing is touched, and those that need them are not looked at."""
    cloud = FakeCloud()
    first, second = Tried(cloud, "a"), Tried(cloud, "b")
    first.says, second.says = SpecError("spec.foo: unknown field"), SpecError("is somebody else's", hint="Ask them.")
    third = Fake(cloud, "c", (first,))
    with pytest.raises(SpecError) as told:
        cloud.run(first, second, third)
    assert "fake a: spec.foo: unknown field fake b: is somebody else's. Ask them." in str(told.value)
    assert cloud.calls == []


def test_who_refers_by_name_stays_when_its_need_is_made_again() -> None:
    """Neither dragged along nor named among what would be destroyed."""
    cloud = FakeCloud()
    net = Fake(cloud, "net", body={"zone": "b"})
    user, holder = Named(cloud, "user", (net,)), Fake(cloud, "holder", (net,))
    cloud.put(net, zone="a")
    cloud.put(user)
    cloud.put(holder)
    with pytest.raises(SpecError) as told:
        cloud.run(net, user, holder)
    assert "fake net and all that needs it: fake holder." in str(told.value)
    report = cloud.run(net, user, allow_replace=True)
    assert {entry.name: entry.action for entry in report.entries} == {"net": Action.REPLACE, "user": Action.NONE}
    assert cloud.verbs() == ["delete net", "create net"]
