"""ARM resource ids: parsing of request paths, comparison without case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a request path names.

    ``scope`` stands before the last ``/providers/`` (a subscription, a resource group or, for extension resources, a
    resource). ``types`` and ``names`` alternate after the namespace; with as many names as types the path names one
    resource, with one name less it names a collection or an action.
    """

    path: str
    subscription: str = ""
    group: str = ""
    scope: str = ""
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The full type, ``Microsoft.Network/virtualNetworks/subnets``."""
        return "/".join((self.namespace, *self.types)) if self.namespace else ""

    @property
    def is_item(self) -> bool:
        """Whether one resource is named."""
        return bool(self.types) and len(self.types) == len(self.names)

    @property
    def name(self) -> str:
        """The last name."""
        return self.names[-1] if self.names else ""

    @property
    def parent(self) -> str:
        """The id of the resource above a nested one; empty for a top-level resource."""
        if len(self.names) < 1 or len(self.types) < 2:
            return ""
        pairs = list(zip(self.types, self.names, strict=False))
        if self.is_item:
            pairs = pairs[:-1]
        return f"{self.scope}/providers/{self.namespace}" + "".join(f"/{kind}/{name}" for kind, name in pairs)


def parse(path: str) -> Target:
    """Take a request path apart; paths that are no ARM ids give a Target without types."""
    path = "/" + path.strip("/")
    parts = path.split("/")[1:]
    lower = [part.lower() for part in parts]
    subscription = parts[1] if len(parts) > 1 and lower[0] == "subscriptions" else ""
    group = parts[3] if subscription and len(parts) > 3 and lower[2] == "resourcegroups" else ""
    at = max((index for index, part in enumerate(lower) if part == "providers"), default=-1)
    if at < 0 or at + 1 >= len(parts):
        return Target(path, subscription, group)
    rest = parts[at + 2 :]
    scope = "/" + "/".join(parts[:at]) if at else ""
    return Target(path, subscription, group, scope, parts[at + 1], tuple(rest[0::2]), tuple(rest[1::2]))


def same(first: str, second: str) -> bool:
    """Whether two ids name the same resource."""
    return first.strip("/").lower() == second.strip("/").lower()


def type_of(resource_id: str) -> str:
    """The full type of a resource id in lower case; empty when it is no id of a resource."""
    if not resource_id.startswith("/"):
        return ""
    target = parse(resource_id)
    return target.kind.lower() if target.is_item else ""


def small_group(resource_id: str) -> str:
    """An id with ``resourcegroups`` in small letters, as some providers write it."""
    return resource_id.replace("/resourceGroups/", "/resourcegroups/", 1)
