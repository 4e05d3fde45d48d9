"""Nodes that fail, are drained or vanish, and what becomes of their pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.core.clock import Clock
from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.sandbox.kubernetes_support import KUBECTL, Running, deployment, eventually, running

_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_CLOCK = Clock()
_SERVE = Program(("python", "-m", "http.server"), ("$(PORT)", "--bind", "$(HOST)"))
_NAMESPACE = "/api/v1/namespaces/default"
_DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with its controllers, on one clock."""
    with running(clock=_CLOCK) as started:
        server = started.server
        pods = tmp_path_factory.mktemp("pods")
        images = ImageTable({"*/server:*": _SERVE})
        with Controllers(server.url, server.ca_file, server.token, pods, images, clock=_CLOCK):
            eventually(lambda: started.request("GET", f"{_NAMESPACE}/serviceaccounts/default").code == 200)
            yield started


@pytest.fixture
def nodes(cluster: Running) -> Iterator[list[str]]:
    """Two fresh nodes; nothing is left afterwards."""
    names = ["node-a", "node-b"]
    for name in names:
        cluster.post("/api/v1/nodes", node(name, "1.34.2"))
    yield names
    cluster.request("DELETE", _DEPLOYMENTS)
    cluster.request("DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets")
    cluster.request("DELETE", f"{_NAMESPACE}/pods?gracePeriodSeconds=0")
    eventually(lambda: not _pods(cluster), 20)
    cluster.request("DELETE", "/api/v1/nodes")


def _pods(cluster: Running) -> list[Any]:
    return list(cluster.get(f"{_NAMESPACE}/pods")["items"])


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _on(cluster: Running, name: str) -> list[Any]:
    return [pod for pod in _pods(cluster) if pod["spec"].get("nodeName") == name]


def _tell(cluster: Running, name: str, ready: str) -> None:
    """What a node says of itself."""
    patch = {"status": {"conditions": [{"type": "Ready", "status": ready, "reason": "Test"}]}}
    assert cluster.request("PATCH", f"/api/v1/nodes/{name}/status", patch, media=_STRATEGIC).code == 200


def _taints(cluster: Running, name: str) -> set[tuple[str, str]]:
    return {(one["key"], one["effect"]) for one in cluster.get(f"/api/v1/nodes/{name}")["spec"].get("taints") or []}


def _all_ready(cluster: Running, count: int) -> bool:
    pods = [pod for pod in _pods(cluster) if not pod["metadata"].get("deletionTimestamp")]
    return len(pods) == count and all(map(_ready, pods))


def test_pods_leave_a_silent_node_after_their_patience(cluster: Running, nodes: list[str]) -> None:
    """Not ready at once, replaced after 300 s; deleted when the node is heard of again."""
    cluster.post(_DEPLOYMENTS, deployment("server", "example.org/server:1", replicas=2))
    eventually(lambda: _all_ready(cluster, 2), 20)
    (lost,) = _on(cluster, "node-a")
    _tell(cluster, "node-a", "Unknown")
    eventually(lambda: ("node.kubernetes.io/unreachable", "NoExecute") in _taints(cluster, "node-a"))
    path = f"{_NAMESPACE}/pods/{lost['metadata']['name']}"
    eventually(lambda: not _ready(cluster.get(path)))
    _CLOCK.advance(290)
    assert "deletionTimestamp" not in cluster.get(path)["metadata"]
    _CLOCK.advance(11)
    eventually(lambda: "deletionTimestamp" in cluster.get(path)["metadata"])
    reasons = {one["type"]: one.get("reason") for one in cluster.get(path)["status"]["conditions"]}
    assert reasons["DisruptionTarget"] == "DeletionByTaintManager"
    eventually(lambda: len([pod for pod in _on(cluster, "node-b") if _ready(pod)]) == 2, 20)
    assert cluster.request("GET", path).code == 200
    _tell(cluster, "node-a", "True")
    eventually(lambda: cluster.request("GET", path).code == 404, 20)
    eventually(lambda: not _taints(cluster, "node-a"))


def test_a_node_that_comes_back_in_time(cluster: Running, nodes: list[str]) -> None:
    """Its pods were out of service for a while and are the same."""
    cluster.post(_DEPLOYMENTS, deployment("server", "example.org/server:1", replicas=2))
    eventually(lambda: _all_ready(cluster, 2), 20)
    before = {pod["metadata"]["uid"] for pod in _pods(cluster)}
    _tell(cluster, "node-a", "False")
    eventually(lambda: ("node.kubernetes.io/not-ready", "NoExecute") in _taints(cluster, "node-a"))
    eventually(lambda: not _all_ready(cluster, 2))
    _tell(cluster, "node-a", "True")
    eventually(lambda: _all_ready(cluster, 2), 20)
    _CLOCK.advance(301)
    assert {pod["metadata"]["uid"] for pod in _pods(cluster)} == before


def test_pods_of_a_node_that_is_gone(cluster: Running, nodes: list[str]) -> None:
    """They are collected and replaced elsewhere."""
    cluster.post(_DEPLOYMENTS, deployment(replicas=2))
    eventually(lambda: _all_ready(cluster, 2))
    (lost,) = _on(cluster, "node-a")
    cluster.request("DELETE", "/api/v1/nodes/node-a")
    _CLOCK.advance(60)
    eventually(lambda: cluster.request("GET", f"{_NAMESPACE}/pods/{lost['metadata']['name']}").code == 404)
    eventually(lambda: len(_on(cluster, "node-b")) == 2)


def test_a_taint_of_somebody_else(cluster: Running, nodes: list[str]) -> None:
    """NoExecute drives away at once who does not tolerate it; a taint of people is not taken away."""
    pod = {"containers": [{"name": "c", "image": "example.org/c:1"}], "nodeName": "node-a"}
    tolerant = {**pod, "tolerations": [{"key": "maintenance", "operator": "Exists"}]}
    for name, spec in (("plain", pod), ("tolerant", tolerant)):
        cluster.post(f"{_NAMESPACE}/pods", {"metadata": {"name": name}, "spec": spec})
    eventually(lambda: _all_ready(cluster, 2))
    taint = {"key": "maintenance", "value": "now", "effect": "NoExecute"}
    cluster.request("PATCH", "/api/v1/nodes/node-a", {"spec": {"taints": [taint]}}, media=_MERGE)
    eventually(lambda: [one["metadata"]["name"] for one in _pods(cluster)] == ["tolerant"])
    assert _taints(cluster, "node-a") == {("maintenance", "NoExecute")}


def _evict(cluster: Running, pod: str, **options: Any) -> Any:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}, **options}
    return cluster.request("POST", f"{_NAMESPACE}/pods/{pod}/eviction", body)


def test_a_budget_holds_evictions_back(cluster: Running, nodes: list[str]) -> None:
    """One may go, the next not before there is another; a dry run takes nothing."""
    cluster.post(_DEPLOYMENTS, deployment(replicas=2))
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    cluster.post(budgets, {"metadata": {"name": "web"}, "spec": spec})
    eventually(lambda: _all_ready(cluster, 2))
    eventually(lambda: cluster.get(f"{budgets}/web")["status"]["disruptionsAllowed"] == 1)
    first, second = (pod["metadata"]["name"] for pod in _pods(cluster))
    for pod in cluster.get("/api/v1/nodes")["items"]:  # nowhere for another one
        patch = {"spec": {"unschedulable": True}}
        cluster.request("PATCH", f"/api/v1/nodes/{pod['metadata']['name']}", patch, media=_MERGE)
    eventually(lambda: ("node.kubernetes.io/unschedulable", "NoSchedule") in _taints(cluster, "node-a"))
    assert _evict(cluster, first, deleteOptions={"dryRun": ["All"]}).code == 201
    assert cluster.get(f"{budgets}/web")["status"]["disruptionsAllowed"] == 1
    assert _evict(cluster, first).code == 201
    refused = _evict(cluster, second)
    assert (refused.code, refused.body["message"]) == (
        429,
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    cause = refused.body["details"]["causes"][0]
    assert (cause["reason"], "The disruption budget web needs 1 healthy pods" in cause["message"]) == (
        "DisruptionBudget",
        True,
    )


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_drain(cluster: Running, nodes: list[str]) -> None:
    """``kubectl drain`` moves what is there to the other node and keeps it away; ``uncordon`` lets it come back."""
    cluster.post(_DEPLOYMENTS, deployment(replicas=4))
    eventually(lambda: _all_ready(cluster, 4))
    assert len(_on(cluster, "node-a")) == 2
    cluster.kubectl("drain", "node-a", "--ignore-daemonsets", "--timeout=30s")
    assert not _on(cluster, "node-a")
    eventually(lambda: len(_on(cluster, "node-b")) == 4)
    eventually(lambda: _taints(cluster, "node-a") == {("node.kubernetes.io/unschedulable", "NoSchedule")})
    cluster.kubectl("uncordon", "node-a")
    eventually(lambda: not _taints(cluster, "node-a"))
