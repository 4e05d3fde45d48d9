"""Where credentials come from, where requests go, and what is remembered."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import AuthError, SpecError
from module_utils._gcp.client import Cloud, Shared, check_credentials, credentials
from module_utils._spec.site import Credentials, Site


def cloud(**site: Any) -> Cloud:
    return Cloud(Site("gcp", "europe-west1", "ml", "project-1", **site), SystemClock())


@pytest.mark.parametrize(
    ("endpoints", "service", "base"),
    [
        (None, "compute", "https://compute.googleapis.com/compute/v1"),
        (None, "container", "https://container.googleapis.com/v1"),
        ({"default": "http://here:1/"}, "storage", "http://here:1/storage/storage/v1"),
        ({"default": "http://here:1", "storage": "https://gcs.internal"}, "storage", "https://gcs.internal/storage/v1"),
    ],
)
def test_base_urls(endpoints: Any, service: str, base: str) -> None:
    assert cloud(endpoints=endpoints).base(service) == base


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    return tmp_path


def login(folder: Path, name: str = "application_default_credentials.json") -> Path:
    file = folder / name
    file.write_text(
        json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": file.name})
    )
    return file


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Credentials(), "gcloud auth application-default login"),
        (Credentials("environment"), "GOOGLE_APPLICATION_CREDENTIALS is not set"),
        (Credentials("service_account_file"), "service_account_file is not set"),
        (Credentials(service_account_file="/nowhere.json"), "cannot be used"),
    ],
)
@pytest.mark.usefixtures("nothing")
def test_missing_credentials_say_what_to_do(wanted: Credentials, words: str) -> None:
    with pytest.raises(AuthError, match=words):
        credentials(wanted)


def test_the_named_source_is_taken(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login(nothing)
    other = login(nothing, "other.json")
    assert credentials(Credentials()).refresh_token == "application_default_credentials.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(other))
    assert credentials(Credentials()).refresh_token == "other.json"
    assert credentials(Credentials("cli")).refresh_token == "application_default_credentials.json"


@pytest.mark.usefixtures("nothing")
def test_the_metadata_server_is_asked_only_when_named() -> None:
    assert type(credentials(Credentials("managed_identity"))).__module__ == "google.auth.compute_engine.credentials"


@pytest.mark.parametrize(
    "wanted", [Credentials("profile"), Credentials(profile="p"), Credentials(role_arn="r"), Credentials(tenant_id="t")]
)
def test_options_of_other_clouds_are_refused(wanted: Credentials) -> None:
    with pytest.raises(SpecError, match="no meaning on Google Cloud"):
        check_credentials(wanted)


def test_an_answer_is_fetched_once() -> None:
    shared, numbers = Shared(), itertools.count(1)
    assert [shared.get("k", lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]
    shared.drop("k")
    assert shared.get("k", lambda: "new") == "new"


def test_an_answer_that_was_under_way_during_a_change_is_not_remembered() -> None:
    shared, started, go = Shared(), threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        assert go.wait(5)
        return "old"

    thread = threading.Thread(target=lambda: shared.get("k", slow))
    thread.start()
    assert started.wait(5)
    shared.drop("k")
    go.set()
    thread.join()
    assert shared.get("k", lambda: "fresh") == "fresh"
