"""The service and pod proxies of the API server, to processes of pods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.sandbox.kubernetes_support import ADMIN, KUBECTL, Running, deployment, eventually, running

_ECHO = """
import http.server, json, os

class Echo(http.server.BaseHTTPRequestHandler):
    def answer(self):
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/elsewhere?x=1")
            self.end_headers()
            return
        size = int(self.headers.get("Content-Length") or 0)
        seen = {"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                "body": self.rfile.read(size).decode(), "ip": os.environ["POD_IP"]}
        data = json.dumps(seen).encode()
        self.send_response(418 if self.path.startswith("/teapot") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Echo).serve_forever()
"""
_IMAGES = ImageTable({"*/echo:*": Program(("python", "-c", _ECHO))})
_NAMESPACE = "/api/v1/namespaces/default"
_SERVICES = f"{_NAMESPACE}/services"


@pytest.fixture(scope="module")
def seen() -> list[dict[str, Any]]:
    """The request log of the server."""
    return []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, seen: list[dict[str, Any]]) -> Iterator[Running]:
    """A server with two echoing pods, a Service for them and one whose pods are not there."""
    with running(record=lambda **entry: seen.append(entry)) as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2"))
        logs = tmp_path_factory.mktemp("pods")
        with Controllers(server.url, server.ca_file, server.token, logs, _IMAGES):
            body = deployment("echo", "example.org/echo:1", replicas=2)
            body["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 8080}}
            started.post("/apis/apps/v1/namespaces/default/deployments", body)
            named = [{"name": "http", "port": 80, "targetPort": 8080}]
            for name, ports in (("echo", named), ("plain", [{"port": 80, "targetPort": 8080}])):
                spec = {"selector": {"app": "echo"}, "ports": ports}
                started.post(_SERVICES, {"metadata": {"name": name}, "spec": spec})
            spec = {"selector": {"app": "nobody"}, "ports": named}
            started.post(_SERVICES, {"metadata": {"name": "empty"}, "spec": spec})
            endpoints = f"{_NAMESPACE}/endpoints"
            for name in ("echo", "plain"):
                eventually(partial(_has_both, started, f"{endpoints}/{name}"), 20)
            eventually(lambda: started.request("GET", f"{endpoints}/empty").code == 200)
            yield started


def _has_both(cluster: Running, path: str) -> bool:
    body = cluster.request("GET", path).body
    return sum(len(one.get("addresses") or []) for one in body.get("subsets") or []) == 2


@pytest.mark.parametrize("identity", ["echo:http", "http:echo:http", "echo:80", "plain"])
def test_by_every_name_of_a_port(cluster: Running, identity: str) -> None:
    """Method, path, query and body arrive as they were sent; credentials do not."""
    path = f"{_SERVICES}/{identity}/proxy/pre%2Fdict/?a=b%20c"
    answer = cluster.request("POST", path, {"x": 1}, X_Own="kept")
    assert answer.code == 200
    body = answer.body
    assert (body["method"], body["path"], json.loads(body["body"])) == ("POST", "/pre%2Fdict/?a=b%20c", {"x": 1})
    assert body["headers"]["content-type"] == "application/json"
    assert body["headers"]["x-own"] == "kept"
    assert ADMIN not in json.dumps(body)


def test_every_ready_pod_answers(cluster: Running) -> None:
    """Endpoints are picked at random."""
    eventually(lambda: len({cluster.get(f"{_SERVICES}/echo:http/proxy/")["ip"] for _ in range(8)}) == 2)


def test_answers_pass_as_they_are(cluster: Running) -> None:
    """Errors of the process are its own; its redirects come back through the proxy; every method passes."""
    assert cluster.request("GET", f"{_SERVICES}/echo:http/proxy/teapot").code == 418
    for method in ("PUT", "PATCH", "DELETE"):
        assert cluster.request(method, f"{_SERVICES}/echo:http/proxy/x").body["method"] == method
    assert cluster.get(f"{_SERVICES}/echo:http/proxy/moved")["path"] == "/elsewhere?x=1"
    assert cluster.get(f"{_SERVICES}/echo:http/proxy")["path"] == "/"


def test_pods_by_name(cluster: Running) -> None:
    """At their first port or the one that is asked for."""
    pods = cluster.get(f"{_NAMESPACE}/pods")["items"]
    for pod in pods:
        for suffix in ("", ":8080"):
            found = cluster.get(f"{_NAMESPACE}/pods/{pod['metadata']['name']}{suffix}/proxy/x")
            assert found["ip"] == pod["status"]["podIP"]
    missing = cluster.request("GET", f"{_NAMESPACE}/pods/{pods[0]['metadata']['name']}:1/proxy/x")
    assert (missing.code, missing.body["reason"]) == (503, "ServiceUnavailable")
    assert missing.body["message"].startswith("error trying to reach service: dial tcp 127.")
    assert missing.body["message"].endswith(":1: connect: connection refused")


@pytest.mark.parametrize(
    ("identity", "code", "message"),
    [
        ("empty:http", 503, 'no endpoints available for service "empty"'),
        ("echo:grpc", 503, 'no endpoints available for service "echo:grpc"'),
        ("echo:81", 503, 'no service port 81 found for service "echo"'),
        ("none", 404, 'services "none" not found'),
        ("ftp:echo:http", 400, 'invalid service request "ftp:echo:http"'),
    ],
)
def test_refusals(cluster: Running, identity: str, code: int, message: str) -> None:
    """In the words of the API server."""
    answer = cluster.request("GET", f"{_SERVICES}/{identity}/proxy/")
    assert (answer.code, answer.body["code"], answer.body["message"]) == (code, code, message)


def test_who_may(cluster: Running) -> None:
    """``services/proxy`` is a right of its own, by verb and by name."""
    path = f"{_SERVICES}/echo:http/proxy/x"
    denied = cluster.request("POST", path, {}, token="alice-token")
    assert denied.code == 403
    assert denied.body["message"] == (
        'services "echo:http" is forbidden: User "alice" cannot create resource "services/proxy" in API group "" '
        'in the namespace "default"'
    )
    rules = [{"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"], "resourceNames": ["echo:http"]}]
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    cluster.post(f"{roles}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
    }
    cluster.post(f"{roles}/rolebindings", binding)
    assert cluster.request("GET", path, token="alice-token").code == 200
    assert cluster.request("GET", f"{_SERVICES}/plain/proxy/x", token="alice-token").code == 403


def test_the_request_log(cluster: Running, seen: list[dict[str, Any]]) -> None:
    """A proxied POST is in it and is no write to the cluster."""
    cluster.request("POST", f"{_SERVICES}/echo:http/proxy/logged", {})
    entry = eventually(lambda: next((one for one in seen if one["path"].endswith("/logged")), None))
    assert (entry["operation"], entry["status"], entry["write"]) == ("kubernetes.create.services/proxy", 200, False)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_by_kubectl(cluster: Running) -> None:
    """``kubectl get --raw``."""
    found = cluster.kubectl("get", "--raw", f"{_SERVICES}/echo:http/proxy/health")
    assert json.loads(found.stdout)["path"] == "/health"
