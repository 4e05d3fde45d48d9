# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a specification to a report: compose the capabilities of one site into one graph and converge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ._capability import driver as driver_for
from ._engine.apply import converge
from ._engine.capability import Built, Driver
from ._engine.clock import Clock, SystemClock
from ._engine.graph import Graph
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify, Settings
from ._spec.arguments import as_dict
from ._spec.cluster import Cluster
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.site import Site, check


@dataclass(frozen=True)
class Wanted:
    """What one call is about. A capability that is None is not touched. network_managed: False when the network is
    only referred to (the `cluster` module)."""

    site: Site
    network: Network | None = None
    cluster: Cluster | None = None
    object_store: ObjectStore | None = None
    network_managed: bool = True


@dataclass(frozen=True)
class Options:
    """How the run behaves; the same names as the module options. Times are seconds. tolerant: as in Settings."""

    state: Literal["present", "absent"] = "present"
    check: bool = False
    adopt: bool = False
    allow_replace: bool = False
    wait_timeout: int = 3600
    retry_timeout: int = 180
    find_orphans: bool = False
    tolerant: bool = False


def execute(
    wanted: Wanted,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
) -> Report:
    """Carry out one call. Raises SpecError before anything is touched, CloudError where reading fails."""
    site, clock = wanted.site, clock or SystemClock()
    begun = clock.now()
    check(site.validate())
    network = wanted.network.resolve(site) if wanted.network else None
    cluster = wanted.cluster.resolve(site) if wanted.cluster else None
    store = wanted.object_store.resolve(site) if wanted.object_store else None
    driver = driver or driver_for(site, clock)
    built = _build(driver, wanted, network, cluster, store)
    graph = Graph(resource for part in built.values() for resource in part.resources)
    check(retry_call(driver.verify, clock, timeout=options.retry_timeout))
    settings = Settings(
        owner=site.owner,
        state=options.state,
        check=options.check,
        adopt=options.adopt,
        allow_replace=options.allow_replace,
        wait_timeout=options.wait_timeout,
        retry_timeout=options.retry_timeout,
        tolerant=options.tolerant,
    )
    prepared = clock.now() - begun
    report = converge(
        graph,
        settings,
        clock,
        notify=notify or (lambda event: None),
        preflight=driver.preflight,
    )
    for entry in report.entries:
        entry.started += prepared  # counted from the beginning of this call, like report.seconds
    if options.state == "present":
        report.outputs = {name: part.outputs() for name, part in built.items()}
        if network is not None and not network.existing:
            report.outputs["network"]["addresses"] = network.allocate(site).as_dict()
    report.outputs["resolved"] = {
        name: as_dict(spec)
        for name, spec in (("network", network), ("cluster", cluster), ("object_store", store))
        if spec is not None
    }
    if options.find_orphans and not report.failed:
        known = _known(graph, options)
        report.orphans = retry_call(lambda: driver.orphans(known), clock, timeout=options.retry_timeout)
    report.seconds = clock.now() - begun
    return report


def _build(
    driver: Driver, wanted: Wanted, network: Network | None, cluster: Cluster | None, store: ObjectStore | None
) -> dict[str, Built]:
    built: dict[str, Built] = {}
    if network is None and cluster is not None:
        network = Network().resolve(wanted.site)
    if network is not None:
        managed = wanted.network is not None and wanted.network_managed and not network.existing
        built["network"] = driver.network(network, managed=managed)
    if cluster is not None:
        built["cluster"] = driver.cluster(cluster, network, built["network"])
    if store is not None:
        built["object_store"] = driver.object_store(store)
    return built


def _known(graph: Graph, options: Options) -> set[str]:
    """Ids that are no orphans: what the specification holds and the run has left in place."""
    if options.state == "absent" and not options.check:
        return set()
    found: set[Any] = {resource.outputs.get("id") for resource in graph.resources.values() if resource.present}
    return {str(identity) for identity in found if identity}
