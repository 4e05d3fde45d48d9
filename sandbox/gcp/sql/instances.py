"""Instances: creation, reading, deletion."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import Any

from .. import cmek, psa
from ..calls import Call, handles
from ..catalog import REGIONS
from ..errors import GoogleError
from ..listing import page, predicate
from ..quotas import SQL_INSTANCES, SQL_NAME_DAYS
from ..render import writable
from ..state import PROJECT, State
from . import operations, servers
from .keeping import first_backup, kept_after_deletion, look_after, part
from .model import Data, Instance, find, public_address, replicas, shown, sql_error
from .settings import complete, network_of
from .versions import DEFAULT_VERSION, invalid_request, version

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,96}[a-z0-9])?")
_MAX_NAME = 98
# Stored as sent; everything else of an instance is Google's.
_STORED = (
    *("databaseVersion", "diskEncryptionConfiguration", "instanceType", "maintenanceVersion", "masterInstanceName"),
    *("name", "region", "replicaConfiguration", "replicationCluster", "settings", "databaseCenterIntegration"),
)


def check_name(call: Call, name: str) -> None:
    """400 for a name that cannot be, 409 for one that is taken."""
    if not _NAME.fullmatch(name) or len(f"{PROJECT}:{name}") > _MAX_NAME:
        raise invalid_request(f"Invalid instance name ({name}).")
    held = call.state.sql_names.get(name)
    if name in call.state.sql or (held is not None and held > call.context.clock.now()):
        raise sql_error(
            409,
            "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the "
            "deleted instance until one week from the deletion date.",
            "instanceAlreadyExists",
        )
    if len(call.state.sql) + 1 > call.context.quotas.get(SQL_INSTANCES):
        raise GoogleError(
            403,
            "Failed to create instance because the project or creator has reached the max instance per project limit.",
            reason="quotaExceeded",
        )


def prepare(call: Call, body: Data, *, replica: bool = False) -> Instance:
    """A new instance from a request; 400 for what cannot be."""
    data: Data = {key: copy.deepcopy(body[key]) for key in _STORED if key in body}
    check_name(call, data.get("name", ""))
    data["databaseVersion"] = data.get("databaseVersion", DEFAULT_VERSION)
    of = version(data["databaseVersion"])
    if data.setdefault("region", "us-central1") not in REGIONS:
        raise invalid_request(f"Invalid region ({data['region']}).")
    if "settings" not in data:
        raise GoogleError(400, "Missing parameter: Settings.", reason="required")
    kind = "READ_REPLICA_INSTANCE" if replica else "CLOUD_SQL_INSTANCE"
    given = data.get("instanceType", "SQL_INSTANCE_TYPE_UNSPECIFIED")
    if given not in (kind, "SQL_INSTANCE_TYPE_UNSPECIFIED"):
        raise invalid_request(f"Instance type {given} does not fit: expected {kind}.")
    data |= {"instanceType": kind, "state": "PENDING_CREATE", "maintenanceVersion": of.maintenance}
    encryption = data.get("diskEncryptionConfiguration")
    if encryption:
        encryption["kind"] = "sql#diskEncryptionConfiguration"
        why = cmek.trouble(call, encryption.get("kmsKeyName", ""), data["region"])
        if why:
            raise invalid_request(why)
    complete(call, data, replica=replica)
    data["settings"]["settingsVersion"] = "1"
    return Instance(data, call.state.wall(), public=public_address(), outgoing=public_address())


def settle_in(call: Call, instance: Instance) -> None:
    """Take the addresses of a new instance; 400 when the ranges are used up."""
    network = network_of(instance.data)
    if network:
        wanted = instance.settings["ipConfiguration"].get("allocatedIpRange", "")
        # One block per region and network, shared by its instances.
        block = psa.take(call.state, network, f"sql/{instance.data['region']}", 24, wanted)
        if block is None:
            raise GoogleError(400, psa.NO_ROOM, reason="invalid")
        instance.private = block


def move_out(state: State, instance: Instance) -> None:
    """Give the block back when the last instance of the region has left the network."""
    network, place = network_of(instance.data), instance.data["region"]
    others = [item for item in state.sql.values() if item is not instance and item.data["region"] == place]
    if network and not any(network_of(item.data) == network for item in others):
        psa.give_back(state, network, f"sql/{place}")
    instance.private = None


def furnish(instance: Instance) -> None:
    """Databases and users that every instance has."""
    of = instance.version
    instance.users[of.root, ""] = {"type": "BUILT_IN"}
    names = {"POSTGRES": ("postgres",), "SQLSERVER": ("master", "model", "msdb", "tempdb")}.get(
        of.engine, ("information_schema", "mysql", "performance_schema", "sys")
    )
    charset, collation = {
        "POSTGRES": ("UTF8", "en_US.UTF8"),
        "SQLSERVER": ("", instance.settings.get("collation", "SQL_Latin1_General_CP1_CI_AS")),
    }.get(of.engine, ("utf8", "utf8_general_ci"))
    for name in names:
        instance.databases[name] = {"charset": charset, "collation": collation}


def stands(instance: Instance) -> None:
    """The end of a creation."""
    instance.made = True
    instance.data["state"] = "RUNNABLE"


def failed(state: State, instance: Instance) -> None:
    """A creation that fails leaves an instance behind that can only be deleted."""
    instance.data["state"] = "FAILED"
    state.engines.drop(instance.server)
    instance.server = None


@handles("sql.instances.insert")
def insert(call: Call) -> Data:
    """Create an instance; one with ``masterInstanceName`` becomes a read replica."""
    from .replicas import create_replica

    body = writable(call.document, "DatabaseInstance", call.body)
    if body.get("masterInstanceName"):
        return create_replica(call, body)
    password = body.pop("rootPassword", None)
    instance = prepare(call, body)
    if instance.version.engine == "SQLSERVER" and not password:
        raise invalid_request("Missing root password: SQL Server instances need one.")
    settle_in(call, instance)
    furnish(instance)
    servers.attach(call.state, instance)
    call.state.sql[instance.name] = instance
    work = servers.begin(call.state, instance, password)

    def effect() -> None:
        stands(instance)
        first_backup(call, instance)

    return operations.start(
        call,
        [instance],
        "CREATE",
        "sql.instance.create",
        effect,
        failed=lambda _: failed(call.state, instance),
        work=work,
    )


@handles("sql.instances.get")
def get(call: Call) -> Data:
    """One instance."""
    return shown(call, find(call))


@handles("sql.instances.list")
def listing(call: Call) -> Data:
    """All instances of the project."""
    test = predicate(call.query.get("filter"))
    items = [shown(call, item) for _, item in sorted(call.state.sql.items())]
    items = [item for item in items if test(item)]
    found, token = page(items, call.query.get("maxResults"), call.query.get("pageToken"), default=500)
    # The real service answers {} for an empty project.
    answer: Data = {"kind": "sql#instancesList", "items": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("sql.instances.delete")
def delete(call: Call) -> Data:
    """Delete an instance with its backups, except the final one and those that are to be kept."""
    instance = find(call)
    operations.check_idle(instance)
    look_after(call, instance)
    if instance.settings.get("deletionProtectionEnabled"):
        raise sql_error(
            400,
            "The instance is protected. Please disable the deletion protection and try again. To disable deletion "
            "protection, update the instance settings with deletionProtectionEnabled set to false.",
            "deletionProtectionEnabled",
        )
    followers = replicas(call, instance)
    if followers:
        raise invalid_request(f"The instance has read replicas ({', '.join(followers)}). Delete them first.")
    before = instance.data["state"]
    work = kept_after_deletion(call, instance)
    instance.data["state"] = "PENDING_DELETE"

    def effect() -> None:
        leave(call, instance)

    def undone(_: Any) -> None:
        part(call, instance, deleted=False)
        instance.data["state"] = before

    return operations.start(call, [instance], "DELETE", "sql.instance.delete", effect, failed=undone, work=work)


def leave(call: Call, instance: Instance) -> None:
    """The end of a deletion."""
    state = call.state
    part(call, instance, deleted=True)
    state.sql.pop(instance.name, None)
    move_out(state, instance)
    state.engines.drop(instance.server)
    days = call.context.quotas.get(SQL_NAME_DAYS)
    if days > 0:
        state.sql_names[instance.name] = call.context.clock.now() + timedelta(days=days).total_seconds()


@handles("sql.connect.get")
def connect(call: Call) -> Data:
    """What connectors ask before they connect."""
    answer, keys = shown(call, find(call)), ("databaseVersion", "region", "backendType", "ipAddresses", "serverCaCert")
    return {"kind": "sql#connectSettings", **{key: answer[key] for key in keys if key in answer}}


@handles("sql.instances.listServerCas")
def server_cas(call: Call) -> Data:
    """The CAs of an instance."""
    from .model import certificate

    found = certificate(call, find(call))
    return {"kind": "sql#instancesListServerCas", "certs": [found], "activeVersion": found["sha1Fingerprint"]}
