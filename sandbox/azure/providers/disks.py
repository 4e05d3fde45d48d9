"""Managed disks: those that clusters make for their claims."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..call import Call, Reply
from ..errors import ArmError
from ..flows import stamp
from ..kind import Kind
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = (
    *("2021-04-01", "2021-12-01", "2022-03-02", "2022-07-02", "2023-01-02", "2023-04-02", "2023-10-02", "2024-03-02"),
    *("2025-01-02", "2026-03-02"),
)
DISKS = "Microsoft.Compute/disks"
_SPEED = {"Premium": (500, 100), "StandardSSD": (500, 100), "Standard": (500, 60)}


class Disks(Kind):
    """Managed disks; made by clusters only, read and deleted by everybody."""

    type = DISKS
    versions = VERSIONS

    def put(self, call: Call) -> Reply:
        raise ArmError(403, "RequestDisallowedByPolicy", "Disks are made by clusters only in this sandbox.")


def make_disk(
    emulator: AzureEmulator, group: Record, name: str, location: str, sku: str, gigabytes: int, document: Document
) -> Record:
    """A disk for a claim, or the one that is there; ``document``: its tags and zones."""
    kind = emulator.kinds[DISKS.lower()]
    resource_id = f"{group.id}/providers/{DISKS}/{name}"
    found = emulator.store.get(resource_id)
    if found is not None:
        return found
    operations, throughput = _SPEED.get(sku.partition("_")[0], _SPEED["Standard"])
    full: Document = {
        "location": location,
        "sku": {"name": sku, "tier": sku.partition("_")[0]},
        "properties": {
            "creationData": {"createOption": "Empty"},
            "diskSizeGB": gigabytes,
            "diskSizeBytes": gigabytes << 30,
            "diskIOPSReadWrite": operations,
            "diskMBpsReadWrite": throughput,
            "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "diskState": "Unattached",
            "timeCreated": stamp(emulator.context.clock.wall()),
            "uniqueId": str(uuid.uuid4()),
        },
        **document,
    }
    return emulator.store.put(kind.make(resource_id, name, group.name, full))


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(Disks(emulator))
