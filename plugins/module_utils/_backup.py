# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a site's data stores on demand, and what could be brought back now."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ._capability import driver as driver_for
from ._engine.apply import converge
from ._engine.backups import History
from ._engine.capability import Driver
from ._engine.clock import Clock, SystemClock
from ._engine.graph import Graph
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify
from ._run import Options, settings_of
from ._spec.cache import Cache
from ._spec.database import Database
from ._spec.site import Site, check


@dataclass(frozen=True)
class Stores:
    """Which stores a call is about."""

    site: Site
    database: Database | None = None
    cache: Cache | None = None

    def resolve(self) -> tuple[Database | None, Cache | None]:
        """Both specifications with everything decided. Raises SpecError."""
        check(self.site.validate())
        return (
            self.database.resolve(self.site) if self.database else None,
            self.cache.resolve(self.site) if self.cache else None,
        )


@dataclass(frozen=True)
class Findings:
    """stores: `History.as_dict` of every store. within_rpo: whether all of them that the specification wants are fresh
    enough, None without a bound."""

    stores: list[dict[str, Any]]
    within_rpo: bool | None
    seconds: float


def back_up(
    stores: Stores,
    label: str,
    options: Options,
    *,
    notify: Notify | None = None,
    clock: Clock | None = None,
    driver: Driver | None = None,
) -> Report:
    """One backup of every server and cache, called `label`. What has one of that name already is left as it is."""
    clock = clock or SystemClock()
    begun = clock.now()
    check(label_problems(label))
    database, cache = stores.resolve()
    driver = driver or driver_for(stores.site, clock)
    built = driver.backups(label, database, cache)
    graph = Graph(built.resources)
    check(retry_call(driver.verify, clock, timeout=options.retry_timeout))
    prepared = clock.now() - begun
    report = converge(
        graph,
        settings_of(stores.site, options),
        clock,
        notify=notify or (lambda event: None),
        preflight=driver.preflight,
    )
    for entry in report.entries:
        entry.started += prepared
    told = built.outputs()
    report.warnings += told.pop("left_out", [])
    report.outputs = {"label": label, **told}
    report.seconds = clock.now() - begun
    return report


def look(
    stores: Stores,
    rpo_minutes: int | None,
    *,
    retry_timeout: float,
    clock: Clock | None = None,
    driver: Driver | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Findings:
    """What can be brought back of every store. rpo_minutes: how much may be lost at most."""
    clock = clock or SystemClock()
    begun = clock.now()
    if rpo_minutes is not None and rpo_minutes < 1:
        check([f"rpo_minutes: {rpo_minutes} must be 1 or more."])
    database, cache = stores.resolve()
    driver = driver or driver_for(stores.site, clock)
    check(retry_call(driver.verify, clock, timeout=retry_timeout))
    found = retry_call(lambda: driver.histories(database, cache), clock, timeout=retry_timeout)
    bound = _bounds(database, cache)
    known = {(history.capability, history.name) for history in found}
    # A store that the cloud knows nothing of has nothing that could be brought back.
    found += [History(capability, name, exists=False) for capability, name in bound if (capability, name) not in known]
    moment = now()
    told = [
        history.as_dict(moment, rpo_minutes if bound.get((history.capability, history.name)) else None)
        for history in found
    ]
    answers = [item["within_rpo"] for item in told if item["within_rpo"] is not None]
    within = None if rpo_minutes is None else all(answers)
    return Findings(told, within, clock.now() - begun)


def label_problems(label: str) -> list[str]:
    """Why a label is not legal on every cloud, as sentences."""
    if re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", label) and "--" not in label:
        return []
    return [
        f"label: {label!r} must be 1 to 40 lower-case letters, digits and single hyphens, beginning with a letter and "
        "not ending with a hyphen."
    ]


def _bounds(database: Database | None, cache: Cache | None) -> dict[tuple[Any, str], bool]:
    """The stores of the specification, and whether a recovery point objective is meant for them: not for those that
    shall go, nor for caches that may lose what they hold."""
    servers = database.servers if database else ()
    instances = cache.instances if cache else ()
    return {("database", each.name): each.state == "present" for each in servers} | {
        ("cache", each.name): each.state == "present" and each.persistence != "none" for each in instances
    }
