"""What a GET shows is accepted by a PUT and changes nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.sandbox.azure_support import LOCATION, Subscription, cluster_body

NETWORK, DNS, AKS, STORAGE = "2025-03-01", "2024-06-01", "2025-08-01", "2025-06-01"
_P = "/providers/"
NET = f"{_P}Microsoft.Network/virtualNetworks/net"
OTHER_NET = f"{_P}Microsoft.Network/virtualNetworks/other"
POSTGRES = f"{_P}Microsoft.DBforPostgreSQL/flexibleServers/roundtrip"
REDIS = f"{_P}Microsoft.Cache/redisEnterprise/roundtrip"
CLUSTER = f"{_P}Microsoft.ContainerService/managedClusters/k8s"
ACCOUNT = f"{_P}Microsoft.Storage/storageAccounts/roundtrip"
IDENTITY = f"{_P}Microsoft.ManagedIdentity/userAssignedIdentities/me"
VAULT = f"{_P}Microsoft.KeyVault/vaults/round-trip"
RULE = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 100,
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "443",
}
SYSTEM = {"enableAutoScaling": True, "minCount": 1, "maxCount": 3, "nodeLabels": {"a": "b"}}
LIFECYCLE = {
    "name": "age",
    "type": "Lifecycle",
    "definition": {
        "filters": {"blobTypes": ["blockBlob"]},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
    },
}
WINDOW = {
    "durationHours": 4,
    "startTime": "02:00",
    "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
}

# path below the group, api-version, body; in an order in which each finds what it refers to
MADE: list[tuple[str, str, dict[str, Any]]] = [
    (f"{_P}Microsoft.Network/networkSecurityGroups/nsg", NETWORK, {"location": LOCATION, "tags": {"a": "b"}}),
    (f"{_P}Microsoft.Network/networkSecurityGroups/nsg/securityRules/https", NETWORK, {"properties": RULE}),
    (f"{_P}Microsoft.Network/routeTables/routes", NETWORK, {"location": LOCATION}),
    (
        f"{_P}Microsoft.Network/routeTables/routes/routes/out",
        NETWORK,
        {"properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}},
    ),
    (
        f"{_P}Microsoft.Network/publicIPAddresses/ip",
        NETWORK,
        {
            "location": LOCATION,
            "sku": {"name": "Standard"},
            "zones": ["1"],
            "properties": {"publicIPAllocationMethod": "Static"},
        },
    ),
    (
        f"{_P}Microsoft.Network/natGateways/nat",
        NETWORK,
        {
            "location": LOCATION,
            "sku": {"name": "Standard"},
            "properties": {"publicIpAddresses": [{"id": f"GROUP{_P}Microsoft.Network/publicIPAddresses/ip"}]},
        },
    ),
    (NET, NETWORK, {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}),
    (
        f"{NET}/subnets/nodes",
        NETWORK,
        {
            "properties": {
                "addressPrefix": "10.1.0.0/20",
                "networkSecurityGroup": {"id": f"GROUP{_P}Microsoft.Network/networkSecurityGroups/nsg"},
                "routeTable": {"id": f"GROUP{_P}Microsoft.Network/routeTables/routes"},
                "natGateway": {"id": f"GROUP{_P}Microsoft.Network/natGateways/nat"},
                "serviceEndpoints": [{"service": "Microsoft.Storage"}],
            }
        },
    ),
    (
        f"{NET}/subnets/data",
        NETWORK,
        {
            "properties": {
                "addressPrefix": "10.1.16.0/24",
                "delegations": [
                    {"name": "d", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}
                ],
            }
        },
    ),
    (OTHER_NET, NETWORK, {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}}}),
    (
        f"{NET}/virtualNetworkPeerings/out",
        NETWORK,
        {"properties": {"remoteVirtualNetwork": {"id": f"GROUP{OTHER_NET}"}, "allowForwardedTraffic": True}},
    ),
    (f"{_P}Microsoft.Network/privateDnsZones/a.internal", DNS, {"location": "global"}),
    (
        f"{_P}Microsoft.Network/privateDnsZones/a.internal/virtualNetworkLinks/link",
        DNS,
        {"location": "global", "properties": {"virtualNetwork": {"id": f"GROUP{NET}"}, "registrationEnabled": True}},
    ),
    (
        f"{_P}Microsoft.Network/privateDnsZones/a.internal/A/www",
        DNS,
        {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": "10.1.0.9"}]}},
    ),
    (IDENTITY, "2024-11-30", {"location": LOCATION, "tags": {"a": "b"}}),
    (
        f"{IDENTITY}/federatedIdentityCredentials/k8s",
        "2024-11-30",
        {"properties": {"issuer": "https://i/", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}},
    ),
    (
        ACCOUNT,
        STORAGE,
        {
            "location": LOCATION,
            "kind": "StorageV2",
            "sku": {"name": "Standard_GZRS"},
            "properties": {
                "networkAcls": {"defaultAction": "Deny", "virtualNetworkRules": [{"id": f"GROUP{NET}/subnets/nodes"}]},
            },
        },
    ),
    (f"{ACCOUNT}/blobServices/default", STORAGE, {"properties": {"isVersioningEnabled": True}}),
    (f"{ACCOUNT}/blobServices/default/containers/models", STORAGE, {"properties": {"metadata": {"a": "b"}}}),
    (f"{ACCOUNT}/managementPolicies/default", STORAGE, {"properties": {"policy": {"rules": [LIFECYCLE]}}}),
    (
        f"{_P}Microsoft.Network/privateEndpoints/pe",
        NETWORK,
        {
            "location": LOCATION,
            "properties": {
                "subnet": {"id": f"GROUP{NET}/subnets/nodes"},
                "privateLinkServiceConnections": [
                    {"name": "blob", "properties": {"privateLinkServiceId": f"GROUP{ACCOUNT}", "groupIds": ["blob"]}}
                ],
            },
        },
    ),
    (f"{_P}Microsoft.OperationalInsights/workspaces/logs", "2025-07-01", {"location": LOCATION}),
    (
        VAULT,
        "2023-07-01",
        {
            "location": LOCATION,
            "properties": {
                "tenantId": "00000000-0000-0000-0000-00000000aaaa",
                "sku": {"family": "A", "name": "standard"},
                "accessPolicies": [],
            },
        },
    ),
    (
        CLUSTER,
        AKS,
        {
            **cluster_body(
                {**SYSTEM, "vnetSubnetID": f"GROUP{NET}/subnets/nodes"},
                networkProfile={"outboundType": "userAssignedNATGateway", "serviceCidr": "10.96.0.0/16"},
                oidcIssuerProfile={"enabled": True},
                aadProfile={"managed": True, "enableAzureRBAC": True},
                apiServerAccessProfile={"authorizedIPRanges": ["203.0.113.0/24"]},
            )
        },
    ),
    (
        f"{CLUSTER}/agentPools/spot",
        AKS,
        {
            "properties": {
                "mode": "User",
                "count": 1,
                "vmSize": "Standard_D2s_v5",
                "scaleSetPriority": "Spot",
                "vnetSubnetID": f"GROUP{NET}/subnets/nodes",
            }
        },
    ),
    (
        f"{CLUSTER}{_P}Microsoft.Insights/diagnosticSettings/audit",
        "2021-05-01-preview",
        {
            "properties": {
                "workspaceId": f"GROUP{_P}Microsoft.OperationalInsights/workspaces/logs",
                "logs": [{"category": "kube-audit", "enabled": True}],
            }
        },
    ),
    (f"{NET}{_P}Microsoft.Authorization/locks/keep", "2020-05-01", {"properties": {"level": "CanNotDelete"}}),
    (
        f"{NET}{_P}Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555",
        "2022-04-01",
        {
            "properties": {
                "roleDefinitionId": f"{_P}Microsoft.Authorization/roleDefinitions/4d97b98b-1d4f-4787-a291-c67834d212e7",
                "principalId": "00000000-0000-0000-0000-00000000eeee",
            }
        },
    ),
    (
        f"{CLUSTER}/maintenanceConfigurations/aksManagedAutoUpgradeSchedule",
        AKS,
        {"properties": {"maintenanceWindow": WINDOW}},
    ),
]
MADE += [
    (
        POSTGRES,
        "2025-08-01",
        {
            "location": LOCATION,
            "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
            "properties": {
                "version": "17",
                "administratorLogin": "dbadmin",
                "administratorLoginPassword": "Sandbox-pass-1",
                "storage": {"storageSizeGB": 128, "autoGrow": "Enabled"},
                "highAvailability": {"mode": "ZoneRedundant"},
                "maintenanceWindow": {"customWindow": "Enabled", "dayOfWeek": 6, "startHour": 2},
            },
        },
    ),
    (f"{POSTGRES}/configurations/work_mem", "2025-08-01", {"properties": {"value": "8192"}}),
    (f"{POSTGRES}/databases/app", "2025-08-01", {"properties": {"charset": "utf8"}}),
    (
        f"{_P}Microsoft.ContainerRegistry/registries/roundtrip",
        "2025-11-01",
        {"location": LOCATION, "sku": {"name": "Premium"}, "properties": {"zoneRedundancy": "Enabled"}},
    ),
    (
        REDIS,
        "2025-07-01",
        {
            "location": LOCATION,
            "sku": {"name": "Balanced_B1"},
            "properties": {"highAvailability": "Enabled", "publicNetworkAccess": "Enabled"},
        },
    ),
    (f"{REDIS}/databases/default", "2025-07-01", {"properties": {"persistence": {"rdbEnabled": True}}}),
]
_MOVING = (
    *("updatedOn", "lastUpdatedTime", "earliestRestoreDate", "etag", "eTag"),
    *("lastModifiedTime", "lastModifiedAt", "modifiedDate", "systemData"),
)


def filled(value: Any, group: str) -> Any:
    if isinstance(value, dict):
        return {key: filled(item, group) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, group) for item in value]
    return value.replace("GROUP", group) if isinstance(value, str) else value


def still(value: Any) -> Any:
    """Without what changes on every write."""
    if isinstance(value, dict):
        return {key: still(item) for key, item in value.items() if key not in _MOVING}
    return [still(item) for item in value] if isinstance(value, list) else value


def wait(azure: Subscription, answer: requests.Response) -> None:
    """Until an operation is over: a server behind a resource may have work to do."""
    url = answer.headers.get("Azure-AsyncOperation", "").removeprefix(azure.url)
    while url and azure.send("GET", url, version=None).json()["status"] == "InProgress":
        time.sleep(0.05)


@pytest.fixture(scope="module")
def filled_group(azure_sandbox: Any) -> Subscription:
    azure_sandbox.reset("azure")
    azure_sandbox.set_profile("instant")
    azure = Subscription(azure_sandbox)
    azure.make_group()
    for namespace in ("Microsoft.DBforPostgreSQL", "Microsoft.ContainerRegistry", "Microsoft.Cache"):
        azure.resources.providers.register(namespace)
    for path, version, body in MADE:
        answer = azure.send("PUT", azure.group_id + path, filled(body, azure.group_id), version=version)
        assert answer.status_code in (200, 201, 202), f"{path}: {answer.text}"
        wait(azure, answer)
    return azure


@pytest.mark.parametrize(("path", "version"), [(path, version) for path, version, _ in MADE])
def test_a_get_can_be_put_back(filled_group: Subscription, path: str, version: str) -> None:
    azure = filled_group
    before = azure.send("GET", azure.group_id + path, version=version).json()

    answer = azure.send("PUT", azure.group_id + path, before, version=version)
    wait(azure, answer)
    after = azure.send("GET", azure.group_id + path, version=version).json()

    assert answer.status_code in (200, 202), answer.text
    assert still(after) == still(before)
