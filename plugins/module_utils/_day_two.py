# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the arguments of backup, backup_info and restore to their results. Knows no module object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._backup import Stores, back_up, look
from ._engine.report import Report
from ._engine.settings import Notify
from ._module import CAPABILITIES, Outcome, Waits, attempt_telling, blank
from ._restore import Request, Restored, restore
from ._run import Options, Wanted
from ._spec.arguments import argument_spec, build
from ._spec.database import Database
from ._spec.network import Network
from ._spec.secret_store import SecretStore
from ._spec.site import Site

# The blocks that each module takes.
TAKES: dict[str, tuple[str, ...]] = {
    "backup": ("database", "cache"),
    "backup_info": ("database", "cache"),
    "restore": ("network", "secret_store", "database"),
}
_REQUIRED = {"restore": ("network", "database")}


@dataclass(frozen=True)
class Backing:
    """Module options of `backup`. label: what the backups are called."""

    label: str


@dataclass(frozen=True)
class Looking:
    """Module options of `backup_info`. rpo_minutes: how much may be lost at most."""

    rpo_minutes: int | None = None
    retry_timeout: int = 180


@dataclass(frozen=True)
class Restoring(Request):
    """Module options of `restore`."""

    allow_disruption: bool = False


_OWN: dict[str, tuple[type, ...]] = {
    "backup": (Backing, Waits),
    "backup_info": (Looking,),
    "restore": (Restoring, Waits),
}


def arguments(module: str) -> dict[str, dict[str, Any]]:
    """The argument spec of one of these modules."""
    spec = argument_spec(Site)
    for name in TAKES[module]:
        spec[name] = {"type": "dict", "options": argument_spec(CAPABILITIES[name]), "no_log": False}
        if name in _REQUIRED.get(module, ()):
            spec[name]["required"] = True
    for cls in _OWN[module]:
        spec |= argument_spec(cls)
    return spec


def carry_out(
    module: str, params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]
) -> Outcome:
    """One call of a module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    outcome = Outcome({**blank(params), **_BLANK[module]})
    if module == "backup_info":
        for key in Report(check=False, state="present").as_dict().keys() - {"changed", "seconds"}:
            outcome.result.pop(key)
    work = {"backup": _back_up, "backup_info": _look, "restore": _restore}[module]
    attempt_telling(outcome, params, missing_library, lambda notify: work(outcome, params, check, notify))
    return outcome


# What stands in a result beside what all runs have, before anything was done.
_BLANK: dict[str, dict[str, Any]] = {
    "backup": {},
    "backup_info": {"stores": [], "within_rpo": None},
    "restore": Restored(Report(check=False, state="present")).as_dict(),
}


def _back_up(outcome: Outcome, params: Mapping[str, Any], check: bool, notify: Notify) -> None:
    outcome.take(back_up(_stores(params), params["label"], _options(params, check), notify=notify))


def _look(outcome: Outcome, params: Mapping[str, Any], check: bool, notify: Notify) -> None:
    found = look(_stores(params), params["rpo_minutes"], retry_timeout=params["retry_timeout"])
    outcome.result.update(stores=found.stores, within_rpo=found.within_rpo, seconds=round(found.seconds, 3))


def _restore(outcome: Outcome, params: Mapping[str, Any], check: bool, notify: Notify) -> None:
    wanted = Wanted(
        build(Site, params),
        network=build(Network, params["network"]),
        secret_store=build(SecretStore, params["secret_store"]),
        database=build(Database, params["database"]),
    )
    done = restore(wanted, build(Restoring, params), _options(params, check), notify=notify)
    outcome.result.update(done.as_dict())
    outcome.take(done.report)
    if done.problem:
        outcome.fail(done.problem)


def _stores(params: Mapping[str, Any]) -> Stores:
    given = [name for name in ("database", "cache") if params[name] is not None]
    blocks: dict[str, Any] = {name: build(CAPABILITIES[name], params[name]) for name in given}
    return Stores(build(Site, params), **blocks)


def _options(params: Mapping[str, Any], check: bool) -> Options:
    return Options(
        check=check,
        allow_disruption=bool(params.get("allow_disruption")),
        wait_timeout=params["wait_timeout"],
        retry_timeout=params["retry_timeout"],
    )
