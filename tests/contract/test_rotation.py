"""A value is renewed while the process dies: whatever the moment, no value is lost and the next run finishes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from module_utils._engine.apply import converge
from module_utils._engine.graph import Graph
from module_utils._engine.resource import Resource

from tests.contract.cases import aws_secrets
from tests.contract.cases.aws import ask
from tests.contract.harness import Environment, Killed, done, last, settings, writes
from tests.contract.worlds import SandboxWorld, Worlds


@pytest.fixture(scope="module")
def started() -> Iterator[Worlds]:
    with Worlds() as worlds:
        yield worlds


@pytest.fixture
def world(started: Worlds) -> Iterator[Any]:
    world = started.open("aws")
    world.reset(waits=False)
    yield world
    started.leave()


def value(environment: Environment, stage: str = "AWSCURRENT") -> str:
    answer = ask(environment, "secretsmanager").get_secret_value(SecretId=aws_secrets.NAME, VersionStage=stage)
    return str(answer["SecretString"])


def run(world: SandboxWorld, **options: Any) -> None:
    environment = world.environment()
    resources: list[Resource] = aws_secrets._value(environment, **options)
    done(converge(Graph(resources), settings(environment), environment.clock))


def test_a_value_is_renewed_through_every_kill(world: SandboxWorld) -> None:
    run(world)
    first = value(world.environment())
    before = last(world)
    run(world, rotate=True)
    total = len(writes(world, before))
    assert total >= 3, "a new value is written beside the old one, made current, and confirmed"
    current = value(world.environment())
    assert current != first
    assert value(world.environment(), "AWSPREVIOUS") == first
    for number in range(1, total + 1):
        with pytest.raises(Killed), world.killed_after(number):
            run(world, rotate=True)
        assert value(world.environment()), "there is a value in use at every moment"
        run(world)  # not asked to renew: it goes on with what it finds
        after = value(world.environment())
        assert after != current, f"killed after write {number}, the new value was lost"
        assert aws_secrets._values(world.environment()) == 1
        before = last(world)
        run(world)
        assert writes(world, before) == []
        current = after
