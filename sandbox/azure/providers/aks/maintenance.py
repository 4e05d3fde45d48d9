"""Maintenance configurations of clusters. Everything is synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...call import Call, Reply
from ...errors import ArmError
from ...store import Document, Record
from .base import CLUSTERS, AksKind, invalid, pruned, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_NAMES = ("default", "aksmanagedautoupgradeschedule", "aksmanagednodeosupgradeschedule")


class MaintenanceConfigurations(AksKind):
    """Maintenance windows."""

    type = CLUSTERS + "/maintenanceConfigurations"
    flow = None
    tracked = False
    has_state = False

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        name = call.target.name
        if name.lower() not in _NAMES:
            message = (
                f"The maintenance configuration name '{name}' is not supported. Supported names are default, "
                "aksManagedAutoUpgradeSchedule and aksManagedNodeOSUpgradeSchedule."
            )
            raise refuse(400, "InvalidMaintenanceConfigurationName", message)
        properties: Document = pruned(body.get("properties") or {})
        window = properties.get("maintenanceWindow")
        if name.lower() == "default":
            if window:
                raise invalid("maintenanceWindow", "configuration default takes timeInWeek and notAllowedTime only")
            return {"properties": properties}
        if not window:
            raise invalid("maintenanceWindow", f"configuration {name} needs a maintenanceWindow")
        if not 4 <= window.get("durationHours", 0) <= 24:
            raise invalid("maintenanceWindow.durationHours", "durationHours must be between 4 and 24")
        today = self.emulator.context.clock.wall().date().isoformat()
        kept = (previous.properties.get("maintenanceWindow") or {}) if previous is not None else {}
        window.setdefault("utcOffset", "+00:00")
        window.setdefault("startDate", kept.get("startDate", today))
        return {"properties": properties}

    def written(self, call: Call, record: Record, status: int) -> Reply:
        return call.reply(200, self.render(record, call.version))

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        shown.pop("type")
        return shown

    def missing(self, call: Call) -> ArmError:
        message = f"Maintenance configuration {call.target.name} is not found."
        return refuse(404, "NotFound", message)


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(MaintenanceConfigurations(emulator))
