"""One sandbox per test process and cloud, emptied for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.fixture import Sandbox
from tests.integration import sites


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """Started on first use, stopped at the end."""
    running: dict[str, Sandbox] = {}
    yield running
    for sandbox in running.values():
        sandbox.stop()


@pytest.fixture
def sandbox(cloud: str, sandboxes: dict[str, Sandbox], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """An empty emulated cloud (the one the test is parametrised with), whose credentials are in the environment. One
    whose time was moved is not used again."""
    if cloud not in sandboxes:
        sandboxes[cloud] = Sandbox(clouds=(cloud,))
    sandbox = sandboxes[cloud]
    sandbox.reset(cloud)
    sandbox.set_profile("instant", cloud=cloud)
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    yield sandbox
    if cloud in sandbox.moved:
        sandboxes.pop(cloud).stop()


@pytest.fixture
def site(cloud: str, sandbox: Sandbox) -> dict[str, Any]:
    return sites.site(cloud, sandbox)
