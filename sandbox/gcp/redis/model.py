"""Instances by name, how they are printed, and the servers behind them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from ...core.connection import GCP_PROJECT_NUMBER
from .. import certificates, cmek
from ..calls import Call
from ..catalog import REGIONS
from ..engines import Server
from ..errors import GoogleError, invalid
from ..render import proto3
from ..state import Record, zulu

Data = dict[str, Any]
INSTANCES = "redis.projects.locations.instances"
TYPE = "type.googleapis.com/google.cloud.redis.v1.Instance"
PLAIN_PORT, TLS_PORT = 6379, 6378
_PERIODS = {"ONE_HOUR": 1, "SIX_HOURS": 6, "TWELVE_HOURS": 12, "TWENTY_FOUR_HOURS": 24}
_PLACE = re.compile(r"projects/[^/]+/locations/([^/]+)(?:/instances/([^/]+))?")


def region(call: Call) -> str:
    """The region of a request; 404 for one that does not exist."""
    found = _PLACE.fullmatch(call.name)
    place = found[1] if found else ""
    if place != "-" and place not in REGIONS:
        raise GoogleError(403, f"Location {place} is not found or access is unauthorized.")
    return place


def find(call: Call) -> Record:
    """The instance that a request names; 404 when there is none."""
    region(call)
    record: Record | None = call.state.redis.get(call.name)
    if record is None:
        raise GoogleError(404, f"Resource '{call.name}' was not found")
    return record


def tls(data: Data) -> bool:
    """Whether clients must speak TLS."""
    return bool(data.get("transitEncryptionMode") == "SERVER_AUTHENTICATION")


def server(data: Data) -> Server | None:
    """The real server behind an instance."""
    found: Server | None = data.get("#server")
    return found


def zones_of(data: Data) -> list[str]:
    """The zone of every node, the primary's first."""
    first, second = data["#zones"]
    if data["tier"] == "BASIC":
        return [first]
    return [first if index % 2 == 0 else second for index in range(1 + data["replicaCount"])]


def shown(call: Call, data: Data) -> Data:
    """As the API prints it: addresses only once it stands."""
    full = {key: value for key, value in data.items() if not key.startswith("#")}
    full["persistenceIamIdentity"] = f"serviceAccount:service-{GCP_PROJECT_NUMBER}@cloud-redis.iam.gserviceaccount.com"
    if data["#made"]:
        full["currentLocationId"] = data["#current"]
        full["nodes"] = [{"id": f"node-{index}", "zone": zone} for index, zone in enumerate(zones_of(data))]
        _addresses(call, data, full)
        if tls(data):
            full["serverCaCerts"] = [_certificate(call)]
    key = data.get("customerManagedKey")
    if key and cmek.version_in_use(call.state, key) is None:
        full["suspensionReasons"] = ["CUSTOMER_MANAGED_KEY_ISSUE"]
    full["persistenceConfig"] = _persistence(call, data["persistenceConfig"])
    return proto3(call.document, "Instance", full)


def _addresses(call: Call, data: Data, full: Data) -> None:
    full["host"], full["port"] = data["#host"], TLS_PORT if tls(data) else PLAIN_PORT
    real = server(data)
    if real is not None and real.address is not None:
        full["host"], full["port"] = real.address
    if data["readReplicasMode"] == "READ_REPLICAS_ENABLED":
        full["readEndpoint"] = full["host"] if real is not None else data["#read"]
        full["readEndpointPort"] = full["port"]


def _certificate(call: Call) -> Data:
    authority = certificates.describe(call.context.authority)
    return {
        "serialNumber": "0",
        "cert": authority.pem,
        "createTime": zulu(authority.begin, 6),
        "expireTime": zulu(authority.end, 3),
        "sha1Fingerprint": authority.sha1,
    }


def _persistence(call: Call, config: Data) -> Data:
    if config["persistenceMode"] != "RDB":
        return config
    step = timedelta(hours=_PERIODS[config["rdbSnapshotPeriod"]])
    moment = datetime.fromisoformat(config["rdbSnapshotStartTime"].replace("Z", "+00:00"))
    now = call.state.wall()
    if moment < now:
        moment += step * ((now - moment) // step + 1)
    return {**config, "rdbNextSnapshotTime": zulu(moment, 0)}


def persistence(call: Call, given: Data) -> Data:
    """A complete ``persistenceConfig``; 400 for one that contradicts itself."""
    mode = given.get("persistenceMode", "DISABLED")
    if mode != "RDB":
        if set(given) & {"rdbSnapshotPeriod", "rdbSnapshotStartTime"}:
            raise invalid("RDB snapshot fields can only be set when persistence_mode is RDB.")
        return {"persistenceMode": "DISABLED"}
    start = given.get("rdbSnapshotStartTime")
    if start is not None:
        try:
            datetime.fromisoformat(start.replace("Z", "+00:00"))
        except ValueError:
            raise invalid(f"Invalid rdb_snapshot_start_time: {start}.") from None
    period = given.get("rdbSnapshotPeriod", "TWENTY_FOUR_HOURS")
    if period not in _PERIODS:
        raise invalid(f"Invalid rdb_snapshot_period: {period}.")
    return {
        "persistenceMode": "RDB",
        "rdbSnapshotPeriod": period,
        "rdbSnapshotStartTime": start or zulu(call.state.wall(), 0),
    }
