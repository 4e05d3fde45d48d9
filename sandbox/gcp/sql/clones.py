"""Clones: a new instance with what another holds, or held at some time."""

from __future__ import annotations

import copy
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from ..calls import Call, handles
from . import operations, servers
from .instances import failed, prepare, settle_in, stands
from .keeping import first_backup, of_instance, window
from .model import Data, Instance, find
from .versions import invalid_request

_COPIED = ("databaseVersion", "region", "settings", "diskEncryptionConfiguration")


def twin(call: Call, source: Instance, name: str, data: Data) -> Instance:
    """A new instance with the settings ``data`` and what ``source`` holds."""
    body = {key: copy.deepcopy(data[key]) for key in _COPIED if key in data}
    body["name"] = name
    for key in ("settingsVersion", "kind"):
        body["settings"].pop(key, None)
    for key in ("transactionalLogStorageState", "replicationLogArchivingEnabled", "backupTier"):
        body["settings"]["backupConfiguration"].pop(key, None)
    instance = prepare(call, body)
    instance.users, instance.databases = copy.deepcopy(source.users), copy.deepcopy(source.databases)
    return instance


@handles("sql.instances.clone")
def clone(call: Call) -> Data:
    """Clone an instance, as it is or as it was at ``pointInTime``."""
    source, context = find(call), call.body.get("cloneContext", {})
    name = context.get("destinationInstanceName", "")
    if not name:
        raise invalid_request("Missing the name of the destination instance.")
    operations.check_ready(source)
    if source.master:
        raise invalid_request("A read replica cannot be cloned.")
    if context.get("databaseNames"):
        raise invalid_request("The sandbox clones whole instances only.")
    moment = _moment(call, source, context)
    instance = twin(call, source, name, source.data)
    place = instance.settings["locationPreference"]
    if context.get("preferredZone"):
        place["zone"] = instance.data["gceZone"] = context["preferredZone"]
    if context.get("allocatedIpRange"):
        instance.settings["ipConfiguration"]["allocatedIpRange"] = context["allocatedIpRange"]
    settle_in(call, instance)
    servers.attach(call.state, instance)
    call.state.sql[name] = instance

    def effect() -> None:
        stands(instance)
        first_backup(call, instance)

    return operations.start(
        call,
        [instance, source],
        "CLONE",
        "sql.instance.clone",
        effect,
        failed=lambda _: failed(call.state, instance),
        work=_work(call, source, instance, moment),
    )


def _moment(call: Call, source: Instance, context: Data) -> datetime | None:
    text = context.get("pointInTime")
    if text is None:
        return None
    span = window(call, source)
    if span is None:
        raise invalid_request("Point in time recovery is not enabled for the source instance.")
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise invalid_request(f"Invalid point in time: {text}.") from None
    if not span[0] <= moment <= span[1]:
        raise invalid_request(f"The point in time {text} is not between {span[0]} and {span[1]}.", "invalidPointInTime")
    return moment


def _work(call: Call, source: Instance, instance: Instance, moment: datetime | None) -> Future[Any] | None:
    if moment is None:
        return servers.copy(call.state, source, instance)
    usable = [
        item.snapshot
        for item in of_instance(call.state, source)
        if item.snapshot and item.ended is not None and item.ended <= moment
    ]
    return servers.copy_of_then(call.state, source, instance, moment, usable)
