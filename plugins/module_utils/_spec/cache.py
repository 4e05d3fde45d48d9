# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a managed Redis-compatible cache is: private, encrypted, authenticated."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Literal

from .arguments import NOT_SECRET
from .cluster import MaintenanceWindow
from .site import Site, check
from .sizes import environment_default

EvictionPolicy = Literal[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
]


@dataclass(frozen=True)
class AwsCache:
    """ElastiCache only."""

    node_type: str | None = None  # cache.m7g.large
    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class GcpCache:
    """Memorystore only. memory_gb: of an instance with engine: redis; node_type: of one with engine: valkey."""

    node_type: str | None = None
    memory_gb: int | None = None
    kms_key: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class AzureCache:
    """Azure Managed Redis only. Azure Cache for Redis is being retired, and is not made."""

    sku: str | None = None  # Balanced_B5
    key_vault_key_id: str | None = None


@dataclass(frozen=True)
class CacheInstance:
    """One cache. persistence: none, snapshots (RDB) or append_only (AOF). The password, where the service has one,
    lives in the secret store; rotate: make a new one."""

    name: str
    state: Literal["present", "absent"] = "present"
    engine: Literal["valkey", "redis"] | None = None
    version: str | None = None
    size: Literal["small", "medium", "large"] = "small"
    high_availability: bool | None = None
    persistence: Literal["none", "snapshots", "append_only"] = "none"
    snapshot_retention_days: int | None = None
    snapshot_window: str | None = None
    eviction_policy: EvictionPolicy | None = None
    maintenance_window: MaintenanceWindow | None = None
    encryption: Literal["provider", "customer"] = "provider"
    final_snapshot: bool = False
    rotate: bool = False
    aws: AwsCache = field(default_factory=AwsCache)
    gcp: GcpCache = field(default_factory=GcpCache)
    azure: AzureCache = field(default_factory=AzureCache)


@dataclass(frozen=True)
class Cache:
    """The site's caches."""

    instances: tuple[CacheInstance, ...] = ()

    def resolve(self, site: Site) -> Cache:
        """Every None that the environment decides, decided. Raises SpecError."""
        problems = []
        names = [item.name for item in self.instances]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"cache.instances: two caches are named {name!r}.")
        resolved = tuple(_resolve(item, site) for item in self.instances)
        for item in resolved:
            problems += _problems(item)
        check(problems)
        return dataclasses.replace(self, instances=resolved)

    def to_back_up(self) -> tuple[list[CacheInstance], list[str]]:
        """The caches whose content is backed up on demand, and why that of others is not, as sentences."""
        wanted = [item for item in self.instances if item.state == "present"]
        left_out = [
            f"cache.instances.{item.name}: with persistence: none it may lose what it holds, always."
            for item in wanted
            if item.persistence == "none"
        ]
        return [item for item in wanted if item.persistence != "none"], left_out


def _resolve(item: CacheInstance, site: Site) -> CacheInstance:
    available, retention = item.high_availability, item.snapshot_retention_days
    if available is None:
        available = environment_default(site.environment, "high_availability")
    # Azure Managed Redis and Memorystore for Redis keep their newest snapshot alone.
    newest_alone = site.cloud == "azure" or (site.cloud == "gcp" and item.engine == "redis")
    if retention is None and item.persistence == "snapshots" and not newest_alone:
        retention = environment_default(site.environment, "backup_retention_days")
    return dataclasses.replace(
        item,
        high_availability=available,
        snapshot_retention_days=retention,
    )


def _problems(item: CacheInstance) -> list[str]:
    where, problems = f"cache.instances.{item.name}", []
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", item.name) or "--" in item.name:
        problems.append(
            f"{where}: the name must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter."
        )
    problems += item.maintenance_window.problems(where) if item.maintenance_window else []
    if item.persistence != "snapshots" and (item.snapshot_retention_days is not None or item.snapshot_window):
        problems.append(f"{where}: snapshot_retention_days and snapshot_window need persistence: snapshots.")
    if item.snapshot_retention_days is not None and not 1 <= item.snapshot_retention_days <= 35:
        problems.append(f"{where}.snapshot_retention_days: {item.snapshot_retention_days} is out of range (1 to 35).")
    if item.snapshot_window and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", item.snapshot_window):
        problems.append(f"{where}.snapshot_window: {item.snapshot_window!r} is not a time of day (HH:MM, UTC).")
    if (item.aws.encryption_key_arn or item.gcp.kms_key or item.azure.key_vault_key_id) and (
        item.encryption == "provider"
    ):
        problems.append(f"{where}: a key of your own needs encryption: customer.")
    return problems
