"""Commands in containers and ports of pods, over the connections that clients make for them."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.error import URLError

import pytest
from kubernetes import client
from kubernetes.stream import portforward, stream

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.sandbox.kubernetes_support import KUBECTL, Running, eventually, running

_SERVE = Program(("python", "-m", "http.server"), ("$(PORT)", "--bind", "$(HOST)"))
_LARGE = b"hello" * 40_000
_PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a pod that is a process, and one in name only."""
    with running() as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2"))
        logs, served = tmp_path_factory.mktemp("pods"), tmp_path_factory.mktemp("served")
        (served / "hello.txt").write_bytes(_LARGE)
        images = ImageTable({"*/server:*": Program(_SERVE.entrypoint, _SERVE.arguments, directory=served)})
        with Controllers(server.url, server.ca_file, server.token, logs, images):
            eventually(lambda: started.request("GET", "/api/v1/namespaces/default/serviceaccounts/default").code == 200)
            for name in ("server", "other"):
                container = {
                    "name": "main",
                    "image": f"example.org/{name}:1",
                    "env": [{"name": "WHO", "value": name}],
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }
                started.post(_PODS, {"metadata": {"name": name}, "spec": {"containers": [container]}})
                eventually(partial(_runs, started, name), 20)
            yield started


def _runs(cluster: Running, name: str) -> bool:
    conditions = cluster.get(f"{_PODS}/{name}")["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _exec(cluster: Running, *command: str, pod: str = "server", **options: Any) -> Any:
    core = client.CoreV1Api(cluster.api())
    wanted = {"stdin": False, "stdout": True, "stderr": True, "tty": False, "_preload_content": False, **options}
    return stream(core.connect_get_namespaced_pod_exec, pod, "default", command=list(command), **wanted)


def test_a_command_in_a_container(cluster: Running) -> None:
    """With the environment and the directory of its process; both outputs and the exit status come back."""
    running_command = _exec(cluster, "sh", "-c", "echo $WHO; ls; echo wrong >&2; exit 3")
    running_command.run_forever(timeout=10)
    assert running_command.read_stdout() == "server\nhello.txt\n"
    assert running_command.read_stderr() == "wrong\n"
    assert running_command.returncode == 3
    fine = _exec(cluster, "true")
    fine.run_forever(timeout=10)
    assert fine.returncode == 0


def test_what_is_typed_in(cluster: Running) -> None:
    """Standard input reaches the command."""
    command = _exec(cluster, "sh", "-c", "read line; echo got $line", stdin=True)
    command.write_stdin("something\n")
    command.run_forever(timeout=10)
    assert command.read_stdout() == "got something\n"


def test_what_cannot_be_executed(cluster: Running) -> None:
    """An unknown program, a container without a process, a plain request."""
    missing = _exec(cluster, "no-such-program")
    missing.run_forever(timeout=10)
    message = json.loads(missing.read_channel(3))["message"]
    assert 'exec: "no-such-program": executable file not found' in message
    nothing = cluster.request("GET", f"{_PODS}/other/exec?command=true", Upgrade="websocket")
    assert (nothing.code, "runs in name only" in nothing.body["message"]) == (500, True)
    plain = cluster.request("POST", f"{_PODS}/server/exec?command=true")
    assert (plain.code, plain.body["message"]) == (400, "Upgrade request required")
    denied = cluster.request("GET", f"{_PODS}/server/exec?command=true", token="alice-token")
    assert (denied.code, "pods/exec" in denied.body["message"]) == (403, True)


def test_a_port_of_a_pod(cluster: Running) -> None:
    """As the official client forwards it."""
    core = client.CoreV1Api(cluster.api())
    forwarded = portforward(core.connect_get_namespaced_pod_portforward, "server", "default", ports="8080,1")
    connection = forwarded.socket(8080)
    connection.setblocking(True)
    connection.sendall(b"GET /hello.txt HTTP/1.0\r\n\r\n")
    data = b""
    while part := connection.recv(4096):
        data += part
    connection.close()
    assert data.endswith(b"\r\n\r\n" + _LARGE)
    assert "connection refused" in eventually(lambda: forwarded.error(1))


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_by_kubectl(cluster: Running) -> None:
    """``kubectl exec`` and its exit status."""
    assert cluster.kubectl("exec", "server", "--", "sh", "-c", "echo $WHO").stdout == "server\n"
    assert cluster.kubectl("exec", "-i", "server", "--", "cat", data="typed in").stdout == "typed in"
    assert cluster.kubectl("exec", "server", "--", "sh", "-c", "exit 3", check=False).returncode == 3


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_a_port_by_kubectl(cluster: Running) -> None:
    """``kubectl port-forward``: several connections at once; what is larger than a frame; a port without anybody."""
    command = cluster.kubectl_command("port-forward", "pod/server", ":8080", ":1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            lines = [forwarding.stdout.readline() for _ in range(4)]
            local = {line.split(" -> ")[1].strip(): line.split()[2] for line in lines if "127.0.0.1" in line}

            def read(port: str) -> bytes:
                with urllib.request.urlopen(f"http://{local[port]}/hello.txt", timeout=10) as answer:
                    return bytes(answer.read())

            with ThreadPoolExecutor(4) as pool:
                assert set(pool.map(read, ["8080"] * 8)) == {_LARGE}
            with pytest.raises((ConnectionError, URLError)):
                read("1")
        finally:
            forwarding.terminate()
