"""What the portable words become on Azure. No I/O."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from module_utils._azure import lifecycle, maintenance, pools, releases
from module_utils._azure.driver import AzureDriver
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action, Plan, Unknown
from module_utils._engine.resource import Observed
from module_utils._engine.tags import as_description
from module_utils._spec.cluster import AzureCluster, AzurePool, Cluster, MaintenanceWindow, NodePool, Taint
from module_utils._spec.network import AzureNetwork, Network, Peering
from module_utils._spec.object_store import AzureBucket, Bucket, LifecycleRule, ObjectStore
from module_utils._spec.site import Credentials, Site

SITE = Site("azure", "westeurope", "ml-platform", "00000000-0000-0000-0000-00000000bbbb")
PROD = dataclasses.replace(SITE, environment="prod")
NETWORK = Network(addresses={"azure-dev": "1", "azure-prod": "2"})
CLUSTER = Cluster(allowed_cidrs=("203.0.113.0/24",))


def driver(site: Site = SITE) -> AzureDriver:
    return AzureDriver(site, SystemClock())


def network(spec: Network = NETWORK, site: Site = SITE) -> Any:
    return driver(site).network(spec.resolve(site))


def cluster(spec: Cluster = CLUSTER, site: Site = SITE, net: Network = NETWORK) -> Any:
    made = driver(site)
    resolved = net.resolve(site)
    return made.cluster(spec.resolve(site), resolved, made.network(resolved))


def store(*buckets: Bucket, site: Site = SITE) -> Any:
    return driver(site).object_store(ObjectStore(buckets).resolve(site))


def one(built: Any, kind: str, name: str = "") -> Any:
    found = [item for item in built.resources if item.kind == kind and name in item.name and item.present]
    assert len(found) == 1, [item.key for item in found]
    return found[0]


def properties(built: Any, kind: str, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = one(built, kind, name).desired()["properties"]
    return found


@pytest.mark.parametrize("site", [SITE, PROD], ids=["dev", "prod"])
def test_a_whole_site_is_one_graph_and_every_field_is_classed(site: Site) -> None:
    made = driver(site)
    net = NETWORK.resolve(site)
    built = made.network(net)
    full = dataclasses.replace(CLUSTER, gpu=True, maintenance_window=MaintenanceWindow("02:00"))
    parts = [
        built,
        made.cluster(full.resolve(site), net, built),
        made.object_store(ObjectStore((Bucket("models"),)).resolve(site)),
    ]
    graph = Graph(item for part in parts for item in part.resources)
    for resource in graph.resources.values():
        if resource.kind == "azure.keyvault.vault":
            continue  # its tenant is asked of the subscription
        assert resource.fields.unclassified(resource.desired()) == [], resource.key


def test_data_is_open_to_nodes_and_pods_alone() -> None:
    built = network(dataclasses.replace(NETWORK, data_ports=(5432,)))
    addresses = built.exports["addresses"]
    rules = {
        item["name"]: item["properties"]
        for item in properties(built, "azure.network.security_group", "-data")["securityRules"]
    }
    platform = rules["allow-platform"]
    assert platform["sourceAddressPrefixes"] == sorted([str(addresses.nodes), str(addresses.pods)])
    assert platform["destinationPortRanges"] == ["5432"]
    assert (rules["deny-network"]["access"], rules["deny-network"]["sourceAddressPrefix"]) == ("Deny", "VirtualNetwork")
    assert rules["deny-network"]["priority"] > platform["priority"]
    assert properties(built, "azure.network.security_group", "-nodes")["securityRules"] == []


def test_the_way_out_stands_in_one_zone_or_in_all() -> None:
    assert one(network(), "azure.network.nat_gateway").desired()["sku"] == {"name": "Standard"}
    assert one(network(site=PROD), "azure.network.nat_gateway").desired()["zones"] == ["1", "2", "3"]
    chosen = dataclasses.replace(NETWORK, azure=AzureNetwork(nat_sku="Standard"))
    assert one(network(chosen, PROD), "azure.network.nat_gateway").desired()["sku"] == {"name": "Standard"}
    none = network(dataclasses.replace(NETWORK, nat=False))
    assert not [item for item in none.resources if item.kind == "azure.network.nat_gateway" and item.present]
    assert properties(none, "azure.network.subnet", "/nodes")["natGateway"] == {}


@pytest.mark.parametrize(
    ("peering", "problem"),
    [
        (Peering("a", "other", ("172.16.0.0/16",)), "give the id of the VNet"),
        (Peering("a", "/subscriptions/x/y", ("172.16.0.0/16",), account="z"), "does not lie in the account z"),
        (Peering("a", "/subscriptions/x/y", ("172.16.0.0/16",), region="r"), "region has no meaning on Azure"),
    ],
)
def test_peerings_that_cannot_be(peering: Peering, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        network(dataclasses.replace(NETWORK, peerings=(peering,)))


def test_an_existing_subnet_is_referred_to() -> None:
    subnet = "/subscriptions/x/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
    built = network(Network(azure=AzureNetwork(existing_subnet_id=subnet)))
    assert built.exports["nodes"].managed is False
    assert built.exports["nodes"].out("id") == subnet
    with pytest.raises(SpecError, match="id of a subnet"):
        network(Network(azure=AzureNetwork(existing_subnet_id="s")))


def test_the_api_server_lets_its_own_nodes_in() -> None:
    ranges = properties(cluster(), "azure.container.cluster")["apiServerAccessProfile"]["authorizedIPRanges"]
    assert ranges[0] == "203.0.113.0/24"
    assert isinstance(ranges[1], Unknown)
    anybody = properties(cluster(Cluster(allowed_cidrs=("0.0.0.0/0",))), "azure.container.cluster")
    assert anybody["apiServerAccessProfile"]["authorizedIPRanges"] == []
    private = properties(cluster(Cluster(endpoint="private")), "azure.container.cluster")["apiServerAccessProfile"]
    assert private["enablePrivateCluster"] is True


def test_identity_and_access() -> None:
    built = properties(cluster(), "azure.container.cluster")
    assert built["disableLocalAccounts"] is True
    assert built["aadProfile"]["enableAzureRBAC"] is True
    assert built["oidcIssuerProfile"] == {"enabled": True}
    assert built["networkProfile"]["networkPluginMode"] == "overlay"
    assert built["networkProfile"]["networkDataplane"] == "cilium"
    calico = cluster(dataclasses.replace(CLUSTER, azure=AzureCluster(network_policy="calico", local_accounts=True)))
    assert properties(calico, "azure.container.cluster")["networkProfile"]["networkDataplane"] == "azure"
    assert properties(calico, "azure.container.cluster")["disableLocalAccounts"] is False


def test_the_first_pool_is_made_with_the_cluster_and_never_again() -> None:
    built = cluster()
    target = one(built, "azure.container.cluster")
    profile = target.desired()["properties"]["agentPoolProfiles"][0]
    assert (profile["name"], profile["mode"]) == ("general", "System")
    target.outputs = {"id": "/x", "pools": ["general"]}
    assert target.desired()["properties"]["agentPoolProfiles"] is None


def test_spot_never_reaches_the_system_pool_by_default() -> None:
    resolved = Cluster(node_pools=(NodePool("a"), NodePool("b")), allowed_cidrs=("203.0.113.0/24",)).resolve(SITE)
    assert [(pool.azure.mode, pool.spot) for pool in resolved.node_pools or ()] == [("System", False), ("User", True)]
    chosen = Cluster(node_pools=(NodePool("a", spot=True), NodePool("b")), allowed_cidrs=("203.0.113.0/24",)).resolve(
        SITE
    )
    assert [(pool.azure.mode, pool.spot) for pool in chosen.node_pools or ()] == [("User", True), ("System", False)]


SYSTEM = NodePool("s", azure=AzurePool(mode="System"), min_size=1, node_count=1)


@pytest.mark.parametrize(
    ("pool", "problem"),
    [
        (dataclasses.replace(SYSTEM, spot=True), "does not run those on spot machines"),
        (dataclasses.replace(SYSTEM, taints=(Taint("a"),)), "Taint another pool"),
        (dataclasses.replace(SYSTEM, min_size=0), "Set min_size: 1"),
        (dataclasses.replace(SYSTEM, max_unavailable=1), "Use max_surge"),
        (NodePool("u", azure=AzurePool(mode="User")), "needs a pool for its own pods"),
    ],
)
def test_pools_that_cannot_be(pool: NodePool, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        pools.check([pool])


def test_more_pools_that_cannot_be() -> None:
    with pytest.raises(SpecError, match="not both"):
        pools.check([SYSTEM, NodePool("w", max_surge=1, max_unavailable=1)])
    with pytest.raises(SpecError, match="adds no nodes to spot pools"):
        pools.check([SYSTEM, NodePool("w", spot=True, max_surge=1)])
    with pytest.raises(SpecError, match="machine type decides"):
        pools.check([SYSTEM, NodePool("w", gpu=True, gpu_count=4)])


def test_names_of_pools() -> None:
    made = pools.pool_names([NodePool("general"), NodePool("training-with-gpus")])
    assert made["general"] == "general"
    assert made["training-with-gpus"].isalnum()
    assert len(made["training-with-gpus"]) <= 12
    assert made == pools.pool_names([NodePool("general"), NodePool("training-with-gpus")])


def test_bodies_of_pools() -> None:
    pool = NodePool("w", min_size=0, max_size=3, node_count=0, spot=True, taints=(Taint("a", "b"),), max_unavailable=1)
    body = pools.body(pool, subnet="/s", version=None, zones=["1"], tags={})
    assert body["nodeTaints"] == ["a=b:NoSchedule", "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]
    assert (body["scaleSetPriority"], body["spotMaxPrice"]) == ("Spot", -1)
    assert body["upgradeSettings"] == {"maxUnavailable": "1", "maxSurge": "0"}
    fixed = pools.body(
        dataclasses.replace(pool, autoscaling=False, node_count=2), subnet="/s", version="1.34", zones=[], tags={}
    )
    assert fixed["count"] == 2
    assert "minCount" not in fixed
    assert fixed["availabilityZones"] is None


def test_the_autoscalers_settings_are_text_but_for_three() -> None:
    given = {
        "scan-interval": "20s",
        "scale-down-utilization-threshold": 0.5,
        "balance-similar-node-groups": True,
        "ignore-daemonsets-utilization": "true",
    }
    assert pools.autoscaler(given) == {
        "scan-interval": "20s",
        "scale-down-utilization-threshold": "0.5",
        "balance-similar-node-groups": "true",
        "ignore-daemonsets-utilization": True,
    }


def test_windows() -> None:
    weekly = maintenance.window_body(MaintenanceWindow("02:00", ("sunday",)))["maintenanceWindow"]
    assert weekly["schedule"] == {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    daily = maintenance.window_body(MaintenanceWindow("02:00"))["maintenanceWindow"]
    assert daily["schedule"] == {"daily": {"intervalDays": 1}}
    with pytest.raises(SpecError, match="4 to 24"):
        maintenance.window_body(MaintenanceWindow("02:00", duration_hours=2))


def test_versions() -> None:
    assert releases.next_step("1.32.5", "1.34") == "1.33"
    assert releases.next_step("1.33.5", "1.34.2") == "1.34.2"
    assert releases.refusal("1.33.5", "1.34") == ""
    assert "never goes back" in releases.refusal("1.34.5", "1.33")
    assert "never goes back" in releases.refusal("1.34.5", "1.34.2")
    assert "version: '1.34' first" in releases.refusal("1.32.1", "1.35")


def test_accounts_are_closed() -> None:
    built = store(Bucket("models"))
    account = one(built, "azure.storage.account").desired()
    assert account["properties"]["allowBlobPublicAccess"] is False
    assert account["properties"]["allowSharedKeyAccess"] is False
    assert account["properties"]["minimumTlsVersion"] == "TLS1_2"
    assert account["sku"] == {"name": "Standard_LRS"}
    assert one(store(Bucket("models"), site=PROD), "azure.storage.account").desired()["sku"] == {"name": "Standard_ZRS"}


def test_copies_do_not_move_between_one_zone_and_several() -> None:
    account = one(store(Bucket("models", azure=AzureBucket(replication="GRS"))), "azure.storage.account")
    change = Plan(Action.UPDATE)
    assert account.check_update(Observed({}, raw={"sku": {"name": "Standard_LRS"}}), change) == ""
    assert "migration start --sku Standard_GRS" in account.check_update(
        Observed({}, raw={"sku": {"name": "Standard_ZRS"}}), change
    )


def test_a_customer_key_brings_identity_vault_and_grant() -> None:
    built = store(Bucket("models", encryption="customer"), Bucket("cache", encryption="customer"))
    kinds = [item.kind for item in built.resources if item.present]
    assert kinds.count("azure.keyvault.vault") == 1
    assert kinds.count("azure.authorization.role_assignment") == 2
    key = "/subscriptions/x/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/keys/k"
    given = store(Bucket("models", encryption="customer", azure=AzureBucket(key_vault_key_id=key)))
    assert one(given, "azure.keyvault.key").managed is False


RULE = LifecycleRule("r")


def test_lifecycle_rules() -> None:
    rule = LifecycleRule("Cold!", "runs/", 30, "archive", 365, 20, 7)
    (made,) = lifecycle.rules(Bucket("models", lifecycle_rules=(rule,)))
    assert made["name"] == "models-cold"
    assert made["definition"]["filters"]["prefixMatch"] == ["models/runs/"]
    assert made["definition"]["actions"] == {
        "baseBlob": {
            "tierToCold": {"daysAfterModificationGreaterThan": 30},
            "delete": {"daysAfterModificationGreaterThan": 365},
        },
        "version": {"delete": {"daysAfterCreationGreaterThan": 20}},
    }
    # Azure itself discards unfinished uploads: that alone is no rule.
    assert lifecycle.rules(Bucket("m", lifecycle_rules=(LifecycleRule("u", abort_uploads_after_days=7),))) == []


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (dataclasses.replace(RULE, abort_uploads_after_days=3), "always discards unfinished uploads after 7 days"),
        (dataclasses.replace(RULE, transition_to="deep_archive", transition_after_days=9), "no archive tier"),
    ],
)
def test_rules_that_cannot_be(rule: LifecycleRule, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        store(Bucket("models", lifecycle_rules=(rule,), azure=AzureBucket(replication="ZRS")))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (Credentials(profile="x"), "credentials.profile has no meaning on Azure"),
        (Credentials(role_arn="x"), "credentials.role_arn has no meaning on Azure"),
        (Credentials(source="environment", client_id="x"), "credentials.client_id has no effect with source"),
    ],
)
def test_credentials_that_have_no_effect(given: Credentials, problem: str) -> None:
    problems = driver(dataclasses.replace(SITE, credentials=given)).verify()
    assert len(problems) == 1
    assert problem in problems[0]


def test_sources_of_credentials_that_azure_does_not_have() -> None:
    made = AzureDriver(dataclasses.replace(SITE, credentials=Credentials(source="profile")), SystemClock())
    with pytest.raises(SpecError, match=r"'profile' does not exist on Azure"):
        made.session.client.get("/subscriptions/x", "Microsoft.Resources/subscriptions")


def test_whoever_rolls_out_may_look_into_the_cluster_and_keeps_that_right() -> None:
    built = cluster()
    grant = one(built, "azure.authorization.role_assignment", "cluster-rollout")
    grant.principal.outputs = {"principal_id": "caller-1", "principal_type": "User"}
    body = grant.desired()["properties"]
    assert body["roleDefinitionId"].endswith("/b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b")
    assert (body["principalId"], body["principalType"]) == ("caller-1", "User")
    access = next(item for item in built.resources if item.kind == "azure.authorization.access")
    assert grant in access.needs
    ours = as_description(SITE.owner.tags())
    assert access._ours({"properties": {"description": ours}})
    assert not access._ours({"properties": {"description": body["description"]}})
