# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud must offer: the driver contract. Cloud-neutral; each cloud's `driver.py` implements it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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

    def preflight(self, planned: Sequence[Planned]) -> list[str]:
        """Quotas suffice for what the plan adds, machine types and versions exist. Each shortfall with have/need.
        Asks the cloud only for what the plan adds: a plan that adds nothing costs no call."""

    def orphans(self, known: set[str]) -> list[dict[str, str]]:
        """Objects that carry this site's ownership and are not in `known` (ids): {kind, id, name}."""
