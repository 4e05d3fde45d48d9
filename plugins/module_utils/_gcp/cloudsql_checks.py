# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before any server is touched: does Cloud SQL offer what is asked for, and is there what shall be restored?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._engine.errors import SpecError
from .._engine.plan import Action
from .._engine.survey import Planned
from . import cloudsql_facts as facts
from .client import Cloud
from .cloudsql import holder
from .cloudsql_backups import LabelledBackup
from .cloudsql_origins import find_origin
from .cloudsql_server import Server


def problems(cloud: Cloud, planned: Sequence[Planned]) -> list[str]:
    """Sentences. Costs no call where nothing is added or changed."""
    found = []
    for each in planned:
        if isinstance(each.resource, Server) and each.resource.present:
            found += [f"Database server {each.resource.server}: {reason}" for reason in _of(cloud, each, each.resource)]
        elif isinstance(each.resource, LabelledBackup) and holder(cloud, each.resource.server) is None:
            found.append(f"Database server {each.resource.server} does not exist: it cannot be backed up.")
    return found


def _of(cloud: Cloud, planned: Planned, server: Server) -> Iterator[str]:
    observed = planned.observed
    there = observed is not None and planned.action is not Action.REPLACE
    if server.restore is not None and there and server.outputs.get("name") not in server.own_names():
        yield (
            "there is one of this name that was not made by this restore, and a restore never overwrites. Give the "
            "new server another name."
        )
    if planned.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        return
    changed = {change.path for change in planned.plan.changes}
    body = server.desired()
    settings = body["settings"]
    if observed is None or planned.action is Action.REPLACE or "settings.tier" in changed:
        reason = facts.tier_problem(cloud, settings["tier"], body["region"])
        if reason:
            yield reason
    version = str(body["databaseVersion"])
    if observed is None and server.restore is not None:
        try:
            origin = find_origin(cloud, server.restore)
        except SpecError as error:
            yield error.message
            return
        reason = _version_of_origin(version, origin.version, server)
        if reason:
            yield reason
        version = origin.version
    wanted: dict[str, Any] = {each["name"]: each["value"] for each in settings.get("databaseFlags") or ()}
    names = wanted.keys() if observed is None else facts.changed_flags(planned.plan) & wanted.keys()
    for name in sorted(names):
        reason = facts.flag_problem(cloud, version, name, wanted[name])
        if reason:
            yield f"parameters: {reason}"


def _version_of_origin(wanted: str, held: str, server: Server) -> str:
    """A restore keeps the version; a newer one that is asked for is an upgrade afterwards, an older one impossible."""
    if server.fields.at("databaseVersion").mode.value == "create-only":
        return ""
    return facts.version_problem(held, wanted, {})
