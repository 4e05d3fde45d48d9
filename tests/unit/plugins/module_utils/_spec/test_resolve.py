"""What specifications resolve to and what is refused: tables in tests/unit/cases/spec.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_utils._engine.errors import SpecError
from module_utils._spec.arguments import argument_spec, as_dict, build
from module_utils._spec.cluster import Cluster
from module_utils._spec.network import Network
from module_utils._spec.object_store import ObjectStore
from module_utils._spec.site import Site, check
from module_utils._spec.sizes import CLUSTER_SIZES, ENVIRONMENTS, MACHINES, environment_default

CASES = yaml.safe_load((Path(__file__).parents[3] / "cases" / "spec.yml").read_text(encoding="utf-8"))
SPECS: dict[str, Any] = {"network": Network, "cluster": Cluster, "object_store": ObjectStore}
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
    spec = SPECS[case["spec"]]
    validated = ArgumentSpecValidator(argument_spec(spec)).validate(case["params"])
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
        part_of(case["expect"], as_dict(resolve(case)))


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


def test_ownership_tags_always_win() -> None:
    site = Site(**{**SITE, "tags": {"team": "ml"}})
    assert site.all_tags == {"team": "ml", **site.owner.tags()}
    assert Site(**{**SITE, "site": None}).name == "aws-dev"
    assert site.base == "ml-aws-dev"
