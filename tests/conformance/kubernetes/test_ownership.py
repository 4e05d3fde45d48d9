"""Who owns what: fields, keys, items, whole lists; shared, handed over, given up, taken by force."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.dynamic.exceptions import ConflictError

from tests.sandbox.kubernetes_support import Running, deployment

_MERGE = "application/merge-patch+json"


@pytest.fixture
def maps(namespace: str) -> str:
    """The path of ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def _map(data: dict[str, str] | None = None, name: str = "m", **meta: Any) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}
    return body if data is None else {**body, "data": data}


def _args(*words: str) -> dict[str, Any]:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["args"] = list(words)
    return body


def _managers(body: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["manager"], one["operation"]) for one in body["metadata"]["managedFields"]}


def test_keys_of_a_map_have_owners_of_their_own(cluster: Running, maps: str) -> None:
    """Each manager adds and removes its own."""
    cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one")
    assert cluster.apply(f"{maps}/m", _map({"b": "2"}), manager="two").body["data"] == {"a": "1", "b": "2"}
    assert cluster.apply(f"{maps}/m", _map({"c": "3"}), manager="one").body["data"] == {"b": "2", "c": "3"}


def test_an_owner_of_nothing_is_none(cluster: Running, maps: str) -> None:
    """Who gives everything up is not listed any more; what nobody else wants is gone."""
    cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one")
    cluster.apply(f"{maps}/m", _map({"b": "2"}), manager="two")
    left = cluster.apply(f"{maps}/m", _map(), manager="two").body
    assert (left["data"], _managers(left)) == ({"a": "1"}, {("one", "Apply")})


def test_ownership_is_handed_over(cluster: Running, maps: str) -> None:
    """By agreeing first and giving up then: the value stays throughout."""
    cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one")
    shared = cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="two")
    assert _managers(shared.body) == {("one", "Apply"), ("two", "Apply")}
    assert cluster.apply(f"{maps}/m", _map(), manager="one").body["data"] == {"a": "1"}
    assert cluster.apply(f"{maps}/m", _map({"a": "2"}), manager="two").body["data"] == {"a": "2"}


def test_force_takes_one_field_alone(cluster: Running, maps: str) -> None:
    """The loser keeps the rest, and conflicts from then on."""
    cluster.apply(f"{maps}/m", _map({"a": "1", "b": "1"}), manager="one")
    taken = cluster.apply(f"{maps}/m", _map({"a": "2"}), manager="two", force=True)
    assert taken.body["data"] == {"a": "2", "b": "1"}
    refused = cluster.apply(f"{maps}/m", _map({"a": "1", "b": "1"}), manager="one")
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (409, ".data.a")
    assert cluster.apply(f"{maps}/m", _map({"b": "2"}), manager="one").body["data"] == {"a": "2", "b": "2"}


def test_items_of_a_set_are_owned_one_by_one(cluster: Running, maps: str) -> None:
    """Finalizers of two managers add up."""
    cluster.apply(f"{maps}/m", _map(finalizers=["example.org/a"]), manager="one")
    both = cluster.apply(f"{maps}/m", _map(finalizers=["example.org/b"]), manager="two").body
    assert both["metadata"]["finalizers"] == ["example.org/a", "example.org/b"]
    entry = next(one for one in both["metadata"]["managedFields"] if one["manager"] == "two")
    assert entry["fieldsV1"]["f:metadata"]["f:finalizers"] == {'v:"example.org/b"': {}}
    less = cluster.apply(f"{maps}/m", _map(), manager="two").body
    assert less["metadata"]["finalizers"] == ["example.org/a"]
    cluster.apply(f"{maps}/m", _map(), manager="one")


def test_an_atomic_list_is_owned_as_a_whole(cluster: Running, namespace: str) -> None:
    """One word differs: the whole list is in conflict; force replaces all of it."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    cluster.apply(path, _args("a", "b"), manager="one")
    refused = cluster.apply(path, _args("a", "c"), manager="two")
    field = '.spec.template.spec.containers[name="main"].args'
    assert [one["field"] for one in refused.body["details"]["causes"]] == [field]
    assert refused.body["message"] == f'Apply failed with 1 conflict: conflict with "one": {field}'
    forced = cluster.apply(path, _args("c"), manager="two", force=True).body
    assert forced["spec"]["template"]["spec"]["containers"][0]["args"] == ["c"]


def test_updates_and_applies_are_different_managers(cluster: Running, maps: str) -> None:
    """Even under the same name."""
    cluster.request("POST", f"{maps}?fieldManager=same", _map({"a": "1"}))
    refused = cluster.apply(f"{maps}/m", _map({"a": "2"}), manager="same")
    assert (refused.code, 'conflict with "same" using v1' in refused.body["message"]) == (409, True)
    assert cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="same").code == 200


def test_entries_say_when_and_of_which_version(cluster: Running, maps: str) -> None:
    """managedFields in full."""
    made = cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one").body
    (entry,) = made["metadata"]["managedFields"]
    assert entry.pop("time") == made["metadata"]["creationTimestamp"]
    assert entry == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}},
    }


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        ([{"name": "a", "image": "x"}] * 2, '.spec.template.spec.containers: duplicate entries for key [name="a"]'),
        ([{"image": "x"}], 'element 0: associative list with keys has an element that omits key field "name"'),
    ],
)
def test_items_have_to_be_told_apart(
    cluster: Running, namespace: str, containers: list[dict[str, str]], words: str
) -> None:
    """An applied list with keys has each of them once."""
    body = deployment()
    body["spec"]["template"]["spec"]["containers"] = containers
    refused = cluster.apply(f"/apis/apps/v1/namespaces/{namespace}/deployments/web", body)
    assert (refused.code, words in refused.body["message"]) == (500, True), refused.body
    assert refused.body["message"].startswith(f"failed to create typed patch object ({namespace}/web; apps/v1, Kind=De")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "m"}}, "Secret"),
        ({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "m"}}, "v2"),
        (_map(name="other"), "does not match the name on the URL"),
        (_map(namespace="other"), "namespace of the provided object does not match"),
        ({"metadata": {"name": "m"}}, "is missing in"),
    ],
)
def test_what_is_applied_is_that_object(cluster: Running, maps: str, body: dict[str, Any], words: str) -> None:
    """400 for another kind, version, name or place."""
    refused = cluster.apply(f"{maps}/m", body)
    assert (refused.code, words in refused.body["message"]) == (400, True), refused.body
    assert cluster.request("GET", f"{maps}/m").code == 404


def test_a_dry_run_conflicts_too(cluster: Running, maps: str) -> None:
    """And what it would make has no version, no trace."""
    ghost = cluster.apply(f"{maps}/m", _map({"a": "1"}), extra="&dryRun=All")
    assert (ghost.code, ghost.body["data"]) == (201, {"a": "1"})
    assert cluster.request("GET", f"{maps}/m").code == 404
    cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one")
    assert cluster.apply(f"{maps}/m", _map({"a": "2"}), manager="two", extra="&dryRun=All").code == 409
    forced = cluster.apply(f"{maps}/m", _map({"a": "2"}), manager="two", force=True, extra="&dryRun=All")
    assert forced.body["data"] == {"a": "2"}
    assert cluster.get(f"{maps}/m")["data"] == {"a": "1"}


def test_the_dynamic_client_applies(cluster: Running, namespace: str) -> None:
    """With conflicts as exceptions."""
    maps = cluster.dynamic().resources.get(api_version="v1", kind="ConfigMap")
    made = maps.server_side_apply(_map({"a": "1"}), name="m", namespace=namespace, field_manager="one")
    assert made.data.a == "1"
    with pytest.raises(ConflictError):
        maps.server_side_apply(_map({"a": "2"}), name="m", namespace=namespace, field_manager="two")
    forced = maps.server_side_apply(
        _map({"a": "2"}), name="m", namespace=namespace, field_manager="two", force_conflicts=True
    )
    assert forced.data.a == "2"


def test_a_deleted_object_is_made_anew(cluster: Running, maps: str) -> None:
    """Of what was before, nothing is left, owners neither."""
    first = cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one").body
    cluster.request("DELETE", f"{maps}/m")
    again = cluster.apply(f"{maps}/m", _map({"b": "1"}), manager="two")
    assert (again.code, again.body["data"], _managers(again.body)) == (201, {"b": "1"}, {("two", "Apply")})
    assert again.body["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_patch_of_nothing_owns_nothing(cluster: Running, maps: str) -> None:
    """A change that is none leaves owners as they are."""
    made = cluster.apply(f"{maps}/m", _map({"a": "1"}), manager="one").body
    same = cluster.request("PATCH", f"{maps}/m?fieldManager=other", {"data": {"a": "1"}}, media=_MERGE)
    assert same.body == made
