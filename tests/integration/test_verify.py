"""Checks of a cluster in which the sample application runs as processes, and of one in which things are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._kubernetes.client import Client
from module_utils._kubernetes.objects import Ref
from module_utils._kubernetes.verify import Findings, Verifier
from module_utils._spec.arguments import build
from module_utils._spec.verify import Verify

from sandbox.kubernetes.controllers import Controllers, node
from sandbox.kubernetes.programs import default_images
from tests.integration import serving
from tests.sandbox.kubernetes_support import ADMIN, Running, eventually, running

HERE = ("aws", "eu-central-1")
SPEC: dict[str, Any] = {
    "nodes": {"ready": 2, "zones": 2, "pools": [{"name": "general", "ready": 2}]},
    "namespaces": [{"name": serving.NAMESPACE, "network_policies": ["default-deny"]}],
    "applications": [serving.application(*HERE)],
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    with running() as started:
        server = started.server
        for zone in ("a", "b"):
            labels = {"topology.kubernetes.io/zone": f"eu-central-1{zone}", "eks.amazonaws.com/nodegroup": "general"}
            started.post("/api/v1/nodes", node(f"node-{zone}", "1.34.2", labels=labels))
        with Controllers(server.url, server.ca_file, server.token, started.directory / "pods", default_images()):
            yield started


@pytest.fixture(scope="module")
def client(cluster: Running) -> Client:
    """With the application in the cluster, ready."""
    server = cluster.server
    client = Client(serving.Reached(server.url, server.ca_pem.decode(), ADMIN), SystemClock())
    for manifest in serving.manifests(*HERE):
        client.apply(manifest)
    ref = Ref("apps/v1", "Deployment", "ml-inference", serving.NAMESPACE)
    eventually(lambda: client.get(ref).get("status", {}).get("readyReplicas") == 2, 30)
    return client


@pytest.fixture
def verify(client: Client) -> Callable[[dict[str, Any]], Findings]:
    def run(options: dict[str, Any]) -> Findings:
        spec = build(Verify, options).resolve()
        return Verifier(client, "aws-dev", SystemClock(), retry_timeout=5).run(spec)

    return run


def wrong(findings: Findings) -> dict[str, str]:
    return {row.check: row.detail for row in findings.rows if not row.ok}


def test_a_site_as_it_should_be(verify: Callable[[dict[str, Any]], Findings]) -> None:
    found = verify(SPEC)
    assert wrong(found) == {}
    assert [row.check for row in found.rows] == [
        "cluster",
        "nodes",
        "zones",
        "pool general",
        "namespace ml-serving",
        "workloads ml-serving",
        "network policies ml-serving",
        "application ml-inference",
        "autoscaler ml-inference",
        "disruption budget ml-inference",
        "request ml-inference health",
        "request ml-inference predict",
        "latency ml-inference predict",
    ]
    assert {row.site for row in found.rows} == {"aws-dev"}
    measured = found.latencies["ml-inference"]["predict"]
    assert 0 < measured["p50"] <= measured["p90"] <= measured["p99"] == measured["max"]
    assert (measured["samples"], measured["errors"], measured["through"]) == (5, 0, "proxy")


def test_what_is_wrong_is_told_and_the_rest_is_verified_all_the_same(
    verify: Callable[[dict[str, Any]], Findings], client: Client
) -> None:
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "open"}})
    found = verify(
        {
            "nodes": {"ready": 3, "zones": 3, "pools": [{"name": "gpu"}]},
            "namespaces": [{"name": "absent"}, {"name": "open", "network_policies": ["dns"]}],
            "applications": [
                serving.application("gcp", "europe-west3", samples=3),
                {**serving.application(*HERE, samples=0), "name": "other"},
            ],
        }
    )
    told = wrong(found)
    assert told["nodes"].startswith("2 ready, at least 3 wanted")
    assert told["zones"] == "ready nodes in 2 zones, at least 3 wanted"
    assert told["pool gpu"] == "0 ready, at least 1 wanted"
    assert told["namespace absent"] == "does not exist"
    assert "nothing denies ingress by default" in told["network policies open"]
    assert "dns is missing" in told["network policies open"]
    assert (
        told["request ml-inference predict"]
        == 'cloud is "aws", not "gcp"; region is "eu-central-1", not "europe-west3"'
    )
    assert told["latency ml-inference predict"].startswith("not measured")
    assert "does not exist" in told["application other"]
    assert "services" in told["request other health"]
    assert {row.check for row in found.rows if row.ok} >= {
        "cluster",
        "application ml-inference",
        "request ml-inference health",
    }


def test_latency_beyond_its_limit_fails_although_every_answer_is_right(
    verify: Callable[[dict[str, Any]], Findings],
) -> None:
    application = {**serving.application(*HERE, samples=3, limits_ms={"p99": 0.001}), "port": "80"}
    told = wrong(verify({"applications": [application]}))
    assert list(told) == ["latency ml-inference predict"]
    assert "is more than 0.001 ms" in told["latency ml-inference predict"]


def test_an_application_is_asked_at_the_address_of_its_load_balancer(
    verify: Callable[[dict[str, Any]], Findings], client: Client, cluster: Running
) -> None:
    application = {**serving.application(*HERE), "through": "address"}
    assert (
        "no address of a load balancer"
        in wrong(verify({"applications": [application]}))["request ml-inference predict"]
    )
    path = f"/api/v1/namespaces/{serving.NAMESPACE}/services/ml-inference"
    merge = "application/merge-patch+json"
    cluster.request("PATCH", path, {"spec": {"type": "LoadBalancer"}}, media=merge)
    try:
        eventually(lambda: cluster.get(path)["status"]["loadBalancer"].get("ingress"))
        eventually(lambda: not wrong(verify({"applications": [application]})))
        found = verify({"applications": [application]})
        assert found.latencies["ml-inference"]["predict"]["through"] == "address"
    finally:
        cluster.request("PATCH", path, {"spec": {"type": "ClusterIP"}}, media=merge)


def test_a_pod_that_cannot_start_is_told_with_the_reason_of_the_cluster(
    verify: Callable[[dict[str, Any]], Findings], client: Client
) -> None:
    bad = serving.manifests(*HERE, image="registry.example/ml-inference:missing")[2]
    bad["metadata"]["name"] = bad["spec"]["selector"]["matchLabels"]["app"] = "bad"
    bad["spec"]["template"]["metadata"]["labels"] = {"app": "bad"}
    client.apply(bad)
    ref = Ref("apps/v1", "Deployment", "bad", serving.NAMESPACE)
    try:
        spec = {"namespaces": [{"name": serving.NAMESPACE}]}
        told = eventually(lambda: "Pull" in (text := wrong(verify(spec)).get("workloads ml-serving", "")) and text)
        assert "Deployment bad: 0 of 2 replicas are available" in told
        assert "not found" in told
    finally:
        client.delete(ref)


def test_a_cluster_that_lets_nobody_in_has_one_row_that_says_so(client: Client, cluster: Running) -> None:
    server = cluster.server
    stranger = Client(serving.Reached(server.url, server.ca_pem.decode(), "made-up"), SystemClock())
    found = Verifier(stranger, "aws-dev", SystemClock(), retry_timeout=5).run(build(Verify, SPEC).resolve())
    assert [(row.check, row.ok) for row in found.rows] == [("cluster", False)]
    assert "Unauthorized" in found.rows[0].detail
