"""Inside the clusters of a site: whoever rolled out gets in, nobody else does, and nothing of it outlives the site."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from module_utils._access import write
from module_utils._capability import driver as driver_for
from module_utils._engine.access import Token
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import AuthError, CloudError
from module_utils._engine.report import Entry, Report
from module_utils._kubernetes import leftovers
from module_utils._kubernetes.client import Client
from module_utils._run import execute
from module_utils._spec.arguments import build
from module_utils._spec.cluster_access import ClusterAccess
from module_utils._spec.site import Site

from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.account import of_kubernetes
from tests.sandbox.kubernetes_support import eventually

CLOUDS = sites.CLOUDS
SITE = {name: part for name, part in sites.CAPABILITIES.items() if name != "object_store"}
Body = dict[str, Any]


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rolled(site: Body) -> Site:
    """A network and a cluster."""
    report = run(site)
    assert not report.failed, report.summary()
    return build(Site, site)


def run(site: Body, driver: Any = None, **options: Any) -> Report:
    return execute(sites.wanted(site, sites.capabilities(SITE)), sites.options(**options), driver=driver)


def inside(site: Site) -> Client:
    return Client(driver_for(site, SystemClock()).access(), SystemClock())


def made(client: Client) -> None:
    """A load balancer and a disk."""
    namespace = {"name": "shop", "namespace": "shop"}
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    service = {"type": "LoadBalancer", "selector": {"app": "shop"}, "ports": [{"port": 80}]}
    client.apply({"apiVersion": "v1", "kind": "Service", "metadata": namespace, "spec": service})
    amount = {"requests": {"storage": "10Gi"}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": amount, "storageClassName": first_class(client)}
    client.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": namespace, "spec": claim})
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "shop"}}
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod = {"containers": [{"name": "shop", "image": "shop:1", "volumeMounts": mounts}], "volumes": [volume]}
    labels = {"app": "shop"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    client.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": namespace, "spec": spec})


def first_class(client: Client) -> str:
    """A storage class of the cloud's disks."""
    found = [item for item in client.list("storage.k8s.io/v1", "StorageClass") if item["reclaimPolicy"] == "Delete"]
    default = "storageclass.kubernetes.io/is-default-class"
    found.sort(key=lambda item: (item["metadata"].get("annotations") or {}).get(default) != "true")
    return str(found[0]["metadata"]["name"])


def line(report: Report) -> Entry:
    return next(entry for entry in report.entries if entry.kind == "kubernetes.cloud_objects")


def test_who_rolled_out_gets_in_and_a_wrong_token_does_not(rolled: Site, tmp_path: Path) -> None:
    client = inside(rolled)
    assert client.list("v1", "Node")
    access = driver_for(rolled, SystemClock()).access()
    token = access.token()
    assert token.expires is not None
    written = write(rolled, ClusterAccess(path=str(tmp_path / "config")), sites.options(), environment={})
    assert written.server == access.endpoint().server
    text = (tmp_path / "config").read_text()
    assert token.value not in text
    assert set(yaml.safe_load(text)["users"][0]["user"]) == {"exec", "extensions"}

    @dataclasses.dataclass
    class Wrong:
        value: str

        endpoint: Callable[[], Any] = access.endpoint

        def token(self) -> Token:
            return Token(self.value)

    for value in ("nonsense", token.value[:-6] + "AAAAAA"):
        with pytest.raises(AuthError, match="not accepted by its cluster") as caught:
            Client(Wrong(value), SystemClock()).list("v1", "Node")  # type: ignore[arg-type]
        assert caught.value.status == 401
        assert value not in str(caught.value)


def test_balancers_and_disks_go_with_the_site(site: Body, rolled: Site, sandbox: Sandbox) -> None:
    made(inside(rolled))
    eventually(lambda: len(of_kubernetes(rolled.cloud, sandbox)) >= 2, 20)
    planned = run(site, state="absent", check=True)
    assert "Service shop/shop" in line(planned).note
    assert "PersistentVolumeClaim shop/shop with the data in it" in line(planned).note
    gone = run(site, state="absent", find_orphans=True)
    assert not gone.failed, gone.summary()
    assert gone.orphans == []
    assert of_kubernetes(rolled.cloud, sandbox) == {}


class Unreachable:
    """A cloud's driver whose cluster cannot be reached from here."""

    def __init__(self, site: Site) -> None:
        self._driver = driver_for(site, SystemClock())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def access(self, cluster: str | None = None) -> Any:
        access: Any = self._driver.access(cluster)
        endpoint = access.endpoint
        access.endpoint = lambda: dataclasses.replace(endpoint(), server="https://127.0.0.1:1")
        return access


def test_a_cluster_that_cannot_be_reached_stops_the_run_or_leaves_what_is_then_named(
    site: Body, rolled: Site, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.1)
    made(inside(rolled))
    eventually(lambda: len(of_kubernetes(rolled.cloud, sandbox)) >= 2, 20)
    with pytest.raises(CloudError, match=r"the API server did not answer.*allow_unreachable_cluster: true"):
        run(site, Unreachable(rolled), state="absent")
    again = run(site)
    assert [entry for entry in again.entries if entry.action.value != "none"] == []
    left = {"state": "absent", "allow_unreachable_cluster": True, "find_orphans": True, "retry_timeout": 2}
    report = run(site, Unreachable(rolled), **left)
    assert "allow_unreachable_cluster is set" in line(report).note
    there = of_kubernetes(rolled.cloud, sandbox)
    named = {orphan["name"] for orphan in report.orphans or ()}
    assert {name for names in there.values() for name in names} <= named
