"""Paths that are not about objects: version, health, discovery, OpenAPI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import accept, discovery, errors
from .cluster import Cluster
from .openapi import OpenApi
from .store import dump

_HEALTH = ("/healthz", "/livez", "/readyz")
_PROTOBUF_ONLY = "application/com.github.proto-openapi.spec.v2"


class Paths:
    """Answers for one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._openapi = OpenApi(cluster.catalogue, lambda: cluster.version)
        self._fixed: dict[str, Callable[[], Any]] = {
            "/version": lambda: discovery.version(cluster.version),
            "/openapi/v3": self._openapi.index,
            "/": self._index,
        }

    def answer(self, request: web.BaseRequest) -> web.Response:
        """404 for what is not there."""
        path = request.path.rstrip("/") or "/"
        if path.startswith(_HEALTH):
            return _health(path, "verbose" in request.query)
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed()
        if path in self._fixed:
            return _json(dump(self._fixed[path]()))
        if path == "/openapi/v2":
            return self._v2(request)
        if path.startswith("/openapi/v3/"):
            document = self._openapi.v3(path.removeprefix("/openapi/v3/"))
            if document is None:
                raise errors.no_such_path()
            return _json(document)
        return self._discovery(request, path)

    def _v2(self, request: web.BaseRequest) -> web.Response:
        wanted = request.headers.get("Accept", "*/*")
        if wanted.startswith(_PROTOBUF_ONLY) and "json" not in wanted:
            raise errors.ApiError(406, "NotAcceptable", "only the following media types are accepted: application/json")
        return _json(self._openapi.v2())

    def _discovery(self, request: web.BaseRequest, path: str) -> web.Response:
        catalogue = self._cluster.catalogue
        parts = path.strip("/").split("/")
        wanted = accept.wanted(request.headers.get("Accept", ""))
        if len(parts) == 1 and parts[0] in ("api", "apis"):
            core = parts[0] == "api"
            if wanted.shape == "APIGroupDiscoveryList":
                media = discovery.AGGREGATED.format(version=wanted.version)
                return _json(dump(discovery.aggregated(catalogue, core, wanted.version)), media)
            shown = discovery.core_versions(request.host) if core else discovery.groups(catalogue)
            return _json(dump(shown))
        versions = catalogue.group_versions()
        if parts[0] == "apis" and len(parts) == 2 and parts[1] in versions:
            body = {"kind": "APIGroup", "apiVersion": "v1", **discovery.group(parts[1], versions[parts[1]])}
            return _json(dump(body))
        group, version = ("", parts[1]) if parts[0] == "api" and len(parts) == 2 else ("", "")
        if parts[0] == "apis" and len(parts) == 3:
            group, version = parts[1:]
        if version and version in versions.get(group, []):
            return _json(dump(discovery.resources(catalogue, group, version)))
        raise errors.no_such_path()

    def _index(self) -> dict[str, list[str]]:
        versions = self._cluster.catalogue.group_versions()
        paths = ["/api", "/api/v1", "/apis"]
        for group, found in versions.items():
            if group:
                paths += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in found)]
        return {"paths": [*paths, *_HEALTH, "/openapi/v2", "/openapi/v3", "/version"]}


def _health(path: str, verbose: bool) -> web.Response:
    """All is well as long as this answers."""
    _, check, *one = path.split("/")
    if not verbose:
        return web.Response(text="ok")
    lines = [f"[+]{name} ok" for name in one or ("ping", "log", "etcd")]
    return web.Response(text="\n".join([*lines, f"{check} check passed", ""]))


def _json(body: bytes, media: str = "application/json") -> web.Response:
    return web.Response(body=body, headers={"Content-Type": media, "Cache-Control": "no-cache, private"})
