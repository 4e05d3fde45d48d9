"""Resource types and the SDK models that describe their bodies: one table."""

from __future__ import annotations

_NETWORK = "azure.mgmt.network.models:"
_DNS = "azure.mgmt.privatedns.models:"
_AKS = "azure.mgmt.containerservice.models:"
_STORAGE = "azure.mgmt.storage.models:"
_VAULT = "azure.mgmt.keyvault.models:"
_MSI = "azure.mgmt.msi.v2024_11_30.models:"
_LOGS = "azure.mgmt.loganalytics.models:"
_RESOURCES = "azure.mgmt.resource.resources.models:"
_ROLES = "azure.mgmt.authorization.v2022_04_01.models:"
_MONITOR = "azure.mgmt.monitor.v2021_05_01_preview.models:"

_POSTGRESQL = "azure.mgmt.postgresqlflexibleservers.models:"
_PG = "Microsoft.DBforPostgreSQL/flexibleServers"
_CACHE = "azure.mgmt.redisenterprise.models:"
_REGISTRY = "azure.mgmt.containerregistry.models:"

# type -> (model of PUT, model of PATCH or None where the type has no PATCH)
MODELS: dict[str, tuple[str, str | None]] = {
    "Microsoft.Resources/resourceGroups": (_RESOURCES + "ResourceGroup", _RESOURCES + "ResourceGroupPatchable"),
    "Microsoft.Network/virtualNetworks": (_NETWORK + "VirtualNetwork", _NETWORK + "TagsObject"),
    "Microsoft.Network/virtualNetworks/subnets": (_NETWORK + "Subnet", None),
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings": (_NETWORK + "VirtualNetworkPeering", None),
    "Microsoft.Network/networkSecurityGroups": (_NETWORK + "NetworkSecurityGroup", _NETWORK + "TagsObject"),
    "Microsoft.Network/networkSecurityGroups/securityRules": (_NETWORK + "SecurityRule", None),
    "Microsoft.Network/routeTables": (_NETWORK + "RouteTable", _NETWORK + "TagsObject"),
    "Microsoft.Network/routeTables/routes": (_NETWORK + "Route", None),
    "Microsoft.Network/publicIPAddresses": (_NETWORK + "PublicIPAddress", _NETWORK + "TagsObject"),
    "Microsoft.Network/natGateways": (_NETWORK + "NatGateway", _NETWORK + "TagsObject"),
    "Microsoft.Network/privateEndpoints": (_NETWORK + "PrivateEndpoint", None),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": (_NETWORK + "PrivateDnsZoneGroup", None),
    "Microsoft.Network/networkInterfaces": (_NETWORK + "NetworkInterface", _NETWORK + "TagsObject"),
    "Microsoft.Network/loadBalancers": (_NETWORK + "LoadBalancer", _NETWORK + "TagsObject"),
    "Microsoft.Network/networkWatchers": (_NETWORK + "NetworkWatcher", _NETWORK + "TagsObject"),
    "Microsoft.Network/networkWatchers/flowLogs": (_NETWORK + "FlowLog", _NETWORK + "TagsObject"),
    "Microsoft.Network/privateDnsZones": (_DNS + "PrivateZone", _DNS + "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": (
        _DNS + "VirtualNetworkLink",
        _DNS + "VirtualNetworkLink",
    ),
    **{
        f"Microsoft.Network/privateDnsZones/{record}": (_DNS + "RecordSet", _DNS + "RecordSet")
        for record in ("A", "AAAA", "CNAME", "MX", "PTR", "SOA", "SRV", "TXT")
    },
    "Microsoft.ManagedIdentity/userAssignedIdentities": (_MSI + "Identity", _MSI + "IdentityUpdate"),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": (
        _MSI + "FederatedIdentityCredential",
        None,
    ),
    "Microsoft.Authorization/roleAssignments": (_ROLES + "RoleAssignmentCreateParameters", None),
    "Microsoft.Authorization/locks": ("azure.mgmt.resource.locks.models:ManagementLockObject", None),
    "Microsoft.Authorization/roleDefinitions": (_ROLES + "RoleDefinition", None),
    "Microsoft.ContainerService/managedClusters": (_AKS + "ManagedCluster", _AKS + "TagsObject"),
    "Microsoft.ContainerService/managedClusters/agentPools": (_AKS + "AgentPool", None),
    "Microsoft.ContainerService/managedClusters/maintenanceConfigurations": (_AKS + "MaintenanceConfiguration", None),
    "Microsoft.Compute/virtualMachineScaleSets": ("azure.mgmt.compute.models:VirtualMachineScaleSet", None),
    "Microsoft.Compute/disks": ("azure.mgmt.compute.models:Disk", None),
    "Microsoft.Storage/storageAccounts": (
        _STORAGE + "StorageAccountCreateParameters",
        _STORAGE + "StorageAccountUpdateParameters",
    ),
    "Microsoft.Storage/storageAccounts/blobServices": (_STORAGE + "BlobServiceProperties", None),
    "Microsoft.Storage/storageAccounts/blobServices/containers": (
        _STORAGE + "BlobContainer",
        _STORAGE + "BlobContainer",
    ),
    "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies": (
        _STORAGE + "ImmutabilityPolicy",
        None,
    ),
    "Microsoft.Storage/storageAccounts/managementPolicies": (_STORAGE + "ManagementPolicy", None),
    "Microsoft.OperationalInsights/workspaces": (_LOGS + "Workspace", _LOGS + "WorkspacePatch"),
    "Microsoft.Insights/diagnosticSettings": (_MONITOR + "DiagnosticSettingsResource", None),
    "Microsoft.KeyVault/vaults": (_VAULT + "VaultCreateOrUpdateParameters", _VAULT + "VaultPatchParameters"),
    "Microsoft.KeyVault/vaults/keys": (_VAULT + "KeyCreateParameters", None),
    _PG: (_POSTGRESQL + "Server", _POSTGRESQL + "ServerForPatch"),
    f"{_PG}/configurations": (_POSTGRESQL + "Configuration", _POSTGRESQL + "ConfigurationForUpdate"),
    f"{_PG}/databases": (_POSTGRESQL + "Database", None),
    f"{_PG}/firewallRules": (_POSTGRESQL + "FirewallRule", None),
    f"{_PG}/backups": (_POSTGRESQL + "BackupAutomaticAndOnDemand", None),
    f"{_PG}/virtualendpoints": (_POSTGRESQL + "VirtualEndpoint", _POSTGRESQL + "VirtualEndpoint"),
    f"{_PG}/administrators": (_POSTGRESQL + "AdministratorMicrosoftEntraAdd", None),
    "Microsoft.ContainerRegistry/registries": (_REGISTRY + "Registry", _REGISTRY + "RegistryUpdateParameters"),
    "Microsoft.ContainerRegistry/registries/replications": (
        _REGISTRY + "Replication",
        _REGISTRY + "ReplicationUpdateParameters",
    ),
    "Microsoft.Sql/servers": ("azure.mgmt.sql.models:Server", "azure.mgmt.sql.models:ServerUpdate"),
    "Microsoft.Sql/servers/databases": ("azure.mgmt.sql.models:Database", "azure.mgmt.sql.models:DatabaseUpdate"),
    "Microsoft.Cache/redisEnterprise": (_CACHE + "Cluster", _CACHE + "ClusterUpdate"),
    "Microsoft.Cache/redisEnterprise/databases": (_CACHE + "Database", _CACHE + "DatabaseUpdate"),
}
