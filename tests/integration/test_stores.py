"""Databases, caches, registries and secrets on every cloud: what holds for a whole site holds for them."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from module_utils._engine.errors import CloudError, SpecError
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import process, sites

# Each on top of the ones before: the capability, and options of its only server, cache, or of itself.
UPDATES: list[tuple[str, str, dict[str, Any]]] = [
    ("storage grows", "database", {"storage_gb": 256}),
    ("another size", "database", {"size": "medium"}),
    ("longer retention", "database", {"backup_retention_days": 10}),
    ("availability", "database", {"high_availability": True}),
    ("a parameter", "database", {"parameters": {"log_min_duration_statement": "250"}}),
    ("maintenance", "database", {"maintenance_window": {"start_time": "03:00", "days": ["sunday"]}}),
    ("eviction", "cache", {"eviction_policy": "allkeys-lfu"}),
    ("cache maintenance", "cache", {"maintenance_window": {"start_time": "04:00", "days": ["monday"]}}),
    ("a secret", "secret_store", {"secrets": [{"name": "signing-key"}, {"name": "webhook"}]}),
    ("a repository", "registry", {"repositories": [{"name": "inference"}, {"name": "training"}]}),
]
# What a cloud does not offer is refused by name and left out here.
NOT_OFFERED = {"azure": ("cache maintenance",)}
# Updates that change nothing on a cloud, and why.
SILENT = {
    "azure": ("a repository",),  # ACR makes a repository with its first image
}


@pytest.fixture
def site(cloud: str, sandbox: Sandbox) -> dict[str, Any]:
    """The services that only stores need are off in a new account."""
    return {**sites.site(cloud, sandbox), "enable_services": True}


def _change(parts: dict[str, Any], capability: str, options: dict[str, Any]) -> None:
    items = {"database": "servers", "cache": "instances"}.get(capability)
    (parts[capability][items][0] if items else parts[capability]).update(options)


def _acts(report: Any) -> dict[str, tuple[str, list[str]]]:
    return {
        f"{entry.kind}/{entry.name}": (entry.action.value, sorted(change.path for change in entry.changes))
        for entry in report.entries
        if entry.action.value != "none"
    }


def _plan_then_do(site: dict[str, Any], parts: dict[str, Any], **run: Any) -> dict[str, Any]:
    predicted = execute(sites.wanted(site, parts), sites.options(check=True, **run))
    done = execute(sites.wanted(site, parts), sites.options(**run))
    assert not done.failed, done.summary()
    assert _acts(predicted) == _acts(done)
    return _acts(done)


@pytest.mark.slow
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_predicted_actions_are_the_applied_ones(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    parts = sites.capabilities(sites.STORES)
    assert _plan_then_do(site, parts)
    silent = []
    for name, capability, options in UPDATES:
        if name in NOT_OFFERED.get(cloud, ()):
            continue
        _change(parts, capability, options)
        if not _plan_then_do(site, parts):
            silent.append(name)
        before = len(sandbox.journal(cloud))
        again = execute(sites.wanted(site, parts), sites.options())
        assert not again.changed, f"after {name!r}: {_acts(again)}"
        entries = sandbox.journal(cloud)[before:]
        assert [entry["operation"] for entry in entries if entry["write"]] == []
    assert silent == list(SILENT.get(cloud, ()))
    assert _plan_then_do(site, parts, state="absent")
    left = execute(sites.wanted(site, parts), sites.options(state="absent", find_orphans=True))
    assert not left.changed
    assert left.orphans == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_killed_run_is_finished_by_the_next(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    """Creation, then a rotation of everything that can be rotated."""
    sandbox.set_profile("realistic", scale=600.0, cloud=cloud)
    environment = sandbox.environment()
    rotated = sites.capabilities(sites.STORES, secret_store={"secrets": [{"name": "signing-key", "rotate": True}]})
    for capability in ("database", "cache"):
        _change(rotated, capability, {"rotate": True})
    request: dict[str, Any] = {"site": site, "capabilities": sites.STORES}
    began = time.monotonic()
    reference = process.finish(process.start(request, environment))
    assert not reference["failed"], reference["failed"]
    whole = time.monotonic() - began
    objects = {(entry["kind"], entry["name"]) for entry in reference["resources"]}
    moments = random.Random(22)  # noqa: S311 - a test's dice, the same every time
    for _ in range(4):
        sandbox.reset(cloud)
        for wanted in (sites.STORES, rotated):
            victim = process.start({**request, "capabilities": wanted}, environment)
            time.sleep(moments.uniform(0.2, 0.95) * whole)
            victim.kill()
            victim.communicate()
            rerun = process.finish(process.start({**request, "look": True}, environment))
            assert not rerun["failed"], rerun["failed"]
            assert {(entry["kind"], entry["name"]) for entry in rerun["resources"]} == objects
            look = rerun["look"]
            assert not look["changed"], [entry for entry in look["resources"] if entry["action"] != "none"]
            assert look["orphans"] == [], "made twice, or left over"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["throttle", "drop_after"])
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_bad_weather_costs_time_only(cloud: str, kind: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    sandbox.fault(cloud, times=-1, probability=0.125, seed=7, kind=kind)
    for _ in range(3):
        try:
            report = execute(sites.wanted(site, sites.STORES), sites.options())
        except CloudError:  # reading gave up; nothing was touched
            continue
        if not report.failed:
            break
    sandbox.clear_faults(cloud)
    report = execute(sites.wanted(site, sites.STORES), sites.options())
    assert not report.failed, report.summary()
    look = execute(sites.wanted(site, sites.STORES), sites.options(check=True, find_orphans=True))
    assert not look.changed
    assert look.orphans == []


REFUSED: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("database", {"storage_gb": 64, "storage_autogrow": False}, ("64", "128")),
    ("database", {"version": "13"}, ("13",)),
    ("database", {"backup_retention_days": 99}, ("backup_retention_days", "99")),
]


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_what_would_lose_data_is_refused_before_anything_is_touched(
    cloud: str, sandbox: Sandbox, site: dict[str, Any]
) -> None:
    parts = sites.capabilities({name: sites.STORES[name] for name in ("network", "secret_store", "database")})
    first = execute(sites.wanted(site, parts), sites.options())
    assert not first.failed, first.summary()
    before = len(sandbox.journal(cloud))
    for capability, options, words in REFUSED:
        bad = sites.capabilities(parts)
        _change(bad, capability, options)
        with pytest.raises(SpecError) as refused:
            execute(sites.wanted(site, bad), sites.options(allow_replace=True))
        assert all(word in str(refused.value) for word in words), str(refused.value)
    assert [entry["operation"] for entry in sandbox.journal(cloud)[before:] if entry["write"]] == []


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_in_production_an_interruption_needs_leave(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    site = {**site, "environment": "prod", "site": f"{cloud}-dev"}
    parts = sites.capabilities({name: sites.STORES[name] for name in ("network", "secret_store", "database")})
    first = execute(sites.wanted(site, parts), sites.options())
    assert not first.failed, first.summary()
    _change(parts, "database", {"size": "medium"})
    with pytest.raises(SpecError, match="allow_disruption"):
        execute(sites.wanted(site, parts), sites.options())
    planned = execute(sites.wanted(site, parts), sites.options(check=True, allow_disruption=True))
    assert [entry.action.value for entry in planned.entries if entry.disruptive] == ["update"]
    done = execute(sites.wanted(site, parts), sites.options(allow_disruption=True))
    assert not done.failed, done.summary()
    assert _acts(done) == _acts(planned)
