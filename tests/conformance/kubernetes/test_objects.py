"""Objects through the official client and as plain HTTP: create, read, change, delete, refuse."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.sandbox.kubernetes_support import Running


@pytest.fixture
def core(cluster: Running) -> client.CoreV1Api:
    """The official client's core API."""
    return client.CoreV1Api(cluster.api())


def _config_map(name: str = "settings", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}, **more}


def test_a_config_map_lives(core: client.CoreV1Api, namespace: str) -> None:
    """Create, read, list, replace, delete."""
    made = core.create_namespaced_config_map(namespace, _config_map())
    assert made.metadata.uid
    assert made.metadata.creation_timestamp is not None
    read = core.read_namespaced_config_map("settings", namespace)
    assert read.data == {"a": "1"}
    assert read.metadata.resource_version == made.metadata.resource_version
    read.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("settings", namespace, read)
    assert int(replaced.metadata.resource_version) > int(read.metadata.resource_version)
    assert "settings" in [one.metadata.name for one in core.list_namespaced_config_map(namespace).items]
    ended = core.delete_namespaced_config_map("settings", namespace)
    assert (ended.status, ended.details.uid) == ("Success", made.metadata.uid)
    with pytest.raises(ApiException) as failure:
        core.read_namespaced_config_map("settings", namespace)
    assert (failure.value.status, failure.value.reason) == (404, "Not Found")


def test_failures_are_status_objects(cluster: Running, namespace: str) -> None:
    """As the real server words them."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert cluster.request("GET", f"{path}/nope").body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "kind": "configmaps"},
        "code": 404,
    }
    cluster.post(path, _config_map())
    again = cluster.request("POST", path, _config_map())
    assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
    assert again.body["message"] == 'configmaps "settings" already exists'
    bad = cluster.request("POST", path, _config_map("No_Name"))
    assert (bad.code, bad.body["reason"], bad.body["details"]["causes"][0]["field"]) == (
        422,
        "Invalid",
        "metadata.name",
    )
    assert bad.body["message"].startswith(
        'ConfigMap "No_Name" is invalid: metadata.name: Invalid value: "No_Name": a l'
    )
    wrong = cluster.request("POST", path, {**_config_map("x"), "data": {"a": 1}})
    assert wrong.code == 400
    assert wrong.body["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct '
        "field ConfigMap.data.a of type string"
    )
    other = cluster.request("POST", path, {**_config_map("x"), "kind": "Secret"})
    assert other.code == 400
    assert cluster.request("GET", "/api/v1/namespaces/default/nothings").code == 404
    assert cluster.request("POST", path, b"{", media="application/json").code == 400
    assert cluster.request("POST", path, b"<a/>", media="application/xml").code == 415


def test_an_old_version_is_not_written(core: client.CoreV1Api, namespace: str) -> None:
    """Optimistic concurrency."""
    first = core.create_namespaced_config_map(namespace, _config_map())
    core.patch_namespaced_config_map("settings", namespace, {"data": {"a": "2"}})
    with pytest.raises(ApiException) as failure:
        core.replace_namespaced_config_map("settings", namespace, first)
    assert failure.value.status == 409
    assert "the object has been modified; please apply your changes" in failure.value.body


def test_what_does_not_change_is_not_written(core: client.CoreV1Api, namespace: str) -> None:
    """No new revision for the same content."""
    made = core.create_namespaced_config_map(namespace, _config_map())
    same = core.patch_namespaced_config_map("settings", namespace, {"data": {"a": "1"}})
    assert same.metadata.resource_version == made.metadata.resource_version


def test_unknown_fields(cluster: Running, namespace: str) -> None:
    """Strict refuses with the path, Warn warns, both as the request asks."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = _config_map(spec={"x": 1})
    strict = cluster.request("POST", f"{path}?fieldValidation=Strict", body)
    assert strict.code == 400
    assert strict.body["message"].endswith('strict decoding error: unknown field "spec"')
    twice = b'{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}'
    assert "duplicate field" in cluster.request("POST", f"{path}?fieldValidation=Strict", twice).body["message"]
    warned = cluster.request("POST", path, body)
    assert warned.code == 201
    assert warned.warnings == ['299 - "unknown field \\"spec\\""']
    assert "spec" not in warned.body
    silent = cluster.request("POST", f"{path}?fieldValidation=Ignore", _config_map("other", spec={}))
    assert (silent.code, silent.warnings) == (201, [])


def test_dry_run_changes_nothing(core: client.CoreV1Api, namespace: str) -> None:
    """Create, patch and delete without doing so."""
    core.create_namespaced_config_map(namespace, _config_map("ghost"), dry_run="All")
    assert "ghost" not in [one.metadata.name for one in core.list_namespaced_config_map(namespace).items]
    core.create_namespaced_config_map(namespace, _config_map())
    shown = core.patch_namespaced_config_map("settings", namespace, {"data": {"a": "9"}}, dry_run="All")
    assert shown.data == {"a": "9"}
    core.delete_namespaced_config_map("settings", namespace, dry_run="All")
    assert core.read_namespaced_config_map("settings", namespace).data == {"a": "1"}


def test_generated_names(core: client.CoreV1Api, namespace: str) -> None:
    """generateName makes a name of its own each time."""
    made = [
        core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "job-"}}).metadata.name
        for _ in range(3)
    ]
    assert len(set(made)) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in made)


def test_delete_collection_and_preconditions(cluster: Running, core: client.CoreV1Api, namespace: str) -> None:
    """By label; and only the object that the caller knows."""
    for name, side in (("a", "left"), ("b", "left"), ("c", "right")):
        body = _config_map(name)
        body["metadata"]["labels"] = {"side": side}
        core.create_namespaced_config_map(namespace, body)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    refused = cluster.request("DELETE", f"{path}/c", {"preconditions": {"uid": "other"}})
    assert (refused.code, "Precondition failed: UID in precondition: other" in refused.body["message"]) == (409, True)
    core.delete_collection_namespaced_config_map(namespace, label_selector="side=left")
    names = [one.metadata.name for one in core.list_namespaced_config_map(namespace).items]
    assert "a" not in names
    assert "c" in names


def test_tokens(cluster: Running) -> None:
    """A token that the check does not know is refused."""
    assert cluster.request("GET", "/api/v1/namespaces", token="wrong").code == 401
    assert cluster.request("GET", "/api/v1/namespaces", token="wrong").body["reason"] == "Unauthorized"
