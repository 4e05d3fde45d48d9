"""Clusters as the emulated clouds hold them: asleep until somebody connects."""

from __future__ import annotations

import json
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config

from sandbox.core.clock import Clock
from sandbox.core.tls import Authority
from sandbox.kubeconfig import write as write_kubeconfig
from sandbox.kubernetes import MASTERS, UserInfo
from sandbox.kubernetes.controllers import ImageTable, Program, node
from sandbox.kubernetes.managed import ManagedCluster, all_for_people
from tests.sandbox.kubernetes_support import ADMIN, Running, deployment, eventually

_WEB = """
import http.server, os
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["POD_IP"].encode())
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Hello).serve_forever()
"""
_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "disk.example.org",
    "volumeBindingMode": "WaitForFirstConsumer",
}
_MERGE = "application/merge-patch+json"


class Account:
    """Remembers what a cluster made in it."""

    def __init__(self) -> None:
        self.balancers: dict[str, str] = {}
        self.volumes: dict[str, str] = {}
        self.refusal = ""

    def balancer(self, service: dict[str, Any]) -> None:
        """Keep it by uid."""
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.balancers[service["metadata"]["uid"]] = service["status"]["loadBalancer"]["ingress"][0]["ip"]

    def no_balancer(self, service: dict[str, Any]) -> None:
        """Forget it."""
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.balancers.pop(service["metadata"]["uid"], None)

    def volume(self, claim: dict[str, Any]) -> str:
        """One per claim."""
        handle = f"vol-{claim['metadata']['uid'][:8]}"
        self.volumes[handle] = claim["metadata"]["name"]
        return handle

    def no_volume(self, handle: str) -> None:
        """Forget it."""
        self.volumes.pop(handle, None)


def _node(name: str, **more: Any) -> dict[str, Any]:
    return node(name, "1.34.2", labels={"pool": "a", **more.pop("labels", {})}, **more)


def _cluster(directory: Path, **options: Any) -> ManagedCluster:
    users = {ADMIN: UserInfo("admin", groups=(MASTERS,))}
    authority = Authority(directory / "ca")
    options = {"clock": Clock(), **options}
    return ManagedCluster("demo", "1.34.2", users.get, authority, directory / "state", **options)


def _given(cluster: Running, path: str) -> list[dict[str, Any]]:
    return list(cluster.get(path).get("status", {}).get("loadBalancer", {}).get("ingress") or [])


@pytest.fixture(scope="module")
def account() -> Account:
    """What the cluster made."""
    return Account()


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory, account: Account) -> Iterator[ManagedCluster]:
    """One that was woken by a connection."""
    images = ImageTable({"*/web:*": Program((sys.executable, "-c", _WEB))})
    made = _cluster(tmp_path_factory.mktemp("managed"), objects=account, images=images, classes=[_CLASS])
    made.set_nodes([_node("n1"), _node("n2")])
    assert not made.started
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cluster(managed: ManagedCluster) -> Running:
    """Clients for it; the first request wakes it up."""

    class Server:
        url = managed.endpoint
        ca_file = managed.authority.certificate_file

    running = Running(Server, managed._directory)
    names = [one["metadata"]["name"] for one in running.get("/api/v1/nodes")["items"]]
    assert names == ["n1", "n2"], "nodes are there for the first request"
    return running


def test_the_first_connections_are_not_lost(tmp_path: Path) -> None:
    """Several at once wake it up, and all of them are answered; stop() closes the port and ends the threads."""
    journal: list[dict[str, Any]] = []
    made = _cluster(tmp_path, record=lambda **entry: journal.append(entry))
    running = Running(type("Server", (), {"url": made.endpoint, "ca_file": made.authority.certificate_file}), tmp_path)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(running.request("GET", "/api/v1/pods").code)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 4
    assert running.request("GET", "/api/v1/pods", token="stranger").code == 401
    assert [one["operation"] for one in journal] == ["kubernetes.list.pods"] * 5
    made.stop()
    made.stop()
    assert not [one.name for one in threading.enumerate() if one.name in ("kubernetes-demo", "kubernetes-door-demo")]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", made.port), timeout=1)


def test_processes_of_pods_end_with_their_cluster(tmp_path: Path) -> None:
    """Nothing is left behind."""
    images = ImageTable({"*/web:*": Program((sys.executable, "-c", _WEB))})
    made = _cluster(tmp_path, images=images)
    made.set_nodes([_node("n1")])
    place = type("Server", (), {"url": made.endpoint, "ca_file": made.authority.certificate_file})
    running = Running(place, tmp_path)
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    main = {"name": "main", "image": "example.org/web:1", "ports": [{"containerPort": 8080}], "readinessProbe": probe}
    pods = "/api/v1/namespaces/default/pods"
    running.post(pods, {"metadata": {"name": "web"}, "spec": {"containers": [main]}})

    def ready() -> str:
        status = running.get(f"{pods}/web").get("status", {})
        return str(status["podIP"]) if (status.get("containerStatuses") or [{}])[0].get("ready") else ""

    address = eventually(ready)
    assert urllib.request.urlopen(f"http://{address}:8080/", timeout=10).status == 200
    made.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{address}:8080/", timeout=10)
    assert not (tmp_path / "state" / "pods").exists()


def test_one_that_nobody_looked_into_stops_too(tmp_path: Path) -> None:
    """And its port is free for another one."""
    made = _cluster(tmp_path)
    made.stop()
    eventually(lambda: "kubernetes-door-demo" not in [one.name for one in threading.enumerate()])
    again = _cluster(tmp_path, port=made.port)
    assert again.port == made.port
    again.stop()
    with pytest.raises(RuntimeError):
        again.start()


def test_nodes_follow_their_pool(managed: ManagedCluster, cluster: Running) -> None:
    """A new one is there at once; one that goes is drained, so that its pods run elsewhere."""
    managed.set_nodes([_node("n1"), _node("n2"), _node("n3")])
    assert cluster.get("/api/v1/nodes/n3")["metadata"]["labels"]["pool"] == "a"
    base = "/apis/apps/v1/namespaces/default/deployments"
    cluster.post(base, deployment("spread", "example.org/idle:1", replicas=6))
    eventually(lambda: cluster.get(f"{base}/spread").get("status", {}).get("readyReplicas") == 6)
    managed.set_nodes([_node("n1", labels={"pool": "b", "new": "yes"})])
    eventually(lambda: [one["metadata"]["name"] for one in cluster.get("/api/v1/nodes")["items"]] == ["n1"], 20)
    eventually(lambda: cluster.get("/api/v1/nodes/n1")["metadata"]["labels"]["pool"] == "b")

    def moved() -> bool:
        pods = cluster.get("/api/v1/namespaces/default/pods")["items"]
        return len(pods) == 6 and all(one["spec"].get("nodeName") == "n1" for one in pods)

    eventually(moved, 20)
    cluster.request("DELETE", f"{base}/spread")


def test_a_node_that_goes_before_anybody_looked_at_it_goes_too(managed: ManagedCluster, cluster: Running) -> None:
    """Pools may shrink faster than a controller follows them."""
    one = _node("n1", labels={"pool": "b", "new": "yes"})
    brief = [f"brief-{number}" for number in range(20)]
    managed.set_nodes([one, *(_node(name) for name in brief)])
    managed.set_nodes([one])
    eventually(lambda: [body["metadata"]["name"] for body in cluster.get("/api/v1/nodes")["items"]] == ["n1"], 20)


def test_an_upgrade_keeps_what_is_there(managed: ManagedCluster, cluster: Running) -> None:
    """The same objects, another version."""
    cluster.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "kept"}, "data": {"a": "b"}})
    managed.set_version("1.35.0-eks-1")
    assert cluster.get("/version")["gitVersion"] == "v1.35.0-eks-1"
    assert cluster.get("/api/v1/namespaces/default/configmaps/kept")["data"] == {"a": "b"}
    assert cluster.get("/openapi/v2")["info"]["version"] == "v1.35.0-eks-1"


def test_a_load_balancer_serves(cluster: Running, account: Account) -> None:
    """Connections to its address end at the pods; the cloud's part is gone before the Service is."""
    body = deployment("web", "example.org/web:1", replicas=1)
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    body["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    cluster.post("/apis/apps/v1/namespaces/default/deployments", body)
    services = "/api/v1/namespaces/default/services"
    port = {"name": "http", "port": 18080, "targetPort": 8080}
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [port]}
    cluster.post(services, {"metadata": {"name": "web"}, "spec": spec})
    given = eventually(lambda: _given(cluster, f"{services}/web"))
    address = given[0]["ip"]
    assert list(account.balancers.values()) == [address]
    path = "/api/v1/namespaces/default/endpoints/web"
    eventually(lambda: any(one.get("addresses") for one in cluster.get(path).get("subsets") or []), 20)
    with urllib.request.urlopen(f"http://{address}:18080/", timeout=10) as answer:
        assert answer.read().decode().startswith("127.")
    found = cluster.get(f"{services}/web")
    assert found["metadata"]["finalizers"] == ["service.kubernetes.io/load-balancer-cleanup"]
    account.refusal = "the account says no"
    assert cluster.request("DELETE", f"{services}/web").code == 200
    events = "/api/v1/namespaces/default/events"
    eventually(lambda: any("the account says no" in one["message"] for one in cluster.get(events)["items"]))
    assert cluster.get(f"{services}/web")["metadata"]["deletionTimestamp"]
    account.refusal = ""
    eventually(lambda: cluster.request("GET", f"{services}/web").code == 404)
    assert not account.balancers
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{address}:18080/", timeout=10)


def test_a_port_that_cannot_be_had(cluster: Running) -> None:
    """An Event says so, and the address is there all the same."""
    services = "/api/v1/namespaces/default/services"
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - on purpose: all addresses
        port = taken.getsockname()[1]
        spec = {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": port}]}
        cluster.post(services, {"metadata": {"name": "taken"}, "spec": spec})
        eventually(lambda: _given(cluster, f"{services}/taken"))
        events = cluster.get("/api/v1/namespaces/default/events")["items"]
        told = [one["message"] for one in events if one["reason"] == "PortNotServed"]
    assert f":{port} of this machine: " in told[0]
    cluster.request("DELETE", f"{services}/taken")
    eventually(lambda: cluster.request("GET", f"{services}/taken").code == 404)


def test_a_balancer_that_is_none_any_more(cluster: Running, account: Account) -> None:
    """Changing the type gives everything back."""
    services = "/api/v1/namespaces/default/services"
    spec = {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 18081}]}
    cluster.post(services, {"metadata": {"name": "x"}, "spec": spec})
    eventually(lambda: _given(cluster, f"{services}/x"))
    cluster.request("PATCH", f"{services}/x", {"spec": {"type": "ClusterIP"}}, media=_MERGE)
    eventually(lambda: not cluster.get(f"{services}/x")["metadata"].get("finalizers"))
    assert not account.balancers
    assert "ingress" not in json.dumps(cluster.get(f"{services}/x")["status"])


_CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


def _claim(name: str, **spec: Any) -> dict[str, Any]:
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}, **spec}
    return {"metadata": {"name": name}, "spec": request}


def _phase(cluster: Running, path: str) -> str:
    return str(cluster.get(path).get("status", {}).get("phase"))


def test_a_claim_gets_a_disk_when_a_pod_wants_it(cluster: Running, account: Account) -> None:
    """Bound by the pod's arrival, held while it is there, given back afterwards."""
    cluster.post(_CLAIMS, _claim("data"))
    events = "/api/v1/namespaces/default/events"
    eventually(lambda: any(one["reason"] == "WaitForFirstConsumer" for one in cluster.get(events)["items"]))
    assert _phase(cluster, f"{_CLAIMS}/data") == "Pending"
    assert not account.volumes
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    pod = {"containers": [{"name": "main", "image": "example.org/idle:1"}], "volumes": [volume]}
    cluster.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "user"}, "spec": pod})
    eventually(lambda: _phase(cluster, f"{_CLAIMS}/data") == "Bound")
    claim = cluster.get(f"{_CLAIMS}/data")
    path = f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}"
    eventually(lambda: _phase(cluster, path) == "Bound")
    made = cluster.get(path)["spec"]
    assert made["csi"]["driver"] == "disk.example.org"
    assert list(account.volumes) == [made["csi"]["volumeHandle"]]
    assert (claim["status"]["capacity"], made["persistentVolumeReclaimPolicy"]) == ({"storage": "5Gi"}, "Delete")
    cluster.request("DELETE", f"{_CLAIMS}/data")
    assert cluster.get(f"{_CLAIMS}/data")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    cluster.request("DELETE", "/api/v1/namespaces/default/pods/user?gracePeriodSeconds=0")
    eventually(lambda: cluster.request("GET", f"{_CLAIMS}/data").code == 404)
    eventually(lambda: cluster.request("GET", path).code == 404)
    assert not account.volumes


def test_a_pod_waits_for_its_claim_and_goes_where_the_volume_is(managed: ManagedCluster, cluster: Running) -> None:
    """The reason is told; a volume in a zone keeps its pod there."""
    zones = {"n1": "z1", "n2": "z2"}
    managed.set_nodes([_node(name, labels={"topology.kubernetes.io/zone": zone}) for name, zone in zones.items()])
    eventually(lambda: "topology.kubernetes.io/zone" in cluster.get("/api/v1/nodes/n1")["metadata"]["labels"])
    pods = "/api/v1/namespaces/default/pods"
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "late"}}
    pod = {"containers": [{"name": "main", "image": "example.org/idle:1"}], "volumes": [volume]}
    cluster.post(pods, {"metadata": {"name": "first"}, "spec": pod})

    def scheduled(name: str) -> dict[str, Any]:
        conditions = cluster.get(f"{pods}/{name}").get("status", {}).get("conditions") or []
        return next((one for one in conditions if one["type"] == "PodScheduled"), {})

    eventually(lambda: 'persistentvolumeclaim "late" not found' in scheduled("first").get("message", ""))
    cluster.post(_CLAIMS, _claim("late"))
    eventually(lambda: _phase(cluster, f"{pods}/first") == "Running")
    node = cluster.get(f"{pods}/first")["spec"]["nodeName"]
    assert cluster.get(f"{_CLAIMS}/late")["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == node
    cluster.request("DELETE", f"{pods}/first?gracePeriodSeconds=0")
    cluster.request("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}}, media=_MERGE)
    cluster.post(pods, {"metadata": {"name": "second"}, "spec": pod})
    eventually(lambda: "1 node(s) had volume node affinity conflict" in scheduled("second").get("message", ""))
    cluster.request("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": None}}, media=_MERGE)
    eventually(lambda: cluster.get(f"{pods}/second")["spec"].get("nodeName") == node)
    cluster.request("DELETE", f"{_CLAIMS}/late")
    cluster.request("DELETE", f"{pods}/second?gracePeriodSeconds=0")
    eventually(lambda: cluster.request("GET", f"{_CLAIMS}/late").code == 404)


def test_volumes_that_were_there_before(cluster: Running, account: Account) -> None:
    """The smallest one that will do is bound and, with its policy, kept; nothing is made in the account."""
    for name, size in (("large", "50Gi"), ("small", "5Gi"), ("tiny", "1Gi")):
        spec = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp"}}  # noqa: S108
        cluster.post("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": spec})
    cluster.post(_CLAIMS, _claim("static", storageClassName=""))
    eventually(lambda: _phase(cluster, f"{_CLAIMS}/static") == "Bound")
    assert cluster.get(f"{_CLAIMS}/static")["spec"]["volumeName"] == "small"
    cluster.request("DELETE", f"{_CLAIMS}/static")
    eventually(lambda: _phase(cluster, "/api/v1/persistentvolumes/small") == "Released")
    assert not account.volumes


def test_people_at_this_machine_get_a_kubeconfig(managed: ManagedCluster, cluster: Running, tmp_path: Path) -> None:
    """With an administrator's token of each cluster's own, readable by them alone."""
    path = write_kubeconfig(
        tmp_path / "kubeconfig", [one for one in all_for_people() if one["server"] == managed.endpoint]
    )
    assert path.stat().st_mode & 0o077 == 0
    client = new_client_from_config(config_file=str(path), context="demo")
    found = CoreV1Api(client).list_node()
    assert {one.metadata.name for one in found.items} >= {"n1"}
