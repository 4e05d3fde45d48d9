# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable cache is on AWS: replication groups of ElastiCache, their tokens, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.cache import Cache, CacheInstance
from .._spec.network import Network
from .._spec.site import check
from .._spec.sizes import CACHE_CLASSES
from .base import Item
from .cache_checks import problems
from .client import Session
from .data_tier import StoreGroup, data_tier
from .elasticache import PORT, ReplicationGroup
from .elasticache_groups import CacheParameterGroup, CacheSubnetGroup, FormerParameterGroups, Release
from .elasticache_lists import kept_copies, key_id, listed, nodes_of
from .elasticache_token import AuthToken
from .existing import ExistingKey
from .kms import SharedKey
from .secrets import SecretVault
from .windows import daily_beside, weekly

_SNAPSHOT_MINUTES = 60  # the shortest window that ElastiCache takes


def build(session: Session, spec: Cache, network: Network, network_built: Built, secrets_built: Built) -> Built:
    """The caches' resources. Their tokens stand in the secret store."""
    if not spec.instances:
        return Built(outputs=lambda: {"instances": {}})
    work = _Builder(session, spec, network_built, secrets_built.exports["vault"])
    check(problems(spec, network, len(work.tier.subnets)))
    return work.everything()


def group_id(session: Session, name: str) -> str:
    """ElastiCache's name of a cache: at most 40 characters."""
    return names.of(session.site, name, limit=40)


@dataclass
class _Builder:
    """Collects the resources in the order in which they refer to each other."""

    session: Session
    spec: Cache
    network: Built
    vault: SecretVault
    resources: list[Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tier = data_tier(self.session, self.network, "cache", PORT)
        self.wanted = [item for item in self.spec.instances if item.state == "present"]

    def _add(self, resource: Any) -> Any:
        self.resources.append(resource)
        return resource

    def everything(self) -> Built:
        present = bool(self.wanted)
        self.subnet_group = CacheSubnetGroup(
            self.session, names.of(self.session.site, "cache"), self.tier.subnets, present=present
        )
        self.subnet_group.needed = self._others_there
        if isinstance(self.tier.group, StoreGroup):
            self.tier.group.present, self.tier.group.needed = present, self._others_there
            self._add(self.tier.group)
        self._add(self.subnet_group)
        self.key = self._key()
        groups = [self._instance(item) for item in self.spec.instances]
        return Built(self.resources, {"groups": groups}, lambda: {"instances": self._outputs(groups)})

    def _others(self) -> list[Item]:
        """Replication groups that this call is not about."""
        mine = {group_id(self.session, item.name) for item in self.spec.instances}
        groups = self.session.steady(lambda: listed(self.session, "groups"))
        return [group for name, group in groups.items() if name not in mine]

    def _others_there(self) -> bool:
        """Whether any of them stands in the same subnet group."""
        nodes = [node for group in self._others() for node in nodes_of(self.session, group)]
        return any(node.get("CacheSubnetGroupName") == self.subnet_group.name for node in nodes)

    def _key(self) -> Resource | None:
        """One key for all caches that encrypt with a customer key and name none."""
        users = [item for item in self.spec.instances if item.encryption == "customer"]
        users = [item for item in users if not item.aws.encryption_key_arn]
        if not users:
            return None
        base = self.session.site.base
        present = any(item.state == "present" for item in users)
        final = any(item.final_snapshot for item in users)

        def needed(arn: str) -> bool:
            """By final snapshots, by others that stay, by caches of other calls."""
            held = [*kept_copies(self.session), *self._others()]
            return final or arn.rpartition("/")[2] in map(key_id, held)

        name = names.of(self.session.site, "cache")
        key: SharedKey = self._add(SharedKey(self.session, name, f"Caches of {base}", needed=needed, present=present))
        return key

    def _key_of(self, item: CacheInstance) -> Resource | None:
        if item.encryption != "customer":
            return None
        if not item.aws.encryption_key_arn:
            return self.key
        given = [key for key in self.resources if isinstance(key, ExistingKey)]
        found = next((key for key in given if key.name == item.aws.encryption_key_arn), None)
        return found or self._add(ExistingKey(self.session, item.aws.encryption_key_arn))

    def _instance(self, item: CacheInstance) -> ReplicationGroup:
        session, present = self.session, item.state == "present"
        release = Release(session, group_id(session, item.name), item.engine, item.version)
        former = self._add(FormerParameterGroups(session, item.name, release))
        parameters = {"maxmemory-policy": str(item.eviction_policy)} if item.eviction_policy else {}
        parameter_group = self._add(CacheParameterGroup(session, release, parameters, [], present=present))
        place = self._add(
            self.vault.place(f"cache/{item.name}", f"AUTH token of the cache {item.name}", present=present)
        )
        group: ReplicationGroup = self._add(
            ReplicationGroup(
                session,
                item.name,
                release,
                subnet_group=self.subnet_group,
                parameter_group=parameter_group,
                security_group=self.tier.group,
                key=self._key_of(item),
                settings=_settings(item),
                final_snapshot=item.final_snapshot,
                needs=[former, place],
                present=present,
            )
        )
        token = self._add(
            AuthToken(group, self.vault, place, secret=f"cache/{item.name}", rotate=item.rotate, present=present)
        )
        group.token = token
        return group

    def _outputs(self, groups: list[ReplicationGroup]) -> dict[str, Any]:
        return {
            group.name: {
                **{name: group.out(name) for name in ("id", "host", "port", "reader_host")},
                "tls": True,
                "secret": next(token.out("id") for token in self.resources if token is group.token),
            }
            for group in groups
            if group.present
        }


def _settings(item: CacheInstance) -> dict[str, Any]:
    """The part of the body that the specification gives as it is."""
    available = bool(item.high_availability)
    return {
        "CacheNodeType": item.aws.node_type or CACHE_CLASSES["aws"][item.size],
        "Replicas": 1 if available else 0,
        "AutomaticFailover": available,
        "MultiAZ": available,
        "SnapshotRetentionLimit": item.snapshot_retention_days or 0,
        "SnapshotWindow": daily_beside(item.snapshot_window, _SNAPSHOT_MINUTES, item.maintenance_window),
        "PreferredMaintenanceWindow": weekly(item.maintenance_window) if item.maintenance_window else None,
    }
