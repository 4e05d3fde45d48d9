# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine types of node pools: that they exist here, in the zones wanted, and that the vCPU quotas suffice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from .._engine.survey import Planned
from .arm import at
from .session import Session

_SKUS = "Microsoft.Compute/skus"
_SPOT = "lowPriorityCores"  # one count for the spot machines of all families
_ALL = "cores"


def shortfalls(session: Session, added: Sequence[Planned], grown: Sequence[Planned]) -> list[str]:
    """Problems with the pools that a plan adds or makes larger. vCPUs are counted at the pools' least size."""
    pools = [(at(item.resource.desired(), "properties") or {}, 0) for item in added]
    for item in grown:
        wanted = at(item.resource.desired(), "properties") or {}
        has = int(at(item.observed.raw, "properties.count") or 0) if item.observed else 0
        if _size(wanted) > has:
            pools.append((wanted, has))
    if not pools:
        return []
    skus = _skus(session)
    problems, need = [], Counter[str]()
    for wanted, has in pools:
        name = str(wanted.get("vmSize"))
        sku = skus.get(name.lower())
        if sku is None:
            problems.append(
                f"Machine type {name} does not exist in {session.site.region}. Choose another type or region."
            )
            continue
        problems += _unusable(session, sku, wanted)
        vcpus = int(_capability(sku, "vCPUs") or 0) * max(0, _size(wanted) - has)
        if str(wanted.get("scaleSetPriority")) == "Spot":
            need[_SPOT] += vcpus
        else:
            need[str(sku.get("family"))] += vcpus
            need[_ALL] += vcpus
    return [*dict.fromkeys(problems), *_quotas(session, need)]


def _size(pool: dict[str, Any]) -> int:
    return int((pool.get("minCount") if pool.get("enableAutoScaling") else pool.get("count")) or 0)


def _skus(session: Session) -> dict[str, dict[str, Any]]:
    region = session.site.region
    path = f"{session.subscription}/providers/{_SKUS}"

    def ask() -> list[dict[str, Any]]:
        query = {"$filter": f"location eq '{region}'"}
        return session.patient(lambda: session.client.pages(path, _SKUS, query))

    found = session.once(f"skus of {region}", ask)
    return {str(item.get("name")).lower(): item for item in found if item.get("resourceType") == "virtualMachines"}


def _unusable(session: Session, sku: dict[str, Any], pool: dict[str, Any]) -> list[str]:
    region, name = session.site.region, sku.get("name")
    blocked: dict[str, set[str]] = defaultdict(set)
    for item in sku.get("restrictions") or []:
        zones = at(item, "restrictionInfo.zones") if item.get("type") == "Zone" else ["*"]
        for zone in zones or ["*"]:
            blocked[zone].add(str(item.get("reasonCode") or ""))
    if "*" in blocked:
        return [f"Machine type {name} cannot be used in {region} by this subscription ({', '.join(blocked['*'])})."]
    offered = {zone for place in sku.get("locationInfo") or [] for zone in place.get("zones") or []} - set(blocked)
    missing = sorted(set(pool.get("availabilityZones") or []) - offered)
    if not missing:
        return []
    left = ", ".join(sorted(offered)) or "none"
    return [
        f"Machine type {name} is not offered in zone {', '.join(missing)} of {region} (offered in: {left}). "
        "Set zones of the pool or network.zones accordingly, or choose another type."
    ]


def _capability(sku: dict[str, Any], name: str) -> str | None:
    return next((item.get("value") for item in sku.get("capabilities") or [] if item.get("name") == name), None)


def _quotas(session: Session, need: Counter[str]) -> list[str]:
    if not +need:
        return []
    region = session.site.region
    path = f"{session.subscription}/providers/Microsoft.Compute/locations/{region}/usages"
    usages = session.once(
        path,
        lambda: session.patient(lambda: session.client.pages(path, "Microsoft.Compute/locations/usages")),
    )
    by_name = {str(at(usage, "name.value")).lower(): usage for usage in usages}
    problems = []
    for name, count in sorted((+need).items()):
        usage = by_name.get(name.lower())
        if usage is None:
            continue
        used, limit = int(usage.get("currentValue") or 0), int(usage.get("limit") or 0)
        if used + count > limit:
            title = at(usage, "name.localizedValue") or name
            problems.append(
                f"Quota {title} in {region}: {count} vCPUs needed, {max(0, limit - used)} left of {limit}. "
                "Ask Azure for more, or choose smaller or fewer machines."
            )
    return problems
