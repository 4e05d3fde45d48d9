# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's managed databases on Google Cloud: Cloud SQL, private, encrypted, backed up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from .._engine.capability import Built
from .._engine.credential import unpack
from .._engine.errors import AuthError
from .._engine.fields import CREATE_ONLY, Field
from .._engine.resource import Resource
from .._spec import names
from .._spec.cluster import MaintenanceWindow
from .._spec.database import Database, DatabaseServer, DatabaseUser, Replica
from .._spec.site import check
from .._spec.sizes import DATABASE_CLASSES
from .._sql.postgresql import Endpoint, PostgresServer
from .agents import AgentGrant
from .client import Cloud
from .cloudsql import holder
from .cloudsql_backups import needs_key
from .cloudsql_contents import SqlDatabase, SqlLogin
from .cloudsql_fields import at_least
from .cloudsql_server import FINAL_DAYS, Server
from .kms import GivenKey, KeepingKey
from .private_services import connection, port_problem
from .secrets import SecretVault

ROOTS = {"postgresql": "postgres", "sqlserver": "sqlserver"}
PORTS = {"postgresql": 5432, "sqlserver": 1433}
NEWEST = {"postgresql": "17", "sqlserver": "2022"}
# ENTERPRISE_PLUS has machines of its own: 2 vCPU / 16 GB, 4 / 32, 8 / 64.
PLUS = {"small": "db-perf-optimized-N-2", "medium": "db-perf-optimized-N-4", "large": "db-perf-optimized-N-8"}
LOG_DAYS = {"ENTERPRISE": 7, "ENTERPRISE_PLUS": 35}  # transaction logs are kept no longer
# What log_exports adds to the log, which always goes to Cloud Logging.
LOGGED = ("log_checkpoints", "log_connections", "log_disconnections", "log_lock_waits")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_OWN_KEY = "database"
_DEFAULT_WINDOW = "03:00"


def build(
    spec: Database, network: Any, network_built: Built, secrets_built: Built, cloud: Cloud, *, reapply: bool
) -> Built:
    """The servers' resources. Raises SpecError for what Cloud SQL cannot honour."""
    wanted = [server for server in spec.servers if server.state == "present"]
    check([problem for server in wanted for problem in _problems(server, network)])
    return Builder(spec, network, network_built, secrets_built, cloud, reapply).built()


def _problems(server: DatabaseServer, network: Any) -> Iterator[str]:
    where = f"database.servers.{server.name}"
    closed = port_problem(network, PORTS[server.engine], where)
    if closed:
        yield closed
    pattern = r"\d+|9\.6" if server.engine == "postgresql" else r"\d{4}"
    if server.version is not None and not re.fullmatch(pattern, server.version):
        newest = NEWEST[server.engine]
        yield f"{where}.version: {server.version!r} is not possible: Cloud SQL takes major versions, such as {newest}."
    backed_up = bool(server.backup_retention_days)
    if server.high_availability and not (backed_up and server.point_in_time_recovery):
        yield (
            f"{where}.high_availability: Cloud SQL replicates to a second zone only with backups and point-in-time "
            "recovery. Set backup_retention_days and point_in_time_recovery: true, or high_availability: false."
        )
    if server.engine == "sqlserver" and server.replicas and server.edition != "enterprise":
        yield f"{where}.replicas: Cloud SQL replicates SQL Server in edition: enterprise only."
    tier = server.gcp.tier or ""
    plus = server.gcp.edition == "ENTERPRISE_PLUS"
    if tier and plus != tier.startswith("db-perf-optimized"):
        yield f"{where}.gcp: the tier {tier} does not belong to the edition {server.gcp.edition or 'ENTERPRISE'}."
    if server.high_availability and tier in ("db-f1-micro", "db-g1-small"):
        yield f"{where}.gcp.tier: {tier} cannot be highly available. Choose another, or high_availability: false."
    for user in server.users or ():
        left = sorted(set(server.databases or ()) - set(user.databases or server.databases or ()))
        if left:
            yield (
                f"{where}.users.{user.name}.databases: logins that Cloud SQL makes may use every database of their "
                f"server, {', '.join(left)} too. Leave it out, or give that user a server of its own."
            )
        if user.name == ROOTS[server.engine]:
            yield f"{where}.users.{user.name}: this is the administrator. Choose another name."
    if server.maintenance_window and len(server.maintenance_window.days or ()) != 1:
        yield f"{where}.maintenance_window.days: Cloud SQL takes one day of the week. Name exactly one."
    if server.maintenance_window and not server.maintenance_window.start_time.endswith(":00"):
        yield f"{where}.maintenance_window.start_time: Cloud SQL takes whole hours."
    if server.maintenance_window and server.maintenance_window.duration_hours != MaintenanceWindow.duration_hours:
        yield f"{where}.maintenance_window.duration_hours: Cloud SQL begins within the hour; remove it."


class Builder:
    """Makes the resources of one site's servers."""

    def __init__(
        self, spec: Database, network: Any, network_built: Built, secrets_built: Built, cloud: Cloud, reapply: bool
    ) -> None:
        self.spec = spec
        self.cloud = cloud
        self.site = cloud.site
        self.network = network_built.exports["network"]
        self.connection = connection(cloud, network, network_built, "database") if spec.servers else None
        self.vault: SecretVault = secrets_built.exports["vault"]
        self.reapply = reapply
        self.keys: dict[str, list[Any]] = {}
        self.servers: dict[str, Server] = {}
        self.logins: dict[str, dict[str, SqlLogin]] = {}
        self.resources: list[Resource] = []

    def built(self) -> Built:
        for server in self.spec.servers:
            self._server(server)
        extra = [self.connection] if self.connection is not None and not self.connection.managed else []
        keys = [each for pair in self.keys.values() for each in pair]
        return Built([*extra, *keys, *self.resources], {"reach": self._reach()}, self._outputs)

    def _server(self, spec: DatabaseServer) -> None:
        present = spec.state == "present"
        key = self._key(spec, self.site.region) if present else []
        place = self.vault.place(f"{spec.name}-{ROOTS[spec.engine]}", present=present)
        server = Server(
            self.cloud,
            names.of(self.site, spec.name),
            lambda: self._body(spec, key),
            (*self._base(), place, *key),
            server=spec.name,
            restore=spec.restore,
            final=bool(spec.final_snapshot),
            present=present,
        )
        self._class(server, spec)
        self.servers[spec.name] = server
        admin = SqlLogin(
            self.cloud,
            place.name,
            self.vault,
            place,
            server,
            username=ROOTS[spec.engine],
            own=False,
            secret=f"{spec.name}-{ROOTS[spec.engine]}",
            rotate=spec.rotate,
            reapply=self.reapply,
            present=present,
        )
        server.admin = admin
        self.logins[spec.name] = {"": admin}
        self.resources += [place, server, admin]
        databases = [
            SqlDatabase(self.cloud, f"{server.name}-{name}", name, server, (admin,)) for name in spec.databases or ()
        ]
        if present:
            self.resources += databases
        for user in spec.users or ():
            self._user(spec, server, user, databases, present)
        for replica in spec.replicas or ():
            self._replica(spec, server, replica, present)

    def _base(self) -> tuple[Resource, ...]:
        return tuple(each for each in (self.network, self.connection) if each is not None)

    def _user(
        self, spec: DatabaseServer, server: Server, user: DatabaseUser, databases: list[SqlDatabase], present: bool
    ) -> None:
        wanted = present and user.state == "present"
        place = self.vault.place(f"{spec.name}-{user.name}", present=wanted)
        login = SqlLogin(
            self.cloud,
            place.name,
            self.vault,
            place,
            server,
            databases,
            username=user.name,
            secret=f"{spec.name}-{user.name}",
            rotate=user.rotate,
            reapply=self.reapply,
            present=wanted,
        )
        self.logins[spec.name][user.name] = login
        self.resources += [place, login]

    def _replica(self, spec: DatabaseServer, master: Server, replica: Replica, present: bool) -> None:
        wanted = present and replica.state == "present"
        region = replica.region or self.site.region
        key = self._key(spec, region) if wanted else []
        server = Server(
            self.cloud,
            names.of(self.site, replica.name),
            lambda: self._replica_body(spec, master, replica, region, key),
            (*self._base(), master, *key),
            server=replica.name,
            max_lag=replica.max_lag_seconds,
            final=bool(spec.final_snapshot) and replica.promote,
            present=wanted,
        )
        server.lock = master.lock  # a new replica keeps its primary busy
        self._class(server, spec)
        if not replica.promote:
            server.classed({"databaseVersion": CREATE_ONLY})  # its primary's, and upgraded with it
        self.servers[replica.name] = server
        self.resources.append(server)

    @staticmethod
    def _class(server: Server, spec: DatabaseServer) -> None:
        classes = {}
        if spec.storage_autogrow:
            classes["settings.dataDiskSizeGb"] = Field(equal=at_least)
        if spec.version is None:
            classes["databaseVersion"] = CREATE_ONLY
        if spec.parameters is None:
            classes["settings.databaseFlags"] = Field(key="name", open=True)
        server.classed(classes)

    # -- bodies ----------------------------------------------------------------------------------------------------

    def _body(self, spec: DatabaseServer, key: list[Any]) -> dict[str, Any]:
        edition = spec.gcp.edition or "ENTERPRISE"
        days = spec.backup_retention_days or 0
        settings = {
            **self._common(spec, edition),
            "availabilityType": "REGIONAL" if spec.high_availability else "ZONAL",
            "dataDiskSizeGb": str(spec.storage_gb),
            "backupConfiguration": {
                "enabled": days > 0,
                "startTime": spec.backup_window or _DEFAULT_WINDOW,
                "pointInTimeRecoveryEnabled": days > 0 and spec.point_in_time_recovery,
                # One backup a day.
                "backupRetentionSettings": {"retainedBackups": max(days, 1), "retentionUnit": "COUNT"},
                "transactionLogRetentionDays": max(1, min(days, LOG_DAYS[edition])),
            },
            "finalBackupConfig": {"enabled": bool(spec.final_snapshot), "retentionDays": FINAL_DAYS},
        }
        if spec.final_snapshot:
            settings["retainBackupsOnDelete"] = True
        return self._whole(spec, self.site.region, key, settings, "")

    def _replica_body(
        self, spec: DatabaseServer, master: Server, replica: Replica, region: str, key: list[Any]
    ) -> dict[str, Any]:
        if replica.promote:
            # From then on it is a server like the one that it followed.
            return self._whole(spec, region, key, self._body(spec, key)["settings"], "")
        settings = {**self._common(spec, spec.gcp.edition or "ENTERPRISE"), "availabilityType": "ZONAL"}
        body = self._whole(spec, region, key, settings, master.out("name"))
        return {**body, "databaseVersion": master.outputs.get("database_version") or body["databaseVersion"]}

    def _whole(
        self, spec: DatabaseServer, region: str, key: list[Any], settings: dict[str, Any], master: Any
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "databaseVersion": _version(spec),
            "region": region,
            "masterInstanceName": master,
            "settings": settings,
        }
        if key:
            body["diskEncryptionConfiguration"] = {"kmsKeyName": key[0].path}
        return body

    def _common(self, spec: DatabaseServer, edition: str) -> dict[str, Any]:
        """What a primary and its replicas have alike."""
        plus = edition == "ENTERPRISE_PLUS"
        settings: dict[str, Any] = {
            "edition": edition,
            "tier": spec.gcp.tier or (PLUS if plus else DATABASE_CLASSES["gcp"])[spec.size],
            "activationPolicy": "ALWAYS",
            "storageAutoResize": spec.storage_autogrow,
            "storageAutoResizeLimit": str(spec.max_storage_gb or 0),
            "ipConfiguration": {
                "ipv4Enabled": False,
                "privateNetwork": self.network.out("id"),
                "sslMode": "ENCRYPTED_ONLY",
            },
            "insightsConfig": {"queryInsightsEnabled": bool(spec.performance_insights)},
            "deletionProtectionEnabled": bool(spec.deletion_protection),
        }
        if spec.maintenance_window:
            window = spec.maintenance_window
            settings["maintenanceWindow"] = {
                "day": _DAYS.index((window.days or _DAYS)[0]) + 1,
                "hour": int(window.start_time.partition(":")[0]),
            }
        flags = _flags(spec)
        if flags or spec.parameters is not None:
            settings["databaseFlags"] = flags
        return settings

    def _key(self, spec: DatabaseServer, region: str) -> list[Any]:
        """With encryption: customer the key, which must stand in the server's region, and the grant to use it."""
        if spec.encryption != "customer":
            return []
        given = spec.gcp.kms_key if spec.gcp.kms_key and f"/locations/{region}/" in spec.gcp.kms_key else None
        name = given or region
        if name not in self.keys:
            key: KeepingKey | GivenKey
            if given:
                key = GivenKey(self.cloud, given)
            else:
                parts = (_OWN_KEY,) if region == self.site.region else (_OWN_KEY, region)
                key = KeepingKey(
                    self.cloud,
                    names.of(self.site, *parts),
                    names.of(self.site),
                    region,
                    lambda path: self._leaves_backup() or needs_key(self.cloud, path),
                )
            label = names.of(self.site, _OWN_KEY, f"sqladmin-{len(self.keys) + 1}")
            self.keys[name] = [key, AgentGrant(self.cloud, label, key, "sqladmin")]
        return self.keys[name]

    def _leaves_backup(self) -> bool:
        return any(server.final_snapshot and holder(self.cloud, server.name) for server in self.spec.servers)

    # -- outputs ---------------------------------------------------------------------------------------------------

    def _reach(self) -> dict[str, Callable[[], PostgresServer]]:
        return {
            spec.name: self._reaching(spec)
            for spec in self.spec.servers
            if spec.state == "present" and spec.engine == "postgresql"
        }

    def _reaching(self, spec: DatabaseServer) -> Callable[[], PostgresServer]:
        secret = f"{spec.name}-{ROOTS[spec.engine]}"

        def password() -> str:
            stored = self.vault.current(secret)
            if stored is None:
                raise AuthError(f"database server {spec.name}: its administrator has no password in the secret store.")
            return unpack(stored)

        def reach() -> PostgresServer:
            endpoint = Endpoint(str(self.servers[spec.name].known("host")), PORTS[spec.engine])
            return PostgresServer(endpoint, ROOTS[spec.engine], password)

        return reach

    def _outputs(self) -> dict[str, Any]:
        return {"servers": {spec.name: self._shown(spec) for spec in self.spec.servers if spec.state == "present"}}

    def _shown(self, spec: DatabaseServer) -> dict[str, Any]:
        logins = self.logins[spec.name]
        return {
            **self._place(spec, self.servers[spec.name]),
            "databases": sorted(spec.databases or ()),
            "admin": {"username": ROOTS[spec.engine], "secret": logins[""].place.outputs.get("id")},
            "users": {
                name: {"secret": login.place.outputs.get("id")}
                for name, login in logins.items()
                if name and login.present
            },
            "replicas": {
                each.name: self._place(spec, self.servers[each.name])
                for each in spec.replicas or ()
                if each.state == "present"
            },
        }

    @staticmethod
    def _place(spec: DatabaseServer, server: Server) -> dict[str, Any]:
        out = server.outputs
        return {
            "id": out.get("id"),
            "host": out.get("host"),
            "port": PORTS[spec.engine],
            "engine": spec.engine,
            "version": out.get("version"),
        }


def _version(spec: DatabaseServer) -> str:
    version = (spec.version or NEWEST[spec.engine]).replace(".", "_")
    if spec.engine == "postgresql":
        return f"POSTGRES_{version}"
    return f"SQLSERVER_{version}_{(spec.edition or 'standard').upper()}"


def _flags(spec: DatabaseServer) -> list[dict[str, str]]:
    flags = dict.fromkeys(LOGGED, "on") if spec.log_exports and spec.engine == "postgresql" else {}
    flags |= spec.parameters or {}
    return [{"name": name, "value": str(value)} for name, value in sorted(flags.items())]
