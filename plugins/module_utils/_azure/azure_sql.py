# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One portable SQL Server on Azure: a logical server behind a private endpoint, and databases with vCores each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.database import DatabaseServer
from .arm import ArmResource
from .groups import Groups
from .kinds_common import Lock, ResourceGroup
from .kinds_endpoints import endpoint_for
from .kinds_network import PrivateZone, ZoneLink
from .kinds_secrets import VaultSecret
from .kinds_sql import SqlDatabase, SqlPassword, SqlServer
from .secret_store import Secrets

PORT = 1433
ADMIN = "platform_admin"
DOMAIN = "privatelink.database.windows.net"
_VERSION = "12.0"
_GIB = 1024**3
_CORES = {"small": 2, "medium": 4, "large": 8}
_TIERS = {"standard": ("GP_Gen5", "GeneralPurpose"), "enterprise": ("BC_Gen5", "BusinessCritical")}
_MOST_GB = 4096
_BACKUPS = {True: "Zone", False: "Local"}


@dataclass
class ShownSql:
    """What the outputs of one server are told by."""

    server: SqlServer
    admin: VaultSecret


class SqlBuilder:
    """One server's resources, in the order of their making."""

    def __init__(
        self, groups: Groups, spec: DatabaseServer, network: Built, secrets: Secrets, *, reapply: bool
    ) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.network = network
        self.group: ResourceGroup = network.exports["group"]
        self.secrets = secrets
        self.reapply = reapply
        self.present = spec.state == "present"
        self.where = f"database.servers.{spec.name}"
        self.resources: list[Resource] = []

    def build(self, zone: PrivateZone) -> ShownSql:
        if self.present:
            refuse(self.spec, self.where)
        admin = self.secrets.place("database", self.spec.name, ADMIN, present=self.present)
        name = names.globally_unique(self.site, self.spec.name)
        path = self.session.in_group(self.group.name, SqlServer.type, name)
        self.server = SqlServer(
            self.session,
            self.spec.name,
            path,
            self._body,
            parent=self.group,
            needs=[admin],
            lock=path,
            present=self.present,
            password=self._password,
        )
        self.credential = SqlPassword(
            self.server,
            self.secrets.vault,
            admin,
            secret=admin.name,
            username=ADMIN,
            rotate=self.spec.rotate,
            reapply=self.reapply,
            present=self.present,
        )
        self.resources += [admin, self.server, self.credential]
        for database in self.spec.databases or ():
            self._database(database)
        self._endpoint(zone)
        self._lock()
        return ShownSql(self.server, admin)

    def _password(self) -> str:
        return self.credential.for_creation()

    def _body(self) -> dict[str, Any]:
        return {
            "properties": {
                "administratorLogin": self.server.outputs.get("admin") or ADMIN,
                "version": _VERSION,
                "minimalTlsVersion": "1.2",
                "publicNetworkAccess": "Disabled",
            }
        }

    def _database(self, name: str) -> None:
        spec = self.spec
        available = bool(spec.high_availability)
        size = (spec.max_storage_gb or spec.storage_gb) * _GIB
        redundancy = "Geo" if spec.azure.geo_redundant_backup else _BACKUPS[available]
        body = {
            "sku": sku(spec, self.where),
            "properties": {
                "maxSizeBytes": size,
                "zoneRedundant": available,
                "requestedBackupStorageRedundancy": redundancy,
            },
        }
        self.resources.append(
            SqlDatabase(
                self.session,
                f"{spec.name}/{name}",
                f"{self.server.path}/databases/{name}",
                lambda: dict(body),
                parent=self.server,
                lock=self.server.path,
                present=self.present,
            )
        )

    def _endpoint(self, zone: PrivateZone) -> None:
        exports = self.network.exports
        subnet: ArmResource = exports.get("endpoints") or exports["nodes"]
        name = names.of(self.site, self.spec.name, "sql", limit=76)
        self.resources += endpoint_for(
            self.server,
            self.group,
            name,
            label="sql",
            member="sqlServer",
            subnet=subnet,
            zone=zone,
            present=self.present,
        )

    def _lock(self) -> None:
        name = "deletion-protection"
        self.resources.append(
            Lock(
                self.session,
                f"{self.spec.name}/{name}",
                f"{self.server.path}/providers/Microsoft.Authorization/locks/{name}",
                lambda: {"properties": {"level": "CanNotDelete", "notes": "deletion_protection of its site"}},
                parent=self.server,
                lock=self.server.path,
                present=self.present and bool(self.spec.deletion_protection),
            )
        )


def zone(groups: Groups, network: Built, *, present: bool) -> tuple[PrivateZone, ZoneLink]:
    """The private DNS zone of the service, and its link: the network has none for it."""
    session, exports = groups.session, network.exports
    group: ResourceGroup = exports["group"]
    subnet: ArmResource = exports.get("endpoints") or exports["nodes"]
    vnet = subnet.path.partition("/subnets/")[0]
    name = vnet.rpartition("/")[2]
    path = session.in_group(group.name, PrivateZone.type, DOMAIN)
    made = PrivateZone(session, DOMAIN, path, dict, parent=group, present=present)
    link = ZoneLink(
        session,
        f"{DOMAIN}/{name}",
        f"{path}/virtualNetworkLinks/{name}",
        lambda: {"properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}},
        parent=made,
        needs=[subnet],
        present=present,
    )
    return made, link


def sku(spec: DatabaseServer, where: str) -> dict[str, Any]:
    """The size of every database of a server. Raises: SpecError for an edition or a name that Azure SQL has not."""
    if spec.azure.sku:
        family, _underscore, cores = spec.azure.sku.rpartition("_")
        tier = {"GP": "GeneralPurpose", "BC": "BusinessCritical"}.get(family.partition("_")[0])
        if tier is None or not cores.isdigit() or "_S_" in family:
            raise SpecError(f"{where}.azure.sku: {spec.azure.sku!r} is not possible: write GP_Gen5_4 or BC_Gen5_4.")
        return {"name": family, "tier": tier, "family": family.rpartition("_")[2], "capacity": int(cores)}
    if spec.edition not in _TIERS:
        raise SpecError(
            f"{where}.edition: {spec.edition} does not exist on Azure SQL. Write standard (GeneralPurpose) or "
            "enterprise (BusinessCritical)."
        )
    name, tier = _TIERS[spec.edition]
    return {"name": name, "tier": tier, "family": "Gen5", "capacity": _CORES[spec.size]}


# Options that Azure SQL has no word for: whether it is asked for, and what to write instead.
def _unknown(spec: DatabaseServer) -> dict[str, tuple[bool, str]]:
    version = spec.version
    return {
        "version": (version not in (None, _VERSION), f"Azure SQL has one version, {_VERSION}. Remove it."),
        "storage_autogrow": (not spec.storage_autogrow, "databases grow up to their size by themselves. Write true."),
        "encryption": (spec.encryption == "customer", "customer keys are not offered for it here. Write provider."),
        "backup_window": (bool(spec.backup_window), "Azure chooses the time of backups itself. Remove it."),
        "backup_retention_days": (
            spec.backup_retention_days != 7,
            "7 is what Azure SQL keeps, and other times are not offered here. Write 7.",
        ),
        "point_in_time_recovery": (not spec.point_in_time_recovery, "it cannot be switched off. Write true."),
        "maintenance_window": (spec.maintenance_window is not None, "it is not offered for it here. Remove it."),
        "log_exports": (bool(spec.log_exports), "it is not offered for it here. Write false."),
        "performance_insights": (bool(spec.performance_insights), "it is not offered for it here. Write false."),
        "parameters": (bool(spec.parameters), "Azure SQL has no server parameters. Remove them."),
        "users": (bool(spec.users), "logins of SQL Server are made by T-SQL, which is not offered here. Remove them."),
        "replicas": (bool(spec.replicas), "they are not offered for it here. Remove them."),
        "final_snapshot": (
            bool(spec.final_snapshot),
            "nothing is kept of a deleted server. Export what you need, then write false.",
        ),
        "restore": (
            spec.restore is not None,
            "Azure SQL restores databases only inside their own server (az sql db restore). Remove it.",
        ),
        "azure.high_availability_mode": (
            bool(spec.azure.high_availability_mode),
            "its standbys always stand in other zones. Remove it.",
        ),
    }


def refuse(spec: DatabaseServer, where: str) -> None:
    """What Azure SQL cannot honour. Raises: SpecError naming every such option."""
    problems = [f"{where}.{name}: {reason}" for name, (asked, reason) in _unknown(spec).items() if asked]
    if max(spec.storage_gb, spec.max_storage_gb or 0) > _MOST_GB:
        problems.append(f"{where}.storage_gb: a database has {_MOST_GB} GiB at most.")
    if problems:
        raise SpecError(" ".join(problems))
