# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the region offers for PostgreSQL: sizes, versions, standbys; and which names of servers are free. Asked once,
and only for what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.plan import Action
from .._engine.survey import Planned
from .arm import ArmResource, at
from .kinds_postgresql import FlexibleServer, physical
from .kinds_sql import SqlServer
from .session import Session

_KIND = "Microsoft.DBforPostgreSQL/locations"
_WATCHED = ("sku", "properties.version", "properties.highAvailability")


def capabilities(session: Session) -> dict[str, Any]:
    """The region's own answer."""
    path = f"{session.subscription}/providers/{_KIND}/{session.site.region}/capabilities"
    found = session.once(path, lambda: session.patient(lambda: session.client.pages(path, _KIND)))
    return found[0] if found else {}


def zone_redundant(session: Session) -> bool:
    """Whether a standby can stand in another zone of the region."""
    told = capabilities(session)
    features = {str(item.get("name")): str(item.get("status")) for item in told.get("supportedFeatures") or []}
    return "Enabled" in (told.get("zoneRedundantHaSupported"), features.get("ZoneRedundantHa"))


def shortfalls(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Why servers cannot be made or changed so in this region."""
    problems = []
    for item in planned:
        if isinstance(item.resource, SqlServer) and item.action is Action.CREATE:
            told = _name_problem(session, "Microsoft.Sql", SqlServer, item.resource.path.rpartition("/")[2])
            problems += [f"{item.what}: {told}"] if told else []
        if not isinstance(item.resource, FlexibleServer):
            continue
        if item.action is Action.CREATE:
            problems += _taken(session, item.resource)
        elif item.action is not Action.UPDATE or not item.plan.touches(*_WATCHED):
            continue
        problems += _offered(session, item)
    return problems


def _offered(session: Session, item: Planned) -> list[str]:
    told, region = capabilities(session), session.site.region
    desired = item.resource.desired()
    what, size = f"{item.what}", at(desired, "sku.name")
    sizes = {
        str(each["name"]).lower(): each
        for edition in told.get("supportedServerEditions") or []
        for each in edition.get("supportedServerSkus") or []
    }
    if not sizes:
        return [
            f"{what}: PostgreSQL flexible servers are not offered in {region} ({told.get('reason') or 'no sizes'})."
        ]
    problems = []
    offer = sizes.get(str(size).lower())
    if size and offer is None:
        like = sorted(each["name"] for name, each in sizes.items() if name[:10] == str(size).lower()[:10])[:8]
        problems.append(
            f"{what}: the size {size} is not offered in {region}. It offers {', '.join(like) or 'other families'}."
        )
    versions = [str(each["name"]) for each in told.get("supportedServerVersions") or []]
    version = at(desired, "properties.version")
    if version and versions and str(version) not in versions and any(c.under("properties") for c in item.plan.changes):
        problems.append(f"{what}: version {version} is not offered in {region}. It offers {', '.join(versions)}.")
    mode = at(desired, "properties.highAvailability.mode")
    modes = (offer or {}).get("supportedHaMode") or []
    if mode and mode != "Disabled" and offer is not None and mode not in modes:
        has = f"It has {', '.join(modes)}: write so" if modes else "Set high_availability: false"
        problems.append(f"{what}: {size} has no {mode} high availability in {region}. {has}, or choose another size.")
    return problems


def _taken(session: Session, server: FlexibleServer) -> list[str]:
    name = physical(session, server.logical)
    told = _name_problem(session, "Microsoft.DBforPostgreSQL", FlexibleServer, name)
    return [f"{server.kind} {server.name}: {told}"] if told and not server.name_is_ours(name) else []


def _name_problem(session: Session, provider: str, kind: type[ArmResource], name: str) -> str:
    path = f"{session.subscription}/providers/{provider}/checkNameAvailability"
    body = {"name": name, "type": kind.type}
    answer = session.once(
        f"{path}/{name}", lambda: session.patient(lambda: session.client.send("POST", path, kind.type, body).body)
    )
    if not answer or answer.get("nameAvailable", answer.get("available")) is not False:
        return ""
    return (
        f"the name {name} cannot be used ({answer.get('message')}) Names of servers are shared with the whole world: "
        "choose another name for it."
    )
