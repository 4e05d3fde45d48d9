"""Private DNS zones, their links to virtual networks, and record sets."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

from .. import armid, schema
from ..call import Call, Reply
from ..errors import ArmError
from ..flows import PRIVATE_DNS
from ..kind import Kind
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2018-09-01", "2020-01-01", "2020-06-01", "2024-06-01")
ZONES = "Microsoft.Network/privateDnsZones"
LINKS = ZONES + "/virtualNetworkLinks"
_LIMITS = {
    "maxNumberOfRecordSets": 25000,
    "maxNumberOfVirtualNetworkLinks": 1000,
    "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
}
_RECORDS = ("A", "AAAA", "CNAME", "MX", "PTR", "SOA", "SRV", "TXT")


class DnsKind(Kind):
    """Rules that zones and links share."""

    versions = VERSIONS
    flow = PRIVATE_DNS
    locations = "global"

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        message = f"The request body is not valid: '{mismatch.path}' ({mismatch.problem})."
        return ArmError(400, "BadRequest", message)

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy:
            message = "The request failed because another operation on the resource is in progress."
            raise ArmError(409, "Conflict", message)

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Reply:
        reply = super().accept(call, record, before, failure)
        # The provider answers 202 with an empty object, whatever the write is.
        headers = {
            name: reply.headers[name]
            for name in ("Azure-AsyncOperation", "Location", "Retry-After")
            if name in reply.headers
        }
        return call.reply(202, {}, headers)


class Zones(DnsKind):
    """Private DNS zones."""

    type = ZONES
    duration = "azure.private_dns_zone"

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        kept = previous.properties.get("internalId") if previous is not None else None
        internal = base64.b64encode(f"ImmutableZoneIdentity;{uuid.uuid4()};0".encode()).decode()
        document: Document = {"location": "global"}
        if body.get("tags"):
            document["tags"] = body["tags"]
        document["properties"] = {"internalId": kept or internal}
        return document

    def check_delete(self, call: Call, record: Record) -> None:
        links = self.store.of_kind(LINKS, record.id)
        if links:
            nested = ", ".join(f"{LINKS.rpartition('/')[0]}/{record.name}/virtualNetworkLinks/{x.name}" for x in links)
            message = (
                "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
                f"'{nested}'. Please delete all nested resources before deleting this resource."
            )
            raise ArmError(409, "CannotDeleteResource", message)

    def show(self, record: Record, document: Document, version: str) -> None:
        links = self.store.of_kind(LINKS, record.id)
        sets = sum(len(self.store.of_kind(f"{ZONES}/{kind}", record.id)) for kind in _RECORDS)
        properties = document["properties"]
        if version < "2020-06-01":
            properties.pop("internalId", None)
        properties.update(_LIMITS)
        properties["numberOfRecordSets"] = sets + 1  # the SOA record is there from the start
        properties["numberOfVirtualNetworkLinks"] = len(links)
        registering = sum(1 for link in links if link.properties.get("registrationEnabled"))
        properties["numberOfVirtualNetworkLinksWithRegistration"] = registering
        properties["provisioningState"] = properties.pop("provisioningState")
        document["etag"] = record.etag


class Links(DnsKind):
    """Links of a zone to virtual networks."""

    type = LINKS
    duration = "azure.private_dns_link"
    since = {"resolutionPolicy": "2024-06-01"}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        vnet = (sent.get("virtualNetwork") or {}).get("id", "")
        if previous is not None and vnet and not armid.same(vnet, previous.properties["virtualNetwork"]["id"]):
            message = "The virtual network of a virtual network link cannot be changed."
            raise ArmError(400, "BadRequest", message)
        found = self.store.get(vnet)
        if found is None or armid.type_of(vnet) != "microsoft.network/virtualnetworks":
            message = f"The virtual network '{vnet}' that the virtual network link refers to does not exist."
            raise ArmError(400, "BadRequest", message)
        zone = call.target.parent
        for link in self.store.of_kind(LINKS, zone):
            if link is not previous and armid.same(link.properties["virtualNetwork"]["id"], vnet):
                message = (
                    f"A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to "
                    f"link virtual network with '{zone.rpartition('/')[2]}' and "
                    f"'{link.parent.rpartition('/')[2]}' zones."
                )
                raise ArmError(409, "Conflict", message)
        document: Document = {"location": "global"}
        if body.get("tags"):
            document["tags"] = body["tags"]
        document["properties"] = {
            "registrationEnabled": bool(sent.get("registrationEnabled", False)),
            "virtualNetwork": {"id": vnet},
            "virtualNetworkLinkState": "Completed",
        }
        if sent.get("resolutionPolicy"):
            document["properties"]["resolutionPolicy"] = sent["resolutionPolicy"]
        return document

    def show(self, record: Record, document: Document, version: str) -> None:
        document["etag"] = f'"{record.etag}"'


class RecordSets(Kind):
    """Record sets of one type; synchronous."""

    versions = VERSIONS
    tracked = False
    has_state = False

    def __init__(self, emulator: AzureEmulator, record_type: str) -> None:
        self.type = f"{ZONES}/{record_type}"  # type: ignore[misc]
        super().__init__(emulator)

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        return ArmError(400, "BadRequest", f"The request body is not valid: '{mismatch.path}' ({mismatch.problem}).")

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        properties = {"ttl": 3600, **(body.get("properties") or {}), "isAutoRegistered": False}
        return {"properties": properties}

    def missing(self, call: Call) -> ArmError:
        target = call.target
        message = f"The resource record '{target.name}' does not exist in resource group '{target.group}'."
        return ArmError(404, "NotFound", message)

    def show(self, record: Record, document: Document, version: str) -> None:
        zone = record.parent.rpartition("/")[2]
        name = zone if record.name == "@" else f"{record.name}.{zone}"
        document["etag"] = record.etag
        document["properties"] = {"fqdn": f"{name}.", **document["properties"]}


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(Zones(emulator))
    emulator.add(Links(emulator))
    for record_type in _RECORDS:
        emulator.add(RecordSets(emulator, record_type))
