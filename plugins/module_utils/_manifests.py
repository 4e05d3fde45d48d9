# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of manifests to its result: one set of objects in a site's cluster. Knows no module object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._capability import driver as driver_for
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.errors import NotFound, SpecError
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify
from ._kubernetes.client import Client
from ._kubernetes.documents import read
from ._kubernetes.health import WaitCondition
from ._kubernetes.manifests import flatten, malformed
from ._kubernetes.sets import SetOptions, converge_set, in_no_cluster
from ._module import Outcome, Waits, attempt_telling, blank
from ._run import Options, settings_of
from ._spec.arguments import argument_spec, build
from ._spec.manifests import Manifests
from ._spec.site import Site, check

_SHORTEST_SECRET = 6  # shorter values would blot out half of every result


def arguments() -> dict[str, dict[str, Any]]:
    """The argument spec of the module."""
    return {**argument_spec(Site), **argument_spec(Manifests), **argument_spec(Waits)}


def hidden(params: Mapping[str, Any]) -> set[str]:
    """What the arguments hold that must not be shown: the values of Secrets."""
    found: set[str] = set()
    for body in flatten(params.get("definitions") or []):
        if isinstance(body, Mapping) and body.get("kind") == "Secret":
            for part in ("data", "stringData"):
                values = body.get(part)
                found |= {str(each) for each in values.values()} if isinstance(values, Mapping) else set()
    return {each for each in found if len(each) >= _SHORTEST_SECRET}


def apply(
    site: Site,
    spec: Manifests,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
) -> Report:
    """One set, in the site's cluster. Raises SpecError before anything is touched, CloudError where reading fails."""
    clock = clock or SystemClock()
    begun = clock.now()
    check([*site.validate(), *spec.problems()])
    objects = [*spec.definitions, *read(spec.src)] if options.state == "present" else []
    if options.state == "present" and not list(flatten(objects)):
        raise SpecError("The manifests hold no object. To remove the set, say state: absent.")
    driver = driver or driver_for(site, clock)
    check(retry_call(driver.verify, clock, timeout=options.retry_timeout))
    access = driver.access(spec.cluster_name)
    try:
        endpoint = retry_call(access.endpoint, clock, timeout=options.retry_timeout)
    except NotFound:
        # Where there is no cluster nothing is left in it, and what would be made in one can be told all the same.
        if options.state == "present" and not options.check:
            raise
        report = _without_cluster(objects, spec, options)
    else:
        report = converge_set(
            Client(access, clock, endpoint=endpoint),
            settings_of(site, options),
            objects,
            SetOptions(
                name=spec.name,
                namespace=spec.namespace,
                prune=spec.prune,
                wait=spec.wait,
                force_conflicts=spec.force_conflicts,
                wait_conditions=tuple(WaitCondition(one.kind, one.type, one.status) for one in spec.wait_conditions),
            ),
            clock=clock,
            notify=notify,
        )
    report.seconds = clock.now() - begun
    return report


def _without_cluster(objects: list[Any], spec: Manifests, options: Options) -> Report:
    report = Report(check=options.check, state=options.state)
    report.outputs = {"set": spec.name, "addresses": {}}
    bodies = list(flatten(objects))
    check(malformed(bodies))
    report.entries = in_no_cluster(spec.name, bodies) if bodies else []
    if report.entries:
        report.warnings.append(
            "There is no cluster yet. All of the set would be made; what its cluster would say of it is not known."
        )
    return report


def carry_out(params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]) -> Outcome:
    """One call of the module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    outcome = Outcome(blank(params))

    def work(notify: Notify) -> None:
        spec = build(Manifests, params)
        options = Options(
            state=spec.state,
            check=check,
            adopt=spec.adopt,
            allow_replace=spec.allow_replace,
            wait_timeout=params["wait_timeout"],
            retry_timeout=params["retry_timeout"],
        )
        outcome.take(apply(build(Site, params), spec, options, notify=notify))

    attempt_telling(outcome, params, missing_library, work)
    return outcome
