"""Azure SQL's kinds: logical servers, their databases, and the administrator's password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.sql import SqlManagementClient
from module_utils._engine.resource import Resource
from module_utils._spec.database import Database, DatabaseServer
from module_utils._spec.network import Network
from module_utils._spec.secret_store import SecretStore

from tests.contract.cases.azure import GROUP, in_group, network, sdk
from tests.contract.harness import Case, Environment, Variant, pick


def of(kind: str) -> Callable[..., Sequence[Resource]]:
    def build(environment: Environment, **options: Any) -> Sequence[Resource]:
        given = {"backup_retention_days": 7, "final_snapshot": False, "log_exports": False, **options}
        server = DatabaseServer("erp", engine="sqlserver", databases=("sales",), performance_insights=False, **given)
        secrets = environment.driver.secret_store(SecretStore(soft_delete_days=7).resolve(environment.site))
        resolved = Network(addresses={environment.site.name: "1"}).resolve(environment.site)
        spec = Database((server,)).resolve(environment.site)
        return [pick(environment.driver.database(spec, resolved, network(environment), secrets), kind)]

    return build


def databases(environment: Environment) -> int:
    api: Any = sdk(environment).client(SqlManagementClient)
    try:
        servers = list(api.servers.list_by_resource_group(GROUP))
    except ResourceNotFoundError:
        return 0
    found = [item for server in servers for item in api.databases.list_by_server(GROUP, server.name)]
    return sum(item.name == "sales" for item in found)


_RENEWED = "a password is only renewed; kills while one is are in test_azure_database_rows.py"
CASES = [
    Case(
        "sql-server",
        of("azure.sql.server"),
        no_updates="its login, version and access are fixed; tags follow the site",
        count=in_group("Microsoft.Sql/servers"),
        operation="^PUT Microsoft.Sql/servers$",
        skip={"killed": "the password that a new server is told stays in the vault"},
    ),
    Case(
        "sql-database",
        of("azure.sql.database"),
        updates=[
            Variant({"storage_gb": 256}, ("properties.maxSizeBytes",)),
            Variant({"size": "medium"}, ("sku.capacity",)),
        ],
        count=databases,
        operation="^PUT Microsoft.Sql/servers/databases$",
    ),
    Case(
        "sql-password",
        of("azure.sql.password"),
        no_updates="a password is only renewed, which is asked for anew in every run",
        named=False,
        skip=dict.fromkeys(("missing", "lost_answers", "killed"), _RENEWED),
    ),
]
