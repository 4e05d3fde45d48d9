"""What a survey says of objects that are somebody else's, and of those that outlive the site."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.fields import CREATE_ONLY, Fields
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action
from module_utils._engine.resource import DONE, Observed, Operation, Resource
from module_utils._engine.settings import Settings
from module_utils._engine.survey import Planned, survey
from module_utils._engine.tags import Owner

OWNER = Owner("ml", "dev", "gcp-dev")


class Marked(Resource):
    """An object whose mark is given at creation and never changes."""

    kind = "test.marked"
    fields = Fields({"description": CREATE_ONLY})

    def __init__(self, tags: dict[str, str]) -> None:
        super().__init__("it")
        self.tags = tags

    def desired(self) -> dict[str, Any]:
        return {"description": "mine"}

    def read(self) -> Observed:
        return Observed({"description": "theirs"}, {"id": "it"}, tags=self.tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE

    def update(self, *_: Any) -> Operation:
        return DONE

    def delete(self, observed: Observed) -> Operation:
        return DONE


class Switched(Marked):
    """A service that was switched on."""

    kind = "test.switched"
    lasting = True


def look(resource: Resource, **changes: Any) -> Planned:
    found = survey(Graph([resource]), Settings(OWNER, **changes), SystemClock())
    return found.planned[resource.key]


def test_a_strangers_object_is_refused_even_when_nothing_differs() -> None:
    planned = look(Marked({"managed-by": "somebody"}))
    assert planned.action is Action.NONE
    assert "exists, but it carries no ownership tags" in planned.problems[0]
    assert "would need" not in planned.problems[0]


@pytest.mark.parametrize(("tags", "changes"), [(OWNER.tags(), {}), ({}, {"adopt": True})])
def test_our_own_or_an_adopted_object_is_built_upon(tags: dict[str, str], changes: dict[str, Any]) -> None:
    assert look(Marked(tags), **changes).problems == []


def test_what_belongs_to_the_account_stays_when_the_site_goes() -> None:
    assert look(Marked(OWNER.tags()), state="absent").action is Action.DELETE
    planned = look(Switched(OWNER.tags()), state="absent")
    assert planned.action is Action.NONE
    assert planned.note == "belongs to the account and stays"
