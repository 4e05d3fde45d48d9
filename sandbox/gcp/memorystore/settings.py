"""What an instance may be; what Google chooses where nothing is said."""

from __future__ import annotations

import re
from typing import Any

from .. import cmek
from ..calls import Call
from ..catalog import zones
from ..errors import invalid, precondition
from ..networkconnectivity import connect, network_path
from ..state import PROJECT, hex_id, number_id, zulu
from .model import NODE_GB

Data = dict[str, Any]
VERSIONS = ("VALKEY_7_2", "VALKEY_8_0", "VALKEY_9_0")
_DEFAULT_VERSION = "VALKEY_8_0"
# Source: supported instance configurations of Memorystore for Valkey.
_PARAMETERS = (
    *("maxmemory-clients", "maxmemory", "maxmemory-policy", "notify-keyspace-events", "slowlog-log-slower-than"),
    *("maxclients", "dynamic-databases", "activedefrag", "lazyfree-lazy-user-del"),
)
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_RETENTION = re.compile(r"(\d+)s")
_DAY = 86400


def complete(call: Call, place: str, data: Data) -> None:
    """Check a new instance and fill in the rest."""
    data.setdefault("mode", "CLUSTER")
    data.setdefault("nodeType", "HIGHMEM_MEDIUM")
    data.setdefault("engineVersion", _DEFAULT_VERSION)
    data.setdefault("replicaCount", 0)
    data.setdefault("authorizationMode", "AUTH_DISABLED")
    data.setdefault("transitEncryptionMode", "TRANSIT_ENCRYPTION_DISABLED")
    data.setdefault("persistenceConfig", {"mode": "DISABLED"})
    data.setdefault("automatedBackupConfig", {"automatedBackupMode": "DISABLED"})
    data.setdefault("deletionProtectionEnabled", False)
    secure = data["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
    data.setdefault("serverCaMode", "GOOGLE_MANAGED_PER_INSTANCE_CA" if secure else "SERVER_CA_MODE_UNSPECIFIED")
    data["satisfiesPzi"] = False
    if data["mode"] == "STANDALONE":
        raise invalid("Mode STANDALONE is deprecated: use CLUSTER_DISABLED.", field="instance.mode")
    _zones(place, data)
    if data.get("kmsKey"):
        cmek.require(call, data["kmsKey"], place)
    check(call, data)


def check(call: Call, data: Data) -> None:
    """400 for an instance that cannot be."""
    if data["engineVersion"] not in VERSIONS:
        raise invalid(f"Invalid engine version: {data['engineVersion']}.", field="instance.engine_version")
    if data["nodeType"] not in NODE_GB:
        raise invalid(f"Node type {data['nodeType']} is not available here.", field="instance.node_type")
    shards = data.get("shardCount", 0)
    if data["mode"] == "CLUSTER_DISABLED" and shards not in (0, 1):
        raise invalid("shard_count must be 1 in mode CLUSTER_DISABLED.", field="instance.shard_count")
    data["shardCount"] = shards or (1 if data["mode"] == "CLUSTER_DISABLED" else 0)
    if not 1 <= data["shardCount"] <= 250:
        raise invalid("shard_count must be between 1 and 250.", field="instance.shard_count")
    if not 0 <= data["replicaCount"] <= 5:
        raise invalid("replica_count must be between 0 and 5.", field="instance.replica_count")
    for key in data.get("engineConfigs", {}):
        if key not in _PARAMETERS:
            raise invalid(f"Engine config {key} is not supported.", field="instance.engine_configs")
    for key, value in data.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Invalid label: {key}={value}.", field="instance.labels")
    data["persistenceConfig"] = _persistence(call, data.get("persistenceConfig", {}))
    data["automatedBackupConfig"] = _backups(data.get("automatedBackupConfig", {}))
    if "maintenancePolicy" in data:
        _maintenance(call, data)


def _zones(place: str, data: Data) -> None:
    given = data.setdefault("zoneDistributionConfig", {"mode": "MULTI_ZONE"})
    if given.get("mode", "MULTI_ZONE") == "MULTI_ZONE":
        if given.get("zone"):
            raise invalid("A zone can only be given for mode SINGLE_ZONE.")
        given["mode"] = "MULTI_ZONE"
    elif given.get("zone") not in zones(place):
        raise invalid(f"Zone {given.get('zone', '')} is not in region {place}.")


def _persistence(call: Call, given: Data) -> Data:
    mode = given.get("mode", "DISABLED")
    extra = {"RDB": "rdbConfig", "AOF": "aofConfig"}.get(mode)
    # The configuration of the mode before is dropped. Source: recorded traffic.
    answer: Data = {"mode": mode}
    if extra == "aofConfig":
        answer[extra] = {"appendFsync": "EVERY_SEC", **given.get(extra, {})}
    elif extra == "rdbConfig":
        start = zulu(call.state.wall(), 0)
        answer[extra] = {
            "rdbSnapshotPeriod": "TWENTY_FOUR_HOURS",
            "rdbSnapshotStartTime": start,
            **given.get(extra, {}),
        }
    return answer


def retention(text: str) -> int:
    """Seconds that a backup is kept: one day to 365 days."""
    found = _RETENTION.fullmatch(text)
    if found is None or not _DAY <= int(found[1]) <= 365 * _DAY:
        raise invalid(f"Invalid retention {text}: it must be between 1 and 365 days, in seconds.")
    return int(found[1])


def _backups(given: Data) -> Data:
    if given.get("automatedBackupMode", "DISABLED") != "ENABLED":
        return {"automatedBackupMode": "DISABLED"}
    start = given.get("fixedFrequencySchedule", {}).get("startTime")
    if start is None or start.get("minutes"):
        raise invalid("Automated backups need a start time at a full hour.", field="instance.automated_backup_config")
    kept = given.get("retention", f"{35 * _DAY}s")
    retention(kept)
    return {"automatedBackupMode": "ENABLED", "fixedFrequencySchedule": {"startTime": start}, "retention": kept}


def _maintenance(call: Call, data: Data) -> None:
    policy = data["maintenancePolicy"]
    windows = policy.get("weeklyMaintenanceWindow", [])
    if len(windows) > 1 or any(window.get("startTime", {}).get("minutes") for window in windows):
        raise invalid("At most one weekly maintenance window can be set, at a full hour.")
    moment = zulu(call.state.wall(), 9)
    data["maintenancePolicy"] = {**policy, "createTime": policy.get("createTime", moment), "updateTime": moment}
    if not windows:
        del data["maintenancePolicy"]


def endpoints(call: Call, place: str, data: Data) -> list[list[Data]]:
    """Endpoints in the consumers' networks: two connections each. Refused without a service connection policy."""
    given = [
        connection["pscAutoConnection"]
        for endpoint in data.get("endpoints", [])
        for connection in endpoint.get("connections", [])
        if "pscAutoConnection" in connection
    ] or data.get("pscAutoConnections", [])
    if not given:
        raise invalid("At least one PSC auto connection must be given.", field="instance.endpoints")
    groups = []
    for item in given:
        network, project = network_path(item.get("network", "")), item.get("projectId", PROJECT)
        if network not in call.state.compute:
            raise invalid(f"Network {item.get('network', '')} was not found.", field="instance.endpoints")
        number, group = int(number_id()), []
        for index in range(2):
            address = connect(call.state, place, network)
            if not address:
                raise precondition(
                    f"No service connection policy for service class gcp-memorystore was found on network {network} "
                    f"in region {place}."
                )
            group.append(
                {
                    "index": index,
                    "network": network,
                    "projectId": project,
                    "ip": address,
                    "id": str(number + index),
                    "rule": f"sca-auto-fr-{hex_id(8)}-{hex_id(4)}-{hex_id(4)}-{hex_id(4)}-{hex_id(12)}",
                }
            )
        groups.append(group)
    return groups
