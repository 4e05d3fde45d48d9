"""Managed services of an emulated project: networks they can live in, waiting for their operations."""

from __future__ import annotations

import time
from typing import Any

from tests.sandbox.gcp_support import HOME, NUMBER, PROJECT, REGION, Project

NETWORK = f"{HOME}/global/networks/net"
_PATIENCE = 60.0


def enable(project: Project, *services: str) -> None:
    """Switch APIs on."""
    for name in services:
        status, answer = project.call("POST", "serviceusage", f"v1/{HOME}/services/{name}.googleapis.com:enable", {})
        assert status == 200, answer


def peered_network(project: Project, prefix: int = 20) -> None:
    """``net`` with a connection to Google's services over the range ``services``."""
    project.network()
    body = {"name": "services", "addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": prefix}
    project.compute("POST", "global/addresses", {**body, "network": NETWORK})
    connection = {"network": f"projects/{NUMBER}/global/networks/net", "reservedPeeringRanges": ["services"]}
    path = "v1/services/servicenetworking.googleapis.com/connections"
    assert project.call("POST", "servicenetworking", path, connection)[0] == 200


def key(project: Project, place: str = REGION, agent: str = "") -> str:
    """A key; with ``agent`` (domain of a service agent) it may be used by that service."""
    home = f"v1/{HOME}/locations/{place}/keyRings"
    project.call("POST", "cloudkms", home, {}, keyRingId="ring")
    status, made = project.call(
        "POST", "cloudkms", f"{home}/ring/cryptoKeys", {"purpose": "ENCRYPT_DECRYPT"}, cryptoKeyId="key"
    )
    assert status == 200, made
    name: str = made["name"]
    if agent:
        member = f"serviceAccount:service-{NUMBER}@{agent}.iam.gserviceaccount.com"
        binding = {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [member]}
        body = {"policy": {"bindings": [binding]}}
        assert project.call("POST", "cloudkms", f"v1/{name}:setIamPolicy", body)[0] == 200
    return name


class Sql:
    """Cloud SQL by Google's client."""

    def __init__(self, project: Project) -> None:
        enable(project, "sqladmin")
        self.project = project
        self.client = project.client("sqladmin")

    def body(self, name: str = "db", **settings: Any) -> dict[str, Any]:
        """A small instance of PostgreSQL with a public address."""
        full = {"tier": "db-custom-1-3840", "edition": "ENTERPRISE", **settings}
        return {"name": name, "region": REGION, "databaseVersion": "POSTGRES_16", "settings": full}

    def done(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of an operation."""
        deadline = time.monotonic() + _PATIENCE
        while operation["status"] != "DONE":
            assert time.monotonic() < deadline, operation
            time.sleep(0.02)
            operation = self.client.operations().get(project=PROJECT, operation=operation["name"]).execute()
        return operation

    def well(self, request: Any) -> dict[str, Any]:
        """Execute a request whose operation must end well."""
        operation = self.done(request.execute())
        assert "error" not in operation, operation
        return operation

    def create(self, name: str = "db", body: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
        """An instance that stands."""
        request = body if body is not None else self.body(name, **settings)
        self.well(self.client.instances().insert(project=PROJECT, body=request))
        return self.get(request["name"])

    def get(self, name: str = "db") -> dict[str, Any]:
        """The instance as it is now."""
        found: dict[str, Any] = self.client.instances().get(project=PROJECT, instance=name).execute()
        return found

    def patch(self, name: str = "db", **settings: Any) -> dict[str, Any]:
        """Change settings; returns the instance."""
        body = {"settings": settings}
        self.well(self.client.instances().patch(project=PROJECT, instance=name, body=body))
        return self.get(name)


class Longrunning:
    """A service whose operations are ``google.longrunning``'s."""

    def __init__(self, project: Project, api: str) -> None:
        enable(project, api)
        self.project, self.api = project, api

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """A request that must succeed."""
        status, answer = self.project.call(method, self.api, f"v1/{path}", body, **query)
        assert status == 200, answer
        return answer

    def done(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of an operation."""
        deadline = time.monotonic() + _PATIENCE
        while not operation.get("done"):
            assert time.monotonic() < deadline, operation
            time.sleep(0.02)
            operation = self.call("GET", operation["name"])
        return operation

    def well(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Wait for an operation that must end well; returns its response."""
        operation = self.done(operation)
        assert "error" not in operation, operation
        response: dict[str, Any] = operation["response"]
        return response
