"""The state of the fake cloud, in one file per site, and what its objects have in common.

Loaded as a member of `module_utils`, like fake_cloud, which says what the environment sets.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ._engine.errors import NotFound, OperationFailed
from ._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from ._engine.plan import Plan
from ._engine.resource import DONE, WATCH, Observed, Operation, Resource, Status
from ._spec.site import Site


class World:
    """One site's objects by key: {body, tags, ready_at}. hook: called with "before" and "after" around every change, so
    that a test can kill the run there."""

    hook: ClassVar[Callable[[str], object]] = staticmethod(lambda moment: None)

    def __init__(self, site: Site) -> None:
        self.path = Path(os.environ["FAKE_CLOUD"]) / f"{site.name}.json"
        self.guard = threading.Lock()

    def load(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def put(self, key: str, thing: dict[str, Any] | None) -> None:
        with self.guard:
            World.hook("before")
            everything = self.load()
            if thing is None:
                everything.pop(key)
            else:
                everything[key] = thing
            temporary = self.path.with_suffix(".new")
            temporary.write_text(json.dumps(everything))
            temporary.replace(self.path)  # readers never see half of it
            World.hook("after")

    def find(self, kind: str, **members: Any) -> tuple[str, dict[str, Any]] | None:
        """Key and content of the object of a kind that has these members."""
        for key, thing in self.load().items():
            if key.startswith(f"{kind}/") and all(thing.get(name) == value for name, value in members.items()):
                return key, thing
        return None


class Thing(Resource):
    fields: ClassVar[Fields] = Fields(
        {"cidr": IMMUTABLE, "version": MUTABLE, "size": MUTABLE, "tags": MUTABLE, "token": Field(secret=True)}
    )

    def __init__(self, world: World, site: Site, name: str, body: dict[str, Any], *args: Any, **more: Any) -> None:
        super().__init__(name, *args, **more)
        self.world, self.site, self.body = world, site, body

    @staticmethod
    def of(kind: str, *args: Any, **more: Any) -> Thing:
        """An object of a kind that has nothing special."""
        return type("Plain", (Thing,), {"kind": kind})(*args, **more)

    def predicted(self) -> dict[str, Any]:
        return {"id": f"id-{self.name}"} if self.kind == "fake.secret" else {}

    def desired(self) -> dict[str, Any]:
        return {**self.body, **({"parent": self.needs[0].out("id")} if self.needs else {})}

    def read(self) -> Observed | None:
        thing = self.world.load().get(self.key)
        if thing is None:
            return None
        pending = time.time() < thing["ready_at"]
        return Observed(
            thing["body"],
            {"id": f"id-{self.name}", "endpoint": f"https://{self.name}.example"},
            Status.PENDING if pending else Status.READY,
            "CREATING" if pending else "",
            tags=thing["tags"],
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.name in os.environ.get("FAKE_FAIL", "").split(","):
            raise OperationFailed("the zone has no capacity left", code="OutOfCapacity", hint="Choose another zone.")
        seconds = float(os.environ.get("FAKE_SECONDS", "0")) if self.kind in ("fake.cluster", "fake.pool") else 0.0
        thing = {"body": desired, "tags": self.site.all_tags, "ready_at": time.time() + seconds}
        self.world.put(self.key, thing)
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.world.put(self.key, {"body": desired, "tags": self.site.all_tags, "ready_at": 0.0})
        return DONE

    def delete(self, observed: Observed) -> Operation:
        if self.key not in self.world.load():
            raise NotFound("it is gone")
        self.world.put(self.key, None)
        return DONE
