"""The caches of AWS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.cache import AwsCache, Cache, CacheInstance
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from tests.contract.cases.aws import ask, counted
from tests.contract.harness import Case, Environment, Variant, pick

GROUP = "contract-aws-test-sessions"
_TUESDAY = MaintenanceWindow("05:00", ("tuesday",), 1)


def specification(environment: Environment, **options: Any) -> Cache:
    return Cache(instances=(CacheInstance("sessions", **options),)).resolve(environment.site)


def cache(environment: Environment, **options: Any) -> Any:
    network = Network(addresses={environment.site.name: "1"}, zones=2, nat=False).resolve(environment.site)
    built = environment.driver.network(network)
    secrets = environment.driver.secret_store(SecretStore().resolve(environment.site))
    return environment.driver.cache(specification(environment, **options), network, built, secrets)


def of_cache(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(cache(environment, **{**base, **options}), kind, name)]


def backup(environment: Environment) -> Sequence[Resource]:
    spec = specification(environment, persistence="snapshots")
    (snapshot,) = environment.driver.backups("before-upgrade", None, spec).resources
    # Backups are of caches that exist; here the cache is made along with it.
    snapshot.needs = (pick(cache(environment, persistence="snapshots"), "aws.elasticache.replication_group"),)
    return [snapshot]


def _parameter_groups(environment: Environment) -> int:
    listed = ask(environment, "elasticache").describe_cache_parameter_groups()["CacheParameterGroups"]
    return sum(item["CacheParameterGroupName"].startswith(GROUP) for item in listed)


_BACK = "a deleted secret comes back with its value; kills while a token is renewed are in test_aws_cache_token.py"
_KIND = "aws.elasticache.replication_group"

CASES = [
    Case(
        "cache-subnet-group",
        of_cache("aws.elasticache.subnet_group"),
        no_updates="its subnets are the network's; they change with its zones",
        count=counted("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups"),
    ),
    Case(
        "cache-parameter-group",
        of_cache("aws.elasticache.parameter_group", GROUP),
        updates=[
            Variant({"eviction_policy": "allkeys-lfu"}, ("Parameters",)),
            Variant({"eviction_policy": "noeviction"}, ("Parameters",)),
        ],
        count=_parameter_groups,
    ),
    Case(
        "cache",
        of_cache(_KIND, engine="redis", version="7.0"),
        updates=[
            Variant(
                {"persistence": "snapshots", "snapshot_window": "02:00", "maintenance_window": _TUESDAY},
                ("SnapshotRetentionLimit", "SnapshotWindow", "PreferredMaintenanceWindow"),
            ),
            Variant({"high_availability": True}, ("Replicas", "AutomaticFailover", "MultiAZ")),
            Variant({"version": "7.1"}, ("EngineVersion",)),
            Variant(
                {"engine": "valkey", "version": "8.0"},
                ("Engine", "EngineVersion", "CacheParameterGroupName"),
                also=("aws.elasticache.parameter_group",),
            ),
            Variant({"size": "medium"}, ("CacheNodeType",)),
            Variant(
                {"high_availability": False, "aws": AwsCache(node_type="cache.t4g.medium")},
                ("Replicas", "AutomaticFailover", "MultiAZ", "CacheNodeType"),
            ),
        ],
        immutable=[Variant({"encryption": "customer"}, ("KmsKeyId",)), Variant({"version": "6.2"}, ("EngineVersion",))],
        count=counted("elasticache", "describe_replication_groups", "ReplicationGroups"),
        operation=r"^elasticache\.CreateReplicationGroup$",
        skip={"killed": "made again, it finds its token: fewer writes; kills are in test_aws_cache_token.py"},
    ),
    Case(
        "cache-token",
        of_cache("aws.elasticache.auth_token"),
        no_updates="a token is only renewed, which is asked for anew in every run",
        named=False,
        skip={"missing": _BACK, "killed": _BACK},
    ),
    Case(
        "cache-snapshot",
        backup,
        no_updates="a snapshot is made once",
        count=counted("elasticache", "describe_snapshots", "Snapshots"),
        operation=r"^elasticache\.CreateSnapshot$",
    ),
]
