"""What an apply would do, told from the live object alone; and what differs between two objects."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from module_utils._kubernetes.changes import bare_body, differences, our_entry, owned_paths, unchanged, value_at
from module_utils._kubernetes.client import MANAGER

MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "ml", "labels": {"app": "web"}, "finalizers": ["a/b", "c/d"]},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "spec": {
                "containers": [
                    {"name": "main", "image": "x:1", "args": ["a"], "ports": [{"containerPort": 80}]},
                    {"name": "side", "image": "y:1", "securityContext": {}},
                ]
            }
        },
    },
}
FIELDS = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {'v:"a/b"': {}, 'v:"c/d"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"main"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                    },
                    'k:{"name":"side"}': {".": {}, "f:name": {}, "f:image": {}, "f:securityContext": {}},
                }
            }
        },
    },
}


def _live(**changes: Any) -> dict[str, Any]:
    """As the server has it: with defaults, its own members, and others' labels."""
    live = copy.deepcopy(MANIFEST)
    live["metadata"]["labels"]["theirs"] = "x"
    live["metadata"]["finalizers"].append("other/one")
    live["metadata"]["uid"] = "1"
    containers = live["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "injected", "image": "z"})
    containers[1] |= {"imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]}
    live["spec"]["revisionHistoryLimit"] = 10
    entry = {"manager": MANAGER, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": copy.deepcopy(FIELDS)}
    others = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}}]
    live["metadata"]["managedFields"] = [*others, {**entry, **changes}]
    return live


def _at(body: dict[str, Any], *path: Any) -> Any:
    for name in path:
        body = body[name]
    return body


MAIN = ("spec", "template", "spec", "containers", 0)


def test_exactly_our_fields_with_their_values_are_unchanged() -> None:
    """Whatever defaults and others add."""
    assert unchanged(MANIFEST, _live())


@pytest.mark.parametrize(
    ("path", "member", "value"),
    [
        (("spec",), "replicas", 3),
        (("spec",), "replicas", True),
        (("spec",), "paused", False),
        (("spec",), "replicas", None),
        (("spec", "selector", "matchLabels"), "more", "x"),
        (("metadata", "labels"), "theirs", "x"),
        (("metadata",), "labels", {}),
        (("metadata",), "finalizers", ["a/b"]),
        (("metadata",), "annotations", {}),
        (MAIN, "image", "x:2"),
        (MAIN, "args", ["b"]),
        (MAIN, "args", ["a", "b"]),
        (MAIN, "name", "other"),
        (MAIN, "imagePullPolicy", "Always"),
        (MAIN, "ports", []),
        (MAIN, "ports", [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
        (("spec", "template", "spec", "containers", 1), "securityContext", {"runAsUser": 1}),
    ],
)
def test_everything_else_has_to_be_tried(path: tuple[Any, ...], member: str, value: Any) -> None:
    """What the manifest asks for differently."""
    manifest = copy.deepcopy(MANIFEST)
    _at(manifest, *path)[member] = value
    assert not unchanged(manifest, _live())


def test_what_the_manifest_dropped_has_to_be_tried() -> None:
    """Because it is ours and would go."""
    manifest = copy.deepcopy(MANIFEST)
    del manifest["spec"]["replicas"]
    assert not unchanged(manifest, _live())
    manifest = copy.deepcopy(MANIFEST)
    manifest["spec"]["template"]["spec"]["containers"].pop()
    assert not unchanged(manifest, _live())


@pytest.mark.parametrize(
    "change",
    [{"apiVersion": "apps/v1beta1"}, {"manager": "kubectl"}, {"operation": "Update"}, {"subresource": "status"}],
)
def test_without_an_apply_of_ours_it_has_to_be_tried(change: dict[str, str]) -> None:
    """Or with one in another version."""
    assert not unchanged(MANIFEST, _live(**change))


def test_what_others_changed_or_removed_has_to_be_tried() -> None:
    """In the live object."""
    live = _live()
    live["spec"]["replicas"] = 5
    assert not unchanged(MANIFEST, live)
    live = _live()
    live["spec"]["template"]["spec"]["containers"].pop()
    assert not unchanged(MANIFEST, live)
    live = _live()
    live["metadata"]["finalizers"].remove("a/b")
    assert not unchanged(MANIFEST, live)


def test_differences_are_told_by_path() -> None:
    """Items of lists by their names, keys with dots in brackets, the rest by position."""
    before = {
        "metadata": {"annotations": {"a.b/c": "1", "Case": "x"}},
        "spec": {"list": [{"name": "a", "v": 1}, {"name": "b"}], "plain": [1, 2], "rules": [{"x": 1}, {"x": 2}]},
        "gone": 1,
    }
    after = {
        "metadata": {"annotations": {"a.b/c": "2", "case": "x"}},
        "spec": {"list": [{"name": "b"}, {"name": "a", "v": 2}], "plain": [2, 1], "rules": [{"x": 1}, {"x": 3}]},
        "new": {"z": False},
    }
    assert list(differences(before, after)) == [
        ("metadata.annotations[a.b/c]", "1", "2"),
        ("metadata.annotations.Case", "x", None),
        ("metadata.annotations.case", None, "x"),
        ("spec.list[a].v", 1, 2),
        ("spec.list", ["a", "b"], ["b", "a"]),
        ("spec.plain", [1, 2], [2, 1]),
        ("spec.rules[1].x", 2, 3),
        ("gone", 1, None),
        ("new", None, {"z": False}),
    ]
    assert list(differences(before, copy.deepcopy(before))) == []
    assert list(differences({"a": 1}, {"a": True})) == [("a", 1, True)]


def test_parts_of_objects() -> None:
    """What the server writes itself, what we own, and values by the server's paths."""
    live = _live()
    live["status"] = {}
    assert bare_body(live).keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert "uid" not in bare_body(live)["metadata"]
    assert {"spec.replicas", "metadata.labels.app", 'metadata.finalizers["a/b"]'} <= owned_paths(our_entry(live))
    assert value_at(live, "spec.template.spec.containers[1].image") == "x:1"
    assert value_at(live, "spec.nothing[3]") is None
