"""What a workload's role may do. No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Unknown
from module_utils._module import CAPABILITIES
from module_utils._spec.arguments import build

from tests.unit.plugins.module_utils._aws.kit import SITE, driver

PARTS: dict[str, Any] = {
    "network": {"addresses": {SITE.name: "0"}},
    "cluster": {"allowed_cidrs": ["198.51.100.0/24"]},
    "secret_store": {"secrets": [{"name": "api-key"}]},
    "object_store": {"buckets": [{"name": "models"}, {"name": "logs", "access_logs": False}]},
}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


def role(workload: dict[str, Any], **parts: Any) -> Any:
    given = {**PARTS, **parts, "workload_identity": {"workloads": [{"name": "serving", **workload}]}}
    specs: dict[str, Any] = {name: build(CAPABILITIES[name], part).resolve(SITE) for name, part in given.items()}
    one = driver()
    built = {"network": one.network(specs["network"])}
    built["secret_store"] = one.secret_store(specs["secret_store"])
    built["cluster"] = one.cluster(specs["cluster"], specs["network"], built["network"])
    built["object_store"] = one.object_store(specs["object_store"])
    return one.workload_identity(specs["workload_identity"], specs, built).resources[0]


def statements(found: Any) -> list[tuple[list[str], list[str]]]:
    policy = found.desired()["InlinePolicy"]
    return [
        (each["Action"], [arn.partition(":::")[2] or arn for arn in each["Resource"]]) for each in policy["Statement"]
    ]


def test_reading_and_writing_are_told_apart() -> None:
    found = role({"buckets": [{"name": "models"}, {"name": "logs", "access": "write"}], "secrets": ["api-key"]})
    (listing, models), (reading, objects), (_, logs), (writing, written), (secret, secrets) = statements(found)
    assert listing == ["s3:GetBucketLocation", "s3:ListBucket"]
    assert [name.rsplit("-", 1)[0] for name in (*models, *logs)] == ["ml-aws-dev-models", "ml-aws-dev-logs"]
    assert objects == [f"{models[0]}/*"]
    assert written == [f"{logs[0]}/*"]
    assert "s3:PutObject" in writing
    assert "s3:PutObject" not in reading
    assert secret == ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    assert secrets == ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:ml-aws-dev/api-key-??????"]


def test_the_role_is_for_one_service_account_of_one_cluster() -> None:
    trust = role({"secrets": ["api-key"], "service_account": "web"}).desired()["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Statement"][0]["Condition"]["StringEquals"] == {
        "aws:RequestTag/kubernetes-namespace": "ml-serving",
        "aws:RequestTag/kubernetes-service-account": "web",
    }


def test_keys_of_buckets_and_secrets_are_used_through_their_services_alone() -> None:
    customer = {"encryption": "customer", "aws": {"encryption_key_arn": KEY}}
    store = {"buckets": [{"name": "models", **customer}]}
    found = role({"buckets": [{"name": "models", "access": "write"}]}, object_store=store)
    (key,) = (need for need in found.needs if need.kind == "aws.kms.key")
    assert isinstance(found.desired()["InlinePolicy"], Unknown)  # of a key that nobody has looked at yet
    key.outputs = {"arn": KEY}
    statement = found.desired()["InlinePolicy"]["Statement"][-1]
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], [KEY])
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}

    found = role({"secrets": ["api-key"]}, secret_store={**PARTS["secret_store"], **customer})
    (key,) = {id(each): each for need in found.needs for each in need.needs if each.kind == "aws.kms.key"}.values()
    key.outputs = {"arn": KEY}
    statement = found.desired()["InlinePolicy"]["Statement"][-1]
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt"], [KEY])
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}


def test_a_policy_that_no_role_can_hold_is_refused() -> None:
    many = [{"name": f"bucket-with-a-long-name-{number:02}", "access_logs": False} for number in range(90)]
    with pytest.raises(SpecError, match="what it may use makes an IAM policy of 1"):
        role({"buckets": [{"name": each["name"]} for each in many]}, object_store={"buckets": many})
