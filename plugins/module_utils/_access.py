# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of cluster_access to its result: a kubeconfig for people. Knows no module object."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._capability import driver as driver_for
from ._engine.apply import converge
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.graph import Graph
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify
from ._kubernetes.contexts import Context
from ._kubernetes.kubeconfig_file import KubeconfigFile, default_path
from ._module import Outcome, Waits, attempt_telling, blank
from ._run import Options, settings_of
from ._spec.arguments import argument_spec, build
from ._spec.cluster_access import ClusterAccess
from ._spec.site import Site, check


@dataclass(frozen=True)
class Written:
    """server: where the context leads; None where that was not asked, or is not known yet."""

    report: Report
    path: str
    context: str
    server: str | None

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "context": self.context, "server": self.server}


def arguments() -> dict[str, dict[str, Any]]:
    """The argument spec of the module."""
    return {**argument_spec(Site), **argument_spec(ClusterAccess), **argument_spec(Waits)}


def write(
    site: Site,
    spec: ClusterAccess,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
    environment: Mapping[str, str] | None = None,
) -> Written:
    """One context in one kubeconfig. To take it away no cloud is asked: the cluster may be gone."""
    clock = clock or SystemClock()
    begun = clock.now()
    check([*site.validate(), *spec.problems()])
    present = spec.state == "present"
    path = Path(spec.path) if spec.path else default_path(dict(os.environ if environment is None else environment))
    file = KubeconfigFile(path, clock)
    file.read()  # what is no kubeconfig is said before the cloud is asked
    driver = driver or driver_for(site, clock)
    context = Context(
        spec.context or site.name,
        file,
        site.owner,
        driver.access(spec.cluster_name),
        current=spec.current,
        tolerant=options.check,
        present=present,
    )
    if present:
        check(retry_call(driver.verify, clock, timeout=options.retry_timeout))
    report = converge(Graph([context]), settings_of(site, options), clock, notify=notify or (lambda event: None))
    report.seconds = clock.now() - begun
    return Written(report, str(file.shown), context.name, context.server)


def carry_out(params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]) -> Outcome:
    """One call of the module, from its arguments to its result. Never raises for what a cloud or a user did."""
    outcome = Outcome({**blank(params), "kubeconfig": {"path": None, "context": None, "server": None}})
    spec = build(ClusterAccess, params)

    def work(notify: Notify) -> None:
        options = Options(
            state=spec.state,
            check=check,
            adopt=spec.adopt,
            wait_timeout=params["wait_timeout"],
            retry_timeout=params["retry_timeout"],
        )
        written = write(build(Site, params), spec, options, notify=notify)
        outcome.result["kubeconfig"] = written.as_dict()
        outcome.take(written.report)

    attempt_telling(outcome, params, missing_library, work)
    return outcome
