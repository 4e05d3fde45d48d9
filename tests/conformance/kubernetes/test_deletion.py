"""Finalizers, owners and namespaces: what goes, when, and what is left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment, eventually

_MERGE = "application/merge-patch+json"


def _maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def _gone(cluster: Running, path: str) -> bool:
    return cluster.request("GET", path).code == 404


def _owned(name: str, *owners: dict[str, Any], **more: Any) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
            **more,
        }
        for one in owners
    ]
    return {"metadata": {"name": name, "ownerReferences": references}}


def test_finalizers_hold_an_object_back(cluster: Running, namespace: str) -> None:
    """Marked first, gone when the last finalizer is; no new ones meanwhile."""
    path = f"{_maps(namespace)}/held"
    cluster.post(_maps(namespace), {"metadata": {"name": "held", "finalizers": ["example.org/a"]}})
    marked = cluster.request("DELETE", path)
    assert (marked.code, marked.body["kind"]) == (200, "ConfigMap")
    assert marked.body["metadata"]["deletionTimestamp"]
    more = {"metadata": {"finalizers": ["example.org/a", "example.org/b"]}}
    refused = cluster.request("PATCH", path, more, media=_MERGE)
    assert (refused.code, "no new finalizers can be added" in refused.body["message"]) == (422, True)
    assert cluster.request("PATCH", path, {"metadata": {"finalizers": None}}, media=_MERGE).code == 200
    assert _gone(cluster, path)


@pytest.mark.manager
def test_dependents_follow_their_owner(cluster: Running, namespace: str) -> None:
    """In the background, and only when no other owner is left."""
    base = _maps(namespace)
    first = cluster.post(base, {"metadata": {"name": "first"}})
    second = cluster.post(base, {"metadata": {"name": "second"}})
    child = cluster.post(base, _owned("child", first))
    cluster.post(base, _owned("grandchild", child))
    cluster.post(base, _owned("shared", first, second))
    cluster.request("DELETE", f"{base}/first")
    eventually(lambda: _gone(cluster, f"{base}/child") and _gone(cluster, f"{base}/grandchild"))

    def owners() -> list[str]:
        return [one["name"] for one in cluster.get(f"{base}/shared")["metadata"]["ownerReferences"]]

    eventually(lambda: owners() == ["second"])


@pytest.mark.manager
def test_an_owner_that_never_was(cluster: Running, namespace: str) -> None:
    """Its dependent is garbage from the start."""
    missing = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
    cluster.post(_maps(namespace), _owned("orphan", missing))
    eventually(lambda: _gone(cluster, f"{_maps(namespace)}/orphan"))


@pytest.mark.manager
def test_orphans_stay(cluster: Running, namespace: str) -> None:
    """propagationPolicy=Orphan takes the reference away."""
    base = _maps(namespace)
    owner = cluster.post(base, {"metadata": {"name": "owner"}})
    cluster.post(base, _owned("child", owner))
    cluster.request("DELETE", f"{base}/owner", {"propagationPolicy": "Orphan"})
    eventually(lambda: _gone(cluster, f"{base}/owner"))
    assert "ownerReferences" not in cluster.get(f"{base}/child")["metadata"]


@pytest.mark.manager
def test_foreground_waits_for_dependents(cluster: Running, namespace: str) -> None:
    """The owner goes last."""
    base = _maps(namespace)
    owner = cluster.post(base, {"metadata": {"name": "owner"}})
    child = _owned("child", owner, blockOwnerDeletion=True)
    child["metadata"]["finalizers"] = ["example.org/slow"]
    cluster.post(base, child)
    cluster.request("DELETE", f"{base}/owner", {"propagationPolicy": "Foreground"})
    eventually(lambda: cluster.get(f"{base}/child")["metadata"].get("deletionTimestamp"))
    assert cluster.get(f"{base}/owner")["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.request("PATCH", f"{base}/child", {"metadata": {"finalizers": None}}, media=_MERGE)
    eventually(lambda: _gone(cluster, f"{base}/owner"))


@pytest.mark.manager
def test_a_namespace_comes_with_what_it_needs(cluster: Running, namespace: str) -> None:
    """Label, phase, default account, CA."""
    made = cluster.get(f"/api/v1/namespaces/{namespace}")
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}
    assert (made["status"]["phase"], made["spec"]["finalizers"]) == ("Active", ["kubernetes"])
    ca = cluster.get(f"{_maps(namespace)}/kube-root-ca.crt")["data"]["ca.crt"]
    assert ca.encode() == cluster.server.ca_pem
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    uid = cluster.get(account)["metadata"]["uid"]
    cluster.request("DELETE", account)
    eventually(lambda: not _gone(cluster, account) and cluster.get(account)["metadata"]["uid"] != uid)


@pytest.mark.manager
def test_a_namespace_is_emptied_before_it_goes(cluster: Running, namespace: str) -> None:
    """Terminating: nothing new gets in, what is held back is named, the rest goes."""
    path = f"/api/v1/namespaces/{namespace}"
    cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment())
    cluster.post(_maps(namespace), {"metadata": {"name": "held", "finalizers": ["example.org/a"]}})
    answer = cluster.request("DELETE", path)
    assert (answer.body["kind"], answer.body["status"]["phase"]) == ("Namespace", "Terminating")
    refused = cluster.request("POST", _maps(namespace), {"metadata": {"name": "late"}})
    assert refused.code == 403
    assert refused.body["message"] == (
        f'configmaps "late" is forbidden: unable to create new content in namespace {namespace} because it is being '
        "terminated"
    )
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"

    def held() -> Any:
        conditions = cluster.get(path)["status"].get("conditions") or []
        return [one for one in conditions if one["type"] == "NamespaceFinalizersRemaining"]

    assert "example.org/a in 1 resource instances" in eventually(held)[0]["message"]
    assert _gone(cluster, f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
    cluster.request("PATCH", f"{_maps(namespace)}/held", {"metadata": {"finalizers": None}}, media=_MERGE)
    eventually(lambda: _gone(cluster, path))
    missing = cluster.request("POST", _maps(namespace), {"metadata": {"name": "late"}})
    assert (missing.code, missing.body["message"]) == (404, f'namespaces "{namespace}" not found')


def test_some_namespaces_stay(cluster: Running) -> None:
    """The cluster's own."""
    refused = cluster.request("DELETE", "/api/v1/namespaces/kube-system")
    assert (refused.code, "this namespace may not be deleted" in refused.body["message"]) == (403, True)


@pytest.mark.manager
def test_pods_end_gracefully(cluster: Running, namespace: str) -> None:
    """A pod without a node goes at once; one on a node has its grace period, which a second delete can shorten."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"containers": [{"name": "c", "image": "example.org/c:1"}]}
    made = cluster.post(pods, {"metadata": {"name": "a"}, "spec": spec})
    assert (made["spec"]["serviceAccountName"], made["status"]["phase"]) == ("default", "Pending")
    assert made["spec"]["containers"][0]["volumeMounts"][0]["mountPath"].endswith("kubernetes.io/serviceaccount")
    assert cluster.request("DELETE", f"{pods}/a").body["kind"] == "Pod"
    assert _gone(cluster, f"{pods}/a")
    cluster.post(pods, {"metadata": {"name": "b"}, "spec": spec})
    assert cluster.post(f"{pods}/b/binding", {"target": {"name": "node-1"}})["status"] == "Success"
    ending = cluster.request("DELETE", f"{pods}/b").body["metadata"]
    assert ending["deletionGracePeriodSeconds"] == 30
    cluster.request("DELETE", f"{pods}/b", {"gracePeriodSeconds": 0})
    assert _gone(cluster, f"{pods}/b")
    change = {"spec": {"containers": [{"name": "c", "image": "example.org/c:1", "command": ["x"]}]}}
    cluster.post(pods, {"metadata": {"name": "c"}, "spec": spec})
    fixed = cluster.request("PATCH", f"{pods}/c", change, media="application/strategic-merge-patch+json")
    assert (fixed.code, fixed.body["details"]["causes"][0]["field"]) == (422, "spec")


def test_evictions_respect_budgets(cluster: Running, namespace: str) -> None:
    """429 as long as the budget has none to spare."""
    base = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"containers": [{"name": "c", "image": "example.org/c:1"}]}
    cluster.post(base, {"metadata": {"name": "a", "labels": {"app": "a"}}, "spec": spec})
    running_now = {"status": {"phase": "Running"}}
    cluster.request("PATCH", f"{base}/a/status", running_now, media=_MERGE)
    budgets = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    selector = {"selector": {"matchLabels": {"app": "a"}}, "minAvailable": 1}
    cluster.post(budgets, {"metadata": {"name": "b"}, "spec": selector})
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    refused = cluster.request("POST", f"{base}/a/eviction", eviction)
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (429, "DisruptionBudget")
    cluster.request("PATCH", f"{budgets}/b/status", {"status": {"disruptionsAllowed": 1}}, media=_MERGE)
    assert cluster.request("POST", f"{base}/a/eviction", eviction).code == 201
    assert _gone(cluster, f"{base}/a")
