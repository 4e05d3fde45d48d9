# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable database is on AWS: RDS instances, where they stand, their parameters, passwords and contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .._engine.capability import Built
from .._engine.resource import NotYetKnown, Resource
from .._spec import names
from .._spec.database import Database, DatabaseServer, Replica
from .._spec.network import Network
from .._spec.site import check
from .._spec.sizes import environment_default
from .._sql.postgresql import Endpoint, PostgresServer
from .._sql.resources import PostgresDatabase, PostgresUser
from .base import Item
from .client import Session
from .data_tier import DataTier, StoreGroup, data_tier, port_problems
from .database_settings import (
    PORTS,
    class_of,
    engine_of,
    log_groups,
    parameters_of,
    problems_of,
    settings_of,
    version_of,
)
from .existing import ExistingKey
from .kms import SharedKey
from .logs import LogGroup
from .rds import Instance
from .rds_lists import AS_TAG, ORIGIN_TAG, SERVER_TAG, instances
from .rds_network import SubnetGroup, kept_snapshots
from .rds_parameters import OutdatedParameterGroups, ParameterGroup, Parameters
from .rds_passwords import ManagedPassword, OwnPassword
from .rds_replicas import ReadReplica
from .rds_restore import BackupOrigin, identifier
from .rds_versions import ServerVersion
from .secrets import SecretVault

# What a replica takes over from its source's entry.
_OF_REPLICAS = frozenset(
    {
        "AutoMinorVersionUpgrade",
        "BackupRetentionPeriod",
        "DBInstanceClass",
        "DeletionProtection",
        "EnabledCloudwatchLogsExports",
        "Iops",
        "MaxAllocatedStorage",
        "PerformanceInsightsEnabled",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "StorageType",
    }
)


def build(
    session: Session, spec: Database, network: Network, network_built: Built, secrets_built: Built, *, reapply: bool
) -> Built:
    """The servers' resources. Passwords of ours stand in the secret store, others in secrets that RDS keeps."""
    if not spec.servers:
        return Built(outputs=lambda: {"servers": {}})
    zones = len(network_built.exports.get("data_subnets") or network_built.exports["private_subnets"])
    problems = [problem for server in spec.servers for problem in problems_of(server, session.site, zones)]
    used = {server.engine for server in spec.servers if server.state == "present"}
    for engine in sorted(used):
        problems += port_problems(network, f"{engine} servers", PORTS[engine])
    check(problems)
    return _Builder(session, spec, network_built, secrets_built, reapply).everything()


@dataclass
class _Server:
    """What one entry was built to, for the outputs."""

    entry: DatabaseServer
    instance: Instance
    admin: ManagedPassword | OwnPassword
    users: dict[str, Resource] = field(default_factory=dict)
    replicas: dict[str, ReadReplica] = field(default_factory=dict)

    @property
    def secret(self) -> Any:
        """Where the administrator's password stands."""
        return self.admin.outputs.get("id")


@dataclass
class _Builder:
    """Collects the resources in the order in which they refer to each other."""

    session: Session
    spec: Database
    network: Built
    secrets: Built
    reapply: bool
    resources: list[Resource] = field(default_factory=list)
    servers: list[_Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault: SecretVault = self.secrets.exports["vault"]
        self.wanted = [server for server in self.spec.servers if server.state == "present"]

    def _add(self, resource: Any) -> Any:
        self.resources.append(resource)
        return resource

    def everything(self) -> Built:
        self.tiers = self._tiers()
        tier = next(iter(self.tiers.values()))
        self.subnet_group = self._add(
            SubnetGroup(
                self.session,
                names.of(self.session.site, "database", limit=255),
                self.network.exports["vpc"],
                tier.subnets,
                present=bool(self.wanted),
            )
        )
        self.subnet_group.needed = self._others_there
        self.key = self._key()
        self.given: dict[str, ExistingKey] = {}
        for server in self.spec.servers:
            self.servers.append(self._server(server))
        return Built(
            self.resources,
            {"servers": self.servers, "reach": {one.entry.name: partial(_console, one) for one in self._reachable()}},
            self._outputs,
        )

    def _reachable(self) -> list[_Server]:
        return [one for one in self.servers if one.entry.state == "present" and one.entry.engine == "postgresql"]

    def _tiers(self) -> dict[str, DataTier]:
        """By engine. In a network of the user's each has a security group of its own."""
        tiers: dict[str, DataTier] = {}
        for engine in sorted({server.engine for server in self.spec.servers}):
            part = "database" if engine == "postgresql" else f"database-{engine}"
            tiers[engine] = tier = data_tier(self.session, self.network, part, PORTS[engine])
            if isinstance(tier.group, StoreGroup):
                tier.group.present = any(server.engine == engine for server in self.wanted)
                tier.group.needed = self._others_there
                self.resources.append(tier.group)
        return tiers

    def _key(self) -> SharedKey | None:
        """One key for all servers that encrypt with a customer key and name none."""
        users = [s for s in self.spec.servers if s.encryption == "customer" and not s.aws.encryption_key_arn]
        if not users:
            return None
        final = any(server.final_snapshot for server in users)

        def needed(arn: str) -> bool:
            """By final snapshots, by others that stay, by instances of other calls."""
            held = [*kept_snapshots(self.session), *self._others()]
            return final or arn in {item.get("KmsKeyId") for item in held}

        name, base = names.of(self.session.site, "database"), self.session.site.base
        present = any(server.state == "present" for server in users)
        key: SharedKey = self._add(
            SharedKey(self.session, name, f"Databases of {base}", needed=needed, present=present)
        )
        return key

    def _others(self) -> list[Item]:
        """Instances that this call is not about."""
        entries = [server.name for server in self.spec.servers]
        entries += [replica.name for server in self.spec.servers for replica in server.replicas or ()]
        mine = {identifier(self.session, name) for name in entries}
        return [item for name, item in self.session.steady(lambda: instances(self.session)).items() if name not in mine]

    def _others_there(self) -> bool:
        """Whether any of them stands in the same subnet group."""
        groups = {(item.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") for item in self._others()}
        return self.subnet_group.name in groups

    def _key_of(self, server: DatabaseServer) -> Resource | None:
        arn = server.aws.encryption_key_arn
        if arn and arn not in self.given:
            self.given[arn] = self._add(ExistingKey(self.session, arn))
        return self.given[arn] if arn else self.key if server.encryption == "customer" else None

    # -- one server ----------------------------------------------------------------------------------------------------

    def _server(self, server: DatabaseServer) -> _Server:
        session, present = self.session, server.state == "present"
        name = identifier(session, server.name)
        origin = None
        if server.restore and present:
            origin = BackupOrigin(session, server.restore, f"database.servers.{server.name}.restore", name)
        version = ServerVersion(
            session, engine_of(server), version_of(server), name, origin.version if origin else None
        )
        group = self._add(ParameterGroup(session, name, version, parameters_of(server), present=present))
        own = self._keeps_own(server)
        place = self._add(self.vault.place(f"database/{server.name}/admin", present=present and own))
        settings = {**settings_of(server), "ManageMasterUserPassword": None if own else True}
        first = (server.databases or (None,))[0]
        instance = Instance(
            session,
            name,
            {**settings, "DBName": first if server.engine == "postgresql" else None},
            version=version,
            subnet_group=self.subnet_group,
            security_groups=[self.tiers[server.engine].group],
            parameter_group=group,
            encrypted_by=self._key_of(server),
            secret_encrypted_by=self.secrets.exports.get("key"),
            needs=[*self._log_groups(server, name, present), *([place] if own else [])],
            origin=origin,
            final_snapshot=bool(server.final_snapshot),
            extra_tags=_tags(server, origin),
            present=present,
        )
        self._add(instance)
        admin: ManagedPassword | OwnPassword
        if own:
            admin = OwnPassword(
                instance,
                place.name,
                self.vault,
                place,
                secret=f"database/{server.name}/admin",
                username=str(settings["MasterUsername"]),
                rotate=server.rotate,
                reapply=self.reapply,
                present=present,
            )
        else:
            admin = ManagedPassword(instance, rotate=server.rotate)
        self._add(admin)
        built = _Server(server, instance, admin)
        self._replicas(built, group)
        if present:
            beside = [replica for replica in built.replicas.values() if replica.present and not replica.abroad]
            self._add(Parameters(session, group, [instance, *beside], [admin]))
        self._add(OutdatedParameterGroups(session, group, instance))
        if server.engine == "postgresql":
            self._contents(built)
        return built

    @staticmethod
    def _keeps_own(server: DatabaseServer) -> bool:
        """Whether the administrator's password is ours: RDS makes no replicas of a PostgreSQL server whose password it
        keeps."""
        return server.engine == "postgresql" and bool(server.replicas)

    def _log_groups(self, server: DatabaseServer, name: str, present: bool) -> list[LogGroup]:
        """Made before RDS would, which makes them without a retention and leaves them behind."""
        present = present and bool(server.log_exports)
        days = int(environment_default(self.session.site.environment, "log_retention_days"))
        groups = [LogGroup(self.session, group, days, present=present) for group in log_groups(server, name)]
        self.resources += groups
        return groups

    def _replicas(self, built: _Server, group: ParameterGroup) -> None:
        for replica in built.entry.replicas or ():
            built.replicas[replica.name] = self._add(self._replica(built, replica, group))

    def _replica(self, built: _Server, replica: Replica, group: ParameterGroup) -> ReadReplica:
        server, site = built.entry, self.session.site
        abroad = replica.region not in (None, site.region)
        settings = {name: value for name, value in settings_of(server).items() if name in _OF_REPLICAS}
        settings["DBInstanceClass"] = class_of(server)
        name, present = identifier(self.session, replica.name), server.state == "present" and replica.state == "present"
        if abroad:
            settings["EnabledCloudwatchLogsExports"] = []  # the site keeps no log groups in other regions
        logs = [] if abroad else self._log_groups(server, name, present)
        placement = {
            "DBSubnetGroupName": replica.aws.subnet_group,
            "VpcSecurityGroupIds": list(replica.aws.security_group_ids or ()),
        }
        return ReadReplica(
            self.session,
            name,
            settings,
            built.instance,
            promote=replica.promote,
            max_lag_seconds=replica.max_lag_seconds,
            needs=(built.admin, *logs),
            key_arn=replica.aws.encryption_key_arn,
            placement=placement if abroad else None,
            security_groups=[] if abroad else [self.tiers[server.engine].group],
            parameter_group=None if abroad else group,
            final_snapshot=bool(server.final_snapshot),
            region=replica.region if abroad else None,
            extra_tags={SERVER_TAG: replica.name},
            present=present,
        )

    def _contents(self, built: _Server) -> None:
        """Databases beyond the first, which RDS makes with the instance, and users: by SQL."""
        server, instance = built.entry, built.instance
        databases, users = server.databases or (), server.users or ()
        connect = partial(_console, built)
        made: dict[str, Resource] = {}
        if server.state == "present" and (len(databases) > 1 or users or (databases and server.restore)):
            for name in databases:
                database = PostgresDatabase(f"{instance.name}/{name}", name, instance, connect, needs=[built.admin])
                made[name] = self._add(database)
        for user in users:
            present = server.state == "present" and user.state == "present"
            secret = f"database/{server.name}/{user.name}"
            place = self._add(self.vault.place(secret, present=present))
            granted = databases if user.databases is None else user.databases
            login = PostgresUser(
                f"{instance.name}/{user.name}",
                self.vault,
                place,
                instance,
                [built.admin, *(made[name] for name in granted if name in made)],
                connect=connect,
                username=user.name,
                databases=granted,
                secret=secret,
                rotate=user.rotate,
                reapply=self.reapply,
                present=present,
            )
            self._add(login)
            if present:
                built.users[user.name] = place

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def _outputs(self) -> dict[str, Any]:
        return {"servers": {one.entry.name: _told(one) for one in self.servers if one.entry.state == "present"}}


def _tags(server: DatabaseServer, origin: BackupOrigin | None) -> dict[str, str]:
    restored = {ORIGIN_TAG: origin.mark, AS_TAG: server.name} if origin else {}
    return {SERVER_TAG: server.name, **restored}


def _console(one: _Server) -> PostgresServer:
    """The server as its administrator. NotYetKnown while it has no address, is stopped, or while nobody can tell which
    password it takes."""
    instance = one.instance
    if isinstance(one.admin, OwnPassword) and not one.admin.settled:
        raise NotYetKnown(f"{one.admin.key}: the password in use")
    if (instance.item() or {}).get("DBInstanceStatus") == "stopped":
        raise NotYetKnown(f"{instance.key}: what is in it, while it is stopped")
    endpoint = Endpoint(str(instance.known("host")), int(instance.known("port")))
    password: Callable[[], str] = one.admin.password
    return PostgresServer(endpoint, str(instance.known("username")), password)


def _told(one: _Server) -> dict[str, Any]:
    instance = one.instance
    return {
        "id": instance.out("id"),
        "host": instance.out("host"),
        "port": instance.out("port"),
        "engine": one.entry.engine,
        "version": instance.out("version"),
        "databases": list(one.entry.databases or ()),
        "admin": {"username": instance.out("username"), "secret": one.secret},
        "users": {name: {"secret": place.out("id")} for name, place in one.users.items()},
        "replicas": {
            name: {"id": replica.out("id"), "host": replica.out("host"), "port": replica.out("port")}
            for name, replica in one.replicas.items()
            if replica.present
        },
    }
