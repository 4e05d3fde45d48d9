"""Azure's URLs and bodies for the conformance harness."""

from __future__ import annotations

import re
from urllib.parse import urlparse

from module_utils._azure import (
    kinds_access,
    kinds_cache,
    kinds_cluster,
    kinds_common,
    kinds_endpoints,
    kinds_network,
    kinds_postgresql,
    kinds_postgresql_parts,
    kinds_registry,
    kinds_sql,
    kinds_storage,
)
from module_utils._azure.arm import ArmResource
from module_utils._engine.resource import Status

from tests.conformance.harness import Exchange, Read, Write

# Members that stand for the object itself: our bodies never carry them.
_OWN = {"id", "name", "type", "systemData", "etag", "eTag"}


def _kinds() -> dict[str, type[ArmResource]]:
    found: dict[str, type[ArmResource]] = {}
    for module in (
        kinds_common,
        kinds_network,
        kinds_access,
        kinds_cluster,
        kinds_storage,
        kinds_postgresql,
        kinds_postgresql_parts,
        kinds_cache,
        kinds_endpoints,
        kinds_registry,
        kinds_sql,
    ):
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, ArmResource) and hasattr(item, "kind"):
                found.setdefault(item.type.lower(), item)
    return found


class AzureAdapter:
    """Every kind of `_azure` by its ARM type."""

    cloud = "azure"

    def __init__(self) -> None:
        self.kinds = _kinds()

    def write(self, exchange: Exchange) -> Write | None:
        if exchange.method not in ("PUT", "PATCH") or not isinstance(exchange.request, dict):
            return None
        identity = urlparse(exchange.url).path.lower()
        kind = self.kinds.get(arm_type(identity))
        if kind is None:
            return None
        body = {name: value for name, value in exchange.request.items() if name not in _OWN}
        return Write(kind.kind, kind.fields, identity, kind.comparable(body))

    def read(self, exchange: Exchange) -> Read | None:
        if exchange.method != "GET" or not isinstance(exchange.response, dict):
            return None
        identity = urlparse(exchange.url).path.lower()
        kind = self.kinds.get(arm_type(identity))
        if kind is None or "id" not in exchange.response:
            return None
        observed = kind.observe(object.__new__(kind), exchange.response)
        return None if observed.status in (Status.PENDING, Status.DELETING) else Read(identity, observed.values)


def arm_type(path: str) -> str:
    """The type that a path names: "microsoft.network/virtualnetworks/subnets". Empty for lists and operations."""
    _, found, tail = path.strip("/").rpartition("/providers/")
    if not found:
        return (
            "microsoft.resources/resourcegroups"
            if re.fullmatch(r"subscriptions/[^/]+/resourcegroups/[^/]+", tail)
            else ""
        )
    parts = tail.split("/")
    return "/".join([parts[0], *parts[1::2]]) if len(parts) % 2 else ""


ADAPTER = AzureAdapter()
