"""A small cloud in a file, behind the real engine: stands in for a driver where modules and playbooks are tested.

Loaded as a member of `module_utils`, hence the relative imports. Settings come from the environment, because modules
run in processes of their own: FAKE_CLOUD (directory of state files, one per site), FAKE_SECONDS (how long a cluster
takes), FAKE_FAIL (names of objects, comma separated, whose creation fails), FAKE_WITHOUT (a library that is missing),
FAKE_UNREACHABLE (databases do not answer where the module runs).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ._engine.capability import Built
from ._engine.fields import IMMUTABLE
from ._engine.resource import Resource
from ._engine.survey import Planned
from ._fake_stores import StoresDriver
from ._fake_world import Thing, World
from ._spec.cluster import Cluster
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.site import Site


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


class FakeDriver(StoresDriver):
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
        found = []
        for key, thing in self.world.load().items():
            kind, name = key.split("/", 1)
            if f"id-{name}" not in known:
                kept = {"kept": "the final snapshot of a server"} if thing.get("origin_kind") == "final" else {}
                found.append({"kind": kind, "id": f"id-{name}", "name": name, **kept})
        return found
