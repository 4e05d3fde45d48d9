"""Caches of a site on Azure: their whole lives, their keys, what they can become and what is refused."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import redis
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from module_utils._azure.kinds_cache import CacheDatabase
from module_utils._azure.secrets import KeyVault
from module_utils._engine.errors import SpecError
from module_utils._engine.report import Report

from sandbox.engines import engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.azure_stores import BASE, acts, carry_out, fields, run, seen, writes
from tests.sandbox.azure_support import Subscription


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


SESSIONS: dict[str, Any] = {
    "network": {"addresses": sites.SLOTS},
    "secret_store": {},
    "cache": {"instances": [{"name": "sessions", "eviction_policy": "allkeys-lru"}]},
}


def with_cache(**options: Any) -> dict[str, Any]:
    return {**SESSIONS, "cache": {"instances": [{**SESSIONS["cache"]["instances"][0], **options}]}}


def caches(azure: Subscription) -> Any:
    return azure.client(RedisEnterpriseManagementClient, api_version="2025-07-01")


def the_cache(azure: Subscription) -> Any:
    (found,) = caches(azure).redis_enterprise.list_by_resource_group(BASE)
    return found


def keys(azure: Subscription) -> Any:
    return caches(azure).databases.list_keys(BASE, the_cache(azure).name, "default")


def kept(azure: Subscription, report: Report) -> str:
    """The key that the secret store holds, read by the reference that the report gives."""
    reference = report.outputs["cache"]["instances"]["sessions"]["secret"]
    vault, _, name = reference.partition("/secrets/")
    path = f"{vault.removeprefix(azure.url)}/secrets/{name}"
    return str(azure.send("GET", path, version="7.4").json()["value"])


def test_a_cache_lives(site: dict[str, Any], sandbox: Sandbox, azure: Subscription) -> None:
    planned = run(site, SESSIONS, check=True)
    made = run(site, SESSIONS)
    assert acts(made) == acts(planned)
    cluster = the_cache(azure)
    assert (cluster.public_network_access, cluster.minimum_tls_version) == ("Disabled", "1.2")
    database = caches(azure).databases.get(BASE, cluster.name, "default")
    assert (database.client_protocol, database.eviction_policy) == ("Encrypted", "AllKeysLRU")
    shown = made.outputs["cache"]["instances"]["sessions"]
    assert shown.keys() == {"id", "host", "port", "reader_host", "tls", "certificate_authority", "secret"}
    assert (shown["host"], shown["port"], shown["tls"]) == (cluster.host_name, 10000, True)
    assert kept(azure, made) == keys(azure).primary_key
    zone = "privatelink.redis.azure.net"
    names = [item.name for item in azure.dns.record_sets.list_by_type(BASE, zone, "A")]
    assert names == [f"{cluster.name}.westeurope"]

    mark = seen(sandbox)
    again = run(site, SESSIONS, find_orphans=True)
    assert (acts(again), again.orphans, writes(sandbox, mark)) == ({}, [], [])

    caches(azure).databases.begin_update(
        BASE, cluster.name, "default", {"properties": {"evictionPolicy": "NoEviction"}}
    ).result()
    assert fields(run(site, SESSIONS)) == {"properties.evictionPolicy"}

    gone = run(site, SESSIONS, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert [item.name for item in azure.resources.resource_groups.list() if item.name.startswith(BASE)] == []


def connect(host: str, key: str, azure: Subscription) -> redis.Redis:
    return redis.Redis(host=host, port=10000, password=key, ssl=True, ssl_ca_certs=azure.ca)


def test_keys_are_renewed_in_turns_and_the_one_in_use_stays_valid(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    made = run(site, SESSIONS)
    host = made.outputs["cache"]["instances"]["sessions"]["host"]
    first = keys(azure)
    seen_values = [kept(azure, made)]
    assert seen_values == [first.primary_key]

    planned = run(site, with_cache(rotate=True), check=True)
    assert set(acts(planned)) == {"azure.cache.access_key sessions"}
    assert kept(azure, made) == first.primary_key
    assert acts(run(site, with_cache(rotate=True))) == acts(planned)
    second = keys(azure)
    assert kept(azure, made) == second.secondary_key != first.secondary_key
    assert second.primary_key == first.primary_key  # whoever read the store before still gets in
    if engine_available("redis"):
        for key in (first.primary_key, second.secondary_key):
            assert connect(host, key, azure).ping()

    report = run(site, with_cache(rotate=True))
    third = keys(azure)
    assert kept(azure, made) == third.primary_key != first.primary_key
    assert third.secondary_key == second.secondary_key
    assert acts(run(site, SESSIONS)) == {}
    shown = json.dumps([report.as_dict(), made.as_dict()], default=str)
    for each in (first, second, third):
        assert each.primary_key not in shown
        assert each.secondary_key not in shown


@pytest.mark.skipif(not engine_available("redis"), reason="no Redis on this machine")
def test_a_client_that_keeps_connecting_is_never_refused(site: dict[str, Any], azure: Subscription) -> None:
    made = run(site, SESSIONS)
    host = made.outputs["cache"]["instances"]["sessions"]["host"]
    over, done, failures = threading.Event(), [0], []

    def client() -> None:
        """Reads the store, connects anew, works; and so on. An old connection is used as well."""
        lasting = connect(host, kept(azure, made), azure)
        while not over.is_set():
            try:
                fresh = connect(host, kept(azure, made), azure)
                fresh.incr("visits")
                fresh.close()
                lasting.ping()
                done[0] += 1
            except redis.RedisError as error:
                failures.append(repr(error))

    thread = threading.Thread(target=client)
    thread.start()
    try:
        run(site, with_cache(rotate=True))
        during = done[0]
    finally:
        while not failures and done[0] < 10:
            over.wait(0.05)
        over.set()
        thread.join()
    assert failures == []
    assert during > 0


@pytest.mark.parametrize("step", ["regenerate", "store", "promote"])
def test_a_rotation_that_dies_is_finished_and_loses_no_key(
    site: dict[str, Any], azure: Subscription, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    made = run(site, SESSIONS)
    target = {
        "regenerate": (CacheDatabase, "poll"),  # renewed at the service, and nobody knows
        "store": (KeyVault, "put_pending"),
        "promote": (KeyVault, "promote"),
    }[step]

    def die(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*target, die)
        with pytest.raises(Killed):
            carry_out(site, with_cache(rotate=True))
    assert kept(azure, made) in (keys(azure).primary_key, keys(azure).secondary_key)
    run(site, with_cache(rotate=True))
    assert kept(azure, made) in (keys(azure).primary_key, keys(azure).secondary_key)
    assert acts(run(site, SESSIONS)) == {}


def test_a_cache_that_is_made_again_has_its_own_key_in_the_store(site: dict[str, Any], azure: Subscription) -> None:
    made = run(site, SESSIONS)
    old = kept(azure, made)
    name = the_cache(azure).name
    caches(azure).databases.begin_delete(BASE, name, "default").result()

    run(site, SESSIONS)

    assert kept(azure, made) == keys(azure).primary_key != old


def test_what_azure_managed_redis_can_become(site: dict[str, Any], azure: Subscription) -> None:
    run(site, with_cache(high_availability=False))
    larger = run(site, with_cache(size="medium", high_availability=False), check=True)
    (entry,) = [each for each in larger.entries if each.kind == "azure.cache.cluster"]
    assert entry.disruptive
    assert "loses all its data" in entry.note
    run(site, with_cache(size="medium", high_availability=True, persistence="snapshots"))
    assert the_cache(azure).sku.name == "Balanced_B5"
    database = caches(azure).databases.get(BASE, the_cache(azure).name, "default")
    assert (database.persistence.rdb_enabled, database.persistence.rdb_frequency) == (True, "1h")
    run(site, with_cache(size="medium", high_availability=True, persistence="append_only"))
    database = caches(azure).databases.get(BASE, the_cache(azure).name, "default")
    assert (database.persistence.rdb_enabled, database.persistence.aof_enabled) == (False, True)

    with pytest.raises(SpecError, match=r"cannot be scaled to Balanced_B1\. From here Azure offers .*Balanced_B10"):
        carry_out(site, with_cache(size="small", high_availability=True))
    with pytest.raises(SpecError, match="switched on, but not off again"):
        carry_out(site, with_cache(size="medium", high_availability=False))


def test_production_is_scaled_only_when_disruption_is_allowed(site: dict[str, Any], azure: Subscription) -> None:
    production = {**site, "environment": "prod", "site": "azure-dev"}
    run(production, SESSIONS)
    with pytest.raises(SpecError, match="allow_disruption: true"):
        carry_out(production, with_cache(size="medium"))
    run(production, with_cache(size="medium"), allow_disruption=True)
    assert the_cache(azure).sku.name == "Balanced_B5"


def test_a_cache_is_encrypted_with_a_key_of_the_site(site: dict[str, Any], azure: Subscription) -> None:
    run(site, with_cache(encryption="customer"))
    encryption = the_cache(azure).encryption.customer_managed_key_encryption
    assert "/keys/caches/" in encryption.key_encryption_key_url
    assert acts(run(site, with_cache(encryption="customer"), find_orphans=True)) == {}
    gone = run(site, with_cache(encryption="customer"), state="absent", find_orphans=True)
    assert gone.orphans == []


def test_one_cache_of_two_goes(site: dict[str, Any], azure: Subscription) -> None:
    both = {"instances": [{"name": "sessions"}, {"name": "features"}]}
    run(site, {**SESSIONS, "cache": both})
    assert len(list(caches(azure).redis_enterprise.list_by_resource_group(BASE))) == 2
    both["instances"][1]["state"] = "absent"
    report = run(site, {**SESSIONS, "cache": both}, find_orphans=True)
    assert report.orphans == []
    assert "-sessions-" in the_cache(azure).name
    assert acts(run(site, {**SESSIONS, "cache": both})) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "valkey"}, "has no Valkey"),
        ({"version": "7.4"}, "chooses its version itself"),
        ({"maintenance_window": {"start_time": "02:00", "days": ["sunday"]}}, "takes no maintenance window"),
        ({"persistence": "snapshots", "snapshot_retention_days": 3}, "keeps only its newest snapshot"),
        ({"final_snapshot": True}, "takes no snapshot when it is deleted"),
        ({"azure": {"sku": "Premium_P1"}}, "Azure Cache for Redis, which is being retired"),
        ({"azure": {"sku": "Enterprise_E10"}}, "Azure Cache for Redis, which is being retired"),
        ({"azure": {"sku": "cache.t4g.small"}}, "no size of Azure Managed Redis"),
    ],
)
def test_what_azure_managed_redis_cannot_do_is_refused(
    site: dict[str, Any], sandbox: Sandbox, options: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=words):
        carry_out(site, with_cache(**options))
    assert sandbox.journal("azure", mark) == []


def test_caches_come_and_go_beside_a_network_and_a_store_that_are_left_alone(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    beside = {"network": SESSIONS["network"], "secret_store": {}}
    others = ("network", "secret_store")
    run(site, beside)
    before = {item.id for item in azure.resources.resources.list()}
    made = run(site, SESSIONS, refers=others)
    assert kept(azure, made) == keys(azure).primary_key
    mark = seen(sandbox)
    assert acts(run(site, SESSIONS, refers=others)) == {}
    assert writes(sandbox, mark) == []
    run(site, with_cache(rotate=True), refers=others)
    assert kept(azure, made) == keys(azure).secondary_key
    run(site, SESSIONS, refers=others, state="absent")
    assert {item.id for item in azure.resources.resources.list()} == before
    assert acts(run(site, beside)) == {}
    again = run(site, SESSIONS, refers=others)  # the deleted secret comes back with what it held, and is overwritten
    assert kept(azure, again) == keys(azure).primary_key


def test_a_cache_beside_a_subnet_that_exists(site: dict[str, Any], azure: Subscription) -> None:
    azure.make_group()
    azure.make_vnet(nodes="10.1.1.0/24")
    subnet = f"{azure.group_id}/providers/Microsoft.Network/virtualNetworks/net/subnets/nodes"
    own = {**SESSIONS, "network": {"azure": {"existing_subnet_id": subnet}}}
    run(site, own)
    (endpoint,) = azure.network.private_endpoints.list(BASE)
    assert endpoint.properties.subnet.id == subnet
    assert [item.name for item in azure.dns.virtual_network_links.list(BASE, "privatelink.redis.azure.net")] == ["net"]
    assert acts(run(site, own, find_orphans=True)) == {}
    assert run(site, own, state="absent", find_orphans=True).orphans == []
    assert [item.name for item in azure.network.virtual_networks.list_all()] == ["net"]


def test_an_endpoint_that_the_service_no_longer_knows_is_made_again(site: dict[str, Any], azure: Subscription) -> None:
    run(site, SESSIONS)
    caches(azure).redis_enterprise.begin_delete(BASE, the_cache(azure).name).result()
    with pytest.raises(SpecError, match="allow_replace"):
        carry_out(site, SESSIONS)
    report = run(site, SESSIONS, allow_replace=True)
    assert acts(report)["azure.network.private_endpoint ml-platform-azure-dev-sessions-cache"] == "replace"
    (endpoint,) = azure.network.private_endpoints.list(BASE)
    (connection,) = endpoint.properties.private_link_service_connections
    assert connection.properties.private_link_service_connection_state.status == "Approved"
    assert kept(azure, report) == keys(azure).primary_key
    assert acts(run(site, SESSIONS)) == {}


def test_a_provider_that_is_not_registered_is_named(site: dict[str, Any], azure: Subscription) -> None:
    with pytest.raises(SpecError, match=r"not registered with Microsoft\.Cache"):
        carry_out({**site, "enable_services": False}, SESSIONS)
    assert [item.name for item in azure.resources.resource_groups.list() if item.name.startswith(BASE)] == []


def test_a_network_without_the_zone_of_caches_is_refused(site: dict[str, Any]) -> None:
    network = {**SESSIONS["network"], "azure": {"private_dns_zones": ["platform.internal"]}}
    with pytest.raises(SpecError, match=r"private_dns_zones: .* privatelink\.redis\.azure\.net"):
        carry_out(site, {**SESSIONS, "network": network})


def test_a_run_without_changes_costs_few_calls_and_reads_no_secret(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site, SESSIONS)
    mark = seen(sandbox)
    report = run(site, SESSIONS)
    calls = [entry["operation"] for entry in sandbox.journal("azure", mark)]
    assert len(calls) <= len(report.entries) * 1.05, calls
    assert not [call for call in calls if "listKeys" in call]
    values = [entry["path"] for entry in sandbox.journal("azure", mark) if "/secrets/" in entry["path"]]
    assert values == []
