"""What RDS sells: engines, versions, instance classes, storage types.

A selection in the shape of DescribeDBEngineVersions and DescribeOrderableDBInstanceOptions. Sources:
https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-versions.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Support.html and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_POSTGRES = {
    "13": ("13.18", "13.20", "13.22"),
    "14": ("14.15", "14.17", "14.19"),
    "15": ("15.10", "15.12", "15.14"),
    "16": ("16.4", "16.6", "16.8", "16.10"),
    "17": ("17.2", "17.4", "17.6"),
    "18": ("18.1",),
}
_SQLSERVER = {
    "15.00": ("15.00.4415.2.v1", "15.00.4430.1.v1"),
    "16.00": ("16.00.4165.4.v1", "16.00.4185.3.v1"),
}
SQLSERVER_EDITIONS = {
    "sqlserver-ee": "Enterprise Edition",
    "sqlserver-se": "Standard Edition",
    "sqlserver-ex": "Express Edition",
    "sqlserver-web": "Web Edition",
}
_SIZES = ("micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_POSTGRES_FAMILIES = {
    "db.t3": _SIZES[:6],
    "db.t4g": _SIZES[:6],
    "db.m5": _SIZES[3:],
    "db.m6g": _SIZES[3:],
    "db.m6i": _SIZES[3:],
    "db.m7g": _SIZES[3:],
    "db.m7i": _SIZES[3:],
    "db.m8g": _SIZES[3:],
    "db.r5": _SIZES[3:],
    "db.r6g": _SIZES[3:],
    "db.r6i": _SIZES[3:],
    "db.r7g": _SIZES[3:],
    "db.r7i": _SIZES[3:],
}
_SQLSERVER_FAMILIES = {
    "db.t3": ("small", "medium", "large", "xlarge", "2xlarge"),
    "db.m5": _SIZES[3:],
    "db.m6i": _SIZES[3:],
    "db.r5": _SIZES[3:],
    "db.r6i": _SIZES[3:],
}
# Families that are not sold everywhere.
_ONLY_IN = {"db.m8g": ("us-east-1", "us-east-2", "us-west-2", "eu-central-1")}
# Storage type -> (least GiB, most GiB, IOPS can be chosen, throughput can be chosen).
_POSTGRES_STORAGE = {
    "gp2": (20, 65536, False, False),
    "gp3": (20, 65536, True, True),
    "io1": (100, 65536, True, False),
    "io2": (100, 65536, True, False),
    "standard": (5, 3072, False, False),
}
_SQLSERVER_STORAGE = {
    "gp2": (20, 16384, False, False),
    "gp3": (20, 16384, True, True),
    "io1": (100, 16384, True, False),
    "io2": (100, 16384, True, False),
}
# When certificates of instances end; their CAs last longer.
CERTIFICATE_END = datetime(2030, 1, 15, 12, 0, tzinfo=UTC)
CERTIFICATES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")


@dataclass(frozen=True)
class Version:
    """One engine version."""

    engine: str
    number: str
    major: str
    default_of_major: bool

    @property
    def family(self) -> str:
        """Parameter group family."""
        if self.engine == "postgres":
            return f"postgres{self.major}"
        return f"{self.engine}-{self.major.removesuffix('0')}"

    @property
    def description(self) -> str:
        """As the console shows it."""
        if self.engine == "postgres":
            return f"PostgreSQL {self.number}-R1"
        return f"SQL Server {'2022' if self.major == '16.00' else '2019'} {self.number}"

    @property
    def log_types(self) -> tuple[str, ...]:
        """Logs that can be exported to CloudWatch."""
        return ("postgresql", "upgrade", "iam-db-auth-error") if self.engine == "postgres" else ("agent", "error")

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts versions."""
        return tuple(int(part.removeprefix("v")) for part in self.number.split("."))


def _versions() -> dict[str, tuple[Version, ...]]:
    def of(engine: str, table: Mapping[str, tuple[str, ...]]) -> tuple[Version, ...]:
        return tuple(
            Version(engine, number, major, number == numbers[-1])
            for major, numbers in table.items()
            for number in numbers
        )

    return {"postgres": of("postgres", _POSTGRES), **{name: of(name, _SQLSERVER) for name in SQLSERVER_EDITIONS}}


VERSIONS = _versions()
DEFAULT_MAJOR = {"postgres": "17", **dict.fromkeys(SQLSERVER_EDITIONS, "16.00")}
DEFAULT_PORT = {"postgres": 5432, **dict.fromkeys(SQLSERVER_EDITIONS, 1433)}


def find_version(engine: str, number: str | None) -> Version | None:
    """A version by its number or by its major version alone; None = not offered."""
    wanted = number or DEFAULT_MAJOR[engine]
    for version in VERSIONS[engine]:
        if version.number == wanted or (version.major == wanted and version.default_of_major):
            return version
    return None


def version_of(engine: str, number: str) -> Version:
    """A version that is known to be on offer; KeyError when it is not."""
    found = find_version(engine, number)
    if found is None:
        raise KeyError(f"{engine} {number}")
    return found


def certificate(name: str) -> dict[str, Any]:
    """The fields of an instance that tell its certificate."""
    details = {"CAIdentifier": name, "ValidTill": CERTIFICATE_END}
    return {"CACertificateIdentifier": name, "CertificateDetails": details}


def license_models(engine: str) -> tuple[str, ...]:
    """Licence models, the default first."""
    return ("postgresql-license",) if engine == "postgres" else ("license-included",)


def instance_classes(engine: str, region: str) -> list[str]:
    """Instance classes on sale in a region."""
    families = _POSTGRES_FAMILIES if engine == "postgres" else _SQLSERVER_FAMILIES
    found = [
        f"{family}.{size}"
        for family, sizes in families.items()
        for size in sizes
        if region in _ONLY_IN.get(family, (region,))
    ]
    if engine in ("sqlserver-ex", "sqlserver-web"):
        # Small machines only: the editions do not use more.
        found = [name for name in found if name.rsplit(".", 1)[1] in _SIZES[:6]]
    return found


def storage_types(engine: str) -> dict[str, tuple[int, int, bool, bool]]:
    """Storage type -> (least GiB, most GiB, IOPS can be chosen, throughput can be chosen)."""
    return _POSTGRES_STORAGE if engine == "postgres" else _SQLSERVER_STORAGE


def can_fail_over(engine: str) -> bool:
    """Whether the engine has Multi-AZ."""
    return engine in ("postgres", "sqlserver-ee", "sqlserver-se")


def can_replicate(engine: str) -> bool:
    """Whether the engine has read replicas."""
    return engine in ("postgres", "sqlserver-ee")


def can_encrypt(engine: str, instance_class: str) -> bool:
    """Whether storage can be encrypted."""
    return not (engine == "sqlserver-ex" and instance_class.endswith("micro"))


def describe_version(version: Version) -> dict[str, Any]:
    """An entry of DescribeDBEngineVersions."""
    postgres = version.engine == "postgres"
    targets = [
        {
            "Engine": version.engine,
            "EngineVersion": other.number,
            "Description": other.description,
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": other.major != version.major,
            "SupportsLimitlessDatabase": False,
            "SupportsLocalWriteForwarding": False,
            "SupportsIntegrations": postgres,
        }
        for other in upgrade_targets(version)
    ]
    edition = SQLSERVER_EDITIONS.get(version.engine)
    return {
        "Engine": version.engine,
        "EngineVersion": version.number,
        "MajorEngineVersion": version.major,
        "DBParameterGroupFamily": version.family,
        "DBEngineDescription": "PostgreSQL" if postgres else f"Microsoft SQL Server {edition}",
        "DBEngineVersionDescription": version.description,
        "ValidUpgradeTarget": targets,
        "ExportableLogTypes": list(version.log_types),
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": can_replicate(version.engine),
        "SupportedFeatureNames": ["Lambda", "s3Export", "s3Import"] if postgres else ["S3_INTEGRATION"],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": False,
        "SupportsBabelfish": False,
        "SupportsLimitlessDatabase": False,
        "SupportsCertificateRotationWithoutRestart": postgres,
        "SupportedCACertificateIdentifiers": list(CERTIFICATES),
        "SupportsLocalWriteForwarding": False,
        "SupportsIntegrations": postgres,
    }


def upgrade_targets(version: Version) -> list[Version]:
    """Versions that this one can be upgraded to."""
    return [other for other in VERSIONS[version.engine] if other.order > version.order]


@functools.cache
def orderable(engine: str, number: str, region: str) -> tuple[dict[str, Any], ...]:
    """Entries of DescribeOrderableDBInstanceOptions for an engine version in a region."""
    zones = [{"Name": f"{region}{letter}"} for letter in "abc"]
    postgres = engine == "postgres"
    return tuple(
        {
            "Engine": engine,
            "EngineVersion": number,
            "DBInstanceClass": name,
            "LicenseModel": license_models(engine)[0],
            "AvailabilityZones": zones,
            "MultiAZCapable": can_fail_over(engine),
            "ReadReplicaCapable": can_replicate(engine),
            "Vpc": True,
            "SupportsStorageEncryption": can_encrypt(engine, name),
            "StorageType": storage,
            "SupportsIops": iops,
            "SupportsStorageThroughput": throughput,
            "SupportsEnhancedMonitoring": True,
            "SupportsIAMDatabaseAuthentication": postgres,
            "SupportsPerformanceInsights": True,
            "MinStorageSize": least,
            "MaxStorageSize": most,
            **(
                {"MinIopsPerDbInstance": 3000 if storage == "gp3" else 1000, "MaxIopsPerDbInstance": 256000}
                if iops
                else {}
            ),
            **(
                {"MinStorageThroughputPerDbInstance": 125, "MaxStorageThroughputPerDbInstance": 4000}
                if throughput
                else {}
            ),
            "SupportsStorageAutoscaling": True,
            "SupportsKerberosAuthentication": True,
            "OutpostCapable": False,
            "SupportsGlobalDatabases": False,
            "SupportsClusters": False,
            "SupportsDedicatedLogVolume": False,
            "SupportsHttpEndpoint": False,
            "AvailableProcessorFeatures": [],
            "SupportedEngineModes": [],
            "SupportedNetworkTypes": ["IPV4", "DUAL"],
        }
        for name in instance_classes(engine, region)
        for storage, (least, most, iops, throughput) in storage_types(engine).items()
    )
