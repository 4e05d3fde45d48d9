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
        if own is not None and _overlap(_spaces(own), _spaces(other)):
            raise refuse(
                "VnetAddressSpacesOverlap",
                f"Cannot create or update peering {call.target.path}. Virtual networks {own.id} and {other.id} cannot "
                "be peered because their address spaces overlap.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        remote = self.store.get(properties["remoteVirtualNetwork"]["id"])
        sides = self.store.of_kind(PEERINGS, remote.id) if remote is not None else []
        back = any(same(side.properties["remoteVirtualNetwork"]["id"], record.parent) for side in sides)
        spaces = {"addressPrefixes": _spaces(remote) if remote is not None else []}
        properties.update(
            {
                "peeringState": "Connected" if back else "Initiated" if remote is not None else "Disconnected",
                "peeringSyncLevel": "FullyInSync" if back else "RemoteNotInSync",
                "remoteAddressSpace": spaces,
                "remoteVirtualNetworkAddressSpace": spaces,
                "routeServiceVips": {},
            }
        )

    def short_update(self, record: Record, previous: Document) -> bool:
        return record.document == previous


def _spaces(vnet: Record) -> list[str]:
    return list(vnet.properties["addressSpace"].get("addressPrefixes") or [])


def _overlap(mine: list[str], theirs: list[str]) -> bool:
    return any(ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other)) for one in mine for other in theirs)


def install(emulator: AzureEmulator) -> None:
    """Add the type."""
    emulator.add(Peerings(emulator))
