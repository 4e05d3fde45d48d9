"""Service accounts, policies, services and keys, through Google's own clients."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_support import HOME, NUMBER, PARENT, PROJECT, Project, refusal

MAIL = f"worker@{PROJECT}.iam.gserviceaccount.com"
VIEWER = "roles/container.viewer"


def _accounts(gcp: Project) -> Any:
    return gcp.client("iam").projects().serviceAccounts()


def _worker(gcp: Project) -> dict[str, Any]:
    body = {"accountId": "worker", "serviceAccount": {"displayName": "Worker"}}
    made: dict[str, Any] = _accounts(gcp).create(name=HOME, body=body).execute()
    return made


def test_account_life(gcp: Project) -> None:
    made = _worker(gcp)
    assert made["name"] == f"{HOME}/serviceAccounts/{MAIL}"
    accounts = _accounts(gcp)
    for name in (MAIL, made["uniqueId"]):
        assert accounts.get(name=f"projects/-/serviceAccounts/{name}").execute() == made
    change = {"serviceAccount": {"displayName": "New", "description": "D"}, "updateMask": "displayName"}
    changed = accounts.patch(name=made["name"], body=change).execute()
    assert (changed["displayName"], "description" in changed, changed["etag"] != made["etag"]) == ("New", False, True)
    stale = {"serviceAccount": {"displayName": "X", "etag": made["etag"]}, "updateMask": "displayName"}
    with pytest.raises(HttpError) as caught:
        accounts.patch(name=made["name"], body=stale).execute()
    assert caught.value.resp.status == 409
    assert MAIL in [item["email"] for item in accounts.list(name=HOME).execute()["accounts"]]
    accounts.disable(name=made["name"], body={}).execute()
    assert accounts.get(name=made["name"]).execute()["disabled"] is True
    accounts.delete(name=made["name"]).execute()
    with pytest.raises(HttpError) as caught:
        accounts.get(name=made["name"]).execute()
    assert refusal(caught) == (404, "notFound")


@pytest.mark.parametrize("account", ["shrt", "Capital-letters", "x" * 31, "with_underscore"])
def test_illegal_account_names(gcp: Project, account: str) -> None:
    with pytest.raises(HttpError) as caught:
        _accounts(gcp).create(name=HOME, body={"accountId": account}).execute()
    assert caught.value.resp.status == 400


def test_account_twice(gcp: Project) -> None:
    _worker(gcp)
    with pytest.raises(HttpError) as caught:
        _worker(gcp)
    assert refusal(caught) == (409, "alreadyExists")


def test_project_policy_is_read_modify_write(gcp: Project) -> None:
    projects = gcp.client("cloudresourcemanager", "v3").projects()
    _worker(gcp)
    before = projects.getIamPolicy(resource=HOME, body={"options": {"requestedPolicyVersion": 3}}).execute()
    foreign = before["bindings"]
    assert foreign
    mine = {"role": VIEWER, "members": [f"serviceAccount:{MAIL}"]}
    policy = {**before, "bindings": [*foreign, mine]}
    after = projects.setIamPolicy(resource=HOME, body={"policy": policy}).execute()
    assert mine in after["bindings"]
    assert after["etag"] != before["etag"]
    with pytest.raises(HttpError) as caught:
        projects.setIamPolicy(resource=HOME, body={"policy": policy}).execute()
    assert refusal(caught) == (409, "ABORTED")
    v1 = gcp.client("cloudresourcemanager").projects().getIamPolicy(resource=PROJECT, body={}).execute()
    assert v1 == after
    asked = {"permissions": ["container.clusters.create"]}
    assert projects.testIamPermissions(resource=HOME, body=asked).execute() == asked


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"role": VIEWER, "members": [f"serviceAccount:{MAIL}"]}, f"Service account {MAIL} does not exist."),
        ({"role": VIEWER, "members": ["worker"]}, "Invalid member"),
        ({"role": "viewer", "members": ["user:a@example.com"]}, "Role viewer is not supported"),
    ],
)
def test_bindings_that_are_refused(gcp: Project, binding: dict[str, Any], words: str) -> None:
    status, answer = gcp.call(
        "POST", "cloudresourcemanager", f"v1/{HOME}:setIamPolicy", {"policy": {"bindings": [binding]}}
    )
    assert (status, words in answer["error"]["message"]) == (400, True)


def test_deleted_account_stays_in_policies_as_deleted(gcp: Project) -> None:
    made = _worker(gcp)
    projects = gcp.client("cloudresourcemanager", "v3").projects()
    policy = projects.getIamPolicy(resource=HOME, body={}).execute()
    policy["bindings"].append({"role": VIEWER, "members": [f"serviceAccount:{MAIL}"]})
    projects.setIamPolicy(resource=HOME, body={"policy": policy}).execute()
    _accounts(gcp).delete(name=made["name"]).execute()
    members = [m for b in projects.getIamPolicy(resource=HOME, body={}).execute()["bindings"] for m in b["members"]]
    assert f"deleted:serviceAccount:{MAIL}?uid={made['uniqueId']}" in members
    assert f"serviceAccount:{MAIL}" not in members


def test_workload_identity_binding(gcp: Project) -> None:
    made = _worker(gcp)
    member = f"serviceAccount:{PROJECT}.svc.id.goog[ml/worker]"
    policy = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}
    _accounts(gcp).setIamPolicy(resource=made["name"], body={"policy": policy}).execute()
    assert _accounts(gcp).getIamPolicy(resource=made["name"]).execute()["bindings"] == policy["bindings"]


def test_services(gcp: Project) -> None:
    services = gcp.client("serviceusage").services()
    off = f"{HOME}/services/redis.googleapis.com"
    assert services.get(name=off).execute()["state"] == "DISABLED"
    begun = services.batchEnable(
        parent=HOME, body={"serviceIds": ["redis.googleapis.com", "dns.googleapis.com"]}
    ).execute()
    done = gcp.client("serviceusage").operations().get(name=begun["name"]).execute()
    assert [item["state"] for item in done["response"]["services"]] == ["ENABLED", "ENABLED"]
    again = services.enable(name=off, body={}).execute()
    assert (again["name"], again["done"]) == ("operations/noop.DONE_OPERATION", True)
    both = services.batchGet(parent=HOME, names=[off, f"projects/{NUMBER}/services/compute.googleapis.com"]).execute()
    assert [item["state"] for item in both["services"]] == ["ENABLED", "ENABLED"]
    found, request = [], services.list(parent=HOME, filter="state:ENABLED", pageSize=10)
    while request is not None:
        answer = request.execute()
        found += [item["config"]["name"] for item in answer["services"]]
        request = services.list_next(request, answer)
    assert "redis.googleapis.com" in found
    assert len(found) == len(set(found)) > 15
    with pytest.raises(HttpError) as caught:
        services.enable(name=f"{HOME}/services/nonsense.googleapis.com", body={}).execute()
    assert refusal(caught) == (403, "PERMISSION_DENIED")


def test_disabled_service_refuses_calls(gcp: Project) -> None:
    services = gcp.client("serviceusage").services()
    compute = f"{HOME}/services/compute.googleapis.com"
    with pytest.raises(HttpError) as caught:
        services.disable(name=compute, body={}).execute()
    assert refusal(caught) == (400, "FAILED_PRECONDITION")
    services.disable(name=f"{HOME}/services/container.googleapis.com", body={}).execute()
    status, answer = gcp.call("GET", "container", f"v1/{PARENT}/clusters")
    assert status == 403
    assert "has not been used in project" in answer["error"]["message"]
    assert answer["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
    services.enable(name=f"{HOME}/services/container.googleapis.com", body={}).execute()
    assert gcp.call("GET", "container", f"v1/{PARENT}/clusters")[0] == 200


def test_keys(gcp: Project) -> None:
    rings = gcp.client("cloudkms").projects().locations().keyRings()
    ring = rings.create(parent=PARENT, keyRingId="r", body={}).execute()["name"]
    with pytest.raises(HttpError) as caught:
        rings.create(parent=PARENT, keyRingId="r", body={}).execute()
    assert refusal(caught) == (409, "ALREADY_EXISTS")
    keys = rings.cryptoKeys()
    body = {"purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "7776000s", "nextRotationTime": "2027-01-01T00:00:00Z"}
    key = keys.create(parent=ring, cryptoKeyId="k", body=body).execute()
    assert key["primary"]["state"] == "ENABLED"
    assert key["destroyScheduledDuration"] == "2592000s"
    assert key["versionTemplate"] == {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}
    labelled = keys.patch(
        name=key["name"], body={"labels": {"a": "b"}, "purpose": "MAC"}, updateMask="labels"
    ).execute()
    assert (labelled["labels"], labelled["purpose"]) == ({"a": "b"}, "ENCRYPT_DECRYPT")
    with pytest.raises(HttpError) as caught:
        keys.patch(name=key["name"], body={"purpose": "MAC"}, updateMask="purpose").execute()
    assert caught.value.resp.status == 400
    second = keys.cryptoKeyVersions().create(parent=key["name"], body={}).execute()
    assert second["name"].endswith("/cryptoKeyVersions/2")
    keys.updatePrimaryVersion(name=key["name"], body={"cryptoKeyVersionId": "2"}).execute()
    first = f"{key['name']}/cryptoKeyVersions/1"
    assert keys.cryptoKeyVersions().destroy(name=first, body={}).execute()["state"] == "DESTROY_SCHEDULED"
    assert keys.cryptoKeyVersions().restore(name=first, body={}).execute()["state"] == "DISABLED"
    assert keys.list(parent=ring).execute()["totalSize"] == 1
    assert keys.getIamPolicy(resource=key["name"]).execute() == {"etag": "ACAB"}


def test_keys_are_deleted_only_after_their_versions(gcp: Project) -> None:
    rings = gcp.client("cloudkms").projects().locations().keyRings()
    ring = rings.create(parent=PARENT, keyRingId="r", body={}).execute()["name"]
    key = rings.cryptoKeys().create(parent=ring, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()["name"]
    version = f"{key}/cryptoKeyVersions/1"
    versions = rings.cryptoKeys().cryptoKeyVersions()
    versions.destroy(name=version, body={}).execute()
    for request in (rings.delete(name=ring), rings.cryptoKeys().delete(name=key), versions.delete(name=version)):
        with pytest.raises(HttpError) as caught:
            request.execute()
        assert refusal(caught) == (400, "FAILED_PRECONDITION")
    gcp.sandbox.advance("gcp", 30 * 86400 + 1)
    assert versions.get(name=version).execute()["state"] == "DESTROYED"
    for request in (versions.delete(name=version), rings.cryptoKeys().delete(name=key), rings.delete(name=ring)):
        begun = request.execute()
        operations = gcp.client("cloudkms").projects().locations().operations()
        assert operations.get(name=begun["name"]).execute()["done"] is True
    assert rings.list(parent=PARENT).execute() == {}
    rings.create(parent=PARENT, keyRingId="r", body={}).execute()
    with pytest.raises(HttpError) as caught:
        rings.cryptoKeys().create(parent=ring, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()
    assert refusal(caught) == (409, "ALREADY_EXISTS")
