"""What ElastiCache sells: engines, versions, node types, parameters.

A selection. Sources: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html,
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html and
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Version:
    """One engine version; ``short`` is how it is asked for, ``number`` how it is shown."""

    engine: str
    short: str
    number: str
    family: str

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts versions, Valkey above Redis OSS."""
        return (self.engine == "valkey", *(int(part) for part in self.number.split(".")))


VERSIONS = (
    Version("redis", "5.0.6", "5.0.6", "redis5.0"),
    Version("redis", "6.2", "6.2.6", "redis6.x"),
    Version("redis", "7.0", "7.0.7", "redis7"),
    Version("redis", "7.1", "7.1.0", "redis7"),
    Version("valkey", "7.2", "7.2.6", "valkey7"),
    Version("valkey", "8.0", "8.0.1", "valkey8"),
    Version("valkey", "8.1", "8.1.1", "valkey8"),
)
FAMILIES = tuple(dict.fromkeys(version.family for version in VERSIONS))
_SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_NODE_FAMILIES = {
    "cache.t3": ("micro", "small", "medium"),
    "cache.t4g": ("micro", "small", "medium"),
    "cache.m5": _SIZES,
    "cache.m6g": _SIZES,
    "cache.m7g": _SIZES,
    "cache.r5": _SIZES,
    "cache.r6g": _SIZES,
    "cache.r7g": _SIZES,
}
NODE_TYPES = tuple(f"{family}.{size}" for family, sizes in _NODE_FAMILIES.items() for size in sizes)


def find_version(engine: str, wanted: str | None) -> Version | None:
    """A version by either of its numbers; the newest when none is named."""
    offered = [version for version in VERSIONS if version.engine == engine]
    if wanted is None:
        return offered[-1] if offered else None
    return next((version for version in offered if wanted in (version.short, version.number)), None)


def describe_version(version: Version) -> dict[str, Any]:
    """An entry of DescribeCacheEngineVersions."""
    name = "Valkey" if version.engine == "valkey" else "Redis"
    return {
        "Engine": version.engine,
        "EngineVersion": version.number,
        "CacheParameterGroupFamily": version.family,
        "CacheEngineDescription": name,
        "CacheEngineVersionDescription": f"{name} version {version.number}",
    }


# name | default | data type | change type | allowed values
_PARAMETERS = """
acl-pubsub-default|allchannels|string|immediate|allchannels,resetchannels
activedefrag|no|string|immediate|yes,no
active-defrag-ignore-bytes|104857600|integer|immediate|1048576-
active-defrag-threshold-lower|10|integer|immediate|1-100
active-defrag-threshold-upper|100|integer|immediate|1-100
appendonly|no|string|unmodifiable|yes,no
appendfsync|everysec|string|unmodifiable|always,everysec,no
client-output-buffer-limit-normal-hard-limit|0|integer|immediate|0-
client-output-buffer-limit-pubsub-hard-limit|33554432|integer|immediate|0-
client-query-buffer-limit|1073741824|integer|immediate|1048576-1073741824
close-on-replica-write|yes|string|immediate|yes,no
cluster-allow-pubsubshard-when-down|yes|string|immediate|yes,no
cluster-allow-reads-when-down|no|string|immediate|yes,no
cluster-enabled|no|string|requires-reboot|yes,no
cluster-require-full-coverage|no|string|immediate|yes,no
databases|16|integer|requires-reboot|1-1200000
hash-max-listpack-entries|512|integer|immediate|0-
hash-max-listpack-value|64|integer|immediate|0-
hll-sparse-max-bytes|3000|integer|immediate|1-16000
latency-tracking|no|string|immediate|yes,no
lazyfree-lazy-eviction|yes|string|immediate|yes,no
lazyfree-lazy-expire|yes|string|immediate|yes,no
lazyfree-lazy-server-del|yes|string|immediate|yes,no
lazyfree-lazy-user-del|yes|string|immediate|yes,no
lfu-decay-time|1|integer|immediate|0-
lfu-log-factor|10|integer|immediate|1-
list-compress-depth|0|integer|immediate|0-
list-max-listpack-size|-2|integer|immediate|-5-
lua-time-limit|5000|integer|immediate|5000
maxclients|65000|integer|unmodifiable|1-65000
maxmemory-policy|volatile-lru|string|immediate|volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction
maxmemory-samples|3|integer|immediate|1-
min-replicas-max-lag|10|integer|immediate|0-
min-replicas-to-write|0|integer|immediate|0-
notify-keyspace-events||string|immediate|
proto-max-bulk-len|536870912|integer|immediate|1048576-536870912
rename-commands||string|unmodifiable|
repl-backlog-size|1048576|integer|immediate|16384-
repl-backlog-ttl|3600|integer|immediate|0-
repl-timeout|60|integer|unmodifiable|11-
reserved-memory-percent|25|integer|immediate|0-100
set-max-intset-entries|512|integer|immediate|0-
slowlog-log-slower-than|10000|integer|immediate|-1-
slowlog-max-len|128|integer|immediate|0-
stream-node-max-bytes|4096|integer|immediate|0-
stream-node-max-entries|100|integer|immediate|0-
tcp-keepalive|300|integer|immediate|0-
timeout|0|integer|immediate|0-
tracking-table-max-keys|1000000|integer|immediate|1-100000000
zset-max-listpack-entries|128|integer|immediate|0-
zset-max-listpack-value|64|integer|immediate|0-
"""


@dataclass(frozen=True)
class Parameter:
    """One parameter of the engines."""

    name: str
    default: str
    data_type: str
    change_type: str
    allowed: str

    @property
    def modifiable(self) -> bool:
        """Whether users can change it."""
        return self.change_type != "unmodifiable"

    def accepts(self, value: str) -> bool:
        """Whether ElastiCache takes ``value``."""
        if not self.allowed:
            return True
        if self.data_type != "integer":
            return value in self.allowed.split(",")
        try:
            number = int(value)
        except ValueError:
            return False
        sign = "-" if self.allowed.startswith("-") else ""
        low, _, high = self.allowed.removeprefix("-").partition("-")
        return int(sign + low) <= number and (not high or number <= int(high))

    def describe(self, value: str | None, clustered: bool = False) -> dict[str, Any]:
        """An entry of DescribeCacheParameters; ``value`` is the user's, None = the default."""
        default = "yes" if clustered and self.name == "cluster-enabled" else self.default
        return {
            "ParameterName": self.name,
            "ParameterValue": default if value is None else value,
            "Description": self.name.replace("-", " ").capitalize(),
            "Source": "system" if value is None else "user",
            "DataType": self.data_type,
            **({"AllowedValues": self.allowed} if self.allowed else {}),
            "IsModifiable": self.modifiable,
            "MinimumEngineVersion": "5.0.6",
            "ChangeType": "immediate" if self.change_type == "immediate" else "requires-reboot",
        }


@functools.cache
def parameters() -> dict[str, Parameter]:
    """The parameters of every family, by name."""
    found = {}
    for line in _PARAMETERS.strip().splitlines():
        parameter = Parameter(*line.split("|"))
        found[parameter.name] = parameter
    return found
