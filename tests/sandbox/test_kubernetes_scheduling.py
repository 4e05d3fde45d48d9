"""Which node a pod gets because of other pods."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, node
from tests.sandbox.kubernetes_support import Running, deployment, eventually, running

_COUNT = itertools.count()
_ZONE = "topology.kubernetes.io/zone"
_ZONES = {"node-a1": "a", "node-a2": "a", "node-b1": "b"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with three nodes in two zones, and its controllers."""
    with running() as started:
        server = started.server
        for name, zone in _ZONES.items():
            started.post("/api/v1/nodes", node(name, "1.34.2", labels={_ZONE: zone, "disk": zone}))
        with Controllers(server.url, server.ca_file, server.token, tmp_path_factory.mktemp("pods")):
            yield started


@pytest.fixture
def namespace(cluster: Running) -> str:
    """A namespace of the test's own."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def _deploy(cluster: Running, namespace: str, replicas: int, name: str = "web", **spec: Any) -> None:
    body = deployment(name, replicas=replicas)
    body["spec"]["template"]["spec"] |= spec
    cluster.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)


def _nodes(cluster: Running, namespace: str, name: str = "web") -> list[str]:
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector=app={name}")["items"]
    return [pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")]


def _zones(cluster: Running, namespace: str) -> Counter[str]:
    return Counter(_ZONES[name] for name in _nodes(cluster, namespace))


def _stuck(cluster: Running, namespace: str) -> set[str]:
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    conditions = [one for pod in pods for one in pod["status"].get("conditions") or []]
    return {one["message"] for one in conditions if one["type"] == "PodScheduled" and one["status"] == "False"}


def _spread(when: str) -> list[dict[str, Any]]:
    selector = {"matchLabels": {"app": "web"}}
    return [{"topologyKey": _ZONE, "maxSkew": 1, "whenUnsatisfiable": when, "labelSelector": selector}]


@pytest.mark.parametrize("when", ["DoNotSchedule", "ScheduleAnyway"])
def test_pods_are_spread_over_zones(cluster: Running, namespace: str, when: str) -> None:
    """As many in the zone with one node as in that with two."""
    _deploy(cluster, namespace, 6, topologySpreadConstraints=_spread(when))
    eventually(lambda: _zones(cluster, namespace) == {"a": 3, "b": 3})


def test_a_zone_that_is_closed(cluster: Running, namespace: str) -> None:
    """The skew is kept: the rest waits and says why. With ScheduleAnyway nothing waits."""
    patch = {"spec": {"unschedulable": True}}
    media = "application/merge-patch+json"
    cluster.request("PATCH", "/api/v1/nodes/node-b1", patch, media=media)
    try:
        _deploy(cluster, namespace, 3, topologySpreadConstraints=_spread("DoNotSchedule"))
        message = (
            "0/3 nodes are available: 1 node(s) were unschedulable, "
            "2 node(s) didn't match pod topology spread constraints."
        )
        eventually(lambda: message in _stuck(cluster, namespace))
        assert _zones(cluster, namespace) == {"a": 1}
    finally:
        cluster.request("PATCH", "/api/v1/nodes/node-b1", {"spec": {"unschedulable": None}}, media=media)
    eventually(lambda: sum(_zones(cluster, namespace).values()) == 3)


def test_pods_that_avoid_each_other(cluster: Running, namespace: str) -> None:
    """One per node; the fourth has nowhere to go. Others are kept away by what is there."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    rule = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    _deploy(cluster, namespace, 4, affinity=rule)
    eventually(lambda: sorted(_nodes(cluster, namespace)) == sorted(_ZONES))
    message = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
    eventually(lambda: message in _stuck(cluster, namespace))


def test_pods_that_stay_together(cluster: Running, namespace: str) -> None:
    """In one zone, the first one anywhere; a preference for labels of nodes decides where."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": _ZONE}
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["b"]}]}
    affinity = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "preference": preference}]},
    }
    _deploy(cluster, namespace, 3, affinity=affinity)
    eventually(lambda: _zones(cluster, namespace) == {"b": 3})
