"""Every check of the contract on every case of every cloud."""

from __future__ import annotations

import copy
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from module_utils._engine.graph import Graph
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.cluster import Cluster
from module_utils._spec.database import Database
from module_utils._spec.network import Network
from module_utils._spec.object_store import ObjectStore
from module_utils._spec.registry import Registry
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.workload_identity import WorkloadIdentity

from tests.contract.checks import CHECKS, WAITING, checks_of
from tests.contract.harness import Case, World
from tests.contract.worlds import Worlds

CLOUDS = ("memory", "aws", "gcp", "azure")


def _cases() -> list[tuple[str, Case]]:
    found: list[tuple[str, Case]] = []
    files = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("[a-z]*.py"))
    for cloud in CLOUDS:
        mine = [name for name in files if name == cloud or name.startswith(f"{cloud}_")]
        modules = [f"tests.contract.cases.{name}" for name in mine]
        for module in ["tests.contract.memory"] if cloud == "memory" else modules:
            found += [(cloud, case) for case in importlib.import_module(module).CASES]
    return found


@pytest.fixture(scope="session")
def started() -> Iterator[Worlds]:
    with Worlds() as worlds:
        yield worlds


@pytest.fixture
def worlds(started: Worlds) -> Iterator[Worlds]:
    yield started
    started.leave()


@pytest.mark.parametrize(
    ("cloud", "case", "check"),
    [
        pytest.param(cloud, case, check, id=f"{cloud}-{case.name}-{check}")
        for cloud, case in _cases()
        for check in checks_of(case)
    ],
)
def test_contract(cloud: str, case: Case, check: str, worlds: Worlds) -> None:
    if check in case.skip:
        pytest.skip(case.skip[check])
    world: World = worlds.open(cloud)
    world.reset(waits=check in WAITING)
    run: Callable[[World, Case], None] = CHECKS[check]
    run(world, case)


def test_a_world_leaves_nothing_behind_in_the_process(started: Worlds) -> None:
    before = dict(os.environ), botocore.session.Session.create_client
    started.open("aws")
    assert (dict(os.environ), botocore.session.Session.create_client) != before
    started.leave()
    assert (dict(os.environ), botocore.session.Session.create_client) == before


def test_names_of_cases_are_unique() -> None:
    names = [(cloud, case.name) for cloud, case in _cases()]
    assert len(names) == len(set(names))


def test_skips_name_checks() -> None:
    unknown = [(case.name, name) for _, case in _cases() for name in case.skip if name not in CHECKS]
    assert unknown == []


CAPABILITIES: dict[str, Any] = {
    "network": {"flow_logs": True, "high_availability": True},
    "cluster": {
        "gpu": True,
        "allowed_cidrs": ["203.0.113.0/24"],
        "secrets_encryption": True,
        "deletion_protection": True,
    },
    "object_store": {
        "buckets": [
            {"name": "models", "encryption": "customer"},
            {"name": "logs", "retention_days": 3},
        ]
    },
}
WORKLOADS = {"workloads": [{"name": "serving", "buckets": [{"name": "models"}], "secrets": ["signing"]}]}
# What is not portable.
MORE: dict[str, dict[str, Any]] = {
    "aws": {"access": [{"principal": "arn:aws:iam::123456789012:role/engineers"}]},
    "gcp": {"access": [{"principal": "user@example.com"}], "maintenance_window": {"start_time": "02:00"}},
    "azure": {
        "access": [{"principal": "00000000-0000-0000-0000-00000000eeee"}],
        "maintenance_window": {"start_time": "02:00"},
    },
}


@pytest.mark.parametrize("cloud", sorted({cloud for cloud, _case in _cases()} - {"memory"}))
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_kind_of_a_site_has_a_case(cloud: str, environment: str, worlds: Worlds) -> None:
    place = worlds.open(cloud).environment(environment=environment)
    specs: dict[str, Any] = {"network": Network, "cluster": Cluster, "object_store": ObjectStore}
    parts = copy.deepcopy(CAPABILITIES)
    parts["cluster"] |= MORE[cloud]
    parts["object_store"]["buckets"][1]["versioning"] = cloud != "gcp"  # GCS keeps old versions or a retention period
    parts["network"]["addresses"] = {place.site.name: "0"}
    network, cluster, store = (build(specs[name], parts[name]).resolve(place.site) for name in specs)
    built = place.driver.network(network)
    parts_built = {
        "network": built,
        "cluster": place.driver.cluster(cluster, network, built),
        "object_store": place.driver.object_store(store),
        "secret_store": place.driver.secret_store(build(SecretStore, STORES["secret_store"]).resolve(place.site)),
    }
    identities = build(WorkloadIdentity, WORKLOADS).resolve(place.site)
    resolved = {"object_store": store, "secret_store": build(SecretStore, STORES["secret_store"])}
    parts_built["workload_identity"] = place.driver.workload_identity(identities, resolved, parts_built)
    graph = Graph(resource for part in parts_built.values() for resource in part.resources)
    tried = {case.build(place)[-1].kind for name, case in _cases() if name == cloud}
    assert {resource.kind for resource in graph.resources.values() if resource.managed} - tried == set()


STORES: dict[str, Any] = {
    "secret_store": {"secrets": [{"name": "signing"}, {"name": "partner", "generate": False}]},
    "cache": {"instances": [{"name": "sessions", "persistence": "snapshots", "encryption": "customer"}]},
    "registry": {"repositories": [{"name": "serving"}], "encryption": "customer"},
    "database": {
        "servers": [
            {
                "name": "main",
                "databases": ["app", "other"],
                "users": [{"name": "web"}],
                "replicas": [{"name": "main-ro"}],
                "encryption": "customer",
            }
        ]
    },
}
# What is inside a server needs one that answers: tried with real ones in the integration tests.
INSIDE = ("postgresql.database", "postgresql.user")


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("store", sorted(STORES))
@pytest.mark.parametrize("cloud", sorted({cloud for cloud, _case in _cases()} - {"memory"}))
def test_every_kind_of_a_store_has_a_case(cloud: str, store: str, environment: str, worlds: Worlds) -> None:
    place = worlds.open(cloud).environment(environment=environment)
    network = build(Network, {"addresses": {place.site.name: "0"}}).resolve(place.site)
    built = place.driver.network(network)
    secrets = place.driver.secret_store(build(SecretStore, STORES["secret_store"]).resolve(place.site))
    if store == "secret_store":
        made = secrets
    elif store == "registry":
        made = place.driver.registry(build(Registry, STORES[store]).resolve(place.site), None)
    elif store == "database":
        spec = build(Database, STORES[store]).resolve(place.site)
        made = place.driver.database(spec, network, built, secrets)
    else:
        made = place.driver.cache(build(Cache, STORES[store]).resolve(place.site), network, built, secrets)
    tried = {case.build(place)[-1].kind for name, case in _cases() if name == cloud}
    wanted = {resource.kind for resource in made.resources if resource.managed and resource.present}
    assert wanted - tried - set(INSIDE) == set()
