"""Clusters and node pools through the unmodified client."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from azure.core.exceptions import HttpResponseError

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, cluster_body, code_of

NODES = "MC_platform_k8s_westeurope"
NO_SUBNET = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/virtualNetworks/z/subnets/q"
POOL = {"count": 1, "vmSize": "Standard_D2s_v5", "mode": "User"}


@pytest.fixture(autouse=True)
def group(azure: Subscription) -> None:
    azure.make_group()


def pool(azure: Subscription, name: str, **properties: Any) -> Any:
    body = {"properties": {**POOL, **properties}}
    return azure.aks.agent_pools.begin_create_or_update(GROUP, "k8s", name, body).result()


def test_a_cluster_fills_in_what_was_not_asked_for(azure: Subscription) -> None:
    made = azure.make_cluster(pool={"nodeTaints": [], "tags": None, "scaleSetPriority": "Regular"})
    properties = made.properties
    system = properties.agent_pool_profiles[0]

    assert properties.fqdn.endswith(".hcp.westeurope.azmk8s.io")
    assert properties.node_resource_group == NODES
    assert properties.current_kubernetes_version.startswith(properties.kubernetes_version)
    assert properties.network_profile.network_plugin_mode == "overlay"
    assert properties.network_profile.load_balancer_profile.effective_outbound_i_ps
    assert properties.identity_profile["kubeletidentity"].object_id
    assert (system.os_disk_size_gb, system.upgrade_settings.max_surge) == (128, "10%")
    assert system.scale_set_priority is None
    assert system.node_taints is None
    assert made.identity.principal_id


def test_the_node_group_belongs_to_the_cluster_and_goes_with_it(azure: Subscription) -> None:
    azure.make_cluster()
    pool(azure, "second")
    nodes = azure.resources.resource_groups.get(NODES)
    assert nodes.managed_by.endswith("/managedClusters/k8s")
    kinds = [item.type for item in azure.resources.resources.list_by_resource_group(NODES)]
    assert kinds.count("Microsoft.Compute/virtualMachineScaleSets") == 2
    assert "Microsoft.Network/loadBalancers" in kinds

    azure.aks.managed_clusters.begin_delete(GROUP, "k8s").result()

    assert not azure.resources.resource_groups.check_existence(NODES)


def test_nodes_keep_their_subnet(azure: Subscription) -> None:
    vnet = azure.make_vnet(nodes="10.1.0.0/20")
    azure.make_cluster(
        pool={"vnetSubnetID": vnet.properties.subnets[0].id}, networkProfile={"serviceCidr": "10.96.0.0/16"}
    )

    with pytest.raises(HttpResponseError) as caught:
        azure.network.virtual_networks.begin_delete(GROUP, "net").result()
    assert code_of(caught) == (400, "InUseSubnetCannotBeDeleted")

    azure.aks.managed_clusters.begin_delete(GROUP, "k8s").result()
    azure.network.virtual_networks.begin_delete(GROUP, "net").result()


@pytest.mark.parametrize(
    ("change", "network", "expected"),
    [
        (
            {"vnetSubnetID": NO_SUBNET},
            {},
            "SubnetNotFound",
        ),
        ({}, {"serviceCidr": "10.1.0.0/16"}, "ServiceCidrOverlapExistingSubnetsCidr"),
        ({}, {"serviceCidr": "10.96.0.0/16", "outboundType": "userAssignedNATGateway"}, "InvalidParameter"),
        ({"count": 200}, {"serviceCidr": "10.96.0.0/16"}, "InsufficientSubnetSize"),
        ({"vmSize": "Standard_Imaginary"}, {}, "BadRequest"),
        ({"count": 300, "vmSize": "Standard_D2s_v5", "vnetSubnetID": None}, {}, "ErrCode_InsufficientVCPUQuota"),
        ({"mode": "User"}, {}, "InvalidParameter"),
        ({"scaleSetPriority": "Spot", "vnetSubnetID": None}, {}, "InvalidParameter"),
        ({"name": "Bad-Name"}, {}, "InvalidParameter"),
    ],
)
def test_clusters_that_are_refused(
    azure: Subscription, change: dict[str, Any], network: dict[str, Any], expected: str
) -> None:
    vnet = azure.make_vnet(nodes="10.1.0.0/25")
    given = {"vnetSubnetID": vnet.properties.subnets[0].id, **change}
    given = {key: value for key, value in given.items() if value is not None}

    with pytest.raises(HttpResponseError) as caught:
        azure.make_cluster(pool=given, networkProfile=network or {"serviceCidr": "10.96.0.0/16"})

    assert code_of(caught) == (400, expected)
    assert not list(azure.aks.managed_clusters.list_by_resource_group(GROUP))
    assert not azure.resources.resource_groups.check_existence(NODES)


def test_spot_pools_are_marked_and_system_pools_cannot_be_spot(azure: Subscription) -> None:
    azure.make_cluster()
    spot = pool(azure, "spot", scaleSetPriority="Spot", vmSize="Standard_NC4as_T4_v3")

    assert spot.properties.node_labels == {"kubernetes.azure.com/scalesetpriority": "spot"}
    assert spot.properties.node_taints == ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]
    for change in ({"mode": "System"}, {"upgradeSettings": {"maxSurge": "1"}}):
        with pytest.raises(HttpResponseError) as caught:
            pool(azure, "other", scaleSetPriority="Spot", **change)
        assert code_of(caught) == (400, "InvalidParameter")


def test_the_last_system_pool_stays(azure: Subscription) -> None:
    azure.make_cluster()
    with pytest.raises(HttpResponseError) as caught:
        azure.aks.agent_pools.begin_delete(GROUP, "k8s", "system").result()
    assert code_of(caught) == (400, "OperationNotAllowed")

    pool(azure, "second", mode="System")
    azure.aks.agent_pools.begin_delete(GROUP, "k8s", "system").result()
    assert [item.name for item in azure.aks.agent_pools.list(GROUP, "k8s")] == ["second"]


def test_one_operation_at_a_time(azure: Subscription) -> None:
    azure.make_cluster()
    azure.sandbox.set_profile("realistic", 1.0)
    azure.aks.agent_pools.begin_create_or_update(GROUP, "k8s", "one", {"properties": POOL}, polling=False)

    for write in (
        lambda: azure.aks.agent_pools.begin_create_or_update(GROUP, "k8s", "two", {"properties": POOL}),
        lambda: azure.aks.managed_clusters.begin_update_tags(GROUP, "k8s", {"tags": {"a": "b"}}),
    ):
        with pytest.raises(HttpResponseError, match="one - Creating") as caught:
            write()
        assert code_of(caught) == (409, "OperationNotAllowed")

    azure.sandbox.advance("azure", 1000)
    assert azure.aks.agent_pools.get(GROUP, "k8s", "one").properties.provisioning_state == "Succeeded"


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"dnsPrefix": "other"}, "properties.dnsPrefix"),
        ({"networkProfile": {"podCidr": "10.200.0.0/16"}}, "properties.networkProfile.podCidr"),
        (
            {"apiServerAccessProfile": {"enablePrivateCluster": True}},
            "properties.apiServerAccessProfile.enablePrivateCluster",
        ),
    ],
)
def test_what_is_fixed_at_creation(azure: Subscription, change: dict[str, Any], target: str) -> None:
    azure.make_cluster()

    with pytest.raises(HttpResponseError, match=target) as caught:
        azure.make_cluster(**change)

    assert code_of(caught) == (400, "PropertyChangeNotAllowed")


def test_a_put_keeps_the_sections_that_it_leaves_out(azure: Subscription) -> None:
    azure.make_cluster(oidcIssuerProfile={"enabled": True}, autoUpgradeProfile={"upgradeChannel": "patch"})
    before = azure.aks.managed_clusters.get(GROUP, "k8s")

    body = cluster_body()
    body["sku"] = {"name": "Base", "tier": "Standard"}
    after = azure.aks.managed_clusters.begin_create_or_update(GROUP, "k8s", body).result()

    assert after.sku.tier == "Standard"
    assert after.properties.oidc_issuer_profile.issuer_url == before.properties.oidc_issuer_profile.issuer_url
    assert after.properties.auto_upgrade_profile.upgrade_channel == "patch"
    with pytest.raises(HttpResponseError, match="OIDC issuer feature cannot be disabled"):
        azure.make_cluster(oidcIssuerProfile={"enabled": False})


def test_pools_are_not_added_by_the_cluster(azure: Subscription) -> None:
    azure.make_cluster()
    body = cluster_body()
    body["properties"]["agentPoolProfiles"].append({"name": "extra", **POOL})

    with pytest.raises(HttpResponseError, match="A new agent pool was introduced"):
        azure.aks.managed_clusters.begin_create_or_update(GROUP, "k8s", body).result()


def test_versions_go_up_one_minor_at_a_time(azure: Subscription) -> None:
    listed = azure.aks.managed_clusters.list_kubernetes_versions(LOCATION)["values"]
    minors = sorted(item["version"] for item in listed)
    azure.make_cluster(kubernetesVersion=minors[-4])
    profile = azure.aks.managed_clusters.get_upgrade_profile(GROUP, "k8s")
    offered = {item.kubernetes_version for item in profile.properties.control_plane_profile.upgrades}

    with pytest.raises(HttpResponseError) as caught:
        azure.make_cluster(kubernetesVersion=minors[-2])
    assert code_of(caught) == (400, "OperationNotAllowed")
    upgraded = azure.make_cluster(kubernetesVersion=minors[-3])

    assert upgraded.properties.current_kubernetes_version in offered
    assert upgraded.properties.agent_pool_profiles[0].current_orchestrator_version.startswith(minors[-4])
    with pytest.raises(HttpResponseError) as caught:
        pool(azure, "newer", orchestratorVersion=minors[-2])
    assert code_of(caught) == (400, "NodePoolMcVersionIncompatible")


def test_private_clusters_have_a_private_name(azure: Subscription) -> None:
    made = azure.make_cluster(apiServerAccessProfile={"enablePrivateCluster": True})

    access = made.properties.api_server_access_profile
    assert access.private_dns_zone == "system"
    assert ".privatelink.westeurope.azmk8s.io" in made.properties.private_fqdn
    names = [item.name for item in azure.resources.resources.list_by_resource_group(NODES)]
    assert "kube-apiserver" in names


def test_kubeconfigs(azure: Subscription) -> None:
    azure.make_cluster()
    value = azure.aks.managed_clusters.list_cluster_admin_credentials(GROUP, "k8s").kubeconfigs[0].value
    config = yaml.safe_load(value)
    assert config["clusters"][0]["cluster"]["server"].startswith("https://")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])

    azure.make_cluster(aadProfile={"managed": True, "enableAzureRBAC": True}, disableLocalAccounts=True)
    with pytest.raises(HttpResponseError, match="disable local accounts"):
        azure.aks.managed_clusters.list_cluster_admin_credentials(GROUP, "k8s")
    value = azure.aks.managed_clusters.list_cluster_user_credentials(GROUP, "k8s").kubeconfigs[0].value
    assert yaml.safe_load(value)["users"][0]["user"]["exec"]["command"] == "kubelogin"


def test_an_own_kubelet_identity_needs_a_role(azure: Subscription) -> None:
    control = azure.identities.user_assigned_identities.create_or_update(GROUP, "control", {"location": LOCATION})
    kubelet = azure.identities.user_assigned_identities.create_or_update(GROUP, "kubelet", {"location": LOCATION})
    body = cluster_body(identityProfile={"kubeletidentity": {"resourceId": kubelet.id}})
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {control.id: {}}}

    with pytest.raises(HttpResponseError) as caught:
        azure.aks.managed_clusters.begin_create_or_update(GROUP, "k8s", body).result()
    assert code_of(caught) == (400, "CustomKubeletIdentityMissingPermissionError")

    role = next(iter(azure.roles.role_definitions.list(azure.id, filter="roleName eq 'Managed Identity Operator'")))
    azure.roles.role_assignments.create(
        kubelet.id,
        "11111111-2222-3333-4444-555555555555",
        {"properties": {"roleDefinitionId": role.id, "principalId": control.principal_id}},
    )
    made = azure.aks.managed_clusters.begin_create_or_update(GROUP, "k8s", body).result()
    assert made.properties.identity_profile["kubeletidentity"].client_id == kubelet.client_id


def test_maintenance_windows(azure: Subscription) -> None:
    azure.make_cluster()
    window = {
        "durationHours": 4,
        "startTime": "02:00",
        "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
    }
    body = {"properties": {"maintenanceWindow": window}}
    configurations = azure.aks.maintenance_configurations

    made = configurations.create_or_update(GROUP, "k8s", "aksManagedAutoUpgradeSchedule", body)

    assert made.properties.maintenance_window.utc_offset == "+00:00"
    with pytest.raises(HttpResponseError):
        configurations.create_or_update(GROUP, "k8s", "whenever", body)
    configurations.delete(GROUP, "k8s", "aksManagedAutoUpgradeSchedule")
    assert not list(configurations.list_by_managed_cluster(GROUP, "k8s"))


def test_vcpu_usages_and_sizes(azure: Subscription) -> None:
    azure.make_cluster()
    usages = {item.name.value: item.current_value for item in azure.compute.usage.list(LOCATION)}
    assert (usages["standardDSv5Family"], usages["cores"]) == (4, 4)

    sizes = {item.name: item for item in azure.compute.resource_skus.list(filter=f"location eq '{LOCATION}'")}
    capabilities = {item.name: item.value for item in sizes["Standard_NC4as_T4_v3"].capabilities}
    assert (capabilities["vCPUs"], capabilities["GPUs"]) == ("4", "1")
    assert sizes["Standard_D2s_v5"].location_info[0].zones == ["1", "2", "3"]
