"""StatefulSets, DaemonSets, load balancers, disruption budgets."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, node
from tests.sandbox.kubernetes_support import Running, deployment, eventually, running

_COUNT = itertools.count()
_MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """A server with a node and its controllers."""
    with running() as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2"))
        with Controllers(server.url, server.ca_file, server.token, started.directory / "pods"):
            yield started


@pytest.fixture
def namespace(cluster: Running) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")
    eventually(lambda: cluster.request("GET", f"/api/v1/namespaces/{name}").code == 404, 20)


def _of(kind: str, image: str = "example.org/web:1", **spec: Any) -> dict[str, Any]:
    body = deployment(image=image)
    return {**body, "kind": kind, "spec": {**body["spec"], **spec}}


def _pods(cluster: Running, namespace: str) -> dict[str, Any]:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    return {one["metadata"]["name"]: one for one in found}


def _status(cluster: Running, path: str) -> dict[str, Any]:
    return dict(cluster.get(path).get("status") or {})


def test_load_balancers_get_addresses(cluster: Running, namespace: str) -> None:
    """Each its own, given back when the type changes."""
    base = f"/api/v1/namespaces/{namespace}/services"
    for name in ("a", "b"):
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
        cluster.post(base, {"metadata": {"name": name}, "spec": spec})

    def address(name: str) -> str:
        given = cluster.get(f"{base}/{name}")["status"]["loadBalancer"].get("ingress") or [{"ip": ""}]
        return str(given[0]["ip"])

    eventually(lambda: address("a") and address("b"))
    assert address("a") != address("b")
    assert ipaddress.ip_address(address("a")) in ipaddress.ip_network("127.192.0.0/12")
    cluster.request("PATCH", f"{base}/a", {"spec": {"type": "ClusterIP"}}, media=_MERGE)
    eventually(lambda: not address("a"))


def test_pods_have_to_stay_ready(cluster: Running, namespace: str) -> None:
    """minReadySeconds: ready is not yet available, and a change of it arrives."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    cluster.post(path, deployment(replicas=2, minReadySeconds=60))
    eventually(lambda: _status(cluster, f"{path}/web").get("readyReplicas") == 2)
    status = _status(cluster, f"{path}/web")
    assert ("availableReplicas" in status, status["unavailableReplicas"]) == (False, 2)
    patch = {"spec": {"minReadySeconds": 1}}
    cluster.request("PATCH", f"{path}/web", patch, media="application/merge-patch+json")
    eventually(lambda: _status(cluster, f"{path}/web").get("availableReplicas") == 2)
