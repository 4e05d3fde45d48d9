"""kubectl on a cluster where workloads run, as people use it."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.kubernetes_support import KUBECTL, Running, eventually

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
_WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.org/web:1"}]}
"""
_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "example.org/works:1"}]}}}
"""


def _run(site: Running, space: str, *arguments: str, data: str = "") -> str:
    done = site.kubectl("-n", space, *arguments, data=data, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rollout(site: Running, space: str) -> None:
    """Applied, waited for, changed, told as a difference, undone, scaled."""
    _run(site, space, "apply", "--server-side", "-f", "-", data=_WEB)
    assert "successfully rolled out" in _run(site, space, "rollout", "status", "deployment/web", "--timeout=20s")
    changed = _WEB.replace("web:1", "web:2")
    difference = site.kubectl("-n", space, "diff", "--server-side", "-f", "-", data=changed, check=False)
    assert (difference.returncode, "+      - image: example.org/web:2" in difference.stdout) == (1, True)
    _run(site, space, "apply", "--server-side", "-f", "-", data=changed)
    _run(site, space, "rollout", "status", "deployment/web", "--timeout=20s")
    assert len(_run(site, space, "rollout", "history", "deployment/web").strip().splitlines()) == 4
    _run(site, space, "rollout", "undo", "deployment/web")
    _run(site, space, "rollout", "status", "deployment/web", "--timeout=20s")
    found = json.loads(_run(site, space, "get", "deployment", "web", "-o", "json"))
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/web:1"
    _run(site, space, "scale", "deployment/web", "--replicas=3")
    _run(site, space, "wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/web", "--timeout=20s")
    columns = _run(site, space, "get", "deployment", "web").split()
    assert columns[:6] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "web"]
    assert "3/3" in columns


def test_logs_of_a_job(site: Running, space: str) -> None:
    """Waited for by condition, read through the job, cut to the end."""
    _run(site, space, "apply", "-f", "-", data=_JOB)
    _run(site, space, "wait", "--for=condition=complete", "job/once", "--timeout=20s")
    assert _run(site, space, "logs", "job/once") == "one\ntwo\ndone\n"
    assert _run(site, space, "logs", "job/once", "--tail=1") == "done\n"
    shown = _run(site, space, "describe", "job", "once")
    assert "Completions:" in shown
    _run(site, space, "delete", "job", "once", "--cascade=foreground", "--timeout=20s")
    eventually(lambda: not site.get(f"/api/v1/namespaces/{space}/pods")["items"])


def test_a_node_is_drained(site: Running, space: str) -> None:
    """Cordoned, emptied by evictions, taken back."""
    _run(site, space, "apply", "-f", "-", data=_WEB)
    _run(site, space, "rollout", "status", "deployment/web", "--timeout=20s")
    try:
        _run(site, space, "drain", "node-b", "--ignore-daemonsets", "--force", "--timeout=20s")
        assert "SchedulingDisabled" in _run(site, space, "get", "node", "node-b")
        _run(site, space, "wait", "--for=condition=Available", "deployment/web", "--timeout=20s")
    finally:
        _run(site, space, "uncordon", "node-b")
    where = {one["spec"]["nodeName"] for one in site.get(f"/api/v1/namespaces/{space}/pods")["items"]}
    assert where == {"node-a"}
