"""Restoring a backup: into the instance it was taken of, into another one, or into a new one."""

from __future__ import annotations

import copy

from ..calls import Call, handles, own_project
from ..fields import merge_patch
from ..render import writable
from ..state import PROJECT
from . import operations, servers
from .backup_runs import find_run
from .clones import twin
from .instances import failed, settle_in, stands
from .keeping import Backup, first_backup, look_after
from .model import Data, Instance, find, replicas
from .project_backups import find_backup
from .versions import invalid_request

_RUN = "/backupRuns/"


@handles("sql.instances.restoreBackup")
def restore(call: Call) -> Data:
    """Restore a backup; a target that does not exist is created from ``restoreInstanceSettings``."""
    backup = _backup(call)
    if backup.status != "SUCCESSFUL":
        raise invalid_request(f"The backup is in state {backup.status}.")
    name = call.path["instance"]
    settings = call.body.get("restoreInstanceSettings")
    if name not in call.state.sql and settings is not None:
        return _into_new(call, backup, name, writable(call.document, "DatabaseInstance", settings))
    return _into(call, backup, find(call))


def _backup(call: Call) -> Backup:
    context, path = call.body.get("restoreBackupContext"), own_project(call.body.get("backup", ""))
    if (context is None) == (not path):
        raise invalid_request("Either a backup or a restore backup context must be given.")
    if path and _RUN in path:
        instance, number = path.split("/")[3], path.partition(_RUN)[2]
        return find_run(call, find(call, instance), number)
    if path:
        return find_backup(call, path)
    context = context or {}
    if context.get("project", PROJECT) != PROJECT:
        raise invalid_request("Backups of other projects cannot be restored.")
    return find_run(
        call, find(call, context.get("instanceId") or call.path["instance"]), context.get("backupRunId", "")
    )


def _into(call: Call, backup: Backup, instance: Instance) -> Data:
    operations.check_running(instance)
    look_after(call, instance)
    source = backup.data
    if instance.master:
        raise invalid_request("A backup cannot be restored to a read replica.")
    if replicas(call, instance):
        raise invalid_request("A backup cannot be restored to an instance with read replicas. Delete them first.")
    if instance.data["databaseVersion"] != source["databaseVersion"]:
        raise invalid_request(f"The backup is of {source['databaseVersion']}, which the instance does not run.")
    if int(instance.settings["dataDiskSizeGb"]) < int(source["settings"]["dataDiskSizeGb"]):
        raise invalid_request("The disk of the instance is smaller than that of the backup.")
    instance.data["state"] = "MAINTENANCE"

    def effect() -> None:
        instance.users, instance.databases = copy.deepcopy(backup.users), copy.deepcopy(backup.databases)
        instance.data["state"] = "RUNNABLE"

    def undone(_: str) -> None:
        instance.data["state"] = "RUNNABLE"

    work = servers.restore(call.state, instance, backup.snapshot) if backup.snapshot else None
    return operations.start(call, [instance], "RESTORE_VOLUME", "sql.backup.restore", effect, failed=undone, work=work)


def _into_new(call: Call, backup: Backup, name: str, settings: Data) -> Data:
    given = {key: value for key, value in settings.items() if key != "name"}
    password = given.pop("rootPassword", None)
    data = merge_patch(copy.deepcopy(backup.data), given)
    if data["databaseVersion"] != backup.data["databaseVersion"]:
        raise invalid_request("The new instance must have the database version of the backup.")
    data.pop("masterInstanceName", None)
    if data["region"] != backup.data["region"]:
        data["settings"]["locationPreference"] = given.get("settings", {}).get("locationPreference", {})
    instance = twin(call, backup.owner, name, data)
    instance.users, instance.databases = copy.deepcopy(backup.users), copy.deepcopy(backup.databases)
    settle_in(call, instance)
    servers.attach(call.state, instance)
    call.state.sql[name] = instance
    work = servers.restore(call.state, instance, backup.snapshot) if backup.snapshot else None
    if work is not None and password:
        work = servers.run(call.state, instance, "set_password", instance.version.root, password)

    def effect() -> None:
        stands(instance)
        first_backup(call, instance)

    return operations.start(
        call,
        [instance],
        "RESTORE_VOLUME",
        "sql.backup.restore",
        effect,
        failed=lambda _: failed(call.state, instance),
        work=work,
    )
