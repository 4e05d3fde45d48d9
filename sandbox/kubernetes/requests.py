"""What a request is about: verb, resource and object, read from its method and path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True)
class RequestInfo:
    """Where a request goes. ``resource`` is empty for paths such as ``/version``."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether it is about API objects."""
        return bool(self.resource)


def request_info(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """Parse as the API server does."""
    verb = _VERBS.get(method, method.lower())
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(verb, path)
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            namespace, parts = parts[1], parts[2:]
        else:
            namespace = parts[1]
    resource, name, subresource = [*parts, "", ""][:3]
    rest = "/".join(parts[3:])
    if not name:
        verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    if verb == "list":
        name = _only_name(query.get("fieldSelector", ""))
        if query.get("watch", "").lower() in ("true", "t", "1"):
            verb = "watch"
    return RequestInfo(verb, path, group, version, namespace, resource, name, subresource, rest)


def _only_name(selector: str) -> str:
    """The object that ``fieldSelector=metadata.name=x`` restricts a list to."""
    for term in selector.split(","):
        field, _, value = term.replace("==", "=").partition("=")
        if field.strip() == "metadata.name":
            return value.strip()
    return ""
