"""The roles' own documentation agrees with what they pass on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from module_utils._day_two import TAKES as DAY_TWO
from module_utils._day_two import arguments as day_two_arguments
from module_utils._inside import BLOCKS
from module_utils._inside import arguments as inside_arguments
from module_utils._module import CAPABILITIES, arguments

ROLES = Path(__file__).resolve().parents[3] / "roles"


def options(role: str) -> dict[str, Any]:
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())
    return {name: option for entry in specs["argument_specs"].values() for name, option in entry["options"].items()}


@pytest.mark.parametrize("role", [*CAPABILITIES, *BLOCKS])
def test_a_capability_role_names_every_option_of_its_block(role: str) -> None:
    block = (inside_arguments(role) if role in BLOCKS else arguments(role))[role]["options"]
    described = {name.removeprefix(f"{role}_"): option for name, option in options(role).items()}
    assert set(described) == set(block)
    for name, option in block.items():
        assert described[name]["type"] == option["type"], name
        assert described[name].get("elements") == option.get("elements"), name
        assert described[name].get("choices") == option.get("choices"), name


def test_the_site_role_passes_every_option_of_the_module() -> None:
    block = yaml.safe_load((ROLES / "site" / "tasks" / "main.yml").read_text())[0]
    task = block["block"][0]["multicloud.platform.site"]
    # progress_file: the action plugin makes one of its own
    assert set(task) == set(arguments("site")) - {"progress_file"}


@pytest.mark.parametrize("module", list(DAY_TWO))
def test_the_day_two_tasks_pass_every_option(module: str) -> None:
    # progress_file: the action plugin makes one of its own
    path = ROLES / "site" / "tasks" / f"{module.removesuffix('_info')}.yml"
    tasks = yaml.safe_load(path.read_text())[0]["block"]
    passed = next(task[f"multicloud.platform.{module}"] for task in tasks if f"multicloud.platform.{module}" in task)
    assert set(passed) == set(day_two_arguments(module)) - {"progress_file"}


@pytest.mark.parametrize("module", list(BLOCKS))
def test_the_tasks_inside_of_clusters_pass_every_option(module: str) -> None:
    tasks = yaml.safe_load((ROLES / "site" / "tasks" / f"{module}.yml").read_text())[0]["block"]
    passed = next(task[f"multicloud.platform.{module}"] for task in tasks if f"multicloud.platform.{module}" in task)
    assert set(passed) == set(inside_arguments(module)) - {"progress_file"}


def test_defaults_of_the_site_role_are_documented() -> None:
    defaults = yaml.safe_load((ROLES / "site" / "defaults" / "main.yml").read_text())
    assert set(defaults) <= set(options("site"))


@pytest.mark.parametrize("role", ["site", *CAPABILITIES, *BLOCKS])
def test_readme_names_every_variable(role: str) -> None:
    text = (ROLES / role / "README.md").read_text()
    assert [name for name in options(role) if f"`{name}`" not in text] == []
