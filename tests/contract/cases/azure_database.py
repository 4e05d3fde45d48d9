"""Kinds of PostgreSQL flexible servers: servers and replicas, what belongs to them, backups, and their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from module_utils._engine.resource import Resource
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.database import AzureDatabase, Database, DatabaseServer, Replica
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from tests.contract.cases.azure import GROUP, counted, network, sdk
from tests.contract.harness import Case, Environment, Variant, pick

SERVER = "azure.postgresql.server"


def spec(environment: Environment, **options: Any) -> Database:
    return Database((DatabaseServer("main", **options),)).resolve(environment.site)


def built(environment: Environment, **options: Any) -> Any:
    net = network(environment)
    secrets = environment.driver.secret_store(SecretStore(soft_delete_days=7).resolve(environment.site))
    resolved = Network(addresses={environment.site.name: "1"}).resolve(environment.site)
    return environment.driver.database(spec(environment, **options), resolved, net, secrets)


def of(kind: str, name: str = "main", **fixed: Any) -> Callable[..., Sequence[Resource]]:
    def build(environment: Environment, **options: Any) -> Sequence[Resource]:
        return [pick(built(environment, **{**fixed, **options}), kind, name)]

    return build


def backup(environment: Environment) -> Sequence[Resource]:
    """It refers to a server that is there: here the one that is made in the same run."""
    made = built(environment)
    taken: Any = pick(environment.driver.backups("nightly", spec(environment), None), "azure.postgresql.backup")
    taken.server = taken.parent = taken.goes_with = pick(made, SERVER)
    taken.needs = (taken.server, pick(made, "azure.postgresql.password"))
    return [taken]


def clients(environment: Environment) -> Any:
    return sdk(environment).client(PostgreSQLManagementClient, api_version="2025-08-01")


def servers(environment: Environment, name: str = "main") -> list[Any]:
    try:
        found = list(clients(environment).servers.list_by_resource_group(GROUP))
    except ResourceNotFoundError:
        return []
    return [item for item in found if (item.tags or {}).get("database-server") == name]


def count(name: str = "main") -> Callable[[Environment], int]:
    return lambda environment: len(servers(environment, name))


def databases(environment: Environment) -> int:
    api = clients(environment).databases
    return sum(item.name == "app" for server in servers(environment) for item in api.list_by_server(GROUP, server.name))


def backups(environment: Environment) -> int:
    api = clients(environment).backups_automatic_and_on_demand
    return sum(
        item.name == "nightly" for server in servers(environment) for item in api.list_by_server(GROUP, server.name)
    )


def workspaces(environment: Environment) -> int:
    return counted(lambda client: client.logs.workspaces.list_by_resource_group(GROUP))(environment)


_BUSY = "^PUT Microsoft.DBforPostgreSQL/flexibleServers$"
_ALWAYS = "the service has every parameter, always"
_RENEWED = "a password is only renewed; kills while one is are in test_azure_database_rows.py"
_TOLD = "the password that a new server is told stays in the vault; kills are in test_azure_database_rows.py"
WINDOW = MaintenanceWindow("03:00", ("monday",), 1)
CASES = [
    Case(
        "database-server",
        of(SERVER),
        updates=[
            Variant({"storage_gb": 256}, ("properties.storage.storageSizeGB",)),
            Variant({"size": "medium"}, ("sku.name",)),
            Variant({"high_availability": True}, ("properties.highAvailability.mode",)),
            Variant({"azure": AzureDatabase(high_availability_mode="SameZone")}, ("properties.highAvailability.mode",)),
            Variant({"backup_retention_days": 20}, ("properties.backup.backupRetentionDays",)),
            Variant(
                {"maintenance_window": WINDOW},
                (
                    "properties.maintenanceWindow.customWindow",
                    "properties.maintenanceWindow.dayOfWeek",
                    "properties.maintenanceWindow.startHour",
                ),
            ),
            Variant({"version": "18"}, ("properties.version",)),
        ],
        immutable=[
            Variant({"azure": AzureDatabase(geo_redundant_backup=True)}, ("properties.backup.geoRedundantBackup",))
        ],
        count=count(),
        operation=_BUSY,
        skip={"killed": _TOLD},
    ),
    Case(
        "database-replica",
        of("azure.postgresql.replica", "copy", replicas=(Replica("copy"),)),
        updates=[Variant({"replicas": (Replica("copy", promote=True),)}, ("properties.replicationRole",))],
        count=count("copy"),
    ),
    Case(
        "database",
        of("azure.postgresql.database", databases=("app",)),
        no_updates="it has nothing but its name",
        count=databases,
        named=False,
    ),
    Case(
        "database-logs",
        of("azure.monitor.diagnostic_setting", log_exports=True),
        no_updates="its categories are fixed",
        named=False,
    ),
    Case(
        "database-lock",
        of("azure.authorization.lock", deletion_protection=True),
        no_updates="it has nothing but its name",
        named=False,
        skip=dict.fromkeys(
            ("life", "missing", "lost_answers", "faults", "killed", "killed_deletion"),
            "a lock that is wanted is not deleted",
        ),
    ),
    Case(
        "database-parameters",
        of("azure.postgresql.parameters"),
        updates=[
            Variant({"parameters": {"work_mem": "8192"}}, ("values.work_mem",)),
            Variant({"parameters": {"max_connections": "300"}}, ("values.max_connections",)),
        ],
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), _ALWAYS),
    ),
    Case(
        "database-password",
        of("azure.postgresql.password"),
        no_updates="a password is only renewed, which is asked for anew in every run",
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), _RENEWED),
    ),
    Case(
        "database-backup",
        backup,
        no_updates="it has nothing but its name",
        count=backups,
        named=False,
    ),
]
