"""Virtual networks, NAT, security groups, DNS, endpoints: what the services add, refuse and keep in step."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

RULE = {
    "access": "Allow",
    "direction": "Inbound",
    "priority": 100,
    "protocol": "tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "443",
}


@pytest.fixture(autouse=True)
def group(azure: Subscription) -> None:
    azure.make_group()


def subnet(azure: Subscription, name: str, prefix: str, vnet: str = "net", **properties: Any) -> Any:
    body = {"properties": {"addressPrefix": prefix, **properties}}
    return azure.network.subnets.begin_create_or_update(GROUP, vnet, name, body).result()


def nat(azure: Subscription, name: str = "nat") -> Any:
    address = azure.make_address()
    body = {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {"publicIpAddresses": [{"id": address.id}]},
    }
    return azure.network.nat_gateways.begin_create_or_update(GROUP, name, body).result()


def test_a_vnet_put_deletes_the_subnets_that_it_leaves_out(azure: Subscription) -> None:
    azure.make_vnet(one="10.1.0.0/24", two="10.1.1.0/24")

    azure.make_vnet(two="10.1.1.0/24")

    assert [item.name for item in azure.network.subnets.list(GROUP, "net")] == ["two"]


def test_a_vnet_update_of_tags_is_over_at_once_and_still_names_an_operation(azure: Subscription) -> None:
    azure.make_vnet(one="10.1.0.0/24")
    azure.sandbox.set_profile("realistic", 1.0)
    path = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net"
    body = azure.send("GET", path).json()

    answer = azure.send("PUT", path, {**body, "tags": {"a": "b"}})

    assert answer.status_code == 200
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    assert "Azure-AsyncOperation" in answer.headers
    assert "Retry-After" not in answer.headers
    changed = azure.send("PUT", path, {**body, "properties": {**body["properties"], "enableDdosProtection": True}})
    assert changed.json()["properties"]["provisioningState"] == "Updating"
    assert changed.headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("10.2.0.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.1.0.128/25", "NetcfgSubnetRangesOverlap"),
        ("10.1.2.1/24", "InvalidCIDRNotation"),
        ("ten", "InvalidAddressPrefixFormat"),
    ],
)
def test_bad_subnet_ranges(azure: Subscription, prefix: str, expected: str) -> None:
    azure.make_vnet(one="10.1.0.0/24")

    with pytest.raises(HttpResponseError) as caught:
        subnet(azure, "two", prefix)

    assert code_of(caught) == (400, expected)


def test_subnets_carry_delegations_endpoints_and_references(azure: Subscription) -> None:
    azure.make_vnet()
    group = azure.network.network_security_groups.begin_create_or_update(GROUP, "nsg", {"location": LOCATION}).result()
    gateway = nat(azure)

    made = subnet(
        azure,
        "data",
        "10.1.3.0/24",
        networkSecurityGroup={"id": group.id},
        natGateway={"id": gateway.id.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")},
        serviceEndpoints=[{"service": "Microsoft.Storage"}],
        delegations=[{"name": "pg", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}],
    )

    assert made.properties.delegations[0].properties.actions == [
        "Microsoft.Network/virtualNetworks/subnets/join/action"
    ]
    assert made.properties.service_endpoints[0].locations == [LOCATION, "northeurope"]
    assert azure.network.nat_gateways.get(GROUP, "nat").properties.subnets[0].id == made.id
    assert azure.network.network_security_groups.get(GROUP, "nsg").properties.subnets[0].id == made.id


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/providers/Microsoft.Network/natGateways/none", "InvalidResourceReference"),
        ("/providers/Microsoft.Network/publicIPAddresses/ip", "InvalidRequestFormat"),
    ],
)
def test_references_must_name_what_exists(azure: Subscription, reference: str, expected: str) -> None:
    azure.make_vnet()

    with pytest.raises(HttpResponseError) as caught:
        subnet(azure, "one", "10.1.0.0/24", natGateway={"id": azure.group_id + reference})

    assert code_of(caught) == (400, expected)


def test_what_is_in_use_cannot_be_deleted(azure: Subscription) -> None:
    azure.make_vnet()
    group = azure.network.network_security_groups.begin_create_or_update(GROUP, "nsg", {"location": LOCATION}).result()
    table = azure.network.route_tables.begin_create_or_update(GROUP, "routes", {"location": LOCATION}).result()
    gateway = nat(azure)
    references = {"networkSecurityGroup": group, "routeTable": table, "natGateway": gateway}
    properties: dict[str, Any] = {key: {"id": item.id} for key, item in references.items()}
    subnet(azure, "one", "10.1.0.0/24", **properties)
    network = azure.network

    for delete, expected in (
        (
            lambda: network.network_security_groups.begin_delete(GROUP, "nsg"),
            "InUseNetworkSecurityGroupCannotBeDeleted",
        ),
        (lambda: network.route_tables.begin_delete(GROUP, "routes"), "InUseRouteTableCannotBeDeleted"),
        (lambda: network.nat_gateways.begin_delete(GROUP, "nat"), "CannotDeleteNatGatewayAssociatedToSubnet"),
        (lambda: network.public_ip_addresses.begin_delete(GROUP, "ip"), "PublicIPAddressCannotBeDeleted"),
    ):
        with pytest.raises(HttpResponseError) as caught:
            delete().result()
        assert code_of(caught) == (400, expected)

    network.subnets.begin_delete(GROUP, "net", "one").result()
    network.nat_gateways.begin_delete(GROUP, "nat").result()
    network.public_ip_addresses.begin_delete(GROUP, "ip").result()
    network.network_security_groups.begin_delete(GROUP, "nsg").result()
    network.route_tables.begin_delete(GROUP, "routes").result()
    network.virtual_networks.begin_delete(GROUP, "net").result()
    assert not list(azure.resources.resources.list_by_resource_group(GROUP))


def test_an_address_serves_one_gateway(azure: Subscription) -> None:
    nat(azure)
    address = azure.network.public_ip_addresses.get(GROUP, "ip")
    assert address.properties.ip_address
    assert address.properties.nat_gateway.id.endswith("/natGateways/nat")
    body = {"location": LOCATION, "properties": {"publicIpAddresses": [{"id": address.id}]}}

    with pytest.raises(HttpResponseError) as caught:
        azure.network.nat_gateways.begin_create_or_update(GROUP, "second", body).result()

    assert code_of(caught) == (400, "PublicIPAddressInUse")


def test_security_groups_have_six_default_rules_and_own_ones(azure: Subscription) -> None:
    body = {"location": LOCATION, "properties": {"securityRules": [{"name": "https", "properties": RULE}]}}
    made = azure.network.network_security_groups.begin_create_or_update(GROUP, "nsg", body).result()

    assert len(made.properties.default_security_rules) == 6
    assert made.properties.security_rules[0].properties.protocol == "Tcp", "the service's own spelling"
    for change, expected in (
        ({}, "SecurityRuleConflict"),
        ({"priority": 99}, "SecurityRuleInvalidPriority"),
        ({"priority": 101, "destinationPortRange": "80-70"}, "SecurityRuleInvalidPortRange"),
        ({"priority": 101, "sourceAddressPrefix": "10.0.0.0/33"}, "SecurityRuleInvalidAddressPrefix"),
    ):
        rule = {"properties": {**RULE, **change}}
        with pytest.raises(HttpResponseError) as caught:
            azure.network.security_rules.begin_create_or_update(GROUP, "nsg", "second", rule).result()
        assert code_of(caught) == (400, expected)


def test_one_subnet_at_a_time(azure: Subscription) -> None:
    azure.make_vnet()
    azure.sandbox.set_profile("realistic", 1.0)
    path = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net/subnets"
    assert azure.send("PUT", f"{path}/one", {"properties": {"addressPrefix": "10.1.0.0/24"}}).status_code == 201

    second = azure.send("PUT", f"{path}/two", {"properties": {"addressPrefix": "10.1.1.0/24"}})
    assert (second.status_code, second.json()["error"]["code"]) == (429, "AnotherOperationInProgress")
    assert second.headers["Retry-After"] == "10"

    azure.sandbox.advance("azure", 10)
    assert azure.send("PUT", f"{path}/two", {"properties": {"addressPrefix": "10.1.1.0/24"}}).status_code == 201


def test_private_dns_zones_are_linked_once_and_deleted_empty(azure: Subscription) -> None:
    vnet = azure.make_vnet()
    zones, links = azure.dns.private_zones, azure.dns.virtual_network_links
    zones.begin_create_or_update(GROUP, "example.internal", {"location": "global"}).result()
    body = {"location": "global", "properties": {"virtualNetwork": {"id": vnet.id}, "registrationEnabled": True}}
    links.begin_create_or_update(GROUP, "example.internal", "link", body).result()

    zone = zones.get(GROUP, "example.internal")
    assert zone.properties.number_of_virtual_network_links_with_registration == 1
    with pytest.raises(HttpResponseError) as caught:
        zones.begin_delete(GROUP, "example.internal").result()
    assert code_of(caught) == (409, "CannotDeleteResource")
    links.begin_delete(GROUP, "example.internal", "link").result()
    zones.begin_delete(GROUP, "example.internal").result()
    assert not list(zones.list_by_resource_group(GROUP))


def test_private_endpoints_take_an_address_and_write_dns(azure: Subscription) -> None:
    vnet = azure.make_vnet(endpoints="10.1.9.0/24")
    account = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    target = azure.storage.storage_accounts.begin_create(GROUP, "endpointaccount", account).result()
    zone_name = "privatelink.blob.core.windows.net"
    zone = azure.dns.private_zones.begin_create_or_update(GROUP, zone_name, {"location": "global"}).result()
    connection = {"name": "blob", "properties": {"privateLinkServiceId": target.id, "groupIds": ["blob"]}}
    subnet_id = vnet.properties.subnets[0].id
    body = {
        "location": LOCATION,
        "properties": {"subnet": {"id": subnet_id}, "privateLinkServiceConnections": [connection]},
    }
    made = azure.network.private_endpoints.begin_create_or_update(GROUP, "pe", body).result()
    assert made.properties.custom_dns_configs[0].ip_addresses == ["10.1.9.4"]

    configuration = {"name": "blob", "properties": {"privateDnsZoneId": zone.id}}
    azure.network.private_dns_zone_groups.begin_create_or_update(
        GROUP, "pe", "default", {"properties": {"privateDnsZoneConfigs": [configuration]}}
    ).result()
    record = azure.dns.record_sets.get(GROUP, zone_name, "A", "endpointaccount")
    assert record.properties.a_records[0].ipv4_address == "10.1.9.4"
    with pytest.raises(HttpResponseError) as caught:
        azure.network.subnets.begin_delete(GROUP, "net", "endpoints").result()
    assert code_of(caught) == (400, "InUseSubnetCannotBeDeleted")

    azure.network.private_endpoints.begin_delete(GROUP, "pe").result()
    azure.network.subnets.begin_delete(GROUP, "net", "endpoints").result()
    assert not list(azure.network.network_interfaces.list(GROUP))


def test_flow_logs_live_with_the_region_s_watcher(azure: Subscription) -> None:
    vnet = azure.make_vnet()
    account = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    target = azure.storage.storage_accounts.begin_create(GROUP, "flowlogaccount", account).result()
    body = {
        "location": LOCATION,
        "properties": {"targetResourceId": vnet.id, "storageId": target.id, "enabled": True},
    }
    watcher = f"NetworkWatcher_{LOCATION}"

    made = azure.network.flow_logs.begin_create_or_update("NetworkWatcherRG", watcher, "net-flow", body).result()

    assert made.properties.format.type == "JSON"
    assert made.properties.target_resource_guid
    azure.network.flow_logs.begin_delete("NetworkWatcherRG", watcher, "net-flow").result()


def test_usages_are_reported_and_enforced(azure: Subscription) -> None:
    azure.sandbox.set_quotas("azure", {"network.PublicIPAddresses": 1})
    azure.make_address("one")

    with pytest.raises(HttpResponseError) as caught:
        azure.make_address("two")

    assert code_of(caught) == (400, "PublicIPCountLimitReached")
    usage = next(item for item in azure.network.usages.list(LOCATION) if item.name.value == "PublicIPAddresses")
    assert (usage.current_value, usage.limit) == (1, 1)
