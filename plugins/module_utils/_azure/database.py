# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable databases on Azure: flexible servers for PostgreSQL, Azure SQL for SQL Server."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec.database import Database, DatabaseServer
from .._spec.network import Network
from . import azure_sql, logs
from .database_abroad import Abroad
from .database_network import DatabasePlace, place
from .groups import Groups
from .kinds_common import ResourceGroup, Workspace
from .kinds_postgresql import PORT
from .postgresql import PostgresBuilder, Shown, abroad_region, log_days
from .secret_store import Secrets


class DatabaseBuilder:
    """Turns resolved databases into resources."""

    def __init__(
        self, groups: Groups, spec: Database, network: Network, network_built: Built, secrets: Built, *, reapply: bool
    ) -> None:
        self.groups = groups
        self.session = groups.session
        self.spec = spec
        self.network = network
        self.network_built = network_built
        self.secrets: Secrets = secrets.exports["secrets"]
        self.reapply = reapply
        self.resources: list[Resource] = []
        self.shown: dict[str, Shown] = {}
        self.shown_sql: dict[str, azure_sql.ShownSql] = {}

    def build(self) -> Built:
        servers = [server for server in self.spec.servers if server.engine == "postgresql"]
        if servers and PORT not in self.network.data_ports:
            raise SpecError(
                f"network.data_ports does not hold {PORT}, so that nobody could reach the databases. Add it."
            )
        if servers:
            where = place(self.groups, self.network, self.network_built)
            self.resources += [*where.needs, *where.made]
            workspace = self._workspace(where.group, servers)
            abroad = Abroad(self.groups, self.network_built, where, self._regions(servers))
            self.resources += abroad.resources
            for server in servers:
                self._postgresql(server, where, workspace, abroad)
        self._sql_servers([server for server in self.spec.servers if server.engine == "sqlserver"])
        reach = {name: shown.reach for name, shown in self.shown.items()}
        return Built(self.resources, exports={"reach": reach}, outputs=lambda: {"servers": self._outputs()})

    def _regions(self, servers: list[DatabaseServer]) -> dict[str, bool]:
        """Other regions that replicas stand in, and whether any of them is wanted."""
        found: dict[str, bool] = {}
        for server in servers:
            for replica in server.replicas or ():
                region = abroad_region(replica, self.session.site)
                wanted = server.state == replica.state == "present"
                if region:
                    found[region] = found.get(region, False) or wanted
        return found

    def _postgresql(self, server: DatabaseServer, where: DatabasePlace, workspace: Workspace, abroad: Abroad) -> None:
        builder = PostgresBuilder(self.groups, server, where, self.secrets, workspace, abroad, reapply=self.reapply)
        shown = builder.build()
        self.resources += builder.resources
        if server.state == "present":
            self.shown[server.name] = shown

    def _sql_servers(self, servers: list[DatabaseServer]) -> None:
        if not servers:
            return
        present = any(server.state == "present" for server in servers)
        zone, link = azure_sql.zone(self.groups, self.network_built, present=present)
        self.resources += [zone, link]
        for server in servers:
            builder = azure_sql.SqlBuilder(self.groups, server, self.network_built, self.secrets, reapply=self.reapply)
            shown = builder.build(zone)
            self.resources += builder.resources
            if server.state == "present":
                self.shown_sql[server.name] = shown

    def _workspace(self, group: ResourceGroup, servers: list[DatabaseServer]) -> Workspace:
        made = logs.workspace(
            self.session,
            group,
            log_days(self.session.site.environment),
            where="log_retention_days",
            present=any(server.log_exports and server.state == "present" for server in servers),
            parts=("database", "logs"),
        )
        self.resources.append(made)
        return made

    def _outputs(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for server in self.spec.servers:
            sql, shown = self.shown_sql.get(server.name), self.shown.get(server.name)
            if sql is not None:
                told[server.name] = _of_sql(server, sql)
            if shown is None:
                continue
            told[server.name] = {
                "id": shown.server.out("id"),
                "host": shown.server.out("host"),
                "port": PORT,
                "engine": server.engine,
                "version": shown.server.out("version"),
                "databases": list(server.databases or ()),
                "admin": {"username": shown.server.out("admin"), "secret": shown.admin.out("id")},
                "users": {name: {"secret": secret.out("id")} for name, secret in shown.users.items()},
                "replicas": {
                    name: {"id": replica.out("id"), "host": replica.out("host"), "port": PORT}
                    for name, replica in shown.replicas.items()
                },
            }
        return told


def _of_sql(server: DatabaseServer, shown: azure_sql.ShownSql) -> dict[str, Any]:
    return {
        "id": shown.server.out("id"),
        "host": shown.server.out("host"),
        "port": azure_sql.PORT,
        "engine": server.engine,
        "version": shown.server.out("version"),
        "databases": list(server.databases or ()),
        "admin": {"username": shown.server.out("admin"), "secret": shown.admin.out("id")},
        "users": {},
        "replicas": {},
    }
