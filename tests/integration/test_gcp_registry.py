"""A registry on Google Cloud: made, unchanged, drifted, repaired, destroyed; seen by Google's own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.oauth2 import service_account
from googleapiclient.discovery import build as discover
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import Wanted, execute
from module_utils._spec.arguments import build
from module_utils._spec.registry import Registry
from module_utils._spec.site import Site

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-gcp-dev"
REGION = sites.REGIONS["gcp"]
PARENT = f"projects/{GCP_PROJECT}/locations/{REGION}"
IMAGES = f"{PARENT}/repositories/{BASE}-inference"
NODES = f"serviceAccount:{BASE}-nodes@{GCP_PROJECT}.iam.gserviceaccount.com"
READER = "roles/artifactregistry.reader"
PLAIN: dict[str, Any] = {"repositories": [{"name": "inference"}, {"name": "training"}]}


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Callable[[str], Any]:
    """Google's own clients, unmodified."""
    key_file = sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(key_file, scopes=scopes)

    def client(api: str) -> Any:
        options = {"api_endpoint": f"{sandbox.url('gcp')}/{api}/"}
        return discover(api, "v1", credentials=credentials, client_options=options, cache_discovery=False)

    return client


@pytest.fixture
def repositories(google: Callable[[str], Any]) -> Any:
    return google("artifactregistry").projects().locations().repositories()


@pytest.fixture
def accounts(google: Callable[[str], Any]) -> Any:
    return google("iam").projects().serviceAccounts()


def run(site: dict[str, Any], registry: dict[str, Any], **options: Any) -> Report:
    wanted = Wanted(build(Site, {**site, "enable_services": True}), registry=build(Registry, registry))
    return execute(wanted, sites.options(**options))


def done(report: Report) -> Report:
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def changed(report: Report) -> list[str]:
    return sorted(change.path for entry in report.entries for change in entry.changes)


def requests_of(sandbox: Sandbox, since: int) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.journal("gcp", since) if entry["operation"] != "oauth2.token"]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("gcp")
    return int(entries[-1]["seq"]) if entries else 0


def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, repositories: Any) -> None:
    done(run(site, PLAIN))
    made = repositories.get(name=IMAGES).execute()
    assert made["format"] == "DOCKER"
    assert made["dockerConfig"] == {"immutableTags": True}
    condition = {"tagState": "UNTAGGED", "olderThan": f"{14 * 86400}s"}
    assert made["cleanupPolicies"] == {"untagged": {"id": "untagged", "action": "DELETE", "condition": condition}}
    assert made["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_ACTIVE"
    assert made["labels"]["platform"] == "ml-platform"

    since = seen(sandbox)
    again = done(run(site, PLAIN))
    assert acts(again) == {}
    asked = requests_of(sandbox, since)
    assert [entry["operation"] for entry in asked if entry["write"]] == []
    assert len(asked) == 2, [entry["operation"] for entry in asked]  # which services are on, and one list

    url = f"{REGION}-docker.pkg.dev/{GCP_PROJECT}"
    assert again.outputs["registry"] == {
        "url": url,
        "repositories": {name: f"{url}/{BASE}-{name}/{name}" for name in ("inference", "training")},
    }

    body: dict[str, Any] = {
        "labels": {"team": "ml"},
        "dockerConfig": {"immutableTags": False},
        "cleanupPolicies": {"theirs": {"action": "KEEP", "mostRecentVersions": {"keepCount": 5}}},
    }
    owned = {**made["labels"], **body["labels"]}
    mask = "labels,dockerConfig,cleanupPolicies"
    repositories.patch(name=IMAGES, updateMask=mask, body={**body, "labels": owned}).execute()
    repaired = done(run(site, PLAIN))
    assert changed(repaired) == ["cleanupPolicies", "dockerConfig.immutableTags"]
    after = repositories.get(name=IMAGES).execute()
    assert after["dockerConfig"] == {"immutableTags": True}
    assert set(after["cleanupPolicies"]) == {"untagged", "theirs"}, "what others added stays"
    assert after["labels"] == owned

    loose = {**PLAIN, "immutable_tags": False, "scan_on_push": False, "untagged_expire_days": 0}
    assert changed(done(run(site, loose))) == sorted(
        2 * ["cleanupPolicies", "dockerConfig.immutableTags", "vulnerabilityScanningConfig.enablementConfig"]
    )
    after = repositories.get(name=IMAGES).execute()
    assert set(after["cleanupPolicies"]) == {"theirs"}
    assert not after["dockerConfig"]
    assert after["vulnerabilityScanningConfig"]["enablementState"] == "SCANNING_DISABLED"
    assert acts(done(run(site, loose))) == {}

    fewer = {**loose, "repositories": [{"name": "inference", "state": "absent"}, {"name": "training"}]}
    assert acts(done(run(site, fewer))) == {f"gcp.artifactregistry.repository {BASE}-inference": "delete"}
    gone = done(run(site, PLAIN, state="absent", find_orphans=True))
    assert (gone.orphans, gone.kept) == ([], [])
    assert repositories.list(parent=PARENT).execute() == {}


def test_a_key_of_ones_own(site: dict[str, Any], repositories: Any) -> None:
    spec = {**PLAIN, "encryption": "customer"}
    done(run(site, spec))
    assert repositories.get(name=IMAGES).execute()["kmsKeyName"].endswith(f"/{BASE}-registry")
    assert acts(done(run(site, spec))) == {}
    with pytest.raises(SpecError, match="kmsKeyName is"):
        run(site, PLAIN)
    gone = done(run(site, spec, state="absent", find_orphans=True))
    assert gone.orphans == []


def test_the_nodes_may_pull(site: dict[str, Any], repositories: Any, accounts: Any) -> None:
    def readers() -> list[str]:
        policy = repositories.getIamPolicy(resource=IMAGES).execute()
        return [member for binding in policy.get("bindings", []) for member in binding["members"]]

    done(run(site, PLAIN))
    with pytest.raises(SpecError, match=r"service_account .* is not in this account"):
        run(site, {**PLAIN, "pull": True})
    accounts.create(name=f"projects/{GCP_PROJECT}", body={"accountId": f"{BASE}-nodes"}).execute()
    theirs = {"bindings": [{"role": READER, "members": ["user:user@example.com"]}]}
    etag = repositories.getIamPolicy(resource=IMAGES).execute()["etag"]
    repositories.setIamPolicy(resource=IMAGES, body={"policy": {**theirs, "etag": etag}}).execute()
    assert acts(done(run(site, PLAIN))) == {}
    report = done(run(site, {**PLAIN, "pull": True}))
    assert set(acts(report).values()) == {"create"}
    assert sorted(readers()) == sorted([NODES, "user:user@example.com"])
    assert acts(done(run(site, {**PLAIN, "pull": True}))) == {}
    assert acts(done(run(site, PLAIN))) == {}, "without a word it is left alone"
    done(run(site, {**PLAIN, "pull": False}))
    assert readers() == ["user:user@example.com"]


def test_images_are_not_lost_by_accident(site: dict[str, Any], sandbox: Sandbox, repositories: Any) -> None:
    done(run(site, PLAIN))
    repositories.list(parent=PARENT).execute()
    login = ("oauth2accesstoken", repositories._http.credentials.token)
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "layers": []}
    url = f"{sandbox.url('gcp')}/v2/{GCP_PROJECT}/{BASE}-inference/inference/manifests/v1"
    pushed = requests.put(url, json=manifest, headers={"Content-Type": kind}, auth=login, timeout=30)
    assert pushed.status_code == 201
    since = seen(sandbox)
    refusal = r"it holds the image 'inference'\). Delete its images, or set force: true"
    gone: dict[str, Any] = {"repositories": [{"name": "inference", "state": "absent"}, {"name": "training"}]}
    with pytest.raises(SpecError, match=refusal):
        run(site, gone)
    with pytest.raises(SpecError, match=refusal):
        run(site, PLAIN, state="absent")
    assert [entry for entry in requests_of(sandbox, since) if entry["write"]] == []
    gone["repositories"][0]["force"] = True
    assert acts(done(run(site, gone))) == {f"gcp.artifactregistry.repository {BASE}-inference": "delete"}
