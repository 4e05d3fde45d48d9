"""What one run remembers, and what it says twice."""

from __future__ import annotations

import threading

import pytest
from module_utils._aws.client import Session, check_credentials
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import NotFound, NotYetConsistent, Unavailable
from module_utils._spec.site import Credentials, Site


def session(region: str = "eu-central-1", **site: object) -> Session:
    return Session(Site("aws", region, "ml", "123456789012", **site), SystemClock())  # type: ignore[arg-type]


def test_a_list_is_loaded_once_for_all_threads() -> None:
    asked, loads = session(), []
    release = threading.Event()

    def load() -> int:
        release.wait(5)
        loads.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(asked.remember("key", load))) for _ in range(5)]
    for thread in threads:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()
    assert found == [7] * 5
    assert len(loads) == 1


def test_forgetting_by_prefix() -> None:
    asked, loads = session(), []

    def load() -> int:
        loads.append(1)
        return len(loads)

    assert asked.remember(("ec2", "subnets", "vpc-1"), load) == 1
    asked.forget(("ec2", "vpcs"))
    assert asked.remember(("ec2", "subnets", "vpc-1"), load) == 1
    asked.forget(("ec2", "subnets"))
    assert asked.remember(("ec2", "subnets", "vpc-1"), load) == 2


def test_a_failed_load_is_not_remembered() -> None:
    asked = session()

    def fail() -> int:
        raise Unavailable("no")

    with pytest.raises(Unavailable):
        asked.remember("key", fail)
    assert asked.remember("key", lambda: 3) == 3


def test_tokens_are_the_same_within_a_run_until_the_object_is_deleted() -> None:
    one, other = session(), session()
    before = one.token("nat/1")
    assert before == one.token("nat/1") != one.token("nat/2")
    assert before != other.token("nat/1")
    one.spend_token("nat/1")
    assert one.token("nat/1") != before


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_follow_the_partition(region: str, partition: str) -> None:
    asked = session(region)
    assert asked.arn("eks", "cluster/x") == f"arn:{partition}:eks:{region}:123456789012:cluster/x"
    assert asked.arn("iam", "role/x", region="") == f"arn:{partition}:iam::123456789012:role/x"


def test_what_was_just_made_may_not_be_found_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = session()

    def call(*_: object, **__: object) -> dict[str, object]:
        raise NotFound("The vpc ID 'vpc-1' does not exist", code="InvalidVpcID.NotFound")

    monkeypatch.setattr(asked, "call", call)
    with pytest.raises(NotYetConsistent, match="vpc-1"):
        asked.create("ec2", "create_subnet")


def test_after_a_lost_answer_the_next_look_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = session()

    def call(*_: object, **__: object) -> dict[str, object]:
        raise Unavailable("closed")

    monkeypatch.setattr(asked, "call", call)
    with pytest.raises(Unavailable) as error:
        asked.create("ec2", "create_vpc")
    assert error.value.retry_after >= 1


@pytest.mark.parametrize(
    ("credentials", "word"),
    [
        (Credentials(source="cli"), "source"),
        (Credentials(client_id="x"), "client_id"),
        (Credentials(tenant_id="x"), "tenant_id"),
        (Credentials(service_account_file="x"), "service_account_file"),
        (Credentials(source="profile"), "profile"),
        (Credentials(source="environment", profile="x"), "profile"),
    ],
)
def test_credentials_of_other_clouds_are_refused(credentials: Credentials, word: str) -> None:
    problems = check_credentials(Site("aws", "eu-central-1", "ml", "123456789012", credentials=credentials))
    assert len(problems) == 1
    assert word in problems[0]


def test_credentials_that_fit() -> None:
    for credentials in (Credentials(), Credentials(source="environment"), Credentials(source="profile", profile="x")):
        assert check_credentials(Site("aws", "eu-central-1", "ml", "123456789012", credentials=credentials)) == []
