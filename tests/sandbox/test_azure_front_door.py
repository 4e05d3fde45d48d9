"""Login, api-versions, subscriptions, providers, body validation: what Resource Manager itself answers."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from sandbox.azure.identity import FOREIGN_SUBSCRIPTION
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

NETS = "/providers/Microsoft.Network/virtualNetworks/net"


def error(answer: Any) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, (body.get("error") or body)["code"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"secret": "wrong"}, "AADSTS7000215"),
        ({"client": "00000000-0000-0000-0000-00000000ffff"}, "AADSTS700016"),
        ({"tenant": "00000000-0000-0000-0000-00000000ffff"}, "authority configuration"),
    ],
)
def test_login_refuses_wrong_credentials(azure: Subscription, change: dict[str, str], expected: str) -> None:
    given = {"secret": "sandbox-client-secret", **change}
    credential = azure.credential_with(**given)

    with pytest.raises((ClientAuthenticationError, ValueError), match=expected):
        credential.get_token(f"{azure.url}/.default")


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [("", "AuthenticationFailed"), ("Bearer nonsense", "InvalidAuthenticationToken")],
)
def test_requests_without_a_good_token_are_401(azure: Subscription, authorization: str, expected: str) -> None:
    answer = azure.send("GET", azure.id, Authorization=authorization)

    assert error(answer) == (401, expected)
    assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        ("not-a-guid", (400, "InvalidSubscriptionId")),
        ("00000000-0000-0000-0000-00000000ffff", (404, "SubscriptionNotFound")),
        (FOREIGN_SUBSCRIPTION, (403, "AuthorizationFailed")),
    ],
)
def test_other_subscriptions(azure: Subscription, subscription: str, expected: tuple[int, str]) -> None:
    client: ResourceManagementClient = azure.client(ResourceManagementClient, subscription)

    with pytest.raises(HttpResponseError) as caught:
        client.resource_groups.create_or_update(GROUP, {"location": LOCATION})

    assert code_of(caught) == expected


def test_the_subscription_describes_itself(azure: Subscription) -> None:
    mine = azure.send("GET", azure.id, version="2022-12-01").json()
    regions = azure.send("GET", f"{azure.id}/locations", version="2022-12-01").json()["value"]

    assert mine["tenantId"].endswith("aaaa")
    assert mine["state"] == "Enabled"
    west = next(region for region in regions if region["name"] == LOCATION)
    assert west["displayName"] == "West Europe"
    assert len(west["availabilityZoneMappings"]) == 3


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (NETS, None, (400, "MissingApiVersionParameter")),
        (NETS, "yesterday", (400, "InvalidApiVersionParameter")),
        (NETS, "2001-01-01", (400, "NoRegisteredProviderFound")),
        ("/providers/Microsoft.Network/nonsense/x", "2025-03-01", (404, "InvalidResourceType")),
        ("/providers/Microsoft.Nonsense/things/x", "2025-03-01", (404, "InvalidResourceNamespace")),
        (NETS, "2025-03-01", (404, "ResourceNotFound")),
    ],
)
def test_unknown_types_and_versions(
    azure: Subscription, path: str, version: str | None, expected: tuple[int, str]
) -> None:
    azure.make_group()

    assert error(azure.send("GET", azure.group_id + path, version=version)) == expected


def test_ids_are_compared_without_case_and_keep_their_own(azure: Subscription) -> None:
    azure.make_group("Mixed-Case")
    path = f"{azure.id}/resourceGroups/mixed-case{NETS}"
    body = {"location": "West Europe", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    assert azure.send("PUT", path, body).status_code == 201

    found = azure.send("GET", path.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")).json()

    assert found["id"] == f"{azure.id}/resourceGroups/Mixed-Case{NETS}"
    assert found["location"] == LOCATION


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"location": LOCATION, "nonsense": 1}, (400, "InvalidRequestContent")),
        ({"location": LOCATION, "properties": {"nonsense": 1}}, (400, "InvalidRequestFormat")),
        (
            {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": "10.0.0.0/8"}}},
            (400, "InvalidRequestFormat"),
        ),
        ({"location": LOCATION, "properties": {"encryption": {"enabled": "yes"}}}, (400, "InvalidRequestFormat")),
        ({"location": "atlantis", "properties": {}}, (400, "LocationNotAvailableForResourceType")),
        ({"properties": {}}, (400, "LocationRequired")),
    ],
)
def test_bodies_are_checked_against_the_sdk_models(
    azure: Subscription, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    azure.make_group()

    assert error(azure.send("PUT", azure.group_id + NETS, body)) == expected
    assert azure.send("GET", azure.group_id + NETS).status_code == 404


def test_read_only_properties_are_ignored(azure: Subscription) -> None:
    azure.make_group()
    properties = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "provisioningState": "Failed",
        "resourceGuid": "11111111-1111-1111-1111-111111111111",
    }
    body = {"location": LOCATION, "etag": "x", "type": "y", "properties": properties}

    azure.send("PUT", azure.group_id + NETS, body)
    found = azure.send("GET", azure.group_id + NETS).json()

    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["properties"]["resourceGuid"] != properties["resourceGuid"]


def test_providers_register(azure: Subscription) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    providers = azure.resources.providers
    assert providers.get("Microsoft.Network").registration_state == "Registered"
    assert providers.get("Microsoft.Cache").registration_state == "NotRegistered"

    assert providers.register("Microsoft.Cache").registration_state == "Registering"
    azure.sandbox.advance("azure", 100)
    assert providers.get("Microsoft.Cache").registration_state == "Registered"

    with pytest.raises(ResourceNotFoundError) as caught:
        providers.get("Microsoft.Nonsense")
    assert code_of(caught) == (404, "InvalidResourceNamespace")


def test_an_unregistered_provider_refuses_writes(azure: Subscription) -> None:
    azure.make_group()
    azure.resources.providers.unregister("Microsoft.Storage")
    body = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    path = f"{azure.group_id}/providers/Microsoft.Storage/storageAccounts/accountone"

    assert error(azure.send("PUT", path, body, version="2025-06-01")) == (409, "MissingSubscriptionRegistration")


def test_resources_are_found_by_tag_at_both_scopes(azure: Subscription) -> None:
    azure.make_group()
    azure.make_group("other")
    for group, name, tag in ((GROUP, "one", "blue"), (GROUP, "two", "red"), ("other", "three", "blue")):
        body = {"location": LOCATION, "tags": {"Team": tag}}
        azure.network.network_security_groups.begin_create_or_update(group, name, body).result()
    resources = azure.resources.resources
    blue = "tagName eq 'team' and tagValue eq 'blue'"

    assert {item.name for item in resources.list(filter=blue)} == {"one", "three"}
    assert {item.name for item in resources.list_by_resource_group(GROUP, filter=blue)} == {"one"}
    assert {item.name for item in resources.list(filter="tagName eq 'Team'")} == {"one", "two", "three"}
    only = "resourceType eq 'Microsoft.Network/networkSecurityGroups'"
    assert len(list(resources.list(filter=only, top=2))) == 3, "pages are followed"
    with pytest.raises(HttpResponseError) as caught:
        list(resources.list(filter=f"{blue} and resourceType eq 'x'"))
    assert code_of(caught) == (400, "InvalidFilterInQueryString")


def test_deleting_a_group_takes_its_content_along(azure: Subscription) -> None:
    azure.make_group()
    azure.make_vnet(nodes="10.1.0.0/24")
    answer = azure.send("DELETE", azure.group_id, version="2024-03-01")
    assert (answer.status_code, answer.content) == (202, b"")
    assert "operationresults" in answer.headers["Location"]
    assert "Azure-AsyncOperation" not in answer.headers

    azure.sandbox.advance("azure", 1)

    assert not azure.resources.resource_groups.check_existence(GROUP)
    assert error(azure.send("GET", azure.group_id + NETS)) == (404, "ResourceGroupNotFound")


def test_locks_forbid_deletion(azure: Subscription) -> None:
    azure.make_group()
    azure.make_vnet(nodes="10.1.0.0/24")
    lock = f"{azure.group_id}{NETS}/providers/Microsoft.Authorization/locks/keep"
    body = {"properties": {"level": "CanNotDelete"}}
    assert azure.send("PUT", lock, body, version="2020-05-01").json()["properties"]["level"] == "CanNotDelete"

    for path in (NETS, f"{NETS}/subnets/nodes", ""):
        assert error(azure.send("DELETE", azure.group_id + path)) == (409, "ScopeLocked")
    azure.make_vnet(nodes="10.1.0.0/24", data="10.1.1.0/24")

    assert azure.send("DELETE", lock, version="2020-05-01").status_code == 200
    azure.network.virtual_networks.begin_delete(GROUP, "net").result()


def test_a_group_is_kept_while_something_outside_uses_its_content(azure: Subscription) -> None:
    azure.make_group()
    azure.make_group("other")
    address = azure.make_address()
    body = {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {"publicIpAddresses": [{"id": address.id}]},
    }
    azure.network.nat_gateways.begin_create_or_update("other", "nat", body).result()

    with pytest.raises(HttpResponseError, match="ResourceGroupDeletionBlocked"):
        azure.resources.resource_groups.begin_delete(GROUP).result()

    assert azure.resources.resource_groups.get(GROUP).properties.provisioning_state == "Succeeded"
