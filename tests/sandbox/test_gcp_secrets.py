"""Secret Manager by Google's own client."""

from __future__ import annotations

import base64
from typing import Any

import google_crc32c
import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_managed import enable, key
from tests.sandbox.gcp_support import HOME, NUMBER, REGION, Project

AUTOMATIC: dict[str, Any] = {"replication": {"automatic": {}}}
TOPICS = [{"name": f"{HOME}/topics/rotation"}]


@pytest.fixture
def secrets(gcp: Project) -> Any:
    """``projects().secrets()`` of a project with Secret Manager switched on."""
    enable(gcp, "secretmanager")
    return gcp.client("secretmanager").projects().secrets()


def encoded(text: str) -> dict[str, Any]:
    """A payload."""
    return {"payload": {"data": base64.b64encode(text.encode()).decode()}}


def create(secrets: Any, name: str = "s", **fields: Any) -> dict[str, Any]:
    """A secret with automatic replication."""
    made: dict[str, Any] = secrets.create(parent=HOME, secretId=name, body={**AUTOMATIC, **fields}).execute()
    return made


def status(caught: Any) -> tuple[int, str]:
    """HTTP status and message."""
    return caught.value.resp.status, str(caught.value.reason)


def test_names_come_back_under_the_project_number(secrets: Any) -> None:
    made = create(secrets, labels={"team": "ml"}, annotations={"Owner": "Me"}, ttl="3600s")
    assert made["name"] == f"projects/{NUMBER}/secrets/s"
    assert "ttl" not in made
    assert made["expireTime"] > made["createTime"]
    for parent in (HOME, f"projects/{NUMBER}"):
        assert secrets.get(name=f"{parent}/secrets/s").execute() == made
    assert secrets.list(parent=HOME).execute() == {"secrets": [made], "totalSize": 1}
    assert secrets.list(parent=HOME, filter="labels.team:other").execute() == {}
    with pytest.raises(HttpError) as caught:
        create(secrets)
    assert status(caught) == (409, f"Secret [projects/{NUMBER}/secrets/s] already exists.")
    with pytest.raises(HttpError) as caught:
        secrets.get(name=f"{HOME}/secrets/none").execute()
    assert status(caught) == (404, f"Secret [projects/{NUMBER}/secrets/none] not found.")


def test_a_version_from_birth_to_destruction(secrets: Any) -> None:
    create(secrets)
    checksum = str(google_crc32c.value(b"hello"))
    body = encoded("hello")
    body["payload"]["dataCrc32c"] = checksum
    made = secrets.addVersion(parent=f"{HOME}/secrets/s", body=body).execute()
    assert made["name"] == f"projects/{NUMBER}/secrets/s/versions/1"
    assert (made["state"], made["clientSpecifiedPayloadChecksum"]) == ("ENABLED", True)
    assert "payload" not in made
    versions = secrets.versions()
    for name in ("1", "latest"):
        found = versions.access(name=f"{HOME}/secrets/s/versions/{name}").execute()
        assert base64.b64decode(found["payload"]["data"]) == b"hello"
        assert found["payload"]["dataCrc32c"] == checksum
    path = f"{HOME}/secrets/s/versions/1"
    assert versions.disable(name=path, body={}).execute()["state"] == "DISABLED"
    with pytest.raises(HttpError) as caught:
        versions.access(name=path).execute()
    assert status(caught)[0] == 400
    assert "DISABLED state" in status(caught)[1]
    assert versions.enable(name=path, body={}).execute()["state"] == "ENABLED"
    gone = versions.destroy(name=path, body={}).execute()
    assert (gone["state"], "destroyTime" in gone) == ("DESTROYED", True)
    for again in (versions.enable, versions.destroy):
        with pytest.raises(HttpError) as caught:
            again(name=path, body={}).execute()
        assert status(caught)[0] == 400
    secrets.addVersion(parent=f"{HOME}/secrets/s", body=encoded("two")).execute()
    listed = versions.list(parent=f"{HOME}/secrets/s").execute()["versions"]
    assert [item["name"].rpartition("/")[2] for item in listed] == ["2", "1"]
    only = versions.list(parent=f"{HOME}/secrets/s", filter="state:ENABLED").execute()
    assert only["totalSize"] == 1


def test_latest_of_nothing_and_bad_payloads(secrets: Any) -> None:
    create(secrets)
    with pytest.raises(HttpError) as caught:
        secrets.versions().access(name=f"{HOME}/secrets/s/versions/latest").execute()
    assert "not found or has no versions" in status(caught)[1]
    wrong = encoded("x")
    wrong["payload"]["dataCrc32c"] = "1"
    for body in (wrong, encoded("x" * 65537), {}):
        with pytest.raises(HttpError) as caught:
            secrets.addVersion(parent=f"{HOME}/secrets/s", body=body).execute()
        assert status(caught)[0] == 400


def test_changes_need_a_mask_and_the_current_etag(secrets: Any) -> None:
    made = create(secrets, labels={"a": "1"})
    path = f"{HOME}/secrets/s"
    after = secrets.patch(name=path, updateMask="labels", body={"labels": {"b": "2"}, "etag": made["etag"]}).execute()
    assert (after["labels"], after["etag"] != made["etag"]) == ({"b": "2"}, True)
    for mask, body in (
        ("labels", {"labels": {}, "etag": made["etag"]}),
        ("", {"labels": {}}),
        ("name", {}),
        ("replication", {"replication": {"userManaged": {"replicas": [{"location": REGION}]}}}),
        ("labels", {"labels": {"Bad": "x"}}),
    ):
        with pytest.raises(HttpError) as caught:
            secrets.patch(name=path, updateMask=mask, body=body).execute()
        assert status(caught)[0] == 400
    with pytest.raises(HttpError) as caught:
        secrets.delete(name=path, etag=made["etag"]).execute()
    assert status(caught)[0] == 400
    assert secrets.delete(name=path, etag=after["etag"]).execute() == {}
    assert secrets.list(parent=HOME).execute() == {}


def test_aliases(secrets: Any) -> None:
    create(secrets)
    path = f"{HOME}/secrets/s"
    for text in ("one", "two"):
        secrets.addVersion(parent=path, body=encoded(text)).execute()
    after = secrets.patch(name=path, updateMask="versionAliases", body={"versionAliases": {"live": "1"}}).execute()
    assert after["versionAliases"] == {"live": "1"}
    found = secrets.versions().access(name=f"{path}/versions/live").execute()
    assert base64.b64decode(found["payload"]["data"]) == b"one"
    with pytest.raises(HttpError) as caught:
        secrets.patch(name=path, updateMask="versionAliases", body={"versionAliases": {"x": "9"}}).execute()
    assert status(caught)[0] == 400


def test_secrets_expire_and_destruction_can_wait(gcp: Project, secrets: Any) -> None:
    create(secrets, "short", ttl="60s")
    create(secrets, "slow", versionDestroyTtl="86400s")
    path = f"{HOME}/secrets/slow"
    secrets.addVersion(parent=path, body=encoded("x")).execute()
    waiting = secrets.versions().destroy(name=f"{path}/versions/1", body={}).execute()
    assert (waiting["state"], "scheduledDestroyTime" in waiting) == ("DISABLED", True)
    gcp.sandbox.advance("gcp", 61)
    assert [item["name"].rpartition("/")[2] for item in secrets.list(parent=HOME).execute()["secrets"]] == ["slow"]
    gcp.sandbox.advance("gcp", 86400)
    assert secrets.versions().get(name=f"{path}/versions/1").execute()["state"] == "DESTROYED"


@pytest.mark.parametrize(
    "fields",
    [
        {"replication": {}},
        {"replication": {"userManaged": {"replicas": []}}},
        {"replication": {"userManaged": {"replicas": [{"location": "mars"}]}}},
        {"rotation": {"nextRotationTime": "2099-01-01T00:00:00Z"}},
        {"topics": TOPICS, "rotation": {"rotationPeriod": "3600s"}},
        {"topics": TOPICS, "rotation": {"rotationPeriod": "60s", "nextRotationTime": "2099-01-01T00:00:00Z"}},
        {"topics": TOPICS, "rotation": {"nextRotationTime": "2001-01-01T00:00:00Z"}},
        {"topics": [{"name": "topic"}]},
        {"ttl": "10s"},
        {"expireTime": "2001-01-01T00:00:00Z"},
        {"versionDestroyTtl": "60s"},
        {"versionAliases": {"a": "1"}},
        {"colour": "red"},
    ],
)
def test_bad_secrets_are_refused(secrets: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(HttpError) as caught:
        create(secrets, **fields)
    assert status(caught)[0] == 400
    assert secrets.list(parent=HOME).execute() == {}


def test_rotation_is_kept(secrets: Any) -> None:
    rotation = {"rotationPeriod": "2592000s", "nextRotationTime": "2099-01-01T00:00:00Z"}
    assert create(secrets, topics=TOPICS, rotation=rotation)["rotation"] == rotation
    changed = {"rotation": {"nextRotationTime": "2098-01-01T00:00:00Z"}}
    after = secrets.patch(name=f"{HOME}/secrets/s", updateMask="rotation.nextRotationTime", body=changed).execute()
    assert after["rotation"] == {"rotationPeriod": "2592000s", "nextRotationTime": "2098-01-01T00:00:00Z"}


def test_keys_of_ones_own(gcp: Project, secrets: Any) -> None:
    name = key(gcp, REGION, "gcp-sa-secretmanager")
    encryption = {"customerManagedEncryption": {"kmsKeyName": name}}
    with pytest.raises(HttpError) as caught:
        create(secrets, replication={"automatic": encryption})
    assert "it must be in global" in status(caught)[1]
    replicas = {"userManaged": {"replicas": [{"location": REGION, **encryption}]}}
    assert create(secrets, replication=replicas)["replication"] == replicas
    version = secrets.addVersion(parent=f"{HOME}/secrets/s", body=encoded("x")).execute()
    used = version["replicationStatus"]["userManaged"]["replicas"][0]["customerManagedEncryption"]
    assert used == {"kmsKeyVersionName": f"{name}/cryptoKeyVersions/1"}
    gcp.call("PATCH", "cloudkms", f"v1/{name}/cryptoKeyVersions/1", {"state": "DISABLED"}, updateMask="state")
    with pytest.raises(HttpError) as caught:
        secrets.versions().access(name=f"{HOME}/secrets/s/versions/1").execute()
    assert "not enabled" in status(caught)[1]


def test_policies(gcp: Project, secrets: Any) -> None:
    create(secrets)
    path = f"{HOME}/secrets/s"
    member = f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"
    policy = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [member]}]}
    secrets.setIamPolicy(resource=path, body={"policy": policy}).execute()
    found = secrets.getIamPolicy(resource=path).execute()
    assert found["bindings"] == policy["bindings"]
    with pytest.raises(HttpError) as caught:
        secrets.setIamPolicy(resource=path, body={"policy": {**policy, "etag": "BwAAAAAAAAA="}}).execute()
    assert status(caught)[0] == 409
    secrets.delete(name=path).execute()
    create(secrets)
    assert "bindings" not in secrets.getIamPolicy(resource=path).execute()


def test_values_are_in_no_log(gcp: Project, secrets: Any) -> None:
    create(secrets)
    secrets.addVersion(parent=f"{HOME}/secrets/s", body=encoded("very-secret-value")).execute()
    secrets.versions().access(name=f"{HOME}/secrets/s/versions/latest").execute()
    text = base64.b64encode(b"very-secret-value").decode()
    entries = gcp.sandbox.journal("gcp")
    assert any(entry["operation"] == "secretmanager.projects.secrets.versions.access" for entry in entries)
    for file in gcp.sandbox.directory.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert text.encode() not in content
            assert b"very-secret-value" not in content
