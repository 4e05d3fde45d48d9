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
from ._engine.resource import Resource
from ._engine.retry import retry_call
from ._engine.settings import Notify, Settings
from ._spec.arguments import as_dict
from ._spec.cache import Cache
from ._spec.cluster import Cluster
from ._spec.database import Database
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.registry import Registry
from ._spec.secret_store import SecretStore
from ._spec.site import Site, check
from ._spec.workload_identity import WorkloadIdentity


@dataclass(frozen=True)
class Wanted:
    """What one call is about. A capability that is None is not touched. refers: those that others need and that are
    themselves left alone (the network, for the `cluster` module)."""

    site: Site
    network: Network | None = None
    secret_store: SecretStore | None = None
    cluster: Cluster | None = None
    database: Database | None = None
    cache: Cache | None = None
    registry: Registry | None = None
    object_store: ObjectStore | None = None
    workload_identity: WorkloadIdentity | None = None
    refers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Options:
    """How the run behaves; the same names as the module options. Times are seconds. tolerant: as in Settings; reapply:
    as in the drivers' `database`. allow_unreachable_cluster: a cluster that goes may leave behind what Kubernetes made,
    where it cannot be asked for it."""

    state: Literal["present", "absent"] = "present"
    check: bool = False
    adopt: bool = False
    allow_replace: bool = False
    allow_disruption: bool = False
    wait_timeout: int = 3600
    retry_timeout: int = 180
    find_orphans: bool = False
    tolerant: bool = False
    reapply: bool = False
    allow_unreachable_cluster: bool = False


def execute(
    wanted: Wanted,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
) -> Report:
    """Carry out one call. Raises SpecError before anything is touched, CloudError where reading fails."""
    return carry_out(wanted, options, notify=notify, clock=clock, driver=driver)[0]


def carry_out(
    wanted: Wanted,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
) -> tuple[Report, dict[str, Built]]:
    """`execute`, and what the capabilities were built to."""
    site, clock = wanted.site, clock or SystemClock()
    begun = clock.now()
    check(site.validate())
    specs = _resolved(wanted)
    driver = driver or driver_for(site, clock)
    built = _build(driver, wanted, specs, options)
    graph = Graph(
        [*(each for part in built.values() for each in part.resources), *_inside(driver, wanted, built, options, clock)]
    )
    check(retry_call(driver.verify, clock, timeout=options.retry_timeout))
    settings = settings_of(site, options)
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
        network = specs.get("network")
        if network is not None and not network.existing:
            report.outputs["network"]["addresses"] = network.allocate(site).as_dict()
    report.outputs["resolved"] = {name: as_dict(spec) for name, spec in specs.items() if name in built}
    # Where a cluster was left unasked, what it left behind may be what keeps the rest from going.
    if options.find_orphans and (not report.failed or options.allow_unreachable_cluster):
        known = _known(graph, options, report)
        found = retry_call(lambda: driver.orphans(known), clock, timeout=options.retry_timeout)
        report.orphans = [each for each in found if "kept" not in each]
        report.kept = [each for each in found if "kept" in each]
    report.seconds = clock.now() - begun
    return report, built


def settings_of(site: Site, options: Options) -> Settings:
    """The engine's settings for a run on this site."""
    return Settings(
        owner=site.owner,
        state=options.state,
        check=options.check,
        adopt=options.adopt,
        allow_replace=options.allow_replace,
        guard_disruption=site.environment == "prod",
        allow_disruption=options.allow_disruption,
        wait_timeout=options.wait_timeout,
        retry_timeout=options.retry_timeout,
        tolerant=options.tolerant,
    )


# In the order of their making; what stands later may need what stands earlier.
CAPABILITIES = (
    "network",
    "secret_store",
    "cluster",
    "database",
    "cache",
    "registry",
    "object_store",
    "workload_identity",
)


def _resolved(wanted: Wanted) -> dict[str, Any]:
    """The specifications that the call names, and those that others need although it does not name them."""
    named = {name: getattr(wanted, name) for name in CAPABILITIES}
    stores = named["database"] is not None or named["cache"] is not None
    if named["network"] is None and (stores or named["cluster"] is not None):
        named["network"] = Network()
    if named["secret_store"] is None and stores:
        named["secret_store"] = SecretStore()
    specs = {name: spec.resolve(wanted.site) for name, spec in named.items() if spec is not None}
    if "workload_identity" in specs:
        check(specs["workload_identity"].problems(specs))
    return specs


def _build(driver: Driver, wanted: Wanted, specs: dict[str, Any], options: Options) -> dict[str, Built]:
    def managed(name: str) -> bool:
        return getattr(wanted, name) is not None and name not in wanted.refers

    built: dict[str, Built] = {}
    network = specs.get("network")
    if network is not None:
        built["network"] = driver.network(network, managed=managed("network") and not network.existing)
    if "secret_store" in specs:
        built["secret_store"] = driver.secret_store(specs["secret_store"], managed=managed("secret_store"))
    if "cluster" in specs:
        built["cluster"] = driver.cluster(specs["cluster"], network, built["network"])
    if "database" in specs:
        built["database"] = driver.database(
            specs["database"], network, built["network"], built["secret_store"], reapply=options.reapply
        )
    if "cache" in specs:
        built["cache"] = driver.cache(specs["cache"], network, built["network"], built["secret_store"])
    if "registry" in specs:
        built["registry"] = driver.registry(specs["registry"], built.get("cluster"))
    if "object_store" in specs:
        built["object_store"] = driver.object_store(specs["object_store"])
    if "workload_identity" in specs:
        built["workload_identity"] = driver.workload_identity(specs["workload_identity"], specs, built)
        _refer(wanted, built)
    return built


def _refer(wanted: Wanted, built: dict[str, Built]) -> None:
    """What workloads refer to and the call leaves alone is only looked at, and nothing else of it is asked about."""
    kept = {name for name in built if name == "network" or (getattr(wanted, name) and name not in wanted.refers)}
    if "database" in kept or "cache" in kept:
        kept.add("secret_store")
    for name in built.keys() - kept:
        del built[name]
    own = {id(each) for part in built.values() for each in part.resources}
    queue = [need for each in built["workload_identity"].resources for need in each.needs]
    while queue:
        each = queue.pop()
        if id(each) not in own:
            own.add(id(each))
            each.managed = False
            queue += each.needs


def _inside(driver: Driver, wanted: Wanted, built: dict[str, Built], options: Options, clock: Clock) -> list[Resource]:
    """What Kubernetes has made in the account goes before the cluster that made it, while the cluster still has all
    that it needs to take it away: nodes, add-ons, identities, the network."""
    cluster = built["cluster"].exports.get("cluster") if "cluster" in built else None
    if options.state != "absent" or cluster is None or wanted.cluster is None or "cluster" in wanted.refers:
        return []
    from ._kubernetes.leftovers import CloudObjects

    needs = [each for name in ("network", "cluster") for each in built[name].resources]
    return [CloudObjects(cluster, driver.access(), clock, needs, unreachable=options.allow_unreachable_cluster)]


def _known(graph: Graph, options: Options, report: Report) -> set[str]:
    """Ids that are no orphans: what the specification holds and the run has left in place."""
    if options.state == "absent" and not options.check and not report.failed:
        return set()
    # Of a run that failed: what it did not get to delete.
    found: set[Any] = {resource.outputs.get("id") for resource in graph.resources.values() if resource.present}
    return {str(identity) for identity in found if identity}
