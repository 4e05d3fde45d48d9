"""Container registries: tiers, policies, replications, names."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

PATH = "/providers/Microsoft.ContainerRegistry/registries/platformimages"
API = "2025-11-01"


@pytest.fixture
def client(azure: Subscription) -> Any:
    azure.make_group()
    azure.resources.providers.register("Microsoft.ContainerRegistry")
    return azure.client(ContainerRegistryManagementClient, api_version=API)


def body(sku: str = "Premium", **properties: Any) -> dict[str, Any]:
    return {"location": LOCATION, "sku": {"name": sku}, "properties": properties}


def make(client: Any, sku: str = "Premium", name: str = "platformimages", **properties: Any) -> Any:
    return client.registries.begin_create(GROUP, name, body(sku, **properties)).result()


def test_a_registry_is_there_at_once(azure: Subscription, client: Any) -> None:
    retention = {"retentionPolicy": {"days": 30, "status": "enabled"}}

    answer = azure.send("PUT", azure.group_id + PATH, body(policies=retention), version=API)

    assert answer.status_code == 200
    assert not {"Azure-AsyncOperation", "Location"} & set(answer.headers)
    found = client.registries.get(GROUP, "platformimages")
    server = f"{azure.url.partition('://')[2]}/registry/platformimages"
    assert (found.login_server, found.provisioning_state) == (server, "Succeeded")
    assert (found.policies.retention_policy.days, found.policies.retention_policy.status) == (30, "enabled")
    assert found.policies.export_policy.status == "enabled"


def test_a_patch_changes_what_it_names(client: Any) -> None:
    make(client, policies={"retentionPolicy": {"days": 30, "status": "enabled"}})

    change = {"tags": {"a": "b"}, "properties": {"adminUserEnabled": True}}
    found = client.registries.begin_update(GROUP, "platformimages", change).result()

    assert (found.tags, found.admin_user_enabled, found.policies.retention_policy.days) == ({"a": "b"}, True, 30)
    first = client.registries.list_credentials(GROUP, "platformimages")
    second = client.registries.regenerate_credential(GROUP, "platformimages", {"name": "password"})
    assert [item.value for item in first.passwords][1] == [item.value for item in second.passwords][1]
    assert first.passwords[0].value != second.passwords[0].value


@pytest.mark.parametrize(
    "properties",
    [
        {"publicNetworkAccess": "Disabled"},
        {"policies": {"retentionPolicy": {"days": 7, "status": "enabled"}}},
        {"zoneRedundancy": "Enabled"},
    ],
)
def test_what_only_premium_registries_can_do(client: Any, properties: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as caught:
        make(client, "Standard", **properties)
    assert code_of(caught) == (400, "FeatureNotSupportedBySku")

    assert make(client, "Premium", **properties).sku.tier == "Premium"


def test_names_are_global(client: Any) -> None:
    make(client)

    def check(name: str) -> Any:
        return client.registries.check_name_availability(
            {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
        )

    assert (check("platformimages").name_available, check("PlatformImages").reason) == (False, "AlreadyExists")
    assert check("no-dashes").reason == "Invalid"
    assert check("otherimages").name_available is True


def test_replications_take_a_while(azure: Subscription, client: Any) -> None:
    make(client)
    azure.sandbox.set_profile("realistic", 1.0)
    replication = {"location": "northeurope", "properties": {}}
    answer = azure.send("PUT", f"{azure.group_id}{PATH}/replications/north", replication, version=API)

    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (201, "Creating")
    azure.sandbox.advance("azure", 60)
    found = client.replications.get(GROUP, "platformimages", "north")
    assert (found.provisioning_state, found.status.display_status) == ("Succeeded", "Ready")
    with pytest.raises(HttpResponseError) as caught:
        client.registries.begin_update(GROUP, "platformimages", {"sku": {"name": "Basic"}})
    assert code_of(caught)[1] == "SkuDowngradeNotAllowed"
    with pytest.raises(HttpResponseError) as caught:
        client.replications.begin_create(GROUP, "platformimages", "again", replication)
    assert code_of(caught)[1] == "ReplicationAlreadyExists"


def test_deletion_is_polled(azure: Subscription, client: Any) -> None:
    make(client)
    client.registries.begin_delete(GROUP, "platformimages").result()

    assert list(client.registries.list_by_resource_group(GROUP)) == []
    assert azure.send("DELETE", azure.group_id + PATH, version=API).status_code == 204


def test_replications_need_premium(client: Any) -> None:
    make(client, "Standard")
    replication = {"location": "northeurope", "properties": {}}

    with pytest.raises(HttpResponseError) as caught:
        client.replications.begin_create(GROUP, "platformimages", "north", replication)
    assert code_of(caught) == (400, "FeatureNotSupportedBySku")


def test_an_injected_failure_leaves_nothing(azure: Subscription, client: Any) -> None:
    azure.sandbox.fault("azure", operation="PUT Microsoft.ContainerRegistry/registries", kind="fail_operation")

    with pytest.raises(HttpResponseError):
        make(client)

    assert list(client.registries.list()) == []
