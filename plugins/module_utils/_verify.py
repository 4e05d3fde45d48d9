# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of verify and load to their results. Knows no module object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._capability import driver as driver_for
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.errors import CloudError
from ._engine.retry import retry_call
from ._kubernetes.client import Client
from ._kubernetes.verify import Findings, Row, Verifier
from ._module import Outcome, attempt, blank
from ._spec.arguments import argument_spec, build
from ._spec.site import Site, check
from ._spec.verify import Verify


@dataclass(frozen=True)
class Reach:
    """Module options that say which cluster of the site, and how long passing failures are tried again."""

    cluster_name: str | None = None
    retry_timeout: int = 60


_OWN: dict[str, tuple[type, ...]] = {"verify": (Verify, Reach)}
_BLANK: dict[str, dict[str, Any]] = {"verify": {"checks": [], "latencies": {}}}


def arguments(module: str) -> dict[str, dict[str, Any]]:
    """The argument spec of one of these modules."""
    spec = argument_spec(Site)
    for cls in _OWN[module]:
        spec |= argument_spec(cls)
    return spec


def carry_out(module: str, params: Mapping[str, Any], *, missing_library: Callable[[str, str], str]) -> Outcome:
    """One call of a module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    told = blank(params)
    outcome = Outcome({**{key: told[key] for key in ("changed", "site", "started", "seconds")}, **_BLANK[module]})
    clock = SystemClock()
    begun = clock.now()
    work = {"verify": _verify}[module]
    attempt(outcome, params["cloud"], missing_library, lambda: work(outcome, params, clock))
    outcome.result["seconds"] = round(clock.now() - begun, 3)
    return outcome


def verify(
    site: Site,
    spec: Verify,
    reach: Reach,
    *,
    clock: Clock,
    driver: Driver | None = None,
) -> Findings:
    """All checks of a site. What keeps the site from being asked at all is a check that failed. Raises SpecError."""
    check(site.validate())
    spec = spec.resolve()
    driver = driver or driver_for(site, clock)
    begun = clock.now()
    try:
        problems = retry_call(driver.verify, clock, timeout=reach.retry_timeout)
        access = driver.access(reach.cluster_name)
    except CloudError as error:
        problems = [str(error)]
    if problems:
        return Findings([Row(site.name, "cluster", False, " ".join(problems), clock.now() - begun)])
    return Verifier(Client(access, clock), site.name, clock, retry_timeout=reach.retry_timeout).run(spec)


def _verify(outcome: Outcome, params: Mapping[str, Any], clock: Clock) -> None:
    found = verify(build(Site, params), build(Verify, params), build(Reach, params), clock=clock)
    outcome.result.update(checks=[row.as_dict() for row in found.rows], latencies=found.latencies)
    wrong = [row for row in found.rows if not row.ok]
    if wrong:
        told = ". ".join(f"{row.check}: {row.detail.rstrip('.')}" for row in wrong)
        outcome.fail(f"{len(wrong)} of {len(found.rows)} checks failed. {told}.")
