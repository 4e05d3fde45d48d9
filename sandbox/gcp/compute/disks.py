"""Persistent disks of zones."""

from __future__ import annotations

from .. import quotas
from ..calls import Call
from ..catalog import all_zones
from ..errors import invalid_field
from ..state import PROJECT, fingerprint
from .kinds import Data, Kind, register
from .links import link

TYPES = {
    "pd-standard": 10,
    "pd-balanced": 10,
    "pd-ssd": 10,
    "pd-extreme": 500,
    "hyperdisk-balanced": 4,
}
_BLOCK = "4096"


def _fill(call: Call, path: str, body: Data) -> None:
    complete(body, call.path["zone"])
    quotas.require_disk(call.state, all_zones()[call.path["zone"]], body)


def complete(body: Data, zone: str) -> None:
    """A disk as compute prints it; 400 for a type or size that there is not."""
    kind = body.get("type", "pd-standard").rstrip("/").rpartition("/")[2]
    if kind not in TYPES:
        raise invalid_field("resource.type", body["type"], "The referenced diskType resource cannot be found.")
    size = int(body.get("sizeGb") or max(TYPES[kind], 500 if kind == "pd-standard" else 100))
    if not TYPES[kind] <= size <= 65536:
        raise invalid_field("resource.sizeGb", size, f"Disk size: must be between {TYPES[kind]} and 65536 GB.")
    body.update(sizeGb=str(size), type=link(f"projects/{PROJECT}/zones/{zone}/diskTypes/{kind}"))
    body.setdefault("status", "READY")
    body.setdefault("physicalBlockSizeBytes", _BLOCK)
    body.setdefault("labelFingerprint", fingerprint(body.get("labels", {})))
    body.setdefault("enableConfidentialCompute", False)


DISKS = register(
    Kind(
        collection="disks",
        schema="Disk",
        kind="compute#disk",
        segment="disks",
        scope="zone",
        noun="disk",
        fill=_fill,
        seconds="disk",
    )
)
