"""The playbooks as users run them, over all three emulated clouds: plan, roll out, repeat, repair, destroy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.fixture import Sandbox
from sandbox.lifecycle import Running, write_environment
from tests.integration import vendors

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
CLOUDS = ("aws", "gcp", "azure")
SITES = tuple(f"{cloud}-dev" for cloud in CLOUDS)

pytestmark = pytest.mark.slow


@dataclass
class Platform:
    """The sandbox inventory on a sandbox of its own."""

    sandbox: Sandbox
    collections: Path
    reports: Path
    seen: dict[str, int] = field(default_factory=dict)

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "AWS_", "AZURE_"))}
        return subprocess.run(
            [str(PLAYBOOK), "-i", str(ROOT / "inventories" / "sandbox"), playbook, *arguments],
            env={
                **kept,
                "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
                "ANSIBLE_LOCAL_TEMP": str(self.reports / "tmp"),
                "ANSIBLE_FORKS": "10",
                "SANDBOX_DIR": str(self.sandbox.directory),
                "PLATFORM_REPORT_DIR": str(self.reports),
            },
            cwd=self.reports.parent,  # not the checkout: nothing of it may be needed
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def report(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.reports / f"{name}.json").read_text()))

    def writes(self) -> dict[str, list[str]]:
        """Mutating requests since the last call, by cloud."""
        found = {}
        for cloud in CLOUDS:
            entries = self.sandbox.journal(cloud, since=self.seen.get(cloud, 0))
            self.seen[cloud] = max((entry["seq"] for entry in entries), default=self.seen.get(cloud, 0))
            found[cloud] = [entry["operation"] for entry in entries if entry["write"]]
        return found

    def stands(self, cloud: str) -> vendors.Found:
        """What the vendor's SDK finds."""
        return vendors.look(cloud, json.loads((self.sandbox.directory / "environment.json").read_text()))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    directory = tmp_path_factory.mktemp("platform")
    (directory / "reports").mkdir()
    link = directory / "collections" / "ansible_collections" / "multicloud" / "platform"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    with Sandbox(directory=directory / "sandbox") as sandbox:
        running = [
            Running(cloud, sandbox.pid(cloud), int(sandbox.url(cloud).rpartition(":")[2]), sandbox.url(cloud))
            for cloud in CLOUDS
        ]
        write_environment(running, sandbox.directory)
        yield Platform(sandbox, directory / "collections", directory / "reports")


def acts(site: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """By object: the action and its changes. What a plan cannot know yet is told by the run."""
    return {
        f"{item['kind']} {item['name']}": (item["action"], [change["field"] for change in item["changes"]])
        for item in site["resources"]
        if item["action"] != "none"
    }


def changed(output: str) -> dict[str, int]:
    return {host: int(n) for host, n in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)}


def good(run: subprocess.CompletedProcess[str]) -> str:
    told = [line for line in (run.stdout + run.stderr).splitlines() if "ERROR" in line or "FAILED" in line]
    assert run.returncode == 0, "\n".join(told)
    return run.stdout


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
