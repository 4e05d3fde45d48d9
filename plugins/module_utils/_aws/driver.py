# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS for one site: the driver contract of `_engine/capability.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.access import Access
from .._engine.backups import History
from .._engine.capability import Built
from .._engine.clock import Clock
from .._engine.survey import Planned
from .._spec.cache import Cache
from .._spec.cluster import Cluster
from .._spec.database import Database
from .._spec.network import Network
from .._spec.object_store import ObjectStore
from .._spec.registry import Registry
from .._spec.secret_store import SecretStore
from .._spec.site import Site, check
from .._spec.workload_identity import WorkloadIdentity
from .client import Session, check_credentials


class AwsDriver:
    """One account and region."""

    def __init__(self, site: Site, clock: Clock) -> None:
        check(check_credentials(site))
        self.session = Session(site, clock)

    def verify(self) -> list[str]:
        """The credentials belong to the site's account. AWS has no services to switch on."""
        session = self.session
        identity = session.steady(lambda: session.call("sts", "get_caller_identity"))
        if identity["Account"] != session.account:
            return [
                f"The credentials belong to AWS account {identity['Account']} ({identity['Arn']}), but the site "
                f"{session.site.name} names account {session.account}. Use other credentials, or correct `account`."
            ]
        return []

    def network(self, spec: Network, *, managed: bool = True) -> Built:
        from .network import build

        return build(self.session, spec, managed=managed)

    def cluster(self, spec: Cluster, network: Network, network_built: Built) -> Built:
        from .cluster import build

        return build(self.session, spec, network, network_built)

    def object_store(self, spec: ObjectStore) -> Built:
        from .object_store import build

        return build(self.session, spec)

    def secret_store(self, spec: SecretStore, *, managed: bool = True) -> Built:
        from .secret_store import build

        return build(self.session, spec, managed=managed)

    def database(
        self, spec: Database, network: Network, network_built: Built, secrets_built: Built, *, reapply: bool = False
    ) -> Built:
        from .database import build

        return build(self.session, spec, network, network_built, secrets_built, reapply=reapply)

    def cache(self, spec: Cache, network: Network, network_built: Built, secrets_built: Built) -> Built:
        from .cache import build

        return build(self.session, spec, network, network_built, secrets_built)

    def registry(self, spec: Registry, cluster_built: Built | None) -> Built:
        from .registry import build

        return build(self.session, spec, cluster_built)

    def workload_identity(self, spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built]) -> Built:
        from .workloads import build

        return build(self.session, spec, built)

    def access(self, cluster: str | None = None) -> Access:
        """cluster: the name of an EKS cluster in the site's account and region."""
        from .cluster_access import ClusterAccess

        return ClusterAccess(self.session, cluster)

    def backups(self, label: str, database: Database | None, cache: Cache | None) -> Built:
        parts: list[Built] = []
        if database is not None:
            from .rds_backups import backups

            parts.append(backups(self.session, label, database))
        if cache is not None:
            from .cache_backups import backups as cache_backups

            parts.append(cache_backups(self.session, label, cache))
        resources = [resource for part in parts for resource in part.resources]
        return Built(resources, {}, lambda: {name: told for part in parts for name, told in part.outputs().items()})

    def histories(self, database: Database | None, cache: Cache | None) -> list[History]:
        found: list[History] = []
        if database is not None:
            from .rds_backups import histories

            found += histories(self.session, database)
        if cache is not None:
            from .cache_backups import histories as cache_histories

            found += cache_histories(self.session, cache)
        return found

    def promotion(self, database: Database, server: str, restored: str) -> Built:
        from .rds_promotion import promotion

        return promotion(self.session, database, server, restored)

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        from .preflight import problems

        return problems(self.session, planned)

    def orphans(self, known: set[str]) -> list[dict[str, Any]]:
        from .orphans import find

        return find(self.session, known)
