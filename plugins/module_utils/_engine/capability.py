# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud must offer: the driver contract. Cloud-neutral; each cloud's `driver.py` implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .access import Access
from .backups import History
from .resource import Resource
from .survey import Planned


@dataclass
class Built:
    """One capability's objects on one cloud.

    exports: handles (resources) that other builders of the same cloud refer to.
    outputs: called after the run; ids and addresses for the report and for people.
    """

    resources: list[Resource] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    outputs: Callable[[], dict[str, Any]] = dict


class Driver(Protocol):
    """One cloud, for one site. Builders do no I/O; they raise SpecError for what this cloud cannot honour."""

    def verify(self) -> list[str]:
        """Before anything is read: the credentials work and belong to the site's account (else AuthError or a
        problem), and the services needed are switched on. Problems as sentences."""

    def network(self, spec: Any, *, managed: bool = True) -> Built:
        """spec: resolved `_spec.network.Network`. managed=False: refer to it, change nothing."""

    def cluster(self, spec: Any, network: Any, network_built: Built) -> Built:
        """spec: resolved `_spec.cluster.Cluster`; network: resolved Network spec and what it was built to."""

    def object_store(self, spec: Any) -> Built:
        """spec: resolved `_spec.object_store.ObjectStore`."""

    def secret_store(self, spec: Any, *, managed: bool = True) -> Built:
        """spec: resolved `_spec.secret_store.SecretStore`. managed=False: databases and caches keep their credentials
        in it, but the store itself is only referred to, where it is an object of its own."""

    def database(
        self, spec: Any, network: Any, network_built: Built, secrets_built: Built, *, reapply: bool = False
    ) -> Built:
        """spec: resolved `_spec.database.Database`. reapply: give every password to the services again.

        exports["reach"]: by name of the server what gives its `_sql.postgresql.PostgresServer` as the administrator, to
        be asked after the run. Servers with an engine that `_sql` has no client for are not in it."""

    def cache(self, spec: Any, network: Any, network_built: Built, secrets_built: Built) -> Built:
        """spec: resolved `_spec.cache.Cache`."""

    def registry(self, spec: Any, cluster_built: Built | None) -> Built:
        """spec: resolved `_spec.registry.Registry`; what the cluster was built to, when it is part of the call. With
        pull: true and without it the cluster's identity is referred to by its name."""

    def workload_identity(self, spec: Any, specs: Mapping[str, Any], built: Mapping[str, Built]) -> Built:
        """spec: resolved `_spec.workload_identity.WorkloadIdentity`; specs, built: the site's other capabilities by
        name, resolved, and what they were built to. What it refers to may be no part of the call.

        outputs: {"workloads": {name: {"namespace", "service_account", "identity"}}}."""

    def access(self, cluster: str | None = None) -> Access:
        """How the site's cluster is reached. cluster: another name than the platform's own, as the cloud writes it
        (GKE: location/name, AKS: resource group/name). Asks nothing by itself."""

    def backups(self, label: str, database: Any | None, cache: Any | None) -> Built:
        """One backup of every server and cache, called `label`: resources that are made once and then found. A label is
        1 to 40 lower-case letters, digits and single hyphens, beginning with a letter. What cannot be backed up on
        demand (a cache without persistence) is left out; entries with state: absent are, too.

        outputs: {"database": {name: id}, "cache": {name: id}, "left_out": [what cannot be backed up and why, as
        sentences]}."""

    def histories(self, database: Any | None, cache: Any | None) -> list[History]:
        """What can be brought back, of every server and cache. Also of those that do not exist any more."""

    def promotion(self, database: Any, server: str, restored: str) -> Built:
        """The restored server takes the name of `server`, whose former holder, if it exists, goes on as the server
        `_spec.database.former_name(server, restored)`, so that an entry of that name with state: absent removes it.
        `database` holds the entries of both; that of `restored` has its `restore`.

        Resources that can be repeated after a kill at any moment. Once it is done its plan is empty, although nothing
        is called `restored` any more: a restored server says for good what it was restored as and from what (tags).
        A server called `server` that another restore has made (other name, label or time) is a former holder."""

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        """Quotas suffice for what the plan adds, machine types and versions exist. Each shortfall with have/need.
        Asks the cloud only for what the plan adds: a plan that adds nothing costs no call."""

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        """Objects that carry this site's ownership and are not in `known` (ids): {kind, id, name}, and `kept` with the
        reason for what stays on purpose, such as a final snapshot."""
