"""A site on Azure: empty, converged, unchanged, drifted, repaired, destroyed; seen by Microsoft's own clients."""

from __future__ import annotations

import re
from typing import Any

import pytest
from module_utils._azure.kinds_access import ROLES
from module_utils._engine.errors import AuthError, SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import execute
from module_utils._spec import names
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

from sandbox.azure.identity import CLIENT_OBJECT, FOREIGN_SUBSCRIPTION
from sandbox.core.connection import AZURE_SUBSCRIPTION
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.sandbox.azure_support import Subscription

BASE = "ml-platform-azure-dev"
DATA = f"{BASE}-data"
VNET = f"{BASE}-vnet"
SUB = f"/subscriptions/{AZURE_SUBSCRIPTION}"
POOL_LABEL = "azure.container.agent_pool"
FULL: dict[str, Any] = {
    "network": {"flow_logs": True, "high_availability": True},
    "cluster": {
        "gpu": True,
        "secrets_encryption": True,
        "upgrade_channel": "regular",
        "maintenance_window": {"start_time": "02:00", "days": ["sunday"], "duration_hours": 8},
        "access": [{"principal": CLIENT_OBJECT, "role": "edit"}],
        "azure": {"azure_policy": True, "auto_scaler_profile": {"scan-interval": "20s"}},
    },
    "object_store": {
        "buckets": [
            {"name": "models", "encryption": "customer"},
            {"name": "cache", "access_logs": False, "retention_days": 3},
        ]
    },
}


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


def run(site: dict[str, Any], changes: dict[str, Any] | None = None, **options: Any) -> Report:
    report = execute(sites.wanted(site, sites.capabilities(**(changes or {}))), sites.options(**options))
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def fields(report: Report) -> set[str]:
    return {change.path for entry in report.entries for change in entry.changes if entry.action is Action.UPDATE}


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("azure")
    return int(entries[-1]["seq"]) if entries else 0


def writes(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("azure", since) if entry["write"]]


def everything(azure: Subscription) -> dict[str, list[str]]:
    """All that a site could leave behind."""
    purgeable = [item for item in azure.vaults.vaults.list_deleted() if not item.properties.purge_protection_enabled]
    return {
        "groups": sorted(item.name for item in azure.resources.resource_groups.list()),
        "resources": sorted(item.id for item in azure.resources.resources.list()),
        "grants": sorted(item.id for item in azure.roles.role_assignments.list_for_subscription()),
        "deleted vaults": sorted(item.name for item in purgeable),
    }


def account(azure: Subscription, bucket: str) -> str:
    """The storage account that a bucket lies in."""
    for found in azure.storage.storage_accounts.list_by_resource_group(DATA):
        if bucket in [item.name for item in azure.storage.blob_containers.list(DATA, found.name)]:
            return str(found.name)
    raise AssertionError(f"no container is named {bucket}")


# -- life --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, FULL], ids=["plain", "full"])
def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, azure: Subscription, changes: dict[str, Any]) -> None:
    before = everything(azure)
    planned = run(site, changes, check=True)
    assert everything(azure) == before
    assert acts(run(site, changes)) == acts(planned)
    cluster = azure.aks.managed_clusters.get(BASE, BASE)
    assert cluster.properties.provisioning_state == "Succeeded"
    assert cluster.properties.disable_local_accounts is True
    assert {pool.name for pool in azure.aks.agent_pools.list(BASE, BASE)} >= {"general", "batch"}
    mark = seen(sandbox)
    again = run(site, changes, find_orphans=True)
    assert acts(again) == {}
    assert again.orphans == []
    assert writes(sandbox, mark) == []
    gone = run(site, changes, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    assert everything(azure) == before


def test_a_run_without_changes_costs_few_calls(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site)
    mark = seen(sandbox)
    report = run(site)
    calls = sandbox.journal("azure", mark)
    assert len(calls) <= len(report.entries) * 0.9, [entry["path"] for entry in calls]


def test_a_site_that_is_not_there_is_told_by_a_few_calls(site: dict[str, Any], sandbox: Sandbox) -> None:
    mark = seen(sandbox)
    assert acts(run(site, state="absent")) == {}
    assert len(sandbox.journal("azure", mark)) <= 6


# -- drift -------------------------------------------------------------------------------------------------------------


def test_what_is_changed_behind_its_back_is_repaired_and_only_that(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    run(site)
    network, aks, storage = azure.network, azure.aks, azure.storage
    rules = network.network_security_groups.get(BASE, f"{BASE}-data")
    next(rule for rule in rules.properties.security_rules if rule.name == "deny-network").properties.access = "Allow"
    network.network_security_groups.begin_create_or_update(BASE, rules.name, rules).result()
    batch = aks.agent_pools.get(BASE, BASE, "batch")
    batch.properties.max_count = 50
    aks.agent_pools.begin_create_or_update(BASE, BASE, "batch", batch).result()
    nodes = network.subnets.get(BASE, VNET, "nodes")
    nodes.properties.nat_gateway = None
    network.subnets.begin_create_or_update(BASE, VNET, "nodes", nodes).result()
    name = account(azure, "models")
    storage.blob_services.set_service_properties(DATA, name, {"properties": {"isVersioningEnabled": False}})
    azure.resources.resource_groups.update(BASE, {"tags": {"managed-by": "multicloud-platform", "site": "azure-dev"}})
    expected = {
        f"azure.network.security_group {BASE}-data": "update",
        f"azure.network.subnet {VNET}/nodes": "update",
        f"{POOL_LABEL} {BASE}/batch": "update",
        f"azure.storage.blob_service {name}/default": "update",
    }
    with pytest.raises(SpecError, match="belongs to"):
        run(site, check=True)
    planned = run(site, check=True, adopt=True)
    assert acts(planned) == {**expected, f"azure.resources.group {BASE}": "update"}
    assert acts(run(site, adopt=True)) == acts(planned)
    assert acts(run(site)) == {}
    assert aks.agent_pools.get(BASE, BASE, "batch").properties.max_count == 3
    assert network.subnets.get(BASE, VNET, "nodes").properties.nat_gateway.id.endswith(f"/{BASE}-nat")


def test_what_is_deleted_behind_its_back_is_made_again(site: dict[str, Any], azure: Subscription) -> None:
    run(site)
    azure.aks.agent_pools.begin_delete(BASE, BASE, "batch").result()
    azure.dns.virtual_network_links.begin_delete(BASE, "privatelink.blob.core.windows.net", VNET).result()
    azure.storage.management_policies.delete(DATA, account(azure, "models"), "default")
    report = run(site, check=True)
    assert set(acts(report).values()) == {"create"}
    assert {key.split(" ")[0] for key in acts(report)} == {
        POOL_LABEL,
        "azure.network.private_dns_link",
        "azure.storage.management_policy",
    }
    assert acts(run(site)) == acts(report)
    assert acts(run(site)) == {}


def test_what_others_added_survives(site: dict[str, Any], azure: Subscription) -> None:
    run(site)
    network = azure.network
    network.subnets.begin_create_or_update(
        BASE, VNET, "guests", {"properties": {"addressPrefix": _free_prefix(azure)}}
    ).result()
    vnet = network.virtual_networks.get(BASE, VNET)
    network.virtual_networks.update_tags(BASE, VNET, {"tags": {**vnet.tags, "cost-centre": "42"}})
    rule = {
        "properties": {
            "priority": 200,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "443",
        }
    }
    network.security_rules.begin_create_or_update(BASE, f"{BASE}-data", "guests", rule).result()
    changed = {"network": {"data_ports": [5432]}}
    report = run({**site, "tags": {"team": "ml"}}, changed)
    assert "properties.securityRules[allow-platform].properties.destinationPortRanges" in fields(report)
    vnet = network.virtual_networks.get(BASE, VNET)
    assert {subnet.name for subnet in vnet.properties.subnets} == {"nodes", "data", "endpoints", "guests"}
    assert (vnet.tags["cost-centre"], vnet.tags["team"]) == ("42", "ml")
    rules = network.network_security_groups.get(BASE, f"{BASE}-data").properties.security_rules
    assert "guests" in [item.name for item in rules]
    with pytest.raises(SpecError, match="subnets that the specification does not name: guests"):
        run(site, changed, state="absent")


def _free_prefix(azure: Subscription) -> str:
    """The spare eighth of the network's last quarter."""
    space = azure.network.virtual_networks.get(BASE, VNET).properties.address_space.address_prefixes[0]
    first, second = space.split(".")[:2]
    return f"{first}.{second}.248.0/24"


def test_counts_belong_to_the_autoscaler(site: dict[str, Any], sandbox: Sandbox, azure: Subscription) -> None:
    run(site)
    batch = azure.aks.agent_pools.get(BASE, BASE, "batch")
    batch.properties.count = 3
    azure.aks.agent_pools.begin_create_or_update(BASE, BASE, "batch", batch).result()
    assert acts(run(site)) == {}
    pools = [
        {"name": "general", "min_size": 2, "max_size": 4},
        {"name": "batch", "min_size": 0, "max_size": 5, "labels": {"tier": "batch"}},
    ]
    assert fields(run(site, {"cluster": {"node_pools": pools, "upgrade_channel": "rapid"}})) == {
        "properties.maxCount",
        "properties.autoUpgradeProfile.upgradeChannel",
    }
    assert azure.aks.agent_pools.get(BASE, BASE, "batch").properties.count == 3


# -- deliberate changes ------------------------------------------------------------------------------------------------


def test_high_availability_swaps_the_way_out(site: dict[str, Any], azure: Subscription) -> None:
    run(site)
    report = run(site, {"network": {"high_availability": True}})
    done = acts(report)
    assert done[f"azure.network.nat_gateway {BASE}-nat-v2"] == "create"
    assert done[f"azure.network.nat_gateway {BASE}-nat"] == "delete"
    assert done[f"azure.network.public_ip {BASE}-nat"] == "delete"
    assert "properties.natGateway.id" in fields(report)
    assert "properties.apiServerAccessProfile.authorizedIPRanges[1]" in fields(report)
    gateway = azure.network.nat_gateways.get(BASE, f"{BASE}-nat-v2")
    assert (gateway.sku.name, sorted(gateway.zones)) == ("StandardV2", ["1", "2", "3"])
    assert acts(run(site, {"network": {"high_availability": True}})) == {}


def test_versions_go_up_one_at_a_time_and_never_down(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    run(site, {"cluster": {"version": "1.32"}})
    mark = seen(sandbox)
    run(site, {"cluster": {"version": "1.34"}})
    puts = [item for item in writes(sandbox, mark) if item == "PUT Microsoft.ContainerService/managedClusters"]
    assert len(puts) == 2
    cluster = azure.aks.managed_clusters.get(BASE, BASE)
    assert cluster.properties.current_kubernetes_version.startswith("1.34.")
    pools = list(azure.aks.agent_pools.list(BASE, BASE))
    assert all(pool.properties.current_orchestrator_version.startswith("1.34.") for pool in pools)
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="never goes back"):
        run(site, {"cluster": {"version": "1.33"}})
    assert writes(sandbox, mark) == []


def test_a_protected_cluster_loses_a_pool_but_is_not_destroyed(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    protected: dict[str, Any] = {"cluster": {"deletion_protection": True}}
    run(site, protected)
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="deletion_protection: false"):
        run(site, protected, state="absent")
    assert writes(sandbox, mark) == []
    pools = [{"name": "general", "min_size": 2, "max_size": 4}, {"name": "batch", "state": "absent"}]
    report = run(site, {"cluster": {**protected["cluster"], "node_pools": pools}})
    assert acts(report) == {f"{POOL_LABEL} {BASE}/batch": "delete"}
    assert acts(run(site, {"cluster": {**protected["cluster"], "node_pools": pools}})) == {}  # the lock is back
    run(site, state="absent")
    assert everything(azure)["groups"] == ["NetworkWatcherRG"]


def test_access_that_is_no_longer_named_is_taken_back(site: dict[str, Any], azure: Subscription) -> None:
    cluster = f"{SUB}/resourceGroups/{BASE}/providers/Microsoft.ContainerService/managedClusters/{BASE}"

    def grants() -> list[str]:
        found = azure.roles.role_assignments.list_for_scope(cluster, filter="atScope()")
        return sorted(item.role_definition_id.rpartition("/")[2] for item in found if item.scope == cluster)

    allowed = {"cluster": {"access": [{"principal": CLIENT_OBJECT, "role": "edit"}], "deletion_protection": True}}
    run(site, allowed)
    own = ROLES["aks-rbac-cluster-admin"]  # whoever rolls out may look into the cluster
    assert grants() == sorted([ROLES["aks-rbac-writer"], ROLES["aks-cluster-user"], own])
    role = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{ROLES['aks-rbac-reader']}"
    body = {"properties": {"roleDefinitionId": role, "principalId": CLIENT_OBJECT}}
    azure.roles.role_assignments.create(cluster, "12121212-0000-0000-0000-000000000000", body)
    assert acts(run(site, allowed)) == {}
    report = run(site, {"cluster": {"deletion_protection": True}})
    assert acts(report) == {f"azure.authorization.access {BASE}": "delete"}
    assert grants() == sorted([ROLES["aks-rbac-reader"], own])  # somebody else's, and the caller's
    assert acts(run(site, {"cluster": {"deletion_protection": True}})) == {}  # the lock is back


def test_a_deleted_vault_is_recovered(site: dict[str, Any], azure: Subscription) -> None:
    protected = {"cluster": {"secrets_encryption": True, "deletion_protection": True}}
    run(site, protected)
    vault = next(iter(azure.vaults.vaults.list_by_resource_group(BASE)))
    assert vault.properties.enable_purge_protection
    run(site, {"cluster": {"secrets_encryption": True, "deletion_protection": False}})
    run(site, {"cluster": {"secrets_encryption": True, "deletion_protection": False}}, state="absent")
    assert vault.name in [item.name for item in azure.vaults.vaults.list_deleted()]
    run(site, protected)
    assert acts(run(site, protected)) == {}


def test_peerings_come_and_go(site: dict[str, Any], azure: Subscription) -> None:
    azure.make_group("office")
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["172.16.0.0/16"]}}}
    other = azure.network.virtual_networks.begin_create_or_update("office", "lan", body).result()
    peered = {"network": {"peerings": [{"name": "office", "network": other.id, "cidrs": ["172.16.0.0/16"]}]}}
    planned = run(site, peered, check=True)
    assert acts(run(site, peered)) == acts(planned)
    assert acts(run(site, peered)) == {}
    found = azure.network.virtual_network_peerings.get(BASE, VNET, "office")
    assert found.properties.allow_forwarded_traffic is True
    run(site, peered, state="absent")
    assert everything(azure)["groups"] == ["NetworkWatcherRG", "office"]


# -- data --------------------------------------------------------------------------------------------------------------


def upload(azure: Subscription, bucket: str, name: str) -> None:
    import requests

    found = azure.storage.storage_accounts.get_properties(DATA, account(azure, bucket))
    token = azure.credential.get_token("https://storage.azure.com/.default").token
    headers = {
        "Authorization": f"Bearer {token}",
        "x-ms-version": "2023-11-03",
        "x-ms-blob-type": "BlockBlob",
    }
    url = f"{found.properties.primary_endpoints.blob.rstrip('/')}/{bucket}/{name}"
    requests.put(url, data=b"weights", headers=headers, verify=azure.ca, timeout=30).raise_for_status()


def test_a_bucket_that_holds_something_is_kept_unless_forced(site: dict[str, Any], azure: Subscription) -> None:
    def buckets(**models: Any) -> dict[str, Any]:
        return {"object_store": {"buckets": [{"name": "models", **models}, {"name": "logs"}]}}

    run(site, buckets())
    upload(azure, "models", "weights/v1.bin")
    with pytest.raises(SpecError, match="is not empty"):
        run(site, buckets(), state="absent")
    with pytest.raises(SpecError, match="is not empty"):
        run(site, buckets(state="absent"))
    report = run(site, buckets(state="absent", force=True))
    assert set(acts(report).values()) == {"delete"}
    assert len(list(azure.storage.storage_accounts.list_by_resource_group(DATA))) == 1


def test_containers_of_others_keep_their_account(site: dict[str, Any], azure: Subscription) -> None:
    run(site)
    azure.storage.blob_containers.create(DATA, account(azure, "models"), "guests", {})
    with pytest.raises(SpecError, match="containers that the specification does not name: guests"):
        run(site, state="absent")


def test_buckets_of_one_account_must_agree(site: dict[str, Any], sandbox: Sandbox) -> None:
    shared = {"storage_account": "shared"}
    buckets: list[dict[str, Any]] = [{"name": "models", "azure": shared}, {"name": "logs", "azure": shared}]
    run(site, {"object_store": {"buckets": buckets}})
    buckets[1]["versioning"] = False
    buckets[1]["lifecycle_rules"] = []
    with pytest.raises(SpecError, match=r"buckets\.logs\.versioning: False differs from True.*azure\.storage_account"):
        run(site, {"object_store": {"buckets": buckets}})


# -- what speaks against it --------------------------------------------------------------------------------------------


def test_strangers_in_the_group_stop_its_deletion(site: dict[str, Any], sandbox: Sandbox, azure: Subscription) -> None:
    run(site)
    azure.network.public_ip_addresses.begin_create_or_update(
        BASE,
        "stranger",
        {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}},
    ).result()
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=r"Microsoft\.Network/publicIPAddresses stranger"):
        run(site, state="absent")
    assert writes(sandbox, mark) == []


def test_a_given_group_is_used_and_left(site: dict[str, Any], azure: Subscription) -> None:
    given = {"network": {"azure": {"resource_group": "corporate"}}}
    with pytest.raises(SpecError, match="corporate: the specification refers to it"):
        run(site, given)
    azure.make_group("corporate", owner="somebody")
    run(site, given)
    run(site, given, state="absent")
    group = azure.resources.resource_groups.get("corporate")
    assert group.tags == {"owner": "somebody"}
    assert list(azure.resources.resources.list_by_resource_group("corporate")) == []


def test_providers_are_registered_when_asked(site: dict[str, Any], azure: Subscription) -> None:
    for namespace in ("Microsoft.ContainerService", "Microsoft.Storage"):
        azure.resources.providers.unregister(namespace)
    with pytest.raises(SpecError, match=r"not registered with Microsoft\.ContainerService, Microsoft\.Storage"):
        run(site)
    asked = {**site, "enable_services": True}
    planned = run(asked, check=True)
    assert acts(planned)["azure.resources.provider Microsoft.Storage"] == "update"
    assert acts(run(asked)) == acts(planned)
    assert acts(run(asked)) == {}
    gone = run(asked, state="absent")
    assert not [key for key in acts(gone) if key.startswith("azure.resources.provider")]


@pytest.mark.parametrize(
    ("quotas", "changes", "problem"),
    [
        ({"network.PublicIPAddresses": 0}, {}, r"Public IP.*: 1 needed, 0 left of 0"),
        ({"compute.cores": 3}, {}, r"4 vCPUs needed, 3 left of 3"),
        ({"compute.lowPriorityCores": 1}, {"batch": 1}, r"2 vCPUs needed, 1 left of 1"),
        ({"containerservice.ManagedClusters": 0}, {}, r"Managed Clusters.*: 1 needed, 0 left of 0"),
    ],
)
def test_quotas_are_checked_before_anything_is_made(
    site: dict[str, Any], sandbox: Sandbox, quotas: dict[str, float], changes: dict[str, int], problem: str
) -> None:
    sandbox.set_quotas("azure", quotas)
    pools = [{"name": "general", "min_size": 2, "max_size": 4}]
    pools += [{"name": "batch", "min_size": changes["batch"], "max_size": 3}] if changes else []  # spot in dev
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=problem):
        run(site, {"cluster": {"node_pools": pools}})
    assert writes(sandbox, mark) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": "1.20"}, r"Kubernetes 1\.20 is not offered by AKS in westeurope"),
        ({"node_pools": [{"name": "general", "machine_types": ["Standard_Nope"]}]}, "Standard_Nope does not exist"),
        ({"node_pools": [{"name": "general", "spot": True}]}, "does not run those on spot machines"),
        ({"node_pools": [{"name": "gpu", "gpu": True}]}, "needs a pool for its own pods"),
        ({"maintenance_window": {"start_time": "02:00", "days": ["monday", "friday"]}}, "one day a week"),
        ({"log_retention_days": 7}, "30 to 730 days"),
        ({"encryption_key": "https://v.vault.azure.net/keys/k/1"}, r"Write it as /subscriptions/"),
        ({"endpoint": "private"}, "no effect on a private AKS endpoint"),
        ({"node_pools": [{"name": "a-b", "min_size": 1}, {"name": "ab"}]}, "would both be named 'ab'"),
    ],
)
def test_what_azure_cannot_do_is_said_before_anything_is_made(
    site: dict[str, Any], sandbox: Sandbox, changes: dict[str, Any], problem: str
) -> None:
    if "encryption_key" in changes:
        changes = {**changes, "secrets_encryption": True}
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=problem):
        run(site, {"cluster": changes})
    assert writes(sandbox, mark) == []


def test_another_subscription_is_refused_with_both_named(site: dict[str, Any]) -> None:
    for account_id in ("99999999-9999-9999-9999-999999999999", FOREIGN_SUBSCRIPTION):
        with pytest.raises(SpecError, match=f"{account_id}.*{AZURE_SUBSCRIPTION}") as caught:
            run({**site, "account": account_id})
        assert "nothing was touched" in str(caught.value)


def test_wrong_credentials_are_no_mystery(site: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    with pytest.raises(AuthError, match="AADSTS7000215"):
        run({**site, "credentials": {"source": "environment"}})


def test_a_taken_account_name_is_noticed_by_the_plan(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    name = names.globally_unique(build(Site, site), "models", limit=24, separator="")
    assert re.fullmatch(r"[a-z0-9]{3,24}", name)
    azure.make_group("elsewhere")
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    azure.storage.storage_accounts.begin_create("elsewhere", name, body).result()
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=rf"azure\.storage\.account {name}: the name cannot be used"):
        run(site, check=True)
    assert writes(sandbox, mark) == []


def test_a_name_that_no_container_can_have_is_refused(site: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"object_store\.buckets\.x.*no name of a container"):
        run(site, {"object_store": {"buckets": [{"name": "x"}]}})
