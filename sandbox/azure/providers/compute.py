"""Microsoft.Compute: machine sizes, vCPU usages, and the scale sets that clusters make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..call import Call, Reply
from ..errors import ArmError
from ..kind import Kind
from ..regions import REGIONS
from ..store import Document, Record
from .sizes import FAMILIES, SIZES, Size, available, restricted

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    *("2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01", "2023-09-01"),
    *("2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01"),
)
_SKU_VERSIONS = ("2017-09-01", "2019-04-01", "2021-07-01", *VERSIONS[1:])
SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
_REGIONAL_LIMIT = 350


class ScaleSets(Kind):
    """Scale sets; made by clusters only."""

    type = SCALE_SETS
    versions = VERSIONS
    holds = True

    def put(self, call: Call) -> Reply:
        raise ArmError(403, "RequestDisallowedByPolicy", "Scale sets are made by clusters only in this sandbox.")

    def delete(self, call: Call) -> Reply:
        message = "The scale set belongs to a cluster's node resource group and cannot be deleted on its own."
        raise ArmError(403, "DenyAssignmentAuthorizationFailed", message)


def used_vcpus(emulator: AzureEmulator, region: str, spot: bool = False) -> dict[str, int]:
    """vCPUs in use per family, and ``cores`` for all of them. Spot machines have a quota of their own."""
    found: dict[str, int] = {}
    for record in emulator.store.of_kind(SCALE_SETS):
        size = SIZES.get(record.document["sku"]["name"].lower())
        if record.location == region and size is not None and record.private.get("spot", False) == spot:
            number = size.vcpus * int(record.document["sku"]["capacity"])
            found[size.family] = found.get(size.family, 0) + number
            found["cores"] = found.get("cores", 0) + number
    return found


def shortfall(emulator: AzureEmulator, region: str, size: Size, vcpus: int, spot: bool) -> tuple[str, int] | None:
    """The quota that ``vcpus`` more of a size would exceed, with what is left of it; None when they fit."""
    used = used_vcpus(emulator, region, spot)
    limit = emulator.context.quotas.get
    checks = [("lowPriorityCores", "cores")] if spot else [(size.family, size.family), ("cores", "cores")]
    for quota, counted in checks:
        left = int(limit(f"compute.{quota}")) - used.get(counted, 0)
        if vcpus > left:
            return quota, left
    return None


def _usages(emulator: AzureEmulator, call: Call) -> Reply:
    region = call.target.names[0].lower()
    if region not in REGIONS:
        raise ArmError(400, "InvalidParameter", f"The value of parameter location is invalid: {region}.")
    used, spot = used_vcpus(emulator, region), used_vcpus(emulator, region, spot=True)
    entries: list[dict[str, Any]] = [
        _usage(emulator, "cores", "Total Regional vCPUs", used.get("cores", 0)),
        _usage(emulator, "lowPriorityCores", "Total Regional Spot vCPUs", spot.get("cores", 0)),
    ]
    entries += [_usage(emulator, family.name, family.text, used.get(family.name, 0)) for family in FAMILIES]
    return call.reply(200, {"value": entries})


def _usage(emulator: AzureEmulator, name: str, text: str, value: int) -> dict[str, Any]:
    return {
        "limit": int(emulator.context.quotas.get(f"compute.{name}")),
        "unit": "Count",
        "currentValue": value,
        "name": {"value": name, "localizedValue": text},
    }


def _skus(emulator: AzureEmulator, call: Call) -> Reply:
    wanted = re.search(r"location\s+eq\s+'([^']*)'", call.query.get("$filter", ""), re.IGNORECASE)
    regions = [wanted.group(1).replace(" ", "").lower()] if wanted else list(REGIONS)
    entries = [
        _sku(size, region)
        for region in regions
        if region in REGIONS
        for size in SIZES.values()
        if available(size, region)
    ]
    return call.reply(200, {"value": entries})


def _sku(size: Size, region: str) -> dict[str, Any]:
    zones = ["1", "2", "3"] if REGIONS[region].zones else []
    restrictions = []
    if restricted(size, region):
        restrictions.append(
            {
                "type": "Location",
                "values": [region],
                "restrictionInfo": {"locations": [region]},
                "reasonCode": "NotAvailableForSubscription",
            }
        )
    capabilities = {
        "vCPUs": str(size.vcpus),
        "vCPUsAvailable": str(size.vcpus),
        "MemoryGB": f"{size.memory:g}",
        "GPUs": str(size.gpus),
        "PremiumIO": str(size.premium),
        "CpuArchitectureType": "Arm64" if re.search(r"\dp\w*s_", size.name) else "x64",
        "HyperVGenerations": "V1,V2",
        "EncryptionAtHostSupported": "True",
        "LowPriorityCapable": "True",
        "AcceleratedNetworkingEnabled": "True",
        "EphemeralOSDiskSupported": str("d" in size.name.rpartition("_v")[0].lower().partition("_d")[2]),
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": zones, "zoneDetails": []}],
        "capabilities": [
            {"name": name, "value": value} for name, value in capabilities.items() if name != "GPUs" or size.gpus
        ],
        "restrictions": restrictions,
    }


def scale_set(
    emulator: AzureEmulator, group: Record, name: str, location: str, size: str, count: int, document: Document
) -> Record:
    """A scale set for a node pool."""
    kind = emulator.kinds[SCALE_SETS.lower()]
    full = {
        "location": location,
        "sku": {"name": size, "tier": "Standard", "capacity": count},
        "properties": {},
        **document,
    }
    return emulator.store.put(kind.make(f"{group.id}/providers/{SCALE_SETS}/{name}", name, group.name, full))


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of this module."""
    limits = {f"compute.{family.name}": float(family.limit) for family in FAMILIES}
    emulator.context.quotas.declare(
        {**limits, "compute.cores": float(_REGIONAL_LIMIT), "compute.lowPriorityCores": float(_REGIONAL_LIMIT)}
    )
    emulator.add(ScaleSets(emulator))
    emulator.function("Microsoft.Compute/locations/usages", "GET", VERSIONS, lambda call: _usages(emulator, call))
    emulator.function("Microsoft.Compute/skus", "GET", _SKU_VERSIONS, lambda call: _skus(emulator, call))
