"""Read replicas, in the region of their primary or elsewhere; and their promotion."""

from __future__ import annotations

import copy

from ..calls import Call, handles
from ..state import PROJECT
from . import operations, servers
from .instances import failed, prepare, settle_in, stands
from .model import Data, Instance, find
from .versions import invalid_request


def create_replica(call: Call, body: Data) -> Data:
    """Create a read replica."""
    master = find(call, str(body["masterInstanceName"]).rpartition(":")[2])
    operations.check_idle(master)
    of = master.version
    if master.master:
        raise invalid_request(f"{master.name} is a read replica itself; the sandbox has no cascading replicas.")
    if of.engine == "SQLSERVER" and not of.name.endswith("ENTERPRISE"):
        raise invalid_request(f"Read replicas are not supported for {of.name}.")
    if body.setdefault("databaseVersion", of.name) != of.name:
        raise invalid_request(f"The replica must have the database version of its primary, {of.name}.")
    config = master.settings["backupConfiguration"]
    if not config["enabled"] or (of.engine == "MYSQL" and not config.get("binaryLogEnabled")):
        raise invalid_request(
            f"The primary {master.name} must have automated backups enabled (for MySQL with binary logging) before "
            "read replicas can be created."
        )
    operations.check_running(master)
    body["masterInstanceName"] = f"{PROJECT}:{master.name}"
    body.setdefault("region", master.data["region"])
    _disk(master, body)
    if "diskEncryptionConfiguration" in master.data and "diskEncryptionConfiguration" not in body:
        if body["region"] != master.data["region"]:
            raise invalid_request("A replica of an encrypted instance in another region needs a key of that region.")
        body["diskEncryptionConfiguration"] = copy.deepcopy(master.data["diskEncryptionConfiguration"])
    instance = prepare(call, body, replica=True)
    settle_in(call, instance)
    # One set of databases and users, as long as it follows.
    instance.users, instance.databases = master.users, master.databases
    servers.attach(call.state, instance)
    call.state.sql[instance.name] = instance
    return operations.start(
        call,
        [instance, master],
        "CREATE_REPLICA",
        "sql.replica.create",
        lambda: stands(instance),
        failed=lambda _: failed(call.state, instance),
        work=servers.follow(call.state, master, instance),
        target=f"instances/{PROJECT}:{master.name}",
    )


def _disk(master: Instance, body: Data) -> None:
    size, settings = master.settings["dataDiskSizeGb"], body.get("settings", {})
    if int(settings.setdefault("dataDiskSizeGb", size)) < int(size):
        raise invalid_request(f"The disk of a replica must be at least as large as that of its primary, {size} GB.")


@handles("sql.instances.promoteReplica")
def promote(call: Call) -> Data:
    """Make a replica an instance of its own."""
    instance = find(call)
    if not instance.master:
        raise invalid_request("The instance is not a read replica.")
    if call.query.get("failover"):
        raise invalid_request("The sandbox has no replica failover: promote without it.")
    master = find(call, instance.master)
    operations.check_running(instance)
    operations.check_idle(master)
    instance.data["state"] = "MAINTENANCE"

    def effect() -> None:
        instance.data.pop("masterInstanceName", None)
        instance.data.pop("replicaConfiguration", None)
        instance.data.update(instanceType="CLOUD_SQL_INSTANCE", state="RUNNABLE")
        instance.users, instance.databases = copy.deepcopy(instance.users), copy.deepcopy(instance.databases)
        version = int(instance.settings["settingsVersion"]) + 1
        instance.settings["settingsVersion"] = str(version)

    def undone(_: str) -> None:
        instance.data["state"] = "RUNNABLE"

    return operations.start(
        call,
        [instance],
        "PROMOTE_REPLICA",
        "sql.replica.promote",
        effect,
        failed=undone,
        work=servers.promote(call.state, instance),
    )
