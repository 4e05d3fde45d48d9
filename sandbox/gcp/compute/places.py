"""The project, its regions and zones, and what can be had there."""

from __future__ import annotations

from typing import Any

from .. import quotas
from ..calls import Call, handles
from ..catalog import CPU_PLATFORMS, REGIONS, MachineType, accelerators_in, all_zones, in_zone, zones
from ..errors import GoogleError
from ..listing import page, predicate
from ..state import NUMBER, PROJECT, fingerprint
from .crud import not_found
from .links import link

_BORN = "2024-01-01T00:00:00.000-08:00"
Data = dict[str, Any]


def _id(name: str) -> str:
    return str(1000 + sum(ord(letter) * 31**index for index, letter in enumerate(name)) % 8999)


@handles("compute.projects.get")
def project(call: Call) -> Data:
    """The project with its quotas."""
    return {
        "kind": "compute#project",
        "id": NUMBER,
        "creationTimestamp": _BORN,
        "name": PROJECT,
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": fingerprint({})},
        "quotas": quotas.listing(call.state, None),
        "selfLink": link(f"projects/{PROJECT}"),
        "defaultServiceAccount": f"{NUMBER}-compute@developer.gserviceaccount.com",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "defaultNetworkTier": "PREMIUM",
        "vmDnsSetting": "ZONAL_ONLY",
        "cloudArmorTier": "CA_STANDARD",
    }


def _region(call: Call, name: str) -> Data:
    return {
        "kind": "compute#region",
        "id": _id(name),
        "creationTimestamp": _BORN,
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [link(f"projects/{PROJECT}/zones/{zone}") for zone in zones(name)],
        "quotas": quotas.listing(call.state, name),
        "selfLink": link(f"projects/{PROJECT}/regions/{name}"),
        "supportsPzs": True,
    }


def _zone(_: Call, name: str) -> Data:
    return {
        "kind": "compute#zone",
        "id": _id(name),
        "creationTimestamp": _BORN,
        "name": name,
        "description": name,
        "status": "UP",
        "region": link(f"projects/{PROJECT}/regions/{all_zones()[name]}"),
        "selfLink": link(f"projects/{PROJECT}/zones/{name}"),
        "availableCpuPlatforms": CPU_PLATFORMS,
        "supportsPzs": False,
    }


def _machine(zone: str, item: MachineType) -> Data:
    data: Data = {
        "kind": "compute#machineType",
        "id": _id(item.name),
        "creationTimestamp": _BORN,
        "name": item.name,
        "description": f"{item.cpus} vCPU, {item.memory_mb / 1024:g} GB RAM",
        "guestCpus": item.cpus,
        "memoryMb": item.memory_mb,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 16 if item.shared else 128,
        "maximumPersistentDisksSizeGb": "3072" if item.shared else "263168",
        "zone": zone,
        "selfLink": link(f"projects/{PROJECT}/zones/{zone}/machineTypes/{item.name}"),
        "isSharedCpu": item.shared,
        "architecture": item.architecture,
    }
    if item.gpu:
        data["accelerators"] = [{"guestAcceleratorType": item.gpu[0], "guestAcceleratorCount": item.gpu[1]}]
    return data


def _accelerator(zone: str, name: str, text: str, cards: int) -> Data:
    return {
        "kind": "compute#acceleratorType",
        "id": _id(name),
        "creationTimestamp": _BORN,
        "name": name,
        "description": text,
        "zone": link(f"projects/{PROJECT}/zones/{zone}"),
        "maximumCardsPerInstance": cards,
        "selfLink": link(f"projects/{PROJECT}/zones/{zone}/acceleratorTypes/{name}"),
    }


def _paged(call: Call, items: list[Data], kind: str, scope: str) -> Data:
    test = predicate(call.query.get("filter"))
    found, token = page(filter(test, items), call.query.get("maxResults"), call.query.get("pageToken"))
    answer: Data = {"kind": kind, "id": scope, "items": found, "selfLink": link(scope)}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("compute.regions.get")
def get_region(call: Call) -> Data:
    """One region with its quotas."""
    name = call.path["region"]
    if name not in REGIONS:
        raise not_found(f"projects/{PROJECT}/regions/{name}")
    return _region(call, name)


@handles("compute.regions.list")
def list_regions(call: Call) -> Data:
    """All regions."""
    return _paged(call, [_region(call, name) for name in REGIONS], "compute#regionList", f"projects/{PROJECT}/regions")


@handles("compute.zones.get")
def get_zone(call: Call) -> Data:
    """One zone."""
    return _zone(call, _place(call))


@handles("compute.zones.list")
def list_zones(call: Call) -> Data:
    """All zones."""
    return _paged(call, [_zone(call, name) for name in all_zones()], "compute#zoneList", f"projects/{PROJECT}/zones")


def _place(call: Call) -> str:
    zone = call.path["zone"]
    if zone not in all_zones():
        raise not_found(f"projects/{PROJECT}/zones/{zone}")
    return zone


@handles("compute.machineTypes.get")
def get_machine_type(call: Call) -> Data:
    """One machine type of a zone."""
    zone, name = _place(call), call.path["machineType"]
    item = in_zone(zone).get(name)
    if item is None:
        raise not_found(f"projects/{PROJECT}/zones/{zone}/machineTypes/{name}")
    return _machine(zone, item)


@handles("compute.machineTypes.list")
def list_machine_types(call: Call) -> Data:
    """Machine types of a zone."""
    zone = _place(call)
    items = [_machine(zone, item) for _, item in sorted(in_zone(zone).items())]
    return _paged(call, items, "compute#machineTypeList", f"projects/{PROJECT}/zones/{zone}/machineTypes")


@handles("compute.acceleratorTypes.get")
def get_accelerator_type(call: Call) -> Data:
    """One accelerator type of a zone."""
    zone, name = _place(call), call.path["acceleratorType"]
    found = accelerators_in(zone).get(name)
    if found is None:
        raise not_found(f"projects/{PROJECT}/zones/{zone}/acceleratorTypes/{name}")
    return _accelerator(zone, name, *found)


@handles("compute.acceleratorTypes.list")
def list_accelerator_types(call: Call) -> Data:
    """Accelerator types of a zone."""
    zone = _place(call)
    items = [_accelerator(zone, name, *found) for name, found in accelerators_in(zone).items()]
    return _paged(call, items, "compute#acceleratorTypeList", f"projects/{PROJECT}/zones/{zone}/acceleratorTypes")


@handles("compute.machineTypes.aggregatedList", "compute.acceleratorTypes.aggregatedList")
def aggregated_types(call: Call) -> Data:
    """Machine or accelerator types of all zones."""
    machines = call.method.id.startswith("compute.machineTypes")
    segment, kind = ("machineTypes", "machineType") if machines else ("acceleratorTypes", "acceleratorType")
    test = predicate(call.query.get("filter"))
    pairs: list[tuple[str, Data]] = []
    for zone in all_zones():
        if machines:
            items = [_machine(zone, item) for _, item in sorted(in_zone(zone).items())]
        else:
            items = [_accelerator(zone, name, *found) for name, found in accelerators_in(zone).items()]
        pairs += [(f"zones/{zone}", item) for item in items if test(item)]
    found, token = page(pairs, call.query.get("maxResults"), call.query.get("pageToken"))
    scopes: dict[str, Data] = {}
    for scope, item in found:
        scopes.setdefault(scope, {segment: []})[segment].append(item)
    base = f"projects/{PROJECT}/aggregated/{segment}"
    answer: Data = {"kind": f"compute#{kind}AggregatedList", "id": base, "items": scopes, "selfLink": link(base)}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("compute.projects.getXpnHost")
def no_shared_vpc(call: Call) -> Data:
    """The project is not attached to a shared VPC."""
    raise GoogleError(404, f"The resource 'projects/{PROJECT}' has no shared VPC host.")
