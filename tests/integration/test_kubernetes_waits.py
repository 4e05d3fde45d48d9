"""How long workloads are waited for, and what is told of those that do not become ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_utils._engine.report import Entry, Report
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner
from module_utils._kubernetes.health import WaitCondition
from module_utils._kubernetes.sets import SetOptions, converge_set

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.integration.clusters import World, world, writes

_CRASH = "import os, sys; print('cannot reach', os.environ['TOKEN']); sys.exit(7)"
_IMAGES = ImageTable(
    programs={
        "*/server:*": Program(("python", "-m", "http.server"), ("$(PORT)", "--bind", "$(HOST)")),
        "*/crash:*": Program(("python", "-c", _CRASH)),
        "*/works:*": Program(("python", "-c", "print('done')")),
    },
    missing=["*/missing:*"],
)
_SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ml"}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster with a node, whose workloads come to life."""
    logs: Path = tmp_path_factory.mktemp("pods")
    with world() as made:
        server = made.server
        made.client().raw("POST", "/api/v1/nodes", body=node("node-a", "1.34.2"))
        made.client().raw("POST", "/api/v1/namespaces", body=_SPACE)
        with Controllers(server.url, server.ca_file, server.token, logs, _IMAGES) as controllers:
            server.read_logs_from(controllers.log)
            yield made


def _run(cluster: World, name: str, *objects: dict[str, Any], wait_timeout: float = 60, **options: Any) -> Report:
    settings = Settings(owner=Owner("ml-platform", "dev", "aws-dev"), wait_timeout=wait_timeout, retry_timeout=10)
    return converge_set(cluster.client(), settings, [*objects], SetOptions(name, namespace="ml", **options))


def _deployment(name: str, image: str, *, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    main = {"name": "main", "image": f"example.org/{image}:1", "ports": [{"containerPort": 8080}], **(container or {})}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [main], "terminationGracePeriodSeconds": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod, **spec},
    }


def _named(report: Report) -> dict[str, Entry]:
    return {entry.name.rpartition("/")[2]: entry for entry in report.entries}


def test_what_keeps_workloads_is_told_in_the_apis_words(cluster: World) -> None:
    """Of each its own reason; the others are not held up. What the set's Secrets hold is not told."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"t": "hunter22222"}}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": "tight"},
        "spec": {"hard": {"pods": "0"}},
    }
    refused = _deployment("refused", "server")
    refused["metadata"]["namespace"] = "tight"
    token = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}]
    probe = {"httpGet": {"path": "/nothing", "port": 8080}, "periodSeconds": 1}
    report = _run(
        cluster,
        "stuck",
        {**_SPACE, "metadata": {"name": "tight"}},
        secret,
        quota,
        refused,
        _deployment("no-image", "missing"),
        _deployment("crashing", "crash", container={"env": token, "readinessProbe": probe}),
        _deployment("too-big", "server", container={"resources": {"requests": {"cpu": "900"}}}),
        _deployment("unready", "server", container={"readinessProbe": probe}),
        _deployment("late", "missing", progressDeadlineSeconds=1),
        wait_timeout=8,
    )
    found = _named(report)
    assert found["token"].status == "ok", report.summary()
    assert {entry.name.rpartition("/")[2] for entry in report.failed} == {
        "no-image",
        "crashing",
        "too-big",
        "unready",
        "refused",
        "late",
    }
    for name, words in {
        "no-image": ("not ready after 8 s", "ImagePullBackOff", "example.org/missing:1"),
        "crashing": ("exit code 7", "cannot reach ********"),
        "too-big": ("Unschedulable", "Insufficient cpu"),
        "unready": ("is running, but not ready", "Unhealthy", "Readiness probe failed"),
        "refused": ("exceeded quota: few",),
        "late": ("ProgressDeadlineExceeded", "missing:1"),
    }.items():
        for word in words:
            assert word in found[name].error, found[name].error
    assert "not ready after" not in found["late"].error, "Kubernetes gave it up, so nobody waits on"
    assert "hunter22222" not in str(report.as_dict())


def test_rollouts_jobs_claims_and_addresses(cluster: World) -> None:
    """A failed job is run again by the next run, and a claim that is bound by its pod is not waited for."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/crash:1"}]}
    pod["containers"][0]["env"] = [{"name": "TOKEN", "value": "x"}]  # type: ignore[index]
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
    late = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "late"},
        "provisioner": "example.org/disks",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "storageClassName": "late",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    balancer = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 80}]},
    }
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    well = _deployment("well", "server", container={"readinessProbe": probe})
    report = _run(cluster, "kinds", late, claim, balancer, job, well)
    assert [entry.name for entry in report.failed] == ["ml/once"]
    assert "BackoffLimitExceeded" in report.summary()
    assert "exit code 7" in report.summary()
    assert report.outputs["addresses"]["ml/front"]
    pod["containers"][0]["image"] = "example.org/works:1"  # type: ignore[index]
    report = _run(cluster, "kinds", late, claim, balancer, job, well)
    assert _named(report)["once"].action == "replace"
    assert report.failed == []
    with cluster.watched() as seen:
        assert not _run(cluster, "kinds", late, claim, balancer, job, well).changed
    assert writes(seen) == []


def test_conditions_of_kinds_that_kubernetes_does_not_know_are_waited_for(cluster: World) -> None:
    """And with wait: false nothing is."""
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "certs.example.org"},
        "spec": {
            "group": "example.org",
            "names": {"kind": "Cert", "plural": "certs"},
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    },
                }
            ],
        },
    }
    cert = {"apiVersion": "example.org/v1", "kind": "Cert", "metadata": {"name": "c"}}
    conditions = (WaitCondition("Cert", "Ready"),)
    report = _run(cluster, "certs", crd, cert, wait_timeout=1, wait_conditions=conditions)
    assert "it has no condition Ready yet" in report.summary()
    state = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Denied", "message": "no"}]}}
    client, path = cluster.client(), "/apis/example.org/v1/certs/c/status"
    client.raw("PATCH", path, body=state, content_type="application/merge-patch+json")
    report = _run(cluster, "certs", crd, cert, wait_timeout=1, wait_conditions=conditions)
    assert "Ready is False: Denied: no" in report.summary()
    assert not _run(cluster, "certs", crd, cert, wait=False, wait_conditions=conditions).failed
    state["status"]["conditions"][0]["status"] = "True"
    client.raw("PATCH", path, body=state, content_type="application/merge-patch+json")
    assert not _run(cluster, "certs", crd, cert, wait_conditions=conditions).failed
