"""Clusters of real binaries: how they are called, what they are answered, what becomes of them.

The binaries stand in for the real ones; the conformance suite runs against those where they are installed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.clock import Clock
from sandbox.core.faults import FaultRule, Faults
from sandbox.core.journal import Journal
from sandbox.core.tls import Authority
from sandbox.kubernetes import MASTERS, UserInfo
from sandbox.kubernetes.assets import OWN_CONTROLLERS, Assets, Layout, assets
from sandbox.kubernetes.authorization import Attributes, Verdict
from sandbox.kubernetes.companion import loopback_proxy
from sandbox.kubernetes.controllers import node
from sandbox.kubernetes.managed import ManagedCluster
from sandbox.kubernetes.real import RealServer
from tests.sandbox.kubernetes_support import ADMIN, Running, deployment, eventually

_ROOT = Path(__file__).parents[2]
_MAPS = "/api/v1/namespaces/default/configmaps"
_USERS = {ADMIN: UserInfo("admin", groups=(MASTERS,)), "guest": UserInfo("guest", groups=("guests",))}


def _decide(user: UserInfo, wanted: Attributes) -> Verdict:
    allowed = (user.username, wanted.verb, wanted.resource) == ("guest", "list", "configmaps")
    return Verdict(allowed, "" if allowed else "the cloud says no")


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what stands in for the binaries."""
    made = tmp_path_factory.mktemp("assets")
    _program(made / "etcd", "import signal; signal.sigwait({signal.SIGTERM})")
    served = f"import sys; sys.path.insert(0, {str(_ROOT)!r})\nfrom tests.sandbox.kubernetes_stand_in import main\n"
    _program(made / "kube-apiserver", f"{served}main(sys.argv[1:])")
    return made


@pytest.fixture(scope="module")
def journal() -> Journal:
    """What was asked."""
    return Journal("test")


@pytest.fixture(scope="module")
def faults() -> Faults:
    """On the wire."""
    return Faults()


@pytest.fixture(scope="module")
def managed(
    directory: Path, journal: Journal, faults: Faults, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ManagedCluster]:
    """A cloud's cluster while the variable is set."""
    state = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEBUILDER_ASSETS", str(directory))
        made = ManagedCluster(
            "demo",
            "1.34.2",
            _USERS.get,
            Authority(state / "pki"),
            state,
            clock=Clock(),
            record=journal.record,
            strike=faults.match,
            decide=_decide,
            manifests=[
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "first", "namespace": "default"}}
            ],
        )
        made.set_nodes([node("n1", "1.34.2")])
        made.start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def cluster(managed: ManagedCluster, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Clients for it."""
    return Running(managed.start(), tmp_path_factory.mktemp("client"))


def test_no_binaries_unless_they_are_named(directory: Path, tmp_path: Path) -> None:
    """Unset is the embedded server; a directory without them is a mistake that is told."""
    assert assets({}) is None
    assert assets({"KUBEBUILDER_ASSETS": str(directory)}) == Assets(directory / "etcd", directory / "kube-apiserver")
    with pytest.raises(ValueError, match="has no etcd and no kube-apiserver"):
        assets({"KUBEBUILDER_ASSETS": str(tmp_path)})


@pytest.mark.parametrize("manager", [None, Path("/bin/kube-controller-manager")])
def test_command_lines(tmp_path: Path, manager: Path | None) -> None:
    """Loopback alone, our certificate, our reviews, our way out."""
    found = Assets(Path("/bin/etcd"), Path("/bin/kube-apiserver"), manager)
    layout = Layout(
        tmp_path, Authority(tmp_path), ("127.0.0.1",), 1, 2, 3, "https://r/", True, "http://127.0.0.1:9", "secret"
    )

    def flags(command: list[str]) -> dict[str, str]:
        return dict(one.removeprefix("--").split("=", 1) for one in command[1:])

    etcd = flags(layout.etcd(found))
    assert (etcd["listen-client-urls"], etcd["data-dir"]) == ("http://127.0.0.1:1", str(tmp_path / "etcd"))
    server = flags(layout.apiserver(found))
    assert (server["bind-address"], server["secure-port"], server["authorization-mode"]) == (
        "127.0.0.1",
        "3",
        "RBAC,Webhook",
    )
    assert server["etcd-servers"] == etcd["advertise-client-urls"]
    assert ("disable-admission-plugins" in server) is (manager is None)
    reviews = json.loads(Path(server["authentication-token-webhook-config-file"]).read_text())
    assert reviews["clusters"][0]["cluster"]["server"] == "https://r/"
    egress = json.loads(Path(server["egress-selector-config-file"]).read_text())["egressSelections"]
    assert {one["name"]: one["connection"]["transport"]["tcp"]["url"] for one in egress} == {
        "cluster": "http://127.0.0.1:9",
        "controlplane": "http://127.0.0.1:9",
    }
    private = Path(server["service-account-signing-key-file"])
    assert (private.read_text().splitlines()[0], private.stat().st_mode & 0o77) == ("-----BEGIN EC PRIVATE KEY-----", 0)
    if manager is not None:
        run = flags(layout.manager(found, OWN_CONTROLLERS))
        assert run["service-account-private-key-file"] == str(private)
        config = json.loads(Path(run["kubeconfig"]).read_text())
        assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:3"
        assert config["users"][0]["user"] == {"token": "secret"}


def test_the_way_out_ends_on_this_machine() -> None:
    """CONNECT to loopback is let through, in both directions; everything else is refused."""

    async def ask(proxy: str, head: str, data: bytes = b"") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
        writer.write(f"{head}\r\n\r\n".encode() + data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()

    async def check() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with loopback_proxy() as proxy:
            passed = await ask(proxy, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x", b"hello")
            assert passed == b"HTTP/1.1 200 Connection established\r\n\r\nHELLO"
            for target in ("192.0.2.1:443", "example.org:443", "10.96.0.1:443"):
                assert b" 403 " in await ask(proxy, f"CONNECT {target} HTTP/1.1")
            assert b" 405 " in await ask(proxy, "GET / HTTP/1.1")
        server.close()

    asyncio.run(check())


def test_users_are_those_of_the_cloud(cluster: Running) -> None:
    """Tokens by its check, rights by its authorizer beside RBAC, in the real server's own words."""
    assert cluster.request("GET", _MAPS, token="nobody").code == 401
    assert cluster.request("GET", _MAPS, token="guest").code == 200
    refused = cluster.request("GET", "/api/v1/secrets", token="guest")
    assert (refused.code, refused.body["message"].endswith(": the cloud says no")) == (403, True)


def test_requests_are_passed_on(cluster: Running, journal: Journal, faults: Faults) -> None:
    """With bodies, warnings and watches; logged and struck as those of the embedded server."""
    assert cluster.get(f"{_MAPS}/first")["metadata"]["name"] == "first"
    since = len(journal.entries)
    made = cluster.request("POST", _MAPS, {"metadata": {"name": "a"}, "spec": {}})
    assert (made.code, made.warnings) == (201, ['299 - "unknown field \\"spec\\""'])
    event = cluster.request("GET", f"{_MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=a").body
    assert (event["type"], event["object"]) == ("ADDED", made.body)
    wanted = [("kubernetes.create.configmaps", True), ("kubernetes.watch.configmaps", False)]
    eventually(lambda: [(one["operation"], one["write"]) for one in journal.since(since)][-2:] == wanted)
    faults.add(FaultRule(method="GET", kind="throttle", times=1))
    assert cluster.request("GET", _MAPS).code == 429


def test_workloads_run(cluster: Running, managed: ManagedCluster) -> None:
    """The sandbox's controllers are its clients; logs come from where the pods run."""
    cluster.post("/apis/apps/v1/namespaces/default/deployments", deployment())

    def ready() -> Any:
        pods = cluster.get("/api/v1/namespaces/default/pods")["items"]
        return [one for one in pods if (one.get("status") or {}).get("phase") == "Running"]

    (pod,) = eventually(ready)
    path = f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}/log"
    assert cluster.request("GET", path).code == 200
    assert cluster.request("GET", f"{path}?container=none").code == 400
    assert cluster.request("GET", path, token="guest").code == 403
    managed.set_nodes([node("n1", "1.34.2"), node("n2", "1.34.2")])
    eventually(lambda: cluster.request("GET", "/api/v1/nodes/n2").code == 200)


def test_a_server_that_ends_is_told(directory: Path, tmp_path: Path) -> None:
    """With what it said last, and nothing is left running."""
    broken = tmp_path / "kube-apiserver"
    _program(broken, "raise SystemExit('unknown flag: --x')")
    server = RealServer(
        "demo", Assets(directory / "etcd", broken), _USERS.get, Authority(tmp_path / "pki"), tmp_path / "state"
    )
    with pytest.raises(RuntimeError, match=r"kube-apiserver has ended with 1:\nunknown flag: --x"):
        server.start()
    assert not server.running
