"""Google's own clients, unmodified, on an emulated project."""

from __future__ import annotations

import json
from typing import Any

from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from googleapiclient import discovery
from googleapiclient.errors import HttpError

from sandbox.fixture import Sandbox

PROJECT = "sandbox-project"
NUMBER = "100000000001"
HOME = f"projects/{PROJECT}"
REGION = "europe-west1"
ZONE = "europe-west1-b"
PARENT = f"{HOME}/locations/{REGION}"
LINKS = "https://www.googleapis.com/compute/v1"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


class Project:
    """One emulated project and clients for it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.endpoints = sandbox.endpoints("gcp")
        self.key_file = sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
        self.credentials = service_account.Credentials.from_service_account_file(self.key_file, scopes=SCOPES)
        self.session = AuthorizedSession(self.credentials)

    def client(self, api: str, version: str = "v1") -> Any:
        """``googleapiclient`` with its static discovery document; only the endpoint differs from Google's.

        Its ``api_endpoint`` stands for ``rootUrl`` + ``servicePath`` of the document.
        """
        service_path = {"compute": "compute/v1/", "storage": "storage/v1/"}.get(api, "")
        return discovery.build(
            api,
            version,
            credentials=self.credentials,
            client_options={"api_endpoint": self.endpoints[api] + service_path},
            static_discovery=True,
            cache_discovery=False,
        )

    def call(self, method: str, api: str, path: str, body: Any = None, **query: Any) -> tuple[int, dict[str, Any]]:
        """One REST request: status and JSON body."""
        url = self.endpoints[api] + path
        response = self.session.request(method, url, json=body, params=query or None)
        return response.status_code, json.loads(response.text) if response.text else {}

    def compute(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """One request to compute that must succeed."""
        status, answer = self.call(method, "compute", f"compute/v1/{HOME}/{path}".rstrip("/"), body, **query)
        assert status in (200, 204), answer
        return answer

    def operation(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The compute operation as it is now."""
        path = operation["selfLink"].partition(f"/{HOME}/")[2]
        return self.compute("GET", path)

    def network(self, name: str = "net", cidr: str = "10.20.0.0/16") -> dict[str, Any]:
        """A custom network with one subnetwork that has ranges for pods and services."""
        self.compute("POST", "global/networks", {"name": name, "autoCreateSubnetworks": False})
        self.compute(
            "POST",
            f"regions/{REGION}/subnetworks",
            {
                "name": f"{name}-nodes",
                "network": f"{HOME}/global/networks/{name}",
                "ipCidrRange": cidr,
                "secondaryIpRanges": [
                    {"rangeName": "pods", "ipCidrRange": "10.64.0.0/14"},
                    {"rangeName": "services", "ipCidrRange": "10.80.0.0/20"},
                ],
            },
        )
        return self.compute("GET", f"global/networks/{name}")

    def cluster_body(self, name: str = "main", **fields: Any) -> dict[str, Any]:
        """A request for a small regional cluster on ``network()``."""
        cluster = {
            "name": name,
            "network": f"{HOME}/global/networks/net",
            "subnetwork": f"{HOME}/regions/{REGION}/subnetworks/net-nodes",
            "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
            "nodePools": [{"name": "system", "initialNodeCount": 1}],
            "resourceLabels": {"team": "ml"},
            **fields,
        }
        return {"cluster": {key: value for key, value in cluster.items() if value is not None}}

    def gke(self, method: str, path: str = "", body: Any = None, **query: Any) -> dict[str, Any]:
        """One request below the region's ``clusters`` that must succeed."""
        status, answer = self.call(method, "container", f"v1/{PARENT}/clusters{path}", body, **query)
        assert status == 200, answer
        return answer

    def cluster(self, name: str = "main", **fields: Any) -> dict[str, Any]:
        """A running cluster (instant profile)."""
        self.network()
        self.gke("POST", "", self.cluster_body(name, **fields))
        return self.gke("GET", f"/{name}")


def refusal(caught: Any) -> tuple[int, str]:
    """HTTP status and reason of an HttpError that ``pytest.raises`` caught."""
    error = caught.value
    assert isinstance(error, HttpError)
    body = json.loads(error.content)["error"]
    return error.resp.status, body.get("errors", [{}])[0].get("reason") or body.get("status", "")
