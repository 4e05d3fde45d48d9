# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the region offers: machine types in its zones, Kubernetes versions, and the vCPUs that an account may run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .._engine.errors import InvalidRequest, NotFound
from .._engine.plan import Action, Unknown
from .._engine.survey import Planned
from .addons import Addon
from .base import Item
from .client import Session
from .eks_versions import minor, offered_versions
from .nodegroups import NodeGroup, ami_type

# Instance families by quota: on demand and spot (AWS General Reference, Amazon EC2 endpoints and quotas).
_FAMILIES: tuple[tuple[str, str, str, str], ...] = (
    ("Standard (A, C, D, H, I, M, R, T, Z)", r"[acdhimrtz]\d|im\d|is\d", "L-1216C47A", "L-34B43A08"),
    ("G and VT", r"g\d|gr\d|vt\d", "L-DB2E81BA", "L-3819A6DF"),
    ("P", r"p\d", "L-417A185B", "L-7212CCBC"),
    ("Inf", r"inf\d", "L-1945791B", "L-B5D1601B"),
    ("Trn", r"trn\d", "L-2C3B7624", "L-6B0D517C"),
    ("DL", r"dl\d", "L-6E869C2A", "L-85EED4F7"),
    ("F", r"f\d", "L-74FC7D96", "L-88CF9481"),
    ("X", r"x\d", "L-7295265B", "L-E3A00192"),
)


def quota_of(machine_type: str, spot: bool) -> tuple[str, str] | None:
    """Quota code and name of the family that a machine type counts towards."""
    for name, pattern, on_demand, on_spot in _FAMILIES:
        if re.match(pattern, machine_type):
            return (on_spot, f"vCPUs of {name} spot instances") if spot else (on_demand, f"vCPUs of {name} instances")
    return None


def machine_problems(session: Session, groups: Sequence[NodeGroup]) -> tuple[dict[str, Item], list[str]]:
    """Machine types by name as EC2 describes them, and what speaks against using them."""
    wanted = sorted({name for group in groups for name in group.pool.machine_types or ()})
    by_type = [{"Name": "instance-type", "Values": wanted}]
    described = session.steady(
        lambda: session.pages("ec2", "describe_instance_types", "InstanceTypes", Filters=by_type)
    )
    offered = session.steady(
        lambda: session.pages(
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=by_type,
        )
    )
    shapes = {item["InstanceType"]: item for item in described}
    zones: dict[str, set[str]] = {}
    for item in offered:
        zones.setdefault(item["InstanceType"], set()).add(item["Location"])
    found = [
        problem
        for group in groups
        for name in group.pool.machine_types or ()
        for problem in _machine(session, group, name, shapes.get(name), zones.get(name, set()))
    ]
    return shapes, found


def _machine(session: Session, group: NodeGroup, name: str, shape: Item | None, zones: set[str]) -> list[str]:
    pool, where = group.pool, f"cluster.node_pools.{group.name}"
    if shape is None:
        return [f"{where}.machine_types: {name} does not exist in {session.region}."]
    found = []
    mine = {subnet.out("zone") for subnet in group.subnets}
    if not any(isinstance(zone, Unknown) for zone in mine) and not pool.aws.subnet_ids:
        chosen = set(pool.zones or ()) or mine
        if not chosen & zones:
            offers = ", ".join(sorted(zones)) or "no zone"
            found.append(f"{where}.machine_types: {name} is offered in {offers}, not in {', '.join(sorted(chosen))}.")
    architectures = (shape.get("ProcessorInfo") or {}).get("SupportedArchitectures") or ()
    image = ami_type(pool)
    if architectures and ("arm64" if "ARM" in image else "x86_64") not in architectures:
        found.append(
            f"{where}: {name} runs {', '.join(architectures)}, and the image {image} does not. Set aws.ami_type."
        )
    if pool.gpu and not shape.get("GpuInfo"):
        found.append(f"{where}.machine_types: {name} has no GPU. Name one that has (g4dn.xlarge), or write gpu: false.")
    if pool.spot and "spot" not in (shape.get("SupportedUsageClasses") or ("spot",)):
        found.append(f"{where}.machine_types: {name} is not sold as spot. Write spot: false, or name another type.")
    return found


def vcpu_needs(groups: Iterable[NodeGroup], shapes: dict[str, Item]) -> dict[str, tuple[str, int]]:
    """By quota code: its name and the vCPUs of the nodes that the groups start with.

    Of several machine types the largest counts: EC2 chooses.
    """
    needs: dict[str, tuple[str, int]] = {}
    for group in groups:
        sized = [(_vcpus(shapes[name]), name) for name in group.pool.machine_types or () if name in shapes]
        quota = quota_of(max(sized)[1], bool(group.pool.spot)) if sized else None
        if quota:
            code, name = quota
            before = needs.get(code, (name, 0))[1]
            needs[code] = (name, before + max(sized)[0] * (group.pool.node_count or 0))
    return needs


def _vcpus(shape: Item) -> int:
    return int((shape.get("VCpuInfo") or {}).get("DefaultVCpus", 0))


def vcpu_use(session: Session) -> Counter[str]:
    """vCPUs of the region's running instances by quota code."""
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    reservations = session.steady(lambda: session.pages("ec2", "describe_instances", "Reservations", Filters=alive))
    use: Counter[str] = Counter()
    for instance in (item for reservation in reservations for item in reservation.get("Instances") or ()):
        quota = quota_of(instance["InstanceType"], instance.get("InstanceLifecycle") == "spot")
        options = instance.get("CpuOptions") or {}
        if quota:
            use[quota[0]] += int(options.get("CoreCount", 0)) * int(options.get("ThreadsPerCore", 0))
    return use


def addon_problems(session: Session, planned: Planned) -> list[str]:
    """Whether EKS has the add-on, and the version of it that is asked for."""
    addon = planned.resource
    if not isinstance(addon, Addon):
        return []
    if planned.action is Action.UPDATE and not (addon.version and planned.plan.touches("addonVersion")):
        return []
    minor_asked = addon.cluster_version or addon.cluster.out("version")
    fitting = {} if isinstance(minor_asked, Unknown) else {"kubernetesVersion": minor_asked}
    where = f"cluster.aws.addons.{addon.name}"
    try:
        listed = session.steady(
            lambda: session.pages("eks", "describe_addon_versions", "addons", addonName=addon.name, **fitting)
        )
    except (NotFound, InvalidRequest):
        listed = []
    versions = [item["addonVersion"] for found in listed for item in found.get("addonVersions") or ()]
    if not versions:
        return [f"{where}: EKS has no add-on {addon.name}{f' for Kubernetes {minor_asked}' if fitting else ''}."]
    if addon.version and addon.version not in versions:
        return [f"{where}.version: {addon.version} is not among those that fit: {', '.join(versions)}."]
    return []


def cluster_problems(session: Session, planned: Planned) -> list[str]:
    """Whether EKS offers the Kubernetes version that is asked for."""
    settings: dict[str, Any] = planned.resource.settings  # type: ignore[attr-defined]
    wanted = settings["version"]
    if not wanted:
        return []
    offers = offered_versions(session)
    if wanted not in offers:
        names = ", ".join(sorted(offers, key=minor, reverse=True))
        return [f"cluster.version: EKS in {session.region} has no Kubernetes {wanted}. It has {names}."]
    status = str(offers[wanted].get("versionStatus") or offers[wanted].get("status") or "").upper().replace("-", "_")
    extended = status == "EXTENDED_SUPPORT"
    if extended and settings["supportType"] == "STANDARD" and planned.action is Action.CREATE:
        return [
            f"cluster.version: Kubernetes {wanted} is past its standard support. Write cluster.aws.support_type: "
            "EXTENDED to pay for it, or a newer version."
        ]
    return []
