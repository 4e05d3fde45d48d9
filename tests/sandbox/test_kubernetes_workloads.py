"""Controllers and pods: rollouts, jobs, scheduling, processes with probes and environment."""

from __future__ import annotations

import itertools
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.sandbox.kubernetes_support import Running, deployment, eventually, running

_COUNT = itertools.count()
_MERGE = "application/merge-patch+json"
_SERVE = Program(("python", "-m", "http.server"), ("$(PORT)", "--bind", "$(HOST)"))
_TELL = Program(("python", "-c", "import os, time; print(dict(os.environ), flush=True); time.sleep(60)"))
_IMAGES = ImageTable(
    programs={
        "*/server:*": _SERVE,
        "*/teller:*": _TELL,
        "*/fails:*": Program(("python", "-c", "raise SystemExit(3)")),
        "*/works:*": Program(("python", "-c", "print('done')")),
    },
    missing=["*/missing:*"],
)
_READY = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where containers print to."""
    return tmp_path_factory.mktemp("pods")


@pytest.fixture(scope="module")
def cluster(logs: Path) -> Iterator[Running]:
    """A server with two nodes and its controllers."""
    with running() as started:
        server = started.server
        for name, zone in (("node-a", "a"), ("node-b", "b")):
            started.post("/api/v1/nodes", node(name, "1.34.2", labels={"zone": zone}))
        with Controllers(server.url, server.ca_file, server.token, logs, _IMAGES) as controllers:
            server.read_logs_from(controllers.log)
            yield started


@pytest.fixture
def namespace(cluster: Running) -> Iterator[str]:
    """A namespace of the test's own, gone afterwards with its processes."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")
    eventually(lambda: cluster.request("GET", f"/api/v1/namespaces/{name}").code == 404, 20)


def _deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def _pods(cluster: Running, namespace: str) -> list[Any]:
    return list(cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"])


def _rolled_out(cluster: Running, path: str) -> bool:
    """As ``kubectl rollout status`` sees it."""
    body = cluster.get(path)
    status, wanted = body.get("status") or {}, body["spec"]["replicas"]
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return False
    return {status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")} == {wanted}


def _condition(cluster: Running, path: str, kind: str) -> dict[str, Any]:
    conditions = (cluster.get(path).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


def test_pods_are_processes(cluster: Running, namespace: str) -> None:
    """They answer on their own addresses, are endpoints of their Service, and end with their pod."""
    body = deployment("server", "example.org/server:1", replicas=2)
    container = body["spec"]["template"]["spec"]["containers"][0]
    container |= {"readinessProbe": _READY, "livenessProbe": _READY}
    cluster.post(_deployments(namespace), body)
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"metadata": {"name": "server"}, "spec": {"selector": {"app": "server"}, "ports": ports}}
    cluster.post(f"/api/v1/namespaces/{namespace}/services", service)
    eventually(lambda: _rolled_out(cluster, f"{_deployments(namespace)}/server"), 20)
    addresses = {pod["status"]["podIP"] for pod in _pods(cluster, namespace)}
    assert len(addresses) == 2
    for address in addresses:
        with urllib.request.urlopen(f"http://{address}:8080/", timeout=5) as answer:
            assert answer.status == 200

    def ready() -> set[str]:
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector="
        found = cluster.get(f"{slices}kubernetes.io/service-name=server")["items"]
        return {
            one["addresses"][0] for part in found for one in part.get("endpoints") or [] if one["conditions"]["ready"]
        }

    eventually(lambda: ready() == addresses)
    endpoints = cluster.get(f"/api/v1/namespaces/{namespace}/endpoints/server")["subsets"][0]
    assert {one["ip"] for one in endpoints["addresses"]} == addresses
    assert endpoints["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    pids = [
        int(one["containerID"].rpartition("/")[2])
        for pod in _pods(cluster, namespace)
        for one in pod["status"]["containerStatuses"]
    ]
    cluster.request("DELETE", f"{_deployments(namespace)}/server")
    eventually(lambda: not _pods(cluster, namespace), 20)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    eventually(lambda: not ready())


def test_the_environment_of_a_container(cluster: Running, namespace: str) -> None:
    """From values, ConfigMaps, Secrets and the pod itself; what is missing is waited for."""
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.post(
        f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "s"}, "stringData": {"password": "hush"}}
    )
    container = {
        "name": "c",
        "image": "example.org/teller:1",
        "envFrom": [{"configMapRef": {"name": "late"}, "prefix": "APP_"}],
        "env": [
            {"name": "PLAIN", "value": "1"},
            {"name": "COMPOSED", "value": "$(PLAIN)-$$(PLAIN)"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    pods = f"/api/v1/namespaces/{namespace}/pods"
    eventually(lambda: cluster.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default").code == 200)
    cluster.post(pods, {"metadata": {"name": "p"}, "spec": {"containers": [container]}})

    def state() -> Any:
        statuses = cluster.get(f"{pods}/p")["status"].get("containerStatuses") or [{"state": {}}]
        return statuses[0]["state"]

    eventually(lambda: state().get("waiting", {}).get("message") == 'configmap "late" not found')
    early = cluster.request("GET", f"{pods}/p/log")
    assert (early.code, "is waiting to start: CreateContainerConfigError" in early.body["message"]) == (400, True)
    cluster.post(maps, {"metadata": {"name": "late"}, "data": {"MODE": "fast"}})

    def printed() -> str:
        answer = cluster.request("GET", f"{pods}/p/log")
        return str(answer.body) if answer.code == 200 else ""

    text = eventually(printed)
    for name, value in {
        "APP_MODE": "fast",
        "COMPOSED": "1-$(PLAIN)",
        "PASSWORD": "hush",
        "POD": "p",
    }.items():
        assert f"'{name}': '{value}'" in text
    assert cluster.get(f"{pods}/p/log?tailLines=0") == ""
    assert cluster.request("GET", f"{pods}/p/log?container=other").body["message"] == (
        "container other is not valid for pod p"
    )
    cluster.request("DELETE", f"{pods}/p", {"gracePeriodSeconds": 1})
