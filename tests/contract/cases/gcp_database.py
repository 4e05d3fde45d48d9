"""Cloud SQL's kinds: servers and replicas, what is in them, their backups, and their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.database import Database, DatabaseServer, DatabaseUser, Replica, Restore
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from sandbox.core.connection import GCP_PROJECT
from tests.contract.cases.gcp import BASE, ask, network
from tests.contract.harness import Case, Environment, Variant, pick

SERVER = "gcp.sql.instance"


def spec(environment: Environment, **options: Any) -> Database:
    return Database((DatabaseServer("main", **options),)).resolve(environment.site)


def built(environment: Environment, wanted: Database) -> Any:
    net = network(environment)
    secrets = environment.driver.secret_store(SecretStore().resolve(environment.site), managed=False)
    resolved = Network(addresses={environment.site.name: "1"}).resolve(environment.site)
    return environment.driver.database(wanted, resolved, net, secrets)


def of(kind: str, name: str = "main", **fixed: Any) -> Callable[..., Sequence[Resource]]:
    def build(environment: Environment, **options: Any) -> Sequence[Resource]:
        return [pick(built(environment, spec(environment, **{**fixed, **options})), kind, f"{BASE}-{name}")]

    return build


def restored(environment: Environment, **options: Any) -> Sequence[Resource]:
    """A server that begins as a clone of another one."""
    servers = (DatabaseServer("main"), DatabaseServer("copy", restore=Restore("main"), **options))
    resources = built(environment, Database(servers).resolve(environment.site))
    copy = pick(resources, SERVER, f"{BASE}-copy")
    copy.needs = (pick(resources, SERVER, f"{BASE}-main"), *copy.needs)
    return [copy]


def backup(environment: Environment) -> Sequence[Resource]:
    """What a backup needs is a server, which it finds by its name."""
    server = pick(built(environment, spec(environment)), SERVER)
    taken = pick(environment.driver.backups("nightly", spec(environment), None), "gcp.sql.backup")
    for resource in (taken, taken.needs[0]):
        resource.needs = (server, *resource.needs)
    return [taken]


def instances(environment: Environment, name: str = "main") -> list[str]:
    found = ask(environment, "sqladmin").instances().list(project=GCP_PROJECT).execute()
    return [each["name"] for each in found.get("items", []) if each["name"].startswith(f"{BASE}-{name}")]


def count(name: str = "main") -> Callable[[Environment], int]:
    return lambda environment: len(instances(environment, name))


def count_inside(what: str, name: str) -> Callable[[Environment], int]:
    """How many databases or logins of this name there are, in all servers."""

    def counted(environment: Environment) -> int:
        api = getattr(ask(environment, "sqladmin"), what)()
        answers = [api.list(project=GCP_PROJECT, instance=each).execute() for each in instances(environment)]
        return sum(item["name"] == name for answer in answers for item in answer.get("items", []))

    return counted


def count_backups(environment: Environment) -> int:
    found = ask(environment, "sqladmin").Backups().ListBackups(parent=f"projects/{GCP_PROJECT}")
    return sum(each["type"] == "ON_DEMAND" for each in found.execute().get("backups", []))


_WITH_LOGIN = {"databases": ("app",), "users": (DatabaseUser("app"),)}
_KEPT = "a password that was made stays in its secret; kills at every write are in test_gcp_rotation.py"
_COPY = {"replicas": (Replica("copy"),)}

CASES = [
    Case(
        "database-server",
        of(SERVER),
        updates=[
            Variant({"size": "medium"}, ("settings.tier",)),
            Variant({"storage_gb": 256}, ("settings.dataDiskSizeGb",)),
            Variant({"max_storage_gb": 512}, ("settings.storageAutoResizeLimit",)),
            Variant(
                {"high_availability": True},
                ("settings.availabilityType",),
            ),
            Variant({"parameters": {"work_mem": "8192", "max_connections": "200"}}, ("settings.databaseFlags",)),
            Variant({"parameters": {"work_mem": "4096"}}, ("settings.databaseFlags",)),
            Variant({"backup_window": "05:30"}, ("settings.backupConfiguration.startTime",)),
            Variant(
                {"backup_retention_days": 3},
                (
                    "settings.backupConfiguration.backupRetentionSettings.retainedBackups",
                    "settings.backupConfiguration.transactionLogRetentionDays",
                ),
            ),
            Variant({"performance_insights": True}, ("settings.insightsConfig",)),
        ],
        immutable=[Variant({"encryption": "customer"}, ("diskEncryptionConfiguration",))],
        count=count(),
        operation="^sql.instances.insert$",
        named=False,
        skip={"killed": _KEPT},
    ),
    Case(
        "database-server-with-key",
        of(SERVER, encryption="customer"),
        no_updates="as without a key of one's own",
        count=count(),
        named=False,
        skip={"killed": _KEPT},
    ),
    Case(
        "database-replica",
        of(SERVER, "copy", **_COPY),
        updates=[
            Variant(
                {"replicas": (Replica("copy", promote=True),)},
                ("masterInstanceName", "settings.backupConfiguration", "settings.finalBackupConfig"),
            ),
        ],
        count=count("copy"),
        operation="^sql.instances.insert$",
        named=False,
    ),
    Case(
        "database-clone",
        restored,
        updates=[Variant({"storage_gb": 256}, ("settings.dataDiskSizeGb",))],
        count=count("copy"),
        operation="^sql.instances.clone$",
        named=False,
    ),
    Case(
        "database",
        of("gcp.sql.database", "main-app", **_WITH_LOGIN),
        no_updates="it has nothing but its name",
        count=count_inside("databases", "app"),
        named=False,
    ),
    Case(
        "database-user",
        of("gcp.sql.user", "main-app", **_WITH_LOGIN),
        no_updates="a password is only renewed, which is asked for anew in every run",
        count=count_inside("users", "app"),
        named=False,
        skip={"killed": _KEPT, "missing": "a login alone that is missing is made again in test_gcp_database.py"},
    ),
    Case(
        "database-backup",
        backup,
        no_updates="a backup never changes",
        count=count_backups,
        operation="^sql.Backups.CreateBackup$",
        named=False,
    ),
]
