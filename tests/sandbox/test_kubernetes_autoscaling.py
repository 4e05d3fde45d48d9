"""HorizontalPodAutoscalers and the metrics they live by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.core.clock import Clock
from sandbox.kubernetes.controllers import Controllers, node
from tests.sandbox.kubernetes_support import KUBECTL, Running, deployment, eventually, running

_COUNT = itertools.count()
_MERGE = "application/merge-patch+json"
_CLOCK = Clock()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a node and its controllers, on one clock."""
    with running(clock=_CLOCK) as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2", cpu="32"))
        pods = tmp_path_factory.mktemp("pods")
        with Controllers(server.url, server.ca_file, server.token, pods, clock=_CLOCK):
            yield started


@pytest.fixture
def namespace(cluster: Running) -> str:
    """A namespace of the test's own."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def _web(**spec: Any) -> dict[str, Any]:
    body = deployment(**spec)
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m"}}
    return body


def _deploy(cluster: Running, namespace: str, load: str = "", **spec: Any) -> str:
    body = _web(**spec)
    if load:
        body["metadata"]["annotations"] = {"metrics.sandbox/cpu": load}
    cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/web"


def _load(cluster: Running, path: str, cpu: str | None) -> None:
    patch = {"metadata": {"annotations": {"metrics.sandbox/cpu": cpu}}}
    assert cluster.request("PATCH", path, patch, media=_MERGE).code == 200


def _scaler(cluster: Running, namespace: str, **spec: Any) -> str:
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    body = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "metrics": [metric], **spec}}
    cluster.post(path, body)
    return f"{path}/web"


def _condition(cluster: Running, path: str, kind: str) -> dict[str, Any]:
    conditions = (cluster.get(path).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


def _replicas(cluster: Running, path: str) -> int:
    return int(cluster.get(path)["spec"]["replicas"])


def test_up_and_after_the_window_down(cluster: Running, namespace: str) -> None:
    """Load decides, the bounds hold, going down waits for its window; an apply without replicas changes nothing."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    applied = _web()
    applied["metadata"]["annotations"] = {"metrics.sandbox/cpu": "1500m"}
    assert cluster.apply(path, {**applied, "spec": {**applied["spec"], "replicas": 2}}).code == 201
    scaler = _scaler(cluster, namespace, minReplicas=2, maxReplicas=8)
    eventually(lambda: _replicas(cluster, path) == 6, 20)
    eventually(lambda: cluster.get(scaler)["status"].get("currentReplicas") == 6)
    status = eventually(
        lambda: (
            (cluster.get(scaler)["status"].get("currentMetrics") or [{}])[0]
            .get("resource", {})
            .get("current", {})
            .get("averageUtilization")
            == 50
            and cluster.get(scaler)["status"]
        )
    )
    assert (status["desiredReplicas"], "lastScaleTime" in status) == (6, True)
    assert _condition(cluster, scaler, "ScalingActive")["message"] == (
        "the HPA was able to successfully calculate a replica count from cpu resource utilization "
        "(percentage of request)"
    )
    events = cluster.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    assert "New size: 6; reason: cpu resource utilization (percentage of request) above target" in {
        one["message"] for one in events
    }
    again = cluster.apply(path, applied)
    assert (again.code, again.body["spec"]["replicas"]) == (200, 6)

    _load(cluster, path, "4")
    eventually(lambda: _condition(cluster, scaler, "ScalingLimited").get("reason") == "ScaleUpLimit")
    _CLOCK.advance(16)
    eventually(lambda: _replicas(cluster, path) == 8)
    eventually(lambda: _condition(cluster, scaler, "ScalingLimited").get("reason") == "TooManyReplicas")
    _load(cluster, path, "100m")
    eventually(lambda: _condition(cluster, scaler, "AbleToScale").get("reason") == "ScaleDownStabilized")
    assert _replicas(cluster, path) == 8
    _CLOCK.advance(301)
    eventually(lambda: _replicas(cluster, path) == 2)
    eventually(lambda: _condition(cluster, scaler, "ScalingLimited").get("reason") == "TooFewReplicas")


def test_policies_hold_it_back(cluster: Running, namespace: str) -> None:
    """One pod a minute, as its behaviour says."""
    path = _deploy(cluster, namespace, "4", replicas=1)
    up = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    scaler = _scaler(cluster, namespace, maxReplicas=5, behavior={"scaleUp": up})
    eventually(lambda: _replicas(cluster, path) == 2)
    eventually(lambda: _condition(cluster, scaler, "ScalingLimited").get("reason") == "ScaleUpLimit")
    assert _replicas(cluster, path) == 2
    _CLOCK.advance(61)
    eventually(lambda: _replicas(cluster, path) == 3)


def test_without_metrics(cluster: Running, namespace: str) -> None:
    """It says why it does nothing, and goes on when there are some."""
    path = _deploy(cluster, namespace, replicas=3)
    scaler = _scaler(cluster, namespace, maxReplicas=5)
    active = eventually(lambda: _condition(cluster, scaler, "ScalingActive"))
    assert (active["status"], active["reason"]) == ("False", "FailedGetResourceMetric")
    assert active["message"] == (
        "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for "
        "resource cpu: no metrics returned from resource metrics API"
    )
    assert _replicas(cluster, path) == 3
    _load(cluster, path, "750m")
    eventually(lambda: _condition(cluster, scaler, "ScalingActive")["status"] == "True")
    assert _replicas(cluster, path) == 3
    reasons = [one["reason"] for one in cluster.get(f"/api/v1/namespaces/{namespace}/events")["items"]]
    assert (reasons.count("FailedGetResourceMetric"), reasons.count("FailedComputeMetricsReplicas")) == (1, 1)


def test_what_cannot_be_scaled(cluster: Running, namespace: str) -> None:
    """A target that is not there, pods without requests, metrics without a server."""
    scaler = _scaler(cluster, namespace, maxReplicas=5)
    able = eventually(lambda: _condition(cluster, scaler, "AbleToScale"))
    assert (able["status"], able["reason"]) == ("False", "FailedGetScale")
    assert able["message"].endswith('deployments.apps "web" not found')
    body = deployment()
    body["metadata"]["annotations"] = {"metrics.sandbox/cpu": "1"}
    cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    eventually(lambda: "missing request for cpu" in _condition(cluster, scaler, "ScalingActive").get("message", ""))
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    assert cluster.request("PATCH", scaler, {"spec": {"metrics": [metric]}}, media=_MERGE).code == 200
    eventually(lambda: _condition(cluster, scaler, "ScalingActive").get("reason") == "FailedGetPodsMetric")


def test_the_metrics_api(cluster: Running, namespace: str) -> None:
    """The load of a Deployment is shared by its pods; a pod's own annotation goes first."""
    _deploy(cluster, namespace, "1", replicas=2)
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    found = eventually(lambda: len(cluster.get(path)["items"]) == 2 and cluster.get(path))
    assert found["kind"] == "PodMetricsList"
    assert [one["containers"] for one in found["items"]] == [[{"name": "main", "usage": {"cpu": "500m"}}]] * 2
    name = found["items"][0]["metadata"]["name"]
    patch = {"metadata": {"annotations": {"metrics.sandbox/cpu": "100m", "metrics.sandbox/memory": "64Mi"}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}", patch, media=_MERGE)
    assert cluster.get(f"{path}/{name}")["containers"][0]["usage"] == {"cpu": "100m", "memory": "65536Ki"}
    missing = cluster.request("GET", f"{path}/none")
    assert (missing.code, missing.body["message"]) == (404, f'pods.metrics.k8s.io "{namespace}/none" not found')
    if KUBECTL is not None:
        shown = cluster.kubectl("top", "pods", "-n", namespace, "--no-headers").stdout.split()
        at = shown.index(name)
        assert shown[at : at + 3] == [name, "100m", "64Mi"]
        assert cluster.kubectl("top", "nodes", "--no-headers").stdout.split()[0] == "node-a"
