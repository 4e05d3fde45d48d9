"""What Cloud SQL offers: machine tiers and database flags."""

from __future__ import annotations

from ..calls import Call, handles
from ..catalog import REGIONS
from .flags import FLAGS
from .model import Data
from .versions import TIERS, VERSIONS, Version

_DISK_QUOTA = 65536 * 1024**3


@handles("sql.tiers.list")
def tiers(call: Call) -> Data:
    """Machine tiers; custom ones are examples."""
    items = [
        {"kind": "sql#tier", "tier": name, "RAM": str(memory), "DiskQuota": str(_DISK_QUOTA), "region": list(REGIONS)}
        for name, memory in TIERS.items()
    ]
    return {"kind": "sql#tiersList", "items": items}


@handles("sql.flags.list")
def flags(call: Call) -> Data:
    """Database flags, of one version or of all."""
    wanted = call.query.get("databaseVersion")
    items: list[Data] = []
    for flag in FLAGS.values():
        applies = [name for name in VERSIONS if Version(name).engine == flag.engine]
        if wanted and wanted not in applies:
            continue
        item: Data = {
            "kind": "sql#flag",
            "name": flag.name,
            "type": flag.kind,
            "appliesTo": applies,
            "requiresRestart": flag.restart,
            "flagScope": "SQL_FLAG_SCOPE_DATABASE",
        }
        if flag.low is not None:
            item["minValue"] = str(flag.low)
        if flag.high is not None:
            item["maxValue"] = str(flag.high)
        if flag.words:
            item["allowedStringValues"] = list(flag.words)
        items.append(item)
    return {"kind": "sql#flagsList", "items": items}
