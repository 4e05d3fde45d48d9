"""Fixtures of the sandbox's own tests; every module starts only the cloud that it is about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.fixture import Sandbox
from tests.sandbox.aws_support import Account
from tests.sandbox.azure_support import Subscription
from tests.sandbox.gcp_support import Project


@pytest.fixture(scope="module")
def aws_sandbox() -> Iterator[Sandbox]:
    """The AWS emulator, instant profile."""
    with Sandbox(clouds=("aws",)) as running:
        yield running


@pytest.fixture
def aws(aws_sandbox: Sandbox) -> Account:
    """An empty account."""
    aws_sandbox.reset("aws")
    aws_sandbox.set_profile("instant")
    return Account(aws_sandbox)


@pytest.fixture(scope="module")
def gcp_sandbox() -> Iterator[Sandbox]:
    """The Google Cloud emulator, instant profile."""
    with Sandbox(clouds=("gcp",)) as running:
        yield running


@pytest.fixture
def gcp(gcp_sandbox: Sandbox) -> Project:
    """A fresh project."""
    gcp_sandbox.reset("gcp")
    gcp_sandbox.set_profile("instant")
    return Project(gcp_sandbox)


@pytest.fixture(scope="module")
def azure_sandbox() -> Iterator[Sandbox]:
    """The Azure emulator, instant profile."""
    with Sandbox(clouds=("azure",)) as running:
        yield running


@pytest.fixture
def azure(azure_sandbox: Sandbox) -> Subscription:
    """A fresh subscription."""
    azure_sandbox.reset("azure")
    azure_sandbox.set_profile("instant")
    return Subscription(azure_sandbox)
