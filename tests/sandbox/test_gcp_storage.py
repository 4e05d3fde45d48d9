"""Buckets and objects, through Google's own clients."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.sandbox.gcp_support import HOME, NUMBER, PROJECT, REGION, Project

BUCKET = "sandbox-data"
B = "storage/v1/b"


def _bucket(gcp: Project, **fields: Any) -> dict[str, Any]:
    status, answer = gcp.call("POST", "storage", B, {"name": BUCKET, "location": REGION, **fields}, project=PROJECT)
    assert status == 200, answer
    return answer


def _patch(gcp: Project, body: Any, **query: Any) -> dict[str, Any]:
    status, answer = gcp.call("PATCH", "storage", f"{B}/{BUCKET}", body, **query)
    assert status == 200, answer
    return answer


def _refused(gcp: Project, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str]:
    status, answer = gcp.call(method, "storage", path, body, **query)
    assert status >= 400, answer
    error = answer["error"]
    return status, error["errors"][0]["reason"], error["message"]


def _put(gcp: Project, name: str, content: bytes = b"hello", **query: Any) -> dict[str, Any]:
    url = f"{gcp.endpoints['storage']}upload/storage/v1/b/{BUCKET}/o"
    answer = gcp.session.post(url, params={"uploadType": "media", "name": name, **query}, data=content)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _objects(gcp: Project, **query: Any) -> dict[str, Any]:
    status, answer = gcp.call("GET", "storage", f"{B}/{BUCKET}/o", **query)
    assert status == 200
    return answer


def test_bucket_as_the_server_prints_it(gcp: Project) -> None:
    made = _bucket(gcp)
    assert made["metageneration"] == "1"
    assert (made["location"], made["locationType"]) == (REGION.upper(), "region")
    assert "rpo" not in made
    assert made["storageClass"] == "STANDARD"
    assert made["projectNumber"] == NUMBER
    assert made["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert made["iamConfiguration"] == {
        "bucketPolicyOnly": {"enabled": False},
        "uniformBucketLevelAccess": {"enabled": False},
        "publicAccessPrevention": "inherited",
    }
    status, default = gcp.call("POST", "storage", B, {"name": "sandbox-us"}, project=PROJECT)
    assert (status, default["location"], default["locationType"], default["rpo"]) == (
        200,
        "US",
        "multi-region",
        "DEFAULT",
    )


def test_uniform_access_has_no_acl(gcp: Project) -> None:
    _bucket(gcp)
    assert len(_patch(gcp, {"labels": {"a": "b"}})["acl"]) == 3
    uniform = _patch(gcp, {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}})
    assert "acl" not in uniform
    config = uniform["iamConfiguration"]
    assert config["bucketPolicyOnly"] == config["uniformBucketLevelAccess"]
    assert config["uniformBucketLevelAccess"]["lockedTime"] > uniform["timeCreated"]
    closed = _patch(gcp, {"iamConfiguration": {"publicAccessPrevention": "enforced"}})["iamConfiguration"]
    assert (closed["publicAccessPrevention"], closed["uniformBucketLevelAccess"]["enabled"]) == ("enforced", True)


def test_patch_merges_and_null_clears(gcp: Project) -> None:
    _bucket(gcp, labels={"a": "1", "b": "2"}, lifecycle={"rule": [_rule(7)]}, versioning={"enabled": True})
    changed = _patch(
        gcp, {"labels": {"a": None, "c": "3"}, "lifecycle": {"rule": []}, "versioning": {"enabled": False}}
    )
    assert changed["labels"] == {"b": "2", "c": "3"}
    assert "lifecycle" not in changed
    assert changed["versioning"] == {"enabled": False}
    assert changed["metageneration"] == "2"
    assert "labels" not in _patch(gcp, {"labels": None})


def _rule(age: int, **action: str) -> dict[str, Any]:
    return {"action": {"type": "Delete", **action}, "condition": {"age": age}}


def test_put_replaces(gcp: Project) -> None:
    _bucket(gcp, labels={"a": "1"}, versioning={"enabled": True})
    status, answer = gcp.call("PUT", "storage", f"{B}/{BUCKET}", {"storageClass": "NEARLINE"})
    assert status == 200
    assert (answer["storageClass"], "labels" in answer, "versioning" in answer) == ("NEARLINE", False, False)
    assert answer["location"] == REGION.upper()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "Capital"}, "Invalid bucket name"),
        ({"location": "mars"}, "The specified location constraint is not valid."),
        ({"storageClass": "FROZEN"}, "Invalid argument."),
        ({"colour": "red"}, 'Unknown name "colour": Cannot find field.'),
        ({"versioning": {"enabled": "yes"}}, "Invalid value at 'versioning.enabled' (TYPE_BOOL)"),
        ({"softDeletePolicy": {"retentionDurationSeconds": "60"}}, "must be 0 or between 7 and 90 days"),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}}]}}, "at least one condition"),
        ({"lifecycle": {"rule": [{"action": {"type": "Burn"}, "condition": {"age": 1}}]}}, "Invalid lifecycle action"),
        ({"logging": {"logBucket": "absent"}}, "target bucket for logging does not exist"),
        ({"labels": {"Team": "x"}}, "Invalid label"),
        ({"versioning": {"enabled": True}, "retentionPolicy": {"retentionPeriod": "60"}}, "cannot have both"),
        ({"iamConfiguration": {"publicAccessPrevention": "maybe"}}, "publicAccessPrevention"),
    ],
)
def test_buckets_that_are_refused(gcp: Project, fields: dict[str, Any], words: str) -> None:
    status, _, message = _refused(gcp, "POST", B, {"name": BUCKET, "location": REGION, **fields}, project=PROJECT)
    assert (status, words in message) == (400, True), message


def test_conflicts_and_preconditions(gcp: Project) -> None:
    _bucket(gcp)
    assert _refused(gcp, "POST", B, {"name": BUCKET}, project=PROJECT)[:2] == (409, "conflict")
    assert _refused(gcp, "PATCH", f"{B}/{BUCKET}", {}, ifMetagenerationMatch="9")[:2] == (412, "conditionNotMet")
    _patch(gcp, {"labels": {"a": "b"}}, ifMetagenerationMatch="1")
    assert gcp.call("GET", "storage", f"{B}/{BUCKET}", ifMetagenerationNotMatch="2")[0] == 304
    assert _refused(gcp, "GET", f"{B}/absent")[:2] == (404, "notFound")


def test_bucket_with_objects_is_not_deleted(gcp: Project) -> None:
    _bucket(gcp, versioning={"enabled": True})
    made = _put(gcp, "a")
    assert _refused(gcp, "DELETE", f"{B}/{BUCKET}")[:2] == (409, "conflict")
    gcp.call("DELETE", "storage", f"{B}/{BUCKET}/o/a")
    assert _refused(gcp, "DELETE", f"{B}/{BUCKET}")[0] == 409
    gcp.call("DELETE", "storage", f"{B}/{BUCKET}/o/a", generation=made["generation"])
    assert gcp.call("DELETE", "storage", f"{B}/{BUCKET}") == (204, {})


def test_retention_and_its_lock(gcp: Project) -> None:
    _bucket(gcp)
    policy = _patch(gcp, {"retentionPolicy": {"retentionPeriod": 3600}})["retentionPolicy"]
    assert (policy["retentionPeriod"], "isLocked" in policy) == ("3600", False)
    _put(gcp, "a")
    assert _refused(gcp, "DELETE", f"{B}/{BUCKET}/o/a")[:2] == (403, "retentionPolicyNotMet")
    status, locked = gcp.call("POST", "storage", f"{B}/{BUCKET}/lockRetentionPolicy", ifMetagenerationMatch="2")
    assert (status, locked["retentionPolicy"]["isLocked"]) == (200, True)
    shorter = {"retentionPolicy": {"retentionPeriod": "60"}}
    assert _refused(gcp, "PATCH", f"{B}/{BUCKET}", shorter)[0] == 403
    assert _refused(gcp, "PATCH", f"{B}/{BUCKET}", {"retentionPolicy": None})[0] == 403
    gcp.sandbox.advance("gcp", 3601)
    assert gcp.call("DELETE", "storage", f"{B}/{BUCKET}/o/a")[0] == 204


def test_logging_and_key(gcp: Project) -> None:
    gcp.call("POST", "storage", B, {"name": "sandbox-logs", "location": REGION}, project=PROJECT)
    made = _bucket(gcp, logging={"logBucket": "sandbox-logs"})
    assert made["logging"] == {"logBucket": "sandbox-logs", "logObjectPrefix": BUCKET}
    rings = gcp.client("cloudkms").projects().locations().keyRings()
    ring = rings.create(parent=f"{HOME}/locations/{REGION}", keyRingId="r").execute()["name"]
    key = rings.cryptoKeys().create(parent=ring, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()["name"]
    change = {"encryption": {"defaultKmsKeyName": key}}
    assert _refused(gcp, "PATCH", f"{B}/{BUCKET}", change)[0] == 403
    agent = gcp.client("storage").projects().serviceAccount().get(projectId=PROJECT).execute()["email_address"]
    binding = {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [f"serviceAccount:{agent}"]}
    rings.cryptoKeys().setIamPolicy(resource=key, body={"policy": {"bindings": [binding]}}).execute()
    assert _patch(gcp, change)["encryption"] == {"defaultKmsKeyName": key}
    assert _put(gcp, "secret")["kmsKeyName"].startswith(key)


def test_policy(gcp: Project) -> None:
    _bucket(gcp, iamConfiguration={"publicAccessPrevention": "enforced"})
    buckets = gcp.client("storage").buckets()
    policy = buckets.getIamPolicy(bucket=BUCKET).execute()
    assert [item["role"] for item in policy["bindings"]] == [
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketReader",
    ]
    stale = policy["etag"]
    policy["bindings"].append({"role": "roles/storage.objectViewer", "members": ["user:a@example.com"]})
    new = buckets.setIamPolicy(bucket=BUCKET, body=policy).execute()
    assert new["etag"] != stale
    assert _refused(gcp, "PUT", f"{B}/{BUCKET}/iam", {**policy, "etag": stale})[0] == 412
    public = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    assert _refused(gcp, "PUT", f"{B}/{BUCKET}/iam", public)[:2] == (412, "conditionNotMet")
    granted = buckets.testIamPermissions(bucket=BUCKET, permissions=["storage.buckets.get"]).execute()
    assert granted["permissions"] == ["storage.buckets.get"]


def test_object_life(gcp: Project) -> None:
    _bucket(gcp)
    made = _put(gcp, "dir/ä b?.txt", b"123456789")
    assert made["md5Hash"] == base64.b64encode(hashlib.md5(b"123456789", usedforsecurity=False).digest()).decode()
    assert made["crc32c"] == "4waSgw=="  # the check value of CRC-32C: 0xE3069283
    assert (made["size"], made["metageneration"]) == ("9", "1")
    path = f"{B}/{BUCKET}/o/dir%2F%C3%A4%20b%3F.txt"
    assert gcp.call("GET", "storage", path)[1]["name"] == "dir/ä b?.txt"
    download = gcp.session.get(f"{gcp.endpoints['storage']}download/{path}", params={"alt": "media"})
    assert download.content == b"123456789"
    part = gcp.session.get(gcp.endpoints["storage"] + path, params={"alt": "media"}, headers={"Range": "bytes=3-"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"456789", "bytes 3-8/9")
    status, changed = gcp.call("PATCH", "storage", path, {"metadata": {"k": "v"}, "contentType": "text/plain"})
    assert (status, changed["metadata"], changed["metageneration"]) == (200, {"k": "v"}, "2")
    copy = (
        gcp.client("storage")
        .objects()
        .rewrite(
            sourceBucket=BUCKET,
            sourceObject="dir/ä b?.txt",
            destinationBucket=BUCKET,
            destinationObject="copy",
            body={},
        )
    )
    assert copy.execute()["resource"]["contentType"] == "text/plain"
    assert gcp.call("DELETE", "storage", path) == (204, {})
    assert _refused(gcp, "GET", path)[:2] == (404, "notFound")


def test_object_preconditions(gcp: Project) -> None:
    _bucket(gcp)
    first = _put(gcp, "a", ifGenerationMatch="0")
    url = f"{gcp.endpoints['storage']}upload/storage/v1/b/{BUCKET}/o"
    again = gcp.session.post(url, params={"uploadType": "media", "name": "a", "ifGenerationMatch": "0"}, data=b"x")
    assert again.status_code == 412
    second = _put(gcp, "a", b"new", ifGenerationMatch=first["generation"])
    assert int(second["generation"]) > int(first["generation"])
    assert _refused(gcp, "DELETE", f"{B}/{BUCKET}/o/a", ifGenerationMatch=first["generation"])[0] == 412


def test_wrong_checksum_is_refused(gcp: Project) -> None:
    _bucket(gcp)
    url = f"{gcp.endpoints['storage']}upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
    metadata = json.dumps({"name": "a", "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg=="})
    body = (
        f"--x\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n--x\r\nContent-Type: a/b\r\n\r\nhello\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/related; boundary=x"}
    answer = gcp.session.post(url, data=body.encode(), headers=headers)
    assert answer.status_code == 400
    good = body.replace("1B2M2Y8AsgTpgAmY7PhCfg==", "XUFAKrxLKna5cZ2REBfFkg==")
    made = gcp.session.post(url, data=good.encode(), headers=headers).json()
    assert (made["size"], made["contentType"]) == ("5", "a/b")


def test_resumable_upload_survives_a_lost_answer(gcp: Project) -> None:
    _bucket(gcp)
    url = f"{gcp.endpoints['storage']}upload/storage/v1/b/{BUCKET}/o?uploadType=resumable"
    begun = gcp.session.post(url, json={"name": "big"}, headers={"X-Upload-Content-Type": "x/y"})
    place = begun.headers["Location"]
    content = bytes(range(256)) * 2048
    chunk = 256 * 1024
    total = len(content)
    first = {"Content-Range": f"bytes 0-{chunk - 1}/{total}"}
    for _ in range(2):
        answer = gcp.session.put(place, data=content[:chunk], headers=first, allow_redirects=False)
        assert (answer.status_code, answer.headers["Range"]) == (308, f"bytes=0-{chunk - 1}")
    asked = gcp.session.put(place, headers={"Content-Range": f"bytes */{total}"}, allow_redirects=False)
    assert asked.headers["Range"] == f"bytes=0-{chunk - 1}"
    last = {"Content-Range": f"bytes {chunk}-{total - 1}/{total}"}
    made = gcp.session.put(place, data=content[chunk:], headers=last).json()
    assert (made["size"], made["contentType"]) == (str(total), "x/y")
    assert gcp.session.put(place, data=b"", headers={"Content-Range": "bytes */*"}).status_code == 404


def test_versions_lists_and_prefixes(gcp: Project) -> None:
    _bucket(gcp, versioning={"enabled": True})
    for name in ("a/1", "a/2", "a/b/3", "c"):
        _put(gcp, name)
    _put(gcp, "c", b"newer")
    folded = _objects(gcp, delimiter="/")
    assert (folded["prefixes"], [item["name"] for item in folded["items"]]) == (["a/"], ["c"])
    below = _objects(gcp, delimiter="/", prefix="a/")
    assert (below["prefixes"], [item["name"] for item in below["items"]]) == (["a/b/"], ["a/1", "a/2"])
    versions = [item for item in _objects(gcp, versions="true")["items"] if item["name"] == "c"]
    assert ["timeDeleted" in item for item in versions] == [True, False]
    gcp.call("DELETE", "storage", f"{B}/{BUCKET}/o/c")
    assert "c" not in [item["name"] for item in _objects(gcp)["items"]]
    old = gcp.call("GET", "storage", f"{B}/{BUCKET}/o/c", generation=versions[0]["generation"])
    assert old[1]["size"] == "5"
    names, token = [], None
    while True:
        answer = _objects(gcp, maxResults=2, **({"pageToken": token} if token else {}))
        names += [item["name"] for item in answer["items"]]
        token = answer.get("nextPageToken")
        if not token:
            break
    assert names == ["a/1", "a/2", "a/b/3"]
    span = _objects(gcp, startOffset="a/2", endOffset="a/c")
    assert [item["name"] for item in span["items"]] == ["a/2", "a/b/3"]


def test_compose(gcp: Project) -> None:
    _bucket(gcp)
    _put(gcp, "x", b"one")
    _put(gcp, "y", b"two")
    body = {"sourceObjects": [{"name": "x"}, {"name": "y"}], "destination": {"contentType": "text/plain"}}
    made = gcp.client("storage").objects().compose(destinationBucket=BUCKET, destinationObject="z", body=body).execute()
    assert (made["size"], made["componentCount"], "md5Hash" in made) == ("6", 2, False)
