"""Long operations by provider, injected failures, and the request log."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, cluster_body, code_of

VNET = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
ACCOUNT = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


@pytest.fixture(autouse=True)
def group(azure: Subscription) -> None:
    azure.make_group()
    azure.sandbox.clear_faults("azure")


def headers(answer: Any) -> set[str]:
    return {name for name in ("Azure-AsyncOperation", "Location", "Retry-After") if name in answer.headers}


def follow(azure: Subscription, url: str) -> Any:
    return azure.send("GET", url.removeprefix(azure.url), version=None)


@pytest.mark.parametrize(
    ("path", "body", "version", "status", "expected"),
    [
        ("Microsoft.Network/virtualNetworks/net", VNET, "2025-03-01", 201, {"Azure-AsyncOperation", "Retry-After"}),
        (
            "Microsoft.Network/privateDnsZones/a.internal",
            {"location": "global"},
            "2024-06-01",
            202,
            {"Azure-AsyncOperation", "Location", "Retry-After"},
        ),
        ("Microsoft.Storage/storageAccounts/operations1", ACCOUNT, "2025-06-01", 202, {"Location", "Retry-After"}),
        ("Microsoft.ContainerService/managedClusters/k8s", cluster_body(), "2025-08-01", 201, {"Azure-AsyncOperation"}),
        (
            "Microsoft.OperationalInsights/workspaces/logs",
            {"location": LOCATION},
            "2025-07-01",
            201,
            {"Azure-AsyncOperation", "Location", "Retry-After"},
        ),
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/me",
            {"location": LOCATION},
            "2024-11-30",
            201,
            {"Location"},
        ),
    ],
)
def test_creation_by_provider(
    azure: Subscription, path: str, body: dict[str, Any], version: str, status: int, expected: set[str]
) -> None:
    azure.sandbox.set_profile("realistic", 1.0)

    answer = azure.send("PUT", f"{azure.group_id}/providers/{path}", body, version=version)

    assert answer.status_code == status
    assert headers(answer) == expected
    if "Azure-AsyncOperation" in expected:
        running = follow(azure, answer.headers["Azure-AsyncOperation"])
        assert running.json()["status"] == "InProgress"
        azure.sandbox.advance("azure", 1000)
        assert follow(azure, answer.headers["Azure-AsyncOperation"]).json()["status"] == "Succeeded"


def test_an_operation_s_url_has_to_be_followed_verbatim(azure: Subscription) -> None:
    path = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net"
    url = azure.send("PUT", path, VNET).headers["Azure-AsyncOperation"]

    assert follow(azure, url).status_code == 200
    assert follow(azure, url.partition("&t=")[0]).status_code == 400


def test_a_cluster_s_operation_has_words_of_its_own(azure: Subscription) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    path = f"{azure.group_id}/providers/Microsoft.ContainerService/managedClusters/k8s"
    url = azure.send("PUT", path, cluster_body(), version="2025-08-01").headers["Azure-AsyncOperation"]
    words = []
    for _ in range(4):
        words.append(follow(azure, url).json()["status"])
        azure.sandbox.advance("azure", 100)

    assert words == ["InProgress", "ProvisioningControlPlane", "ProvisioningControlPlane", "Succeeded"]


def test_a_failed_operation_is_told_by_a_200(azure: Subscription) -> None:
    azure.sandbox.fault(
        "azure",
        kind="fail_operation",
        operation="PUT Microsoft.Network/virtualNetworks$",
        code="InternalServerError",
        message="The backend gave up.",
    )
    path = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net"
    answer = azure.send("PUT", path, VNET)
    assert answer.status_code == 201

    told = follow(azure, answer.headers["Azure-AsyncOperation"])

    assert told.status_code == 200
    assert told.json() == {
        "status": "Failed",
        "error": {"details": [], "code": "InternalServerError", "message": "The backend gave up."},
    }
    assert azure.send("GET", path).json()["properties"]["provisioningState"] == "Failed"
    azure.network.virtual_networks.begin_create_or_update(GROUP, "net", VNET).result()
    assert azure.network.virtual_networks.get(GROUP, "net").properties.provisioning_state == "Succeeded"


def test_the_sdk_raises_the_cloud_s_own_reason(azure: Subscription) -> None:
    azure.sandbox.fault(
        "azure",
        kind="fail_operation",
        operation="PUT Microsoft.ContainerService/managedClusters$",
        code="AllocationFailed",
        message="No capacity in zone 2.",
    )

    with pytest.raises(HttpResponseError, match="No capacity in zone 2"):
        azure.make_cluster()

    failed = azure.aks.managed_clusters.get(GROUP, "k8s")
    assert failed.properties.provisioning_state == "Failed"
    assert failed.properties.status.provisioning_error.code == "AllocationFailed"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"kind": "throttle"}, (429, "TooManyRequests")),
        ({"kind": "error"}, (500, "InternalServerError")),
        ({"kind": "error", "status": 503, "code": "ServerBusy"}, (503, "ServerBusy")),
    ],
)
def test_injected_errors_have_arm_s_form(azure: Subscription, rule: dict[str, Any], expected: tuple[int, str]) -> None:
    azure.sandbox.fault("azure", operation="PUT Microsoft.Network/virtualNetworks$", **rule)

    with pytest.raises(HttpResponseError) as caught:
        azure.make_vnet()

    assert code_of(caught) == expected
    azure.make_vnet()


def test_the_log_tells_reads_from_writes(azure: Subscription) -> None:
    seen = len(azure.sandbox.journal("azure"))
    azure.make_cluster()
    azure.aks.managed_clusters.list_cluster_user_credentials(GROUP, "k8s")
    azure.storage.storage_accounts.check_name_availability({"name": "whatever"})

    entries = azure.sandbox.journal("azure", since=seen)
    writes = {entry["operation"] for entry in entries if entry["write"]}
    reads = {entry["operation"] for entry in entries if not entry["write"]}

    assert writes == {"PUT Microsoft.ContainerService/managedClusters"}
    assert "POST Microsoft.ContainerService/managedClusters/listClusterUserCredential" in reads
    assert "POST Microsoft.Storage/checkNameAvailability" in reads
