"""Clusters of the backend in use: the embedded API server, or real binaries when KUBEBUILDER_ASSETS names them."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from sandbox.core.tls import Authority
from sandbox.kubernetes.assets import Assets, assets
from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from sandbox.kubernetes.real import RealServer
from tests.sandbox.kubernetes_support import USERS, Running, eventually, running

_COUNT = itertools.count()
_MARKERS = {
    "manager": "needs a controller manager: skipped on real binaries without one",
    "embedded": "what only the embedded backend can be made to do",
}
_IMAGES = ImageTable(
    programs={
        "*/fails:*": Program((sys.executable, "-c", "raise SystemExit(3)")),
        "*/works:*": Program((sys.executable, "-c", "print('one'); print('two'); print('done')")),
    },
    missing=["*/missing:*"],
)


def pytest_configure(config: Any) -> None:
    """Names of marks."""
    for name, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")


@pytest.fixture(autouse=True)
def _possible(request: pytest.FixtureRequest, real: Assets | None) -> None:
    if real is not None and request.node.get_closest_marker("embedded"):
        pytest.skip(_MARKERS["embedded"])
    if real is not None and real.manager is None and request.node.get_closest_marker("manager"):
        pytest.skip(_MARKERS["manager"])


@pytest.fixture(scope="session")
def real() -> Assets | None:
    """The binaries, when the suite runs against them."""
    return assets()


@contextmanager
def _running(real: Assets | None, workloads: bool) -> Iterator[Running]:
    if real is None:
        with running() as started:
            yield started
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        authority = Authority(place / "pki")
        server = RealServer("test", real, USERS.get, authority, place / "control-plane", workloads=workloads)
        with server.start():
            yield Running(server, place)


@pytest.fixture(scope="session")
def cluster(real: Assets | None) -> Iterator[Running]:
    """A cluster where nobody runs workloads."""
    with _running(real, workloads=False) as started:
        yield started


@pytest.fixture(scope="session")
def site(real: Assets | None) -> Iterator[Running]:
    """A cluster with two nodes where workloads run."""
    with _running(real, workloads=True) as started:
        server = started.server
        nodes = [node(name, "1.34.2", labels={"zone": name[-1]}) for name in ("node-a", "node-b")]
        controllers = Controllers(
            server.url,
            server.ca_file,
            server.token,
            started.directory / "pods",
            _IMAGES,
            nodes=nodes,
            without=server.brings,
        )
        with controllers:
            server.read_logs_from(controllers.log)
            yield started


def _new_namespace(cluster: Running, real: Assets | None) -> str:
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
    if real is not None and real.manager is None:  # nobody else makes it
        cluster.request("POST", accounts, {"metadata": {"name": "default"}})
    eventually(lambda: cluster.request("GET", f"{accounts}/default").code == 200)
    return name


@pytest.fixture
def namespace(cluster: Running, real: Assets | None) -> str:
    """A namespace of the test's own, with its default account."""
    return _new_namespace(cluster, real)


@pytest.fixture
def space(site: Running, real: Assets | None) -> Iterator[str]:
    """The same where workloads run; gone afterwards with its processes."""
    name = _new_namespace(site, real)
    yield name
    site.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def core(cluster: Running) -> client.CoreV1Api:
    """The official client's core API."""
    return client.CoreV1Api(cluster.api())
