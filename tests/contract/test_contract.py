"""Every check of the contract on every case of every cloud."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator

import pytest

from tests.contract.checks import CHECKS, checks_of
from tests.contract.harness import Case, World
from tests.contract.worlds import Worlds

CLOUDS = ("memory", "aws", "gcp", "azure")


def _cases() -> list[tuple[str, Case]]:
    found: list[tuple[str, Case]] = []
    for cloud in CLOUDS:
        module = "tests.contract.memory" if cloud == "memory" else f"tests.contract.cases.{cloud}"
        if importlib.util.find_spec(module) is not None:
            found += [(cloud, case) for case in importlib.import_module(module).CASES]
    return found


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    with Worlds() as opened:
        yield opened


@pytest.mark.parametrize(
    ("cloud", "case", "check"),
    [
        pytest.param(cloud, case, check, id=f"{cloud}-{case.name}-{check}")
        for cloud, case in _cases()
        for check in checks_of(case)
    ],
)
def test_contract(cloud: str, case: Case, check: str, worlds: Worlds) -> None:
    if check in case.skip:
        pytest.skip(case.skip[check])
    world: World = worlds.open(cloud)
    world.reset()
    run: Callable[[World, Case], None] = CHECKS[check]
    run(world, case)


def test_names_of_cases_are_unique() -> None:
    names = [(cloud, case.name) for cloud, case in _cases()]
    assert len(names) == len(set(names))


def test_skips_name_checks() -> None:
    unknown = [(case.name, name) for _, case in _cases() for name in case.skip if name not in CHECKS]
    assert unknown == []
