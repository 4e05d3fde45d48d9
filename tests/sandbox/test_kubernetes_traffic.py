"""The request log of a cluster, faults on its wire, and its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.faults import FaultRule, Faults
from sandbox.core.journal import Journal
from sandbox.core.server import Activity
from sandbox.kubernetes import MASTERS, UserInfo, start
from sandbox.kubernetes.controllers import Controllers
from sandbox.serve import idle_for
from tests.sandbox.kubernetes_support import Running, deployment, eventually, running

_JOURNAL, _FAULTS = Journal("test"), Faults()
_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Running]:
    """One server for the module."""
    with running(record=_JOURNAL.record, strike=_FAULTS.match) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    _FAULTS.clear()


def _logged(since: int) -> list[dict[str, Any]]:
    return _JOURNAL.since(since)


async def _activity(idle: float) -> Activity:
    made = Activity()
    made.last = time.monotonic() - idle
    return made


def test_whoever_asks_a_cluster_keeps_the_emulator_awake(cluster: Running) -> None:
    """An emulator that nobody uses stops; using one of its clusters is using it."""
    asleep = asyncio.run(_activity(1000))
    assert idle_for(asleep, Journal("untouched")) >= 1000
    cluster.get(_MAPS)
    assert idle_for(asleep, _JOURNAL) < 100


def test_every_request_is_logged(cluster: Running) -> None:
    """With verb and resource; dry runs and questions are no writes."""
    since = len(_JOURNAL.entries)
    cluster.post(_MAPS, {"metadata": {"name": "a"}})
    cluster.request("POST", f"{_MAPS}?dryRun=All", {"metadata": {"name": "b"}})
    cluster.get(_MAPS)
    cluster.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})
    cluster.request("PATCH", f"{_MAPS}/a", {"data": {"x": "1"}}, media="application/merge-patch+json")
    assert [(one["operation"], one["write"], one["status"]) for one in _logged(since)] == [
        ("kubernetes.create.configmaps", True, 201),
        ("kubernetes.create.configmaps", False, 201),
        ("kubernetes.list.configmaps", False, 200),
        ("kubernetes.create.selfsubjectaccessreviews.authorization.k8s.io", False, 201),
        ("kubernetes.patch.configmaps", True, 200),
    ]


def test_controllers_are_not_logged(cluster: Running, tmp_path: Path) -> None:
    """What the cluster does by itself is not what its clients did."""
    server = cluster.server
    with Controllers(server.url, server.ca_file, server.token, tmp_path):
        since = len(_JOURNAL.entries)
        cluster.post("/apis/apps/v1/namespaces/default/deployments", deployment())
        found = eventually(lambda: cluster.get("/apis/apps/v1/namespaces/default/replicasets")["items"])
    assert found[0]["metadata"]["ownerReferences"][0]["name"] == "web"
    assert [one["operation"] for one in _logged(since) if one["write"]] == ["kubernetes.create.deployments.apps"]


def test_throttling_and_errors(cluster: Running) -> None:
    """Status objects; throttling with Retry-After; as often as the rule says."""
    _FAULTS.add(FaultRule(operation=r"list\.configmaps", kind="throttle", times=1))
    throttled = cluster.request("GET", _MAPS)
    assert (throttled.code, throttled.body["reason"], throttled.headers["Retry-After"]) == (429, "TooManyRequests", "1")
    assert cluster.request("GET", _MAPS).code == 200
    _FAULTS.add(FaultRule(method="GET", kind="error", status=503, code="ServiceUnavailable", times=1))
    assert cluster.request("GET", _MAPS).body["reason"] == "ServiceUnavailable"


def test_lost_answers(cluster: Running) -> None:
    """``drop`` loses the request, ``drop_after`` the answer alone."""
    for kind, code in (("drop", 404), ("drop_after", 200)):
        _FAULTS.add(FaultRule(method="POST", kind=kind, times=1))
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            cluster.request("POST", _MAPS, {"metadata": {"name": kind.replace("_", "-")}})
        assert cluster.request("GET", f"{_MAPS}/{kind.replace('_', '-')}").code == code
        assert _JOURNAL.entries[-2]["fault"] == kind


def test_start_and_stop(tmp_path: Path) -> None:
    """In well under a second, on a port of choice, with the same CA as before; the port is free afterwards."""
    tokens = {"t": UserInfo("admin", groups=(MASTERS,))}.get
    start("warm", "1.34", tokens, tmp_path).stop()
    begun = time.process_time()
    first = start("again", "1.34", tokens, tmp_path)
    spent = time.process_time() - begun
    port = int(first.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        start("other", "1.34", tokens, tmp_path, port=port)
    first.stop()
    with start("again", "1.34", tokens, tmp_path, port=port) as second:
        assert (second.url, second.ca_pem) == (first.url, first.ca_pem)
    assert spent < 1.0
