"""The caches of Google Cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._gcp import redis_exports
from module_utils._gcp.memorystore import Instance
from module_utils._gcp.memorystore_backups import ValkeyBackup
from module_utils._gcp.memorystore_redis import RedisInstance
from module_utils._gcp.redis_exports import RedisExport
from module_utils._spec.cache import Cache, CacheInstance, GcpCache
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from sandbox.core.connection import GCP_PROJECT
from tests.contract.cases.gcp import ask, regional
from tests.contract.harness import Case, Environment, Variant, pick

SUNDAY = MaintenanceWindow("02:00", ("sunday",))


def cache(environment: Environment, **options: Any) -> Any:
    options["gcp"] = GcpCache(**options.get("gcp", {}))
    spec = Cache((CacheInstance("main", **options),)).resolve(environment.site)
    site, driver = environment.site, environment.driver
    net = Network(addresses={site.name: "1"}, data_ports=(5432, 6378, 6379)).resolve(site)
    secrets = driver.secret_store(SecretStore().resolve(site))
    return driver.cache(spec, net, driver.network(net), secrets)


def of_cache(kind: str, **fixed: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(cache(environment, **{**fixed, **options}), kind)]


def backup(environment: Environment) -> Sequence[Resource]:
    instance = pick(cache(environment), "gcp.memorystore.instance")
    assert isinstance(instance, Instance)
    return [ValkeyBackup(environment.driver.cloud, "nightly", instance)]


def export(environment: Environment) -> Sequence[Resource]:
    instance = pick(cache(environment, engine="redis"), "gcp.redis.instance")
    assert isinstance(instance, RedisInstance)
    cloud = environment.driver.cloud
    store = redis_exports.bucket(cloud)
    store.force = True  # here it is deleted like everything else
    return [RedisExport(cloud, "nightly", instance, store, redis_exports.writer(cloud, store, instance))]


def parent(environment: Environment) -> str:
    return f"projects/{GCP_PROJECT}/locations/{regional(environment)}"


def count_policies(environment: Environment) -> int:
    policies = ask(environment, "networkconnectivity").projects().locations().serviceConnectionPolicies()
    return len(policies.list(parent=parent(environment)).execute().get("serviceConnectionPolicies", []))


def count_redis(environment: Environment) -> int:
    instances = ask(environment, "redis").projects().locations().instances()
    return len(instances.list(parent=parent(environment)).execute().get("instances", []))


def memorystore(environment: Environment, collection: str) -> list[dict[str, Any]]:
    """Its API is not among those that Google's generic client knows."""
    world: Any = environment.world
    url = f"{world.sandbox.url('gcp')}/memorystore/v1/{parent(environment)}/{collection}"
    _, content = ask(environment, "redis")._http.request(url)
    found: list[dict[str, Any]] = json.loads(content).get(collection.rpartition("/")[2], [])
    return found


def count_valkey(environment: Environment) -> int:
    return len(memorystore(environment, "instances"))


def count_backups(environment: Environment) -> int:
    groups = [each["name"].rpartition("/")[2] for each in memorystore(environment, "backupCollections")]
    return sum(len(memorystore(environment, f"backupCollections/{group}/backups")) for group in groups)


def count_exports(environment: Environment) -> int:
    storage, name = ask(environment, "storage"), redis_exports.bucket_name(environment.site)
    if name not in [each["name"] for each in storage.buckets().list(project=GCP_PROJECT).execute().get("items", [])]:
        return 0
    return len(storage.objects().list(bucket=name).execute().get("items", []))


TOLD = dict.fromkeys(("lost_answers", "faults", "killed", "killed_deletion"), "the plain cache tells")

CASES = [
    Case(
        "connection-policy",
        of_cache("gcp.networkconnectivity.service_connection_policy"),
        no_updates="its subnetwork follows the site",
        count=count_policies,
        operation="^networkconnectivity.projects.locations.serviceConnectionPolicies.create$",
    ),
    Case(
        "valkey",
        of_cache("gcp.memorystore.instance"),
        updates=[
            Variant({"high_availability": True}, ("replicaCount",)),
            Variant({"size": "medium"}, ("nodeType",)),
            Variant({"gcp": {"node_type": "HIGHMEM_MEDIUM"}}, ("nodeType",)),
            Variant({"persistence": "snapshots"}, ("automatedBackupConfig", "persistenceConfig")),
            Variant({"snapshot_retention_days": 9}, ("automatedBackupConfig.retention",)),
            Variant({"eviction_policy": "allkeys-lfu"}, ("engineConfigs",)),
            Variant({"maintenance_window": SUNDAY}, ("maintenancePolicy",)),
            Variant({"version": "9.0"}, ("engineVersion",)),
        ],
        immutable=[Variant({"encryption": "customer"}, ("kmsKey",))],
        count=count_valkey,
        operation="^memorystore.projects.locations.instances.create$",
    ),
    Case(
        "valkey-with-key",
        of_cache("gcp.memorystore.instance", encryption="customer"),
        no_updates="as without a key of one's own",
        count=count_valkey,
        skip=TOLD,
    ),
    Case(
        "valkey-kept",
        of_cache("gcp.memorystore.instance", final_snapshot=True),
        no_updates="as without a final backup",
        count=count_valkey,
    ),
    Case(
        "redis",
        of_cache("gcp.redis.instance", engine="redis"),
        updates=[
            Variant({"size": "medium"}, ("memorySizeGb",)),
            Variant({"gcp": {"memory_gb": 9}}, ("memorySizeGb",)),
            Variant({"persistence": "snapshots"}, ("persistenceConfig",)),
            Variant({"eviction_policy": "noeviction"}, ("redisConfigs",)),
            Variant({"maintenance_window": SUNDAY}, ("maintenancePolicy",)),
            Variant({"version": "7.2"}, ("redisVersion",)),
        ],
        immutable=[
            Variant({"high_availability": True}, ("tier",)),
            Variant({"encryption": "customer"}, ("customerManagedKey",)),
        ],
        count=count_redis,
        operation="^redis.projects.locations.instances.create$",
    ),
    Case(
        "redis-with-key",
        of_cache("gcp.redis.instance", engine="redis", encryption="customer"),
        no_updates="as without a key of one's own",
        count=count_redis,
        skip=TOLD,
    ),
    Case(
        "redis-password",
        of_cache("gcp.redis.auth_string", engine="redis"),
        no_updates="what is renewed is not a field: the integration tests renew it",
        named=False,
        skip={"missing": "it is removed with its secret, which is then made again as well"},
    ),
    Case(
        "valkey-backup",
        backup,
        no_updates="a backup stays as it was taken",
        count=count_backups,
        operation="^memorystore.projects.locations.instances.backup$",
        named=False,
    ),
    Case(
        "redis-export",
        export,
        no_updates="an export stays as it was taken",
        count=count_exports,
        operation="^redis.projects.locations.instances.export$",
        named=False,
    ),
]
