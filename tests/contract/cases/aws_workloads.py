"""What a workload of a cluster may do: a role whose policy follows the specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.object_store import Bucket, ObjectStore
from module_utils._spec.workload_identity import BucketUse, Workload, WorkloadIdentity

from tests.contract.cases.aws import BASE, cluster, roles
from tests.contract.harness import Case, Environment, Variant, pick


def role(environment: Environment, access: Any = "read", **options: Any) -> Sequence[Resource]:
    site, driver = environment.site, environment.driver
    buckets = ObjectStore((Bucket("models", access_logs=False),)).resolve(site)
    built = {"cluster": cluster(environment), "object_store": driver.object_store(buckets)}
    spec = WorkloadIdentity((Workload("serving", buckets=(BucketUse("models", access),), **options),))
    return [pick(driver.workload_identity(spec.resolve(site), {"object_store": buckets}, built), "aws.iam.role")]


CASES = [
    Case(
        "workload-role",
        role,
        updates=[
            Variant({"access": "write"}, ("InlinePolicy",)),
            Variant({"service_account": "another"}, ("AssumeRolePolicyDocument",)),
        ],
        count=roles(f"{BASE}-workload-serving"),
    ),
]
