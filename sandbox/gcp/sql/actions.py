"""What an instance is asked about its past."""

from __future__ import annotations

from ..calls import Call, handles
from ..state import zulu
from .keeping import window
from .model import Data, find
from .versions import invalid_request


@handles("sql.projects.instances.getLatestRecoveryTime")
def latest_recovery_time(call: Call) -> Data:
    """The span of time that can be restored."""
    found = window(call, find(call))
    if found is None:
        raise invalid_request("Point in time recovery is not enabled for the instance.")
    return {
        "kind": "sql#getLatestRecoveryTime",
        "earliestRecoveryTime": zulu(found[0], 3),
        "latestRecoveryTime": zulu(found[1], 3),
    }
