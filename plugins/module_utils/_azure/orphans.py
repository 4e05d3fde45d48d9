# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a site: everything with its tags, and everything in its own groups, that no specification holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._engine.errors import NotFound
from .._spec import names
from . import database_backups
from .kinds_common import deleted_vaults
from .kinds_endpoints import interface_of
from .session import Session

_RESOURCES = "Microsoft.Resources/resources"
_GROUPS = "Microsoft.Resources/resourceGroups"


def orphans(session: Session, own_groups: Iterable[str], known: set[str]) -> list[dict[str, str]]:
    """{kind, id, name} of each. What a living cluster keeps in its node group is its own."""
    owner = session.site.owner
    kept = {identity.lower() for identity in known}
    kept |= {interface_of(identity).lower() for identity in kept if "/microsoft.network/privateendpoints/" in identity}
    groups = _ask(session, f"{session.subscription}/resourcegroups", _GROUPS)
    ours = [group for group in groups if owner.owns(group.get("tags") or {})]
    clusters = tuple(
        str(group["id"]).lower() + "/" for group in groups if str(group.get("managedBy") or "").lower() in kept
    )
    found: dict[str, dict[str, str]] = {}
    saved = session.group_path(names.of(session.site, "backups", limit=90)).lower() + "/"

    def note(item: dict[str, Any]) -> None:
        identity = str(item.get("id", ""))
        if identity.lower() in kept or f"{identity.lower()}/".startswith(clusters or ("\0",)):
            return
        kind = str(item.get("type", ""))
        found[identity.lower()] = {"kind": kind, "id": identity, "name": str(item.get("name", ""))}
        if f"{identity.lower()}/".startswith(saved):
            found[identity.lower()]["kept"] = "it holds backups of caches"

    for group in ours:
        note(group)
    query = {"$filter": f"tagName eq 'site' and tagValue eq '{owner.site}'"}
    for item in _ask(session, f"{session.subscription}/resources", _RESOURCES, query):
        # The list does not show tags while it is filtered by one.
        if "tags" not in item or owner.owns(item.get("tags") or {}):
            note(item)
    there = {str(group["name"]).lower() for group in groups}
    for name in own_groups:
        if name.lower() in there:
            for item in _ask(session, f"{session.group_path(name)}/resources", _RESOURCES):
                note(item)
    return sorted(
        [*found.values(), *_deleted_vaults(session), *database_backups.kept(session)],
        key=lambda item: (item["kind"], item["name"]),
    )


def _ask(session: Session, path: str, kind: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
    try:
        return session.patient(lambda: session.client.pages(path, kind, query))
    except NotFound:
        return []


def _deleted_vaults(session: Session) -> list[dict[str, str]]:
    """Our vaults that are deleted and keep their names. Protected ones go when their time is over, whatever is done."""
    found = []
    for item in deleted_vaults(session):
        told = item.get("properties") or {}
        if not session.site.owner.owns(told.get("tags") or {}):
            continue
        entry = {"kind": "Microsoft.KeyVault/deletedVaults", "id": str(item["id"]), "name": str(item["name"])}
        if told.get("purgeProtectionEnabled"):
            entry["kept"] = f"purge protection keeps the deleted vault until {told.get('scheduledPurgeDate')}"
        found.append(entry)
    return found
