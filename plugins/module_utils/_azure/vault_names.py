# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of key vaults: global, and taken by deleted vaults too. A deleted one of ours is brought back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .kinds_common import Vault, deleted_vaults
from .session import Session

_CHECK = "Microsoft.KeyVault/checkNameAvailability"


def taken(session: Session, vaults: Sequence[Vault]) -> list[str]:
    """Why vaults cannot be made under their names."""
    if not vaults:
        return []
    deleted = {str(item["name"]).lower(): item.get("properties") or {} for item in deleted_vaults(session)}
    problems = []
    for vault in vaults:
        name = vault.path.rpartition("/")[2]
        told = deleted.get(name.lower())
        reason = _deleted(session, vault, told) if told is not None else _used(session, name)
        if reason:
            problems.append(f"{vault.kind} {name}: {reason}")
    return problems


def _deleted(session: Session, vault: Vault, told: dict[str, Any]) -> str:
    owner, until = session.site.owner, told.get("scheduledPurgeDate")
    place, former = str(told.get("location", "")), str(told.get("vaultId", ""))
    if not owner.owns(told.get("tags") or {}):
        return (
            f"a deleted vault keeps the name until {until}, and {owner.claim(told.get('tags') or {})}. Its owner can "
            "purge it, unless it is protected; or choose another platform or site name."
        )
    if place.replace(" ", "").lower() != session.site.region.lower() or former.lower() != vault.path.lower():
        return (
            f"it was deleted in {place} as {former} and keeps the name until {until}. Use that region and resource "
            "group again to bring it back, or purge it (az keyvault purge), unless it is protected."
        )
    return ""


def _used(session: Session, name: str) -> str:
    path = f"{session.subscription}/providers/{_CHECK}"
    body = {"name": name, "type": Vault.type}
    answer = session.once(
        f"{path}/{name}", lambda: session.patient(lambda: session.client.send("POST", path, _CHECK, body).body)
    )
    if not answer or answer.get("nameAvailable") is not False:
        return ""
    return (
        f"the name cannot be used ({answer.get('message')}) Vaults share one name space with the whole world: choose "
        "another platform or site name."
    )
