"""Clients of caches on Google Cloud get in with what the outputs and the secret store say. Needs Redis or Valkey."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import redis
from google.auth.transport.requests import Request

from sandbox.core.connection import GCP_PROJECT
from sandbox.engines import engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, Google, done, run

pytestmark = pytest.mark.skipif(not engine_available("redis"), reason="neither Redis nor Valkey is installed")
SPEC: dict[str, Any] = {
    "network": {"addresses": sites.SLOTS, "data_ports": [5432, 6378, 6379]},
    "cache": {"instances": [{"name": "main"}, {"name": "sessions", "engine": "redis"}]},
}


@pytest.fixture
def cloud() -> str:
    return "gcp"


def client(found: dict[str, Any], password: str, folder: Path) -> redis.Redis:
    authority = folder / "ca.pem"
    authority.write_text(found["certificate_authority"])
    return redis.Redis(host=found["host"], port=found["port"], password=password, ssl=True, ssl_ca_certs=str(authority))


def stored(google: Google, secret: str) -> str:
    answer = google("secretmanager").projects().secrets().versions().access(name=f"{secret}/versions/latest").execute()
    return base64.b64decode(answer["payload"]["data"]).decode()


def test_clients_get_in(site: dict[str, Any], sandbox: Sandbox, tmp_path: Path) -> None:
    google = Google(sandbox)
    found = done(run(site, SPEC)).outputs["cache"]["instances"]
    assert found["sessions"]["secret"] == f"projects/{GCP_PROJECT}/secrets/{BASE}-cache-sessions"
    before = stored(google, found["sessions"]["secret"])
    connected = client(found["sessions"], before, tmp_path)
    connected.set("session", "kept")
    with pytest.raises(redis.AuthenticationError):
        client(found["sessions"], "wrong", tmp_path).ping()

    google.credentials.refresh(Request())
    assert client(found["main"], google.credentials.token, tmp_path).ping()
    with pytest.raises(redis.AuthenticationError):
        client(found["main"], "wrong", tmp_path).ping()

    main, sessions = SPEC["cache"]["instances"]
    renewal = {**SPEC, "cache": {"instances": [main, {**sessions, "rotate": True}]}}
    done(run(site, renewal, refers=("network",)))
    after = stored(google, found["sessions"]["secret"])
    assert after != before
    assert client(found["sessions"], after, tmp_path).get("session") == b"kept"
    assert connected.get("session") == b"kept", "who is connected stays so"
    with pytest.raises(redis.AuthenticationError):
        client(found["sessions"], before, tmp_path).ping()
