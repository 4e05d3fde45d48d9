# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of kubernetes_base and application to their results. Knows no module object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ._application import deploy
from ._application import set_name as service_set
from ._capability import driver as driver_for
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.errors import NotFound
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify
from ._kubernetes.application import render
from ._kubernetes.base import build as build_base
from ._kubernetes.client import Client
from ._kubernetes.clouds import identities_of
from ._kubernetes.place import Place
from ._kubernetes.sets import in_no_cluster
from ._kubernetes_base import lay, surroundings
from ._kubernetes_base import set_name as base_set
from ._module import Outcome, Waits, attempt_telling, blank
from ._run import Options, settings_of
from ._spec.application import Application
from ._spec.arguments import argument_spec, build
from ._spec.kubernetes_base import KubernetesBase
from ._spec.network import Network
from ._spec.site import Site, check

BLOCKS: dict[str, type] = {"kubernetes_base": KubernetesBase, "application": Application}


@dataclass(frozen=True)
class Inside(Waits):
    """Module options that both have. cluster_name: another cluster than the platform's own, as the cloud writes it."""

    state: Literal["present", "absent"] = "present"
    cluster_name: str | None = None
    adopt: bool = False
    force_conflicts: bool = False


@dataclass(frozen=True)
class Facts:
    """What other modules have told. site_outputs: what the module `site` says of the site."""

    site_outputs: dict[str, Any] | None = field(default=None)


def arguments(module: str) -> dict[str, dict[str, Any]]:
    """The argument spec of one of these modules."""
    spec = {**argument_spec(Site), **argument_spec(Inside)}
    # Nothing in them is secret, whatever it is called: values live in the clouds' stores alone.
    spec["network"] = {"type": "dict", "options": argument_spec(Network), "no_log": False}
    required = module == "application"
    spec[module] = {"type": "dict", "options": argument_spec(BLOCKS[module]), "no_log": False, "required": required}
    return spec | argument_spec(Facts)


def carry_out(
    module: str, params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]
) -> Outcome:
    """One call of a module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    own: dict[str, Any] = {"rolled_back": False} if module == "application" else {}
    outcome = Outcome({**blank(params), **own})

    def work(notify: Notify) -> None:
        Call(module, params, check=check).into(outcome, notify)

    attempt_telling(outcome, params, missing_library, work)
    return outcome


def with_identities(spec: Any, site: Site, outputs: Mapping[str, Any]) -> Any:
    """The specification, resolved, with who its service accounts are, as far as the site's workload identities tell and
    it does not say so itself."""
    known = identities_of(site.cloud, outputs)

    def named(each: Any, name: str) -> Any:
        found = None if each.identity else known.get((each.namespace, name))
        return replace(each, identity=found) if found else each

    if isinstance(spec, KubernetesBase):
        return replace(spec, service_accounts=tuple(named(each, each.name) for each in spec.service_accounts))
    # A service with the account of somebody else says nothing about it.
    services = (each if each.service_account else named(each, each.name) for each in spec.services)
    return replace(spec, services=tuple(services))


class Call:
    """One call. driver, clock: for tests."""

    def __init__(
        self,
        module: str,
        params: Mapping[str, Any],
        *,
        check: bool = False,
        driver: Driver | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.module = module
        self.params = params
        self.clock = clock or SystemClock()
        self.site = build(Site, params)
        self.inside = build(Inside, params)
        self.options = Options(
            check=check,
            state=self.inside.state,
            adopt=self.inside.adopt,
            wait_timeout=self.inside.wait_timeout,
            retry_timeout=self.inside.retry_timeout,
        )
        self._driver = driver

    def into(self, outcome: Outcome, notify: Notify) -> None:
        """Do it; what comes of it goes into the outcome."""
        site, clock = self.site, self.clock
        begun = clock.now()
        check(site.validate())
        spec: Any = build(BLOCKS[self.module], self.params.get(self.module) or {}).resolve(site)
        spec = with_identities(spec, site, self.params.get("site_outputs") or {})
        ranges = self._ranges(spec)
        settings = settings_of(site, self.options)
        client = self._client()
        if client is None:
            report = self._without_cluster(spec, ranges)
            outcome.take(report)
        elif self.module == "kubernetes_base":
            report = lay(
                client,
                site,
                spec,
                settings,
                ranges=ranges,
                outputs=self.params.get("site_outputs"),
                force_conflicts=self.inside.force_conflicts,
                clock=clock,
                notify=notify,
            )
            outcome.take(report)
        else:
            done = deploy(
                client,
                site,
                spec,
                settings,
                ranges=ranges,
                force_conflicts=self.inside.force_conflicts,
                clock=clock,
                notify=notify,
            )
            outcome.take(done.report)
            outcome.result["rolled_back"] = done.rolled_back
            if done.problem:
                outcome.fail(done.problem)
        outcome.result["seconds"] = round(clock.now() - begun, 3)

    def _ranges(self, spec: Any) -> tuple[str, ...]:
        """Of the site's network."""
        if spec.network_ranges:
            return tuple(spec.network_ranges)
        given = self.params.get("network")
        network = build(Network, given) if given else None
        if network is not None and not network.existing:
            return (str(network.allocate(self.site).block),)
        if self.module == "kubernetes_base" and spec.network_policies and self.inside.state == "present":
            check(
                [
                    "kubernetes_base.network_ranges: the addresses of the site's data stores and control plane are not "
                    "known. Describe the network (network), or name its ranges here."
                ]
            )
        return ()

    def _client(self) -> Client | None:
        """None: this only asks what would be done, and there is no cluster yet."""
        driver = self._driver or driver_for(self.site, self.clock)
        timeout = self.options.retry_timeout
        check(retry_call(driver.verify, self.clock, timeout=timeout))
        access = driver.access(self.inside.cluster_name)
        if not self.options.check:
            return Client(access, self.clock)
        try:
            endpoint = retry_call(access.endpoint, self.clock, timeout=timeout)
        except NotFound:
            return None
        return Client(access, self.clock, endpoint=endpoint)

    def _without_cluster(self, spec: Any, ranges: Sequence[str]) -> Report:
        """What would be made once there is a cluster."""
        report = Report(check=True, state=self.options.state)
        if self.options.state == "absent":
            return report
        if self.module == "kubernetes_base":
            around = surroundings(self.site, ranges, "0.0", self.params.get("site_outputs"))
            report.entries = in_no_cluster(base_set(self.site), build_base(spec, around))
        else:
            place = Place.of(self.site)
            for service in spec.services:
                rendered = render(service, place, ranges)
                if rendered.present:
                    report.entries += in_no_cluster(service_set(service), rendered.present)
        report.warnings.append(
            "There is no cluster yet: all of it would be made, which the cluster could not be asked."
        )
        return report
