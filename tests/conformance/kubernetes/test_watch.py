"""Watches, selectors, pages."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import quote

import pytest
from kubernetes import client, watch

from tests.sandbox.kubernetes_support import Running


@pytest.fixture
def core(cluster: Running) -> client.CoreV1Api:
    """The official client's core API."""
    return client.CoreV1Api(cluster.api())


def _make(core: client.CoreV1Api, namespace: str, name: str, **labels: str) -> Any:
    return core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": labels}})


def _events(core: client.CoreV1Api, namespace: str, since: str, count: int, **more: Any) -> list[tuple[str, str]]:
    found = []
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map, namespace, resource_version=since, timeout_seconds=10, **more
    ):
        found.append((event["type"], event["object"].metadata.name))
        if len(found) == count:
            watcher.stop()
    return found


def _now(core: client.CoreV1Api, namespace: str) -> str:
    return str(core.list_namespaced_config_map(namespace).metadata.resource_version)


def test_a_watch_resumes(core: client.CoreV1Api, namespace: str) -> None:
    """Every change after a revision, in order."""
    since = _now(core, namespace)
    _make(core, namespace, "a")
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "1"}})
    core.delete_namespaced_config_map("a", namespace)
    _make(core, namespace, "b")
    wanted = [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "b")]
    assert [one for one in _events(core, namespace, since, 4) if one[1] != "kube-root-ca.crt"][:4] == wanted


def test_a_watch_sees_what_happens_while_it_is_open(core: client.CoreV1Api, namespace: str) -> None:
    """Live, from now on."""
    since = _now(core, namespace)
    seen: list[tuple[str, str]] = []
    follower = threading.Thread(target=lambda: seen.extend(_events(core, namespace, since, 1, label_selector="live=1")))
    follower.start()
    time.sleep(0.05)
    _make(core, namespace, "live", live="1")
    follower.join(10)
    assert seen == [("ADDED", "live")]


def test_a_selector_moves_objects_in_and_out(core: client.CoreV1Api, namespace: str) -> None:
    """Entering is ADDED, leaving is DELETED."""
    since = _now(core, namespace)
    _make(core, namespace, "a", side="left")
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"side": "right"}}})
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"side": "left"}}})
    found = _events(core, namespace, since, 3, label_selector="side=left")
    assert found == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


def test_pages_show_one_revision(cluster: Running, core: client.CoreV1Api, namespace: str) -> None:
    """What is made between two pages is in neither."""
    for name in ("a", "c", "e"):
        _make(core, namespace, name, paged="1")
    path = f"/api/v1/namespaces/{namespace}/configmaps?limit=2&labelSelector=paged"
    first = cluster.get(path)
    _make(core, namespace, "d", paged="1")
    core.delete_namespaced_config_map("e", namespace)
    second = cluster.get(f"{path}&continue={first['metadata']['continue']}")
    names = [one["metadata"]["name"] for page in (first, second) for one in page["items"]]
    assert names == ["a", "c", "e"]
    assert "continue" not in second["metadata"]
    whole = cluster.get(f"/api/v1/namespaces/{namespace}/configmaps?limit=1")
    assert whole["metadata"]["remainingItemCount"] == 3


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("tier=front", ["a"]),
        ("tier==front", ["a"]),
        ("tier!=front", ["b", "c"]),
        ("tier in (front, back)", ["a", "b"]),
        ("tier notin (front)", ["b", "c"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("tier,size>3", ["b"]),
    ],
)
def test_label_selectors(cluster: Running, selector: str, wanted: list[str]) -> None:
    """Every operator."""
    base = "/api/v1/namespaces/kube-public/configmaps"
    rows: dict[str, dict[str, str]] = {"a": {"tier": "front", "size": "3"}, "b": {"tier": "back", "size": "4"}, "c": {}}
    for name, labels in rows.items():
        cluster.request("POST", base, {"metadata": {"name": name, "labels": labels}})
    found = cluster.get(f"{base}?labelSelector={quote(selector)}")["items"]
    assert [one["metadata"]["name"] for one in found if one["metadata"]["name"] in rows] == wanted


def test_field_selectors(cluster: Running, namespace: str) -> None:
    """Names everywhere, some fields of some kinds, 400 for others."""
    base = f"/api/v1/namespaces/{namespace}/secrets"
    cluster.post(base, {"metadata": {"name": "a"}, "type": "example.org/x"})
    cluster.post(base, {"metadata": {"name": "b"}})
    assert [one["metadata"]["name"] for one in cluster.get(f"{base}?fieldSelector=type=example.org/x")["items"]] == [
        "a"
    ]
    assert [one["metadata"]["name"] for one in cluster.get(f"{base}?fieldSelector=metadata.name=b")["items"]] == ["b"]
    refused = cluster.request("GET", f"{base}?fieldSelector=data=x")
    assert (refused.code, refused.body["message"]) == (400, 'field label not supported: "data"')
    assert cluster.request("GET", f"{base}?labelSelector=%3D%3D").code == 400


def test_streaming_lists(cluster: Running, namespace: str) -> None:
    """sendInitialEvents: what is there, then a marked bookmark."""
    cluster.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "there"}})
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    names = []
    for event in cluster.events(f"/api/v1/namespaces/{namespace}/configmaps?{query}"):
        if event["type"] == "BOOKMARK":
            bookmark = event
            break
        names.append(event["object"]["metadata"]["name"])
    assert "there" in names
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    refused = cluster.request("GET", f"/api/v1/namespaces/{namespace}/configmaps?watch=1&sendInitialEvents=true")
    assert refused.code == 422
