"""Pod Security levels of namespaces: what is refused, what is only warned about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment

_MERGE = "application/merge-patch+json"
_HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_ALL_OF_RESTRICTED = (
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
    '"Localhost")'
)


def _labelled(cluster: Running, namespace: str, **levels: str) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}
    path = f"/api/v1/namespaces/{namespace}"
    assert cluster.request("PATCH", path, {"metadata": {"labels": labels}}, media=_MERGE).code == 200


def _pod(name: str = "p", context: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "example.org/c:1", **({"securityContext": context} if context else {})}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def test_restricted(cluster: Running, namespace: str) -> None:
    """403 says everything that is missing at once; a hardened pod gets in."""
    _labelled(cluster, namespace, enforce="restricted")
    pods = f"/api/v1/namespaces/{namespace}/pods"
    refused = cluster.request("POST", pods, _pod())
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        f'pods "p" is forbidden: violates PodSecurity "restricted:latest": {_ALL_OF_RESTRICTED}'
    )
    assert cluster.request("POST", f"{pods}?dryRun=All", _pod()).code == 403
    assert cluster.request("POST", pods, _pod(context=_HARDENED)).code == 201


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (_pod(hostNetwork=True), "host namespaces (hostNetwork=true)"),
        (_pod(context={"privileged": True}), 'privileged (container "c" must not set securityContext.privileged=true)'),
        (
            _pod(context={"capabilities": {"add": ["NET_ADMIN"]}}),
            'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)',
        ),
        (_pod(volumes=[{"name": "v", "hostPath": {"path": "/etc"}}]), 'hostPath volumes (volume "v")'),
    ],
    ids=["host network", "privileged", "capabilities", "host path"],
)
def test_baseline(cluster: Running, namespace: str, pod: dict[str, Any], words: str) -> None:
    """What reaches for the node is refused; an ordinary pod is not."""
    _labelled(cluster, namespace, enforce="baseline")
    pods = f"/api/v1/namespaces/{namespace}/pods"
    refused = cluster.request("POST", pods, pod)
    assert refused.code == 403
    assert refused.body["message"] == f'pods "p" is forbidden: violates PodSecurity "baseline:latest": {words}'
    assert cluster.request("POST", pods, _pod("ordinary")).code == 201


def test_templates_are_warned_about(cluster: Running, namespace: str) -> None:
    """A Deployment gets in, with what its pods will be refused for."""
    _labelled(cluster, namespace, enforce="restricted", warn="restricted")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    made = cluster.request("POST", path, deployment())
    assert made.code == 201
    (warning,) = made.warnings
    assert 'would violate PodSecurity \\"restricted:latest\\": allowPrivilegeEscalation != false' in warning


def test_a_level_that_warns_alone(cluster: Running, namespace: str) -> None:
    """The pod gets in."""
    _labelled(cluster, namespace, warn="restricted")
    made = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", _pod())
    assert (made.code, len(made.warnings)) == (201, 1)
    assert 'would violate PodSecurity \\"restricted:latest\\"' in made.warnings[0]


def test_a_level_that_is_none(cluster: Running, namespace: str) -> None:
    """Misspelled labels are told when they are set."""
    labels = {"pod-security.kubernetes.io/enforce": "strict"}
    refused = cluster.request(
        "PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}}, media=_MERGE
    )
    assert refused.code == 422
    assert "must be one of privileged, baseline, restricted" in refused.body["message"]
