"""Azure's URLs and bodies for the conformance harness."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlparse

from module_utils._azure import kinds_access, kinds_cluster, kinds_common, kinds_network, kinds_storage
from module_utils._azure.arm import ArmResource
from module_utils._azure.operations import SETTLED, word

from tests.conformance.harness import Exchange, Read, Write

# Members that stand for the object itself: our bodies never carry them.
_OWN = {"id", "name", "type", "systemData", "etag", "eTag"}


def _kinds() -> dict[str, type[ArmResource]]:
    found: dict[str, type[ArmResource]] = {}
    for module in (kinds_common, kinds_network, kinds_access, kinds_cluster, kinds_storage):
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, ArmResource) and hasattr(item, "kind"):
                found[item.type.lower()] = item
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
        if kind is None or "id" not in exchange.response or word(exchange.response).lower() not in SETTLED:
            return None
        return Read(identity, observed(kind, exchange.response))


def observed(kind: type[ArmResource], raw: dict[str, Any]) -> dict[str, Any]:
    """What the kind's `read()` makes of the answer."""
    return kind.observe(object.__new__(kind), raw).values


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
