"""A run killed at any instant is finished by running it again: nothing twice, nothing left over."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from sandbox.fixture import Sandbox
from tests.integration import process, sites

KILLS = {"aws": 9, "gcp": 9, "azure": 8}  # with those of the data stores 50 moments
SCALE = 600.0  # nine minutes of EKS in under a second: kills fall into long operations too


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_killed_run_is_finished_by_the_next(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    sandbox.set_profile("realistic", scale=SCALE, cloud=cloud)
    environment = sandbox.environment()
    request: dict[str, Any] = {"site": site, "capabilities": sites.CAPABILITIES}
    began = time.monotonic()
    reference = process.finish(process.start(request, environment))
    assert not reference["failed"], reference["failed"]
    whole = time.monotonic() - began
    objects = _objects(reference)
    moments = random.Random(20)  # noqa: S311 - a test's dice, the same every time
    for _ in range(KILLS[cloud]):
        sandbox.reset(cloud)
        victim = process.start(request, environment)
        time.sleep(moments.uniform(0.1, 0.95) * whole)
        victim.kill()
        victim.communicate()
        rerun = process.finish(process.start({**request, "look": True}, environment))
        assert not rerun["failed"], rerun["failed"]
        assert _objects(rerun) == objects
        look = rerun["look"]
        assert not look["changed"], [entry for entry in look["resources"] if entry["action"] != "none"]
        assert look["orphans"] == [], "made twice, or left over"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_killed_removal_is_finished_by_the_next(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    environment = sandbox.environment()
    request: dict[str, Any] = {"site": site, "capabilities": sites.CAPABILITIES}
    moments = random.Random(21)  # noqa: S311 - a test's dice, the same every time
    for _ in range(3):
        made = process.finish(process.start(request, environment))
        assert not made["failed"], made["failed"]
        sandbox.set_profile("realistic", scale=SCALE, cloud=cloud)
        victim = process.start({**request, "options": {"state": "absent"}}, environment)
        time.sleep(moments.uniform(0.8, 3.0))
        victim.kill()
        victim.communicate()
        gone = process.finish(
            process.start({**request, "options": {"state": "absent", "find_orphans": True}}, environment)
        )
        assert not gone["failed"], gone["failed"]
        assert gone["orphans"] == []
        sandbox.set_profile("instant", cloud=cloud)


def _objects(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(entry["kind"], entry["name"]) for entry in report["resources"]}
