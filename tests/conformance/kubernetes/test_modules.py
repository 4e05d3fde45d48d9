"""The modules of kubernetes.core, unmodified, in one playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.kubernetes_support import ADMIN, Running, deployment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ansible_collections") is None, reason="kubernetes.core is not installed"),
]
_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "modules"},
    "data": {"a": "1"},
}
_CHANGED = {**_MAP, "data": {"a": "2"}}
_WEB = {"definition": deployment(), "namespace": "modules"}
_WAIT = {"wait": True, "wait_sleep": 1, "wait_timeout": 20}
_SCALE = {"kind": "Deployment", "name": "web", "namespace": "modules", "replicas": 3, **_WAIT}
_FORCED = {"field_manager": "m", "force_conflicts": True}
# Name of the task, module, arguments, whether it has to change something.
_TASKS: list[tuple[str, str, dict[str, Any], bool]] = [
    ("namespace", "k8s", {"kind": "Namespace", "name": "modules"}, True),
    ("create", "k8s", {"definition": _MAP, "validate": {"fail_on_error": True, "strict": True}}, True),
    ("apply", "k8s", {"definition": _CHANGED, "server_side_apply": _FORCED, "apply": True}, True),
    ("apply again", "k8s", {"definition": _CHANGED, "server_side_apply": {"field_manager": "m"}, "apply": True}, False),
    ("deployment", "k8s", {**_WEB, **_WAIT}, True),
    ("scale", "k8s_scale", _SCALE, True),
    ("info", "k8s_info", {"kind": "Deployment", "api_version": "apps/v1", "namespace": "modules"}, False),
    ("log", "k8s_log", {"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "modules"}, False),
    ("remove", "k8s", {"kind": "Namespace", "name": "modules", "state": "absent", "wait": True}, True),
]


def test_modules(site: Running, tmp_path: Path) -> None:
    """Create, change, apply, wait, scale, inform, remove: changed exactly when something was."""
    auth = {"host": site.server.url, "ca_cert": str(site.server.ca_file), "api_key": ADMIN}
    tasks = [{"name": name, f"kubernetes.core.{module}": arguments} for name, module, arguments, _ in _TASKS]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/kubernetes.core.k8s": auth},
        "tasks": tasks,
    }
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([play]))
    environment = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", str(book)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    results = {one["task"]["name"]: one["hosts"]["localhost"] for one in report["plays"][0]["tasks"]}
    failed = {name: one.get("msg") for name, one in results.items() if one.get("failed")}
    assert failed == {}
    assert {name: one["changed"] for name, one in results.items()} == {name: last for name, _, _, last in _TASKS}
    shown = results["info"]["resources"][0]
    assert (shown["spec"]["replicas"], shown["status"]["readyReplicas"]) == (3, 3)
