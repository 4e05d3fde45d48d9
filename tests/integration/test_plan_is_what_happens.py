"""What a plan predicts is exactly what the run then does: creation, a dozen different updates, removal."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites

GENERAL = {"name": "general", "min_size": 2, "max_size": 4}
BATCH = {"name": "batch", "min_size": 0, "max_size": 3, "labels": {"tier": "batch"}}
MODELS = {"name": "models"}
LOGS = {"name": "logs", "lifecycle_rules": [{"name": "expire", "expire_after_days": 90}]}

# Each on top of the ones before: what changes, and how many clouds can be told apart by it is up to the clouds.
UPDATES: list[tuple[str, dict[str, Any]]] = [
    ("data port", {"network": {"data_ports": [5432]}}),
    ("flow logs", {"network": {"flow_logs": True}}),
    ("NAT per zone", {"network": {"high_availability": True}}),
    ("allowed ranges", {"cluster": {"allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]}}),
    ("pool maximum", {"cluster": {"node_pools": [{**GENERAL, "max_size": 6}, BATCH]}}),
    ("pool labels", {"cluster": {"node_pools": [{**GENERAL, "max_size": 6}, {**BATCH, "labels": {"tier": "b2"}}]}}),
    (
        "pool taints",
        {
            "cluster": {
                "node_pools": [
                    {**GENERAL, "max_size": 6},
                    {**BATCH, "labels": {"tier": "b2"}, "taints": [{"key": "batch", "value": "yes"}]},
                ]
            }
        },
    ),
    ("pool gone", {"cluster": {"node_pools": [{**GENERAL, "max_size": 6}, {**BATCH, "state": "absent"}]}}),
    ("control plane logs", {"cluster": {"control_plane_logs": ["api", "audit"]}}),
    ("bucket lifecycle", {"object_store": {"buckets": [MODELS, {**LOGS, "lifecycle_rules": [
        {"name": "expire", "expire_after_days": 30}]}]}}),
    ("bucket versioning", {"object_store": {"buckets": [
        {**MODELS, "versioning": False, "lifecycle_rules": []},
        {**LOGS, "versioning": False, "lifecycle_rules": [{"name": "expire", "expire_after_days": 30}]}]}}),
    ("bucket gone", {"object_store": {"buckets": [
        {**MODELS, "versioning": False, "lifecycle_rules": []},
        {**LOGS, "state": "absent"}]}}),
    ("tags", {}),
]  # fmt: skip


def _acts(report: Any) -> dict[str, tuple[str, list[str]]]:
    """By object: the action and the fields."""
    return {
        f"{entry['kind']}/{entry['name']}": (entry["action"], sorted(change["field"] for change in entry["changes"]))
        for entry in report.as_dict()["resources"]
        if entry["action"] != "none"
    }


def _plan_then_do(site: dict[str, Any], parts: dict[str, Any], **run: Any) -> dict[str, Any]:
    """Plan, do, compare; returns what was done."""
    predicted = execute(sites.wanted(site, parts), sites.options(check=True, **run))
    done = execute(sites.wanted(site, parts), sites.options(**run))
    assert not done.failed, done.summary()
    assert _acts(predicted) == _acts(done)
    return _acts(done)


@pytest.mark.slow
@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_predicted_actions_are_the_applied_ones(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    parts = sites.capabilities()
    assert _plan_then_do(site, parts)
    silent = []
    for name, changes in UPDATES:
        for capability, options in changes.items():
            parts[capability].update(options)
        if name == "tags":
            site = {**site, "tags": {"cost-centre": "ml-42"}}
        if not _plan_then_do(site, parts):
            silent.append(name)
        again = execute(sites.wanted(site, parts), sites.options())
        assert not again.changed, f"after {name!r}: {_acts(again)}"
    # A cloud may have nothing to change for one or two of these; a dozen must show.
    assert len(UPDATES) - len(silent) >= 12 - len(ALLOWED_SILENT.get(cloud, ())), silent
    assert set(silent) <= set(ALLOWED_SILENT.get(cloud, ())), silent
    assert _plan_then_do(site, parts, state="absent")
    left = execute(sites.wanted(site, parts), sites.options(state="absent", find_orphans=True))
    assert not left.changed
    assert left.orphans == []


# Updates that change nothing on a cloud, and why.
ALLOWED_SILENT: dict[str, tuple[str, ...]] = {
    "gcp": ("NAT per zone",),  # Cloud NAT is regional: it survives the loss of a zone as it is
}


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_an_unchanged_site_costs_no_write(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    parts = sites.capabilities()
    first = execute(sites.wanted(site, parts), sites.options())
    assert not first.failed, first.summary()
    before = len(sandbox.journal(cloud))
    again = execute(sites.wanted(site, parts), sites.options())
    assert not again.changed, _acts(again)
    entries = sandbox.journal(cloud)[before:]
    assert [entry for entry in entries if entry["write"]] == []
    managed = len(again.entries)
    assert len(entries) <= BUDGET * managed, f"{len(entries)} calls for {managed} objects"


# Calls per managed object that an unchanged run may take: most objects come in lists, some need a call or two.
BUDGET = 2.0
