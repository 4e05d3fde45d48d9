# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether RDS has what the plan adds: versions, upgrade paths, instance classes and what they can, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from .._engine.errors import InvalidRequest
from .._engine.plan import Action, Unknown
from .._engine.survey import Planned
from .base import Item
from .client import Session
from .rds import Instance
from .rds_lists import engine_versions, instances, major, numbers, within
from .rds_parameters import Parameters
from .rds_replicas import ReadReplica

# What an instance class or a version decides upon.
_ASKED = ("DBInstanceClass", "EngineVersion", "Iops", "MultiAZ", "PerformanceInsightsEnabled", "StorageType")


def database_problems(session: Session, planned: Sequence[Planned]) -> list[str]:
    """What speaks against the databases of the plan, as sentences. A plan that changes none of it costs no call."""
    found: list[str] = []
    for item in planned:
        resource = item.resource
        if isinstance(resource, Parameters) and _changes_parameters(item, resource):
            wrong = session.steady(partial(resource.problems, item.plan))
            found += [f"{item.what}: {problem}" for problem in wrong]
        if not isinstance(resource, Instance) or item.action not in (Action.CREATE, Action.UPDATE):
            continue
        if item.action is Action.CREATE or item.plan.touches(*_ASKED):
            found += [f"{item.what}: {problem}" for problem in _instance(session, item, resource)]
    return found


def _changes_parameters(item: Planned, resource: Parameters) -> bool:
    """Beyond the one that every server has."""
    return item.action in (Action.CREATE, Action.UPDATE) and len(resource.group.values) > 1


def _instance(session: Session, item: Planned, resource: Instance) -> list[str]:
    body = session.steady(resource.desired)
    if isinstance(resource, ReadReplica):
        source = resource.source
        running = source.item()
        engine = str(source.settings["Engine"])
        wanted = str(running["EngineVersion"]) if running else source.desired()["EngineVersion"]
    else:
        engine = str(body["Engine"])
        current = instances(session, resource.region).get(resource.name)
        wanted = body.get("EngineVersion") or (str(current["EngineVersion"]) if current else None)
        if item.action is Action.UPDATE and item.plan.touches("EngineVersion") and current:
            wrong = _upgrade(session, engine, str(current["EngineVersion"]), str(wanted))
            if wrong:
                return [wrong]
    version = _newest(session, engine, wanted)
    if version is None:
        majors = sorted(
            {major(engine, each["EngineVersion"]) for each in engine_versions(session, engine)}, key=numbers
        )
        return [f"RDS has no version {wanted} of {engine}. It has {', '.join(majors)}."]
    return _class(session, resource, body, engine, version)


def _newest(session: Session, engine: str, wanted: Any) -> str | None:
    offered = [str(each["EngineVersion"]) for each in session.steady(lambda: engine_versions(session, engine))]
    fitting = [version for version in offered if wanted is None or within(str(wanted), version)]
    return max(fitting, key=numbers, default=None)


def _upgrade(session: Session, engine: str, current: str, wanted: str) -> str:
    """Whether RDS has a way from one version to the other."""
    listed = session.steady(lambda: engine_versions(session, engine))
    entry: Item = next((each for each in listed if each["EngineVersion"] == current), {})
    targets = [str(target["EngineVersion"]) for target in entry.get("ValidUpgradeTarget") or ()]
    if not targets or any(within(wanted, target) for target in targets):
        return ""
    return f"RDS has no way from version {current} to {wanted}. It has {', '.join(targets)}."


def _class(session: Session, resource: Instance, body: dict[str, Any], engine: str, version: str) -> list[str]:
    name, region = str(body["DBInstanceClass"]), resource.region or session.region

    def load() -> list[Item]:
        return session.pages(
            "rds",
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            region=resource.region,
            Engine=engine,
            EngineVersion=version,
            DBInstanceClass=name,
        )

    try:
        options = session.steady(lambda: session.remember(("rds", "offers", region, engine, version, name), load))
    except InvalidRequest:  # a word that is no class at all
        options = []
    if not options:
        return [
            f"the class {name} is not offered for {engine} {version} in {region}. Set aws.instance_class to another."
        ]
    found = _abilities(resource, body, options, name)
    zones = {subnet.out("zone") for subnet in getattr(resource.subnet_group, "subnets", ())}
    if zones and not any(isinstance(zone, Unknown) for zone in zones):
        offered = {zone["Name"] for option in options for zone in option.get("AvailabilityZones") or ()}
        if offered and not zones & offered:
            found.append(
                f"the class {name} is offered in {', '.join(sorted(offered))}, not in {', '.join(sorted(zones))}."
            )
    return found


def _abilities(resource: Instance, body: dict[str, Any], options: list[Item], name: str) -> list[str]:
    def none(ability: str) -> bool:
        return not any(option.get(ability) for option in options)

    found = []
    if body.get("MultiAZ") and none("MultiAZCapable"):
        found.append(f"the class {name} has no high availability. Choose another, or high_availability: false.")
    if body.get("PerformanceInsightsEnabled") and none("SupportsPerformanceInsights"):
        found.append(f"the class {name} has no Performance Insights. Write performance_insights: false.")
    if body.get("MaxAllocatedStorage") and none("SupportsStorageAutoscaling"):
        found.append(f"storage does not grow by itself with the class {name}. Write storage_autogrow: false.")
    if isinstance(resource, ReadReplica) and none("ReadReplicaCapable"):
        found.append(f"the class {name} cannot be a read replica. Set aws.instance_class to another.")
    storage = body.get("StorageType")
    fitting = [option for option in options if option.get("StorageType") == storage]
    if storage and not fitting:
        have = ", ".join(sorted({str(option.get("StorageType")) for option in options}))
        found.append(f"the class {name} has no {storage} storage. It has {have}: set aws.storage_type.")
    iops = body.get("Iops")
    if iops and fitting:
        least = min(int(option.get("MinIopsPerDbInstance") or 0) for option in fitting)
        most = max(int(option.get("MaxIopsPerDbInstance") or 10**9) for option in fitting)
        if not least <= iops <= most:
            found.append(f"aws.iops: {iops} is out of range for {storage} ({least} to {most}).")
    return found
