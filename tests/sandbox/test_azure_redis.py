"""Azure Managed Redis: clusters, their database, keys, export and import."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from azure.core.exceptions import HttpResponseError
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from azure.storage.blob import generate_container_sas

from sandbox.engines import engine_available
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

API = "2025-07-01"
KEYS = {"accessKeysAuthentication": "Enabled", "clusteringPolicy": "EnterpriseCluster"}
needs_engine = pytest.mark.skipif(not engine_available("redis"), reason="no Redis on this machine")


@pytest.fixture
def client(azure: Subscription) -> Any:
    azure.make_group()
    azure.resources.providers.register("Microsoft.Cache")
    return azure.client(RedisEnterpriseManagementClient, api_version=API)


def cluster(sku: str = "Balanced_B1", **properties: Any) -> dict[str, Any]:
    available = {"highAvailability": "Enabled", "minimumTlsVersion": "1.2", "publicNetworkAccess": "Enabled"}
    return {"location": LOCATION, "sku": {"name": sku}, "properties": {**available, **properties}}


def make(client: Any, name: str = "cache", **properties: Any) -> Any:
    client.redis_enterprise.begin_create(GROUP, name, cluster()).result()
    body = {"properties": {**KEYS, **properties}}
    return client.databases.begin_create(GROUP, name, "default", body).result()


def test_a_cluster_and_its_database(client: Any) -> None:
    made = make(client, evictionPolicy="NoEviction")

    assert (made.port, made.client_protocol, made.eviction_policy) == (10000, "Encrypted", "NoEviction")
    found = client.redis_enterprise.get(GROUP, "cache")
    assert (found.location, found.kind, found.redundancy_mode) == ("West Europe", "v2", "ZR")
    assert (found.provisioning_state, found.resource_state) == ("Succeeded", "Running")
    assert [item.name for item in client.databases.list_by_cluster(GROUP, "cache")] == ["default"]


def test_a_database_waits_for_its_cluster(azure: Subscription, client: Any) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    path = f"{azure.group_id}/providers/Microsoft.Cache/redisEnterprise/cache"
    answer = azure.send("PUT", path, cluster(), version=API)

    assert (answer.status_code, answer.json()["properties"]["resourceState"]) == (201, "Creating")
    early = azure.send("PUT", f"{path}/databases/default", {"properties": {}}, version=API)
    assert early.status_code == 409
    again = azure.send("PATCH", path, {"tags": {"a": "b"}}, version=API)
    assert again.status_code == 409
    azure.sandbox.advance("azure", 400)
    assert azure.send("PUT", f"{path}/databases/default", {"properties": {}}, version=API).status_code == 201
    azure.sandbox.advance("azure", 60)
    deleting = azure.send("DELETE", path, version=API)
    assert (deleting.status_code, deleting.json()["properties"]["provisioningState"]) == (202, "Deleting")


def test_keys_are_listed_and_replaced(client: Any) -> None:
    make(client)
    first = client.databases.list_keys(GROUP, "cache", "default")

    client.databases.begin_regenerate_key(GROUP, "cache", "default", {"keyType": "Primary"}).result()

    second = client.databases.list_keys(GROUP, "cache", "default")
    assert first.primary_key != second.primary_key
    assert first.secondary_key == second.secondary_key


def test_without_access_keys_there_is_nothing_to_list(client: Any) -> None:
    make(client, accessKeysAuthentication="Disabled")

    with pytest.raises(HttpResponseError) as caught:
        client.databases.list_keys(GROUP, "cache", "default")

    assert code_of(caught) == (400, "BadRequest")


@pytest.mark.parametrize("change", [{"clusteringPolicy": "OSSCluster"}, {"clientProtocol": "Plaintext"}])
def test_what_a_database_cannot_become(client: Any, change: dict[str, Any]) -> None:
    make(client)

    with pytest.raises(HttpResponseError) as caught:
        client.databases.begin_update(GROUP, "cache", "default", {"properties": change})

    assert caught.value.status_code == 400


def test_clusters_grow_and_never_shrink(client: Any) -> None:
    make(client)

    client.redis_enterprise.begin_update(GROUP, "cache", {"sku": {"name": "Balanced_B3"}}).result()
    assert client.redis_enterprise.get(GROUP, "cache").sku.name == "Balanced_B3"
    with pytest.raises(HttpResponseError) as caught:
        client.redis_enterprise.begin_update(GROUP, "cache", {"sku": {"name": "Balanced_B0"}})
    assert code_of(caught)[1] == "ScaleDownNotAllowed"
    with pytest.raises(HttpResponseError):
        client.redis_enterprise.begin_update(GROUP, "cache", {"properties": {"highAvailability": "Disabled"}})


def test_an_empty_object_takes_a_customer_key_away(client: Any) -> None:
    key = {
        "keyEncryptionKeyUrl": "https://vault.vault.azure.net/keys/caches/0123456789abcdef0123456789abcdef",
        "keyEncryptionKeyIdentity": {"identityType": "userAssignedIdentity"},
    }
    make(client)
    clusters = client.redis_enterprise
    secured = {"properties": {"encryption": {"customerManagedKeyEncryption": key}}}
    clusters.begin_update(GROUP, "cache", secured).result()
    found = clusters.get(GROUP, "cache").encryption.customer_managed_key_encryption
    assert found.key_encryption_key_url == key["keyEncryptionKeyUrl"]

    clusters.begin_update(GROUP, "cache", {"properties": {"encryption": {"customerManagedKeyEncryption": {}}}}).result()

    assert clusters.get(GROUP, "cache").encryption.customer_managed_key_encryption is None


def test_the_sizes_to_scale_to_are_listed(client: Any) -> None:
    make(client)

    offered = [item.name for item in client.redis_enterprise.list_skus_for_scaling(GROUP, "cache").skus]

    assert {"Balanced_B3", "MemoryOptimized_M10", "ComputeOptimized_X3"} <= set(offered)
    assert not {"Balanced_B0", "Balanced_B1"} & set(offered)


def test_a_private_endpoint_writes_the_name_with_its_region(azure: Subscription, client: Any) -> None:
    made = client.redis_enterprise.begin_create(GROUP, "cache", cluster()).result()
    azure.make_vnet(data="10.1.1.0/24")
    zone = azure.dns.private_zones.begin_create_or_update(GROUP, "privatelink.redis.azure.net", {"location": "global"})
    connection = {"name": "cache", "properties": {"privateLinkServiceId": made.id, "groupIds": ["redisEnterprise"]}}
    subnet = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net/subnets/data"
    body = {
        "location": LOCATION,
        "properties": {"subnet": {"id": subnet}, "privateLinkServiceConnections": [connection]},
    }
    azure.network.private_endpoints.begin_create_or_update(GROUP, "cache", body).result()
    config = {"name": "cache", "properties": {"privateDnsZoneId": zone.result().id}}
    groups = azure.network.private_dns_zone_groups
    groups.begin_create_or_update(
        GROUP, "cache", "default", {"properties": {"privateDnsZoneConfigs": [config]}}
    ).result()

    names = [item.name for item in azure.dns.record_sets.list_by_type(GROUP, "privatelink.redis.azure.net", "A")]
    assert names == ["cache.westeurope"]


@needs_engine
def test_a_cluster_keeps_its_host(client: Any) -> None:
    before = client.redis_enterprise.begin_create(GROUP, "cache", cluster()).result().host_name
    client.databases.begin_create(GROUP, "cache", "default", {"properties": KEYS}).result()

    assert client.redis_enterprise.get(GROUP, "cache").host_name == before
    assert before.startswith("127.")


def test_sizes_of_the_former_generation_are_refused(client: Any) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.redis_enterprise.begin_create(GROUP, "cache", cluster("Enterprise_E10"))

    assert code_of(caught) == (400, "SkuNotAvailable")


def connect(azure: Subscription, client: Any, name: str = "cache") -> Any:
    host = client.redis_enterprise.get(GROUP, name).host_name
    key = client.databases.list_keys(GROUP, name, "default").primary_key
    return redis.Redis(host=host, port=10000, password=key, ssl=True, ssl_ca_certs=azure.ca)


@needs_engine
def test_values_are_there_and_an_old_key_opens_no_more(azure: Subscription, client: Any) -> None:
    make(client)
    old = connect(azure, client)
    old.set("a", "1")

    client.databases.begin_regenerate_key(GROUP, "cache", "default", {"keyType": "Primary"}).result()

    assert connect(azure, client).get("a") == b"1"
    old.connection_pool.disconnect()
    with pytest.raises(redis.exceptions.AuthenticationError):
        old.get("a")


@needs_engine
def test_an_export_is_imported_elsewhere(azure: Subscription, client: Any) -> None:
    account = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    azure.storage.storage_accounts.begin_create(GROUP, "cachebackups", account).result()
    azure.storage.blob_containers.create(GROUP, "cachebackups", "exports", {})
    container = f"{azure.url}/blob/cachebackups/exports"
    make(client)
    connect(azure, client).set("kept", "7")

    key = azure.storage.storage_accounts.list_keys(GROUP, "cachebackups").keys_property[0].value
    until = datetime.now(UTC) + timedelta(hours=2)

    def signed(permission: str, with_key: str = key, expiry: datetime = until) -> str:
        return generate_container_sas("cachebackups", "exports", with_key, permission=permission, expiry=expiry)

    other = azure.storage.storage_accounts.list_keys(GROUP, "cachebackups").keys_property[1].value
    past = datetime.now(UTC) - timedelta(hours=2)
    for query in ("", "sig=x", signed("r"), signed("racwdl", expiry=past), signed("racwdl")[:-4] + "%3D"):
        with pytest.raises(HttpResponseError) as caught:
            client.databases.begin_export(GROUP, "cache", "default", {"sasUri": f"{container}?{query}"})
        assert code_of(caught) == (400, "BadRequest")
    client.databases.begin_export(GROUP, "cache", "default", {"sasUri": f"{container}?{signed('racwdl')}"}).result()

    listed = azure.send("GET", "/blob/cachebackups/exports?comp=list", version=None, **{"x-ms-version": "2023-11-03"})
    name = listed.text.partition("<Name>")[2].partition("</Name>")[0]
    assert name.startswith("cache_")
    make(client, "other")
    source = {"sasUris": [f"{container}/{name}?{signed('r', other)}"]}
    client.databases.begin_import_method(GROUP, "other", "default", source).result()
    assert connect(azure, client, "other").get("kept") == b"7"
    client.databases.begin_flush(GROUP, "cache", "default").result()
    assert connect(azure, client).get("kept") is None
