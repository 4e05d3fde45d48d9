"""Built-in roles, with the ids that they have in every tenant."""

from __future__ import annotations

from typing import Any, NamedTuple


class Role(NamedTuple):
    """A built-in role."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


_BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers"
_KEYS = "Microsoft.KeyVault/vaults/keys"
_AKS = "Microsoft.ContainerService/managedClusters"
_USE_CLUSTER = (f"{_AKS}/listClusterUserCredential/action",)
_WORKLOADS = (
    *("apps/daemonsets", "apps/deployments", "apps/replicasets", "apps/statefulsets"),
    *("autoscaling/horizontalpodautoscalers", "batch/cronjobs", "batch/jobs", "configmaps", "endpoints", "events"),
    *("extensions/daemonsets", "extensions/deployments", "extensions/ingresses", "extensions/networkpolicies"),
    *("extensions/replicasets", "networking.k8s.io/ingresses", "networking.k8s.io/networkpolicies"),
    *("persistentvolumeclaims", "pods", "policy/poddisruptionbudgets", "replicationcontrollers"),
    *("serviceaccounts", "services"),
)
_READ_ONLY = (
    *("apps/controllerrevisions", "discovery.k8s.io/endpointslices", "events.k8s.io/events", "limitranges"),
    *("metrics.k8s.io/pods", "metrics.k8s.io/nodes", "namespaces", "resourcequotas"),
)

BUILT_IN = (
    Role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", "Grants full access to manage all resources.", ("*",)),
    Role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        "Grants full access to manage all resources, but does not allow you to assign roles.",
        ("*",),
        ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"),
    ),
    Role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", "View all resources.", ("*/read",)),
    Role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        "Lets you manage user access to Azure resources.",
        ("*/read", "Microsoft.Authorization/*"),
    ),
    Role(
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Network Contributor",
        "Lets you manage networks, but not access to them.",
        ("Microsoft.Network/*",),
    ),
    Role(
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Managed Identity Operator",
        "Read and Assign User Assigned Identity",
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
        ),
    ),
    Role(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        "Create, Read, Update, and Delete User Assigned Identity",
        ("Microsoft.ManagedIdentity/userAssignedIdentities/*",),
    ),
    Role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        "Allows for read, write and delete access to Azure Storage blob containers and data",
        (f"{_BLOB}/delete", f"{_BLOB}/read", f"{_BLOB}/write"),
        (),
        (f"{_BLOB}/blobs/delete", f"{_BLOB}/blobs/read", f"{_BLOB}/blobs/write", f"{_BLOB}/blobs/add/action"),
    ),
    Role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        "Allows for full access to Azure Storage blob containers and data, including assigning POSIX access control.",
        (f"{_BLOB}/*",),
        (),
        (f"{_BLOB}/blobs/*",),
    ),
    Role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        "Allows for read access to Azure Storage blob containers and data",
        (f"{_BLOB}/read",),
        (),
        (f"{_BLOB}/blobs/read",),
    ),
    Role(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
        "Lets you manage storage accounts, including accessing storage account keys.",
        ("Microsoft.Storage/storageAccounts/*",),
    ),
    Role(
        "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
        "Private DNS Zone Contributor",
        "Lets you manage private DNS zone resources, but not the virtual networks they are linked to.",
        ("Microsoft.Network/privateDnsZones/*",),
    ),
    Role(
        "befefa01-2a29-4197-83a8-272ff33ce314",
        "DNS Zone Contributor",
        "Lets you manage DNS zones and record sets in Azure DNS.",
        ("Microsoft.Network/dnsZones/*",),
    ),
    Role(
        "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        "Key Vault Crypto Service Encryption User",
        "Read metadata of keys and perform wrap/unwrap operations.",
        (),
        (),
        (f"{_KEYS}/read", f"{_KEYS}/wrap/action", f"{_KEYS}/unwrap/action"),
    ),
    Role(
        "12338af0-0e69-4776-bea7-57ae8d297424",
        "Key Vault Crypto User",
        "Perform cryptographic operations using keys.",
        (),
        (),
        tuple(
            f"{_KEYS}/{verb}"
            for verb in (
                "read",
                "update/action",
                "backup/action",
                "encrypt/action",
                "decrypt/action",
                "wrap/action",
                "unwrap/action",
                "sign/action",
                "verify/action",
            )
        ),
    ),
    Role(
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        "Key Vault Crypto Officer",
        "Perform any action on the keys of a key vault, except manage permissions.",
        (),
        (),
        (f"{_KEYS}/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"),
    ),
    Role(
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Key Vault Administrator",
        "Perform all data plane operations on a key vault and all objects in it.",
        ("Microsoft.KeyVault/checkNameAvailability/read",),
        (),
        ("Microsoft.KeyVault/vaults/*",),
    ),
    Role(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        "Perform any action on the secrets of a key vault, except manage permissions.",
        ("Microsoft.KeyVault/checkNameAvailability/read",),
        (),
        ("Microsoft.KeyVault/vaults/secrets/*",),
    ),
    Role(
        "a68e7c17-0ab2-4c09-9a58-125dae29748c",
        "Key Vault Purge Operator",
        "Allows permanent deletion of soft-deleted vaults.",
        ("Microsoft.KeyVault/locations/deletedVaults/read", "Microsoft.KeyVault/locations/deletedVaults/purge/action"),
    ),
    Role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        "Read secret contents.",
        (),
        (),
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action",),
    ),
    Role(
        "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
        "Azure Kubernetes Service RBAC Cluster Admin",
        "Lets you manage all resources in the cluster.",
        _USE_CLUSTER,
        (),
        (f"{_AKS}/*",),
    ),
    Role(
        "3498e952-d568-435e-9b2c-8d77e338d7f7",
        "Azure Kubernetes Service RBAC Admin",
        "Lets you manage all resources under cluster/namespace, except update or delete resource "
        "quotas and namespaces.",
        _USE_CLUSTER,
        (),
        (f"{_AKS}/*",),
        tuple(f"{_AKS}/{kind}/{verb}" for kind in ("resourcequotas", "namespaces") for verb in ("write", "delete")),
    ),
    Role(
        "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
        "Azure Kubernetes Service RBAC Writer",
        "Allows read/write access to most objects in a namespace.",
        (),
        (),
        (
            *(f"{_AKS}/{kind}/*" for kind in (*_WORKLOADS, "secrets")),
            *(f"{_AKS}/coordination.k8s.io/leases/{verb}" for verb in ("read", "write", "delete")),
            *(f"{_AKS}/{kind}/read" for kind in _READ_ONLY),
        ),
    ),
    Role(
        "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
        "Azure Kubernetes Service RBAC Reader",
        "Allows read-only access to see most objects in a namespace.",
        (),
        (),
        tuple(f"{_AKS}/{kind}/read" for kind in (*_WORKLOADS, *_READ_ONLY)),
    ),
    Role(
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8",
        "Azure Kubernetes Service Cluster Admin Role",
        "List cluster admin credential action.",
        ("Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",),
    ),
    Role(
        "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
        "Azure Kubernetes Service Cluster User Role",
        "List cluster user credential action.",
        ("Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",),
    ),
    Role(
        "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8",
        "Azure Kubernetes Service Contributor Role",
        "Grants access to read and write Azure Kubernetes Service clusters",
        ("Microsoft.ContainerService/managedClusters/read", "Microsoft.ContainerService/managedClusters/write"),
    ),
    Role(
        "3913510d-42f4-4e42-8a64-420c390055eb",
        "Monitoring Metrics Publisher",
        "Enables publishing metrics against Azure resources",
        ("Microsoft.Insights/Register/Action",),
        (),
        ("Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"),
    ),
    Role(
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
        "Monitoring Contributor",
        "Can read all monitoring data and update monitoring settings.",
        ("*/read", "Microsoft.Insights/*"),
    ),
    Role(
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
        "Monitoring Reader",
        "Can read all monitoring data.",
        ("*/read",),
    ),
    Role(
        "b0d8363b-8ddd-447d-831f-62ca05bff136",
        "Monitoring Data Reader",
        "Can access the data in an Azure Monitor Workspace.",
        ("*/read",),
        (),
        ("Microsoft.Monitor/accounts/data/metrics/read",),
    ),
    Role(
        "92aaf0da-9dab-42b6-94a3-d43ce8d16293",
        "Log Analytics Contributor",
        "Log Analytics Contributor can read all monitoring data and edit monitoring settings.",
        ("*/read", "Microsoft.OperationalInsights/*"),
    ),
    Role(
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "AcrPull",
        "acr pull",
        ("Microsoft.ContainerRegistry/registries/pull/read",),
    ),
    Role(
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        "AcrPush",
        "acr push",
        ("Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write"),
    ),
    Role(
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
        "Virtual Machine Contributor",
        "Create and manage virtual machines, manage disks and disk snapshots.",
        ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachineScaleSets/*"),
    ),
)


def document(role: Role, subscription: str) -> dict[str, Any]:
    """A role definition as the service shows it."""
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2021-11-11T20:13:40.0379080Z",
            "createdBy": None,
            "updatedBy": None,
        },
        "id": f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role.id}",
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    }
