"""How requests may be made: methods, formats, options, preconditions; and what is refused before anything happens."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kubernetes import client

from tests.sandbox.kubernetes_support import ADMIN, Running

_MERGE = "application/merge-patch+json"
_MAP: dict[str, Any] = {"metadata": {"name": "a"}, "data": {"x": "1"}}
_NOT_ALLOWED = "the server does not allow this method on the requested resource"


@pytest.fixture
def maps(cluster: Running, namespace: str) -> str:
    """The path of ConfigMaps, where `a` is one."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.post(path, _MAP)
    return path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/configmaps"),
        ("DELETE", "/api/v1/configmaps"),
        ("POST", "/api/v1/namespaces/default/configmaps/a"),
        ("PUT", "/api/v1/namespaces/default/configmaps"),
        ("PATCH", "/api/v1/namespaces/default/configmaps"),
        ("PUT", "/apis/apps/v1/deployments"),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews"),
        ("DELETE", "/api/v1/namespaces"),
    ],
)
def test_methods_that_a_path_does_not_have(cluster: Running, method: str, path: str) -> None:
    """405: objects are made in namespaces, under the name of their body."""
    refused = cluster.request(method, path, _MAP, media=_MERGE if method == "PATCH" else "application/json")
    assert (refused.code, refused.body["reason"], refused.body["message"]) == (405, "MethodNotAllowed", _NOT_ALLOWED)


def test_answers_come_as_they_are_wanted(cluster: Running, maps: str) -> None:
    """JSON, YAML, or a 406 that says what there is; the first that is known counts."""
    assert yaml.safe_load(cluster.get(f"{maps}/a", Accept="application/yaml"))["data"] == {"x": "1"}
    assert cluster.get(f"{maps}/a", Accept="text/html,application/json;q=0.9")["data"] == {"x": "1"}
    assert cluster.get(f"{maps}/a", Accept="*/*")["data"] == {"x": "1"}
    refused = cluster.request("GET", f"{maps}/a", Accept="application/xml")
    assert (refused.code, refused.body["reason"]) == (406, "NotAcceptable")
    assert refused.body["message"].startswith("only the following media types are accepted: application/json, ")


def test_yaml_may_be_sent(cluster: Running, maps: str) -> None:
    """In bodies of creates and updates."""
    text = b"metadata: {name: y}\ndata:\n  lines: |\n    a\n    b\n"
    made = cluster.request("POST", maps, text, media="application/yaml")
    assert (made.code, made.body["data"]) == (201, {"lines": "a\nb\n"})


def test_bodies_may_be_large(cluster: Running, maps: str) -> None:
    """A ConfigMap up to 1 MiB, a request up to 3 MiB."""
    most = {"metadata": {"name": "most"}, "data": {"a": "x" * 1024 * 1000}}
    assert cluster.request("POST", maps, most).code == 201
    more = {"metadata": {"name": "more"}, "data": {"a": "x" * 1024 * 1025}}
    refused = cluster.request("POST", maps, more)
    assert (refused.code, "Too long: may not be more than 1048576 bytes" in refused.body["message"]) == (422, True)
    too_much = {"metadata": {"name": "too-much"}, "data": {"a": "x" * 3 * 1024 * 1024}}
    refused = cluster.request("POST", maps, too_much)
    assert (refused.code, refused.body["reason"]) == (413, "RequestEntityTooLarge")
    cluster.request("DELETE", f"{maps}/most")


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("dryRun=Some", 422, 'dryRun: Unsupported value: ["Some"]: supported values: "All"'),
        ("fieldValidation=Hmm", 422, 'fieldValidation: Unsupported value: "Hmm"'),
        (f"fieldManager={'x' * 129}", 422, "fieldManager: Too long: may not be more than 128 bytes"),
    ],
)
def test_write_options(cluster: Running, maps: str, query: str, code: int, words: str) -> None:
    """422 with the option's name; nothing is made."""
    refused = cluster.request("POST", f"{maps}?{query}", {"metadata": {"name": "new"}})
    assert (refused.code, words in refused.body["message"]) == (code, True)
    assert refused.body["message"].startswith('CreateOptions.meta.k8s.io "" is invalid: ')
    assert cluster.request("GET", f"{maps}/new").code == 404


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("continue=zzz", 400, "continue key is not valid"),
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Maybe&resourceVersion=1", 422, 'resourceVersionMatch: Unsupported value: "Maybe"'),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, "is forbidden for resourceVersion"),
        ("resourceVersion=999999999", 504, "Too large resource version"),
        ("labelSelector=a%3D%3D%3Db", 400, "unable to parse requirement"),
        ("fieldSelector=spec.nope%3D1", 400, "field label not supported"),
        ("limit=many", 400, "invalid syntax"),
    ],
)
def test_list_options(cluster: Running, maps: str, query: str, code: int, words: str) -> None:
    """What a list cannot be asked for."""
    refused = cluster.request("GET", f"{maps}?{query}")
    assert (refused.code, words in refused.body["message"]) == (code, True), refused.body


def test_a_page_has_its_own_revision(cluster: Running, maps: str) -> None:
    """A continue token and a resourceVersion contradict each other."""
    cluster.post(maps, {"metadata": {"name": "b"}})
    first = cluster.get(f"{maps}?limit=1")["metadata"]
    query = f"limit=1&continue={first['continue']}&resourceVersion={first['resourceVersion']}"
    refused = cluster.request("GET", f"{maps}?{query}")
    words = "specifying resource version is not allowed when using continue"
    assert (refused.code, refused.body["message"]) == (400, words)


def test_a_watch_from_no_revision(cluster: Running, maps: str) -> None:
    """Refused before it is a stream."""
    assert cluster.request("GET", f"{maps}?watch=1&resourceVersion=abc").code in (400, 422)


def test_identities_do_not_change(cluster: Running, maps: str) -> None:
    """Name, namespace and uid of a body have to be those of the object."""
    for meta, words in (
        ({"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
        (
            {"name": "a", "namespace": "other"},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ):
        refused = cluster.request("PUT", f"{maps}/a", {"metadata": meta})
        assert (refused.code, refused.body["message"]) == (400, words)
    other = {"metadata": {"name": "a", "uid": "00000000-0000-0000-0000-000000000000"}}
    for method, media in (("PUT", "application/json"), ("PATCH", _MERGE)):
        refused = cluster.request(method, f"{maps}/a", other, media=media)
        assert (refused.code, refused.body["reason"]) == (409, "Conflict")
        assert "Precondition failed: UID in precondition" in refused.body["message"]
    assert cluster.request("PUT", f"{maps}/none", {"metadata": {"name": "none"}}).code == 404


def test_only_the_version_that_is_known(cluster: Running, maps: str) -> None:
    """Updates, patches and deletes with a resourceVersion hold for that one."""
    old = cluster.get(f"{maps}/a")
    cluster.request("PATCH", f"{maps}/a", {"data": {"x": "2"}}, media=_MERGE)
    version = {"resourceVersion": old["metadata"]["resourceVersion"]}
    for method, body, media in (
        ("PUT", {**old, "data": {}}, "application/json"),
        ("PATCH", {"metadata": version, "data": {"x": "3"}}, _MERGE),
        ("DELETE", {"preconditions": version}, "application/json"),
    ):
        refused = cluster.request(method, f"{maps}/a", body, media=media)
        assert (refused.code, refused.body["reason"]) == (409, "Conflict"), method
    stale = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **version}, "data": {"y": "1"}}
    assert cluster.apply(f"{maps}/a", stale).code == 409
    assert cluster.get(f"{maps}/a")["data"] == {"x": "2"}
    del old["metadata"]["resourceVersion"]
    assert cluster.request("PUT", f"{maps}/a", old).code == 200, "without one, the last writer wins"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"propagationPolicy": "Sideways"}, 'propagationPolicy: Unsupported value: "Sideways"'),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        ({"dryRun": ["Some"]}, "dryRun: Unsupported value"),
    ],
)
def test_delete_options(cluster: Running, maps: str, options: dict[str, Any], words: str) -> None:
    """422, and the object stays."""
    refused = cluster.request("DELETE", f"{maps}/a", options)
    assert (refused.code, words in refused.body["message"]) == (422, True), refused.body
    assert cluster.request("GET", f"{maps}/a").code == 200


def test_health_in_detail(cluster: Running) -> None:
    """For people."""
    for path in ("livez", "readyz", "healthz"):
        text = cluster.get(f"/{path}?verbose")
        assert "[+]ping ok" in text
        assert text.rstrip().endswith(f"{path} check passed")


def test_tokens_are_for_somebody(cluster: Running, namespace: str) -> None:
    """For this server unless said otherwise, for ten minutes at least, bound to what is there."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    short = cluster.request("POST", path, {"spec": {"expirationSeconds": 10}})
    assert (short.code, short.body["details"]["causes"][0]) == (
        422,
        {
            "reason": "FieldValueInvalid",
            "message": "Invalid value: 10: may not specify a duration less than 10 minutes",
            "field": "spec.expirationSeconds",
        },
    )
    other = cluster.post(path, {"spec": {"audiences": ["vault"]}})["status"]["token"]
    assert cluster.request("GET", "/api", token=other).code == 401
    review = {"spec": {"token": other, "audiences": ["vault"]}}
    status = cluster.post("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "s"}
    missing = cluster.request("POST", path, {"spec": {"boundObjectRef": bound}})
    assert (missing.code, missing.body["message"]) == (404, 'secrets "s" not found')
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    cluster.post(secrets, {"metadata": {"name": "s"}})
    token = cluster.post(path, {"spec": {"boundObjectRef": bound}})["status"]["token"]
    assert cluster.request("GET", "/api", token=token).code == 200


def test_the_official_client_pages(core: client.CoreV1Api, namespace: str) -> None:
    """Through limit and continue; how many are left is told unless a selector hides it."""
    for name in ("a", "b", "c", "d", "e"):
        core.create_namespaced_secret(namespace, {"metadata": {"name": name, "labels": {"paged": "1"}}})
    names: list[str] = []
    token, left = "", []
    while True:
        found = core.list_namespaced_secret(namespace, limit=2, _continue=token)
        names += [one.metadata.name for one in found.items]
        left.append(found.metadata.remaining_item_count)
        token = found.metadata._continue
        if not token:
            break
    assert (names, left) == (["a", "b", "c", "d", "e"], [3, 1, None])
    selected = core.list_namespaced_secret(namespace, limit=2, label_selector="paged")
    assert (selected.metadata._continue is not None, selected.metadata.remaining_item_count) == (True, None)


def test_nobody_else_is_let_in(cluster: Running) -> None:
    """401 in the form of every failure; other schemes of authorization are none."""
    refused = cluster.request("GET", "/api/v1/namespaces", token="wrong")
    assert refused.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
    assert cluster.request("GET", "/api/v1/namespaces", token=f"{ADMIN} ").code == 200
    assert cluster.request("GET", "/api", token=None, Authorization="Basic YTpi").code in (401, 403)
