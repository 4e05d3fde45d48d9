"""Network watchers and flow logs. As in a subscription in use, every region has its watcher in NetworkWatcherRG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import armid
from ...call import Call
from ...regions import REGIONS
from ...store import Document, Record
from ..resources import ResourceGroups
from .base import NetworkKind, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

GROUP = "NetworkWatcherRG"
FLOW_LOGS = "Microsoft.Network/networkWatchers/flowLogs"
_TARGETS = (
    *("microsoft.network/virtualnetworks", "microsoft.network/virtualnetworks/subnets"),
    "microsoft.network/networkinterfaces",
)


class NetworkWatchers(NetworkKind):
    """Network watchers."""

    type = "Microsoft.Network/networkWatchers"
    duration = "azure.network_watcher"
    top_level = ()
    guid = False
    holds = False


class FlowLogs(NetworkKind):
    """Flow logs of virtual networks."""

    type = FLOW_LOGS
    duration = "azure.flow_log"
    top_level = ("identity",)
    guid = False
    holds = False

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        properties = document["properties"]
        target_id = properties.get("targetResourceId", "")
        kind = armid.type_of(target_id)
        if kind == "microsoft.network/networksecuritygroups" and previous is None:
            raise refuse(
                "NsgFlowLogCreationBlocked",
                "Creation of NSG flow logs is no longer supported. Use virtual network flow logs instead.",
            )
        if kind not in (*_TARGETS, "microsoft.network/networksecuritygroups"):
            raise refuse("FlowLogTargetResourceIdInvalid", f"The target resource id {target_id} is not valid.")
        target = self.require(target_id, call.target.path, document["location"])
        self.require(properties.get("storageId", ""), call.target.path, document["location"])
        other = next(
            (
                log
                for log in self.store.of_kind(FLOW_LOGS)
                if armid.same(log.properties["targetResourceId"], target_id) and log.key != call.target.path.lower()
            ),
            None,
        )
        if other is not None:
            raise refuse(
                "ConflictingFlowLog",
                f"A flow log {other.id} exists already for the target resource {target_id}.",
            )
        analytics: dict[str, Any] = {"networkWatcherFlowAnalyticsConfiguration": {"enabled": False}}
        document["properties"] = {
            "targetResourceId": target_id,
            "targetResourceGuid": target.properties.get("resourceGuid", ""),
            "storageId": properties["storageId"],
            "enabled": properties.get("enabled", True),
            "retentionPolicy": properties.get("retentionPolicy") or {"days": 0, "enabled": False},
            "format": {"type": "JSON", "version": 2, **(properties.get("format") or {})},
            "flowAnalyticsConfiguration": properties.get("flowAnalyticsConfiguration") or analytics,
        }
        for key in ("enabledFilteringCriteria", "recordTypes"):
            if properties.get(key):
                document["properties"][key] = properties[key]


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module, and the watchers that every region has."""
    watchers = emulator.add(NetworkWatchers(emulator))
    emulator.add(FlowLogs(emulator))
    groups = emulator.kinds["microsoft.resources/resourcegroups"]
    assert isinstance(groups, ResourceGroups)  # noqa: S101
    group = groups.ensure(GROUP, {"location": "westeurope"})
    for region in REGIONS:
        name = f"NetworkWatcher_{region}"
        resource_id = f"{group.id}/providers/{NetworkWatchers.type}/{name}"
        emulator.store.put(watchers.make(resource_id, name, GROUP, {"location": region, "properties": {}}))
