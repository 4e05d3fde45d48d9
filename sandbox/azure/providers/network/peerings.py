"""Peerings of virtual networks: each side is an object of its own, and traffic flows when both are there."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ...armid import same
from ...call import Call
from ...store import Document, Record
from .base import PartKind, check_type, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

PEERINGS = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
_VNETS = "Microsoft.Network/virtualNetworks"
# What the service fills in (recorded traffic).
_DEFAULTS: dict[str, Any] = {
    "allowVirtualNetworkAccess": True,
    "allowForwardedTraffic": False,
    "allowGatewayTransit": False,
    "useRemoteGateways": False,
    "doNotVerifyRemoteGateways": False,
    "peerCompleteVnets": True,
}


class Peerings(PartKind):
    """One side of a peering."""

    type = PEERINGS
    duration = "azure.vnet"
    guid = True
    top_level = ()
    defaults = _DEFAULTS
    ignored = ("properties.routeServiceVips",)

    def complete(self, call: Call, document: Document, previous: Record | None) -> None:
        properties = document["properties"]
        for computed in ("remoteAddressSpace", "remoteVirtualNetworkAddressSpace", "peeringSyncLevel", "peeringState"):
            properties.pop(computed, None)
        remote = str((properties.get("remoteVirtualNetwork") or {}).get("id") or "")
        check_type(remote, _VNETS, "properties.remoteVirtualNetwork.id")
        own, other = self.store.get(call.target.parent), self.store.get(remote)
        if other is None:
            raise refuse(
                "InvalidResourceReference",
                f"Resource {remote} referenced by resource {call.target.path} was not found. Please make sure that the "
                "referenced resource exists, and that both resources are in the same region.",
            )
        if previous is not None and not same(previous.properties["remoteVirtualNetwork"]["id"], remote):
            raise refuse(
                "ChangingRemoteVirtualNetworkNotAllowed",
                f"Changing the remote virtual network of the peering {call.target.name} is not allowed.",
            )
        if own is None:
            return
        shared = _overlap(_spaces(own), _spaces(other))
        if shared:
            raise refuse(
                "VnetAddressSpacesOverlap",
                f"Cannot create or update peering {call.target.path}. Virtual networks {own.id} and {other.id} cannot "
                f"be peered because their address spaces overlap. Overlapping address prefixes: {', '.join(shared)}",
            )
        self._check_sides(call, previous, own, other)

    def _check_sides(self, call: Call, previous: Record | None, own: Record, other: Record) -> None:
        """One peering per pair and direction; a side that has lost its counterpart has to be written anew."""
        for side in self.store.of_kind(PEERINGS, own.id):
            if side is not previous and same(side.properties["remoteVirtualNetwork"]["id"], other.id):
                raise refuse(
                    "AnotherPeeringAlreadyReferencesRemoteVnet",
                    f"Peering {side.id} already references remote virtual network {other.id}. Cannot add another "
                    f"peering {call.target.path} referencing the same remote virtual network.",
                )
        lost = next((side for side in self._facing(other, own.id) if side.private.get("disconnected")), None)
        if previous is None and lost is not None:
            raise refuse(
                "RemotePeeringIsDisconnected",
                f"Cannot create or update peering {call.target.path}. Because remote peering {lost.id} referencing "
                "parent virtual network is in Disconnected state. Please update or re-create the remote peering to get "
                "it back to Initiated state. Peering gets Disconnected when remote vnet or remote peering is deleted "
                "and re-created.",
            )

    def _facing(self, vnet: Record, back_to: str) -> list[Record]:
        """The peerings of a network that name another one."""
        sides = self.store.of_kind(PEERINGS, vnet.id)
        return [side for side in sides if same(side.properties["remoteVirtualNetwork"]["id"], back_to)]

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        record.private.pop("disconnected", None)
        super().saved(call, record, previous)

    def removed(self, record: Record) -> None:
        for side in self.store.of_kind(PEERINGS, record.properties["remoteVirtualNetwork"]["id"]):
            if same(side.properties["remoteVirtualNetwork"]["id"], record.parent):
                side.private["disconnected"] = True
        super().removed(record)

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        remote = self.store.get(properties["remoteVirtualNetwork"]["id"])
        back = remote is not None and bool(self._facing(remote, record.parent))
        lost = remote is None or record.private.get("disconnected")
        spaces = {"addressPrefixes": _spaces(remote) if remote is not None else []}
        properties.update(
            {
                "peeringState": "Disconnected" if lost else "Connected" if back else "Initiated",
                "peeringSyncLevel": "FullyInSync" if back and not lost else "RemoteNotInSync",
                "remoteAddressSpace": spaces,
                "remoteVirtualNetworkAddressSpace": spaces,
                "routeServiceVips": {},
            }
        )

    def short_update(self, record: Record, previous: Document) -> bool:
        return record.document == previous


def _spaces(vnet: Record) -> list[str]:
    return list(vnet.properties["addressSpace"].get("addressPrefixes") or [])


def _overlap(mine: list[str], theirs: list[str]) -> list[str]:
    pairs = ((one, other) for one in mine for other in theirs)
    return [prefix for pair in pairs if _overlaps(*pair) for prefix in pair]


def _overlaps(one: str, other: str) -> bool:
    return ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))


def install(emulator: AzureEmulator) -> None:
    """Add the type."""
    emulator.add(Peerings(emulator))
