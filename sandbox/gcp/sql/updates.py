"""Changes of instances: PATCH merges, PUT replaces; both are guarded by ``settingsVersion``."""

from __future__ import annotations

import copy
from typing import Any

from ..calls import Call, handles
from ..fields import merge_patch
from ..render import writable
from . import flags, operations, servers
from .instances import move_out, settle_in
from .keeping import first_backup, look_after
from .model import Data, Instance, find, sql_error
from .settings import complete, network_of
from .versions import Version, invalid_request, version

_FIXED = ("name", "region", "instanceType", "masterInstanceName", "gceZone", "secondaryGceZone", "state")
_KEPT = ("diskEncryptionConfiguration", "replicaConfiguration", "replicationCluster", "maintenanceVersion")


def check_settings_version(instance: Instance, given: Any) -> None:
    """412 when the settings have changed since they were read."""
    if given is not None and str(given) != instance.settings["settingsVersion"]:
        raise sql_error(412, "Condition does not match.", "staleData")


@handles("sql.instances.patch")
def patch(call: Call) -> Data:
    """Merge a change into an instance; null clears."""
    instance = find(call)
    body = writable(call.document, "DatabaseInstance", call.patch)
    after = merge_patch(_writable_part(instance), {key: value for key, value in body.items() if key not in _FIXED})
    return _change(call, instance, body, after)


@handles("sql.instances.update")
def update(call: Call) -> Data:
    """Replace what can be written of an instance; settings that are left out go back to their defaults."""
    instance = find(call)
    body = writable(call.document, "DatabaseInstance", call.body)
    after = _writable_part(instance)
    for key in (*_KEPT, "databaseVersion", "settings"):
        if key in body:
            after[key] = copy.deepcopy(body[key])
    return _change(call, instance, body, after)


def _writable_part(instance: Instance) -> Data:
    data = copy.deepcopy(instance.data)
    config = data["settings"]["backupConfiguration"]
    for key in ("transactionalLogStorageState", "replicationLogArchivingEnabled", "backupTier"):
        config.pop(key, None)
    return data


def _change(call: Call, instance: Instance, body: Data, after: Data) -> Data:
    operations.check_ready(instance)
    look_after(call, instance)
    check_settings_version(instance, (body.get("settings") or {}).get("settingsVersion"))
    settings = after["settings"]
    settings["settingsVersion"] = str(int(instance.settings["settingsVersion"]) + 1)
    _one_ssl_word(instance.settings, body, settings)
    _check_fixed(instance, body, after)
    complete(call, after, replica=bool(instance.master), updated=True)
    _check_change(instance, after)
    if "diskEncryptionConfiguration" in after:
        after["diskEncryptionConfiguration"]["kind"] = "sql#diskEncryptionConfiguration"
    disruptive = restarts(instance, after)
    if disruptive:
        instance.data["state"] = "MAINTENANCE"
    work = servers.change(call.state, instance, after)
    upgraded = after["databaseVersion"] != instance.data["databaseVersion"]

    def effect() -> None:
        before = network_of(instance.data)
        if network_of(after) != before:
            _move(call, instance, after)
        instance.data = {**after, "state": "RUNNABLE"}
        first_backup(call, instance)

    def failed(_: str) -> None:
        instance.data["state"] = "RUNNABLE"

    duration = "sql.instance.upgrade" if upgraded else "sql.instance.update"
    return operations.start(call, [instance], "UPDATE", duration, effect, failed=failed, work=work)


def _one_ssl_word(before: Data, body: Data, settings: Data) -> None:
    """``requireSsl`` alone changes the mode; otherwise ``sslMode`` has the say."""
    given = (body.get("settings") or {}).get("ipConfiguration") or {}
    changed = given.get("requireSsl") not in (None, before["ipConfiguration"]["requireSsl"])
    if changed and "sslMode" not in given:
        settings["ipConfiguration"].pop("sslMode", None)


def _check_fixed(instance: Instance, body: Data, after: Data) -> None:
    for key, word in (("region", "region"), ("masterInstanceName", "master instance")):
        if body.get(key) not in (None, instance.data.get(key)):
            raise invalid_request(f"The {word} of an instance cannot be changed.")
    before, key = instance.data.get("diskEncryptionConfiguration"), "kmsKeyName"
    given = after.get("diskEncryptionConfiguration")
    if (given or {}).get(key) != (before or {}).get(key):
        raise invalid_request("The encryption key of an instance cannot be changed.")
    wanted = after.get("maintenanceVersion")
    allowed = (instance.data["maintenanceVersion"], Version(after["databaseVersion"]).maintenance)
    if wanted not in allowed:
        raise invalid_request(f"Maintenance version {wanted} is not available for the instance.")


def _check_change(instance: Instance, after: Data) -> None:
    old, new = instance.version, version(after["databaseVersion"])
    before, settings = instance.settings, after["settings"]
    if new.engine != old.engine or new.major < old.major:
        raise invalid_request(f"Cannot change the database version from {old.name} to {new.name}.")
    if new.name != old.name:
        if new.name not in [item["name"] for item in old.upgrades()]:
            raise invalid_request(f"Cannot upgrade from {old.name} to {new.name}.")
        if instance.master:
            raise invalid_request("A read replica is upgraded with its primary.")
        after["maintenanceVersion"] = new.maintenance
    if int(settings["dataDiskSizeGb"]) < int(before["dataDiskSizeGb"]):
        raise invalid_request("Disk size cannot be decreased.")
    if settings["dataDiskType"] != before["dataDiskType"]:
        raise invalid_request("The disk type of an instance cannot be changed.")
    if before["ipConfiguration"].get("privateNetwork") and not settings["ipConfiguration"].get("privateNetwork"):
        raise invalid_request("Private IP cannot be disabled once it is enabled.")


def restarts(instance: Instance, after: Data) -> bool:
    """Whether a change takes the instance down for a while."""
    before, settings = instance.settings, after["settings"]
    networks = ("privateNetwork", "sslMode")
    return (
        any(before.get(key) != settings.get(key) for key in ("tier", "edition", "activationPolicy"))
        or after["databaseVersion"] != instance.data["databaseVersion"]
        or flags.need_restart(before.get("databaseFlags", []), settings.get("databaseFlags", []), instance.version)
        or before["ipConfiguration"].get(networks[0]) != settings["ipConfiguration"].get(networks[0])
    )


def _move(call: Call, instance: Instance, after: Data) -> None:
    move_out(call.state, instance)
    moved = Instance(after, instance.created)
    settle_in(call, moved)
    instance.private = moved.private


@handles("sql.instances.restart")
def restart(call: Call) -> Data:
    """Restart an instance."""
    instance = find(call)
    operations.check_running(instance)
    work = servers.run(call.state, instance, "restart")
    return _down(call, instance, "RESTART", "sql.instance.restart", lambda: None, work)


def _down(call: Call, instance: Instance, kind: str, duration: str, effect: Any, work: Any = None) -> Data:
    """An operation during which the instance is in MAINTENANCE."""
    instance.data["state"] = "MAINTENANCE"

    def finish() -> None:
        effect()
        instance.data["state"] = "RUNNABLE"

    def failed(_: str) -> None:
        instance.data["state"] = "RUNNABLE"

    return operations.start(call, [instance], kind, duration, finish, failed=failed, work=work)


@handles("sql.instances.failover")
def failover(call: Call) -> Data:
    """Let the standby take over."""
    instance = find(call)
    operations.check_running(instance)
    check_settings_version(instance, call.body.get("failoverContext", {}).get("settingsVersion"))
    if not instance.regional:
        raise invalid_request("Failover is only supported for instances with regional availability.")

    def effect() -> None:
        data = instance.data
        data["gceZone"], data["secondaryGceZone"] = data["secondaryGceZone"], data["gceZone"]

    work = servers.run(call.state, instance, "restart")
    return _down(call, instance, "FAILOVER", "sql.instance.failover", effect, work)
