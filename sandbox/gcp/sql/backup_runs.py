"""Backups of one instance."""

from __future__ import annotations

from ..calls import Call, handles
from ..listing import page
from . import operations
from .keeping import Backup, forget, look_after, new, of_instance, shown_run
from .model import Data, Instance, find, sql_error
from .versions import invalid_request


@handles("sql.backupRuns.insert")
def insert(call: Call) -> Data:
    """Back an instance up now."""
    instance = find(call)
    operations.check_running(instance)
    return begin(call, instance, call.body.get("description", ""), call.body.get("location", ""))[1]


def begin(call: Call, instance: Instance, description: str, location: str) -> tuple[Backup, Data]:
    """A backup on demand and its operation."""
    if instance.master:
        raise invalid_request("Backups cannot be taken of a read replica.")
    look_after(call, instance)
    backup, work = new(call, instance, "ON_DEMAND", call.state.wall(), description, location)

    def failed(message: str) -> None:
        backup.status, backup.error, backup.ended = "FAILED", message, call.state.wall()

    context = {"backupContext": {"kind": "sql#backupContext", "backupId": backup.id, "name": backup.path}}
    operation = operations.start(
        call,
        [instance],
        "BACKUP_VOLUME",
        "sql.backup.create",
        lambda: backup.done(call.state.wall()),
        failed=failed,
        work=work,
        extra=context,
    )
    return backup, operation


def find_run(call: Call, instance: Instance, number: str) -> Backup:
    """A backup of the instance; 404 when there is none."""
    look_after(call, instance)
    backup: Backup | None = call.state.sql_backups.get(number)
    if backup is None or backup.owner is not instance:
        raise sql_error(404, "The Cloud SQL backup run does not exist.", "backupRunDoesNotExist")
    return backup


@handles("sql.backupRuns.get")
def get(call: Call) -> Data:
    """One backup."""
    return shown_run(call, find_run(call, find(call), call.path["id"]))


@handles("sql.backupRuns.list")
def listing(call: Call) -> Data:
    """The backups of an instance, newest first."""
    instance = find(call)
    look_after(call, instance)
    items = [shown_run(call, item) for item in reversed(of_instance(call.state, instance)) if item.kind != "FINAL"]
    found, token = page(items, call.query.get("maxResults"), call.query.get("pageToken"), default=20)
    answer: Data = {"kind": "sql#backupRunsList", **({"items": found} if found else {})}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("sql.backupRuns.delete")
def delete(call: Call) -> Data:
    """Delete a backup."""
    instance = find(call)
    backup = find_run(call, instance, call.path["id"])
    operations.check_idle(instance)
    return operations.start(call, [instance], "DELETE_BACKUP", "sql.backup.delete", lambda: forget(call.state, backup))
