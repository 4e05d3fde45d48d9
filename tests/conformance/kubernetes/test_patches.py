"""JSON patch, merge patch, strategic merge patch, and the rules that every change is held to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment

_JSON = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def path(cluster: Running, namespace: str) -> str:
    """A Deployment to patch."""
    cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment())
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/web"


def _patched(cluster: Running, path: str, media: str, patch: Any) -> Any:
    answer = cluster.request("PATCH", path, patch, media=media)
    assert answer.code == 200, answer.body
    return answer.body


def test_defaults_are_filled_in(cluster: Running, path: str) -> None:
    """What clients see of a Deployment that said little."""
    made = cluster.get(path)
    assert made["metadata"]["generation"] == 1
    assert made["spec"]["replicas"] == 1
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert made["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
    pod = made["spec"]["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"], pod["securityContext"]) == ("Always", "ClusterFirst", {})
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert pod["containers"][0]["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]


def test_json_patch(cluster: Running, path: str) -> None:
    """Operations, a failing test, a path that is not there."""
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/metadata/labels", "value": {"tier": "front"}},
    ]
    patched = _patched(cluster, path, _JSON, operations)
    assert (patched["spec"]["replicas"], patched["metadata"]["labels"]) == (3, {"tier": "front"})
    assert patched["metadata"]["generation"] == 2
    failed = cluster.request("PATCH", path, operations[:1], media=_JSON)
    assert (failed.code, failed.body["reason"]) == (422, "Invalid")
    assert cluster.request("PATCH", path, [{"op": "remove", "path": "/spec/nothing"}], media=_JSON).code == 422
    assert cluster.request("PATCH", path, {"op": "remove"}, media=_JSON).code == 400


def test_merge_patch(cluster: Running, path: str) -> None:
    """Null removes, lists are replaced."""
    _patched(cluster, path, _MERGE, {"metadata": {"annotations": {"a": "1", "b": "2"}}})
    patched = _patched(cluster, path, _MERGE, {"metadata": {"annotations": {"a": None}}, "spec": {"replicas": None}})
    assert patched["metadata"]["annotations"] == {"b": "2"}
    assert patched["spec"]["replicas"] == 1
    other = {"name": "other", "image": "example.org/other:1"}
    patched = _patched(cluster, path, _MERGE, {"spec": {"template": {"spec": {"containers": [other]}}}})
    assert [one["name"] for one in patched["spec"]["template"]["spec"]["containers"]] == ["other"]


def test_strategic_patch_merges_lists_by_key(cluster: Running, path: str) -> None:
    """By patchMergeKey of the schema; directives delete and replace."""
    side = {"name": "side", "image": "example.org/side:1"}
    change = [{"name": "main", "image": "example.org/web:2"}, side]
    patched = _patched(cluster, path, _STRATEGIC, {"spec": {"template": {"spec": {"containers": change}}}})
    found = {one["name"]: one for one in patched["spec"]["template"]["spec"]["containers"]}
    assert {name: one["image"] for name, one in found.items()} == {
        "main": "example.org/web:2",
        "side": "example.org/side:1",
    }
    assert found["main"]["ports"], "what the patch does not name stays"
    away = [{"$patch": "delete", "name": "main"}]
    patched = _patched(cluster, path, _STRATEGIC, {"spec": {"template": {"spec": {"containers": away}}}})
    assert [one["name"] for one in patched["spec"]["template"]["spec"]["containers"]] == ["side"]
    recreate = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert _patched(cluster, path, _STRATEGIC, recreate)["spec"]["strategy"] == {"type": "Recreate"}
    finalizers = {"metadata": {"finalizers": ["example.org/a", "example.org/b"]}}
    _patched(cluster, path, _STRATEGIC, finalizers)
    less = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.org/a"]}}
    assert _patched(cluster, path, _STRATEGIC, less)["metadata"]["finalizers"] == ["example.org/b"]
    _patched(cluster, path, _STRATEGIC, {"metadata": {"finalizers": None}})
    order = {"$setElementOrder/containers": [{"name": "new"}, {"name": "side"}]}
    new = {"name": "new", "image": "example.org/new:1"}
    patched = _patched(
        cluster, path, _STRATEGIC, {"spec": {"template": {"spec": {**order, "containers": [new, {"name": "side"}]}}}}
    )
    assert [one["name"] for one in patched["spec"]["template"]["spec"]["containers"]] == ["new", "side"]


def test_other_patches_are_refused(cluster: Running, path: str) -> None:
    """415 names what would be accepted."""
    answer = cluster.request("PATCH", path, {}, media="application/json")
    assert answer.code == 415
    assert _STRATEGIC in answer.body["message"]


def test_immutable_and_wrong_fields(cluster: Running, path: str) -> None:
    """422 with one cause per field."""
    change = {"spec": {"selector": {"matchLabels": {"app": "other"}}}}
    answer = cluster.request("PATCH", path, change, media=_MERGE)
    assert answer.code == 422
    causes = {one["field"]: one for one in answer.body["details"]["causes"]}
    assert causes["spec.selector"]["message"].endswith("field is immutable")
    assert causes["spec.template.metadata.labels"]["message"].endswith("`selector` does not match template `labels`")
    assert (answer.body["details"]["group"], answer.body["details"]["kind"]) == ("apps", "Deployment")
    empty = cluster.request("PATCH", path, {"spec": {"template": {"spec": {"containers": [{}]}}}}, media=_MERGE)
    assert {(one["field"], one["reason"]) for one in empty.body["details"]["causes"]} == {
        ("spec.template.spec.containers[0].name", "FieldValueRequired"),
        ("spec.template.spec.containers[0].image", "FieldValueRequired"),
    }
    wrong = cluster.request("PATCH", path, {"spec": {"replicas": "many"}}, media=_MERGE)
    assert wrong.code == 400
    assert "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32" in str(wrong.body)


def test_status_is_a_resource_of_its_own(cluster: Running, path: str) -> None:
    """Each side leaves the other alone."""
    before = cluster.get(path)
    _patched(cluster, path, _MERGE, {"status": {"replicas": 5}})
    assert "replicas" not in cluster.get(path).get("status", {})
    shown = _patched(cluster, f"{path}/status", _MERGE, {"status": {"replicas": 5}, "spec": {"replicas": 9}})
    assert (shown["status"]["replicas"], shown["spec"]["replicas"]) == (5, 1)
    assert shown["metadata"]["generation"] == before["metadata"]["generation"]


def test_scale(cluster: Running, path: str) -> None:
    """Read and changed as a Scale."""
    scale = cluster.get(f"{path}/scale")
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    assert scale["status"]["selector"] == "app=web"
    changed = _patched(cluster, f"{path}/scale", _MERGE, {"spec": {"replicas": 4}})
    assert changed["spec"]["replicas"] == 4
    scale["spec"]["replicas"] = 2
    stale = cluster.request("PUT", f"{path}/scale", scale)
    assert stale.code == 409
    del scale["metadata"]["resourceVersion"]
    assert cluster.request("PUT", f"{path}/scale", scale).body["spec"]["replicas"] == 2
    assert cluster.get(path)["spec"]["replicas"] == 2
    wrong = cluster.request("PATCH", f"{path}/scale", {"spec": {"replicas": -1}}, media=_MERGE)
    assert wrong.code == 422


def test_amounts_are_written_in_one_form(cluster: Running, namespace: str) -> None:
    """As the API server normalizes them."""
    body = deployment()
    requests = {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": 1}
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": requests, "limits": {"cpu": 1.5}}
    made = cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    resources = made["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"] == {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1"}
    assert resources["limits"] == {"cpu": "1500m"}


def test_services_get_addresses_and_ports(cluster: Running, namespace: str) -> None:
    """Allocated, kept through updates, refused when taken."""
    path = f"/api/v1/namespaces/{namespace}/services"
    port = {"port": 80}
    made = cluster.post(path, {"metadata": {"name": "web"}, "spec": {"type": "NodePort", "ports": [port]}})
    spec = made["spec"]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"][0]["targetPort"] == 80
    assert 30000 <= spec["ports"][0]["nodePort"] < 32768
    same = {"spec": {"type": "NodePort", "ports": [port]}, "metadata": {"name": "web"}}
    updated = cluster.request("PUT", f"{path}/web", same).body
    assert updated["spec"] == spec
    moved = _patched_raw(cluster, f"{path}/web", {"spec": {"clusterIP": "10.96.200.200"}})
    assert moved["code"] == 422
    taken = {"metadata": {"name": "other"}, "spec": {"clusterIP": spec["clusterIP"], "ports": [port]}}
    assert "provided IP is already allocated" in cluster.request("POST", path, taken).body["message"]
    cluster.request("DELETE", f"{path}/web")
    assert cluster.post(path, taken)["spec"]["clusterIP"] == spec["clusterIP"]


def _patched_raw(cluster: Running, path: str, patch: Any) -> Any:
    return cluster.request("PATCH", path, patch, media=_MERGE).body


def test_immutable_configuration(cluster: Running, namespace: str) -> None:
    """ConfigMaps and Secrets with immutable: true; stringData of a Secret."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    made = cluster.post(path, {"metadata": {"name": "s"}, "stringData": {"k": "v"}, "immutable": True})
    assert (made["data"], made["type"]) == ({"k": "dg=="}, "Opaque")
    assert "stringData" not in made
    changed = cluster.request("PATCH", f"{path}/s", {"stringData": {"k": "w"}}, media=_MERGE)
    assert changed.code == 422
    assert changed.body["details"]["causes"][0]["message"] == ("Forbidden: field is immutable when `immutable` is set")
    bad = cluster.request("POST", path, {"metadata": {"name": "t"}, "data": {"k": "not base64!"}})
    assert (bad.code, "illegal base64 data" in bad.body["message"]) == (400, True)
