"""``settings`` of an instance: what Google fills in, prints beside what was sent, and refuses.

What is filled in: recorded traffic.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .. import psa
from ..calls import Call, own_project
from ..catalog import zones
from ..errors import GoogleError
from ..state import PROJECT
from . import flags
from .versions import Version, check_tier, invalid_request

Data = dict[str, Any]
_NETWORK = re.compile(
    r"(?:https://(?:www|compute)\.googleapis\.com/compute/v1/|/)?(projects/[^/]+/global/networks/[^/]+)"
)
_TIME = re.compile(r"([01]\d|2[0-3]):00")
_ANY_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_KEYED = {
    "backupConfiguration": "sql#backupConfiguration",
    "locationPreference": "sql#locationPreference",
    "maintenanceWindow": "sql#maintenanceWindow",
}
_MIN_DISK, _MAX_DISK = 10, 65536
_SSL_MODES = ("ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED")


def complete(call: Call, data: Data, *, replica: bool, updated: bool = False) -> None:
    """Fill in and check ``data["settings"]`` of an instance; 400 for what cannot be.

    ``updated``: an update prints a field that a creation leaves out.
    """
    of, settings = Version(data["databaseVersion"]), data["settings"]
    settings["kind"] = "sql#settings"
    edition = _filled(settings, "edition", of.default_edition)
    check_tier(settings.get("tier", ""), of, edition)
    _filled(settings, "activationPolicy", "ALWAYS")
    _filled(settings, "availabilityType", "ZONAL")
    _filled(settings, "pricingPlan", "PER_USE")
    _filled(settings, "replicationType", "SYNCHRONOUS")
    _filled(settings, "connectorEnforcement", "NOT_REQUIRED")
    settings.setdefault("authorizedGaeApplications", [])
    settings.setdefault("deletionProtectionEnabled", False)
    _disk(settings)
    _backups(settings, of, edition, replica=replica, updated=updated)
    _availability(settings, of, replica=replica)
    _network(call, data, settings, of)
    _place(data, settings)
    if not settings.get("databaseFlags"):
        settings.pop("databaseFlags", None)
    flags.check(settings.get("databaseFlags", []), of)
    _insights(settings)
    _maintenance(settings)
    _labels(settings)
    for key, kind in _KEYED.items():
        if key in settings:
            settings[key]["kind"] = kind


def _filled(settings: Data, key: str, default: str) -> str:
    """An enum with its default; the unspecified value counts as left out."""
    value = str(settings.get(key, ""))
    if not value or value.endswith("_UNSPECIFIED"):
        value = settings[key] = default
    return value


def _disk(settings: Data) -> None:
    _filled(settings, "dataDiskType", "PD_SSD")
    settings.setdefault("storageAutoResize", True)
    settings.setdefault("storageAutoResizeLimit", "0")
    size = int(settings.setdefault("dataDiskSizeGb", str(_MIN_DISK)))
    if not _MIN_DISK <= size <= _MAX_DISK:
        raise invalid_request(f"Invalid disk size {size} GB: it must be between {_MIN_DISK} and {_MAX_DISK} GB.")
    limit = int(settings["storageAutoResizeLimit"])
    if limit and limit < size:
        raise invalid_request(f"The storage auto resize limit of {limit} GB is below the disk size of {size} GB.")


def _backups(settings: Data, of: Version, edition: str, *, replica: bool, updated: bool) -> None:
    plus = edition == "ENTERPRISE_PLUS"
    config = settings.setdefault("backupConfiguration", {})
    enabled = bool(config.setdefault("enabled", False))
    recovery = bool(
        config.get("pointInTimeRecoveryEnabled") or (of.engine == "MYSQL" and config.get("binaryLogEnabled"))
    )
    start = config.setdefault("startTime", "12:00")
    if not _ANY_TIME.fullmatch(start):
        raise invalid_request(f"Invalid backup start time ({start}): it must have the form HH:MM.")
    kept = config.setdefault("backupRetentionSettings", {})
    kept.setdefault("retentionUnit", "COUNT")
    if not 1 <= int(kept.setdefault("retainedBackups", 15 if plus else 7)) <= 365:
        raise invalid_request("The number of retained backups must be between 1 and 365.")
    days, most = int(config.setdefault("transactionLogRetentionDays", 14 if plus else 7)), 35 if plus else 7
    if not 1 <= days <= most:
        raise invalid_request(f"Transaction log retention days must be between 1 and {most} for edition {edition}.")
    if days > int(kept["retainedBackups"]):
        raise invalid_request("Transaction log retention days must not exceed the number of retained backups.")
    if recovery and not enabled:
        raise invalid_request("Point in time recovery must be disabled when backup is disabled.")
    if replica and enabled and of.engine != "MYSQL":
        raise invalid_request("Backups cannot be enabled on a read replica.")
    config["backupTier"] = "STANDARD"
    config["transactionalLogStorageState"] = (
        "CLOUD_STORAGE" if recovery else "TRANSACTIONAL_LOG_STORAGE_STATE_UNSPECIFIED"
    )
    if of.engine == "MYSQL":
        config.pop("pointInTimeRecoveryEnabled", None)
    elif of.engine == "POSTGRES" and (enabled or updated):
        config["replicationLogArchivingEnabled"] = recovery


def _availability(settings: Data, of: Version, *, replica: bool) -> None:
    config = settings["backupConfiguration"]
    if settings["availabilityType"] != "REGIONAL" or replica or of.engine == "SQLSERVER":
        return
    if not config["enabled"] or config["transactionalLogStorageState"] != "CLOUD_STORAGE":
        raise invalid_request(
            "Automated backups and point in time recovery (binary logging for MySQL) must be enabled for regional "
            "availability."
        )


def network_of(data: Data) -> str:
    """Path of the network that an instance has a private address in; empty without one."""
    found = _NETWORK.fullmatch(data["settings"]["ipConfiguration"].get("privateNetwork", ""))
    return own_project(found[1]) if found else ""


def _network(call: Call, data: Data, settings: Data, of: Version) -> None:
    config = settings.setdefault("ipConfiguration", {})
    config.setdefault("ipv4Enabled", True)
    config.setdefault("authorizedNetworks", [])
    for entry in config["authorizedNetworks"]:
        entry["kind"] = "sql#aclEntry"
        try:
            ipaddress.ip_network(entry.get("value", ""))
        except ValueError:
            raise invalid_request(f"Invalid authorized network: {entry.get('value', '')}.") from None
    _ssl(config, of)
    if config.get("privateNetwork"):
        network = network_of(data)
        if not network or network not in call.state.compute:
            raise invalid_request(f"Invalid private network: {config['privateNetwork']}.")
        config["privateNetwork"] = network
        if not psa.connected(call.state, network):
            raise invalid_request(
                f"Incorrect Service Networking config for instance: {PROJECT}:{data['name']}:NETWORK_NOT_PEERED."
            )
        wanted = config.get("allocatedIpRange")
        if wanted and wanted not in dict(psa.ranges(call.state, network)):
            raise invalid_request(f"The allocated range {wanted} is not a range of the network's connection.")
    elif config.get("allocatedIpRange") or config.get("enablePrivatePathForGoogleCloudServices"):
        raise invalid_request("A private network must be given for private IP settings.")
    if not config["ipv4Enabled"] and not config.get("privateNetwork"):
        raise invalid_request(
            "At least one of Public IP or Private IP or PSC connectivity must be enabled for this instance."
        )


def _ssl(config: Data, of: Version) -> None:
    mode = config.get("sslMode", "SSL_MODE_UNSPECIFIED")
    if mode == "SSL_MODE_UNSPECIFIED":
        required = config.get("requireSsl", False)
        strict = "ENCRYPTED_ONLY" if of.engine == "SQLSERVER" else _SSL_MODES[2]
        mode = strict if required else _SSL_MODES[0]
    if of.engine == "SQLSERVER" and mode == _SSL_MODES[2]:
        raise invalid_request(f"SSL mode {mode} is not supported for SQL Server.")
    config["sslMode"] = mode
    config["requireSsl"] = mode == _SSL_MODES[2] or (of.engine == "SQLSERVER" and mode == "ENCRYPTED_ONLY")


def _place(data: Data, settings: Data) -> None:
    known = zones(data["region"])
    place = settings.setdefault("locationPreference", {})
    zone = place.get("zone") or data.get("gceZone") or known[0]
    second = place.get("secondaryZone")
    for name in (zone, second):
        if name is not None and name not in known:
            raise invalid_request(f"Zone {name} is not in region {data['region']}.")
    if second is not None and settings["availabilityType"] != "REGIONAL":
        raise invalid_request("A secondary zone can only be set for regional instances.")
    if second is not None and second == zone:
        raise invalid_request("The secondary zone must differ from the zone.")
    place["zone"] = zone
    data["gceZone"] = data.get("gceZone", zone)
    if settings["availabilityType"] == "REGIONAL":
        other = second or data.get("secondaryGceZone") or next(name for name in known if name != data["gceZone"])
        data["secondaryGceZone"] = other if other != data["gceZone"] else zone
    else:
        data.pop("secondaryGceZone", None)


def _insights(settings: Data) -> None:
    config = settings.get("insightsConfig")
    if not config:
        settings.pop("insightsConfig", None)
        return
    if not 256 <= int(config.get("queryStringLength", 1024)) <= 4500:
        raise invalid_request("Query string length must be between 256 and 4500.")
    if not 0 <= int(config.get("queryPlansPerMinute", 5)) <= 20:
        raise invalid_request("Query plans per minute must be between 0 and 20.")


def _maintenance(settings: Data) -> None:
    window = settings.get("maintenanceWindow")
    if window is None:
        return
    window.setdefault("day", 0)
    window.setdefault("hour", 0)
    if not 0 <= int(window["day"]) <= 7 or not 0 <= int(window["hour"]) <= 23:
        raise invalid_request("The maintenance window must have a day from 1 to 7 and an hour from 0 to 23.")
    for period in settings.get("denyMaintenancePeriods", []):
        if not all(key in period for key in ("startDate", "endDate", "time")):
            raise invalid_request("A deny maintenance period needs start date, end date and time.")


def _labels(settings: Data) -> None:
    labels = settings.get("userLabels")
    if not labels:
        settings.pop("userLabels", None)
        return
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise GoogleError(400, f"Invalid request: Invalid label {key}={value}.", reason="invalidUserLabels")
