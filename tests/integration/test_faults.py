"""Clouds that throttle, fail, hang up and dawdle: the run, or the next one, always gets there, with nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import CloudError
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites

# Each strikes one request in eight, for ever, the same ones every time.
WEATHER: dict[str, dict[str, Any]] = {
    "throttling": {"kind": "throttle"},
    "server errors": {"kind": "error", "status": 500, "code": "InternalError", "message": "Please try again."},
    "dropped connections": {"kind": "drop"},
    "lost answers": {"kind": "drop_after"},
    "slow answers": {"kind": "slow", "seconds": 0.3},
}


@pytest.mark.slow
@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_bad_weather_costs_time_only(cloud: str, weather: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    sandbox.fault(cloud, **{"times": -1, "probability": 0.125, "seed": 7, **WEATHER[weather]})
    parts = sites.capabilities()
    for _ in range(3):
        try:
            report = execute(sites.wanted(site, parts), sites.options())
        except CloudError:  # reading gave up; nothing was touched
            continue
        if not report.failed:
            break
    sandbox.clear_faults(cloud)
    report = execute(sites.wanted(site, parts), sites.options())
    assert not report.failed, report.summary()
    look = execute(sites.wanted(site, parts), sites.options(check=True, find_orphans=True))
    assert not look.changed
    assert look.orphans == []


# An operation that the cloud takes and then fails: of the node pool, late in the rollout.
FAILING = {
    "aws": "eks.CreateNodegroup",
    "gcp": "container.projects.locations.clusters.nodePools.create",
    "azure": "PUT Microsoft.ContainerService/managedClusters/agentPools",
}


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_failed_operation_is_named_and_healed_by_the_next_run(
    cloud: str, sandbox: Sandbox, site: dict[str, Any]
) -> None:
    reason = "the zone ran out of machines of this type"
    sandbox.fault(cloud, kind="fail_operation", operation=FAILING[cloud], code="OutOfCapacity", message=reason)
    parts = sites.capabilities()
    report = execute(sites.wanted(site, parts), sites.options())
    assert len(report.failed) == 1
    assert reason in report.summary()
    assert report.failed[0].name in report.summary()
    finished = {entry.kind for entry in report.entries if entry.status == "ok" and entry.action.value == "create"}
    assert any("bucket" in kind.lower() or "storage" in kind.lower() for kind in finished), "other branches finish"
    again = execute(sites.wanted(site, parts), sites.options())
    assert not again.failed, again.summary()
    assert not execute(sites.wanted(site, parts), sites.options(check=True)).changed


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_permanent_refusal_is_told_in_the_clouds_own_words(
    cloud: str, sandbox: Sandbox, site: dict[str, Any]
) -> None:
    words = "the account is suspended for the creation of clusters"
    operation = {
        "aws": "eks.CreateCluster",
        "gcp": "container.projects.locations.clusters.create",
        "azure": "PUT Microsoft.ContainerService/managedClusters$",
    }[cloud]
    sandbox.fault(
        cloud, kind="error", operation=operation, times=-1, status=400, code="InvalidParameterValue", message=words
    )
    report = execute(sites.wanted(site, sites.capabilities()), sites.options())
    assert [entry.error for entry in report.failed if words in entry.error], report.summary()
    assert len(report.failed) == 1
    assert any(entry.status == "skipped" for entry in report.entries), "what needs the cluster is not tried"
    assert any(entry.status == "ok" and entry.action.value == "create" for entry in report.entries)
    assert "run again" in report.summary()
