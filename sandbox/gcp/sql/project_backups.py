"""All backups of the project: of instances that are, and of those that have been deleted."""

from __future__ import annotations

from ..calls import Call, handles
from ..fields import camel
from ..listing import page, predicate
from . import operations
from .backup_runs import begin
from .keeping import Backup, expiry, forget, look_after, shown
from .model import Data, find, sql_error
from .versions import invalid_request


def find_backup(call: Call, path: str) -> Backup:
    """A backup by ``projects/…/backups/…``; 404 when there is none."""
    for instance in call.state.sql.values():
        look_after(call, instance)
    for backup in call.state.sql_backups.values():
        if backup.path == path:
            found: Backup = backup
            return found
    raise sql_error(404, "The Cloud SQL backup does not exist.", "backupDoesNotExist")


@handles("sql.Backups.CreateBackup")
def create(call: Call) -> Data:
    """Back an instance up, with a time to live of its own."""
    instance = find(call, call.body.get("instance", "").rpartition("/")[2])
    operations.check_running(instance)
    end = expiry(call, call.body.get("ttlDays"), call.body.get("expiryTime"))
    backup, operation = begin(call, instance, call.body.get("description", ""), call.body.get("location", ""))
    backup.expiry = end
    return operation


@handles("sql.Backups.GetBackup")
def get(call: Call) -> Data:
    """One backup."""
    return shown(call, find_backup(call, call.name))


@handles("sql.Backups.ListBackups")
def listing(call: Call) -> Data:
    """All backups, newest first."""
    for instance in call.state.sql.values():
        look_after(call, instance)
    test = predicate(call.query.get("filter"))
    everything = sorted(call.state.sql_backups.values(), key=lambda item: item.begun, reverse=True)
    items = [item for item in (shown(call, backup) for backup in everything) if test(item)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=50)
    answer: Data = {"backups": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("sql.Backups.UpdateBackup")
def update(call: Call) -> Data:
    """Change the description or the time to live."""
    backup = find_backup(call, call.name)
    fields = {camel(part) for part in call.query.get("updateMask", "").split(",") if part} or set(call.body)
    if fields - {"description", "ttlDays", "expiryTime"}:
        raise invalid_request(
            f"Only description and expiry of a backup can be changed, not {', '.join(sorted(fields))}."
        )
    end = backup.expiry
    if fields & {"ttlDays", "expiryTime"}:
        end = expiry(call, call.body.get("ttlDays"), call.body.get("expiryTime"))

    def effect() -> None:
        backup.expiry = end
        if "description" in fields:
            backup.description = call.body.get("description", "")

    return operations.start(call, [], "UPDATE_BACKUP", "sql.backup.delete", effect, target=f"backups/{backup.name}")


@handles("sql.Backups.DeleteBackup")
def delete(call: Call) -> Data:
    """Delete a backup."""
    backup = find_backup(call, call.name)
    live = [backup.owner] if call.state.sql.get(backup.instance) is backup.owner else []
    operations.check_idle(*live)
    return operations.start(
        call,
        live,
        "DELETE_BACKUP",
        "sql.backup.delete",
        lambda: forget(call.state, backup),
        target=f"backups/{backup.name}",
    )
