"""RDS's kinds: instances, where they stand, what they run with, replicas, passwords and snapshots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.database import Database, DatabaseServer, Replica
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from tests.contract.cases.aws import ask
from tests.contract.harness import Case, Environment, Variant, pick

BASE = "contract-aws-test"


def databases(environment: Environment, **options: Any) -> Any:
    site = environment.site
    network = Network(addresses={site.name: "0"}, nat=False).resolve(site)
    network_built = environment.driver.network(network)
    secrets = environment.driver.secret_store(SecretStore().resolve(site), managed=False)
    server = DatabaseServer("main", **{"databases": ("app",), "storage_gb": 100, **options})
    return environment.driver.database(Database((server,)).resolve(site), network, network_built, secrets)


def of(kind: str, name: str = "", **base: Any) -> Callable[..., Sequence[Resource]]:
    return lambda environment, **options: [pick(databases(environment, **{**base, **options}), kind, name)]


def listed(operation: str, member: str, keep: Callable[[Any], bool] = lambda item: True) -> Any:
    def count(environment: Environment) -> int:
        return len([item for item in getattr(ask(environment, "rds"), operation)()[member] if keep(item)])

    return count


def _ours(item: Any) -> bool:
    return bool(item["DBParameterGroupName"].startswith(BASE))


def _replicas(item: Any) -> bool:
    return bool(item["DBInstanceIdentifier"].endswith("-main-ro"))


def _secrets(environment: Environment) -> int:
    """Those of ours: RDS's own go with their instance."""
    return len(
        [item for item in ask(environment, "secretsmanager").list_secrets()["SecretList"] if BASE in item["Name"]]
    )


def snapshot(environment: Environment) -> list[Resource]:
    """The server stands before it can be backed up; nothing refers to it."""
    spec = Database((DatabaseServer("main", storage_gb=100),)).resolve(environment.site)
    built = environment.driver.backups("before-change", spec, None)
    (made,) = built.resources
    made.needs = (pick(databases(environment), "aws.rds.instance"),)
    return [made]


_WITHIN = "it is removed with the instance alone"
_REPLICA = (Replica("main-ro"),)
CASES = [
    Case(
        "db-subnet-group",
        of("aws.rds.subnet_group"),
        no_updates="its subnets are those of the network",
        count=listed("describe_db_subnet_groups", "DBSubnetGroups"),
    ),
    Case(
        "db-parameter-group",
        of("aws.rds.parameter_group", version="16"),
        no_updates="its values are the business of aws.rds.parameters, and another version has another group",
        count=listed("describe_db_parameter_groups", "DBParameterGroups", _ours),
    ),
    Case(
        "db-instance",
        of("aws.rds.instance", version="16"),
        updates=[
            Variant({"storage_gb": 150, "backup_retention_days": 3}, ("AllocatedStorage", "BackupRetentionPeriod")),
            Variant({"size": "medium", "high_availability": True}, ("DBInstanceClass", "MultiAZ")),
            Variant({"log_exports": True}, ("EnabledCloudwatchLogsExports",), also=("aws.logs.log_group",)),
            Variant(
                {"performance_insights": True, "storage_autogrow": False},
                ("PerformanceInsightsEnabled", "MaxAllocatedStorage"),
            ),
            Variant({"version": "17"}, ("EngineVersion", "DBParameterGroupName"), also=("aws.rds.parameter_group",)),
        ],
        immutable=[Variant({"encryption": "customer"}, ("KmsKeyId",))],
        count=listed("describe_db_instances", "DBInstances"),
        operation=r"^rds\.CreateDBInstance$",
    ),
    Case(
        "db-instance-own-password",
        of("aws.rds.instance", replicas=_REPLICA),
        updates=[Variant({"replicas": None}, ("ManageMasterUserPassword",))],
        count=listed("describe_db_instances", "DBInstances"),
        skip={"killed": "a secret that is made again comes back with its value; the integration tests kill creations"},
    ),
    Case(
        "db-replica",
        of("aws.rds.read_replica", replicas=_REPLICA),
        updates=[
            Variant({"size": "medium"}, ("DBInstanceClass",), also=("aws.rds.instance",)),
            Variant(
                {"replicas": (Replica("main-ro", promote=True),)},
                ("ReadReplicaSource", "BackupRetentionPeriod"),
            ),
        ],
        count=listed("describe_db_instances", "DBInstances", _replicas),
        operation=r"^rds\.CreateDBInstanceReadReplica$",
    ),
    Case(
        "db-parameters",
        of("aws.rds.parameters"),
        updates=[
            Variant({"parameters": {"work_mem": "8192"}}, ("Parameters",)),
            Variant({"parameters": {"work_mem": "8192", "max_connections": "300"}}, ("Parameters",)),
            Variant({"parameters": {}}, ("Parameters",)),
        ],
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), "they are removed with their group alone"),
    ),
    Case(
        "db-managed-password",
        of("aws.rds.master_password"),
        no_updates="it is only renewed, which is asked for anew in every run",
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), _WITHIN),
    ),
    Case(
        "db-own-password",
        of("aws.rds.password", replicas=_REPLICA),
        no_updates="it is only renewed, which is asked for anew in every run",
        count=_secrets,
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), f"{_WITHIN}; kills are in the integration tests"),
    ),
    Case(
        "db-snapshot",
        snapshot,
        no_updates="nothing about a snapshot changes",
        count=listed("describe_db_snapshots", "DBSnapshots", lambda item: item["SnapshotType"] == "manual"),
    ),
]
