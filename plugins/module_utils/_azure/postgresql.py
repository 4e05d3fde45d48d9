# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One portable PostgreSQL server on Azure: a flexible server in a delegated subnet, and all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._engine.credential import unpack
from .._engine.errors import NotFound
from .._engine.resource import NotYetKnown, Resource
from .._spec.database import DatabaseServer, Replica
from .._spec.site import Site
from .._spec.sizes import DATABASE_CLASSES, environment_default
from .._sql.postgresql import Endpoint, PostgresServer
from .._sql.resources import Connect, PostgresUser
from . import database_backups, database_offers, encryption, postgresql_words
from .arm import at
from .database_abroad import Abroad
from .database_network import DatabasePlace
from .groups import Groups
from .kinds_common import Identity, Workspace
from .kinds_postgresql import ORIGIN, PORT, FlexibleServer, ReadReplica
from .kinds_postgresql_parts import AdminPassword, Parameters, ServerDatabase, ServerLock, ServerLogs
from .kinds_secrets import VaultSecret
from .secret_store import Secrets

ADMIN = "platform_admin"
_VERSION = "17"  # of a new server whose version nobody names
_LOGS = ("PostgreSQLLogs",)


@dataclass
class Shown:
    """What the outputs of one server are told by."""

    server: FlexibleServer
    admin: VaultSecret
    reach: Connect
    users: dict[str, VaultSecret] = field(default_factory=dict)
    replicas: dict[str, ReadReplica] = field(default_factory=dict)


class PostgresBuilder:
    """One server's resources, in the order of their making."""

    def __init__(
        self,
        groups: Groups,
        spec: DatabaseServer,
        place: DatabasePlace,
        secrets: Secrets,
        workspace: Workspace,
        abroad: Abroad,
        *,
        reapply: bool,
    ) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.place = place
        self.secrets = secrets
        self.workspace = workspace
        self.abroad = abroad
        self.reapply = reapply
        self.present = spec.state == "present"
        self.where = f"database.servers.{spec.name}"
        self.lock = f"postgresql {spec.name}"
        self.sku = postgresql_words.sku(spec.azure.sku or DATABASE_CLASSES["azure"][spec.size])
        self.resources: list[Resource] = []

    def build(self) -> Shown:
        if self.present:
            postgresql_words.refuse(self.spec, self.sku, self.where)
        self.admin_secret = self.secrets.place("database", self.spec.name, ADMIN, present=self.present)
        key = self._encryption()
        self.server = FlexibleServer(
            self.session,
            self.spec.name,
            self.place.group,
            lambda: self._body(key),
            password=self._password,
            origin=self._origin(),
            needs=[*self.place.needs, self.admin_secret, *self.encryption_needs],
            lock=self.lock,
            present=self.present,
        )
        self.credential = AdminPassword(
            self.server,
            self.secrets.vault,
            self.admin_secret,
            secret=self.admin_secret.name,
            username=ADMIN,
            rotate=self.spec.rotate,
            reapply=self.reapply,
            present=self.present,
        )
        self.resources += [self.admin_secret, self.server, self.credential]
        shown = Shown(self.server, self.admin_secret, self._connect)
        parameters = Parameters(
            self.server,
            postgresql_words.parameters(self.spec),
            lock=self.lock,
            needs=[self.credential],
            present=self.present,
        )
        self.resources.append(parameters)
        databases = [self._database(name) for name in self.spec.databases or ()]
        self._users(shown, [self.credential, *databases])
        for replica in self.spec.replicas or ():
            self._replica(replica, shown)
        self._guards()
        return shown

    def _password(self) -> str:
        return self.credential.for_creation()

    # -- the server ------------------------------------------------------------------------------------------------

    def _body(self, key: dict[str, Any] | None) -> dict[str, Any]:
        spec = self.spec
        body: dict[str, Any] = {
            "sku": dict(self.sku),
            "properties": {
                "administratorLogin": self.server.outputs.get("admin") or ADMIN,
                "version": spec.version or (None if self.server.raw else _VERSION),
                "storage": {
                    "storageSizeGB": spec.storage_gb,
                    "autoGrow": "Enabled" if spec.storage_autogrow else "Disabled",
                },
                "network": {
                    "delegatedSubnetResourceId": self.place.subnet.out("id"),
                    "privateDnsZoneArmResourceId": self.place.zone.out("id"),
                },
                "backup": {
                    "backupRetentionDays": spec.backup_retention_days,
                    "geoRedundantBackup": "Enabled" if spec.azure.geo_redundant_backup else "Disabled",
                },
                "highAvailability": {"mode": self._availability()},
                "maintenanceWindow": postgresql_words.window(spec.maintenance_window),
                "authConfig": {"passwordAuth": "Enabled"},
            },
        }
        if spec.restore is not None:
            body["tags"] = {ORIGIN: postgresql_words.origin_of(spec.restore)}
        if key is not None:
            identity: Identity = key["identity"]
            body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}}
            body["properties"]["dataEncryption"] = {
                "type": "AzureKeyVault",
                "primaryKeyURI": key["key"].out("versioned"),
                "primaryUserAssignedIdentityId": identity.path,
            }
        return body

    def _availability(self) -> str:
        """Zone redundant where the region can do it, else a standby in the same zone."""
        if not self.spec.high_availability:
            return "Disabled"
        if self.spec.azure.high_availability_mode:
            return self.spec.azure.high_availability_mode
        mode = str(at(self.server.raw, "properties.highAvailability.mode") or "Disabled")
        if mode != "Disabled":
            return mode
        return "ZoneRedundant" if database_offers.zone_redundant(self.session) else "SameZone"

    def _origin(self) -> Any:
        restore = self.spec.restore
        if restore is None:
            return None
        return lambda: database_backups.origin(self.session, restore, f"{self.where}.restore")

    def _encryption(self) -> dict[str, Any] | None:
        """A customer key, and an identity that may use it."""
        self.encryption_needs: list[Resource] = []
        if self.spec.encryption != "customer":
            return None
        session, group = self.session, self.place.group
        given = self.spec.azure.key_vault_key_id
        if given:
            found = encryption.given(session, f"{self.where}.azure.key_vault_key_id", given)
        else:
            found = encryption.own(
                session, group, f"{self.spec.name}-db", "database", lasting=True, present=self.present
            )
        name = postgresql_words.identity_name(self.site, self.spec.name)
        path = session.in_group(group.name, Identity.type, name)
        identity = Identity(session, name, path, dict, parent=group, present=self.present)
        role = "key-vault-crypto-service-encryption-user"
        grant = found.allow(session, f"{name}/{role}", role, identity, present=self.present)
        self.resources += [*found.resources, identity, grant]
        self.encryption_needs = [found.key, identity, grant]
        return {"identity": identity, "key": found.key}

    # -- what belongs to it ----------------------------------------------------------------------------------------

    def _database(self, name: str) -> ServerDatabase:
        database = ServerDatabase(
            self.server,
            f"databases/{name}",
            lambda: {"properties": {"charset": "UTF8", "collation": "en_US.utf8"}},
            lock=self.lock,
            present=self.present,
        )
        self.resources.append(database)
        return database

    def _connect(self) -> PostgresServer:
        vault, secret = self.secrets.vault, self.admin_secret.name

        def password() -> str:
            stored = vault.current(secret)
            if stored is None:
                raise NotFound(f"the vault holds no password of {ADMIN}.", what=self.server.key)
            return unpack(stored)

        if not self.credential.settled:
            raise NotYetKnown(f"{self.credential.key}: the password in use")
        if str(at(self.server.raw, "properties.state")).lower() in ("stopped", "stopping"):
            raise NotYetKnown(f"{self.server.key}: what is in it, while it is stopped")
        host = self.server.known("host")
        return PostgresServer(Endpoint(host, PORT, self.site.ca_bundle), str(self.server.known("admin")), password)

    def _users(self, shown: Shown, needs: list[Resource]) -> None:
        for user in self.spec.users or ():
            present = self.present and user.state == "present"
            secret = self.secrets.place("database", self.spec.name, user.name, present=present)
            login = PostgresUser(
                f"{self.spec.name}/{user.name}",
                self.secrets.vault,
                secret,
                self.server,
                needs,
                connect=self._connect,
                username=user.name,
                databases=user.databases if user.databases is not None else (self.spec.databases or ()),
                secret=secret.name,
                rotate=user.rotate,
                reapply=self.reapply,
                present=present,
            )
            self.resources += [secret, login]
            if present:
                shown.users[user.name] = secret

    def _replica(self, replica: Replica, shown: Shown) -> None:
        present = self.present and replica.state == "present"
        if present:
            postgresql_words.refuse_replica(self.sku, f"{self.where}.replicas.{replica.name}")
        region = abroad_region(replica, self.site)
        place = self.abroad.places[region] if region else self.place

        def body() -> dict[str, Any]:
            return {
                "location": region or self.site.region,
                "sku": dict(self.sku),
                "properties": {
                    "storage": {
                        "storageSizeGB": self.spec.storage_gb,
                        "autoGrow": "Enabled" if self.spec.storage_autogrow else "Disabled",
                    },
                    "network": {
                        "delegatedSubnetResourceId": place.subnet.out("id"),
                        "privateDnsZoneArmResourceId": place.zone.out("id"),
                    },
                    "replicationRole": "Primary" if replica.promote else "AsyncReplica",
                },
            }

        made = ReadReplica(
            self.session,
            replica.name,
            self.place.group,
            body,
            source=self.server,
            most=replica.max_lag_seconds,
            lag=lambda path: database_backups.lag(self.session, path),
            needs=place.needs,
            lock=self.lock,
            present=present,
        )
        self.resources.append(made)
        if present:
            shown.replicas[replica.name] = made

    def _guards(self) -> None:
        lock = ServerLock(
            self.server,
            "providers/Microsoft.Authorization/locks/deletion-protection",
            lambda: {"properties": {"level": "CanNotDelete", "notes": "deletion_protection of its site"}},
            lock=self.lock,
            present=self.present and bool(self.spec.deletion_protection),
        )
        logs = ServerLogs(
            self.server,
            "providers/Microsoft.Insights/diagnosticSettings/platform-logs",
            lambda: {
                "properties": {
                    "workspaceId": self.workspace.out("id"),
                    "logAnalyticsDestinationType": "Dedicated",
                    "logs": [{"category": category, "enabled": True} for category in _LOGS],
                }
            },
            needs=[self.workspace],
            present=self.present and bool(self.spec.log_exports),
        )
        self.resources += [lock, logs]


def log_days(environment: str) -> int:
    """A workspace keeps logs for 30 days at least."""
    return max(30, int(environment_default(environment, "log_retention_days")))


def abroad_region(replica: Replica, site: Site) -> str:
    """The region of a replica that is not the site's; empty for one at home."""
    region = (replica.region or "").replace(" ", "").lower()
    return "" if region == site.region.lower() else region
