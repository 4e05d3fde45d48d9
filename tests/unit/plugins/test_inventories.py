"""The inventories that come along say nothing that a cloud refuses: every site is built, up to the first call."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_utils._capability import driver
from module_utils._engine.clock import SystemClock
from module_utils._engine.graph import Graph
from module_utils._inside import BLOCKS
from module_utils._inside import arguments as inside
from module_utils._module import CAPABILITIES, arguments, wanted
from module_utils._run import Options, _build, _resolved
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

ROOT = Path(__file__).resolve().parents[3]


def hosts(inventory: str) -> dict[str, dict[str, Any]]:
    """The variables of every site, as Ansible merges them. Templates stay as they are."""
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", inventory, "--list"]
    listed = subprocess.run(command, cwd=ROOT, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, check=True)
    return dict(json.loads(listed.stdout)["_meta"]["hostvars"])


def blocks(variables: dict[str, Any], names: Iterable[str] = CAPABILITIES) -> dict[str, Any]:
    """What the lookup `block` makes of them."""
    found = {
        name: {key.removeprefix(f"{name}_"): value for key, value in variables.items() if key.startswith(f"{name}_")}
        for name in names
    }
    return {name: block for name, block in found.items() if block}


@pytest.mark.parametrize("inventory", ["inventories/example", "inventories/sandbox"])
def test_every_site_of_an_inventory_can_be_built(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "unused")
    sites = hosts(inventory)
    assert {variables["site_cloud"] for variables in sites.values()} == {"aws", "gcp", "azure"}
    for name, variables in sites.items():
        params = {
            "cloud": variables["site_cloud"],
            "region": variables["site_region"],
            "account": variables["site_account"],
            "platform": variables["platform_name"],
            "environment": variables["platform_environment"],
            "site": name,
            **blocks(variables),
        }
        assert CAPABILITIES.keys() <= params.keys(), name
        checked = ArgumentSpecValidator(arguments("site")).validate(params)
        assert checked.error_messages == [], name
        asked = wanted("site", checked.validated_parameters)
        built = _build(driver(asked.site, SystemClock()), asked, _resolved(asked), Options())
        graph = Graph(resource for part in built.values() for resource in part.resources)
        assert len(graph.resources) > 30, name


@pytest.mark.parametrize("inventory", ["inventories/example", "inventories/sandbox"])
def test_what_runs_in_the_clusters_of_an_inventory_can_be(inventory: str) -> None:
    for name, variables in hosts(inventory).items():
        site = {"platform": variables["platform_name"], "environment": variables["platform_environment"], "site": name}
        site |= {key: variables[f"site_{key}"] for key in ("cloud", "region", "account")}
        given = json.loads(re.sub(r"{{.*?}}", "1", json.dumps(blocks(variables, BLOCKS))))  # templates of versions
        assert "application" in given
        for module, block in given.items():
            checked = ArgumentSpecValidator(inside(module)).validate({**site, module: block})
            assert checked.error_messages == [], name
            resolved: Any = build(BLOCKS[module], checked.validated_parameters[module]).resolve(build(Site, site))
            assert module != "application" or [service.name for service in resolved.services] == ["ml-inference"]
