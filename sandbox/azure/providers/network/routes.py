"""Route tables and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...call import Call
from ...store import Document, Record
from .base import NetworkKind, PartKind, names, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

ROUTES = "Microsoft.Network/routeTables/routes"


class RouteTables(NetworkKind):
    """Route tables; a PUT replaces the routes."""

    type = "Microsoft.Network/routeTables"
    duration = "azure.route_table"
    retry_after = 2
    top_level = ()
    since = {"disablePeeringRoute": "2025-01-01"}
    defaults = {"disableBgpRoutePropagation": False, "disablePeeringRoute": "None"}

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        properties = dict(body.get("properties") or {})
        entries = properties.pop("routes", None) or []
        document = super().build(call, {**body, "properties": properties}, previous)
        call.notes["routes"] = {entry["name"].lower(): (entry["name"], complete_route(entry)) for entry in entries}
        return document

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        wanted: dict[str, tuple[str, Document]] | None = call.notes.get("routes")
        if wanted is None:
            return
        old = {route.name.lower(): route for route in self.store.of_kind(ROUTES, record.id)}
        record.private["routes_changed"] = {name: route.document for name, route in old.items()} != {
            name: part for name, (_, part) in wanted.items()
        }
        kind = self.emulator.kinds[ROUTES.lower()]
        for name, route in old.items():
            if name not in wanted:
                self.store.remove(route)
        for name, part in wanted.values():
            found = old.get(name.lower()) or kind.make(f"{record.id}/routes/{name}", name, record.group, part)
            found.document = part
            self.store.put(found)

    def short_update(self, record: Record, previous: Document) -> bool:
        return super().short_update(record, previous) and not record.private.get("routes_changed")

    def check_delete(self, call: Call, record: Record) -> None:
        users = self.store.users(record.id, "Microsoft.Network/virtualNetworks/subnets")
        if users:
            raise refuse(
                "InUseRouteTableCannotBeDeleted",
                f"Route table {record.name} is in use and cannot be deleted. In order to delete the "
                "Route table, remove "
                f"the association with the resource(s): {names(users)}.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        routes = sorted(self.store.of_kind(ROUTES, record.id), key=lambda route: route.created)
        document["properties"]["routes"] = [route.kind.render(route, version) for route in routes]
        subnets = self.store.users(record.id, "Microsoft.Network/virtualNetworks/subnets")
        if subnets:
            document["properties"]["subnets"] = [{"id": subnet.id} for subnet in subnets]


class Routes(PartKind):
    """Routes of a table."""

    type = ROUTES
    duration = "azure.route"
    retry_after = 2
    top_level = ()

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        return complete_route({**body, "name": call.target.name})

    def check_delete(self, call: Call, record: Record) -> None:
        # Two deletions from one table at a time are refused (recorded), two additions are not.
        for other in self.store.of_kind(ROUTES, record.parent):
            if other is not record and other.state == "Deleting" and other.operation is not None:
                table = self.store.get(record.parent) or record
                raise self.retryable(call, table, other.operation)


def complete_route(entry: Document) -> Document:
    """A route out of a request."""
    properties: Document = dict(entry.get("properties") or {})
    if properties.get("nextHopType") == "VirtualAppliance" and not properties.get("nextHopIpAddress"):
        raise refuse(
            "InvalidRequestFormat",
            f"Route {entry['name']} with next hop type VirtualAppliance must have a next hop IP address.",
        )
    return {"properties": {**properties, "hasBgpOverride": False}}


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(RouteTables(emulator))
    emulator.add(Routes(emulator))
