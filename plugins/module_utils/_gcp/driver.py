# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google Cloud, for one site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.access import Access
from .._engine.backups import History
from .._engine.capability import Built
from .._engine.clock import Clock
from .._engine.errors import AuthError, NotFound
from .._engine.retry import retry_call
from .._engine.survey import Planned
from .._spec.site import Site
from . import (
    cache,
    cache_backups,
    cloudsql_backups,
    cloudsql_promotion,
    cluster,
    cluster_access,
    database,
    errors,
    network,
    object_store,
    orphans,
    preflight,
    registry,
    secret_store,
    services,
    workloads,
)
from .client import Cloud, check_credentials


class GcpDriver:
    """Implements the driver contract (`_engine.capability.Driver`)."""

    def __init__(self, site: Site, clock: Clock) -> None:
        check_credentials(site.credentials)
        self.cloud = Cloud(site, clock)
        self._needed: set[str] = set()
        self._switch: services.Services | None = None

    def verify(self) -> list[str]:
        """One call tells that the credentials work, may use the project, and which of its services are on."""
        cloud = self.cloud
        switch = self._switch or services.Services(cloud, sorted(self._needed) or services.BASE)
        switch.wanted = sorted(f"{name}.googleapis.com" for name in self._needed or services.BASE)
        try:
            states = retry_call(switch.states, cloud.clock)
        except (AuthError, NotFound) as error:
            if error.status not in (403, 404):
                raise
            raise self._no_access(error) from error
        missing = [name for name in switch.wanted if not states.get(name)]
        if not missing or cloud.site.enable_services:
            return []
        return [
            f"These services are not switched on in project {cloud.project!r}: {', '.join(missing)}. "
            "Switch them on, or set enable_services: true."
        ]

    def _no_access(self, error: AuthError | NotFound) -> AuthError:
        cloud = self.cloud
        if error.code == errors.SERVICE_DISABLED:
            message = f"The Service Usage API is not switched on in project {cloud.project!r}: {error.message}"
            hint = f"Run 'gcloud services enable serviceusage.googleapis.com --project {cloud.project}' once."
        else:
            message = (
                f"{cloud.identity()} cannot use the project {cloud.project!r} that the site names: {error.message}"
            )
            hint = "Check account, or grant the credentials a role in that project."
        return AuthError(message, code=error.code, status=error.status, hint=hint)

    # -- capabilities ----------------------------------------------------------------------------------------------

    def network(self, spec: Any, *, managed: bool = True) -> Built:
        self._needed.update(services.NETWORK)
        return self._with_services(network.build(spec, self.cloud, managed=managed))

    def cluster(self, spec: Any, network: Any, network_built: Built) -> Built:
        self._needed.update(services.CLUSTER)
        return self._with_services(cluster.build(spec, network, network_built, self.cloud))

    def object_store(self, spec: Any) -> Built:
        self._needed.update(services.STORE)
        return self._with_services(object_store.build(spec, self.cloud))

    def secret_store(self, spec: Any, *, managed: bool = True) -> Built:
        self._needed.update(services.SECRETS)
        return self._with_services(secret_store.build(spec, self.cloud, managed=managed))

    def cache(self, spec: Any, network: Any, network_built: Built, secrets_built: Built) -> Built:
        self._needed.update(cache.needed(spec))
        return self._with_services(cache.build(spec, network, network_built, secrets_built, self.cloud))

    def registry(self, spec: Any, cluster_built: Built | None) -> Built:
        self._needed.update(registry.needed(spec))
        return self._with_services(registry.build(spec, cluster_built, self.cloud))

    def database(
        self, spec: Any, network: Any, network_built: Built, secrets_built: Built, *, reapply: bool = False
    ) -> Built:
        self._needed.update(services.DATABASE)
        built = database.build(spec, network, network_built, secrets_built, self.cloud, reapply=reapply)
        return self._with_services(built)

    def workload_identity(self, spec: Any, specs: Mapping[str, Any], built: Mapping[str, Built]) -> Built:
        return self._with_services(workloads.build(spec, specs, built, self.cloud))

    def access(self, cluster: str | None = None) -> Access:
        """cluster: a GKE cluster of the site's project as location/name, or its name alone in the site's region."""
        self._needed.update(services.ACCESS)
        return cluster_access.ClusterAccess(self.cloud, cluster)

    def backups(self, label: str, database: Any | None, cache: Any | None) -> Built:
        made: list[Built] = []
        if database is not None:
            self._needed.update(services.DATABASE)
            made.append(cloudsql_backups.build(self.cloud, label, database))
        if cache is not None:
            self._needed.update(cache_backups.needed(cache))
            made.append(cache_backups.build(self.cloud, label, cache))
        resources = [resource for built in made for resource in built.resources]
        return Built(
            resources, outputs=lambda: {name: value for built in made for name, value in built.outputs().items()}
        )

    def histories(self, database: Any | None, cache: Any | None) -> list[History]:
        found: list[History] = []
        if database is not None:
            found += retry_call(lambda: cloudsql_backups.histories(self.cloud, database), self.cloud.clock)
        if cache is not None:
            self._needed.update(cache_backups.needed(cache))
            found += retry_call(lambda: cache_backups.histories(self.cloud, cache), self.cloud.clock)
        return found

    def promotion(self, database: Any, server: str, restored: str) -> Built:
        self._needed.update(services.DATABASE)
        return cloudsql_promotion.build(self.cloud, database, server, restored)

    def _with_services(self, built: Built) -> Built:
        """With enable_services, everything waits for the services that it needs."""
        if not self.cloud.site.enable_services:
            return built
        if self._switch is None:
            self._switch = services.Services(self.cloud, ())
        for resource in built.resources:
            if self._switch not in resource.needs:  # what two capabilities share comes twice
                resource.needs = (*resource.needs, self._switch)
        return Built([self._switch, *built.resources], built.exports, built.outputs)

    # -- checks ----------------------------------------------------------------------------------------------------

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        return preflight.problems(self.cloud, planned)

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        return orphans.find(self.cloud, known)
