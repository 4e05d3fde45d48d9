"""Google's discovery documents: which requests an API knows, and the shape of their bodies.

The documents ship inside ``google-api-python-client``, those of ``documents/`` with the sandbox. One is parsed when
its API is first called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

# API name -> versions that are served; a request without a version in its path goes to the first.
VERSIONS: dict[str, tuple[str, ...]] = {
    "compute": ("v1",),
    "container": ("v1", "v1beta1"),
    "iam": ("v1",),
    "cloudresourcemanager": ("v1", "v3"),
    "serviceusage": ("v1", "v1beta1"),
    "servicenetworking": ("v1",),
    "storage": ("v1",),
    "cloudkms": ("v1",),
    "sqladmin": ("v1", "v1beta4"),
    "redis": ("v1",),
    "memorystore": ("v1",),
    "monitoring": ("v3",),
    "secretmanager": ("v1",),
    "artifactregistry": ("v1",),
    "networkconnectivity": ("v1",),
}
# APIs whose paths carry a word in front of the version.
_LEADING_WORD = {"compute": "compute", "storage": "storage", "sql": "sqladmin"}
_TEMPLATE = re.compile(r"\{(\+?)(\w+)\}")


@dataclass(frozen=True)
class Method:
    """One method of an API: ``id`` as in ``container.projects.locations.clusters.create``."""

    document: Document
    definition: dict[str, Any]

    @property
    def id(self) -> str:
        """The discovery method id, the name under which requests are logged."""
        return str(self.definition["id"])

    @property
    def http_method(self) -> str:
        """GET, POST, ..."""
        return str(self.definition["httpMethod"])

    @property
    def request_schema(self) -> str | None:
        """Name of the body's schema, None when the method takes no body."""
        request = self.definition.get("request")
        return request["$ref"] if request else None

    @property
    def response_schema(self) -> str | None:
        """Name of the answer's schema."""
        response = self.definition.get("response")
        return response["$ref"] if response else None

    @property
    def path_parameters(self) -> set[str]:
        """Names of the parameters in the path."""
        parameters = self.definition.get("parameters", {})
        return {name for name, item in parameters.items() if item.get("location") == "path"}

    @property
    def query(self) -> dict[str, dict[str, Any]]:
        """The query parameters of this method itself."""
        parameters = self.definition.get("parameters", {})
        return {name: item for name, item in parameters.items() if item.get("location") == "query"}


@dataclass(frozen=True)
class Match:
    """A method and its decoded path parameters."""

    method: Method
    path: dict[str, str]


class Document:
    """One API in one version."""

    def __init__(self, api: str, version: str) -> None:
        self.api = api
        self.version = version
        place = files("googleapiclient") / "discovery_cache" / "documents" / f"{api}.{version}.json"
        if not place.is_file():
            place = files("sandbox.gcp") / "documents" / f"{api}.{version}.json"
        data = json.loads(place.read_bytes())
        self.service_path: str = data["servicePath"]
        self.parameters: dict[str, dict[str, Any]] = data.get("parameters", {})
        self.schemas: dict[str, dict[str, Any]] = data["schemas"]
        self._resources = data.get("resources", {})
        self._top_methods = data.get("methods", {})
        self._patterns: dict[str, re.Pattern[str]] = {}

    @property
    def package(self) -> str:
        """How error messages name the API's types."""
        return f"google.{'storage' if self.api == 'storage' else self.api}.{self.version}"

    def methods(self) -> Iterator[Method]:
        """Every method of the API."""

        def walk(node: dict[str, Any]) -> Iterator[Method]:
            for definition in node.get("methods", {}).values():
                yield Method(self, definition)
            for child in node.get("resources", {}).values():
                yield from walk(child)

        return walk({"methods": self._top_methods, "resources": self._resources})

    @cached_property
    def _trie(self) -> dict[str, Any]:
        root: dict[str, Any] = {}
        for method in self.methods():
            template = method.definition.get("flatPath") or method.definition["path"]
            node = root
            for segment in _segments(self.service_path + template):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            node.setdefault("methods", {})[method.http_method] = method
        return root

    def match(self, http_method: str, raw_path: str) -> Match | None:
        """The method that serves a path (still percent-encoded, no leading slash); None when there is none."""
        leaf = _descend(self._trie, list(_segments(raw_path)), 0)
        if leaf is None or http_method not in leaf:
            return None
        method: Method = leaf[http_method]
        found = self._pattern(method).fullmatch(raw_path)
        if found is None:
            return None
        return Match(method, {name: unquote(value) for name, value in found.groupdict().items()})

    def knows(self, raw_path: str) -> bool:
        """Whether any HTTP method is served at this path."""
        return _descend(self._trie, list(_segments(raw_path)), 0) is not None

    def _pattern(self, method: Method) -> re.Pattern[str]:
        pattern = self._patterns.get(method.id)
        if pattern is None:
            template = self.service_path + method.definition["path"]
            text, last = "", 0
            for found in _TEMPLATE.finditer(template):
                text += re.escape(template[last : found.start()])
                text += f"(?P<{found[2]}>{'.+' if found[1] else '[^/]+'})"
                last = found.end()
            pattern = self._patterns[method.id] = re.compile(text + re.escape(template[last:]))
        return pattern


class Library:
    """The documents of all served APIs, each loaded on first use."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}

    def get(self, api: str, version: str) -> Document:
        """The parsed document."""
        key = (api, version)
        if key not in self._documents:
            self._documents[key] = Document(api, version)
        return self._documents[key]

    def find(self, http_method: str, raw_path: str, apis: tuple[str, ...] = ()) -> Match | None:
        """The method that serves a request, among ``apis`` (default: all, in the order of VERSIONS)."""
        for document in self._candidates(raw_path, apis):
            found = document.match(http_method, raw_path)
            if found is not None:
                return found
        return None

    def knows(self, raw_path: str, apis: tuple[str, ...] = ()) -> bool:
        """Whether the path exists, whatever the HTTP method."""
        return any(document.knows(raw_path) for document in self._candidates(raw_path, apis))

    def _candidates(self, raw_path: str, apis: tuple[str, ...]) -> Iterator[Document]:
        first, _, rest = raw_path.partition("/")
        owner = _LEADING_WORD.get(first)
        version = rest.partition("/")[0] if owner else first
        for api in apis or VERSIONS:
            if version in VERSIONS[api] and (api == owner if owner else api not in ("compute", "storage")):
                yield self.get(api, version)


def _segments(path: str) -> Iterator[str]:
    """Path segments; a custom verb (``:setAddons``) is a segment of its own."""
    parts = path.split("/")
    yield from parts[:-1]
    # Object names and e-mail addresses arrive percent-encoded: a bare colon always starts a verb.
    last, colon, verb = parts[-1].rpartition(":")
    if colon and verb.isalpha():
        yield last
        yield ":" + verb
    else:
        yield parts[-1]


def _descend(node: dict[str, Any], segments: list[str], index: int) -> dict[str, Method] | None:
    if index == len(segments):
        found: dict[str, Method] | None = node.get("methods")
        return found
    segment = segments[index]
    for key in (segment, "{}"):
        child = node.get(key) if key != "methods" else None
        if child is not None and (key != "{}" or segment):
            found = _descend(child, segments, index + 1)
            if found is not None:
                return found
    return None
