"""Workloads: rollouts, jobs, sets, scheduling, disruption budgets, logs."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client, watch

from sandbox.kubernetes.controllers import node
from tests.sandbox.kubernetes_support import Running, deployment, eventually

_MERGE = "application/merge-patch+json"


def _deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def _pods(site: Running, namespace: str) -> list[Any]:
    return list(site.get(f"/api/v1/namespaces/{namespace}/pods")["items"])


def _by_name(site: Running, namespace: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in _pods(site, namespace)}


def _status(site: Running, path: str) -> dict[str, Any]:
    return dict(site.get(path).get("status") or {})


def _rolled_out(site: Running, path: str) -> bool:
    """As ``kubectl rollout status`` sees it."""
    body = site.get(path)
    status, wanted = body.get("status") or {}, body["spec"]["replicas"]
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return False
    return {status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")} == {wanted}


def _condition(site: Running, path: str, kind: str) -> dict[str, Any]:
    conditions = (site.get(path).get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), {})


def _of(kind: str, image: str = "example.org/web:1", **spec: Any) -> dict[str, Any]:
    body = deployment(image=image)
    return {**body, "kind": kind, "spec": {**body["spec"], **spec}}


def test_a_deployment_rolls_out_and_over(site: Running, space: str) -> None:
    """Pods on both nodes; a new template replaces them, the old revision stays for a rollback."""
    path = f"{_deployments(space)}/web"
    site.post(_deployments(space), deployment(replicas=4))
    eventually(lambda: _rolled_out(site, path))
    assert {pod["spec"]["nodeName"] for pod in _pods(site, space)} == {"node-a", "node-b"}
    site.apply(path, deployment(image="example.org/web:2", replicas=4), force=True)
    eventually(lambda: _rolled_out(site, path))
    eventually(lambda: len(_pods(site, space)) == 4)
    assert {pod["spec"]["containers"][0]["image"] for pod in _pods(site, space)} == {"example.org/web:2"}
    sets = site.get(f"/apis/apps/v1/namespaces/{space}/replicasets")["items"]
    revisions = {one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: one for one in sets}
    assert {number: one["spec"]["replicas"] for number, one in revisions.items()} == {"1": 0, "2": 4}
    site.apply(path, deployment(image="example.org/web:1", replicas=4), force=True)
    eventually(lambda: _rolled_out(site, path))
    assert site.get(path)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert len(site.get(f"/apis/apps/v1/namespaces/{space}/replicasets")["items"]) == 2


def test_a_broken_image_leaves_the_old_pods(site: Running, space: str) -> None:
    """The reason is told, the deadline passes, most of what ran keeps running."""
    path = f"{_deployments(space)}/web"
    spec: dict[str, Any] = {"replicas": 4, "progressDeadlineSeconds": 1}
    site.apply(path, deployment(**spec))
    eventually(lambda: _rolled_out(site, path))
    site.apply(path, deployment(image="example.org/missing:1", **spec))

    def waiting() -> set[str]:
        states = [one for pod in _pods(site, space) for one in pod["status"].get("containerStatuses") or []]
        return {one["state"]["waiting"]["reason"] for one in states if "waiting" in one["state"]}

    eventually(lambda: "ImagePullBackOff" in waiting())
    late = eventually(
        lambda: (
            _condition(site, path, "Progressing").get("reason") == "ProgressDeadlineExceeded"
            and _condition(site, path, "Progressing")
        )
    )
    assert late["status"] == "False"
    assert site.get(path)["status"]["availableReplicas"] >= 3
    assert _condition(site, path, "Available")["status"] == "True"
    site.apply(path, deployment(**spec))
    eventually(lambda: _rolled_out(site, path))


def test_what_fails_is_restarted(site: Running, space: str) -> None:
    """CrashLoopBackOff with the exit code of the last run."""
    pods = f"/api/v1/namespaces/{space}/pods"
    spec = {"containers": [{"name": "c", "image": "example.org/fails:1"}]}
    site.post(pods, {"metadata": {"name": "p"}, "spec": spec})

    def state() -> Any:
        return (site.get(f"{pods}/p")["status"].get("containerStatuses") or [{}])[0]

    found = eventually(
        lambda: state().get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff" and state()
    )
    assert found["restartCount"] >= 1
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert _condition(site, f"{pods}/p", "Ready")["status"] == "False"


def test_jobs(site: Running, space: str) -> None:
    """One that succeeds twice, one that fails for good."""
    jobs = f"/apis/batch/v1/namespaces/{space}/jobs"
    for name, image, more in (("good", "works", {"completions": 2}), ("bad", "fails", {"backoffLimit": 1})):
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": f"example.org/{image}:1"}]}
        site.post(jobs, {"metadata": {"name": name}, "spec": {**more, "template": {"spec": pod}}})
    eventually(lambda: _condition(site, f"{jobs}/good", "Complete").get("status") == "True", 20)
    assert site.get(f"{jobs}/good")["status"]["succeeded"] == 2
    failed = eventually(lambda: _condition(site, f"{jobs}/bad", "Failed"), 20)
    assert failed["reason"] == "BackoffLimitExceeded"
    assert site.get(f"{jobs}/bad")["status"]["failed"] == 2


def test_pods_that_fit_nowhere(site: Running, space: str) -> None:
    """The condition counts the nodes by reason; a change of the nodes helps."""
    pods = f"/api/v1/namespaces/{space}/pods"
    container = {"name": "c", "image": "example.org/c:1"}
    big = {**container, "resources": {"requests": {"cpu": "100"}}}
    site.post(pods, {"metadata": {"name": "big"}, "spec": {"containers": [big]}})
    picky = {"containers": [container], "nodeSelector": {"disk": "fast"}}
    site.post(pods, {"metadata": {"name": "picky"}, "spec": picky})

    def why(name: str) -> Any:
        return _condition(site, f"{pods}/{name}", "PodScheduled").get("message")

    assert eventually(lambda: why("big")) == "0/2 nodes are available: 2 Insufficient cpu."
    assert eventually(lambda: why("picky")) == (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    )
    site.request("PATCH", "/api/v1/nodes/node-b", {"metadata": {"labels": {"disk": "fast"}}}, media=_MERGE)
    eventually(lambda: site.get(f"{pods}/picky")["status"]["phase"] == "Running")
    assert site.get(f"{pods}/picky")["spec"]["nodeName"] == "node-b"


@pytest.mark.manager
def test_a_refused_pod_is_told(site: Running, space: str) -> None:
    """Quota in the way: the ReplicaSet and the Deployment say so, and go on when it is lifted."""
    quotas = f"/api/v1/namespaces/{space}/resourcequotas"
    site.post(quotas, {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
    path = f"{_deployments(space)}/web"
    site.post(_deployments(space), deployment(replicas=2))
    failed = eventually(lambda: _condition(site, path, "ReplicaFailure"))
    assert "exceeded quota: few" in failed["message"]
    site.request("DELETE", f"{quotas}/few")
    eventually(lambda: _rolled_out(site, path))
    assert _condition(site, path, "ReplicaFailure") == {}


def test_a_stateful_set(site: Running, space: str) -> None:
    """Names by ordinal, made and replaced in order, each with a claim that outlives it."""
    base = f"/apis/apps/v1/namespaces/{space}/statefulsets"
    since = site.get(f"/api/v1/namespaces/{space}/pods")["metadata"]["resourceVersion"]
    # Volumes made by hand, so that it does not matter which classes there are.
    shape = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    for number in range(3):
        volume = {**shape, "capacity": {"storage": "1Gi"}, "hostPath": {"path": f"/mnt/{space}-{number}"}}
        labels = {"space": space}
        site.post(
            "/api/v1/persistentvolumes", {"metadata": {"name": f"{space}-{number}", "labels": labels}, "spec": volume}
        )
    wanted = {"resources": {"requests": {"storage": "1Gi"}}, "selector": {"matchLabels": {"space": space}}}
    claim = {"metadata": {"name": "data"}, "spec": {**shape, **wanted}}
    body = _of("StatefulSet", serviceName="web", replicas=3, volumeClaimTemplates=[claim])
    site.post(base, body)
    eventually(lambda: _status(site, f"{base}/web").get("readyReplicas") == 3)
    made: list[str] = []
    watching = watch.Watch()
    listing = client.CoreV1Api(site.api()).list_namespaced_pod
    for event in watching.stream(listing, space, resource_version=since, timeout_seconds=10):
        made += [event["object"].metadata.name] if event["type"] == "ADDED" else []
        if len(made) == 3:
            watching.stop()
    assert made == ["web-0", "web-1", "web-2"]
    pods = _by_name(site, space)
    volumes = {one["name"]: one for one in pods["web-1"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "data-web-1"
    change = _of("StatefulSet", "example.org/web:2")["spec"]["template"]
    site.request("PATCH", f"{base}/web", {"spec": {"template": change, "replicas": 2}}, media=_MERGE)

    def updated() -> bool:
        status = _status(site, f"{base}/web")
        current = status.get("currentRevision") == status.get("updateRevision")
        return current and status.get("updatedReplicas") == status.get("readyReplicas") == status["replicas"] == 2

    eventually(updated)
    images = {name: one["spec"]["containers"][0]["image"] for name, one in _by_name(site, space).items()}
    assert images == {"web-0": "example.org/web:2", "web-1": "example.org/web:2"}
    claims = site.get(f"/api/v1/namespaces/{space}/persistentvolumeclaims")["items"]
    assert len(claims) == 3


def test_a_daemon_set(site: Running, space: str) -> None:
    """One pod per node that it fits, on new nodes too."""
    base = f"/apis/apps/v1/namespaces/{space}/daemonsets"
    site.post(base, _of("DaemonSet"))
    eventually(lambda: _status(site, f"{base}/web").get("numberReady") == 2)
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
    site.post("/api/v1/nodes", node("node-c", "1.34.2"))
    site.post("/api/v1/nodes", node("node-gpu", "1.34.2", taints=[taint]))
    eventually(lambda: _status(site, f"{base}/web").get("numberReady") == 3)
    assert {one["spec"]["nodeName"] for one in _pods(site, space)} == {"node-a", "node-b", "node-c"}
    change = _of("DaemonSet", "example.org/web:2")["spec"]["template"]
    site.request("PATCH", f"{base}/web", {"spec": {"template": change}}, media=_MERGE)
    eventually(
        lambda: (
            _status(site, f"{base}/web").get("updatedNumberScheduled") == 3
            and _status(site, f"{base}/web").get("numberReady") == 3
        )
    )
    for name in ("node-c", "node-gpu"):
        site.request("DELETE", f"/api/v1/nodes/{name}")
    eventually(lambda: _status(site, f"{base}/web").get("desiredNumberScheduled") == 2)


def test_budgets_follow_their_pods(site: Running, space: str) -> None:
    """An eviction is let through only as long as enough pods are left."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments"
    site.post(path, deployment(replicas=2))
    budgets = f"/apis/policy/v1/namespaces/{space}/poddisruptionbudgets"
    spec = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1}
    site.post(budgets, {"metadata": {"name": "b"}, "spec": spec})
    eventually(lambda: _status(site, f"{budgets}/b").get("disruptionsAllowed") == 1)
    status = _status(site, f"{budgets}/b")
    assert (status["expectedPods"], status["currentHealthy"], status["desiredHealthy"]) == (2, 2, 1)
    site.request("PATCH", f"{budgets}/b", {"spec": {"maxUnavailable": 0}}, media=_MERGE)
    eventually(lambda: _status(site, f"{budgets}/b").get("disruptionsAllowed") == 0)
    name = _pods(site, space)[0]["metadata"]["name"]
    eviction = {"metadata": {"name": name}}
    refused = site.request("POST", f"/api/v1/namespaces/{space}/pods/{name}/eviction", eviction)
    assert refused.code == 429
