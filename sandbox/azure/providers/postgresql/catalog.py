"""What flexible servers come in: editions, sizes, disks, versions and server parameters.

Values are those of the service's own capabilities answers (recorded traffic).
"""

from __future__ import annotations

from typing import Any, NamedTuple

MINORS = {"11": "22", "12": "22", "13": "23", "14": "20", "15": "15", "16": "12", "17": "8", "18": "4"}
CREATABLE = ("13", "14", "15", "16", "17", "18")

# size in GB -> (performance tier, IOPS)
DISKS = {
    32: ("P4", 120),
    64: ("P6", 240),
    128: ("P10", 500),
    256: ("P15", 1100),
    512: ("P20", 2300),
    1024: ("P30", 5000),
    2048: ("P40", 7500),
    4095: ("P50", 7500),
    4096: ("P50", 7500),
    8192: ("P60", 16000),
    16384: ("P70", 18000),
    32767: ("P80", 20000),
}
_BURSTABLE = {"B1ms": (1, 640), "B2s": (2, 1280), "B2ms": (2, 1920), "B4ms": (4, 2880), "B8ms": (8, 4320)}
_CORES = (2, 4, 8, 16, 32, 48, 64)


def _sizes(letter: str, families: dict[str, tuple[int, ...]]) -> dict[str, int]:
    return {
        f"Standard_{letter}{cores}{family}": cores
        for family, more in families.items()
        for cores in sorted({*_CORES, *more})
    }


_V5 = {"s_v3": (), "ds_v4": (), "ads_v5": (96,), "ds_v5": (96,)}
_LARGE = {"s_v3": (), "ds_v4": (20,), "ads_v5": (20, 96), "ds_v5": (20, 96)}
# edition -> {size: vCores}
EDITIONS: dict[str, dict[str, int]] = {
    "Burstable": {
        **{f"Standard_{name}": cores for name, (cores, _) in _BURSTABLE.items()},
        **{f"Standard_B{cores}ms": cores for cores in (12, 16, 20)},
    },
    "GeneralPurpose": _sizes("D", _V5),
    "MemoryOptimized": _sizes("E", _LARGE),
}
_DEFAULTS = {"Burstable": "Standard_B1ms", "GeneralPurpose": "Standard_D4ds_v5", "MemoryOptimized": "Standard_E4ds_v5"}


class Parameter(NamedTuple):
    """A server parameter. ``allowed`` is a list of words, or a range ``low-high``."""

    data_type: str
    default: str
    allowed: str
    dynamic: bool
    description: str = ""
    link: str = "https://www.postgresql.org/docs/current/runtime-config.html"


PARAMETERS: dict[str, Parameter] = {
    "autovacuum": Parameter("Boolean", "on", "on,off", True, "Controls whether the server should run autovacuum."),
    "autovacuum_naptime": Parameter("Integer", "60", "1-2147483", True, "Minimum delay between autovacuum runs."),
    "azure.extensions": Parameter("Set", "", "", True, "Extensions that may be created on the server."),
    "effective_cache_size": Parameter("Integer", "786432", "1-2147483647", True),
    "idle_in_transaction_session_timeout": Parameter("Integer", "0", "0-2147483647", True),
    "log_checkpoints": Parameter("Boolean", "on", "on,off", True, "Logs each checkpoint."),
    "log_connections": Parameter("Boolean", "on", "on,off", True, "Logs each successful connection."),
    "log_disconnections": Parameter("Boolean", "on", "on,off", True, "Logs end of a session."),
    "log_lock_waits": Parameter("Boolean", "off", "on,off", True),
    "log_min_duration_statement": Parameter("Integer", "-1", "-1-2147483647", True),
    "log_statement": Parameter("Enumeration", "none", "none,ddl,mod,all", True),
    "logfiles.download_enable": Parameter("Boolean", "off", "on,off", True, "Enables server logs to be downloaded."),
    "logfiles.retention_days": Parameter("Integer", "3", "1-7", True),
    "maintenance_work_mem": Parameter("Integer", "157696", "1024-2097151", True),
    "max_connections": Parameter("Integer", "859", "25-5000", False, "Sets the maximum number of connections."),
    "max_replication_slots": Parameter("Integer", "10", "2-262143", False),
    "max_wal_senders": Parameter("Integer", "10", "5-100", False),
    "max_wal_size": Parameter("Integer", "16384", "32-65536", True),
    "password_encryption": Parameter("Enumeration", "scram-sha-256", "md5,scram-sha-256", True),
    "pg_qs.query_capture_mode": Parameter("Enumeration", "none", "top,all,none", True),
    "pgaudit.log": Parameter(
        "Set",
        "none",
        "none,read,write,function,role,ddl,misc,all",
        True,
        "Specifies which classes of statements will be logged by session audit logging.",
        "https://github.com/pgaudit/pgaudit/blob/master/README.md",
    ),
    "pgbouncer.enabled": Parameter("Boolean", "false", "true,false", True),
    "random_page_cost": Parameter("Numeric", "2", "0-1.79769e+308", True),
    "require_secure_transport": Parameter("Boolean", "on", "on,off", True, "Whether clients have to use TLS."),
    "shared_buffers": Parameter("Integer", "524288", "16-1073741823", False),
    "shared_preload_libraries": Parameter("Set", "pg_cron,pg_stat_statements", "", False),
    "ssl_min_protocol_version": Parameter("Enumeration", "TLSv1.2", "TLSv1.2,TLSv1.3", True),
    "statement_timeout": Parameter("Integer", "0", "0-2147483647", True),
    "timezone": Parameter("String", "UTC", "[A-Za-z0-9/+_-]+", True),
    "wal_level": Parameter("Enumeration", "replica", "replica,logical", False),
    "work_mem": Parameter("Integer", "4096", "4096-2097151", True),
}


def allows(parameter: Parameter, value: str) -> bool:
    """Whether a value is in the parameter's list or range."""
    if parameter.data_type in ("Integer", "Numeric"):
        low, _, high = parameter.allowed[1:].partition("-")
        try:
            return float(parameter.allowed[0] + low) <= float(value) <= float(high)
        except ValueError:
            return False
    if not parameter.allowed or parameter.data_type == "String":
        return True
    words = parameter.allowed.lower().split(",")
    return all(word.strip().lower() in words for word in value.split(","))


def capabilities(zones: bool) -> dict[str, Any]:
    """An entry of the capabilities of a region."""
    enabled = "Enabled" if zones else "Disabled"
    return {
        "name": "FlexibleServerCapabilities",
        "supportedServerEditions": [_edition(name, sizes, zones) for name, sizes in EDITIONS.items()],
        "supportedServerVersions": [
            {"supportedFeatures": [], "name": name, "supportedVersionsToUpgrade": [x for x in CREATABLE if x > name]}
            for name in CREATABLE
        ],
        "supportedFastProvisioningEditions": [],
        "supportedFeatures": [
            {"name": "ZoneRedundantHa", "status": enabled},
            {"name": "GeoBackup", "status": "Enabled"},
            {"name": "StorageAutoGrowth", "status": "Enabled"},
            {"name": "OnlineResize", "status": "Enabled"},
        ],
        "fastProvisioningSupported": "Disabled",
        "geoBackupSupported": "Enabled",
        "zoneRedundantHaSupported": enabled,
        "zoneRedundantHaAndGeoBackupSupported": enabled,
        "storageAutoGrowthSupported": "Enabled",
        "onlineResizeSupported": "Enabled",
        "restricted": "Disabled",
    }


def _edition(name: str, sizes: dict[str, int], zones: bool) -> dict[str, Any]:
    modes = ["SameZone", "ZoneRedundant"] if zones else ["SameZone"]
    return {
        "name": name,
        "defaultSkuName": _DEFAULTS[name],
        "supportedServerSkus": [
            {
                "supportedFeatures": [],
                "name": size,
                "vCores": cores,
                "supportedIops": _BURSTABLE.get(size.removeprefix("Standard_"), (0, min(cores * 1600, 80000)))[1],
                "supportedMemoryPerVcoreMb": 8192 if name == "MemoryOptimized" else 4096,
                "supportedZones": ["1", "2", "3"] if zones else [],
                "supportedHaMode": modes,
            }
            for size, cores in sizes.items()
        ],
        "supportedStorageEditions": [
            {
                "name": "ManagedDisk",
                "defaultStorageSizeMb": 32768 if name == "Burstable" else 65536,
                "supportedStorageMb": [
                    {
                        "supportedIops": iops,
                        "storageSizeMb": size * 1024,
                        "defaultIopsTier": tier,
                        "supportedIopsTiers": [
                            {"name": t, "iops": i} for t, i in dict(DISKS.values()).items() if i >= iops
                        ],
                    }
                    for size, (tier, iops) in DISKS.items()
                ],
            }
        ],
    }
