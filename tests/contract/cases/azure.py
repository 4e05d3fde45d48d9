"""The kinds of Azure, taken out of the builders that users get them from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.cluster import Access, AzurePool, Cluster, MaintenanceWindow, NodePool, Taint
from module_utils._spec.network import AzureNetwork, Network, Peering
from module_utils._spec.object_store import AzureBucket, Bucket, LifecycleRule, ObjectStore

from sandbox.azure.identity import CLIENT_OBJECT
from sandbox.core.connection import AZURE_SUBSCRIPTION
from tests.contract.harness import Case, Environment, Variant, pick
from tests.sandbox.azure_support import Subscription

GROUP = "contract-azure-test"
DATA = f"{GROUP}-data"
SUB = f"/subscriptions/{AZURE_SUBSCRIPTION}"
PERSON = CLIENT_OBJECT  # a principal that the directory knows
_clients: dict[int, Subscription] = {}
Count = Callable[[Environment], int]


def sdk(environment: Environment) -> Subscription:
    """Microsoft's own clients of the world that the environment stands on."""
    world: Any = environment.world
    return _clients.setdefault(id(world), Subscription(world.sandbox))


def counted(ask: Callable[[Subscription], Iterable[Any]]) -> Count:
    """How many objects the vendor's client lists; a parent that is not there holds none."""

    def count(environment: Environment) -> int:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return len(list(ask(sdk(environment))))
        except ResourceNotFoundError:
            return 0

    return count


def in_group(kind: str, group: str = GROUP, name: str = "") -> Count:
    """Tracked objects of one type in one of the site's groups."""
    return counted(
        lambda client: [
            item
            for item in client.resources.resources.list_by_resource_group(group)
            if item.type.lower() == kind.lower() and name in item.name
        ]
    )


# -- network -----------------------------------------------------------------------------------------------------------


def network(environment: Environment, **options: Any) -> Any:
    azure = AzureNetwork(**{"private_dns_zones": (), **options.pop("azure", {})})
    spec = Network(**{"addresses": {environment.site.name: "1"}, "azure": azure, **options})
    return environment.driver.network(spec.resolve(environment.site))


def of_network(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(network(environment, **{**base, **options}), kind, name)]


def peering(environment: Environment, forward: str = "other") -> Sequence[Resource]:
    other = f"{SUB}/resourceGroups/elsewhere/providers/Microsoft.Network/virtualNetworks/{forward}"
    client = sdk(environment)
    if not client.resources.resource_groups.check_existence("elsewhere"):
        client.resources.resource_groups.create_or_update("elsewhere", {"location": "westeurope"})
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["172.16.0.0/16"]}}}
    if forward not in [item.name for item in client.network.virtual_networks.list("elsewhere")]:
        client.network.virtual_networks.begin_create_or_update("elsewhere", forward, body)
        environment.clock.sleep(60)
    built = network(environment, peerings=(Peering("office", other, ("172.16.0.0/16",)),))
    return [pick(built, "azure.network.peering")]


DOMAIN: dict[str, Any] = {"azure": {"private_dns_zones": ("platform.internal",)}}

NETWORK = [
    Case(
        "resource-group",
        of_network("azure.resources.group"),
        no_updates="tags follow the site",
        count=counted(lambda c: [g for g in c.resources.resource_groups.list() if g.name == GROUP]),
    ),
    Case(
        "vnet",
        of_network("azure.network.vnet"),
        no_updates="its addresses are fixed, tags follow the site",
        immutable=[Variant({"platform_cidr": "172.0.0.0/8"}, ("properties.addressSpace.addressPrefixes",))],
        count=in_group("Microsoft.Network/virtualNetworks"),
        operation="^PUT Microsoft.Network/virtualNetworks$",
    ),
    Case(
        "subnet",
        of_network("azure.network.subnet", "nodes"),
        updates=[
            Variant(
                {"nat": False},
                ("properties.natGateway",),
                also=("azure.network.nat_gateway", "azure.network.public_ip"),
            ),
            Variant(
                {"nat": True},
                ("properties.natGateway",),
                also=("azure.network.nat_gateway", "azure.network.public_ip"),
            ),
        ],
        count=counted(lambda c: c.network.subnets.list(GROUP, f"{GROUP}-vnet")),
        operation="^PUT Microsoft.Network/virtualNetworks/subnets$",
    ),
    Case(
        "security-group",
        of_network("azure.network.security_group", "-data"),
        updates=[
            Variant({"data_ports": (5432, 6379, 3306)}, ("properties.securityRules",)),
            Variant({"data_ports": (3306,)}, ("properties.securityRules",)),
        ],
        count=in_group("Microsoft.Network/networkSecurityGroups"),
        operation="^PUT Microsoft.Network/networkSecurityGroups$",
    ),
    Case(
        "public-ip",
        of_network("azure.network.public_ip", f"{GROUP}-nat-v2", high_availability=True),
        no_updates="what it is is fixed, tags follow the site",
        count=in_group("Microsoft.Network/publicIPAddresses"),
        operation="^PUT Microsoft.Network/publicIPAddresses$",
    ),
    Case(
        "nat-gateway",
        of_network("azure.network.nat_gateway", f"{GROUP}-nat-v2", high_availability=True),
        updates=[
            Variant({"azure": {"nat_idle_timeout_minutes": 20}}, ("properties.idleTimeoutInMinutes",)),
            Variant({"azure": {"nat_idle_timeout_minutes": 4}}, ("properties.idleTimeoutInMinutes",)),
        ],
        count=in_group("Microsoft.Network/natGateways"),
        operation="^PUT Microsoft.Network/natGateways$",
    ),
    Case(
        "private-dns-zone",
        of_network("azure.network.private_dns_zone", **DOMAIN),
        no_updates="tags follow the site",
        count=in_group("Microsoft.Network/privateDnsZones"),
        operation="^PUT Microsoft.Network/privateDnsZones$",
    ),
    Case(
        "private-dns-link",
        of_network("azure.network.private_dns_link", **DOMAIN),
        no_updates="it has nothing to set",
        count=counted(lambda c: c.dns.virtual_network_links.list(GROUP, "platform.internal")),
        operation="^PUT Microsoft.Network/privateDnsZones/virtualNetworkLinks$",
    ),
    Case(
        "flow-log",
        of_network("azure.network.flow_log", flow_logs=True),
        updates=[
            Variant({"flow_logs_retention_days": 14}, ("properties.retentionPolicy.days",)),
            Variant({"flow_logs_retention_days": 0}, ("properties.retentionPolicy",)),
        ],
        count=counted(lambda c: c.network.flow_logs.list("NetworkWatcherRG", "NetworkWatcher_westeurope")),
        operation="^PUT Microsoft.Network/networkWatchers/flowLogs$",
    ),
    Case(
        "peering",
        peering,
        no_updates="what can be set is always the same",
        immutable=[Variant({"forward": "third"}, ("properties.remoteVirtualNetwork.id",))],
        skip=dict.fromkeys(
            ("life", "immutable", "missing", "faults"),
            "its other side is made by the case itself: see test_azure_site",
        ),
        count=counted(lambda c: c.network.virtual_network_peerings.list(GROUP, f"{GROUP}-vnet")),
        operation="^PUT Microsoft.Network/virtualNetworks/virtualNetworkPeerings$",
    ),
]


# -- cluster -----------------------------------------------------------------------------------------------------------

SYSTEM = NodePool("general", min_size=1, max_size=3)
WORK: dict[str, Any] = {"name": "work", "min_size": 0, "max_size": 2, "node_count": 0, "spot": False}


def cluster(environment: Environment, work: dict[str, Any] | None = None, **options: Any) -> Any:
    spec = Network(addresses={environment.site.name: "1"}, azure=AzureNetwork(private_dns_zones=()))
    resolved = spec.resolve(environment.site)
    pools = (SYSTEM, NodePool(**{**WORK, **work})) if work is not None else (SYSTEM,)
    wanted = {"node_pools": pools, "allowed_cidrs": ("203.0.113.0/24",), "control_plane_logs": (), **options}
    built = environment.driver.network(resolved)
    return environment.driver.cluster(Cluster(**wanted).resolve(environment.site), resolved, built)


def of_cluster(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(cluster(environment, **{**base, **options}), kind, name)]


def pool(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(cluster(environment, work=options), "azure.container.agent_pool", "/work")]


def window(environment: Environment, **options: Any) -> Sequence[Resource]:
    chosen = MaintenanceWindow(**{"start_time": "02:00", "days": ("sunday",), **options})
    built = cluster(environment, maintenance_window=chosen)
    return [pick(built, "azure.container.maintenance", "AutoUpgrade")]


def key_of(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(cluster(environment, secrets_encryption=True, **options), "azure.keyvault.key")]


def vault_of(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(cluster(environment, secrets_encryption=True, **options), "azure.keyvault.vault")]


ENCRYPTED = ("azure.keyvault.vault", "azure.keyvault.key", "azure.authorization.role_assignment")
PERMANENT = "It exists as long as its parent does: nobody can delete it, and no rerun makes it again."

CLUSTER = [
    Case(
        "identity",
        of_cluster("azure.identity.user_assigned", "-cluster"),
        no_updates="tags follow the site",
        count=in_group("Microsoft.ManagedIdentity/userAssignedIdentities"),
    ),
    Case(
        "role-assignment",
        of_cluster("azure.authorization.role_assignment", "cluster-kubelet"),
        no_updates="a grant is another grant when anything changes",
        count=counted(
            lambda c: [
                item
                for item in c.roles.role_assignments.list_for_subscription()
                if item.scope.lower().endswith("-kubelet")
            ]
        ),
    ),
    Case(
        "rollout-access",
        of_cluster("azure.authorization.role_assignment", "cluster-rollout"),
        no_updates="a grant is another grant when anything changes",
        count=counted(
            lambda c: [
                item
                for item in c.roles.role_assignments.list_for_subscription()
                if item.scope.lower().endswith(f"/managedclusters/{GROUP}") and item.principal_id == PERSON
            ]
        ),
    ),
    Case(
        "access",
        of_cluster("azure.authorization.access", access=(Access(PERSON, "edit"),)),
        updates=[
            Variant({"access": (Access(PERSON, "view"),)}, ("grants",)),
            Variant({"access": (Access(PERSON, "admin"),)}, ("grants",)),
        ],
    ),
    Case(
        "vault",
        vault_of,
        updates=[
            Variant(
                {"deletion_protection": True},
                ("properties.enablePurgeProtection",),
            )
        ],
        skip={
            "life": "a vault with purge protection cannot be made to leave nothing: see test_azure_site",
        },
        count=in_group("Microsoft.KeyVault/vaults"),
    ),
    Case(
        "key",
        key_of,
        no_updates="a key is another key when anything changes",
        skip={"life": PERMANENT, "missing": PERMANENT, "lost_answers": PERMANENT, "killed": PERMANENT},
    ),
    Case(
        "cluster",
        of_cluster("azure.container.cluster"),
        updates=[
            Variant(
                {"allowed_cidrs": ("203.0.113.0/24", "198.51.100.7/32")},
                ("properties.apiServerAccessProfile.authorizedIPRanges",),
            ),
            Variant({"upgrade_channel": "rapid"}, ("properties.autoUpgradeProfile.upgradeChannel",)),
            Variant({"upgrade_channel": "none"}, ("properties.autoUpgradeProfile.upgradeChannel",)),
            Variant({"network_policy": False}, ("properties.networkProfile",)),
        ],
        immutable=[
            Variant({"allowed_cidrs": None, "endpoint": "private"}, ("properties.apiServerAccessProfile",)),
        ],
        count=in_group("Microsoft.ContainerService/managedClusters"),
        operation="^PUT Microsoft.ContainerService/managedClusters$",
    ),
    Case(
        "cluster-upgrade",
        of_cluster("azure.container.cluster", version="1.32"),
        updates=[Variant({"version": "1.34"}, ("properties.kubernetesVersion",))],
        skip=dict.fromkeys(
            ("stranger", "missing", "lost_answers", "faults", "killed", "killed_deletion"), "see the case cluster"
        ),
    ),
    Case(
        "agent-pool",
        pool,
        updates=[
            Variant({"max_size": 4}, ("properties.maxCount",)),
            Variant({"labels": {"team": "ml"}}, ("properties.nodeLabels",)),
            Variant({"taints": (Taint("ml", "true"),)}, ("properties.nodeTaints",)),
            Variant({"max_surge": 2}, ("properties.upgradeSettings",)),
            Variant({"autoscaling": False, "node_count": 1}, ("properties.enableAutoScaling", "properties.count")),
        ],
        immutable=[
            Variant({"spot": True}, ("properties.scaleSetPriority",)),
            Variant({"machine_types": ("Standard_D4s_v5",)}, ("properties.vmSize",)),
            Variant({"disk_size_gb": 200}, ("properties.osDiskSizeGB",)),
            Variant({"azure": AzurePool(mode="User", max_pods=50)}, ("properties.maxPods",)),
        ],
        count=counted(
            lambda c: [item for item in c.aks.agent_pools.list(GROUP, GROUP) if item.name == "work"],
        ),
        operation="^PUT Microsoft.ContainerService/managedClusters/agentPools$",
    ),
    Case(
        "agent-pool-first",
        of_cluster("azure.container.agent_pool", "/general"),
        no_updates="see the case agent-pool",
        skip=dict.fromkeys(
            ("life", "missing", "lost_answers", "killed", "killed_deletion"),
            "it is made with its cluster, and goes with it",
        ),
    ),
    Case(
        "maintenance",
        window,
        updates=[
            Variant({"start_time": "03:30"}, ("properties.maintenanceWindow.startTime",)),
            Variant({"days": None}, ("properties.maintenanceWindow.schedule",)),
        ],
        count=counted(
            lambda c: c.aks.maintenance_configurations.list_by_managed_cluster(GROUP, GROUP),
        ),
    ),
    Case(
        "lock",
        of_cluster("azure.authorization.lock", deletion_protection=True),
        no_updates="it is there or it is not",
        skip=dict.fromkeys(("life", "faults", "killed_deletion"), "it exists to refuse just that: see test_azure_site"),
    ),
    Case(
        "workspace",
        of_cluster("azure.logs.workspace", control_plane_logs=("audit",)),
        updates=[
            Variant({"log_retention_days": 60}, ("properties.retentionInDays",)),
            Variant({"log_retention_days": 31}, ("properties.retentionInDays",)),
        ],
        count=in_group("Microsoft.OperationalInsights/workspaces"),
        operation="^PUT Microsoft.OperationalInsights/workspaces$",
    ),
    Case(
        "diagnostic-setting",
        of_cluster("azure.monitor.diagnostic_setting", control_plane_logs=("audit",)),
        updates=[
            Variant({"control_plane_logs": ("audit", "api", "scheduler")}, ("properties.logs",)),
            Variant({"control_plane_logs": ("authenticator",)}, ("properties.logs",)),
        ],
    ),
]


# -- object store ------------------------------------------------------------------------------------------------------


def store(environment: Environment, *more: Bucket, **options: Any) -> Any:
    wanted = {"lifecycle_rules": (), "access_logs": False, "soft_delete_days": 0, **options}
    azure = AzureBucket(**wanted.pop("azure", {}))
    spec = ObjectStore((Bucket("models", azure=azure, **wanted), *more))
    return environment.driver.object_store(spec.resolve(environment.site))


def of_store(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(store(environment, **{**base, **options}), kind, name)]


def account_name(client: Subscription) -> str:
    return next((item.name for item in client.storage.storage_accounts.list_by_resource_group(DATA)), "none")


OLD = LifecycleRule("old", noncurrent_expire_after_days=30)
COLD = LifecycleRule("cold", prefix="runs/", transition_to="infrequent", transition_after_days=30)

STORE = [
    Case(
        "storage-account",
        of_store("azure.storage.account"),
        updates=[
            Variant({"azure": {"replication": "GRS"}}, ("sku.name",)),
            Variant({"azure": {"replication": "LRS"}}, ("sku.name",)),
            Variant(
                {"encryption": "customer"},
                ("identity", "properties.encryption"),
                also=(*ENCRYPTED, "azure.identity.user_assigned"),
            ),
            Variant(
                {"encryption": "provider"},
                ("identity.type", "properties.encryption.keySource"),
                also=(*ENCRYPTED, "azure.identity.user_assigned"),
            ),
        ],
        count=in_group("Microsoft.Storage/storageAccounts", DATA),
        operation="^PUT Microsoft.Storage/storageAccounts$",
    ),
    Case(
        "blob-service",
        of_store("azure.storage.blob_service"),
        updates=[
            Variant(
                {"soft_delete_days": 14},
                ("properties.deleteRetentionPolicy", "properties.containerDeleteRetentionPolicy"),
            ),
            Variant({"versioning": False}, ("properties.isVersioningEnabled", "properties.changeFeed.enabled")),
        ],
        skip={"missing": PERMANENT, "lost_answers": PERMANENT, "killed": PERMANENT, "life": PERMANENT},
    ),
    Case(
        "container",
        of_store("azure.storage.container"),
        no_updates="it is private, and that is all",
        count=counted(lambda c: c.storage.blob_containers.list(DATA, account_name(c))),
    ),
    Case(
        "retention",
        of_store("azure.storage.immutability_policy", retention_days=3),
        updates=[
            Variant({"retention_days": 30}, ("properties.immutabilityPeriodSinceCreationInDays",)),
            Variant({"retention_days": 2}, ("properties.immutabilityPeriodSinceCreationInDays",)),
        ],
    ),
    Case(
        "lifecycle",
        of_store("azure.storage.management_policy", lifecycle_rules=(OLD,)),
        updates=[
            Variant({"lifecycle_rules": (OLD, COLD)}, ("properties.policy.rules",)),
            Variant({"lifecycle_rules": (COLD,)}, ("properties.policy.rules",)),
        ],
    ),
    Case(
        "access-logs",
        of_store("azure.monitor.diagnostic_setting", access_logs=True),
        no_updates="all or nothing is logged",
    ),
]

CASES = [*NETWORK, *CLUSTER, *STORE]
