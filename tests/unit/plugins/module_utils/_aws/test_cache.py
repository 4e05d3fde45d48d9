"""ElastiCache: versions, backups by name, what the portable cache becomes, and what is said before it is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from module_utils._aws import cache_backups
from module_utils._aws.cache_backups import label_of, snapshot_name
from module_utils._aws.elasticache import ReplicationGroup
from module_utils._aws.elasticache_lists import family, fits
from module_utils._aws.elasticache_token import is_later
from module_utils._aws.errors import from_response
from module_utils._engine.errors import Busy, Conflict, NotFound, QuotaExceeded, SpecError
from module_utils._engine.plan import Action, Plan, plan
from module_utils._engine.resource import Observed, Status
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from tests.unit.plugins.module_utils._aws import kit

GROUP = "ml-aws-dev-sessions"


def spec(*instances: dict[str, Any]) -> Cache:
    return build(Cache, {"instances": list(instances)}).resolve(kit.SITE)


def cache(*instances: dict[str, Any], network: dict[str, Any] | None = None) -> Any:
    one = kit.driver()
    net = build(Network, {"addresses": {"aws-dev": "0"}, **(network or {})}).resolve(kit.SITE)
    secrets = one.secret_store(build(SecretStore, {}).resolve(kit.SITE), managed=False)
    return one.cache(spec(*instances), net, one.network(net), secrets)


def group(**options: Any) -> ReplicationGroup:
    built = cache({"name": "sessions", **options})
    (found,) = built.exports["groups"]
    assert isinstance(found, ReplicationGroup)
    return found


@pytest.mark.parametrize(
    ("engine", "version", "name"),
    [
        ("redis", "5.0.6", "redis5.0"),
        ("redis", "6.x", "redis6.x"),
        ("redis", "6.2", "redis6.x"),
        ("redis", "7.1", "redis7"),
        ("valkey", "7.2", "valkey7"),
        ("valkey", "8.0.1", "valkey8"),
        ("valkey", "9", "valkey9"),
    ],
)
def test_families_of_parameter_groups(engine: str, version: str, name: str) -> None:
    assert family(engine, version) == name


def test_patches_are_no_drift() -> None:
    assert fits("8.0", "8.0.1")
    assert fits("8", "8.1.1")
    assert fits("6.x", "6.2.6")
    assert not fits("8.0", "8.1.1")
    assert not fits("8.1", "8")


def test_high_availability_is_a_replica_in_another_zone_and_more_are_welcome() -> None:
    settings = group(high_availability=True).settings
    assert (settings["Replicas"], settings["AutomaticFailover"], settings["MultiAZ"]) == (1, True, True)
    fields = ReplicationGroup.fields
    assert not plan({"Replicas": 1}, {"Replicas": 3}, fields)
    assert plan({"Replicas": 1}, {"Replicas": 0}, fields)
    assert plan({"Replicas": 0}, {"Replicas": 1}, fields)
    with pytest.raises(SpecError, match="a replica stands in a second zone"):
        cache({"name": "sessions", "high_availability": True}, network={"zones": 1})


def observed(engine: str, version: str, **values: Any) -> Observed:
    return Observed({"Engine": engine, "EngineVersion": version, **values}, status=Status.READY, raw={})


@pytest.mark.parametrize(
    ("asked", "have", "refused"),
    [
        ({"engine": "valkey"}, ("redis", "7.1.0"), False),
        ({"engine": "valkey", "version": "7.2"}, ("redis", "7.1.0"), False),
        ({"version": "8.1"}, ("valkey", "8.0.1"), False),
        ({"version": "8.0"}, ("valkey", "8.1.1"), True),
        ({"engine": "redis"}, ("valkey", "7.2.6"), True),
        ({"engine": "redis", "version": "7.1"}, ("valkey", "7.2.6"), True),
    ],
)
def test_versions_go_up_only(asked: dict[str, Any], have: tuple[str, str], refused: bool) -> None:
    one = group(**asked)
    wanted = {"Engine": one.release.asked_engine, "EngineVersion": one.release.asked_version}
    change = plan(wanted, {"Engine": have[0], "EngineVersion": have[1]}, one.fields)
    assert bool(one.check_update(observed(*have), change)) is refused


def test_a_cache_without_a_token_says_how_to_get_one() -> None:
    change = plan({"AuthTokenEnabled": True}, {"AuthTokenEnabled": False}, ReplicationGroup.fields)
    assert "--auth-token-update-strategy ROTATE, then SET" in group().check_update(observed("redis", "7.1.0"), change)


def test_what_interrupts_is_said() -> None:
    one = group(high_availability=False)

    def reason(*fields: str) -> str:
        changes = plan(dict.fromkeys(fields, "9"), dict.fromkeys(fields, "8"), one.fields).changes
        return one.disruption(observed("valkey", "8.0.1"), Plan(Action.UPDATE, changes))

    assert reason("SnapshotWindow", "SecurityGroupIds", "tags") == ""
    assert "nodes of another type" in reason("CacheNodeType")
    assert "upgraded" in reason("EngineVersion")


def test_a_final_snapshot_has_one_name_for_one_life() -> None:
    one = group(final_snapshot=True)
    made = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    seen = Observed({}, raw={"ReplicationGroupCreateTime": made})
    assert one.remains(seen) == f"its final snapshot {GROUP}-final-20261121123000 stays"
    assert group().remains(seen) == ""
    assert one.remains(Observed({}, status=Status.FAILED, raw={})) == ""


def test_labels_stand_in_names() -> None:
    session = kit.driver().session
    name = snapshot_name(session, "sessions", "before-upgrade")
    assert label_of("sessions", GROUP, name) == "before-upgrade"
    assert label_of("sessions", GROUP, f"{GROUP}-before-upgrade") == ""
    assert snapshot_name(session, "a", "b-c") != snapshot_name(session, "a-b", "c")


def _node_snapshot(name: str, node: str, source: str = "manual", **more: Any) -> dict[str, Any]:
    taken = datetime(2026, 11, 20, tzinfo=UTC)
    parts = [{"CacheNodeId": "0001", "CacheSize": "4 MB", "SnapshotCreateTime": taken}]
    base = {"SnapshotName": name, "CacheClusterId": node, "SnapshotStatus": "available", "SnapshotSource": source}
    return {**base, "NodeSnapshots": parts, **more}


def test_histories_from_snapshots_of_nodes_and_of_groups() -> None:
    """Without cluster mode a snapshot names the node that it was taken of (recorded traffic)."""
    session = kit.driver().session
    label = snapshot_name(session, "sessions", "weekly")
    snapshots = [
        _node_snapshot(f"automatic.{GROUP}-002-2026-11-20-03-00", f"{GROUP}-002", "automated"),
        _node_snapshot(label, f"{GROUP}-002"),
        _node_snapshot(f"{GROUP}-final-20261121123000", f"{GROUP}-001"),
        _node_snapshot("somebody-else-s", f"{GROUP}-b-001"),
        {
            **_node_snapshot("by-hand", ""),
            "CacheClusterId": None,
            "ReplicationGroupId": GROUP,
            "SnapshotStatus": "creating",
        },
    ]
    lists = {
        "snapshots": {item["SnapshotName"]: item for item in snapshots},
        "groups": {GROUP: {"Status": "available", "SnapshotRetentionLimit": 7}},
    }
    with mock.patch.object(cache_backups, "listed", lambda _session, sort: lists[sort]):
        (history,) = cache_backups.histories(session, spec({"name": "sessions"}))
    assert (history.exists, history.retention_days, history.restorable_to) == (True, 7, None)
    assert [(each.kind, each.label, each.status) for each in history.backups] == [
        ("automatic", "", "ready"),
        ("manual", "weekly", "ready"),
        ("final", "", "ready"),
        ("manual", "", "pending"),
    ]
    assert [each.expires is not None for each in history.backups] == [True, False, False, False]
    assert history.backups[0].size_gb == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidReplicationGroupState", Busy),
        ("ReplicationGroupNotFoundFault", NotFound),
        ("CacheSubnetGroupInUse", Conflict),
        ("InvalidCacheParameterGroupState", Conflict),
        ("SnapshotAlreadyExistsFault", Conflict),
        ("NodeQuotaForCustomerExceeded", QuotaExceeded),
    ],
)
def test_errors_of_elasticache(code: str, kind: type) -> None:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert type(from_response(answer, "elasticache call")) is kind


def test_a_network_of_the_user_s_gets_a_group_for_the_caches() -> None:
    theirs = {"existing_vpc_id": "vpc-1", "existing_private_subnet_ids": ["subnet-1", "subnet-2"]}
    built = cache({"name": "sessions", "high_availability": True}, network={"aws": theirs})
    assert kit.present(built, "aws.ec2.security_group") == ["ml-aws-dev-cache"]
    own = cache({"name": "sessions"})
    assert kit.present(own, "aws.ec2.security_group") == []
    gone = cache({"name": "sessions", "state": "absent"}, network={"aws": theirs})
    assert kit.absent(gone, "aws.ec2.security_group") == ["ml-aws-dev-cache"]
    assert kit.present(gone, "aws.elasticache.subnet_group") == []


def test_no_caches_are_nothing() -> None:
    assert cache().resources == []


@pytest.mark.parametrize(
    ("changed", "written", "later"),
    [
        ((10, 900), (10, 600), True),
        ((10, 600), (10, 900), False),
        ((10, 0), (10, 600), True),
        ((9, 0), (10, 600), False),
        ((10, 600), (10, 600), False),
    ],
)
def test_a_token_is_taken_when_it_was_changed_after_it_was_written(
    changed: tuple[int, int], written: tuple[int, int], later: bool
) -> None:
    one, other = (datetime(2026, 11, 21, 12, 0, s, ms * 1000, tzinfo=UTC) for s, ms in (changed, written))
    assert is_later(one, other) is later
