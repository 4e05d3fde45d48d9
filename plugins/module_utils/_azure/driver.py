# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure for one site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.access import Access
from .._engine.backups import History
from .._engine.capability import Built
from .._engine.clock import Clock
from .._engine.resource import Resource
from .._engine.survey import Planned
from .._spec.cache import Cache
from .._spec.cluster import Cluster
from .._spec.database import Database
from .._spec.network import Network
from .._spec.object_store import ObjectStore
from .._spec.registry import Registry
from .._spec.secret_store import SecretStore
from .._spec.site import Site
from .._spec.workload_identity import WorkloadIdentity
from . import account, cache_backups, database_recovery
from .cache import CacheBuilder
from .cluster import ClusterBuilder
from .database import DatabaseBuilder
from .groups import Groups
from .network import NetworkBuilder
from .object_store import StoreBuilder
from .orphans import orphans
from .preflight import preflight
from .registration import NAMESPACES, Registration
from .registry import RegistryBuilder
from .secret_store import SecretsBuilder
from .session import Session
from .workloads import WorkloadsBuilder


class AzureDriver:
    """One site on Azure. Implements `_engine.capability.Driver`."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.session = Session(site, clock)
        self._cluster = ""
        registrations: list[Resource] = []
        if site.enable_services:
            registrations = [Registration(self.session, namespace) for namespace in NAMESPACES]
        self.groups = Groups(self.session, registrations)

    def verify(self) -> list[str]:
        return account.verify(self.session)

    def network(self, spec: Network, *, managed: bool = True) -> Built:
        return NetworkBuilder(self.groups, spec, managed).build()

    def cluster(self, spec: Cluster, network: Network, network_built: Built) -> Built:
        built = ClusterBuilder(self.groups, spec, network, network_built).build()
        self._cluster = built.exports["cluster"].path  # it may be in a group that the network's specification names
        return built

    def access(self, cluster: str | None = None) -> Access:
        """cluster: an AKS cluster of the site's subscription as resource group/name, or its name alone in the site's
        own resource group."""
        from .cluster_access import ClusterAccess, cluster_path

        path = self._cluster if self._cluster and not cluster else cluster_path(self.session, cluster)
        return ClusterAccess(self.session, path)

    def object_store(self, spec: ObjectStore) -> Built:
        return StoreBuilder(self.groups, spec).build()

    def secret_store(self, spec: SecretStore, *, managed: bool = True) -> Built:
        return SecretsBuilder(self.groups, spec, managed).build()

    def database(
        self, spec: Database, network: Network, network_built: Built, secrets_built: Built, *, reapply: bool = False
    ) -> Built:
        return DatabaseBuilder(self.groups, spec, network, network_built, secrets_built, reapply=reapply).build()

    def cache(self, spec: Cache, network: Network, network_built: Built, secrets_built: Built) -> Built:
        return CacheBuilder(self.groups, spec, network_built, secrets_built).build()

    def registry(self, spec: Registry, cluster_built: Built | None) -> Built:
        return RegistryBuilder(self.groups, spec, cluster_built).build()

    def workload_identity(self, spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built]) -> Built:
        return WorkloadsBuilder(self.groups, spec, specs, built).build()

    def backups(self, label: str, database: Database | None, cache: Cache | None) -> Built:
        parts: list[Built] = []
        if database is not None:
            parts.append(database_recovery.backups(self.groups, label, database))
        if cache is not None:
            parts.append(cache_backups.backups(self.groups, label, cache))
        return _together(parts)

    def histories(self, database: Database | None, cache: Cache | None) -> list[History]:
        found: list[History] = []
        if database is not None:
            found += database_recovery.histories(self.session, database)
        if cache is not None:
            found += cache_backups.histories(self.groups, cache)
        return found

    def promotion(self, database: Database, server: str, restored: str) -> Built:
        return database_recovery.promotion(self.session, database, server, restored)

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        return preflight(self.session, planned)

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        return orphans(self.session, self.groups.names(), known)


def _together(parts: Sequence[Built]) -> Built:
    """Several capabilities' backups as one: outputs of equal name that are lists are joined."""

    def outputs() -> dict[str, Any]:
        told: dict[str, Any] = {"left_out": []}
        for part in parts:
            shown = part.outputs()
            told["left_out"] += shown.pop("left_out", [])
            told.update(shown)
        return told

    return Built([resource for part in parts for resource in part.resources], outputs=outputs)
