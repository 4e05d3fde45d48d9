# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloud SQL says of itself: flags, tiers, and how far a replica is behind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .._engine.plan import Plan
from .client import Cloud

_LAG = "cloudsql.googleapis.com/database/replication/replica_lag"  # seconds (Cloud Monitoring, metrics of Cloud SQL)
FLAGS = "settings.databaseFlags"
_WINDOW = timedelta(minutes=10)


def flags(cloud: Cloud, version: str) -> dict[str, dict[str, Any]]:
    """The flags of a version of an engine, by name."""

    def load() -> dict[str, dict[str, Any]]:
        found = cloud.look("sqladmin", "flags", {"databaseVersion": version}).get("items") or ()
        return {each["name"]: each for each in found}

    return cloud.shared.get(f"sqladmin/flags/{version}", load)


def changed_flags(change: Plan) -> set[str]:
    """Names of the flags that a change sets, changes or takes away."""
    names: set[str] = set()
    for each in change.changes:
        if each.path == FLAGS:  # the whole list, where there was none
            names |= {flag["name"] for flags in (each.before, each.after) for flag in flags or ()}
        elif each.path.startswith(FLAGS + "["):
            names.add(each.path.removeprefix(FLAGS + "[").partition("]")[0])
    return names


def needs_restart(cloud: Cloud, version: str, name: str) -> bool:
    return bool((flags(cloud, version).get(name) or {}).get("requiresRestart"))


def flag_problem(cloud: Cloud, version: str, name: str, value: str) -> str:
    """Why a flag cannot be set, or an empty string."""
    known = flags(cloud, version)
    if not known:
        return ""  # the API says nothing of this version; its answer to the change decides
    flag = known.get(name)
    if flag is None:
        return f"{name} is not a flag of {version}."
    words = flag.get("allowedStringValues")
    if flag.get("type") == "BOOLEAN" and value not in ("on", "off"):
        return f"{name}: {value!r} is not possible: on or off."
    if flag.get("type") == "INTEGER":
        if not re.fullmatch(r"-?\d+", value):
            return f"{name}: {value!r} is not a whole number."
        low, high = flag.get("minValue"), flag.get("maxValue")
        if (low is not None and int(value) < int(low)) or (high is not None and int(value) > int(high)):
            return f"{name}: {value} is out of range ({low} to {high})."
    if words and value not in words:
        return f"{name}: {value!r} is not possible: {', '.join(words)}."
    return ""


def tier_problem(cloud: Cloud, tier: str, region: str) -> str:
    """Why a tier cannot be had in a region, or an empty string. Custom tiers are offered wherever Cloud SQL is."""

    def load() -> dict[str, list[str]]:
        found = cloud.look("sqladmin", f"projects/{cloud.project}/tiers").get("items") or ()
        return {each["tier"]: list(each.get("region") or ()) for each in found}

    offered = cloud.shared.get("sqladmin/tiers", load)
    regions = sorted({each for places in offered.values() for each in places})
    if regions and region not in regions:
        return f"Cloud SQL is not offered in {region}."
    custom = re.fullmatch(r"db-custom-(\d+)-(\d+)", tier)
    if custom:
        return _custom_problem(tier, int(custom[1]), int(custom[2]))
    if tier not in offered:
        return (
            f"the tier {tier} does not exist. Choose a size, or one of db-custom-<vCPU>-<MB> and the predefined ones."
        )
    if region not in offered[tier]:
        return f"the tier {tier} is not offered in {region}. Choose another."
    return ""


def _custom_problem(tier: str, cpus: int, memory: int) -> str:
    """Cloud SQL's rules for custom machines (documentation, instance settings)."""
    per_cpu = memory / 1024 / cpus if cpus else 0
    if cpus < 1 or cpus > 96 or (cpus > 1 and cpus % 2):
        return f"the tier {tier} is not possible: 1 vCPU, or an even number up to 96."
    if memory % 256 or memory < 3840 or not 0.9 <= per_cpu <= 6.5:
        return f"the tier {tier} is not possible: 3840 MB or more, a multiple of 256, and 0.9 to 6.5 GB per vCPU."
    return ""


def version_problem(have: str, want: str, raw: Mapping[str, Any]) -> str:
    """Why an instance cannot go from one version to another, or an empty string."""
    if have.partition("_")[0] != want.partition("_")[0]:
        return f"the engine cannot be changed: it is {have}, asked for {want}."
    if numbers(want) < numbers(have):
        return f"the version cannot go back: it is {have}, asked for {want}. Set version to what there is, or newer."
    offered = [str(each.get("name")) for each in raw.get("upgradableDatabaseVersions") or ()]
    if offered and want not in offered:
        return f"{have} cannot be upgraded to {want}, only to {', '.join(offered)}."
    return ""


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def lag_problem(cloud: Cloud, name: str, most: int) -> str:
    """Why a replica must not be promoted now, or an empty string."""
    lag = lag_seconds(cloud, name)
    if lag is None:
        return (
            "how far it is behind its primary is not known: Cloud Monitoring has no value of the last "
            f"{_WINDOW.seconds // 60} minutes. Run again when it reports."
        )
    if lag > most:
        return f"it is {lag:g} s behind its primary, more than max_lag_seconds ({most}). Wait, or allow more."
    return ""


def lag_seconds(cloud: Cloud, name: str) -> float | None:
    """The newest value; None where there is none."""
    now = datetime.now(UTC)
    wanted = f'metric.type = "{_LAG}" AND resource.labels.database_id = "{cloud.project}:{name}"'
    query = {
        "filter": wanted,
        "interval.startTime": f"{now - _WINDOW:%Y-%m-%dT%H:%M:%SZ}",
        "interval.endTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    answer = cloud.look("monitoring", f"projects/{cloud.project}/timeSeries", query)
    points = [point for series in answer.get("timeSeries") or () for point in series.get("points") or ()]
    if not points:
        return None
    newest = max(points, key=lambda point: str(point["interval"]["endTime"]))
    value = newest["value"]
    return float(value.get("doubleValue", value.get("int64Value", 0)))
