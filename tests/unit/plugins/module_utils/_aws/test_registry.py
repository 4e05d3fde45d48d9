"""ECR: lifecycle policies that others write in too, and what the portable registry becomes."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._aws.ecr import expire_days, with_expiry
from module_utils._aws.errors import from_response
from module_utils._engine.errors import NotYetConsistent, SpecError
from module_utils._engine.plan import Unknown
from module_utils._spec.arguments import build
from module_utils._spec.registry import Registry

from tests.unit.plugins.module_utils._aws import kit

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def rule(priority: int, status: str, count: int = 5, **selection: Any) -> dict[str, Any]:
    body = {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": count, **selection}
    return {"rulePriority": priority, "selection": body, "action": {"type": "expire"}}


def shapes(rules: list[dict[str, Any]]) -> list[tuple[int, str, int]]:
    return [(item["rulePriority"], item["selection"]["tagStatus"], item["selection"]["countNumber"]) for item in rules]


@pytest.mark.parametrize(
    ("before", "days", "after"),
    [
        ([], 14, [(1, "untagged", 14)]),
        ([], 0, []),
        ([rule(1, "tagged")], 14, [(1, "tagged", 5), (2, "untagged", 14)]),
        ([rule(1, "any")], 14, [(2, "untagged", 14), (3, "any", 5)]),
        ([rule(2, "any")], 14, [(1, "untagged", 14), (2, "any", 5)]),
        ([rule(1, "tagged"), rule(2, "any")], 3, [(1, "tagged", 5), (3, "untagged", 3), (4, "any", 5)]),
        ([rule(7, "untagged", 30), rule(9, "any")], 3, [(7, "untagged", 3), (9, "any", 5)]),
        ([rule(7, "untagged", 30), rule(9, "any")], 0, [(9, "any", 5)]),
    ],
)
def test_one_rule_for_untagged_images_among_those_of_others(
    before: list[dict[str, Any]], days: int, after: list[tuple[int, str, int]]
) -> None:
    rules = with_expiry(before, days)
    assert shapes(rules) == after
    assert expire_days(rules) == days
    assert with_expiry(rules, days) == rules


def test_a_rule_that_counts_images_is_not_one_by_days() -> None:
    assert expire_days([rule(1, "untagged", 14)]) != 14
    assert expire_days([rule(1, "untagged", 14, countType="sinceImagePushed", countUnit="days")]) == 14


def registry(cluster: Any = None, **options: Any) -> Any:
    spec = build(Registry, {"repositories": [{"name": "serving"}], **options}).resolve(kit.SITE)
    return kit.driver().registry(spec, cluster)


def body(built: Any) -> dict[str, Any]:
    return dict(built.resources[-1].desired())


def test_without_a_cluster_nothing_is_said_about_pulling() -> None:
    built = registry()
    assert [item.kind for item in built.resources] == ["aws.ecr.repository"]
    assert body(built)["pull"] is None
    assert built.outputs() == {
        "url": f"{HOST}/ml-aws-dev",
        "repositories": {"serving": f"{HOST}/ml-aws-dev/serving"},
    }


def test_the_nodes_of_the_cluster_pull_by_their_role() -> None:
    arn = "arn:aws:iam::123456789012:role/ml-aws-dev-eks-nodes"
    for built in (registry(kit.cluster()), registry(pull=True)):
        pull = body(built)["pull"]
        assert pull["Sid"] == "ClusterPull"
        if isinstance(pull["Principal"]["AWS"], Unknown):
            assert [item.name for item in built.resources if not item.managed] == [arn]  # looked at first
        else:
            assert pull["Principal"] == {"AWS": arn}
    assert body(registry(kit.cluster(), pull=False))["pull"] == {}
    theirs = "arn:aws:iam::123456789012:role/theirs"
    (needed,) = registry(kit.cluster(aws={"node_role_arn": theirs})).resources[-1].needs
    assert (needed.name, needed.managed) == (theirs, False)


def test_one_key_for_all_repositories() -> None:
    assert body(registry())["encryptionConfiguration"] == {"encryptionType": "AES256"}
    own = registry(encryption="customer")
    assert kit.present(own, "aws.kms.key") == ["ml-aws-dev-registry"]
    arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
    given = registry(encryption="customer", aws={"encryption_key_arn": arn})
    assert kit.present(given, "aws.kms.key") == []
    gone = registry(encryption="customer", repositories=[{"name": "serving", "state": "absent"}])
    assert kit.absent(gone, "aws.kms.key") == ["ml-aws-dev-registry"]
    with pytest.raises(SpecError, match="'mine' is not the ARN of a KMS key"):
        registry(encryption="customer", aws={"encryption_key_arn": "mine"})


def test_a_policy_that_names_a_new_role_is_tried_again() -> None:
    answer = {
        "Error": {
            "Code": "InvalidParameterException",
            "Message": "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy "
            "provided'",
        },
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    assert isinstance(from_response(answer, "ecr set_repository_policy"), NotYetConsistent)
