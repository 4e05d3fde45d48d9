# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable cache on Azure: Azure Managed Redis, reached through a private endpoint in the site's network.

The clustering policy is Enterprise: one address for every Redis client, whether it knows of clusters or not. Azure
Cache for Redis is being retired, and nothing new is made of it.
"""

from __future__ import annotations

import re
from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.cache import Cache, CacheInstance
from .._spec.sizes import CACHE_CLASSES
from . import encryption
from .arm import ArmResource
from .cache_keys import AccessKey, Copied
from .groups import Groups
from .kinds_cache import CacheCluster, CacheDatabase
from .kinds_common import Identity
from .kinds_endpoints import endpoint_for
from .kinds_network import PrivateZone, ZoneLink

DOMAIN = "privatelink.redis.azure.net"
_SIZE = re.compile(r"(Balanced_B|MemoryOptimized_M|ComputeOptimized_X|FlashOptimized_A)\d+")
_RETIRED = re.compile(r"(Basic|Standard|Premium|Enterprise|EnterpriseFlash)(_[A-Z]\d+)?|[CP]\d")
_EVICTION = {
    "noeviction": "NoEviction",
    "allkeys-lru": "AllKeysLRU",
    "allkeys-lfu": "AllKeysLFU",
    "allkeys-random": "AllKeysRandom",
    "volatile-lru": "VolatileLRU",
    "volatile-lfu": "VolatileLFU",
    "volatile-random": "VolatileRandom",
    "volatile-ttl": "VolatileTTL",
}
_PERSISTENCE: dict[str, dict[str, Any]] = {
    "none": {"rdbEnabled": False, "aofEnabled": False},
    "snapshots": {"rdbEnabled": True, "rdbFrequency": "1h", "aofEnabled": False},
    "append_only": {"rdbEnabled": False, "aofEnabled": True, "aofFrequency": "1s"},
}


class CacheBuilder:
    """Turns one resolved cache specification into resources. exports: databases (by the cache's name)."""

    def __init__(self, groups: Groups, spec: Cache, network: Built, secrets: Built) -> None:
        self.groups = groups
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.exports = network.exports
        self.secrets = secrets.exports["secrets"]
        self.resources: list[Resource] = []
        self.shown: dict[str, tuple[CacheCluster, CacheDatabase, AccessKey]] = {}
        self.given_keys: dict[str, encryption.CustomerKey] = {}

    def build(self) -> Built:
        for item in self.spec.instances:
            _refuse(item)
        self.group = self.exports["group"]
        self.resources.append(self.group)
        present = [item for item in self.spec.instances if item.state == "present"]
        zone = self._zone() if self.spec.instances else None
        self.own_key = self._own(present)
        for item in self.spec.instances:
            self._instance(item, zone)
        return Built(
            self.resources,
            exports={"databases": {name: database for name, (_cluster, database, _key) in self.shown.items()}},
            outputs=lambda: {
                "instances": {
                    name: {
                        "id": cluster.out("id"),
                        "host": cluster.out("host"),
                        "port": database.out("port"),
                        "reader_host": None,
                        "tls": True,
                        "certificate_authority": None,  # a public one
                        "secret": key.out("id"),
                    }
                    for name, (cluster, database, key) in self.shown.items()
                }
            },
        )

    # -- one cache -------------------------------------------------------------------------------------------------

    def _instance(self, item: CacheInstance, zone: PrivateZone | None) -> None:
        present = item.state == "present"
        name = physical_name(self.groups, item.name)
        identity, key, needs = self._encryption(item, present)
        cluster = CacheCluster(
            self.session,
            name,
            cluster_path(self.groups, self.group.name, item.name),
            lambda: self._cluster(item, identity, key),
            parent=self.group,
            needs=needs,
            present=present,
        )
        cluster.lock = cluster.path
        place = self.secrets.place("cache", item.name, present=present)
        copied = Copied(self.secrets.vault, place.name)
        database = CacheDatabase(
            self.session,
            f"{name}/default",
            f"{cluster.path}/databases/default",
            lambda: {"properties": _database(item)},
            parent=cluster,
            needs=[place],
            lock=cluster.path,
            present=present,
            before=copied.invalidate,
        )
        access = AccessKey(item.name, copied, place, database, rotate=item.rotate, present=present)
        self.resources += [cluster, place, database, access]
        self._endpoint(item, cluster, zone, present)
        if present:
            self.shown[item.name] = (cluster, database, access)

    def _cluster(
        self, item: CacheInstance, identity: Identity | None, key: encryption.CustomerKey | None
    ) -> dict[str, Any]:
        assigned: dict[str, Any] = {"type": "None"}
        secured: dict[str, Any] = {}
        if identity is not None and key is not None:
            assigned = {"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}}
            secured = {
                "keyEncryptionKeyUrl": key.key.out("versioned"),
                "keyEncryptionKeyIdentity": {
                    "identityType": "userAssignedIdentity",
                    "userAssignedIdentityResourceId": identity.out("id"),
                },
            }
        return {
            "sku": {"name": item.azure.sku or CACHE_CLASSES["azure"][item.size]},
            "identity": assigned,
            "properties": {
                "highAvailability": "Enabled" if item.high_availability else "Disabled",
                "minimumTlsVersion": "1.2",
                "publicNetworkAccess": "Disabled",
                "encryption": {"customerManagedKeyEncryption": secured},
            },
        }

    def _endpoint(self, item: CacheInstance, cluster: CacheCluster, zone: PrivateZone | None, present: bool) -> None:
        subnet = self.exports.get("endpoints") or self.exports["nodes"]
        name = names.of(self.site, item.name, "cache", limit=76)
        self.resources += endpoint_for(
            cluster,
            self.group,
            name,
            label="cache",
            member="redisEnterprise",
            subnet=subnet,
            zone=zone,
            present=present,
        )

    # -- what caches share -----------------------------------------------------------------------------------------

    def _zone(self) -> PrivateZone:
        """The private DNS zone of the service: the network's, or, beside an existing subnet, one of the site's own."""
        if "endpoints" in self.exports:
            zones: list[PrivateZone] = self.exports.get("dns_zones") or []
            for zone in zones:
                if zone.name == DOMAIN:
                    return zone
            raise SpecError(
                f"network.azure.private_dns_zones: caches are found by the zone {DOMAIN}. Add it, or leave the option "
                "out."
            )
        wanted = any(item.state == "present" for item in self.spec.instances)
        path = self.session.in_group(self.group.name, PrivateZone.type, DOMAIN)
        zone = PrivateZone(self.session, DOMAIN, path, dict, parent=self.group, present=wanted)
        subnet: ArmResource = self.exports["nodes"]
        vnet = subnet.path.partition("/subnets/")[0]
        name = vnet.rpartition("/")[2]
        link = ZoneLink(
            self.session,
            f"{DOMAIN}/{name}",
            f"{path}/virtualNetworkLinks/{name}",
            lambda: {"properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}},
            parent=zone,
            needs=[subnet],
            present=wanted,
        )
        self.resources += [zone, link]
        return zone

    def _encryption(
        self, item: CacheInstance, present: bool
    ) -> tuple[Identity | None, encryption.CustomerKey | None, list[Resource]]:
        """The identity of a cache with a customer key, and its right to the key; both go when it needs them no more."""
        wanted = present and item.encryption == "customer"
        name = names.of(self.site, item.name, "cache-key")
        path = self.session.in_group(self.group.name, Identity.type, name)
        identity = Identity(self.session, name, path, dict, parent=self.group, present=wanted)
        given = item.azure.key_vault_key_id if wanted else None
        key = self._given(item.name, given) if given else self.own_key
        grant = key.allow(
            self.session,
            f"{item.name}-cache-key",
            "key-vault-crypto-service-encryption-user",
            identity,
            present=wanted,
        )
        self.resources += [identity, grant]
        return (identity, key, [identity, key.key, grant]) if wanted else (None, None, [])

    def _given(self, name: str, key_id: str) -> encryption.CustomerKey:
        """A key that people name; caches may share it."""
        if key_id.lower() not in self.given_keys:
            where = f"cache.instances.{name}.azure.key_vault_key_id"
            made = self.given_keys[key_id.lower()] = encryption.given(self.session, where, key_id)
            self.resources += made.resources
        return self.given_keys[key_id.lower()]

    def _own(self, present: list[CacheInstance]) -> encryption.CustomerKey:
        """The site's own key for caches. The service takes keys only from vaults that cannot lose them."""
        wanted = any(item.encryption == "customer" and not item.azure.key_vault_key_id for item in present)
        made = encryption.own(self.session, self.group, "caches", "caches", lasting=True, present=wanted)
        self.resources += made.resources
        return made


def physical_name(groups: Groups, name: str) -> str:
    """What a cache is called on Azure: it is part of a host name, which the region shares with the whole world."""
    return names.globally_unique(groups.session.site, name, limit=60)


def cluster_path(groups: Groups, group: str, name: str) -> str:
    return groups.session.in_group(group, CacheCluster.type, physical_name(groups, name))


def _database(item: CacheInstance) -> dict[str, Any]:
    return {
        "clientProtocol": "Encrypted",
        "clusteringPolicy": "EnterpriseCluster",
        "accessKeysAuthentication": "Enabled",
        "evictionPolicy": _EVICTION[item.eviction_policy] if item.eviction_policy else None,
        "persistence": dict(_PERSISTENCE[item.persistence]),
    }


def _refuse(item: CacheInstance) -> None:
    """What Azure Managed Redis cannot honour, by name and with what to write instead."""
    where = f"cache.instances.{item.name}"
    size = item.azure.sku
    if size and _RETIRED.fullmatch(size):
        raise SpecError(
            f"{where}.azure.sku: {size} is a size of Azure Cache for Redis, which is being retired: no new ones are "
            "made of it. Choose one of Azure Managed Redis (Balanced_B5), or leave it out."
        )
    if size and not _SIZE.fullmatch(size):
        raise SpecError(
            f"{where}.azure.sku: {size!r} is no size of Azure Managed Redis: Balanced_B<n>, MemoryOptimized_M<n>, "
            "ComputeOptimized_X<n> or FlashOptimized_A<n>."
        )
    if item.engine == "valkey":
        raise SpecError(f"{where}.engine: Azure Managed Redis has no Valkey. Write redis, or leave it out.")
    if item.version:
        raise SpecError(
            f"{where}.version: Azure Managed Redis chooses its version itself and upgrades by itself. Leave it out."
        )
    if item.maintenance_window:
        raise SpecError(
            f"{where}.maintenance_window: Azure Managed Redis takes no maintenance window. Leave it out; "
            "high_availability: true keeps the cache up while it is maintained."
        )
    if item.snapshot_window or item.snapshot_retention_days is not None:
        raise SpecError(
            f"{where}: Azure Managed Redis keeps only its newest snapshot, made every hour, to bring back the same "
            "cache. Leave out snapshot_window and snapshot_retention_days; a backup that stays is made by backup.yml."
        )
    if item.final_snapshot:
        raise SpecError(
            f"{where}.final_snapshot: Azure Managed Redis takes no snapshot when it is deleted. Leave it out, and make "
            "a backup before."
        )
