"""Namespaces refuse pods that their Pod Security level does not allow, and warn of what would make such pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment, running

_HARD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """With a namespace for each level."""
    with running() as made:
        for level in ("privileged", "baseline", "restricted"):
            labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
            made.post("/api/v1/namespaces", {"metadata": {"name": level, "labels": labels}})
        yield made


def _pod(context: dict[str, Any], **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "example.org/web:1", "securityContext": context}
    return {"metadata": {"generateName": "p-"}, "spec": {"containers": [container], **spec}}


@pytest.mark.parametrize(
    ("level", "pod", "said"),
    [
        ("privileged", _pod({"privileged": True}, hostNetwork=True), ""),
        ("baseline", _pod({}), ""),
        ("baseline", _pod({"privileged": True}), 'privileged (container "c" must not set'),
        ("baseline", _pod({}, hostPID=True), "host namespaces (hostPID=true)"),
        ("baseline", _pod({"capabilities": {"add": ["SYS_ADMIN"]}}), 'must not include "SYS_ADMIN"'),
        ("baseline", _pod({}, volumes=[{"name": "v", "hostPath": {"path": "/"}}]), 'hostPath volumes (volume "v")'),
        ("restricted", _pod(_HARD), ""),
        ("restricted", _pod({}), "allowPrivilegeEscalation != false"),
        ("restricted", _pod({**_HARD, "capabilities": {}}), "unrestricted capabilities"),
        ("restricted", _pod({**_HARD, "runAsNonRoot": False}), "runAsNonRoot != true"),
        ("restricted", _pod({**_HARD, "runAsUser": 0}), "runAsUser=0"),
        ("restricted", _pod({**_HARD, "seccompProfile": None}), "seccompProfile (pod or container"),
        ("restricted", _pod(_HARD, volumes=[{"name": "v", "nfs": {"server": "a", "path": "/"}}]), 'volume type "nfs"'),
    ],
)
def test_levels(cluster: Running, level: str, pod: dict[str, Any], said: str) -> None:
    answer = cluster.request("POST", f"/api/v1/namespaces/{level}/pods", pod)
    if said:
        assert answer.code == 403
        assert f'violates PodSecurity "{level}:latest"' in answer.body["message"]
        assert said in answer.body["message"]
    else:
        assert answer.code == 201, answer.body


def test_templates_are_made_with_a_warning(cluster: Running) -> None:
    answer = cluster.request("POST", "/apis/apps/v1/namespaces/restricted/deployments", deployment())
    assert answer.code == 201
    assert "would violate PodSecurity" in answer.warnings[0]
