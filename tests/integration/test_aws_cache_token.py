"""The AUTH token of a cache on AWS under a real client of a real Redis: nobody is locked out, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from module_utils._run import execute

from sandbox.engines import describe, engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.amazon_stores import (
    BASE,
    BYSTANDER,
    Killed,
    acts,
    amazon,
    caches,
    killed_after,
    run,
    seen,
    writes,
)

pytestmark = pytest.mark.skipif(not engine_available("redis"), reason=describe()["redis"])
REFERS = ("network",)
NAME = f"{BASE}/cache/sessions"
STEPS = ["PutSecretValue", "ModifyReplicationGroup", "UpdateSecretVersionStage", "UpdateSecretVersionStage"]


@pytest.fixture
def cloud() -> str:
    return "aws"


class Client:
    """A program that takes the token out of the secret store whenever it connects, and connects all the time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.aws, self.ca = amazon(sandbox), str(sandbox.ca_bundle)
        self.secrets = self.aws("secretsmanager")
        (group,) = self.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
        self.endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
        self.connections, self.failures = 0, list[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=BYSTANDER)

    def token(self, stage: str = "AWSCURRENT") -> str:
        return str(self.secrets.get_secret_value(SecretId=NAME, VersionStage=stage)["SecretString"])

    def connect(self, token: str) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(
            host=self.endpoint["Address"],
            port=self.endpoint["Port"],
            password=token,
            ssl=True,
            ssl_ca_certs=self.ca,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )

    def opens(self, token: str) -> bool:
        import redis

        try:
            with self.connect(token) as connection:
                return bool(connection.ping())
        except redis.AuthenticationError:
            return False

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with self.connect(self.token()) as connection:
                    connection.incr("visits")
            except Exception as error:  # whatever it is, the client could not work
                self.failures.append(repr(error))
            self.connections += 1

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def client(site: dict[str, Any], sandbox: Sandbox) -> Callable[[], Client]:
    """The cache is there, and its changes take their time."""
    run(site, caches())
    sandbox.set_profile("realistic", scale=300, cloud="aws")
    return lambda: Client(sandbox)


def test_a_rotation_locks_no_client_out(site: dict[str, Any], sandbox: Sandbox, client: Callable[[], Client]) -> None:
    with client() as program:
        first = program.token()
        longest = program.connect(first)
        longest.set("kept", "1")
        mark = seen(sandbox)
        report = run(site, caches(rotate=True), refers=REFERS)
        assert acts(report) == {"aws.elasticache.auth_token sessions": "update"}
        assert writes(sandbox, mark) == [f"secretsmanager.{STEPS[0]}", f"elasticache.{STEPS[1]}"] + [
            f"secretsmanager.{step}" for step in STEPS[2:]
        ]
        second = program.token()
        assert longest.get("kept") == "1"  # a connection that was open stays open
        run(site, caches(rotate=True), refers=REFERS)
        third = program.token()
        assert acts(run(site, caches(), refers=REFERS)) == {}
    assert program.failures == []
    assert program.connections >= 5
    assert len({first, second, third}) == 3
    assert [program.opens(token) for token in (first, second, third)] == [False, True, True]
    assert not any(token in str(report.as_dict()) for token in (first, second, third))


@pytest.mark.parametrize(
    "again",
    [pytest.param({}, id="plain rerun"), pytest.param({"rotate": True}, id="rotation again", marks=pytest.mark.slow)],
)
def test_a_rotation_that_was_killed_is_finished(
    site: dict[str, Any], sandbox: Sandbox, client: Callable[[], Client], again: dict[str, Any]
) -> None:
    with client() as program:
        for step in range(1, len(STEPS) + 1):
            before = program.token()
            with pytest.raises(Killed), killed_after(sandbox, step):
                run(site, caches(rotate=True), refers=REFERS)
            assert program.opens(program.token())
            run(site, caches(**again), refers=REFERS)
            after = program.token()
            assert acts(run(site, caches(), refers=REFERS)) == {}
            assert program.failures == [], f"killed after write {step}"
            assert program.opens(after)
            assert after != before
            stages = program.secrets.describe_secret(SecretId=NAME)["VersionIdsToStages"].values()
            assert not any("AWSPENDING" in labels for labels in stages)


def test_a_rotation_that_fails_is_told_and_done_by_the_next_run(
    site: dict[str, Any], sandbox: Sandbox, client: Callable[[], Client]
) -> None:
    with client() as program:
        before = program.token()
        sandbox.fault("aws", operation="ModifyReplicationGroup", kind="fail_operation", message="No capacity.")
        report = execute(sites.wanted(site, caches(rotate=True)), sites.options())
        assert "did not take the new AUTH token" in report.summary()
        assert "No capacity." in report.summary()
        assert program.token() == before
        sandbox.clear_faults("aws")
        run(site, caches(), refers=REFERS)
        assert program.token() != before
        assert program.opens(program.token())
    assert program.failures == []


def test_a_creation_that_was_killed_keeps_its_token(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site, {name: part for name, part in caches().items() if name == "network"})
    mark = seen(sandbox)
    run(site, caches(), refers=REFERS)
    made = [operation.partition(".")[2] for operation in writes(sandbox, mark)]
    run(site, caches(), refers=REFERS, state="absent")
    for step in ("PutSecretValue", "CreateReplicationGroup", "UpdateSecretVersionStage"):
        # For good: a secret that is brought back has its value already.
        amazon(sandbox)("secretsmanager").delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
        with pytest.raises(Killed), killed_after(sandbox, made.index(step) + 1):
            run(site, caches(), refers=REFERS)
        run(site, caches(), refers=REFERS)
        assert acts(run(site, caches(), refers=REFERS)) == {}
        program = Client(sandbox)
        assert program.opens(program.token()), f"killed after {step}"
        run(site, caches(), refers=REFERS, state="absent")


def test_a_cache_that_is_made_again_has_the_token_of_its_secret(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site, caches())
    before = Client(sandbox).token()
    run(site, caches(state="absent"))
    run(site, caches())
    program = Client(sandbox)
    assert program.token() == before
    assert program.opens(before)
    assert acts(run(site, caches())) == {}
