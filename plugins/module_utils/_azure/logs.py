# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where logs go: a Log Analytics workspace, and settings that send an object's logs there."""

from __future__ import annotations

from collections.abc import Sequence

from .._engine.errors import SpecError
from .._spec import names
from .arm import ArmResource
from .kinds_common import DiagnosticSetting, ResourceGroup, Workspace
from .session import Session

_LEAST_DAYS, _MOST_DAYS = 30, 730


def workspace(
    session: Session, group: ResourceGroup, days: int, *, where: str, present: bool, parts: Sequence[str] = ("logs",)
) -> Workspace:
    """A workspace that keeps logs for some days. Raises: SpecError where Azure cannot keep them so long or so short."""
    if present and not _LEAST_DAYS <= days <= _MOST_DAYS:
        raise SpecError(f"{where}: {days} is not possible on Azure: {_LEAST_DAYS} to {_MOST_DAYS} days.")
    name = names.of(session.site, *parts)
    body = {"properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": days}}
    path = session.in_group(group.name, Workspace.type, name)
    return Workspace(session, name, path, lambda: dict(body), parent=group, present=present)


def setting(
    session: Session, owner: ArmResource, target: Workspace, categories: Sequence[str], *, present: bool
) -> DiagnosticSetting:
    """Send these categories of an object's logs to a workspace, and no others."""
    name = names.of(session.site, "logs")
    return DiagnosticSetting(
        session,
        f"{owner.name}/{name}",
        f"{owner.path}/providers/{DiagnosticSetting.type}/{name}",
        lambda: {
            "properties": {
                "workspaceId": target.out("id"),
                "logAnalyticsDestinationType": "Dedicated",
                "logs": [{"category": category, "enabled": True} for category in categories],
            }
        },
        parent=owner,
        needs=[target],
        present=present,
    )
