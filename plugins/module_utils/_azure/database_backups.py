# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a PostgreSQL server can be brought back, also after it is gone.

A dropped server's backups are kept for five days, and only the activity log still tells of it (Azure Database for
PostgreSQL, "Restore a deleted server"). A restored server does not remember where it came from: a tag does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .._engine.backups import Backup, History
from .._engine.errors import AuthError, CloudError, NotFound, SpecError
from .._spec.database import Restore
from .arm import at
from .kinds_postgresql import FlexibleServer, holder, is_ours, physical, servers_of
from .kinds_postgresql_parts import OnDemandBackup, moment
from .session import Session

_EVENTS = "Microsoft.Insights/eventtypes/management"
_METRICS = "Microsoft.Insights/metrics"
_LAG = "physical_replication_delay_in_seconds"
_KEPT = timedelta(days=5)
_DROPPED = "microsoft.dbforpostgresql/flexibleservers/delete"
_BACKED_UP = "microsoft.dbforpostgresql/flexibleservers/backups/write"


@dataclass(frozen=True)
class Source:
    """What a restore can begin with. raw: the living server; None for one that is dropped. backups: by label."""

    id: str
    earliest: datetime | None
    latest: datetime
    backups: dict[str, datetime]
    raw: dict[str, Any] | None = None


def now() -> datetime:
    return datetime.now(UTC)


def source(session: Session, server: str) -> Source | None:
    """The server that a specification calls so, or that has this very name; living, or dropped within five days."""
    named = (item for item in servers_of(session) if item["name"] == server and is_ours(session, item))
    raw = holder(session, server) or next(named, None)
    if raw is not None:
        taken = {
            str(item["name"]): moment(at(item, "properties.completedTime"))
            for item in _backups(session, str(raw["id"]))
            if _on_demand(item)
        }
        earliest = moment(at(raw, "properties.backup.earliestRestoreDate"))
        return Source(str(raw["id"]), earliest, now(), {name: at_ for name, at_ in taken.items() if at_}, raw)
    return _dropped(session, server)


def origin(session: Session, restore: Restore, where: str) -> dict[str, Any]:
    """What a server begins with: members of its first body. Raises: SpecError where there is nothing to restore."""
    found = source(session, restore.server)
    if found is None:
        raise SpecError(
            f"{where}.server: the site has no server {restore.server!r}, and the activity log shows none that was "
            f"dropped within {_KEPT.days} days. It shows a deletion some minutes after it was made."
        )
    at_ = _moment_of(found, restore, where)
    mode = "PointInTimeRestore" if found.raw is not None else "ReviveDropped"
    stamp = at_.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"createMode": mode, "sourceServerResourceId": found.id, "pointInTimeUTC": stamp}


def _moment_of(found: Source, restore: Restore, where: str) -> datetime:
    if found.raw is not None and found.earliest is None:
        raise SpecError(
            f"{where}: the first backup of {restore.server} is not finished yet. Try again in a few minutes."
        )
    if restore.label:
        if restore.label not in found.backups:
            known = ", ".join(sorted(found.backups)) or "none at all"
            raise SpecError(f"{where}.label: {restore.server} has no backup {restore.label!r}. It has: {known}.")
        return found.backups[restore.label]
    if restore.time is None:
        return found.latest
    wanted = datetime.fromisoformat(restore.time)
    if wanted > found.latest or (found.earliest is not None and wanted < found.earliest):
        begins = found.earliest.isoformat(timespec="seconds") if found.earliest else "its retention time"
        raise SpecError(
            f"{where}.time: {restore.time} is outside of what can be restored of {restore.server}: {begins} to "
            f"{found.latest.isoformat(timespec='seconds')}."
        )
    return wanted


def history(session: Session, server: str) -> History:
    """What can be brought back of one server."""
    found = source(session, server)
    if found is None:
        return History("database", server, exists=False)
    if found.raw is None:
        labelled = [_shown(f"{found.id}/backups/{label}", label, taken) for label, taken in found.backups.items()]
        return History(
            "database",
            server,
            exists=False,
            retention_days=_KEPT.days,
            restorable_from=found.earliest,
            restorable_to=found.latest,
            backups=tuple(labelled),
        )
    days = int(at(found.raw, "properties.backup.backupRetentionDays") or 0)
    ready = found.earliest is not None
    return History(
        "database",
        server,
        exists=True,
        retention_days=days,
        restorable_from=found.earliest,
        restorable_to=found.latest if ready else None,
        backups=tuple(_of_service(item, days) for item in _backups(session, found.id)),
    )


def _of_service(item: dict[str, Any], days: int) -> Backup:
    taken = moment(at(item, "properties.completedTime"))
    label = str(item["name"]) if _on_demand(item) else ""
    return _shown(str(item["id"]), label, taken, days)


def _shown(identity: str, label: str, taken: datetime | None, days: int = _KEPT.days) -> Backup:
    return Backup(
        identity,
        label,
        "manual" if label else "automatic",
        "ready" if taken else "pending",
        taken or now(),
        expires=taken + timedelta(days=days) if taken else None,
    )


def _on_demand(item: dict[str, Any]) -> bool:
    return "on-demand" in str(at(item, "properties.backupType") or "").lower()


def _backups(session: Session, server: str) -> list[dict[str, Any]]:
    path = f"{server}/backups"
    try:
        return session.patient(lambda: session.client.pages(path, OnDemandBackup.type))
    except NotFound:
        return []


# -- what is gone ------------------------------------------------------------------------------------------------------


def _dropped(session: Session, server: str) -> Source | None:
    """The last server of this name that was dropped, as the activity log tells it. A label is the end of the backup
    that was made under it."""
    plain = physical(session, server)
    drops: dict[str, datetime] = {}
    labels: dict[str, dict[str, datetime]] = {}
    for event in _events(session):
        told, seen = str(event.get("resourceId") or ""), moment(event.get("eventTimestamp"))
        operation = str(at(event, "operationName.value") or "").lower()
        if seen is None or str(at(event, "status.value")).lower() != "succeeded":
            continue
        head, _path, label = told.partition("/backups/")
        name = head.rpartition("/")[2].lower()
        if name not in (server, plain) and not (name.startswith(f"{plain[:59]}-") and name[len(plain) + 1 :].isdigit()):
            continue
        if operation == _DROPPED:
            drops[head.lower()] = max(seen, drops.get(head.lower(), seen))
        elif operation == _BACKED_UP and label:
            labels.setdefault(head.lower(), {})[label] = seen
    if not drops:
        return None
    newest = max(drops, key=lambda identity: drops[identity])
    if now() - drops[newest] > _KEPT:
        return None
    return Source(newest, None, drops[newest], labels.get(newest, {}))


def kept(session: Session) -> list[dict[str, str]]:
    """The site's dropped servers whose backups the service still keeps, by their names: {kind, id, name, kept}."""
    head, mark = f"{session.site.base}-", physical(session, "").rpartition("-")[2]
    ours = re.compile(f"{re.escape(head)}.*-{mark}(-\\d+)?")
    found: dict[str, dict[str, str]] = {}
    try:
        events = _events(session)
    except AuthError:  # reading the log is a right of its own
        return []
    for event in events:
        told, seen = str(event.get("resourceId") or ""), moment(event.get("eventTimestamp"))
        dropped = str(at(event, "operationName.value") or "").lower() == _DROPPED
        name = told.rpartition("/")[2].lower()
        if not dropped or seen is None or not ours.fullmatch(name) or now() - seen > _KEPT:
            continue
        until = (seen + _KEPT).isoformat(timespec="minutes")
        entry = {"kind": FlexibleServer.type, "id": told, "name": name}
        found[told.lower()] = {**entry, "kept": f"the service keeps the backups of the dropped server until {until}"}
    living = {str(item["id"]).lower() for item in servers_of(session)} if found else set()
    return [entry for path, entry in found.items() if path not in living]


def _events(session: Session) -> list[dict[str, Any]]:
    """What was done to servers since their backups could still be kept."""
    since = (now() - timedelta(days=35)).isoformat(timespec="seconds").replace("+00:00", "Z")
    path = f"{session.subscription}/providers/{_EVENTS}/values"
    query = {"$filter": f"eventTimestamp ge '{since}' and resourceProvider eq 'Microsoft.DBforPostgreSQL'"}
    return session.patient(lambda: session.client.pages(path, _EVENTS, query))


# -- replicas ----------------------------------------------------------------------------------------------------------


def lag(session: Session, replica: str) -> float | None:
    """How many seconds a replica is behind, as its newest measurement says; None without one."""
    end = now()
    span = f"{end - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    query = {"metricnames": _LAG, "timespan": span, "interval": "PT1M", "aggregation": "Maximum"}
    try:
        found = session.patient(lambda: session.client.get(f"{replica}/providers/{_METRICS}", _METRICS, query))
    except CloudError:
        return None
    series = at(found, "value.0.timeseries") or []
    points = [point for each in series for point in each.get("data") or [] if point.get("maximum") is not None]
    return float(max(points, key=lambda point: str(point["timeStamp"]))["maximum"]) if points else None
