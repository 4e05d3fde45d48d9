"""Database versions, editions and machine tiers of Cloud SQL.

Installed minor versions are those of the sandbox; real ones move with every maintenance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import GoogleError

# version -> (installed version, maintenance build, name in the console); oldest first within an engine.
_POSTGRES = {
    "POSTGRES_9_6": ("9_6_24", "R20250302.00_19", "PostgreSQL 9.6"),
    "POSTGRES_10": ("10_23", "R20250302.00_19", "PostgreSQL 10"),
    "POSTGRES_11": ("11_22", "R20250302.00_19", "PostgreSQL 11"),
    "POSTGRES_12": ("12_22", "R20250727.00_10", "PostgreSQL 12"),
    "POSTGRES_13": ("13_22", "R20250910.01_03", "PostgreSQL 13"),
    "POSTGRES_14": ("14_19", "R20250910.01_03", "PostgreSQL 14"),
    "POSTGRES_15": ("15_14", "R20250910.01_03", "PostgreSQL 15"),
    "POSTGRES_16": ("16_10", "R20250910.01_03", "PostgreSQL 16"),
    "POSTGRES_17": ("17_6", "R20250910.01_03", "PostgreSQL 17"),
    "POSTGRES_18": ("18_1", "R20251004.01_07", "PostgreSQL 18"),
}
_MYSQL = {
    "MYSQL_5_7": ("5_7_44", "R20231105.01_03", "MySQL 5.7"),
    "MYSQL_8_0": ("8_0_41", "R20251004.01_07", "MySQL 8.0"),
    "MYSQL_8_4": ("8_4_7", "R20251004.01_24", "MySQL 8.4"),
}
_SQLSERVER = {
    f"SQLSERVER_{year}_{edition}": (
        f"{year}_{edition}_{level}",
        "R20250910.00_02",
        f"SQL Server {year} {edition.title()}",
    )
    for year, level in (("2017", "CU31"), ("2019", "CU32"), ("2022", "CU20"), ("2025", "RTM"))
    for edition in ("EXPRESS", "WEB", "STANDARD", "ENTERPRISE")
    if (year, edition) != ("2025", "WEB")
}
VERSIONS = {**_POSTGRES, **_MYSQL, **_SQLSERVER}
DEFAULT_VERSION = "MYSQL_8_0"
# PostgreSQL from here on is of the edition ENTERPRISE_PLUS when none is named.
_PLUS_BY_DEFAULT = 16

_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")
_GB = 1024**3
SHARED = {"db-f1-micro": 643825664, "db-g1-small": 1825361100}
_STANDARD = {f"db-n1-standard-{cpus}": int(cpus * 3.75 * _GB) for cpus in (1, 2, 4, 8, 16, 32, 64, 96)}
_PLUS = {
    f"db-perf-optimized-N-{cpus}": (16 if cpus == 2 else 8 * cpus) * _GB
    for cpus in (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)
}
_EXAMPLES = {f"db-custom-{cpus}-{cpus * 3840}": cpus * 3840 * 1024**2 for cpus in (1, 2, 4, 8, 16, 32, 64, 96)}
TIERS = {**SHARED, **_STANDARD, **_EXAMPLES, **_PLUS}
_MAX_CPUS, _MIN_MB = 96, 3840


@dataclass(frozen=True)
class Version:
    """A database version, taken apart."""

    name: str

    @property
    def engine(self) -> str:
        """POSTGRES, MYSQL or SQLSERVER."""
        return self.name.partition("_")[0]

    @property
    def major(self) -> float:
        """Major version, comparable within an engine."""
        parts = self.name.split("_")[1:]
        return float(".".join(part for part in parts if part.isdigit()))

    @property
    def installed(self) -> str:
        """``POSTGRES_16_10``."""
        return f"{self.engine}_{VERSIONS[self.name][0]}"

    @property
    def maintenance(self) -> str:
        """``POSTGRES_16_10.R20250910.01_03``."""
        return f"{self.installed}.{VERSIONS[self.name][1]}"

    @property
    def default_edition(self) -> str:
        """The edition of an instance that names none."""
        plus = self.engine == "POSTGRES" and self.major >= _PLUS_BY_DEFAULT
        return "ENTERPRISE_PLUS" if plus else "ENTERPRISE"

    @property
    def root(self) -> str:
        """The user that every instance has."""
        return {"POSTGRES": "postgres", "MYSQL": "root", "SQLSERVER": "sqlserver"}[self.engine]

    def upgrades(self) -> list[dict[str, str]]:
        """Major versions that the instance can be upgraded to in place."""
        family = {"POSTGRES": _POSTGRES, "MYSQL": _MYSQL, "SQLSERVER": _SQLSERVER}[self.engine]
        newer = [Version(name) for name in family if Version(name).major > self.major]
        if self.engine == "SQLSERVER":
            newer = [item for item in newer if item.name.rpartition("_")[2] == self.name.rpartition("_")[2]]
        return [{"majorVersion": item.name, "name": item.name, "displayName": VERSIONS[item.name][2]} for item in newer]


def invalid_request(message: str, reason: str = "invalid") -> GoogleError:
    """Cloud SQL's 400."""
    return GoogleError(400, f"Invalid request: {message}", reason=reason)


def version(name: str) -> Version:
    """A version that can be had; 400 for one that cannot."""
    if name not in VERSIONS:
        raise invalid_request(f"Database version {name} is not available.")
    return Version(name)


def check_tier(tier: str, of: Version, edition: str) -> None:
    """400 for a machine that does not exist or does not fit version and edition."""
    if not tier:
        raise GoogleError(400, "Missing parameter: Tier.", reason="required")
    custom = _CUSTOM.fullmatch(tier)
    if not custom and tier not in TIERS:
        raise invalid_request(f"Invalid Tier ({tier}) for ({of.name}).")
    if of.engine == "MYSQL":
        return
    if edition == "ENTERPRISE_PLUS" and tier not in _PLUS:
        raise invalid_request(
            f"Invalid Tier ({tier}) for (ENTERPRISE_PLUS) Edition. Use a predefined Tier like db-perf-optimized-N-* "
            "instead. Learn more at https://cloud.google.com/sql/docs/postgres/create-instance#machine-types."
        )
    if edition == "ENTERPRISE" and tier in _PLUS:
        raise invalid_request(f"Invalid Tier ({tier}) for (ENTERPRISE) Edition.")
    if tier in _STANDARD or (of.engine == "SQLSERVER" and tier in SHARED):
        raise invalid_request(
            "Only custom or shared-core instance Billing Tier type allowed for PostgreSQL database."
            if of.engine == "POSTGRES"
            else f"Invalid Tier ({tier}) for ({of.name})."
        )
    if custom:
        _check_custom(tier, int(custom[1]), int(custom[2]))


def _check_custom(tier: str, cpus: int, memory: int) -> None:
    if cpus < 1 or cpus > _MAX_CPUS or (cpus > 1 and cpus % 2):
        raise invalid_request(f"Invalid Tier ({tier}): the number of vCPUs must be 1 or an even number up to 96.")
    if memory % 256 or memory < _MIN_MB or not 0.9 * 1024 * cpus <= memory <= 6.5 * 1024 * cpus:
        raise invalid_request(
            f"Invalid Tier ({tier}): memory must be a multiple of 256 MB, at least 3.75 GB, and 0.9 to 6.5 GB per vCPU."
        )
