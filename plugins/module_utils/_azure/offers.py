# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which types a region has, as their resource providers tell (Resource Manager refuses the others)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .arm import ArmResource
from .fields import location
from .registration import KIND, provider_path
from .session import Session

_EVERYWHERE = ("Microsoft.Resources", "Microsoft.Authorization")


def unoffered(session: Session, resources: Iterable[ArmResource]) -> list[str]:
    """Types that would be made in a region that has none of them, as sentences."""
    problems = []
    region = location(session.site.region)
    types = {item.type for item in resources if item.tracked and not item.place}
    for kind in sorted(types):
        namespace, _slash, name = kind.partition("/")
        if namespace in _EVERYWHERE:
            continue
        path = provider_path(session, namespace)

        def ask(path: str = path) -> Any:
            return session.patient(lambda: session.client.get(path, KIND))

        told = session.once(path, ask) or {}
        offered: list[str] = []
        for each in told.get("resourceTypes") or []:
            if str(each.get("resourceType")).lower() == name.lower():
                offered = list(each.get("locations") or [])
        # A type that tells no place is had everywhere.
        if offered and region not in {location(place) for place in offered}:
            problems.append(
                f"{kind} is not offered in {session.site.region}. Azure offers it in {', '.join(sorted(offered))}."
            )
    return problems
