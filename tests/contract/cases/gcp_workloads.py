"""Workloads of a cluster as members of what they may use: a bucket, a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.capability import Built
from module_utils._engine.resource import Resource
from module_utils._spec.object_store import Bucket, ObjectStore
from module_utils._spec.secret_store import Secret, SecretStore
from module_utils._spec.workload_identity import BucketUse, Workload, WorkloadIdentity

from tests.contract.cases.gcp import ask, network
from tests.contract.cases.gcp_secrets import secrets
from tests.contract.harness import Case, Environment, Variant, pick


def member(environment: Environment, kind: str, access: Any = "read") -> Sequence[Resource]:
    """In place of the cluster, which has to be there first and to which a member says nothing, stands the network."""
    site, driver = environment.site, environment.driver
    buckets = ObjectStore((Bucket("models", access_logs=False),)).resolve(site)
    store = SecretStore((Secret("signing", generate=False),), soft_delete_days=7).resolve(site)
    first = pick(network(environment), "gcp.compute.network")
    built = {
        "cluster": Built(exports={"cluster": first}),
        "object_store": driver.object_store(buckets),
        "secret_store": driver.secret_store(store),
    }
    workload = Workload("serving", buckets=(BucketUse("models", access),), secrets=("signing",))
    spec = WorkloadIdentity((workload,)).resolve(site)
    made = driver.workload_identity(spec, {"object_store": buckets, "secret_store": store}, built)
    return [pick(made, kind)]


def principals(bindings: list[dict[str, Any]]) -> int:
    return sum(each.startswith("principal://") for binding in bindings for each in binding["members"])


def in_secrets(environment: Environment) -> int:
    api = ask(environment, "secretmanager").projects().secrets()
    policies = [api.getIamPolicy(resource=each["name"]).execute() for each in secrets(environment)]
    return sum(principals(policy.get("bindings", [])) for policy in policies)


CASES = [
    Case(
        "workload-bucket",
        lambda environment, **options: member(environment, "gcp.storage.iam_member", **options),
        updates=[Variant({"access": "write"}, ("roles",)), Variant({"access": "read"}, ("roles",))],
        named=False,
    ),
    Case(
        "workload-secret",
        lambda environment: member(environment, "gcp.secretmanager.iam_member"),
        no_updates="one role for one principal",
        count=in_secrets,
        named=False,
    ),
]
