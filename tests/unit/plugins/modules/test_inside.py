"""The modules that work inside of clusters, up to the first question to a cloud, and without a cluster."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from ..conftest import params

KEYS = {"changed", "resources", "diff", "outputs", "orphans", "kept", "seconds", "site", "started", "invocation"}
SITE = {name: params()[name] for name in ("cloud", "region", "platform", "account", "network")}


class NoCluster:
    """A driver of a site that has none."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __call__(self, *given: Any) -> NoCluster:
        return self

    def verify(self) -> list[str]:
        return []

    def access(self, cluster: str | None = None) -> NoCluster:
        return self

    def endpoint(self) -> None:
        raise self.owner.NotFound("there is no cluster", what="eks")


@pytest.fixture
def without_cluster(collection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"{collection}.module_utils._inside")
    monkeypatch.setattr(module, "driver_for", NoCluster(module))


def test_what_cannot_be_is_told_with_all_keys(call: Any) -> None:
    service = {"name": "api", "image": "example.org/api:1", "replicas": 2000, "ports": [{"port": 80}]}
    result = call("application", {**SITE, "application": {"services": [service]}})
    assert result["failed"]
    assert set(result) == KEYS | {"rolled_back", "failed", "msg"}
    assert "api.replicas: 2000 is out of range" in result["msg"]
    assert "port 80 is for root alone" in result["msg"]


def test_policies_need_to_know_the_network(call: Any) -> None:
    result = call("kubernetes_base", {key: value for key, value in SITE.items() if key != "network"})
    assert result["failed"]
    assert "kubernetes_base.network_ranges" in result["msg"]
    assert "Describe the network (network), or name its ranges here." in result["msg"]


@pytest.mark.usefixtures("without_cluster")
def test_a_plan_before_there_is_a_cluster_makes_everything(call: Any) -> None:
    base = call("kubernetes_base", SITE, check=True)
    assert not base.get("failed"), base
    assert {item["action"] for item in base["resources"]} == {"create"}
    assert base["resources"][0]["name"].startswith("default/applyset-")  # the set's own record, as in the cluster
    kinds = {item["kind"] for item in base["resources"]}
    assert {"kubernetes.v1.Namespace", "kubernetes.networking.k8s.io/v1.NetworkPolicy"} <= kinds
    services = {"services": [{"name": "api", "image": "example.org/api:1"}]}
    application = call("application", {**SITE, "application": services}, check=True)
    assert "kubernetes.apps/v1.Deployment" in {item["kind"] for item in application["resources"]}
    assert set(application) == KEYS | {"rolled_back", "warnings"}
    assert call("application", {**SITE, "application": services})["failed"]  # without check mode it has to be there


IDENTITIES = {
    "workload_identity": {
        "workloads": {
            "serving": {"namespace": "ml-serving", "service_account": "api", "identity": "client-1"},
            "planned": {"namespace": "ml-serving", "service_account": "new", "identity": "(known after apply: x)"},
            "jobs": {"namespace": "ml-platform", "service_account": "jobs", "identity": "client-2"},
        }
    }
}


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_accounts_of_workloads_say_who_they_are_where_they_have_to(collection: str, cloud: str) -> None:
    inside = importlib.import_module(f"{collection}.module_utils._inside")
    arguments = importlib.import_module(f"{collection}.module_utils._spec.arguments")
    site = arguments.build(inside.Site, {**SITE, "cloud": cloud})

    def told(block: str, part: str, entries: list[dict[str, Any]]) -> list[str | None]:
        spec = arguments.build(inside.BLOCKS[block], {part: entries}).resolve(site)
        named = inside.with_identities(spec, site, IDENTITIES)
        assert inside.with_identities(spec, site, {}) == spec
        return [each.identity for each in getattr(named, part)]

    image = {"image": "example.org/api:1"}
    services = [
        {"name": "api", **image},
        {"name": "new", **image},
        {"name": "jobs", **image},  # the workload of that name is in another namespace
        {"name": "other", "service_account": "api", **image},
    ]
    accounts = [{"name": "jobs", "namespace": "ml-platform"}, {"name": "api", "identity": "mine"}]
    named = cloud == "azure"
    assert told("application", "services", services) == ["client-1" if named else None, None, None, None]
    assert told("kubernetes_base", "service_accounts", accounts) == ["client-2" if named else None, "mine"]
