"""The playbooks as users run them, over all three emulated clouds: plan, roll out, repeat, repair, destroy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration import vendors
from tests.integration.playing import CLOUDS, ROOT, SITES, Platform, good, standing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with standing(tmp_path_factory.mktemp("platform")) as made:
        yield made


def acts(site: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """By object: the action and its changes. What a plan cannot know yet is told by the run."""
    return {
        f"{item['kind']} {item['name']}": (item["action"], [change["field"] for change in item["changes"]])
        for item in site["resources"]
        if item["action"] != "none"
    }


def changed(output: str) -> dict[str, int]:
    return {host: int(n) for host, n in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)}


def test_a_platform_from_its_plan_to_its_destruction(platform: Platform) -> None:
    """One story, because each part needs the one before."""
    platform.writes()
    good(platform.play("multicloud.platform.plan"))
    plan = platform.report("plan")
    assert set(plan["sites"]) == set(SITES)
    assert not any(platform.writes().values())

    good(platform.play("multicloud.platform.site"))
    for cloud, site in zip(CLOUDS, SITES, strict=True):
        report = platform.report(site)
        assert acts(report) == acts(plan["sites"][site]), site
        assert not vendors.differences(platform.stands(cloud), report), cloud
    platform.writes()

    again = good(platform.play(str(ROOT / "playbooks" / "site.yml"), "--diff"))  # by path this time
    assert changed(again) == dict.fromkeys(SITES, 0)
    assert platform.writes() == {cloud: [] for cloud in CLOUDS}

    wider = ["-e", json.dumps({"cluster_allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]})]
    shown = good(platform.play("multicloud.platform.plan", "--diff", *wider))
    assert shown.count("198.51.100.0/24") >= len(CLOUDS)
    predicted = platform.report("plan")
    assert not any(platform.writes().values())
    good(platform.play("multicloud.platform.site", *wider))
    for site in SITES:
        assert acts(platform.report(site)) == acts(predicted["sites"][site]) != {}, site

    one = good(platform.play("multicloud.platform.site", "--limit", "aws", "--tags", "object_store", *wider))
    assert list(changed(one)) == ["aws-dev"]
    assert {item["kind"].split(".")[1] for item in platform.report("aws-dev")["resources"]} <= {"s3", "kms"}

    platform.writes()
    refused = platform.play("multicloud.platform.destroy", "-e", "confirm=other")
    assert refused.returncode != 0
    assert not any(platform.writes().values())
    good(platform.play("multicloud.platform.destroy", "-e", "confirm=ml-platform"))
    for cloud in CLOUDS:
        assert platform.stands(cloud) == {}
    for site in SITES:
        assert platform.report(site)["orphans"] == []


def test_without_a_sandbox_the_inventory_says_what_to_do(platform: Platform) -> None:
    hidden = platform.sandbox.directory / "environment.json"
    hidden.rename(hidden.with_suffix(".away"))
    try:
        run = platform.play("multicloud.platform.plan", "--limit", "aws")
    finally:
        hidden.with_suffix(".away").rename(hidden)
    assert run.returncode != 0
    assert "make sandbox-up" in run.stdout + run.stderr


def test_people_get_a_context_for_every_site(platform: Platform) -> None:
    good(platform.play("multicloud.platform.site", "--tags", "network,cluster"))
    kubeconfig = platform.reports.parent / "kubeconfig"
    reach = ["multicloud.platform.access", "-e", f"access_path={kubeconfig}"]
    platform.writes()
    assert changed(good(platform.play(*reach, "--check"))) == dict.fromkeys(SITES, 1)
    assert not kubeconfig.exists()
    assert changed(good(platform.play(*reach))) == dict.fromkeys(SITES, 1)  # side by side, into one file
    written = yaml.safe_load(kubeconfig.read_text())
    assert {item["name"] for item in written["contexts"]} == set(SITES)
    assert all(item["cluster"]["server"].startswith("https://127.0.0.1:") for item in written["clusters"])
    assert changed(good(platform.play(*reach))) == dict.fromkeys(SITES, 0)
    assert not [
        operation for each in platform.writes().values() for operation in each if "ClusterUser" not in operation
    ]
    good(platform.play(*reach, "-e", "access_state=absent"))
    assert yaml.safe_load(kubeconfig.read_text())["users"] == []
