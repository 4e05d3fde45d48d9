"""Whole `ansible-playbook` runs over the fake cloud: what people see while sites are rolled out, and afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import Any

import pytest

from ..conftest import Playbooks

ROLLOUT, PLAN, DESTROY, BACKUP, RESTORE = (
    f"multicloud.platform.{name}" for name in ("site", "plan", "destroy", "backup", "restore")
)
SITES = ("aws-dev", "gcp-dev", "azure-dev")


def recap(output: str) -> dict[str, dict[str, int]]:
    """Ansible's own counts by host."""
    found = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.MULTILINE)
    return {host: {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", line)} for host, line in found}


def report(playbooks: Playbooks, name: str) -> dict[str, Any]:
    return dict(json.loads((playbooks.reports / f"{name}.json").read_text()))


def actions(site: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    return {item["name"]: (item["action"], item["changes"]) for item in site["resources"]}


def test_roll_out_plan_and_destroy(playbooks: Playbooks) -> None:
    plan = playbooks.run(PLAN)
    assert plan.returncode == 0, plan.stdout
    assert not any(playbooks.state(site) for site in SITES)
    assert "7 to create" in plan.stdout
    predicted = report(playbooks, "plan")

    first = playbooks.run(ROLLOUT)
    assert first.returncode == 0, first.stdout
    assert "\x1b" not in first.stdout  # a log, not a terminal
    for site in SITES:
        assert len(playbooks.state(site)) == 7
        assert actions(predicted["sites"][site]) == actions(report(playbooks, site))
        assert re.search(rf"^{site}\s+0\.\ds  created        fake.vpc mlp-{site}-net$", first.stdout, re.MULTILINE)
    html = (playbooks.reports / "timeline.html").read_text()
    assert all(f">{site}<" in html for site in SITES)  # all hosts know that they are one run

    again = playbooks.run(ROLLOUT)
    assert {host: counts["changed"] for host, counts in recap(again.stdout).items()} == dict.fromkeys(SITES, 0)
    assert "created" not in again.stdout

    refused = playbooks.run(DESTROY, "-e", "confirm=something-else")
    assert refused.returncode != 0
    assert "Nothing was touched. The platform is named 'mlp', and the name given is 'something-else'." in refused.stdout
    unanswered = playbooks.run(DESTROY)
    assert unanswered.returncode != 0
    assert "no name was given" in unanswered.stdout
    assert all(len(playbooks.state(site)) == 7 for site in SITES)

    gone = playbooks.run(DESTROY, "-e", "confirm=mlp")
    assert gone.returncode == 0, gone.stdout
    assert not any(playbooks.state(site) for site in SITES)


def test_lines_appear_while_the_task_runs(playbooks: Playbooks) -> None:
    process = subprocess.Popen(
        playbooks.command(ROLLOUT, "--limit", "aws"),
        cwd=playbooks.directory,
        env=playbooks.environment(FAKE_SECONDS="3", PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen: dict[str, float] = {}
    for line in process.stdout:
        for mark in ("creating       fake.cluster", "created        fake.cluster", "changed: [aws-dev]"):
            if mark in line:
                seen[mark] = time.monotonic()
    assert process.wait() == 0
    announced, made, over = seen.values()
    assert made - announced > 1.0  # announced a second after its beginning, ready after three
    assert over - made > 2.0  # the pool took three more


def test_one_failed_site_tells_why_and_the_others_go_on(playbooks: Playbooks) -> None:
    run = playbooks.run(ROLLOUT, FAKE_FAIL="mlp-gcp-dev-k8s")
    assert run.returncode == 2
    assert {host: counts["failed"] for host, counts in recap(run.stdout).items()} == {
        "aws-dev": 0,
        "gcp-dev": 1,
        "azure-dev": 0,
    }
    assert re.search(r"^gcp-dev .*create FAILED  fake.cluster mlp-gcp-dev-k8s  .*no capacity", run.stdout, re.MULTILINE)
    assert "gcp-dev (gcp here project): FAILED" in run.stdout
    assert report(playbooks, "gcp-dev")["counts"]["failed"] == 1
    assert len(playbooks.state("azure-dev")) == 7
    repaired = playbooks.run(ROLLOUT)
    assert repaired.returncode == 0
    assert {host: counts["changed"] for host, counts in recap(repaired.stdout).items()} == {
        "aws-dev": 0,
        "gcp-dev": 1,
        "azure-dev": 0,
    }


def test_what_stops_a_site_before_anything_is_touched_is_reported(playbooks: Playbooks) -> None:
    playbooks.inventory["all"]["children"]["gcp"]["hosts"]["gcp-dev"]["cluster_version"] = "one"
    run = playbooks.run(ROLLOUT, "--limit", "gcp")
    assert run.returncode == 2
    assert "nothing was touched" in run.stdout
    assert report(playbooks, "gcp-dev")["msg"].count("'one' is not a Kubernetes version") == 1


@pytest.mark.parametrize("accident", ["os.kill(os.getpid(), 9)", "raise SystemError('lost')", "sys.exit(0)"])
def test_a_module_that_dies_is_never_taken_for_one_with_nothing_to_do(playbooks: Playbooks, accident: str) -> None:
    utils = playbooks.directory / "ansible_collections/multicloud/platform/plugins/module_utils"
    (utils / "_capability.py").write_text(f"import os, sys\ndef driver(site, clock):\n    {accident}\n")
    run = playbooks.run(ROLLOUT, "--limit", "aws")
    assert run.returncode == 2
    assert recap(run.stdout)["aws-dev"]["failed"] == 1
    assert report(playbooks, "aws-dev")["failed"]
    assert report(playbooks, "aws-dev")["msg"]


def test_a_module_that_cannot_even_start_fails(playbooks: Playbooks) -> None:
    run = playbooks.run(ROLLOUT, "--limit", "aws", "-e", "site_python=/no/such/python")
    assert run.returncode == 2
    assert "interpreter" in report(playbooks, "aws-dev")["msg"]  # each release of Ansible words it differently


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        (("--tags", "network"), {"fake.vpc", "fake.subnet"}),
        (("--tags", "network,object_store"), {"fake.vpc", "fake.subnet", "fake.bucket"}),
        (("--skip-tags", "cluster"), {"fake.vpc", "fake.subnet", "fake.bucket"}),
        (("--tags", "mesh"), set()),
    ],
)
def test_tags_choose_capabilities(playbooks: Playbooks, arguments: tuple[str, ...], kinds: set[str]) -> None:
    run = playbooks.run(ROLLOUT, "--limit", "aws", *arguments)
    assert run.returncode == 0, run.stdout
    assert {key.partition("/")[0] for key in playbooks.state("aws-dev")} == kinds
    assert not playbooks.state("gcp-dev")


@pytest.mark.parametrize("role", ["network", "object_store"])
def test_roles_of_one_capability(playbooks: Playbooks, role: str) -> None:
    (playbooks.directory / "one.yml").write_text(
        f"- hosts: all\n  connection: local\n  gather_facts: false\n"
        f"  vars: {{ansible_python_interpreter: '{{{{ ansible_playbook_python }}}}'}}\n"
        f"  roles: [multicloud.platform.{role}]\n"
    )
    run = playbooks.run("one.yml", "--limit", "aws")
    assert run.returncode == 0, run.stdout
    kinds = {"network": {"fake.vpc", "fake.subnet"}, "object_store": {"fake.bucket"}}
    assert {key.partition("/")[0] for key in playbooks.state("aws-dev")} == kinds[role]


def test_workload_identities_alone(playbooks: Playbooks) -> None:
    variables = playbooks.inventory["all"]["vars"]
    variables["workload_identity_workloads"] = [{"name": "serving", "buckets": [{"name": "models"}]}]
    assert playbooks.run(ROLLOUT, "--limit", "aws").returncode == 0
    made = playbooks.state("aws-dev")
    assert "fake.identity/mlp-aws-dev-serving" in made
    variables["workload_identity_workloads"][0]["state"] = "absent"
    assert playbooks.run(ROLLOUT, "--limit", "aws", "--tags", "workload_identity").returncode == 0
    assert made.keys() - playbooks.state("aws-dev").keys() == {"fake.identity/mlp-aws-dev-serving"}


def test_variable_without_effect_is_an_error(playbooks: Playbooks) -> None:
    playbooks.inventory["all"]["vars"]["cluster_sise"] = "large"
    run = playbooks.run(PLAN, "--limit", "aws")
    assert run.returncode == 2
    assert "cluster_sise would have no effect. Did you mean cluster_size?" in run.stdout + run.stderr
    playbooks.inventory["all"]["vars"]["platform_other_variables"] = ["cluster_sise"]
    assert playbooks.run(PLAN, "--limit", "aws").returncode == 0


def test_orphans_fail_the_destruction(playbooks: Playbooks) -> None:
    assert playbooks.run(ROLLOUT, "--limit", "aws").returncode == 0
    state = playbooks.directory / "cloud" / "aws-dev.json"
    left = {"body": {}, "tags": {}, "ready_at": 0}
    state.write_text(json.dumps({**json.loads(state.read_text()), "fake.disk/left": left}))
    run = playbooks.run(DESTROY, "--limit", "aws", "-e", "confirm=mlp")
    assert run.returncode == 2
    assert "  ? fake.disk left (id-left)" in run.stdout
    assert "1 objects with this site's tags are left behind: fake.disk left." in run.stdout
    assert list(playbooks.state("aws-dev")) == ["fake.disk/left"]


def test_module_defaults_and_a_progress_file_of_ones_own(playbooks: Playbooks) -> None:
    (playbooks.directory / "direct.yml").write_text(
        """
- hosts: aws
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  module_defaults:
    group/multicloud.platform.all: {platform: other, cloud: aws, region: here, account: "123456789012"}
  tasks:
    - multicloud.platform.network:
        network: {addresses: {aws-dev: 0}}
        progress_file: events.jsonl
"""
    )
    run = playbooks.run("direct.yml")
    assert run.returncode == 0, run.stdout
    events = [json.loads(line) for line in (playbooks.directory / "events.jsonl").read_text().splitlines()]
    assert {event["name"] for event in events} >= {"other-aws-dev-net"}
    assert "created        fake.vpc other-aws-dev-net" in run.stdout


def test_live_lines_can_be_turned_off(playbooks: Playbooks) -> None:
    run = playbooks.run(ROLLOUT, "--limit", "aws", "-e", "platform_progress=false")
    assert run.returncode == 0
    assert "created        fake.vpc" not in run.stdout
    assert "+ create   fake.vpc" in run.stdout


@pytest.fixture
def stores(playbooks: Playbooks) -> Playbooks:
    """Three sites with a database each."""
    playbooks.inventory["all"]["vars"]["database_servers"] = [{"name": "main"}]
    playbooks.inventory["all"]["vars"]["cache_instances"] = [{"name": "sessions"}]
    rollout = playbooks.run(ROLLOUT)
    assert rollout.returncode == 0, rollout.stdout
    return playbooks


def test_back_up_all_sites_and_bring_one_back(stores: Playbooks) -> None:
    backup = stores.run(BACKUP, "-e", "platform_rpo_minutes=60", "-e", "platform_rpo_required=true")
    assert backup.returncode == 0, backup.stdout
    labels = {report(stores, f"{site}-backup")["outputs"]["label"] for site in SITES}
    assert len(labels) == 1  # one label for the whole platform
    label = labels.pop()
    found = report(stores, "aws-dev-backup")
    assert found["mode"] == "backup"
    assert found["details"]["within_rpo"] is True
    assert "backed up" in backup.stdout
    assert re.search(r"database main: restorable to \S+ ago, kept 7 days, within the objective", backup.stdout)
    assert recap(stores.run(BACKUP, "-e", f"backup_label={label}").stdout)["aws-dev"]["changed"] == 0
    assert report(stores, "aws-dev")["mode"] == "apply"  # the rollout's report stays

    unsaid = stores.run(RESTORE, "--limit", "aws-dev", "-e", "restore_server=main")
    assert unsaid.returncode == 2
    assert "-e restore_as=<name of the new server>" in unsaid.stdout
    words = ("-e", "restore_server=main", "-e", "restore_as=main-restored", "-e", f"restore_label={label}")
    restore = stores.run(RESTORE, "--limit", "aws-dev", *words, "-e", "restore_promote=true")
    assert restore.returncode == 0, restore.stdout
    assert "verified main answers as version 16.4" in restore.stdout
    assert "promoted, its predecessor is main-before-main-restored" in restore.stdout
    done = report(stores, "aws-dev-restore")
    assert done["details"]["promoted"] is True
    assert done["details"]["restore_seconds"] >= 0
    assert done["details"]["data_age_seconds"] >= 0
    again = stores.run(ROLLOUT)
    assert {host: counts["changed"] for host, counts in recap(again.stdout).items()} == dict.fromkeys(SITES, 0)


def test_an_objective_that_is_missed_fails_when_asked_to(stores: Playbooks) -> None:
    stores.inventory["all"]["vars"]["database_servers"].append({"name": "never-made"})
    look = ("-e", "backup_take=false", "-e", "platform_rpo_minutes=60", "--limit", "aws-dev")
    told = stores.run(BACKUP, *look)
    assert told.returncode == 0, told.stdout
    assert "database never-made: nothing to restore, NOT WITHIN THE OBJECTIVE" in told.stdout
    failed = stores.run(BACKUP, *look, "-e", "platform_rpo_required=true")
    assert failed.returncode == 2
    assert "More than 60 minutes would be lost of: never-made." in failed.stdout


def test_a_backup_that_fails_is_told(stores: Playbooks) -> None:
    run = stores.run(BACKUP, "-e", "backup_label=NOT_LEGAL", "--limit", "aws-dev")
    assert run.returncode == 2
    assert "label: 'NOT_LEGAL' must be 1 to 40" in run.stdout.replace("\n  ", " ")
    assert report(stores, "aws-dev-backup")["failed"]
