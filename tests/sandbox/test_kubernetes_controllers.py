"""StatefulSets, DaemonSets, load balancers, disruption budgets."""

from __future__ import annotations

import ipaddress
import itertools
import json
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


def test_a_stateful_set(cluster: Running, namespace: str) -> None:
    """Names by ordinal, made and replaced in order, each with a claim that outlives it."""
    base = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    since = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["metadata"]["resourceVersion"]
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    body = _of("StatefulSet", serviceName="web", replicas=3, volumeClaimTemplates=[claim])
    cluster.post(base, body)
    eventually(lambda: _status(cluster, f"{base}/web").get("readyReplicas") == 3)
    query = f"watch=1&resourceVersion={since}&timeoutSeconds=1"
    lines = cluster.request("GET", f"/api/v1/namespaces/{namespace}/pods?{query}").body.splitlines()
    events = [json.loads(line) for line in lines]
    made = [one["object"]["metadata"]["name"] for one in events if one["type"] == "ADDED"]
    assert made == ["web-0", "web-1", "web-2"]
    pods = _pods(cluster, namespace)
    volumes = {one["name"]: one for one in pods["web-1"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "data-web-1"
    change = _of("StatefulSet", "example.org/web:2")["spec"]["template"]
    cluster.request("PATCH", f"{base}/web", {"spec": {"template": change, "replicas": 2}}, media=_MERGE)

    def updated() -> bool:
        status = _status(cluster, f"{base}/web")
        current = status.get("currentRevision") == status.get("updateRevision")
        return current and status.get("updatedReplicas") == status.get("readyReplicas") == status["replicas"] == 2

    eventually(updated)
    images = {name: one["spec"]["containers"][0]["image"] for name, one in _pods(cluster, namespace).items()}
    assert images == {"web-0": "example.org/web:2", "web-1": "example.org/web:2"}
    claims = cluster.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")["items"]
    assert len(claims) == 3


def test_a_daemon_set(cluster: Running, namespace: str) -> None:
    """One pod per node that it fits, on new nodes too."""
    base = f"/apis/apps/v1/namespaces/{namespace}/daemonsets"
    cluster.post(base, _of("DaemonSet"))
    eventually(lambda: _status(cluster, f"{base}/web").get("numberReady") == 1)
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
    cluster.post("/api/v1/nodes", node("node-b", "1.34.2"))
    cluster.post("/api/v1/nodes", node("node-gpu", "1.34.2", taints=[taint]))
    eventually(lambda: _status(cluster, f"{base}/web").get("numberReady") == 2)
    assert {one["spec"]["nodeName"] for one in _pods(cluster, namespace).values()} == {"node-a", "node-b"}
    change = _of("DaemonSet", "example.org/web:2")["spec"]["template"]
    cluster.request("PATCH", f"{base}/web", {"spec": {"template": change}}, media=_MERGE)
    eventually(
        lambda: (
            _status(cluster, f"{base}/web").get("updatedNumberScheduled") == 2
            and _status(cluster, f"{base}/web").get("numberReady") == 2
        )
    )
    for name in ("node-b", "node-gpu"):
        cluster.request("DELETE", f"/api/v1/nodes/{name}")
    eventually(lambda: _status(cluster, f"{base}/web").get("desiredNumberScheduled") == 1)


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


def test_budgets_follow_their_pods(cluster: Running, namespace: str) -> None:
    """An eviction is let through only as long as enough pods are left."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    cluster.post(path, deployment(replicas=2))
    budgets = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    spec = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1}
    cluster.post(budgets, {"metadata": {"name": "b"}, "spec": spec})
    eventually(lambda: _status(cluster, f"{budgets}/b").get("disruptionsAllowed") == 1)
    status = _status(cluster, f"{budgets}/b")
    assert (status["expectedPods"], status["currentHealthy"], status["desiredHealthy"]) == (2, 2, 1)
    cluster.request("PATCH", f"{budgets}/b", {"spec": {"maxUnavailable": 0}}, media=_MERGE)
    eventually(lambda: _status(cluster, f"{budgets}/b").get("disruptionsAllowed") == 0)
    name = next(iter(_pods(cluster, namespace)))
    eviction = {"metadata": {"name": name}}
    refused = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", eviction)
    assert refused.code == 429
