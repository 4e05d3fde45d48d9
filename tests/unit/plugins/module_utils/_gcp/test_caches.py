"""The portable cache in Memorystore's words; comparisons of what Memorystore and Artifact Registry rewrite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import AuthError, Conflict, InvalidRequest
from module_utils._engine.plan import plan
from module_utils._engine.resource import Observed, Operation
from module_utils._gcp.artifact_registry import Repository
from module_utils._gcp.cache_bodies import older, problems, redis_body, redis_version, valkey_body
from module_utils._gcp.client import Cloud
from module_utils._gcp.memorystore import Instance
from module_utils._gcp.memorystore_backups import shown
from module_utils._gcp.memorystore_redis import RedisInstance
from module_utils._gcp.service_policies import ServiceConnectionPolicy
from module_utils._spec.cache import Cache, CacheInstance, GcpCache
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.site import Site

NETWORK = "projects/p/global/networks/n"


def item(environment: str = "dev", **options: Any) -> CacheInstance:
    site = Site("gcp", "europe-west3", "ml", "p", environment=environment)  # type: ignore[arg-type]
    return Cache((CacheInstance("main", **options),)).resolve(site).instances[0]


def redis(**options: Any) -> CacheInstance:
    return item(engine="redis", **options)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        (item(gcp=GcpCache(node_type="BIG")), "gcp.node_type: 'BIG' is not one of SHARED_CORE_NANO"),
        (item(gcp=GcpCache(memory_gb=4)), "gcp.memory_gb is of engine: redis"),
        (item(persistence="snapshots", snapshot_window="02:30"), "Write 02:00."),
        (item(rotate=True), "no password to renew"),
        (item(version="7.9"), "has no 7.9. Choose among 7.2, 8.0, 9.0"),
        (item(version="eight"), "has no eight"),
        (redis(persistence="append_only"), "Use engine: valkey, or snapshots"),
        (redis(persistence="snapshots", snapshot_retention_days=3), "keeps its newest snapshot alone"),
        (redis(final_snapshot=True), "which exports to a bucket"),
        (redis(gcp=GcpCache(node_type="STANDARD_SMALL")), "With Redis choose gcp.memory_gb"),
        (redis(gcp=GcpCache(memory_gb=301)), "301 is not 1 to 300"),
        (redis(version="6.2"), ""),
        (redis(version="6.9.1.2"), "has no 6.9.1.2"),
        (redis(version="8.0"), ""),
        (redis(version="7.1"), "has no 7.1"),
        (item(maintenance_window=MaintenanceWindow("02:30", None, 1)), "none fits into 1 h from 02:30"),
        (item(maintenance_window=MaintenanceWindow("02:30", None, 2)), ""),
        (item(version="10.0"), ""),
    ],
)
def test_what_memorystore_cannot_do(wanted: CacheInstance, part: str) -> None:
    found = problems(wanted)
    assert len(found) == (1 if part else 0)
    assert part in " ".join(found)


def test_a_valkey_cache_is_private_encrypted_and_asks_who_is_there() -> None:
    body = valkey_body(item("prod", size="medium"), NETWORK, "p", "")
    assert body["authorizationMode"] == "IAM_AUTH"
    assert body["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
    assert (body["mode"], body["shardCount"], body["replicaCount"]) == ("CLUSTER_DISABLED", 1, 1)
    assert body["nodeType"] == "STANDARD_SMALL"
    assert body["persistenceConfig"] == {"mode": "DISABLED"}
    assert "engineVersion" not in body


def test_valkey_keeps_its_snapshots_as_long_as_the_environment_says() -> None:
    body = valkey_body(item("prod", persistence="snapshots", snapshot_window="04:00"), NETWORK, "p", "")
    assert body["automatedBackupConfig"] == {
        "automatedBackupMode": "ENABLED",
        "fixedFrequencySchedule": {"startTime": {"hours": 4}},
        "retention": f"{14 * 86400}s",
    }
    assert body["persistenceConfig"]["rdbConfig"]["rdbSnapshotStartTime"] == "2024-01-01T04:00:00Z"


def test_a_redis_cache_has_a_password() -> None:
    body = redis_body(redis(high_availability=True, version="6.2"), NETWORK, "")
    assert (body["tier"], body["memorySizeGb"], body["redisVersion"]) == ("STANDARD_HA", 1, "REDIS_6_X")
    assert body["authEnabled"] is True
    assert body["connectMode"] == "PRIVATE_SERVICE_ACCESS"


@pytest.mark.parametrize(
    ("window", "day", "hour"),
    [
        (MaintenanceWindow("02:00", ("sunday",)), "SUNDAY", 2),
        (MaintenanceWindow("02:30", ("sunday", "saturday")), "SATURDAY", 3),
        (MaintenanceWindow("23:30", ("sunday",)), "MONDAY", 0),
        (MaintenanceWindow("23:00", None), "MONDAY", 23),
    ],
)
def test_the_hour_of_maintenance_lies_within_the_window(window: MaintenanceWindow, day: str, hour: int) -> None:
    body = valkey_body(item(maintenance_window=window), NETWORK, "p", "")
    assert body["maintenancePolicy"] == {"weeklyMaintenanceWindow": [{"day": day, "startTime": {"hours": hour}}]}


def test_versions() -> None:
    assert older("VALKEY_7_2", "VALKEY_8_0")
    assert older("REDIS_6_X", "REDIS_7_0")
    assert not older("VALKEY_10_0", "VALKEY_9_0")
    assert redis_version("7.2") == "REDIS_7_2"


def test_every_member_is_classed() -> None:
    snapshots = {"persistence": "snapshots", "snapshot_window": "02:00", "eviction_policy": "noeviction"}
    more: dict[str, Any] = {**snapshots, "maintenance_window": MaintenanceWindow("02:00")}
    assert Instance.fields.unclassified(valkey_body(item(version="8.0", **more), NETWORK, "p", "k")) == []
    assert RedisInstance.fields.unclassified(redis_body(redis(version="7.2", **more), NETWORK, "k")) == []


def test_endpoints_are_compared_by_network() -> None:
    """Recorded traffic: one connection is asked for, two are made."""
    auto = {"network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n", "projectId": "p"}
    have = [{"connections": [{"pscAutoConnection": {**auto, "ipAddress": f"10.0.0.{host}"}} for host in (2, 3)]}]
    want = {"endpoints": valkey_body(item(), NETWORK, "p", "")["endpoints"]}
    assert not plan(want, {"endpoints": have}, Instance.fields)
    other = {"endpoints": valkey_body(item(), NETWORK + "2", "p", "")["endpoints"]}
    assert plan(other, {"endpoints": have}, Instance.fields).immutable


@pytest.mark.parametrize(
    ("want", "have", "same"),
    [
        ({}, {}, True),
        ({}, {"theirs": {"id": "theirs", "action": "KEEP"}}, True),
        ({}, {"untagged": {"id": "untagged", "action": "DELETE"}}, False),
        ({"untagged": {"action": "DELETE"}}, {"untagged": {"id": "untagged", "action": "DELETE"}}, True),
        ({"untagged": {"action": "DELETE"}}, {}, False),
        (
            {"untagged": {"condition": {"olderThan": "86400s", "tagPrefixes": ["b", "a"]}}},
            {"untagged": {"condition": {"olderThan": "86400.0s", "tagPrefixes": ["a", "b"]}}},
            True,
        ),
        (
            {"untagged": {"condition": {"olderThan": "86400s"}}},
            {"untagged": {"condition": {"olderThan": "3600s"}}},
            False,
        ),
    ],
)
def test_cleanup_policies_of_others_are_left_alone(want: Any, have: Any, same: bool) -> None:
    assert (not plan({"cleanupPolicies": want}, {"cleanupPolicies": have}, Repository.fields)) is same


def test_a_backup_without_an_end_has_none() -> None:
    raw = {
        "name": "projects/p/locations/r/backupCollections/c/backups/before-release",
        "backupType": "ON_DEMAND",
        "state": "ACTIVE",
        "createTime": "2026-01-01T00:00:00.123456789Z",
        "expireTime": "2125-12-08T00:00:00Z",
        "totalSizeBytes": str(2**30),
    }
    backup = shown(raw)
    assert (backup.label, backup.kind, backup.status, backup.expires) == ("before-release", "manual", "ready", None)
    assert backup.taken.replace(microsecond=0) == datetime(2026, 1, 1, tzinfo=UTC)
    name = raw["name"].replace("before-release", "final-20260101-000000")
    final = shown({**raw, "name": name, "expireTime": "2026-01-08T00:00:00Z"})
    named = shown({**raw, "name": raw["name"].replace("before-release", "final-release")})
    assert (named.label, named.kind) == ("final-release", "manual")
    assert (final.label, final.kind, final.expires) == ("", "final", datetime(2026, 1, 8, tzinfo=UTC))


def test_a_policy_whose_endpoints_are_on_their_way_out_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(Site("gcp", "europe-west3", "ml", "p"), SystemClock())
    policy = ServiceConnectionPolicy(cloud, "memorystore")

    def refuse(*_: Any, **__: Any) -> Any:
        raise InvalidRequest("The policy has connections that are in use.", code="FAILED_PRECONDITION", status=400)

    monkeypatch.setattr(cloud, "call", refuse)
    with pytest.raises(Conflict, match="connections that are in use"):
        policy.delete(Observed({}))
    failed = {"name": "o", "done": True, "error": {"code": 9, "message": "still in use"}}
    monkeypatch.setattr(cloud, "call", lambda *_, **__: failed)
    assert isinstance(policy.poll(Operation("o")).error, Conflict)
    fresh = ServiceConnectionPolicy(cloud, "memorystore")
    assert not isinstance(fresh.poll(Operation("o")).error, Conflict), "a creation that fails is not tried for long"


def test_a_certificate_authority_that_may_not_be_seen_fails_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(Site("gcp", "europe-west3", "ml", "p"), SystemClock())
    instance = Instance(cloud, "main")
    assert instance.certificate_authority() is None, "there is no instance"
    instance.outputs = {"host": "10.0.0.2"}
    chains = {"managedServerCa": {"caCerts": [{"certificates": ["one\n", "two\n"]}]}}
    monkeypatch.setattr(cloud, "call", lambda *_, **__: chains)
    assert instance.certificate_authority() == "one\ntwo"

    def refuse(*_: Any, **__: Any) -> Any:
        raise AuthError("Permission 'memorystore.instances.getCertificateAuthority' denied", status=403)

    monkeypatch.setattr(cloud, "call", refuse)
    assert instance.certificate_authority() is None
