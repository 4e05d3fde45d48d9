# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS for one site: the driver contract of `_engine/capability.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.capability import Built
from .._engine.clock import Clock
from .._engine.survey import Planned
from .._spec.cluster import Cluster
from .._spec.network import Network
from .._spec.object_store import ObjectStore
from .._spec.registry import Registry
from .._spec.site import Site, check
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

    def registry(self, spec: Registry, cluster_built: Built | None) -> Built:
        from .registry import build

        return build(self.session, spec, cluster_built)

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        from .preflight import problems

        return problems(self.session, planned)

    def orphans(self, known: set[str]) -> list[dict[str, Any]]:
        from .orphans import find

        return find(self.session, known)
