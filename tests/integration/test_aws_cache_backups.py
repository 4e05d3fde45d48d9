"""What is left of caches on AWS: snapshots on demand and at the end, and what they and others need."""

from __future__ import annotations

import time
from typing import Any

import pytest
from module_utils._engine.errors import SpecError

from sandbox.fixture import Sandbox
from tests.integration.amazon_stores import (
    BASE,
    SESSIONS,
    acts,
    amazon,
    back_up,
    caches,
    described,
    run,
    seen,
    told,
    writes,
)


@pytest.fixture
def cloud() -> str:
    return "aws"


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    return amazon(sandbox)


def test_a_final_snapshot_is_named_and_stays(site: dict[str, Any], client: Any) -> None:
    spec = caches({**SESSIONS, "final_snapshot": True, "encryption": "customer"})
    run(site, spec)
    assert acts(run(site, spec)) == {}
    key = client("kms").describe_key(KeyId=f"alias/{BASE}-cache")["KeyMetadata"]["Arn"]
    assert described(client)["KmsKeyId"] == key
    with pytest.raises(SpecError, match=r"KmsKeyId .* cannot be changed|cannot be changed after creation: KmsKeyId"):
        run(site, caches({**SESSIONS, "final_snapshot": True}))
    gone = run(site, spec, state="absent", find_orphans=True)
    notes = {each.kind: each.note for each in gone.entries if each.note}
    (snapshot,) = client("elasticache").describe_snapshots()["Snapshots"]
    assert snapshot["SnapshotName"] in notes["aws.elasticache.replication_group"]
    assert "can only be read with it" in notes["aws.kms.key"]
    assert client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert gone.orphans == []
    assert sorted(each["id"] for each in gone.kept or ()) == sorted([key, snapshot["ARN"]])
    assert acts(run(site, spec, state="absent")) == {}
    client("elasticache").delete_snapshot(SnapshotName=snapshot["SnapshotName"])
    without = caches({**SESSIONS, "encryption": "customer"})
    for _ in range(100):
        if not client("elasticache").describe_snapshots()["Snapshots"]:
            break
        time.sleep(0.05)
    assert acts(run(site, without, state="absent")) == {f"aws.kms.key {BASE}-cache": "delete"}


def test_what_others_need_stays(site: dict[str, Any], client: Any) -> None:
    """Calls that are each about one cache or one repository share a subnet group and keys."""
    encrypted = {"high_availability": False, "encryption": "customer"}
    one, other = caches({"name": "one", **encrypted}), caches({"name": "other", **encrypted})
    run(site, one)
    run(site, other, refers=["network"])
    gone = run(site, caches({"name": "one", **encrypted, "state": "absent"}), refers=["network"])
    notes = {each.kind: each.note for each in gone.entries if each.note}
    assert "other caches stand in it" in notes["aws.elasticache.subnet_group"]
    assert "can only be read with it" in notes["aws.kms.key"]
    assert acts(run(site, other)) == {}
    last = acts(run(site, caches({"name": "other", **encrypted, "state": "absent"}), refers=["network"]))
    assert last[f"aws.elasticache.subnet_group {BASE}-cache"] == "delete"
    assert last[f"aws.kms.key {BASE}-cache"] == "delete"
    images: list[dict[str, Any]] = [
        {"registry": {"encryption": "customer", "repositories": [{"name": name}]}} for name in ("one", "other")
    ]
    for part in images:
        run(site, part)
    assert acts(run(site, images[0], state="absent")) == {"aws.ecr.repository one": "delete"}
    assert acts(run(site, images[1])) == {}
    assert f"aws.kms.key {BASE}-registry" in acts(run(site, images[1], state="absent"))


def test_backups_by_label_and_what_can_be_brought_back(site: dict[str, Any], sandbox: Sandbox, client: Any) -> None:
    spec = caches({**SESSIONS, "persistence": "snapshots"}, {"name": "features", "high_availability": False})
    run(site, spec)
    made = back_up(site, spec, "before-upgrade")
    assert list(acts(made).values()) == ["create"]
    assert "features: with persistence: none" in made.warnings[0]
    (snapshot,) = client("elasticache").describe_snapshots(SnapshotSource="user")["Snapshots"]
    assert made.outputs == {"label": "before-upgrade", "cache": {"sessions": snapshot["ARN"]}}
    mark = seen(sandbox)
    assert acts(back_up(site, spec, "before-upgrade")) == {}
    assert writes(sandbox, mark) == []
    tags = client("elasticache").list_tags_for_resource(ResourceName=snapshot["ARN"])["TagList"]
    assert {"Key": "managed-by", "Value": "multicloud-platform"} in tags
    found = run(site, spec, find_orphans=True)
    assert (found.orphans, [each["id"] for each in found.kept or ()]) == ([], [snapshot["ARN"]])
    sandbox.advance("aws", 86400)
    for _ in range(100):
        sessions, features = told(site, spec)
        if all(each["status"] == "ready" for each in sessions["backups"]) and len(sessions["backups"]) == 2:
            break
        time.sleep(0.1)
    assert (sessions["name"], sessions["exists"], sessions["retention_days"]) == ("sessions", True, 7)
    automatic, manual = sessions["backups"]
    assert (automatic["kind"], automatic["label"], automatic["status"]) == ("automatic", "", "ready")
    assert (manual["kind"], manual["label"], manual["expires"]) == ("manual", "before-upgrade", None)
    assert sessions["newest"] == automatic["taken"]
    assert (features["exists"], features["backups"]) == (True, [])
    with pytest.raises(SpecError, match="none does not exist, so there is nothing to back up"):
        back_up(site, caches({"name": "none", "persistence": "snapshots"}), "x")
    gone = run(site, spec, state="absent", find_orphans=True)
    assert (gone.orphans, [each["id"] for each in gone.kept or ()]) == ([], [snapshot["ARN"]])
    sessions, _features = told(site, spec)
    assert (sessions["exists"], [each["label"] for each in sessions["backups"]]) == (False, ["before-upgrade"])
