"""What portable caches and registries become on Azure. No I/O."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from module_utils._azure import offers
from module_utils._azure.cache_backups import container_name
from module_utils._azure.driver import AzureDriver
from module_utils._azure.kinds_cache import CacheCluster
from module_utils._azure.kinds_endpoints import PrivateEndpoint, interface_of
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import plan
from module_utils._engine.resource import Observed, Recovery, Status
from module_utils._spec.cache import AzureCache, Cache, CacheInstance
from module_utils._spec.network import Network
from module_utils._spec.registry import AzureRegistry, Registry, Repository
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site

SITE = Site("azure", "westeurope", "ml-platform", "00000000-0000-0000-0000-00000000bbbb")
PROD = dataclasses.replace(SITE, environment="prod")
VAULT = "/subscriptions/s/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/kept"


def driver(site: Site = SITE) -> AzureDriver:
    return AzureDriver(site, SystemClock())


def registry(site: Site = SITE, **options: Any) -> Any:
    return driver(site).registry(Registry(**options).resolve(site), None)


def caches(*instances: CacheInstance, site: Site = SITE) -> Any:
    made = driver(site)
    net = Network(addresses={site.name: "1"}).resolve(site)
    secrets = made.secret_store(SecretStore().resolve(site))
    return made.cache(Cache(instances).resolve(site), net, made.network(net), secrets)


def cache(site: Site = SITE, **options: Any) -> Any:
    return caches(CacheInstance("sessions", **options), site=site)


def one(built: Any, kind: str, name: str = "") -> Any:
    found = [item for item in built.resources if item.kind == kind and name in item.name and item.present]
    assert len(found) == 1, [item.key for item in found]
    return found[0]


# -- registry ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "tier"),
    [
        ({}, "Premium"),  # untagged images expire
        ({"untagged_expire_days": 0}, "Basic"),
        ({"untagged_expire_days": 0, "encryption": "customer"}, "Premium"),
        ({"untagged_expire_days": 0, "azure": AzureRegistry(sku="Standard")}, "Standard"),
    ],
)
def test_the_cheapest_tier_that_can_do_what_is_asked(options: dict[str, Any], tier: str) -> None:
    assert one(registry(**options), "azure.registry.registry").desired()["sku"] == {"name": tier}


def test_a_registry_is_named_for_the_whole_world_and_closed_to_passwords() -> None:
    made = one(registry(), "azure.registry.registry")
    other = one(
        registry(dataclasses.replace(SITE, account="00000000-0000-0000-0000-00000000cccc")), "azure.registry.registry"
    )
    assert made.name.isalnum()
    assert made.name != other.name
    assert 5 <= len(made.name) <= 50
    properties = made.desired()["properties"]
    assert (properties["adminUserEnabled"], properties["anonymousPullEnabled"]) == (False, False)


def test_a_key_of_ones_own_is_used_and_its_vault_left_alone() -> None:
    built = registry(encryption="customer", azure=AzureRegistry(key_vault_key_id=f"{VAULT}/keys/images"))
    vaults = [item for item in built.resources if item.kind == "azure.keyvault.vault"]
    assert [(item.path, item.managed) for item in vaults] == [(VAULT, False)]


def test_repositories_are_objects_only_where_they_shall_go() -> None:
    built = registry(repositories=(Repository("kept"), Repository("gone", state="absent", force=True)))
    found = [item for item in built.resources if item.kind == "azure.registry.repository"]
    assert [(item.repository, item.present, item.force) for item in found] == [("gone", False, True)]
    assert one(built, "azure.registry.registry").forced == {"gone"}


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_what_azure_has_no_setting_for_is_on_elsewhere(cloud: Any) -> None:
    account = "123456789012" if cloud == "aws" else "project"
    resolved = Registry().resolve(Site(cloud, "region", "ml-platform", account))
    assert (resolved.immutable_tags, resolved.scan_on_push) == (cloud != "azure", cloud != "azure")


# -- cache -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", [SITE, PROD], ids=["dev", "prod"])
def test_a_cache_is_private_encrypted_and_as_available_as_its_environment(site: Site) -> None:
    built = cache(site)
    body = one(built, "azure.cache.cluster").desired()
    expected = "Enabled" if site.environment == "prod" else "Disabled"
    assert body["properties"]["highAvailability"] == expected
    assert body["properties"]["publicNetworkAccess"] == "Disabled"
    database = one(built, "azure.cache.database").desired()["properties"]
    assert (database["clientProtocol"], database["accessKeysAuthentication"]) == ("Encrypted", "Enabled")
    assert database["evictionPolicy"] is None, "what is not asked for is left alone"
    for item in built.resources:
        if item.kind == "azure.keyvault.vault":
            continue  # its body asks for the tenant
        assert item.fields.unclassified(item.desired()) == [], item.key


def test_snapshots_ask_for_no_days_on_azure() -> None:
    built = cache(persistence="snapshots")
    persistence = one(built, "azure.cache.database").desired()["properties"]["persistence"]
    assert persistence == {"rdbEnabled": True, "rdbFrequency": "1h", "aofEnabled": False}


def test_caches_with_keys_of_their_own_share_one_vault() -> None:
    built = caches(
        CacheInstance("one", encryption="customer"),
        CacheInstance("two", encryption="customer"),
        CacheInstance("three", encryption="customer", azure=AzureCache(key_vault_key_id=f"{VAULT}/keys/third")),
    )
    vaults = [item for item in built.resources if item.kind == "azure.keyvault.vault" and item.present]
    assert [item.managed for item in vaults] == [True, False]
    grants = [item for item in built.resources if item.kind == "azure.authorization.role_assignment" and item.present]
    assert len(grants) == 3


@pytest.mark.parametrize(("available", "words"), [("Enabled", "fails the cache over"), ("Disabled", "loses all")])
def test_what_scaling_costs_is_said(available: str, words: str) -> None:
    cluster: CacheCluster = one(cache(size="medium"), "azure.cache.cluster")
    raw = {"sku": {"name": "Balanced_B1"}, "properties": {"highAvailability": available}}
    observed = Observed(raw, raw=raw)
    assert words in cluster.disruption(observed, plan({"sku": {"name": "Balanced_B5"}}, raw, cluster.fields))
    assert cluster.disruption(observed, plan({"tags": {"a": "b"}}, raw, cluster.fields)) == ""


def test_caches_and_labels_that_read_alike_are_kept_apart() -> None:
    names = {container_name("a", "b-c"), container_name("a-b", "c"), container_name("a" * 30, "b" * 40)}
    assert len(names) == 3
    assert all(3 <= len(name) <= 63 and "--" not in name for name in names)


@pytest.mark.parametrize(
    ("size", "words"), [("P1", "being retired"), ("Standard_C1", "being retired"), ("B5", "no size")]
)
def test_other_sizes_are_refused(size: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        cache(azure=AzureCache(sku=size))


# -- endpoints and offers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Approved", Status.READY),
        ("Pending", Status.PENDING),
        ("Disconnected", Status.FAILED),
        ("Rejected", Status.FAILED),
    ],
)
def test_an_endpoint_is_ready_when_its_service_knows_it(state: str, status: Status) -> None:
    endpoint: PrivateEndpoint = one(cache(), "azure.network.private_endpoint")
    told = {"status": state, "description": "as it is"}
    connections = [{"name": "cache", "properties": {"privateLinkServiceConnectionState": told}}]
    raw = {"properties": {"provisioningState": "Succeeded", "privateLinkServiceConnections": connections}}
    observed = endpoint.observe(raw)
    assert observed.status is status
    assert observed.recovery is (Recovery.RECREATE if status is Status.FAILED else Recovery.UPDATE)


def test_the_interface_of_an_endpoint_is_known() -> None:
    endpoint = one(cache(), "azure.network.private_endpoint")
    name = endpoint.desired()["properties"]["customNetworkInterfaceName"]
    assert interface_of(endpoint.path).endswith(f"/providers/Microsoft.Network/networkInterfaces/{name}")
    assert endpoint.session.announced(interface_of(endpoint.path))


class Told:
    """A session that knows one provider."""

    site = SITE
    subscription = "/subscriptions/s"

    def __init__(self, *places: str) -> None:
        self.places = places

    def once(self, key: str, ask: Any) -> Any:
        assert key.startswith("/subscriptions/s/providers/")
        return {"resourceTypes": [{"resourceType": "RedisEnterprise", "locations": list(self.places)}]}


@pytest.mark.parametrize(
    ("places", "refused"), [(("West Europe", "East US"), False), (("East US",), True), ((), False)]
)
def test_a_region_without_the_service_is_told(places: tuple[str, ...], refused: bool) -> None:
    cluster = one(cache(), "azure.cache.cluster")
    problems = offers.unoffered(Told(*places), [cluster])  # type: ignore[arg-type]
    expected = ["Microsoft.Cache/redisEnterprise is not offered in westeurope. Azure offers it in East US."]
    assert problems == (expected if refused else [])
