"""Instances: creation, change, deletion."""

from __future__ import annotations

import copy
import re
from concurrent.futures import Future
from typing import Any

from .. import managed_lro, psa
from ..calls import Call, handles
from ..catalog import REGIONS
from ..engines import Server
from ..errors import GoogleError, invalid, precondition
from ..fields import apply_mask, camel
from ..listing import page
from ..managed_lro import EMPTY, check_idle
from ..render import writable
from ..state import Record, State, uuid, zulu
from . import settings
from .model import INSTANCES, PLAIN_PORT, TLS_PORT, TYPE, Data, find, persistence, region, server, shown, tls

_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_CHANGEABLE = frozenset(
    {
        *("authEnabled", "displayName", "labels", "maintenancePolicy", "maintenanceVersion", "memorySizeGb"),
        *("persistenceConfig", "readReplicasMode", "redisConfigs", "replicaCount", "secondaryIpRange"),
    }
)
_MAINTENANCE_VERSION = "20251007_00_00"
_NEXT_MAINTENANCE_VERSIONS = ["20260220_00_01"]


@handles(f"{INSTANCES}.create")
def create(call: Call) -> Data:
    """Create an instance."""
    place, name = region(call), call.query.get("instanceId", "")
    if not _ID.fullmatch(name):
        raise invalid(f"Invalid instance id: {name}. It must match {_ID.pattern}.", field="instance_id")
    path = f"{call.name}/instances/{name}"
    if path in call.state.redis:
        raise GoogleError(409, f"Resource '{path}' already exists")
    body = writable(call.document, "Instance", call.body)
    data: Data = {**body, "name": path, "createTime": zulu(call.state.wall(), 9), "state": "CREATING"}
    data.pop("tags", None)
    settings.complete(call, place, data)
    data["persistenceConfig"] = persistence(call, body.get("persistenceConfig", {}))
    data["maintenancePolicy"] = settings.maintenance(call, body.get("maintenancePolicy", {}), {})
    if not data["maintenancePolicy"]:
        del data["maintenancePolicy"]
    data["maintenanceVersion"] = body.get("maintenanceVersion", _MAINTENANCE_VERSION)
    data["availableMaintenanceVersions"] = list(_NEXT_MAINTENANCE_VERSIONS)
    settings.addresses(call.state, data)
    data["#auth"] = uuid() if data.get("authEnabled") else None
    data["#made"] = False
    data["#server"] = call.state.engines.new("redis", path)
    record = Record(data)
    call.state.redis[path] = record
    return managed_lro.start(
        call,
        record,
        "create",
        "redis.instance.create",
        lambda: _created(call, record),
        lambda message: _not_created(call.state, record),
        begin(call.state, data),
    )


def begin(state: State, data: Data, snapshot: str | None = None) -> Future[Any] | None:
    """Start the real server, with the keys of a snapshot of the engine when given."""
    real = server(data)
    if real is None:
        return None
    password, port = data["#auth"], TLS_PORT if tls(data) else PLAIN_PORT
    parameters = {key: value for key, value in data.get("redisConfigs", {}).items() if key != "maxmemory-gb"}
    secure = tls(data)
    return state.engines.run(
        real,
        lambda engine: engine.start(real.id, password, tls=secure, port=port, parameters=parameters, snapshot=snapshot),
    )


def _created(call: Call, record: Record) -> Data:
    record.data.update({"state": "READY", "#made": True})
    return {"@type": TYPE, **shown(call, record.data)}


def _not_created(state: State, record: Record) -> None:
    """A creation that fails leaves nothing behind."""
    state.redis.pop(record.data["name"], None)
    _release(state, record.data)


def _release(state: State, data: Data) -> None:
    psa.give_back(state, data["authorizedNetwork"], data["name"])
    psa.give_back(state, data["authorizedNetwork"], f"{data['name']}#second")
    state.engines.drop(server(data))


@handles(f"{INSTANCES}.get")
def get(call: Call) -> Data:
    """One instance."""
    return shown(call, find(call).data)


@handles(f"{INSTANCES}.list")
def listing(call: Call) -> Data:
    """The instances of a region, ``-`` for all."""
    place = region(call)
    items = [
        shown(call, record.data)
        for path, record in sorted(call.state.redis.items())
        if place in ("-", path.split("/")[3])
    ]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=1000)
    answer: Data = {"instances": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{INSTANCES}.getAuthString")
def auth_string(call: Call) -> Data:
    """The password of an instance with AUTH."""
    password = find(_of_instance(call)).data["#auth"]
    return {"authString": password} if password else {}


def _of_instance(call: Call) -> Call:
    """The path of this one method ends with ``/authString``."""
    return Call(call.state, call.method, {"name": call.path["name"].removesuffix("/authString")}, call.query, {})


@handles(f"{INSTANCES}.patch")
def patch(call: Call) -> Data:
    """Change what ``updateMask`` names."""
    record = find(call)
    check_idle(record)
    if record.data["state"] != "READY":
        raise precondition(f"Instance {call.name} is in state {record.data['state']}.")
    body = writable(call.document, "Instance", call.body)
    mask = camel(call.query.get("updateMask", "")).replace("redisConfig,", "redisConfigs,")
    mask = re.sub(r"\bredisConfig$", "redisConfigs", mask)
    after = {**record.data, **copy.deepcopy({k: v for k, v in record.data.items() if not k.startswith("#")})}
    apply_mask(after, body, mask, _CHANGEABLE)
    changed = {part.split(".")[0] for part in mask.split(",")}
    work = _change(call, record.data, after, changed)
    # Labels are there while the rest is still being done. Source: recorded traffic.
    record.data.update({"state": "UPDATING", "labels": after.get("labels", {})})

    def response() -> Data:
        record.data.clear()
        record.data.update({**after, "state": "READY"})
        return {"@type": TYPE, **shown(call, record.data)}

    def failed(_: str) -> None:
        record.data["state"] = "READY"

    return managed_lro.start(call, record, "update", "redis.instance.update", response, failed, work)


def _change(call: Call, before: Data, after: Data, changed: set[str]) -> Future[Any] | None:
    """Check the changed instance; what the real server has to do for it."""
    if "readReplicasMode" in changed and "replicaCount" not in changed:
        after["replicaCount"] = None
    after["readReplicasMode"] = after.get("readReplicasMode", "READ_REPLICAS_DISABLED")
    _replicas(call.state, before, after)
    settings.check_size(after)
    settings.check_configs(after)
    settings.labels(after)
    if "persistenceConfig" in changed:
        after["persistenceConfig"] = persistence(call, after.get("persistenceConfig", {}))
    if "maintenancePolicy" in changed:
        policy = settings.maintenance(call, after.get("maintenancePolicy", {}), before.get("maintenancePolicy", {}))
        after.pop("maintenancePolicy", None)
        if policy:
            after["maintenancePolicy"] = policy
    if bool(after.get("authEnabled")) != bool(before.get("authEnabled")):
        after["#auth"] = uuid() if after.get("authEnabled") else None
    _maintain(before, after)
    return _tune(call.state, server(before), before, after)


def _replicas(state: State, before: Data, after: Data) -> None:
    was, now = before["readReplicasMode"], after["readReplicasMode"]
    if was == "READ_REPLICAS_ENABLED" and now != was:
        raise precondition("Read replicas cannot be disabled once they are enabled.")
    settings.check_replicas(after)
    given = after.get("secondaryIpRange")
    if now != was:
        if not given:
            raise precondition("secondary_ip_range must be set to enable read replicas on an existing instance.")
        settings.second_range(state, after, given)
    elif given != before.get("secondaryIpRange"):
        if before.get("secondaryIpRange") and given == "auto":
            after["secondaryIpRange"] = before["secondaryIpRange"]
        else:
            raise invalid("secondary_ip_range can only be set when read replicas are enabled.")


def _maintain(before: Data, after: Data) -> None:
    wanted = after.get("maintenanceVersion")
    if wanted == before["maintenanceVersion"]:
        return
    if wanted not in before["availableMaintenanceVersions"]:
        raise invalid(f"Maintenance version {wanted} is not available.", field="instance.maintenance_version")
    after["availableMaintenanceVersions"] = [
        item for item in before["availableMaintenanceVersions"] if item > str(wanted)
    ]


def _tune(state: State, real: Server | None, before: Data, after: Data) -> Future[Any] | None:
    password, parameters = after["#auth"], after.get("redisConfigs", {})
    new_password = password != before["#auth"]
    if real is None or (not new_password and parameters == before.get("redisConfigs", {})):
        return None

    def work(engine: Any) -> None:
        engine.set_parameters(real.id, {key: value for key, value in parameters.items() if key != "maxmemory-gb"})
        if new_password:
            engine.set_passwords(real.id, *([password] if password else []))

    return state.engines.run(real, work)


@handles(f"{INSTANCES}.delete")
def delete(call: Call) -> Data:
    """Delete an instance with its keys."""
    record = find(call)
    check_idle(record)
    path, before = record.data["name"], record.data["state"]
    record.data["state"] = "DELETING"

    def response() -> Data:
        call.state.redis.pop(path, None)
        _release(call.state, record.data)
        return EMPTY

    def failed(_: str) -> None:
        record.data["state"] = before

    return managed_lro.start(call, record, "delete", "redis.instance.delete", response, failed)


@handles("redis.projects.locations.list", "memorystore.projects.locations.list")
def locations(call: Call) -> Data:
    """Where instances can live."""
    return {"locations": [{"name": f"{call.name}/locations/{place}", "locationId": place} for place in REGIONS]}
