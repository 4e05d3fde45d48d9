"""The data plane of container registries: ``<loginServer>/oauth2/…``, ``/acr/v1/…`` and manifests of ``/v2/…``.

A registry's ``loginServer`` is ``<emulator's host>/registry/<name>``. Repositories come into being with their first
manifest; layers are not kept. Tokens are exchanged as the service does (REST reference of Azure Container Registry:
Access Tokens, Refresh Tokens, Repository), and each opens what its scope names. Whoever may work in the subscription
may do all here, as owners and contributors of a registry can.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from aiohttp import web

from .flows import stamp

if TYPE_CHECKING:
    from .emulator import AzureEmulator
    from .store import Record

_REGISTRIES = "Microsoft.ContainerRegistry/registries"
_JSON = "application/json"
_ALL = {"pull", "push", "delete", "metadata_read", "metadata_write"}


@dataclass
class Repository:
    """Manifests by digest, digests by tag."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    made: str = ""
    changed: str = ""


class Refusal(Exception):
    """An error answer of the data plane."""

    def __init__(self, status: int, code: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.scope = ""
        self.body = {"errors": [{"code": code, "message": message, "detail": detail}]}


class ImageService:
    """Repositories by registry and name."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._registries: dict[str, dict[str, Repository]] = {}

    def login_server(self, registry: str) -> str:
        """The address of a registry, without a scheme."""
        return f"{self._emulator.context.url.partition('://')[2]}/registry/{registry.lower()}"

    def forget(self, registry: str) -> None:
        """Drop the images of a registry that is deleted."""
        self._registries.pop(registry.lower(), None)

    def handle(self, request: web.Request, content: bytes) -> web.Response:
        """Answer one request."""
        _, _, name, *rest = request.path.rstrip("/").split("/")
        try:
            registry = self._registry(name)
            if rest[:1] == ["oauth2"]:
                return self._sign_in(request.method, "/".join(rest[1:]), registry, content)
            repositories = self._registries.setdefault(name.lower(), {})
            if rest[:2] == ["acr", "v1"]:
                return self._manage(request, registry, repositories, "/".join(rest[2:]))
            if rest[:1] == ["v2"] and "manifests" in rest:
                position = rest.index("manifests")
                where = "/".join(rest[1:position]), "/".join(rest[position + 1 :])
                return self._manifest(request, registry, repositories, *where, content)
            raise Refusal(404, "NOT_FOUND", "The emulated registries hold manifests alone.")
        except Refusal as refusal:
            headers = {}
            if refusal.status == 401:
                server = self.login_server(name)
                challenge = f'Bearer realm="https://{server}/oauth2/token",service="{server}"'
                headers["WWW-Authenticate"] = f'{challenge},scope="{refusal.scope}",error="invalid_token"'
            return web.json_response(refusal.body, status=refusal.status, headers=headers)

    def _registry(self, name: str) -> Record:
        for record in self._emulator.store.of_kind(_REGISTRIES):
            if record.name.lower() == name.lower():
                return record
        raise Refusal(404, "NAME_UNKNOWN", f"The registry {name} does not exist.")

    # -- tokens ---------------------------------------------------------------------------------------------------

    def _sign_in(self, method: str, step: str, registry: Record, content: bytes) -> web.Response:
        form = {key: values[-1] for key, values in parse_qs(content.decode()).items()}
        server, authority = self.login_server(registry.name), self._emulator.authority
        if method != "POST" or step not in ("exchange", "token"):
            raise Refusal(404, "NOT_FOUND", "There is no such endpoint.")
        if form.get("service") != server:
            raise Refusal(400, "UNSUPPORTED", f"The service has to be {server}.")
        if step == "exchange":
            if form.get("grant_type") != "access_token" or authority.verify(form.get("access_token", "")) is None:
                raise _unauthorized()
            return web.json_response({"refresh_token": authority.issue(f"refresh {server}")})
        held = authority.verify(form.get("refresh_token", ""))
        if form.get("grant_type") != "refresh_token" or held is None or held["aud"] != f"refresh {server}":
            raise _unauthorized()
        return web.json_response({"access_token": authority.issue(f"{server} {form.get('scope', '')}")})

    def _allow(self, request: web.Request, registry: Record, kind: str, name: str, action: str) -> None:
        """The token's scope has to name what is done: ``repository:<name>:<action>,<action>``."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        held = self._emulator.authority.verify(token) if token else None
        server, _, scope = str((held or {}).get("aud", "")).partition(" ")
        for one in scope.split():
            what, _, tail = one.partition(":")
            which, _, actions = tail.rpartition(":")
            granted = _ALL | {"*"} if actions == "*" else set(actions.split(","))
            if server == self.login_server(registry.name) and (what, which) == (kind, name) and action in granted:
                return
        raise _unauthorized(kind, name, action)

    # -- repositories ---------------------------------------------------------------------------------------------

    def _manage(
        self, request: web.Request, registry: Record, repositories: dict[str, Repository], name: str
    ) -> web.Response:
        if name == "_catalog" and request.method == "GET":
            self._allow(request, registry, "registry", "catalog", "*")
            return self._catalog(request, repositories)
        if request.method == "GET":
            self._allow(request, registry, "repository", name, "metadata_read")
            found = _known(repositories, name)
            counts = {"manifestCount": len(found.manifests), "tagCount": len(found.tags)}
            open_ = {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True}
            shown = {"registry": self.login_server(registry.name), "imageName": name, "changeableAttributes": open_}
            return web.json_response({**shown, "createdTime": found.made, "lastUpdateTime": found.changed, **counts})
        if request.method == "DELETE":
            self._allow(request, registry, "repository", name, "delete")
            found = _known(repositories, name)
            del repositories[name]
            gone = {"manifestsDeleted": sorted(found.manifests), "tagsDeleted": sorted(found.tags)}
            return web.json_response(gone, status=202)
        raise Refusal(405, "UNSUPPORTED", "The operation is unsupported.")

    def _catalog(self, request: web.Request, repositories: dict[str, Repository]) -> web.Response:
        most, last = int(request.query.get("n", "100")), request.query.get("last", "")
        names = sorted(name for name in repositories if name > last)
        page, headers = names[:most], {}
        if len(names) > most:
            headers["Link"] = f'</acr/v1/_catalog?last={quote(page[-1])}&n={most}&orderby=>; rel="next"'
        return web.json_response({"repositories": page or None}, headers=headers)

    def _manifest(
        self,
        request: web.Request,
        registry: Record,
        repositories: dict[str, Repository],
        name: str,
        reference: str,
        content: bytes,
    ) -> web.Response:
        action = {"PUT": "push", "DELETE": "delete"}.get(request.method, "pull")
        self._allow(request, registry, "repository", name, action)
        if request.method == "PUT":
            try:
                json.loads(content)
            except ValueError:
                raise Refusal(400, "MANIFEST_INVALID", "The manifest is invalid.") from None
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            now = stamp(self._emulator.context.clock.wall())
            held = repositories.setdefault(name, Repository(made=now))
            held.changed = now
            held.manifests[digest] = content
            if not reference.startswith("sha256:"):
                held.tags[reference] = digest
            return web.Response(status=201, headers={"Docker-Content-Digest": digest})
        held = _known(repositories, name)
        digest = held.tags.get(reference, reference)
        if digest not in held.manifests:
            raise Refusal(404, "MANIFEST_UNKNOWN", f"manifest tagged by {reference!r} is not found")
        if request.method == "DELETE":
            del held.manifests[digest]
            held.tags = {tag: value for tag, value in held.tags.items() if value != digest}
            if not held.manifests:
                del repositories[name]
            return web.Response(status=202)
        headers = {"Docker-Content-Digest": digest}
        return web.Response(body=held.manifests[digest], content_type=_JSON, headers=headers)


def _known(repositories: dict[str, Repository], name: str) -> Repository:
    found = repositories.get(name)
    if found is None:
        raise Refusal(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})
    return found


def _unauthorized(kind: str = "", name: str = "", action: str = "") -> Refusal:
    message = "authentication required, visit https://aka.ms/acr/authorization for more information."
    refusal = Refusal(401, "UNAUTHORIZED", message, [{"Type": kind, "Name": name, "Action": action}] if kind else None)
    refusal.scope = f"{kind}:{name}:{action}"
    return refusal
