"""The modules of kubernetes.core, unmodified, in one playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from tests.sandbox.kubernetes_support import ADMIN, deployment, running

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
_SCALE = {"kind": "Deployment", "name": "web", "namespace": "modules", "replicas": 3, "wait": False}
# Name of the task, module, arguments, whether it has to change something.
_TASKS: list[tuple[str, str, dict[str, Any], bool]] = [
    ("namespace", "k8s", {"kind": "Namespace", "name": "modules"}, True),
    ("create", "k8s", {"definition": _MAP, "validate": {"fail_on_error": True, "strict": True}}, True),
    ("again", "k8s", {"definition": _MAP}, False),
    ("patch", "k8s", {"definition": _CHANGED}, True),
    (
        "client-side",
        "k8s",
        {"definition": {**_MAP, "metadata": {**_MAP["metadata"], "name": "b"}}, "apply": True},
        True,
    ),
    (
        "apply",
        "k8s",
        {"definition": _MAP, "server_side_apply": {"field_manager": "m", "force_conflicts": True}, "apply": True},
        True,
    ),
    ("apply again", "k8s", {"definition": _MAP, "server_side_apply": {"field_manager": "m"}, "apply": True}, False),
    ("deployment", "k8s", {"definition": deployment(), "namespace": "modules"}, True),
    ("deployment again", "k8s", {"definition": deployment(), "namespace": "modules"}, False),
    ("scale", "k8s_scale", _SCALE, True),
    ("info", "k8s_info", {"kind": "Deployment", "api_version": "apps/v1", "namespace": "modules"}, False),
    ("remove", "k8s", {"kind": "Namespace", "name": "modules", "state": "absent", "wait": True}, True),
    ("removed", "k8s", {"kind": "Namespace", "name": "modules", "state": "absent"}, False),
]


def test_modules() -> None:
    """Create, change, apply, scale, inform, remove: changed exactly when something was."""
    with running() as cluster:
        auth = {"host": cluster.server.url, "ca_cert": str(cluster.server.ca_file), "api_key": ADMIN}
        tasks = [{"name": name, f"kubernetes.core.{module}": arguments} for name, module, arguments, _ in _TASKS]
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "module_defaults": {"group/kubernetes.core.k8s": auth},
            "tasks": tasks,
        }
        book = cluster.directory / "play.yml"
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
            cwd=cluster.directory,
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
    assert results["info"]["resources"][0]["spec"]["replicas"] == 3
