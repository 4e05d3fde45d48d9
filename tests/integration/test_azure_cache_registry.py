"""Cache and registry of a site on Azure: their whole lives, seen by Microsoft's own clients."""

from __future__ import annotations

from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import Wanted, execute
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.cluster import Cluster
from module_utils._spec.network import Network
from module_utils._spec.registry import Registry
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site

from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.sandbox.azure_support import Subscription

BASE = "ml-platform-azure-dev"
IMAGES = f"{BASE}-registry"
CLASSES: dict[str, type] = {
    "network": Network,
    "secret_store": SecretStore,
    "cluster": Cluster,
    "cache": Cache,
    "registry": Registry,
}


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


def carry_out(site: dict[str, Any], capabilities: dict[str, Any], **options: Any) -> Report:
    parts: dict[str, Any] = {name: build(CLASSES[name], part) for name, part in capabilities.items()}
    given = {"enable_services": True, **site}
    return execute(Wanted(build(Site, given), **parts), sites.options(**options))


def run(site: dict[str, Any], capabilities: dict[str, Any], **options: Any) -> Report:
    report = carry_out(site, capabilities, **options)
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {f"{each.kind} {each.name}": each.action.value for each in report.entries if each.action is not Action.NONE}


def fields(report: Report) -> set[str]:
    return {change.path for each in report.entries for change in each.changes if each.action is Action.UPDATE}


def writes(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("azure", since) if entry["write"]]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("azure")
    return int(entries[-1]["seq"]) if entries else 0


# -- registry ----------------------------------------------------------------------------------------------------------

REGISTRY: dict[str, Any] = {"registry": {"repositories": [{"name": "serving"}, {"name": "training"}]}}


def manager(azure: Subscription) -> Any:
    return azure.client(ContainerRegistryManagementClient, api_version="2025-11-01")


def the_registry(azure: Subscription) -> Any:
    (found,) = manager(azure).registries.list_by_resource_group(IMAGES)
    return found


def images(azure: Subscription) -> Any:
    server = the_registry(azure).login_server
    audience = "https://containerregistry.azure.net"
    return ContainerRegistryClient(
        f"https://{server}", azure.credential, audience=audience, connection_verify=azure.ca, retry_total=0
    )


def push(azure: Subscription, repository: str, tag: str = "v1") -> None:
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}
    body = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}
    images(azure).set_manifest(repository, body, tag=tag)


def test_a_registry_lives(site: dict[str, Any], sandbox: Sandbox, azure: Subscription) -> None:
    planned = run(site, REGISTRY, check=True)
    made = run(site, REGISTRY)
    assert acts(made) == acts(planned)
    found = the_registry(azure)
    assert (found.sku.name, found.admin_user_enabled, found.anonymous_pull_enabled) == ("Premium", False, False)
    retention = found.policies.retention_policy
    assert (retention.status, retention.days) == ("enabled", 14)
    shown = made.outputs["registry"]
    assert shown["url"] == found.login_server
    assert shown["repositories"]["serving"] == f"{found.login_server}/serving"
    mark = seen(sandbox)
    again = run(site, REGISTRY, find_orphans=True)
    assert (acts(again), again.orphans, writes(sandbox, mark)) == ({}, [], [])
    assert len(sandbox.journal("azure", mark)) <= 26, [entry["operation"] for entry in sandbox.journal("azure", mark)]

    drift = {"properties": {"adminUserEnabled": True, "policies": {"retentionPolicy": {"status": "disabled"}}}}
    manager(azure).registries.begin_update(IMAGES, found.name, drift).result()
    repaired = run(site, REGISTRY)
    changed = {"properties.adminUserEnabled", "properties.policies.retentionPolicy.status"}
    assert fields(repaired) == changed
    assert the_registry(azure).admin_user_enabled is False

    gone = run(site, REGISTRY, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert list(azure.resources.resources.list_by_resource_group("NetworkWatcherRG"))  # of the subscription, not ours
    assert [item.name for item in azure.resources.resource_groups.list() if item.name.startswith(BASE)] == []


# -- cache -------------------------------------------------------------------------------------------------------------

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
