"""What an instance may be: sizes, versions, zones, ranges, configuration, maintenance."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .. import cmek, psa
from ..calls import Call, own_project
from ..catalog import zones
from ..compute.networks import DEFAULT
from ..errors import GoogleError, invalid, precondition
from ..state import State, zulu

Data = dict[str, Any]
VERSIONS = ("REDIS_3_2", "REDIS_4_0", "REDIS_5_0", "REDIS_6_X", "REDIS_7_0", "REDIS_7_2")
_DEFAULT_VERSION = "REDIS_7_0"
# Parameter -> version from which it may be set. Source: description of Instance.redisConfigs.
_PARAMETERS = {
    "maxmemory-policy": 0,
    "notify-keyspace-events": 0,
    "activedefrag": 1,
    "lfu-decay-time": 1,
    "lfu-log-factor": 1,
    "maxmemory-gb": 1,
    "stream-node-max-bytes": 2,
    "stream-node-max-entries": 2,
    "lazyfree-lazy-user-del": 3,
    "maxmemory-clients": 4,
}
_POLICIES = (
    *("noeviction", "allkeys-lru", "volatile-lru", "allkeys-random", "volatile-random", "volatile-ttl"),
    *("allkeys-lfu", "volatile-lfu"),
)
_NETWORK = re.compile(r"(?:https://www\.googleapis\.com/compute/v1/)?(projects/[^/]+/global/networks/[^/]+)")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MAX_GB = 300


def complete(call: Call, place: str, data: Data) -> None:
    """Check a new instance and fill in what Google chooses."""
    if data.get("tier") not in ("BASIC", "STANDARD_HA"):
        raise invalid("The tier of the instance must be BASIC or STANDARD_HA.", field="instance.tier")
    data.setdefault("redisVersion", _DEFAULT_VERSION)
    if data["redisVersion"] not in VERSIONS:
        raise invalid(f"Invalid Redis version: {data['redisVersion']}.", field="instance.redis_version")
    data.setdefault("connectMode", "DIRECT_PEERING")
    data.setdefault("transitEncryptionMode", "DISABLED")
    data.setdefault("readReplicasMode", "READ_REPLICAS_DISABLED")
    check_size(data)
    check_replicas(data)
    _zones(place, data)
    check_configs(data)
    labels(data)
    data["authorizedNetwork"] = network = _network(call.state, data.get("authorizedNetwork") or DEFAULT)
    if data.get("customerManagedKey"):
        cmek.require(call, data["customerManagedKey"], place)
    if data["connectMode"] == "PRIVATE_SERVICE_ACCESS" and not psa.connected(call.state, network):
        raise invalid("Google private service access is not enabled. Enable privateservice access and try again.")


def check_size(data: Data) -> None:
    """Memory in whole GB."""
    size = data.get("memorySizeGb", 0)
    if not 1 <= size <= _MAX_GB:
        raise invalid(f"memory_size_gb must be between 1 and {_MAX_GB}.", field="instance.memory_size_gb")
    if data["readReplicasMode"] == "READ_REPLICAS_ENABLED" and size < 5:
        raise invalid("Read replicas need at least 5 GB of memory.", field="instance.memory_size_gb")


def check_replicas(data: Data) -> None:
    """``replicaCount`` for the tier and mode; filled in when it was left out."""
    replicas = data.get("replicaCount")
    if data["readReplicasMode"] == "READ_REPLICAS_ENABLED":
        if data["tier"] == "BASIC":
            raise invalid("Read replicas are not supported for tier BASIC.", field="instance.read_replicas_mode")
        if "redisVersion" in data and VERSIONS.index(data["redisVersion"]) < 2:
            raise invalid("Read replicas need Redis 5.0 or newer.", field="instance.read_replicas_mode")
        data["replicaCount"] = 2 if replicas is None else replicas
        if not 1 <= data["replicaCount"] <= 5:
            raise invalid("replica_count must be between 1 and 5.", field="instance.replica_count")
        return
    expected = 0 if data["tier"] == "BASIC" else 1
    if replicas not in (None, expected):
        raise invalid(
            f"replica_count must be {expected} for tier {data['tier']} without read replicas.",
            field="instance.replica_count",
        )
    data["replicaCount"] = expected


def _zones(place: str, data: Data) -> None:
    known = zones(place)
    first, second = data.get("locationId"), data.get("alternativeLocationId")
    for zone in (first, second):
        if zone is not None and zone not in known:
            raise invalid(f"Zone {zone} is not in region {place}.")
    if second is not None and data["tier"] == "BASIC":
        raise invalid("alternative_location_id is for tier STANDARD_HA.", field="instance.alternative_location_id")
    if second is not None and second == first:
        raise invalid("alternative_location_id must differ from location_id.")
    first = first or next(zone for zone in known if zone != second)
    second = second or next(zone for zone in known if zone != first)
    data["locationId"], data["#zones"], data["#current"] = first, (first, second), first
    if data["tier"] == "STANDARD_HA":
        data["alternativeLocationId"] = second


def _network(state: State, text: str) -> str:
    found = _NETWORK.fullmatch(text)
    path = own_project(found[1]) if found else ""
    if path not in state.compute:
        raise invalid(f"Network {text} was not found.", field="instance.authorized_network")
    return path


def check_configs(data: Data) -> None:
    """``redisConfigs`` of the version."""
    for key, value in data.get("redisConfigs", {}).items():
        since = _PARAMETERS.get(key)
        if since is None or VERSIONS.index(data["redisVersion"]) < since:
            raise invalid(f"Redis config {key} is not supported for {data['redisVersion']}.")
        if key == "maxmemory-policy" and value not in _POLICIES:
            raise invalid(f"Invalid value for Redis config maxmemory-policy: {value}.")


def labels(data: Data) -> None:
    """Labels as everywhere in Google Cloud."""
    for key, value in data.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Invalid label: {key}={value}.", field="instance.labels")


def addresses(state: State, data: Data) -> None:
    """Take the ranges of a new instance; ``reservedIpRange`` may be a CIDR, a range's name, or left to Google."""
    network, wanted = data["authorizedNetwork"], data.get("reservedIpRange", "")
    length = 28 if data["readReplicasMode"] == "READ_REPLICAS_ENABLED" else 29
    if data["connectMode"] == "PRIVATE_SERVICE_ACCESS":
        block = psa.take(state, network, data["name"], length, wanted)
        if block is None:
            raise precondition(psa.NO_ROOM)
    elif wanted:
        block = _given(wanted, length)
    else:
        block = _next_block(state, length)
    data["reservedIpRange"] = str(block)
    data["#host"], data["#read"] = str(block[3]), str(block[4])


def _given(text: str, length: int) -> ipaddress.IPv4Network:
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError:
        raise invalid(f"Invalid CIDR range: {text}.", field="instance.reserved_ip_range") from None
    if block.prefixlen != length:
        raise invalid(f"The range {text} must have the size /{length}.", field="instance.reserved_ip_range")
    return block


def _next_block(state: State, length: int) -> ipaddress.IPv4Network:
    """Google picks ranges for direct peering that no subnetwork of the network uses."""
    used = [
        ipaddress.IPv4Network(record.data["ipCidrRange"])
        for path, record in state.compute.items()
        if "/subnetworks/" in path
    ]
    used += [
        ipaddress.IPv4Network(record.data[field])
        for record in state.redis.values()
        for field in ("reservedIpRange", "secondaryIpRange")
        if field in record.data
    ]
    for block in ipaddress.IPv4Network("10.200.0.0/14").subnets(new_prefix=length):
        if not any(block.overlaps(other) for other in used):
            return block
    raise GoogleError(400, psa.NO_ROOM)


def second_range(state: State, data: Data, given: str) -> None:
    """``secondaryIpRange``: ``auto`` becomes a CIDR."""
    if data["connectMode"] == "PRIVATE_SERVICE_ACCESS":
        name = "" if given == "auto" else given
        block = psa.take(state, data["authorizedNetwork"], f"{data['name']}#second", 28, name)
        if block is None:
            raise precondition(psa.NO_ROOM)
    else:
        block = _next_block(state, 28) if given == "auto" else _given(given, 28)
    data["secondaryIpRange"] = str(block)
    data["#read"] = str(block[3])


def maintenance(call: Call, given: Data, before: Data) -> Data:
    """A complete ``maintenancePolicy``."""
    windows = given.get("weeklyMaintenanceWindow", [])
    if len(windows) > 1:
        raise invalid("At most one weekly maintenance window can be set.", field="instance.maintenance_policy")
    if not windows:
        return {}
    for window in windows:
        start = window.get("startTime", {})
        if window.get("day", "DAY_OF_WEEK_UNSPECIFIED") == "DAY_OF_WEEK_UNSPECIFIED":
            raise invalid("The day of the maintenance window must be set.", field="instance.maintenance_policy")
        if start.get("minutes") or start.get("seconds") or start.get("nanos"):
            raise invalid("A maintenance window must start at a full hour.", field="instance.maintenance_policy")
    moment = zulu(call.state.wall(), 9)
    return {
        **given,
        "createTime": before.get("createTime", moment),
        "updateTime": moment,
        "weeklyMaintenanceWindow": [{**window, "duration": "3600s"} for window in windows],
    }
