"""What processes of pods find in their volumes and their environment."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.sandbox.kubernetes_support import Running, eventually, running

_MERGE = "application/merge-patch+json"
# Answers with the content of a file, or with its own environment.
_READER = """
import http.server, json, os, sys

class Reader(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/environment":
            data = json.dumps({"environment": dict(os.environ), "arguments": sys.argv[1:]}).encode()
        else:
            data = open(self.path, "rb").read() if os.path.isfile(self.path) else b"(none)"
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):
        open(self.path, "wb").write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

http.server.ThreadingHTTPServer((os.environ["HOST"], 8080), Reader).serve_forever()
"""
_IMAGES = ImageTable({"*/reader:*": Program(("python", "-c", _READER))})
_NAMESPACE = "/api/v1/namespaces/default"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a node, its controllers, and what volumes are made of."""
    with running() as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2", cpu="8"))
        logs = tmp_path_factory.mktemp("pods")
        with Controllers(server.url, server.ca_file, server.token, logs, _IMAGES):
            eventually(lambda: started.request("GET", f"{_NAMESPACE}/serviceaccounts/default").code == 200)
            data = {"app.conf": "mode=fast", "other": "x"}
            started.post(f"{_NAMESPACE}/configmaps", {"metadata": {"name": "config"}, "data": data})
            secret = {"metadata": {"name": "secret"}, "stringData": {"password": "hush"}}
            started.post(f"{_NAMESPACE}/secrets", secret)
            yield started


def _pod(cluster: Running, name: str, **spec: Any) -> str:
    container = {
        "name": "main",
        "image": "example.org/reader:1",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        **spec.pop("container", {}),
    }
    meta = {"name": name, "labels": {"app": name}}
    cluster.post(f"{_NAMESPACE}/pods", {"metadata": meta, "spec": {"containers": [container], **spec}})
    return f"{_NAMESPACE}/pods/{name}"


def _ready(cluster: Running, path: str) -> Any:
    def ready() -> Any:
        pod = cluster.get(path)
        conditions = pod["status"].get("conditions") or []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) and pod

    return eventually(ready, 20)


def _read(pod: dict[str, Any], path: str) -> str:
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080{path}", timeout=5) as answer:
        return str(answer.read().decode())


def _seen(pod: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    found = json.loads(_read(pod, "/environment"))
    return found["environment"], found["arguments"]


def test_files_of_volumes(cluster: Running) -> None:
    """ConfigMaps, Secrets and the pod's own fields; paths in the environment lead to them; changes arrive."""
    sources = [
        {"configMap": {"name": "config", "items": [{"key": "app.conf", "path": "deep/app.conf"}]}},
        {"secret": {"name": "secret"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"configMap": {"name": "none", "optional": True}},
    ]
    mounts = [
        {"name": "all-of-it", "mountPath": "/etc/app"},
        {"name": "config", "mountPath": "/etc/one.conf", "subPath": "app.conf"},
        {"name": "scratch", "mountPath": "/scratch"},
    ]
    env = [{"name": "CONFIG", "value": "/etc/app/deep/app.conf"}, {"name": "OTHER", "value": "/etc/application"}]
    path = _pod(
        cluster,
        "files",
        container={"volumeMounts": mounts, "env": env, "args": ["--one=/etc/one.conf", "/scratch"]},
        volumes=[
            {"name": "all-of-it", "projected": {"sources": sources}},
            {"name": "config", "configMap": {"name": "config"}},
            {"name": "scratch", "emptyDir": {}},
        ],
    )
    pod = _ready(cluster, path)
    environment, arguments = _seen(pod)
    place = environment["VOLUME_ALL_OF_IT"]
    assert (environment["CONFIG"], environment["OTHER"]) == (f"{place}/deep/app.conf", "/etc/application")
    assert _read(pod, environment["CONFIG"]) == "mode=fast"
    assert _read(pod, f"{place}/password") == "hush"
    assert _read(pod, f"{place}/labels") == 'app="files"'
    assert arguments == [f"--one={environment['VOLUME_CONFIG']}", environment["VOLUME_SCRATCH"]]
    assert _read(pod, environment["VOLUME_CONFIG"]) == "mode=fast"
    patch = {"data": {"app.conf": "mode=slow"}}
    cluster.request("PATCH", f"{_NAMESPACE}/configmaps/config", patch, media=_MERGE)
    eventually(lambda: _read(pod, environment["CONFIG"]) == "mode=slow", 20)


def test_the_account_of_a_pod(cluster: Running) -> None:
    """Its token is in a file, and is good for the API server whose address it is told."""
    pod = _ready(cluster, _pod(cluster, "account"))
    environment, _ = _seen(pod)
    place = environment["SERVICE_ACCOUNT_DIRECTORY"]
    assert _read(pod, f"{place}/namespace") == "default"
    assert _read(pod, f"{place}/ca.crt") == cluster.server.ca_pem.decode()
    address = f"https://{environment['KUBERNETES_SERVICE_HOST']}:{environment['KUBERNETES_SERVICE_PORT']}"
    assert address == cluster.server.url
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = cluster.request(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, token=_read(pod, f"{place}/token")
    )
    assert answer.body["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"


def test_fields_and_resources(cluster: Running) -> None:
    """Of the pod, the node and the container."""

    def field(name: str, path: str) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    def resource(name: str, **reference: str) -> dict[str, Any]:
        return {"name": name, "valueFrom": {"resourceFieldRef": reference}}

    env = [
        field("NODE", "spec.nodeName"),
        field("HOST_ADDRESS", "status.hostIP"),
        field("LABEL", "metadata.labels['app']"),
        resource("CPU", resource="limits.cpu"),
        resource("MILLIS", resource="requests.cpu", divisor="1m"),
        resource("MEMORY", resource="limits.memory", divisor="1Mi"),
    ]
    resources = {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    pod = _ready(cluster, _pod(cluster, "fields", container={"env": env, "resources": resources}))
    environment, _ = _seen(pod)
    wanted = {
        "NODE": "node-a",
        "HOST_ADDRESS": "127.0.0.1",
        "LABEL": "fields",
        "CPU": "8",
        "MILLIS": "250",
        "MEMORY": "128",
    }
    assert {name: environment[name] for name in wanted} == wanted


@pytest.mark.parametrize("image", ["example.org/reader:1", "example.org/in-name-only:1"])
def test_what_is_missing_is_waited_for(cluster: Running, image: str) -> None:
    """The pod stays in ContainerCreating, an event says why."""
    name = f"late-{'reader' in image}".lower()
    volume = {"name": "v", "configMap": {"name": name, "items": [{"key": "k", "path": "k"}]}}
    path = _pod(cluster, name, container={"image": image}, volumes=[volume])

    def told() -> set[str]:
        found = cluster.get(f"{_NAMESPACE}/events")["items"]
        return {one["message"] for one in found if one["involvedObject"]["name"] == name}

    eventually(lambda: f'MountVolume.SetUp failed for volume "v" : configmap "{name}" not found' in told())
    state = cluster.get(path)["status"]["containerStatuses"][0]["state"]
    assert state == {"waiting": {"reason": "ContainerCreating"}}
    maps = f"{_NAMESPACE}/configmaps"
    cluster.post(maps, {"metadata": {"name": name}, "data": {"other": ""}})
    missing = 'MountVolume.SetUp failed for volume "v" : references non-existent config key: k'
    eventually(lambda: missing in told())
    cluster.request("PATCH", f"{maps}/{name}", {"data": {"k": "v"}}, media=_MERGE)
    eventually(lambda: cluster.get(path)["status"]["phase"] == "Running")
