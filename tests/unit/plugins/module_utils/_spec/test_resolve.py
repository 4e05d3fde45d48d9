"""What specifications resolve to and what is refused: tables in tests/unit/cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_utils._engine.errors import SpecError
from module_utils._module import CAPABILITIES
from module_utils._spec.arguments import argument_spec, as_dict, build
from module_utils._spec.database import Database, DatabaseServer, former_name
from module_utils._spec.site import Site, check
from module_utils._spec.sizes import (
    CACHE_CLASSES,
    CACHE_MEMORY_GB,
    CLUSTER_SIZES,
    DATABASE_CLASSES,
    ENVIRONMENTS,
    MACHINES,
    environment_default,
)

TABLES = [Path(__file__).parents[3] / "cases" / name for name in ("spec.yml", "stores.yml", "workloads.yml")]
CASES = [case for table in TABLES for case in yaml.safe_load(table.read_text(encoding="utf-8"))]
# The list that a case's `one` is the only entry of.
LISTS = {"database": "servers", "cache": "instances", "secret_store": "secrets", "workload_identity": "workloads"}
SITE: dict[str, Any] = {
    "cloud": "aws",
    "region": "eu-central-1",
    "platform": "ml",
    "account": "123456789012",
    "site": "aws-dev",
}


def resolve(case: dict[str, Any]) -> Any:
    site = Site(**{**SITE, **case.get("site", {})})
    check(site.validate())
    if case["spec"] == "site":
        return site
    spec = CAPABILITIES[case["spec"]]
    params = {LISTS[case["spec"]]: [case["one"]]} if "one" in case else case["params"]
    validated = ArgumentSpecValidator(argument_spec(spec)).validate(params)
    assert validated.error_messages == []
    return build(spec, validated.validated_parameters).resolve(site)


def part_of(expected: Any, told: Any, where: str = "") -> None:
    if isinstance(expected, dict) and isinstance(told, dict):
        for name, value in expected.items():
            part_of(value, told[name], f"{where}.{name}")
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert len(told) == len(expected), f"{where}: {told}"
        for index, value in enumerate(expected):
            part_of(value, told[index], f"{where}[{index}]")
    else:
        assert told == expected, where


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['spec']}: {case['name']}")
def test_table(case: dict[str, Any]) -> None:
    if "problem" in case:
        with pytest.raises(SpecError, match=case["problem"]):
            resolve(case)
    else:
        told = as_dict(resolve(case))
        part_of(case["expect"], told[LISTS[case["spec"]]][0] if "one" in case else told)


def test_every_problem_is_told_at_once() -> None:
    params = {"node_pools": [{"name": "A"}, {"name": "b", "disk_size_gb": 1}], "version": "x"}
    with pytest.raises(SpecError) as refused:
        resolve({"spec": "cluster", "params": params})
    for words in ("nothing was touched", "node_pools.A", "disk_size_gb 1", "cluster.version", "allowed_cidrs"):
        assert words in str(refused.value)


def test_resolving_twice_changes_nothing() -> None:
    for case in CASES:
        if case["spec"] != "site" and "expect" in case:
            once = resolve(case)
            assert once.resolve(Site(**{**SITE, **case.get("site", {})})) == once, case["name"]


def test_environments_decide_the_same_things() -> None:
    assert len({frozenset(table) for table in ENVIRONMENTS.values()}) == 1
    assert environment_default("prod", "deletion_protection") is True


def test_every_cloud_has_a_machine_for_every_class() -> None:
    classes = {table["size"] for table in CLUSTER_SIZES.values()} | {"gpu"}
    assert all(machines.keys() == classes for machines in MACHINES.values())


def test_every_cloud_has_a_class_for_every_size_of_a_store() -> None:
    sizes = {"small", "medium", "large"}
    assert CACHE_MEMORY_GB.keys() == sizes
    for classes in (DATABASE_CLASSES, CACHE_CLASSES):
        assert classes.keys() == MACHINES.keys()
        assert all(table.keys() == sizes for table in classes.values())


def test_a_former_server_has_a_legal_name_of_its_own() -> None:
    longest = former_name("a" * 30, "b" * 30)
    assert longest != former_name("a" * 30, "c" * 30)
    for name in (longest, former_name("main", "main-restored"), former_name("a-b-c", "d")):
        Database((DatabaseServer(name),)).resolve(Site(**SITE))


def test_ownership_tags_always_win() -> None:
    site = Site(**{**SITE, "tags": {"team": "ml"}})
    assert site.all_tags == {"team": "ml", **site.owner.tags()}
    assert Site(**{**SITE, "site": None}).name == "aws-dev"
    assert site.base == "ml-aws-dev"
