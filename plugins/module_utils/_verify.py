# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of verify and load to their results. Knows no module object."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._capability import driver as driver_for
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.errors import CloudError
from ._engine.retry import retry_call
from ._kubernetes import load as sending
from ._kubernetes.client import Client
from ._kubernetes.verify import Findings, Row, Verifier
from ._kubernetes.verify_asking import exceeded, way
from ._module import Outcome, attempt, blank
from ._spec.arguments import argument_spec, build
from ._spec.site import Site, check
from ._spec.verify import Load, Target, Verify


@dataclass(frozen=True)
class Reach:
    """Module options that say which cluster of the site, and how long passing failures are tried again."""

    cluster_name: str | None = None
    retry_timeout: int = 60


_OWN: dict[str, tuple[type, ...]] = {"verify": (Verify, Reach), "load": (Load, Reach)}
_BLANK: dict[str, dict[str, Any]] = {"verify": {"checks": [], "latencies": {}}, "load": {"loads": []}}


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
    if module == "load" and importlib.util.find_spec("locust") is None:
        outcome.fail(missing_library("locust", "to send load"))
        return outcome
    work = {"verify": _verify, "load": _load}[module]
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


def load(site: Site, spec: Load, reach: Reach, *, clock: Clock, driver: Driver | None = None) -> list[dict[str, Any]]:
    """Load on the applications of a site, one after the other. A row for each request and one for each application,
    whose `problems` say what is beyond its limits. Raises CloudError where the cluster cannot be reached."""
    check(site.validate())
    spec = spec.resolve()
    driver = driver or driver_for(site, clock)
    check(retry_call(driver.verify, clock, timeout=reach.retry_timeout))
    client = Client(driver.access(reach.cluster_name), clock)
    rows = []
    for target in spec.applications:
        if target.requests:
            rows += _load_one(spec, target, client, reach, clock)
    return rows


def _load_one(spec: Load, target: Target, client: Client, reach: Reach, clock: Clock) -> list[dict[str, Any]]:
    def fail(message: str) -> list[dict[str, Any]]:
        nothing = dict.fromkeys(("p50", "p90", "p99", "max"))
        counts = {"requests": 0, "failures": 0, "error_percent": 0.0, "per_second": 0.0}
        return [_load_row(target, {"request": None, **counts, **nothing, "errors": []}, "", [message])]

    def patiently(call: Callable[[], Any]) -> Any:
        return retry_call(call, clock, timeout=reach.retry_timeout)

    try:
        on = patiently(lambda: way(client, target))
        # Its own address needs no token, and gets none.
        token = "" if on.base else patiently(client.access.token).value
        endpoint = patiently(client.access.endpoint)
        measured = sending.send(spec, target, on, server=endpoint.server, ca=endpoint.ca, token=token, paths=sys.path)
    except (CloudError, RuntimeError) as error:
        return fail(str(error))
    return [
        _load_row(target, row, on.through, _beyond(spec, row) if row["request"] is None else [])
        for row in measured["rows"]
    ]


def _load_row(target: Target, row: dict[str, Any], through: str, problems: list[str]) -> dict[str, Any]:
    return {"application": target.name, "through": through, **row, "problems": problems}


def _beyond(spec: Load, row: Mapping[str, Any]) -> list[str]:
    """What of a load does not hold."""
    if row["requests"] < spec.min_requests:
        return [f"{row['requests']} requests were sent, at least {spec.min_requests} wanted"]
    found = exceeded(row, spec.limits_ms)
    if row["error_percent"] > spec.max_error_percent:
        found.insert(0, f"{row['error_percent']:g} % errors are more than {spec.max_error_percent:g} %")
    return found


def _load(outcome: Outcome, params: Mapping[str, Any], clock: Clock) -> None:
    rows = load(build(Site, params), build(Load, params), build(Reach, params), clock=clock)
    outcome.result["loads"] = rows
    beyond = [f"{row['application']}: {problem}" for row in rows for problem in row["problems"]]
    if beyond:
        outcome.fail(f"The load was not borne. {'. '.join(beyond)}.")


def _verify(outcome: Outcome, params: Mapping[str, Any], clock: Clock) -> None:
    found = verify(build(Site, params), build(Verify, params), build(Reach, params), clock=clock)
    outcome.result.update(checks=[row.as_dict() for row in found.rows], latencies=found.latencies)
    wrong = [row for row in found.rows if not row.ok]
    if wrong:
        told = ". ".join(f"{row.check}: {row.detail.rstrip('.')}" for row in wrong)
        outcome.fail(f"{len(wrong)} of {len(found.rows)} checks failed. {told}.")
