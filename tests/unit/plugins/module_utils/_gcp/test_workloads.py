"""Who workloads are on Google Cloud, and what lets them in. No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._gcp.driver import GcpDriver
from module_utils._module import CAPABILITIES
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

SITE = Site("gcp", "europe-west1", "ml", "project-1")
WHO = (
    "principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/project-1.svc.id.goog"
    "/subject/ns/ml-serving/sa/serving"
)
PARTS: dict[str, Any] = {
    "network": {"addresses": {"gcp-dev": "0"}, "data_ports": [5432, 6378, 6379]},
    "cluster": {"allowed_cidrs": ["198.51.100.0/24"]},
    "secret_store": {"secrets": [{"name": "api-key"}]},
    "database": {"servers": [{"name": "main", "databases": ["app"], "users": [{"name": "app"}]}]},
    "cache": {"instances": [{"name": "old", "engine": "redis"}, {"name": "new", "engine": "valkey"}]},
    "object_store": {"buckets": [{"name": "models"}, {"name": "logs"}]},
}


def members(**workload: Any) -> dict[str, Any]:
    given = {**PARTS, "workload_identity": {"workloads": [{"name": "serving", **workload}]}}
    specs: dict[str, Any] = {name: build(CAPABILITIES[name], part).resolve(SITE) for name, part in given.items()}
    driver = GcpDriver(SITE, SystemClock())
    driver.cloud.number = "42"
    built = {"network": driver.network(specs["network"]), "secret_store": driver.secret_store(specs["secret_store"])}
    here = (specs["network"], built["network"])
    built["cluster"] = driver.cluster(specs["cluster"], *here)
    built["database"] = driver.database(specs["database"], *here, built["secret_store"])
    built["cache"] = driver.cache(specs["cache"], *here, built["secret_store"])
    built["object_store"] = driver.object_store(specs["object_store"])
    made = driver.workload_identity(specs["workload_identity"], specs, built)
    # Every place is the one that its own capability has made.
    places = {id(each) for part in built.values() for each in part.resources}
    assert {id(each.needs[0]) for each in made.resources} <= places
    return {each.name: each for each in made.resources}


def test_everything_of_the_site_either_lets_it_in_or_does_not() -> None:
    found = members(
        buckets=[{"name": "models"}, {"name": "logs", "access": "write"}],
        secrets=["database/main/app", "cache/old"],
    )
    assert {name: each.desired()["roles"] for name, each in found.items() if each.present} == {
        "serving/bucket/models": ["roles/storage.objectViewer"],
        "serving/bucket/logs": ["roles/storage.objectUser"],
        "serving/secret/database/main/app": ["roles/secretmanager.secretAccessor"],
        "serving/secret/cache/old": ["roles/secretmanager.secretAccessor"],
    }
    assert {each.member for each in found.values()} == {WHO}
    assert [name for name, each in found.items() if not each.present] == ["serving/secret/api-key"]
    assert found["serving/secret/database/main/app"].target == "projects/project-1/secrets/ml-gcp-dev-main-app"


def test_one_that_goes_is_let_in_nowhere() -> None:
    assert not any(each.present for each in members(state="absent", secrets=["api-key"]).values())


def test_a_cache_without_a_password_cannot_be_named() -> None:
    with pytest.raises(SpecError, match="'cache/new' has no password: clients of Memorystore for Valkey"):
        members(secrets=["cache/new"])
