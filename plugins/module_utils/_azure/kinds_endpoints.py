# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private endpoints: a service's address inside the site's network, and the name that leads there."""

from __future__ import annotations

from typing import Any

from .._engine.fields import MUTABLE, Field, Mode
from .._engine.resource import Observed, Recovery, Status
from .arm import ArmResource, at
from .fields import TRACKED, ArmFields, canonical
from .kinds_common import ResourceGroup
from .kinds_network import PrivateZone
from .session import Session

_FIXED = Field(Mode.IMMUTABLE, normalise=canonical)


def interface_of(endpoint: str) -> str:
    """The path of the network interface that Azure makes for an endpoint of ours, and takes away with it."""
    group, name = endpoint.partition("/providers/")[0], endpoint.rpartition("/")[2]
    return f"{group}/providers/Microsoft.Network/networkInterfaces/{name}-nic"


class PrivateEndpoint(ArmResource):
    """A private endpoint. Its interface has a name of our choosing, so that it is known whose it is."""

    kind = "azure.network.private_endpoint"
    type = "Microsoft.Network/privateEndpoints"
    conditional = True
    fields = ArmFields(
        {
            **TRACKED,
            "properties.subnet.id": _FIXED,
            "properties.customNetworkInterfaceName": _FIXED,
            "properties.privateLinkServiceConnections": Field(key="name"),
            "properties.privateLinkServiceConnections[].properties.privateLinkServiceId": _FIXED,
            "properties.privateLinkServiceConnections[].properties.groupIds": _FIXED,
            "properties.manualPrivateLinkServiceConnections": Field(key="name"),
            "properties.customDnsConfigs": Field(Mode.CREATE_ONLY),
        }
    )
    read_only = frozenset({"networkinterfaces", "customdnsconfigs", "iptype", "privatelinkserviceconnectionstate"})

    def __init__(self, session: Session, name: str, path: str, *args: Any, **options: Any) -> None:
        super().__init__(session, name, path, *args, **options)
        session.expect(interface_of(path))

    def observe(self, raw: dict[str, Any]) -> Observed:
        """A service that was deleted and made again no longer knows the endpoint: it has to be made again too."""
        observed = super().observe(raw)
        if observed.status is not Status.READY:
            return observed
        for connection in at(raw, "properties.privateLinkServiceConnections") or []:
            told = at(connection, "properties.privateLinkServiceConnectionState") or {}
            state = canonical(str(told.get("status", "")))
            if state in ("disconnected", "rejected"):
                observed.status, observed.recovery = Status.FAILED, Recovery.RECREATE
                observed.reason = f"the service has {state} it: {told.get('description') or 'no reason given'}."
            elif state == "pending":
                observed.status, observed.reason = Status.PENDING, "the service has not approved it yet"
        return observed


class ZoneGroup(ArmResource):
    """The private DNS zone in which an endpoint keeps its record."""

    kind = "azure.network.private_dns_zone_group"
    type = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
    tracked = False
    inner = True
    whole = True
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.privateDnsZoneConfigs": Field(key="name"),
            "properties.privateDnsZoneConfigs[].properties.privateDnsZoneId": Field(normalise=canonical),
        }
    )


def endpoint_for(
    service: ArmResource,
    group: ResourceGroup,
    name: str,
    *,
    label: str,
    member: str,
    subnet: ArmResource,
    zone: PrivateZone | None,
    present: bool,
) -> list[ArmResource]:
    """An address of a service in a subnet, and its record in the private DNS zone, where that is given.

    label: what connection and record are called. member: the part of the service, in its own word (a group id).
    """
    session = service.session
    connection = {"privateLinkServiceId": service.out("id"), "groupIds": [member]}
    body = {
        "properties": {
            "subnet": {"id": subnet.out("id")},
            "customNetworkInterfaceName": f"{name}-nic",
            "privateLinkServiceConnections": [{"name": label, "properties": connection}],
        }
    }
    path = session.in_group(group.name, PrivateEndpoint.type, name)
    needs = [subnet, service]
    endpoint = PrivateEndpoint(
        session, name, path, lambda: dict(body), parent=group, needs=needs, lock=service.path, present=present
    )
    if zone is None:
        return [endpoint]
    record = {"name": label, "properties": {"privateDnsZoneId": zone.out("id")}}
    # Without the service's lock: it changes the network alone.
    named = ZoneGroup(
        session,
        f"{name}/default",
        f"{path}/privateDnsZoneGroups/default",
        lambda: {"properties": {"privateDnsZoneConfigs": [record]}},
        parent=endpoint,
        needs=[zone],
        present=present,
    )
    return [endpoint, named]
