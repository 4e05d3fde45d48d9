"""Artifact Registry by Google's own client."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_managed import Longrunning, enable, key
from tests.sandbox.gcp_support import NUMBER, PARENT, PROJECT, REGION, Project

IMAGES = f"{PARENT}/repositories/images"
UNTAGGED = {"action": "DELETE", "condition": {"tagState": "UNTAGGED", "olderThan": "604800s"}}


@pytest.fixture
def registry(gcp: Project) -> Longrunning:
    """A project with Artifact Registry switched on."""
    return Longrunning(gcp, "artifactregistry")


@pytest.fixture
def repositories(gcp: Project, registry: Longrunning) -> Any:
    """``projects().locations().repositories()``."""
    return gcp.client("artifactregistry").projects().locations().repositories()


def create(registry: Longrunning, repositories: Any, **fields: Any) -> dict[str, Any]:
    """The repository ``images``."""
    body = {"format": "DOCKER", **fields}
    return registry.well(repositories.create(parent=PARENT, repositoryId="images", body=body).execute())


def test_a_repository_reads_as_on_the_real_cloud(registry: Longrunning, repositories: Any) -> None:
    made = create(
        registry,
        repositories,
        labels={"team": "ml"},
        dockerConfig={"immutableTags": True},
        cleanupPolicies={"untagged": UNTAGGED, "last": {"action": "KEEP", "mostRecentVersions": {"keepCount": 5}}},
        cleanupPolicyDryRun=False,
    )
    assert made["@type"].endswith("v1.Repository")
    found = repositories.get(name=IMAGES).execute()
    assert found["registryUri"] == f"{REGION}-docker.pkg.dev/{PROJECT}/images"
    assert (found["mode"], found["dockerConfig"]) == ("STANDARD_REPOSITORY", {"immutableTags": True})
    assert found["cleanupPolicies"]["untagged"] == {"id": "untagged", **UNTAGGED}
    # proto3 JSON leaves false out.
    assert "cleanupPolicyDryRun" not in found
    assert found["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_DISABLED"
    assert repositories.list(parent=PARENT).execute()["repositories"] == [found]
    assert repositories.list(parent=PARENT, filter='labels.team="other"').execute() == {}
    with pytest.raises(HttpError) as caught:
        create(registry, repositories)
    assert (caught.value.resp.status, caught.value.reason) == (409, "the repository already exists")


def test_scanning_follows_the_api_and_the_setting(gcp: Project, registry: Longrunning, repositories: Any) -> None:
    create(registry, repositories)
    enable(gcp, "containerscanning")
    assert (
        repositories.get(name=IMAGES).execute()["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_ACTIVE"
    )
    body = {"vulnerabilityScanningConfig": {"enablementConfig": "DISABLED"}}
    after = repositories.patch(name=IMAGES, updateMask="vulnerabilityScanningConfig", body=body).execute()
    assert after["vulnerabilityScanningConfig"]["enablementConfig"] == "DISABLED"
    assert after["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_DISABLED"


def test_changes_are_done_at_once(registry: Longrunning, repositories: Any) -> None:
    before = create(registry, repositories, dockerConfig={"immutableTags": True}, labels={"a": "1"})
    after = repositories.patch(name=IMAGES, updateMask="labels,dockerConfig.immutableTags", body={}).execute()
    assert "labels" not in after
    assert after["dockerConfig"] == {}
    assert after["updateTime"] >= before["updateTime"]
    body = {"cleanupPolicies": {"untagged": UNTAGGED}, "cleanupPolicyDryRun": True}
    after = repositories.patch(name=IMAGES, updateMask="cleanupPolicies,cleanupPolicyDryRun", body=body).execute()
    assert after["cleanupPolicyDryRun"] is True
    for mask, change in (("format", {"format": "NPM"}), ("kmsKeyName", {"kmsKeyName": "x"}), ("colour", {})):
        with pytest.raises(HttpError) as caught:
            repositories.patch(name=IMAGES, updateMask=mask, body=change).execute()
        assert caught.value.resp.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"format": None},
        {"labels": {"Big": "x"}},
        {"cleanupPolicies": {"p": {"id": "other", **UNTAGGED}}},
        {"cleanupPolicies": {"pp": {"action": "DELETE"}}},
        {"cleanupPolicies": {"pp": {"condition": {"tagState": "ANY"}}}},
        {"cleanupPolicies": {"pp": {"action": "DELETE", "mostRecentVersions": {"keepCount": 1}}}},
        {"cleanupPolicies": {"pp": {"action": "DELETE", "condition": {"olderThan": "7d"}}}},
        {"format": "NPM", "dockerConfig": {"immutableTags": True}},
        {"mode": "VIRTUAL_REPOSITORY"},
        {"colour": "red"},
    ],
)
def test_bad_repositories_are_refused(registry: Longrunning, repositories: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(HttpError) as caught:
        create(registry, repositories, **fields)
    assert caught.value.resp.status == 400
    assert repositories.list(parent=PARENT).execute() == {}


def test_keys_of_ones_own(gcp: Project, registry: Longrunning, repositories: Any) -> None:
    name = key(gcp)
    with pytest.raises(HttpError) as caught:
        create(registry, repositories, kmsKeyName=name)
    assert "useToEncrypt" in caught.value.reason
    gcp.sandbox.reset("gcp")
    again = Longrunning(gcp, "artifactregistry")
    key(gcp, agent="gcp-sa-artifactregistry")
    assert create(again, repositories, kmsKeyName=name)["kmsKeyName"] == name


def test_policies_go_with_the_repository(registry: Longrunning, repositories: Any) -> None:
    create(registry, repositories)
    member = f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"
    policy = {"bindings": [{"role": "roles/artifactregistry.reader", "members": [member]}]}
    repositories.setIamPolicy(resource=IMAGES, body={"policy": policy}).execute()
    assert repositories.getIamPolicy(resource=IMAGES).execute()["bindings"] == policy["bindings"]
    assert registry.well(repositories.delete(name=IMAGES).execute())["@type"].endswith("Empty")
    for call in (repositories.get(name=IMAGES), repositories.getIamPolicy(resource=IMAGES)):
        with pytest.raises(HttpError) as caught:
            call.execute()
        assert (caught.value.resp.status, caught.value.reason) == (404, "Requested entity was not found.")
    create(registry, repositories)
    assert "bindings" not in repositories.getIamPolicy(resource=IMAGES).execute()


def test_operations_take_time_and_can_fail(registry: Longrunning, repositories: Any) -> None:
    registry.project.sandbox.set_profile("realistic", scale=1)
    begun = repositories.create(parent=PARENT, repositoryId="images", body={"format": "DOCKER"}).execute()
    assert "done" not in begun
    with pytest.raises(HttpError):
        repositories.get(name=IMAGES).execute()
    registry.project.sandbox.advance("gcp", 9)
    registry.well(begun)
    registry.project.sandbox.set_profile("instant")
    registry.project.sandbox.fault("gcp", operation="repositories.delete$", kind="fail_operation", message="No.")
    assert registry.done(repositories.delete(name=IMAGES).execute())["error"] == {"code": 13, "message": "No."}
    assert repositories.get(name=IMAGES).execute()["name"] == IMAGES


def push(gcp: Project, image: str, tag: str, layer: bytes) -> int:
    """What `docker push` does; returns the status of the manifest."""
    session = requests.Session()
    session.auth = ("oauth2accesstoken", gcp.credentials.token)
    home = f"{gcp.endpoints['artifactregistry'].rpartition('/artifactregistry')[0]}/v2/{PROJECT}/images/{image}"
    parts = []
    for content in (b"{}", layer):
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = session.post(f"{home}/blobs/uploads/")
        assert begun.status_code == 202
        place = urljoin(home, begun.headers["Location"])
        assert session.patch(place, data=content).status_code == 202
        assert session.put(place, params={"digest": digest}).status_code == 201
        parts.append({"digest": digest, "size": len(content)})
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": parts[0], "layers": parts[1:]}
    body = json.dumps(manifest).encode()
    return session.put(f"{home}/manifests/{tag}", data=body, headers={"Content-Type": kind}).status_code


def test_images_are_pushed_pulled_and_listed(gcp: Project, registry: Longrunning, repositories: Any) -> None:
    create(registry, repositories, dockerConfig={"immutableTags": True})
    assert repositories.packages().list(parent=IMAGES).execute() == {}
    gcp.call("GET", "artifactregistry", f"v1/{IMAGES}")  # a token
    assert push(gcp, "team/serving", "v1", b"layer") == 201
    assert push(gcp, "team/serving", "v1", b"layer") == 201
    assert push(gcp, "team/serving", "v1", b"another") == 400, "tags are immutable"
    assert push(gcp, "team/serving", "v2", b"another") == 201
    [package] = repositories.packages().list(parent=IMAGES).execute()["packages"]
    assert package["name"] == f"{IMAGES}/packages/team%2Fserving"
    images = repositories.dockerImages().list(parent=IMAGES).execute()["dockerImages"]
    assert sorted(image["tags"] for image in images) == [["v1"], ["v2"]]
    uri = next(image["uri"] for image in images if image["tags"] == ["v1"])
    assert uri.startswith(f"{REGION}-docker.pkg.dev/{PROJECT}/images/team/serving@sha256:")
    home = gcp.endpoints["artifactregistry"].rpartition("/artifactregistry")[0]
    login = ("oauth2accesstoken", gcp.credentials.token)
    pulled = requests.get(f"{home}/v2/{PROJECT}/images/team/serving/manifests/v1", auth=login, timeout=30)
    assert pulled.headers["Docker-Content-Digest"] == uri.rpartition("@")[2]
    assert requests.get(f"{home}/v2/", timeout=30).status_code == 401
