"""The unmodified google-api-python-client and google-auth against the emulated project.

``client_options={"api_endpoint": ...}`` with static discovery is enough for every JSON method; it replaces ``rootUrl``
and ``servicePath`` together (see ``gcp_support.Project.client``). Media uploads of googleapiclient ignore
``api_endpoint`` (they use the document's ``rootUrl``), so they take ``build_from_document``.
"""

from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Any

import pytest
import requests
from google.auth import default as application_default
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload, MediaIoBaseDownload

from tests.sandbox.gcp_support import HOME, LINKS, NUMBER, PARENT, PROJECT, REGION, SCOPES, Project, refusal


def test_application_default_credentials(gcp: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gcp.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    credentials, project = application_default(scopes=SCOPES)
    assert project == PROJECT
    answer = AuthorizedSession(credentials).get(f"{gcp.endpoints['cloudresourcemanager']}v1/{HOME}")
    assert answer.json()["projectNumber"] == NUMBER


def test_self_signed_jwt_is_taken(gcp: Project) -> None:
    credentials = service_account.Credentials.from_service_account_file(gcp.key_file)
    before = len(gcp.sandbox.journal("gcp"))
    signed = credentials.with_always_use_jwt_access(True).with_scopes(SCOPES)
    answer = AuthorizedSession(signed).get(f"{gcp.endpoints['compute']}compute/v1/{HOME}")
    assert answer.status_code == 200
    assert [entry["operation"] for entry in gcp.sandbox.journal("gcp", before)] == ["compute.projects.get"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer ya29.stranger"}, {"Authorization": "Basic eDp5"}])
def test_unknown_token(gcp: Project, header: dict[str, str]) -> None:
    answer = requests.get(f"{gcp.endpoints['compute']}compute/v1/{HOME}", headers=header, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_key_of_a_stranger(gcp: Project) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.auth.exceptions import RefreshError

    with open(gcp.key_file, encoding="utf-8") as handle:
        info = json.load(handle)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    info["private_key"] = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    forged = service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        AuthorizedSession(forged).get(f"{gcp.endpoints['compute']}compute/v1/{HOME}")


def test_token_expires_and_is_renewed(gcp: Project) -> None:
    gcp.compute("GET", "")
    before = gcp.credentials.token
    gcp.sandbox.advance("gcp", 3700)
    gcp.compute("GET", "")
    assert gcp.credentials.token != before


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("compute", "compute/v1/projects/other/global/networks"),
        ("container", "v1/projects/other/locations/-/clusters"),
        ("cloudresourcemanager", "v1/projects/other"),
        ("cloudresourcemanager", "v3/projects/other"),
        ("iam", "v1/projects/other/serviceAccounts"),
        ("serviceusage", "v1/projects/other/services"),
        ("storage", "storage/v1/b?project=other"),
        ("cloudkms", "v1/projects/other/locations/global/keyRings"),
    ],
)
def test_other_project_is_denied(gcp: Project, api: str, path: str) -> None:
    status, answer = gcp.call("GET", api, path)
    assert status == 403
    if api not in ("compute", "storage"):
        assert answer["error"]["status"] == "PERMISSION_DENIED"


def test_every_api_by_its_own_client(gcp: Project) -> None:
    compute = gcp.client("compute")
    operation = compute.networks().insert(project=PROJECT, body={"name": "n", "autoCreateSubnetworks": False}).execute()
    done = compute.globalOperations().wait(project=PROJECT, operation=operation["name"]).execute()
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert done["targetLink"] == f"{LINKS}/{HOME}/global/networks/n"
    config = gcp.client("container").projects().locations().getServerConfig(name=PARENT).execute()
    assert config["defaultClusterVersion"] in config["validMasterVersions"]
    accounts = gcp.client("iam").projects().serviceAccounts()
    made = accounts.create(name=HOME, body={"accountId": "worker", "serviceAccount": {"displayName": "W"}}).execute()
    assert made["email"] == f"worker@{PROJECT}.iam.gserviceaccount.com"
    projects = gcp.client("cloudresourcemanager", "v3").projects()
    assert projects.get(name=HOME).execute()["name"] == f"projects/{NUMBER}"
    assert gcp.client("cloudresourcemanager").projects().get(projectId=PROJECT).execute()["lifecycleState"] == "ACTIVE"
    services = gcp.client("serviceusage").services()
    assert services.get(name=f"{HOME}/services/compute.googleapis.com").execute()["state"] == "ENABLED"
    connections = gcp.client("servicenetworking").services().connections()
    network = f"projects/{NUMBER}/global/networks/n"
    assert connections.list(parent="services/servicenetworking.googleapis.com", network=network).execute() == {}
    rings = gcp.client("cloudkms").projects().locations().keyRings()
    assert rings.create(parent=PARENT, keyRingId="r").execute()["name"] == f"{PARENT}/keyRings/r"
    buckets = gcp.client("storage").buckets()
    bucket = buckets.insert(project=PROJECT, body={"name": "sandbox-a", "location": REGION}).execute()
    assert (bucket["metageneration"], bucket["location"]) == ("1", REGION.upper())
    assert buckets.delete(bucket="sandbox-a").execute() == ""


def test_client_raises_http_error(gcp: Project) -> None:
    with pytest.raises(HttpError) as caught:
        gcp.client("compute").networks().get(project=PROJECT, network="absent").execute()
    assert refusal(caught) == (404, "notFound")


def test_list_next_walks_all_pages(gcp: Project) -> None:
    zones = gcp.client("compute").zones()
    request = zones.list(project=PROJECT, maxResults=50)
    names = []
    while request is not None:
        answer = request.execute()
        names += [item["name"] for item in answer["items"]]
        request = zones.list_next(request, answer)
    assert len(names) == len(set(names)) > 100


def _storage(gcp: Project) -> Any:
    """googleapiclient takes the address of uploads from the document itself."""
    place = files("googleapiclient") / "discovery_cache" / "documents" / "storage.v1.json"
    document = json.loads(place.read_text(encoding="utf-8"))
    document["rootUrl"] = document["baseUrl"] = gcp.endpoints["storage"]
    return discovery.build_from_document(document, credentials=gcp.credentials)


@pytest.mark.parametrize("resumable", [False, True])
def test_media_by_googleapiclient(gcp: Project, resumable: bool) -> None:
    storage = _storage(gcp)
    storage.buckets().insert(project=PROJECT, body={"name": "sandbox-media"}).execute()
    content = bytes(range(256)) * 4096
    media = MediaInMemoryUpload(content, mimetype="image/x-test", chunksize=256 * 1024, resumable=resumable)
    request = storage.objects().insert(bucket="sandbox-media", name="a/b c.bin", media_body=media)
    made = request.execute()
    assert (made["size"], made["contentType"]) == (str(len(content)), "image/x-test")
    got = io.BytesIO()
    fetch = MediaIoBaseDownload(
        got, storage.objects().get_media(bucket="sandbox-media", object="a/b c.bin"), chunksize=300_000
    )
    over = False
    while not over:
        _, over = fetch.next_chunk()
    assert got.getvalue() == content


def test_unknown_address_is_a_web_page(gcp: Project) -> None:
    answer = gcp.session.get(gcp.sandbox.url("gcp") + "/nowhere/v1/things")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_method_that_is_not_served_says_so(gcp: Project) -> None:
    status, answer = gcp.call("GET", "compute", f"compute/v1/{HOME}/zones/{REGION}-b/instances")
    assert status == 501
    assert "compute.instances.list" in answer["error"]["message"]


def test_request_log_names_methods_and_tells_writes(gcp: Project) -> None:
    seen = gcp.sandbox.journal("gcp")[-1]["seq"] if gcp.sandbox.journal("gcp") else 0
    gcp.compute("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    gcp.call("POST", "cloudresourcemanager", f"v1/{HOME}:getIamPolicy", {})
    gcp.call("POST", "cloudresourcemanager", f"v1/{HOME}:testIamPermissions", {"permissions": ["a.b.c"]})
    gcp.call("GET", "container", f"v1/{PARENT}/clusters")
    entries = [(item["operation"], item["write"]) for item in gcp.sandbox.journal("gcp", seen)]
    assert entries[-4:] == [
        ("compute.networks.insert", True),
        ("cloudresourcemanager.projects.getIamPolicy", False),
        ("cloudresourcemanager.projects.testIamPermissions", False),
        ("container.projects.locations.clusters.list", False),
    ]
    assert ("oauth2.token", True) not in entries


def test_paths_without_an_api_name(gcp: Project) -> None:
    base = gcp.sandbox.url("gcp")
    for path in (
        f"/compute/v1/{HOME}",
        f"/v1/{PARENT}/clusters",
        f"/v1/{HOME}/serviceAccounts",
        "/storage/v1/b?project=_",
    ):
        assert gcp.session.get(base + path).status_code == 200, path
