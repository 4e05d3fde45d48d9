"""The registry of Google Cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.registry import Registry, Repository

from sandbox.core.connection import GCP_PROJECT
from tests.contract.cases.gcp import BASE, ask, cluster, regional
from tests.contract.harness import Case, Environment, Variant, pick

NAME = f"{BASE}-serving"


def built(environment: Environment, cluster_built: Any = None, **options: Any) -> Any:
    spec = Registry(repositories=(Repository("serving"),), **options)
    return environment.driver.registry(spec.resolve(environment.site), cluster_built)


def repository(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(built(environment, **options), "gcp.artifactregistry.repository")]


def member(environment: Environment, **options: Any) -> Sequence[Resource]:
    """The grant that lets the nodes of a cluster pull."""
    return [pick(built(environment, cluster(environment), **options), "gcp.artifactregistry.iam_member")]


def api(environment: Environment) -> Any:
    return ask(environment, "artifactregistry").projects().locations().repositories()


def parent(environment: Environment) -> str:
    return f"projects/{GCP_PROJECT}/locations/{regional(environment)}"


def count(environment: Environment) -> int:
    return len(api(environment).list(parent=parent(environment)).execute().get("repositories", []))


def count_members(environment: Environment) -> int:
    if not count(environment):
        return 0
    policy = api(environment).getIamPolicy(resource=f"{parent(environment)}/repositories/{NAME}").execute()
    return sum(len(binding["members"]) for binding in policy.get("bindings", []))


CASES = [
    Case(
        "repository",
        repository,
        updates=[
            Variant({"immutable_tags": False}, ("dockerConfig.immutableTags",)),
            Variant({"scan_on_push": False}, ("vulnerabilityScanningConfig.enablementConfig",)),
            Variant({"untagged_expire_days": 3}, ("cleanupPolicies",)),
            Variant({"untagged_expire_days": 0}, ("cleanupPolicies",)),
        ],
        immutable=[Variant({"encryption": "customer"}, ("kmsKeyName",))],
        count=count,
        operation="^artifactregistry.projects.locations.repositories.create$",
    ),
    Case(
        "repository-with-key",
        lambda environment: repository(environment, encryption="customer"),
        no_updates="as without a key of one's own",
        count=count,
    ),
    Case(
        "repository-reader",
        member,
        no_updates="it is there or it is not",
        count=count_members,
        named=False,
    ),
]
