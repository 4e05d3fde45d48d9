"""The playbooks verify and load over two sites: one that is as it should be, one that is not there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as XML

import pytest
import yaml
from module_utils._capability import driver as driver_for
from module_utils._engine.clock import SystemClock
from module_utils._kubernetes.client import Client
from module_utils._kubernetes.objects import Ref
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import serving, sites
from tests.integration.playing import PLAYBOOK, ROOT
from tests.sandbox.kubernetes_support import eventually

pytestmark = pytest.mark.slow


@dataclass
class Sites:
    """An inventory of both."""

    play: Callable[..., subprocess.CompletedProcess[str]]
    reports: Path


@pytest.fixture
def platform(cloud: str, sandbox: Sandbox, site: dict[str, Any], tmp_path: Path) -> Sites:
    """A cluster with the application in it, and an inventory with this site and one without a cluster."""
    wanted = sites.wanted(site, {name: sites.CAPABILITIES[name] for name in ("network", "cluster")})
    assert not execute(wanted, sites.options()).failed
    clock = SystemClock()
    client = Client(driver_for(wanted.site, clock).access(), clock)
    here = (cloud, site["region"])
    for manifest in serving.manifests(*here):
        client.apply(manifest)
    ref = Ref("apps/v1", "Deployment", "ml-inference", serving.NAMESPACE)
    eventually(lambda: client.get(ref).get("status", {}).get("readyReplicas") == 2, 60)

    variables: dict[str, Any] = {f"site_{name}": value for name, value in site.items() if name != "platform" and value}
    name = f"{cloud}-dev"
    variables |= {
        "platform_name": "ml-platform",
        "platform_report_dir": str(tmp_path / "reports"),
        "verify_nodes": {"ready": 2, "pools": [{"name": "general", "ready": 2}]},
        "verify_namespaces": [{"name": serving.NAMESPACE}],
        "verify_applications": [serving.application(*here)],
        "verify_retry_timeout": 5,
        "load_seconds": 1,
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {name: {}, f"{cloud}-gone": {}}, "vars": variables}}))
    link = tmp_path / "collections" / "ansible_collections" / "multicloud" / "platform"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)

    def play(playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        return subprocess.run(
            [str(PLAYBOOK), "-i", str(inventory), playbook, *arguments],
            env={
                **kept,
                "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
                "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return Sites(play, tmp_path / "reports")


@pytest.mark.parametrize("cloud", ["gcp"])
def test_all_sites_are_verified_and_told_before_one_of_them_fails_the_play(platform: Sites, cloud: str) -> None:
    there, gone = f"{cloud}-dev", f"{cloud}-gone"
    run = platform.play("multicloud.platform.verify")
    assert run.returncode != 0
    assert f"{there} (" in run.stdout, run.stdout + run.stderr
    assert "request ml-inference predict" in run.stdout
    assert "FAILED  cluster" in run.stdout
    told = json.loads((platform.reports / "verify.json").read_text())
    assert [told["sites"][name]["failed"] for name in (there, gone)] == [False, True]
    rows = told["sites"][there]["details"]["checks"]
    assert all(row["ok"] for row in rows), rows
    assert {"site", "check", "ok", "detail", "seconds"} == set(rows[0])
    assert told["sites"][there]["details"]["latencies"]["ml-inference"]["predict"]["samples"] == 5
    assert [row["check"] for row in told["sites"][gone]["details"]["checks"]] == ["cluster"]

    suites = XML.fromstring((platform.reports / "verify.xml").read_text())  # noqa: S314 - ours
    assert {suite.get("name"): suite.get("failures") for suite in suites} == {there: "0", gone: "1"}
    assert suites.get("tests") == str(len(rows) + 1)
    assert [case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None] == ["cluster"]

    if importlib.util.find_spec("locust") is None:  # not imported: it changes the sockets of this very process
        return
    run = platform.play("multicloud.platform.load", "-vvv", "--limit", there)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "changed=0" in run.stdout
    loads = json.loads((platform.reports / "load.json").read_text())["sites"]
    assert [row["request"] for row in loads[there]["details"]["loads"]] == ["health", "predict", None]
    assert "0.0 %" in run.stdout
    assert "Bearer" not in run.stdout + run.stderr
