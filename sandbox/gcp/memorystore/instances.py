"""Instances: creation, change, deletion."""

from __future__ import annotations

import copy
import re
from concurrent.futures import Future
from typing import Any

from .. import certificates, managed_lro
from ..calls import Call, handles, own_project
from ..errors import GoogleError, invalid, precondition
from ..fields import apply_mask, camel
from ..listing import page
from ..managed_lro import EMPTY, check_idle
from ..networkconnectivity import network_path
from ..render import writable
from ..state import Record, State, uuid, zulu
from . import settings
from .backups import source_of, take_automated
from .model import INSTANCES, PORT, TYPE, Data, find, find_active, region, server, shown, tls

_ID = re.compile(r"[a-z][a-z0-9-]{2,61}[a-z0-9]")
_VERSION = "MEMORYSTORE_20260313_01_00"
_CHANGEABLE = frozenset(
    {
        *("automatedBackupConfig", "deletionProtectionEnabled", "endpoints", "engineConfigs", "engineVersion"),
        *("labels", "maintenancePolicy", "nodeType", "persistenceConfig", "pscAutoConnections", "replicaCount"),
        "shardCount",
    }
)


@handles(f"{INSTANCES}.create")
def create(call: Call) -> Data:
    """Create an instance, from a backup when one is named."""
    place, name = region(call), call.query.get("instanceId", "")
    if not _ID.fullmatch(name):
        raise invalid(f"Invalid instance id: {name}. It must match {_ID.pattern}.", field="instance_id")
    path = f"{call.name}/instances/{name}"
    if path in call.state.memorystore:
        raise GoogleError(409, f"Resource '{path}' already exists")
    body = writable(call.document, "Instance", call.body)
    source = source_of(call, body)
    moment = zulu(call.state.wall(), 9)
    data: Data = {**body, "name": path, "uid": uuid(), "createTime": moment, "updateTime": moment, "state": "CREATING"}
    for field in ("managedBackupSource", "gcsSource"):
        data.pop(field, None)
    data["effectiveMaintenanceVersion"] = _VERSION
    settings.complete(call, place, data)
    data["#endpoints"] = settings.endpoints(call, place, data)
    data["#networks"] = [group[0]["network"] for group in data["#endpoints"]]
    data["#made"], data["#users"] = False, {}
    data["#server"] = call.state.engines.new("redis", path)
    record = Record(data)
    call.state.memorystore[path] = record
    return managed_lro.start(
        call,
        record,
        "create",
        "memorystore.instance.create",
        lambda: _created(call, record),
        lambda _: _gone(call.state, record),
        begin(call.state, data, source),
    )


def begin(state: State, data: Data, snapshot: str | None) -> Future[Any] | None:
    """Start the real server, with the keys of a backup when given."""
    real = server(data)
    if real is None:
        return None
    secure, cluster, rules = tls(data), data["mode"] == "CLUSTER", _rules(state, data)
    parameters = {key: value for key, value in data.get("engineConfigs", {}).items() if key == "maxmemory-policy"}

    def work(engine: Any) -> Any:
        kept = snapshot if snapshot and engine.has_snapshot(snapshot) else None
        return engine.start(
            real.id, tls=secure, port=PORT, parameters=parameters, users=rules, cluster=cluster, snapshot=kept
        )

    return state.engines.run(real, work)


def _rules(state: State, data: Data) -> dict[str, str] | None:
    """Who may log in to the real server; None = everybody."""
    from ...engines.redis import EVERYTHING, password_rules

    if data["authorizationMode"] == "AUTH_DISABLED":
        return None
    if data["authorizationMode"] == "IAM_AUTH":
        return {"default": f"{password_rules(*(state.engines.access_tokens() or [uuid()]))} {EVERYTHING}"}
    tokens = {user: [item["token"] for item in found["tokens"].values()] for user, found in data["#users"].items()}
    rules = {user: f"{password_rules(*found)} {EVERYTHING}" for user, found in tokens.items() if found}
    return rules or {"nobody": f"{password_rules(uuid())} {EVERYTHING}"}


def refresh_users(state: State, data: Data) -> Future[Any] | None:
    """Let the real server know who may log in now."""
    real, rules = server(data), _rules(state, data)
    if real is None or rules is None:
        return None
    return state.engines.run(real, lambda engine: engine.set_users(real.id, rules))


def refresh_iam(state: State) -> None:
    """Let caches that trust IAM know the access tokens of now."""
    for record in state.memorystore.values():
        if record.data["authorizationMode"] == "IAM_AUTH":
            refresh_users(state, record.data)


def _created(call: Call, record: Record) -> Data:
    record.data.update({"state": "ACTIVE", "#made": True})
    return {"@type": f"{TYPE}Instance", **shown(call, record.data)}


def _gone(state: State, record: Record) -> None:
    state.memorystore.pop(record.data["name"], None)
    state.engines.drop(server(record.data))


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
        for path, record in sorted(call.state.memorystore.items())
        if place in ("-", path.split("/")[3])
    ]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=1000)
    answer: Data = {"instances": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{INSTANCES}.getCertificateAuthority")
def authority(call: Call) -> Data:
    """The CA that the instance's certificates are signed by."""
    name = call.name.removesuffix("/certificateAuthority")
    if not tls(find(call, name).data):
        raise precondition(f"Instance {name} does not use in-transit encryption.")
    pem = certificates.describe(call.context.authority).pem
    return {"name": call.name, "managedServerCa": {"caCerts": [{"certificates": [pem]}]}}


@handles(f"{INSTANCES}.patch")
def patch(call: Call) -> Data:
    """Change what ``updateMask`` names."""
    record = find_active(call)
    take_automated(call, record)
    body = writable(call.document, "Instance", call.body)
    after = {**record.data, **copy.deepcopy({k: v for k, v in record.data.items() if not k.startswith("#")})}
    mask = camel(call.query.get("updateMask", ""))
    apply_mask(after, body, mask, _CHANGEABLE)
    changed = {part.partition(".")[0] for part in mask.split(",")}
    for field, value in (("replicaCount", 0), ("deletionProtectionEnabled", False)):
        after.setdefault(field, value)
    settings.check(call, after)
    _check_change(record.data, after, changed)
    if changed & {"endpoints", "pscAutoConnections"}:
        _keep_endpoints(call, record, after, body)
    work = _tune(call.state, record.data, after)
    record.data["state"] = "UPDATING"

    def response() -> Data:
        record.data.clear()
        record.data.update({**after, "state": "ACTIVE", "updateTime": zulu(call.state.wall(), 9)})
        return {"@type": f"{TYPE}Instance", **shown(call, record.data)}

    def failed(_: str) -> None:
        record.data["state"] = "ACTIVE"

    return managed_lro.start(call, record, "update", "memorystore.instance.update", response, failed, work)


def _check_change(before: Data, after: Data, changed: set[str]) -> None:
    # Source: issue 29428 of the Terraform provider for Google.
    if after["nodeType"] != before["nodeType"] and changed - {"nodeType", "engineConfigs"}:
        raise invalid("only engine_configs supported along with node_type update", field="update_mask")
    if settings.VERSIONS.index(after["engineVersion"]) < settings.VERSIONS.index(before["engineVersion"]):
        raise invalid(f"Cannot go back from {before['engineVersion']} to {after['engineVersion']}.")


def _keep_endpoints(call: Call, record: Record, after: Data, body: Data) -> None:
    """Connections that stay keep their addresses; new networks get new ones."""
    place = after["name"].split("/")[3]
    wanted = settings.endpoints(call, place, body)
    present = {group[0]["network"]: group for group in record.data["#endpoints"]}
    after["#endpoints"] = [present.get(network_path(group[0]["network"]), group) for group in wanted]
    after["#networks"] = [group[0]["network"] for group in after["#endpoints"]]


def _tune(state: State, before: Data, after: Data) -> Future[Any] | None:
    real, parameters = server(before), after.get("engineConfigs", {})
    if real is None or parameters == before.get("engineConfigs", {}):
        return None
    known = {key: value for key, value in parameters.items() if key == "maxmemory-policy"}
    return state.engines.run(real, lambda engine: engine.set_parameters(real.id, known))


@handles(f"{INSTANCES}.delete")
def delete(call: Call) -> Data:
    """Delete an instance; its backups stay until they expire."""
    record = find(call)
    check_idle(record)
    take_automated(call, record)
    if record.data["deletionProtectionEnabled"]:
        raise precondition(
            f"Instance {own_project(call.name)} has deletion protection enabled. Disable it before the deletion."
        )
    before = record.data["state"]
    record.data["state"] = "DELETING"

    def response() -> Data:
        _gone(call.state, record)
        return EMPTY

    def failed(_: str) -> None:
        record.data["state"] = before

    return managed_lro.start(call, record, "delete", "memorystore.instance.delete", response, failed)
