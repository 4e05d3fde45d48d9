"""Server-side apply: ownership, conflicts, force, what is dropped, dry run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment

_MERGE = "application/merge-patch+json"


@pytest.fixture
def path(namespace: str) -> str:
    """Where the Deployment of the test is."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/web"


def _owners(body: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in body["metadata"]["managedFields"]}


def test_apply_creates_then_changes_nothing(cluster: Running, path: str) -> None:
    """201, then 200 with the same revision."""
    first = cluster.apply(path, deployment())
    assert first.code == 201
    again = cluster.apply(path, deployment())
    assert again.code == 200
    assert again.body == first.body
    fields = _owners(first.body)["tester", "Apply"]
    assert fields["f:spec"]["f:selector"] == {}, "a LabelSelector is owned as a whole"
    container = fields["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"main"}']
    assert container == {
        ".": {},
        "f:image": {},
        "f:name": {},
        "f:ports": {'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
    }
    assert "f:replicas" not in fields["f:spec"], "defaults belong to nobody"


def test_conflicts_name_the_other_manager(cluster: Running, path: str) -> None:
    """409 with a cause per field; force takes over."""
    cluster.apply(path, deployment(replicas=2), manager="first")
    refused = cluster.apply(path, deployment(image="example.org/web:2", replicas=3), manager="second")
    assert (refused.code, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["message"] == (
        'Apply failed with 2 conflicts: conflicts with "first":\n- .spec.replicas\n'
        '- .spec.template.spec.containers[name="main"].image'
    )
    assert refused.body["details"]["causes"][0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "first"',
        "field": ".spec.replicas",
    }
    forced = cluster.apply(path, deployment(image="example.org/web:2", replicas=3), manager="second", force=True)
    assert (forced.code, forced.body["spec"]["replicas"]) == (200, 3)
    assert "f:replicas" not in _owners(forced.body)["first", "Apply"]["f:spec"]
    assert "f:replicas" in _owners(forced.body)["second", "Apply"]["f:spec"]


def test_the_same_value_is_shared(cluster: Running, path: str) -> None:
    """Two managers may want the same; it stays until both drop it."""
    cluster.apply(path, deployment(replicas=2), manager="first")
    assert cluster.apply(path, deployment(replicas=2), manager="second").code == 200
    assert cluster.apply(path, deployment(), manager="first").body["spec"]["replicas"] == 2
    assert cluster.apply(path, deployment(), manager="second").body["spec"]["replicas"] == 1


def test_an_update_takes_fields_over(cluster: Running, path: str) -> None:
    """A plain patch makes its manager the owner; the next apply that differs conflicts and says since when."""
    cluster.apply(path, deployment(replicas=2))
    scaled = cluster.request("PATCH", f"{path}?fieldManager=scaler", {"spec": {"replicas": 5}}, media=_MERGE)
    assert _owners(scaled.body)["scaler", "Update"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in _owners(scaled.body)["tester", "Apply"]["f:spec"]
    refused = cluster.apply(path, deployment(replicas=2))
    assert refused.code == 409
    assert 'conflict with "scaler" using apps/v1 at 2' in refused.body["message"]
    assert cluster.apply(path, deployment()).body["spec"]["replicas"] == 5, "not mentioned: left alone"


def test_what_is_no_longer_applied_goes(cluster: Running, path: str) -> None:
    """Labels, list items, whole fields; others' stay."""
    body = deployment()
    body["metadata"] |= {"labels": {"mine": "1"}, "annotations": {"note": "x"}}
    spec = body["spec"]["template"]["spec"]
    spec["containers"].append({"name": "side", "image": "example.org/side:1"})
    spec["nodeSelector"] = {"disk": "fast"}
    cluster.apply(path, body)
    cluster.request("PATCH", f"{path}?fieldManager=other", {"metadata": {"labels": {"theirs": "1"}}}, media=_MERGE)
    less = cluster.apply(path, deployment()).body
    assert less["metadata"]["labels"] == {"theirs": "1"}
    assert "annotations" not in less["metadata"]
    assert [one["name"] for one in less["spec"]["template"]["spec"]["containers"]] == ["main"]
    assert "nodeSelector" not in less["spec"]["template"]["spec"]


def test_items_of_others_stay(cluster: Running, path: str) -> None:
    """A sidecar that somebody else put in survives an apply that does not know it."""
    cluster.apply(path, deployment())
    injected = {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "example.org/proxy:1"}]}}}}
    strategic = "application/strategic-merge-patch+json"
    assert cluster.request("PATCH", f"{path}?fieldManager=injector", injected, media=strategic).code == 200
    after = cluster.apply(path, deployment(image="example.org/web:2")).body
    images = {one["name"]: one["image"] for one in after["spec"]["template"]["spec"]["containers"]}
    assert images == {"main": "example.org/web:2", "proxy": "example.org/proxy:1"}


def test_dry_run_apply(cluster: Running, path: str) -> None:
    """What would be, without being it."""
    cluster.apply(path, deployment())
    before = cluster.get(path)
    shown = cluster.apply(path, deployment(replicas=7), extra="&dryRun=All")
    assert shown.body["spec"]["replicas"] == 7
    assert cluster.get(path) == before


def test_what_apply_refuses(cluster: Running, path: str, namespace: str) -> None:
    """No manager, unknown fields, managedFields, another name."""
    nobody = cluster.request("PATCH", path, deployment(), media="application/apply-patch+yaml")
    assert (nobody.code, "fieldManager: Required value" in nobody.body["message"]) == (422, True)
    unknown = cluster.apply(path, deployment(replica=1))
    assert unknown.code == 500
    assert unknown.body["message"] == (
        f"failed to create typed patch object ({namespace}/web; apps/v1, Kind=Deployment): .spec.replica: field not "
        "declared in schema"
    )
    strict = cluster.apply(path, deployment(replica=1), extra="&fieldValidation=Strict")
    assert (strict.code, 'unknown field "spec.replica"' in strict.body["message"]) == (400, True)
    managed = deployment()
    managed["metadata"]["managedFields"] = [{"manager": "x"}]
    assert cluster.apply(path, managed).body["message"] == "metadata.managedFields must be nil"
    assert cluster.apply(path, deployment("other")).code == 400
    assert cluster.request("GET", path).code == 404, "nothing was made"


def test_status_is_applied_apart(cluster: Running, path: str) -> None:
    """The subresource has an entry of its own."""
    cluster.apply(path, deployment())
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1}}
    shown = cluster.apply(f"{path}/status", status, manager="controller").body
    entry = next(one for one in shown["metadata"]["managedFields"] if one["manager"] == "controller")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})
    assert shown["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/web:1"


def test_owners_can_be_forgotten(cluster: Running, path: str) -> None:
    """managedFields: [{}] clears them; the next apply finds unknown owners."""
    cluster.apply(path, deployment())
    cleared = cluster.request("PATCH", path, {"metadata": {"managedFields": [{}]}}, media=_MERGE)
    assert "managedFields" not in cleared.body["metadata"]
    refused = cluster.apply(path, deployment(replicas=4))
    assert 'conflict with "before-first-apply" using apps/v1' in refused.body["message"]


def test_yaml_is_applied(cluster: Running, namespace: str) -> None:
    """The media type's own language."""
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y1}\ndata: {a: '1'}\n"
    path = f"/api/v1/namespaces/{namespace}/configmaps/y1?fieldManager=me"
    assert cluster.request("PATCH", path, text, media="application/apply-patch+yaml").body["data"] == {"a": "1"}
