"""A small cloud in a file, behind the real engine: stands in for a driver where modules and playbooks are tested.

Loaded as a member of `module_utils`, hence the relative imports. Settings come from the environment, because modules
run in processes of their own: FAKE_CLOUD (directory of state files, one per site), FAKE_SECONDS (how long a cluster
takes), FAKE_FAIL (names of objects, comma separated, whose creation fails), FAKE_WITHOUT (a library that is missing).
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ._engine.capability import Built
from ._engine.errors import NotFound, OperationFailed
from ._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from ._engine.plan import Plan
from ._engine.resource import DONE, WATCH, Observed, Operation, Resource, Status
from ._engine.survey import Planned
from ._spec.cluster import Cluster
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.site import Site


class World:
    """One site's objects by key: {body, tags, ready_at}."""

    def __init__(self, site: Site) -> None:
        self.path = Path(os.environ["FAKE_CLOUD"]) / f"{site.name}.json"
        self.guard = threading.Lock()

    def load(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def put(self, key: str, thing: dict[str, Any] | None) -> None:
        with self.guard:
            everything = self.load()
            if thing is None:
                everything.pop(key)
            else:
                everything[key] = thing
            temporary = self.path.with_suffix(".new")
            temporary.write_text(json.dumps(everything))
            temporary.replace(self.path)  # readers never see half of it


class Thing(Resource):
    fields: ClassVar[Fields] = Fields(
        {"cidr": IMMUTABLE, "version": MUTABLE, "size": MUTABLE, "tags": MUTABLE, "token": Field(secret=True)}
    )

    def __init__(self, world: World, site: Site, name: str, body: dict[str, Any], *args: Any, **more: Any) -> None:
        super().__init__(name, *args, **more)
        self.world, self.site, self.body = world, site, body

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


class Vpc(Thing):
    kind = "fake.vpc"
    fields = Thing.fields.extend({"parent": IMMUTABLE})


class Subnet(Vpc):
    kind = "fake.subnet"


class Control(Vpc):
    kind = "fake.cluster"


class Pool(Vpc):
    kind = "fake.pool"


class Bucket(Vpc):
    kind = "fake.bucket"


class FakeDriver:
    """The driver contract over `World`."""

    def __init__(self, site: Site, clock: Any = None) -> None:
        missing = os.environ.get("FAKE_WITHOUT")
        if missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        self.site, self.world = site, World(site)

    def verify(self) -> list[str]:
        return [] if self.site.account != "999999999999" else ["account: these credentials belong to another."]

    def network(self, spec: Network, *, managed: bool = True) -> Built:
        addresses = spec.allocate(self.site)
        vpc = Vpc(self.world, self.site, f"{self.site.base}-net", {"cidr": str(addresses.network)}, managed=managed)
        subnets: list[Resource] = [
            Subnet(
                self.world,
                self.site,
                f"{self.site.base}-private-{zone}",
                {"cidr": str(addresses.private(zone))},
                [vpc],
                managed=managed,
            )
            for zone in range(spec.zones)
        ]
        return Built([vpc, *subnets], {"subnets": subnets}, lambda: {"id": vpc.out("id")})

    def cluster(self, spec: Cluster, network: Network, network_built: Built) -> Built:
        subnets = network_built.exports["subnets"]
        body = {"version": spec.version, "token": "swordfish" if spec.encryption_key else None}
        control = Control(self.world, self.site, f"{self.site.base}-k8s", body, subnets)
        pools: list[Resource] = [
            Pool(
                self.world,
                self.site,
                f"{self.site.base}-{pool.name}",
                {"size": {"min": pool.min_size, "max": pool.max_size}},
                [control],
                lock=control.key,
                present=pool.state == "present",
            )
            for pool in spec.node_pools or ()
        ]
        return Built([control, *pools], {}, lambda: {"name": control.name, "endpoint": control.out("endpoint")})

    def object_store(self, spec: ObjectStore) -> Built:
        made: list[Resource] = [
            Bucket(self.world, self.site, f"{self.site.base}-{bucket.name}", {"version": bucket.versioning})
            for bucket in spec.buckets
        ]
        return Built(made, {}, lambda: {"buckets": {item.name: item.name for item in made}})

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        return []

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        names = [key.split("/", 1) for key in self.world.load()]
        return [{"kind": kind, "id": f"id-{name}", "name": name} for kind, name in names if f"id-{name}" not in known]
