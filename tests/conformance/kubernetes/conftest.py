"""Clusters of the backend in use: the embedded API server, or real binaries when KUBEBUILDER_ASSETS names them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.sandbox.kubernetes_support import Running, eventually, running

_COUNT = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Running]:
    """A cluster where nobody runs workloads."""
    with running() as started:
        yield started


@pytest.fixture
def namespace(cluster: Running) -> str:
    """A namespace of the test's own, with its default account."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: cluster.request("GET", path).code == 200)
    return name
