"""The registry of AWS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.registry import Registry, Repository

from tests.contract.cases.aws import cluster, counted
from tests.contract.harness import Case, Environment, Variant, pick


def registry(environment: Environment, **options: Any) -> Any:
    spec = Registry(repositories=(Repository("serving"),), **options)
    return environment.driver.registry(spec.resolve(environment.site), None)


def repository(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(registry(environment, **options), "aws.ecr.repository")]


def pulled_from(environment: Environment, **options: Any) -> Sequence[Resource]:
    """One that the nodes of a cluster may pull from."""
    spec = Registry(repositories=(Repository("serving"),), **options).resolve(environment.site)
    return [pick(environment.driver.registry(spec, cluster(environment)), "aws.ecr.repository")]


CASES = [
    Case(
        "repository",
        repository,
        updates=[
            Variant({"immutable_tags": False}, ("imageTagMutability",)),
            Variant({"scan_on_push": False}, ("scanOnPush",)),
            Variant({"untagged_expire_days": 3}, ("untaggedExpireDays",)),
            Variant({"untagged_expire_days": 0}, ("untaggedExpireDays",)),
        ],
        immutable=[Variant({"encryption": "customer"}, ("encryptionConfiguration",))],
        count=counted("ecr", "describe_repositories", "repositories"),
    ),
    Case(
        "repository-of-a-cluster",
        pulled_from,
        updates=[Variant({"pull": False}, ("pull",)), Variant({"pull": True}, ("pull",))],
        count=counted("ecr", "describe_repositories", "repositories"),
    ),
]
