"""How GKE clusters are reached, by what their configuration offers."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import Unavailable
from module_utils._gcp.client import Cloud
from module_utils._gcp.cluster_access import ClusterAccess
from module_utils._spec.site import Site

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
AUTHORITY = {"masterAuth": {"clusterCaCertificate": base64.b64encode(PEM.encode()).decode()}}
PUBLIC = {"enabled": True, "enablePublicEndpoint": True, "publicEndpoint": "203.0.113.9", "privateEndpoint": "10.0.0.2"}
PRIVATE = {**PUBLIC, "enablePublicEndpoint": False}
NAME = {"endpoint": "gke-1.europe-west3.gke.goog", "allowExternalTraffic": True}


def access(answer: dict[str, Any] | None = None, cluster: str | None = None) -> ClusterAccess:
    cloud = Cloud(Site("gcp", "europe-west3", "ml", "my-project"), SystemClock())
    cloud.call = lambda *_: answer or {}  # type: ignore[method-assign]
    return ClusterAccess(cloud, cluster)


@pytest.mark.parametrize(
    ("offered", "server", "ca"),
    [
        ({}, "https://203.0.113.1", PEM),  # as older clusters show themselves
        ({"ipEndpointsConfig": PUBLIC, "dnsEndpointConfig": NAME}, "https://203.0.113.9", PEM),
        ({"ipEndpointsConfig": PRIVATE}, "https://10.0.0.2", PEM),
        ({"ipEndpointsConfig": PRIVATE, "dnsEndpointConfig": NAME}, "https://gke-1.europe-west3.gke.goog", ""),
        ({"ipEndpointsConfig": {"enabled": False}, "dnsEndpointConfig": NAME}, f"https://{NAME['endpoint']}", ""),
    ],
)
def test_the_endpoint_is_the_one_that_the_cluster_offers(offered: dict[str, Any], server: str, ca: str) -> None:
    raw = {"status": "RUNNING", "endpoint": "203.0.113.1", **AUTHORITY, "controlPlaneEndpointsConfig": offered}
    found = access(raw).endpoint()
    assert (found.cluster, found.server, found.ca) == ("ml-gcp-dev", server, ca)


def test_a_cluster_on_its_way_has_no_address() -> None:
    with pytest.raises(Unavailable, match="provisioning"):
        access({"status": "PROVISIONING"}).endpoint()


def test_another_cluster_is_named_by_location_and_name() -> None:
    assert access(cluster="us-east1-b/other").path == "projects/my-project/locations/us-east1-b/clusters/other"
    assert access(cluster="other").path == "projects/my-project/locations/europe-west3/clusters/other"


class Login:
    """Google credentials that count how often they are renewed."""

    token = "ya29.first"
    expiry = datetime(2030, 1, 1)
    valid = True
    renewed = 0

    def refresh(self, request: Any) -> None:
        self.renewed += 1
        self.token = f"ya29.{self.renewed}"


def test_the_first_token_is_the_sessions_own_and_the_next_a_new_one() -> None:
    one = access()
    login = Login()
    one.cloud._session = type("Session", (), {"credentials": login, "_auth_request": None})()
    first, second = one.token(), one.token()
    assert (first.value, second.value, login.renewed) == ("ya29.first", "ya29.1", 1)
    assert first.expires == 1893456000.0
    assert "ya29" not in repr(first)
    login.token = "ya29.by-another-thread"
    assert one.token().value == "ya29.by-another-thread"
    assert login.renewed == 1


def test_peoples_clients_get_tokens_by_the_gke_plugin() -> None:
    plugin = access().exec_plugin()
    assert plugin["command"] == "gke-gcloud-auth-plugin"
    assert plugin["provideClusterInfo"] is True
