"""Objects that are shown in two versions: autoscaling/v1 and v2, v1 and events.k8s.io/v1."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.sandbox.kubernetes_support import KUBECTL, Running, running

_MERGE = "application/merge-patch+json"
_V1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
_V2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """A server."""
    with running() as started:
        yield started


def test_an_old_autoscaler_is_a_new_one(cluster: Running) -> None:
    """The share of the CPU is a metric; defaults are those of its version; changes arrive in both."""
    spec = {"scaleTargetRef": _TARGET, "maxReplicas": 5, "targetCPUUtilizationPercentage": 60}
    made = cluster.post(_V1, {"metadata": {"name": "old"}, "spec": spec})
    assert (made["apiVersion"], made["spec"]["minReplicas"]) == ("autoscaling/v1", 1)
    new = cluster.get(f"{_V2}/old")
    target = {"type": "Utilization", "averageUtilization": 60}
    assert new["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert "targetCPUUtilizationPercentage" not in new["spec"]
    patch = {"spec": {"targetCPUUtilizationPercentage": 70}}
    assert cluster.request("PATCH", f"{_V1}/old", patch, media=_MERGE).code == 200
    metric = cluster.get(f"{_V2}/old")["spec"]["metrics"][0]
    assert metric["resource"]["target"]["averageUtilization"] == 70
    cluster.post(_V1, {"metadata": {"name": "bare"}, "spec": {"scaleTargetRef": _TARGET, "maxReplicas": 2}})
    assert cluster.get(f"{_V1}/bare")["spec"]["targetCPUUtilizationPercentage"] == 80
    body = {"metadata": {"name": "bad"}, "spec": {"scaleTargetRef": _TARGET, "maxReplicas": 1, "minReplicas": 2}}
    refused = cluster.post(_V1, body, 422)
    assert refused["details"]["causes"][0]["field"] == "spec.maxReplicas"


def test_a_new_autoscaler_survives_an_old_client(cluster: Running) -> None:
    """What the old version cannot say is in annotations, and comes back whole."""
    memory = {
        "type": "Resource",
        "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
    }
    spec = {
        "scaleTargetRef": _TARGET,
        "maxReplicas": 5,
        "metrics": [memory],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    }
    made = cluster.post(_V2, {"metadata": {"name": "new"}, "spec": spec})
    old = cluster.get(f"{_V1}/new")
    assert json.loads(old["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"]) == [memory]
    old["metadata"]["labels"] = {"seen": "by-an-old-client"}
    assert cluster.request("PUT", f"{_V1}/new", old).code == 200
    after = cluster.get(f"{_V2}/new")
    assert after["metadata"]["labels"] == {"seen": "by-an-old-client"}
    assert after["spec"] == made["spec"]
    assert "annotations" not in after["metadata"]
    listed = {one["metadata"]["name"]: one["apiVersion"] for one in cluster.get(_V1)["items"]}
    assert listed["new"] == "autoscaling/v1"
    if KUBECTL is not None:
        shown = cluster.kubectl("get", "hpa", "new", "--no-headers").stdout
        assert shown.split()[:4] == ["new", "Deployment/web", "memory:", "<unknown>/1Gi"]


def test_events_by_two_names(cluster: Running) -> None:
    """Made by one, read, watched and deleted by the other."""
    about = {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "default", "uid": "1"}
    core = "/api/v1/namespaces/default/events"
    body = {
        "metadata": {"name": "one"},
        "involvedObject": about,
        "reason": "Started",
        "message": "It runs.",
        "type": "Normal",
        "count": 3,
        "source": {"component": "kubelet"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:01Z",
    }
    cluster.post(core, body)
    seen = cluster.get(f"{_EVENTS}/one")
    assert (seen["apiVersion"], seen["regarding"], seen["note"]) == ("events.k8s.io/v1", about, "It runs.")
    assert (seen["deprecatedCount"], seen["deprecatedSource"]) == (3, {"component": "kubelet"})
    assert "involvedObject" not in seen
    new = {
        "metadata": {"name": "two"},
        "regarding": about,
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reason": "Pulled",
        "action": "Pulling",
        "note": "There.",
        "type": "Normal",
        "reportingController": "example.org/test",
        "reportingInstance": "test-1",
    }
    cluster.post(_EVENTS, new)
    stored = cluster.get(f"{core}/two")
    assert (stored["involvedObject"], stored["message"]) == (about, "There.")
    assert stored["reportingComponent"] == "example.org/test"
    watch = cluster.request("GET", f"{_EVENTS}?watch=1&timeoutSeconds=1").body
    lines = [json.loads(line)["object"] for line in watch.splitlines()]
    assert {one["metadata"]["name"]: one["note"] for one in lines} == {"one": "It runs.", "two": "There."}
    if KUBECTL is not None:
        assert "pod/p" in cluster.kubectl("get", "events", "--no-headers").stdout
        assert "Pod/p" in cluster.kubectl("events", "--for", "pod/p", "--no-headers").stdout
    assert cluster.request("DELETE", f"{_EVENTS}/one").code == 200
    assert [one["metadata"]["name"] for one in cluster.get(core)["items"]] == ["two"]


def test_both_are_discovered(cluster: Running) -> None:
    """The new version of autoscaling is preferred."""
    group = cluster.get("/apis/autoscaling")
    assert [one["version"] for one in group["versions"]] == ["v2", "v1"]
    assert group["preferredVersion"]["version"] == "v2"
    assert [one["name"] for one in cluster.get("/apis/events.k8s.io/v1")["resources"]] == ["events"]
