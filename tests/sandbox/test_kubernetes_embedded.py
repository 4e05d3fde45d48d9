"""What belongs to the embedded API server alone: its versions, its memory of the past, its clock, its speed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.core.clock import Clock
from sandbox.kubernetes.listing import page
from sandbox.kubernetes.options import ListOptions
from tests.sandbox.kubernetes_support import Running, running

_CLOCK = Clock()
_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """One server for the module."""
    with running(clock=_CLOCK) as started:
        yield started


def test_the_past_is_gone_after_compaction(cluster: Running) -> None:
    """410: as a watch event, and for exact and continued lists."""
    since = cluster.post(_MAPS, {"metadata": {"name": "a"}})["metadata"]["resourceVersion"]
    for name in ("b", "c"):
        cluster.post(_MAPS, {"metadata": {"name": name}})
    first = cluster.get(f"{_MAPS}?limit=1")
    cluster.post(_MAPS, {"metadata": {"name": "d"}})
    cluster.server.call(lambda one: one.registry.store.compact())
    event = cluster.request("GET", f"{_MAPS}?watch=1&resourceVersion={since}&timeoutSeconds=5").body
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: ")
    exact = cluster.request("GET", f"{_MAPS}?resourceVersion={since}&resourceVersionMatch=Exact")
    assert (exact.code, exact.body["reason"]) == (410, "Expired")
    expired = cluster.request("GET", f"{_MAPS}?limit=9&continue={first['metadata']['continue']}")
    assert expired.code == 410
    rest = cluster.get(f"{_MAPS}?continue={expired.body['metadata']['continue']}")
    assert [one["metadata"]["name"] for one in rest["items"]][:3] == ["b", "c", "d"]


def test_tokens_end_with_their_time(cluster: Running) -> None:
    """By the clock of the cluster."""
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    token = cluster.post(path, {"spec": {"expirationSeconds": 600}})["status"]["token"]
    assert cluster.request("GET", "/api", token=token).code == 200
    _CLOCK.advance(601)
    assert cluster.request("GET", "/api", token=token).code == 401


def test_a_thousand_objects_are_listed_at_once(cluster: Running) -> None:
    """The server's own time is far below the 50 ms that clients may count on."""
    cluster.server.call(
        lambda one: [one.put("v1", "ConfigMap", f"c{index}", "default", data={"a": "b" * 100}) for index in range(1000)]
    )
    assert len(cluster.get(_MAPS)["items"]) >= 1000
    resource = cluster.server.call(lambda one: one.resource("v1", "ConfigMap"))

    def measure(one: Any) -> float:
        begun = time.process_time()
        page(one.registry.store, resource, "default", ListOptions()).render(resource)
        return time.process_time() - begun

    assert min(cluster.server.call(measure) for _ in range(5)) < 0.05


def test_protobuf_that_is_not_decoded(cluster: Running) -> None:
    """Refused with what it is about; nothing is dropped."""
    media = "application/vnd.kubernetes.protobuf"
    type_meta = b"\x0a\x02v1\x12\x03Pod"
    body = b"k8s\x00\x0a" + bytes([len(type_meta)]) + type_meta
    refused = cluster.request("POST", "/api/v1/namespaces/default/pods", body, media=media)
    assert (refused.code, "Pod is not decoded from protobuf" in refused.body["message"]) == (415, True)
    assert cluster.request("POST", "/api/v1/namespaces/default/pods", b"{}", media=media).code == 415


def test_the_version_decides_what_is_served() -> None:
    """Schemas are those of the cluster's own minor version."""
    with running("1.31.4") as older:
        assert "deviceclasses" not in str(older.get("/apis").get("groups"))
        assert older.request("GET", "/apis/resource.k8s.io/v1/deviceclasses").code == 404
