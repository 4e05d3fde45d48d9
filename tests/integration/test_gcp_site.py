"""A site on Google Cloud: empty, converged, unchanged, drifted, repaired, destroyed; seen by Google's own clients."""

from __future__ import annotations

from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from googleapiclient.discovery import build as discover
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import execute

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-gcp-dev"
REGION = sites.REGIONS["gcp"]
PATHS = {"compute": "compute/v1/", "storage": "storage/v1/"}
CLUSTER = f"projects/{GCP_PROJECT}/locations/{REGION}/clusters/{BASE}"
PEERING = {"name": "office", "network": "default", "cidrs": ["172.16.0.0/16"]}
FULL: dict[str, Any] = {
    "network": {"flow_logs": True, "gcp": {"nat_addresses": 2, "iap_ssh": True}, "peerings": [PEERING]},
    "cluster": {
        "gpu": True,
        "secrets_encryption": True,
        "maintenance_window": {"start_time": "02:00", "days": ["saturday", "sunday"], "duration_hours": 8},
        "access": [{"principal": "group:team@example.com", "role": "edit"}],
    },
    "object_store": {
        "buckets": [{"name": "models", "encryption": "customer"}, {"name": "cache", "access_logs": False}]
    },
}


@pytest.fixture
def cloud() -> str:
    return "gcp"


class Google:
    """Google's own clients, unmodified."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url("gcp")
        key_file = sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        self.credentials = service_account.Credentials.from_service_account_file(key_file, scopes=scopes)

    def __call__(self, api: str, version: str = "v1") -> Any:
        options = {"api_endpoint": f"{self.url}/{api}/{PATHS.get(api, '')}"}
        return discover(api, version, credentials=self.credentials, client_options=options, cache_discovery=False)

    def everything(self) -> dict[str, list[str]]:
        """Names of all that a site could leave behind."""
        compute, place = self("compute"), {"project": GCP_PROJECT, "region": REGION}
        asked = {
            "networks": compute.networks().list(project=GCP_PROJECT),
            "firewalls": compute.firewalls().list(project=GCP_PROJECT),
            "global addresses": compute.globalAddresses().list(project=GCP_PROJECT),
            "subnetworks": compute.subnetworks().list(**place, filter=f'name eq "{BASE}.*"'),
            "routers": compute.routers().list(**place),
            "addresses": compute.addresses().list(**place),
            "buckets": self("storage").buckets().list(project=GCP_PROJECT),
        }
        found = {name: [item["name"] for item in request.execute().get("items", [])] for name, request in asked.items()}
        clusters = self("container").projects().locations().clusters()
        answer = clusters.list(parent=f"projects/{GCP_PROJECT}/locations/-").execute()
        found["clusters"] = [item["name"] for item in answer.get("clusters", [])]
        accounts = self("iam").projects().serviceAccounts().list(name=f"projects/{GCP_PROJECT}").execute()
        found["accounts"] = [item["email"] for item in accounts.get("accounts", [])]
        policy = self("cloudresourcemanager").projects().getIamPolicy(resource=GCP_PROJECT, body={}).execute()
        found["grants"] = [
            f"{binding['role']} {member}" for binding in policy.get("bindings", []) for member in binding["members"]
        ]
        return found

    def upload(self, bucket: str, name: str) -> None:
        url = f"{self.url}/storage/upload/storage/v1/b/{bucket}/o"
        session = AuthorizedSession(self.credentials)
        session.post(url, params={"uploadType": "media", "name": name}, data=b"weights").raise_for_status()

    def cluster(self) -> dict[str, Any]:
        answer: dict[str, Any] = self("container").projects().locations().clusters().get(name=CLUSTER).execute()
        return answer


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


def run(site: dict[str, Any], changes: dict[str, Any] | None = None, **options: Any) -> Report:
    wanted = sites.wanted(site, sites.capabilities(**(changes or {})))
    report = execute(wanted, sites.options(**options))
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def writes(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("gcp", since) if entry["write"]]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("gcp")
    return int(entries[-1]["seq"]) if entries else 0


@pytest.mark.parametrize("changes", [{}, FULL], ids=["plain", "full"])
def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, google: Google, changes: dict[str, Any]) -> None:
    before = google.everything()
    planned = run(site, changes, check=True)
    assert acts(run(site, changes)) == acts(planned)
    cluster = google.cluster()
    assert cluster["status"] == "RUNNING"
    assert {pool["name"] for pool in cluster["nodePools"]} >= {"general", "batch"}
    mark = seen(sandbox)
    again = run(site, changes, find_orphans=True)
    assert acts(again) == {}
    assert again.orphans == []
    assert writes(sandbox, mark) == []
    gone = run(site, changes, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    assert google.everything() == before


def test_a_run_without_changes_costs_few_calls(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site)
    mark = seen(sandbox)
    run(site)
    calls = sandbox.journal("gcp", mark)
    assert len(calls) <= 16, [entry["path"] for entry in calls]


def test_what_is_changed_behind_its_back_is_repaired_and_only_that(
    site: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    run(site)
    compute = google("compute")
    rule = {"sourceRanges": ["0.0.0.0/0"]}
    compute.firewalls().patch(project=GCP_PROJECT, firewall=f"{BASE}-allow-internal", body=rule).execute()
    where = {"project": GCP_PROJECT, "region": REGION}
    compute.routers().patch(**where, router=f"{BASE}-router", body={"nats": []}).execute()
    pools = google("container").projects().locations().clusters().nodePools()
    scaling = {"autoscaling": {"enabled": True, "totalMaxNodeCount": 50, "totalMinNodeCount": 0}}
    pools.setAutoscaling(name=f"{CLUSTER}/nodePools/batch", body=scaling).execute()
    bucket = next(name for name in google.everything()["buckets"] if "-models-" in name)
    google("storage").buckets().patch(bucket=bucket, body={"versioning": {"enabled": False}}).execute()
    expected = {
        f"gcp.compute.firewall {BASE}-allow-internal": "update",
        f"gcp.compute.router {BASE}-router": "update",
        "gcp.container.node_pool batch": "update",
        f"gcp.storage.bucket {bucket}": "update",
    }
    assert acts(run(site, check=True)) == expected
    assert acts(run(site)) == expected
    assert acts(run(site)) == {}
    pool = pools.get(name=f"{CLUSTER}/nodePools/batch").execute()
    assert pool["autoscaling"]["totalMaxNodeCount"] == 3


def test_what_is_deleted_behind_its_back_is_made_again(site: dict[str, Any], google: Google) -> None:
    run(site)
    google("compute").firewalls().delete(project=GCP_PROJECT, firewall=f"{BASE}-allow-health").execute()
    google("container").projects().locations().clusters().nodePools().delete(
        name=f"{CLUSTER}/nodePools/batch"
    ).execute()
    expected = {f"gcp.compute.firewall {BASE}-allow-health": "create", "gcp.container.node_pool batch": "create"}
    assert acts(run(site, check=True)) == expected
    assert acts(run(site)) == expected
    assert acts(run(site)) == {}


def test_labels_and_grants_of_others_survive(site: dict[str, Any], google: Google) -> None:
    run(site)
    clusters = google("container").projects().locations().clusters()
    present = google.cluster()
    labels = {**present["resourceLabels"], "cost-centre": "42"}
    body = {"resourceLabels": labels, "labelFingerprint": present["labelFingerprint"]}
    clusters.setResourceLabels(name=CLUSTER, body=body).execute()
    before = google.everything()["grants"]
    run({**site, "tags": {"team": "ml"}})
    assert google.cluster()["resourceLabels"]["cost-centre"] == "42"
    assert google.cluster()["resourceLabels"]["team"] == "ml"
    assert google.everything()["grants"] == before


def test_services_are_switched_on_when_asked(site: dict[str, Any], google: Google) -> None:
    services = google("serviceusage").services()
    changes = {
        "network": {"zones": 2},
        "cluster": {"gpu": True},
    }  # zones and GPUs are looked up in a service that is off
    for name in ("container", "servicenetworking", "compute"):
        full = f"projects/{GCP_PROJECT}/services/{name}.googleapis.com"
        services.disable(name=full, body={"disableDependentServices": True}).execute()
    with pytest.raises(SpecError, match=r"compute\.googleapis\.com, container\.googleapis\.com, servicenetworking"):
        run(site, changes)
    site = {**site, "enable_services": True}
    planned = run(site, changes, check=True)
    assert acts(planned)[f"gcp.serviceusage.services {GCP_PROJECT}"] == "update"
    assert acts(run(site, changes)) == acts(planned)
    assert acts(run(site, changes)) == {}
    assert len(google.cluster()["locations"]) == 2
    gone = run(site, changes, state="absent")
    assert f"gcp.serviceusage.services {GCP_PROJECT}" not in acts(gone)


def test_a_protected_cluster_is_not_destroyed(site: dict[str, Any], sandbox: Sandbox) -> None:
    protected = {"cluster": {"deletion_protection": True}}
    run(site, protected)
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="deletion protection is on"):
        run(site, protected, state="absent")
    assert writes(sandbox, mark) == []
    run(site)
    run(site, state="absent")


def test_a_bucket_that_holds_something_is_kept_unless_forced(site: dict[str, Any], google: Google) -> None:
    run(site)
    bucket = next(name for name in google.everything()["buckets"] if "-models-" in name)
    google.upload(bucket, "weights/v 1.bin")
    google.upload(bucket, "weights/v 1.bin")  # a second version
    with pytest.raises(SpecError, match="is not empty"):
        run(site, state="absent")
    forced = {"object_store": {"buckets": [{"name": "models", "force": True}, {"name": "logs", "force": True}]}}
    run(site, forced, state="absent")
    assert google.everything()["buckets"] == []


def test_a_release_channel_may_be_ahead_of_the_version(site: dict[str, Any], google: Google) -> None:
    older = {"cluster": {"version": "1.33", "upgrade_channel": "regular"}}
    run(site, older)
    assert google.cluster()["currentMasterVersion"].startswith("1.33.")
    update = {"update": {"desiredMasterVersion": "1.34"}}
    google("container").projects().locations().clusters().update(name=CLUSTER, body=update).execute()
    assert acts(run(site, older)) == {}
    newer = {"cluster": {"version": "1.34", "upgrade_channel": "regular"}}
    report = run(site, newer)
    assert set(acts(report)) == {"gcp.container.node_pool general", "gcp.container.node_pool batch"}
    pools = google.cluster()["nodePools"]
    assert all(pool["version"].startswith("1.34.") for pool in pools)


def test_versions_go_up_one_at_a_time_and_never_down(site: dict[str, Any], sandbox: Sandbox, google: Google) -> None:
    fixed = {"upgrade_channel": "none"}
    run(site, {"cluster": {**fixed, "version": "1.33"}})
    mark = seen(sandbox)
    run(site, {"cluster": {**fixed, "version": "1.35"}})
    updates = [name for name in writes(sandbox, mark) if name.endswith("clusters.update")]
    assert len(updates) == 2
    assert google.cluster()["currentMasterVersion"].startswith("1.35.")
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="never goes back"):
        run(site, {"cluster": {**fixed, "version": "1.33"}})
    assert writes(sandbox, mark) == []
