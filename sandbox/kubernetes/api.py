"""From an HTTP request to an answer: who asks, for what, and the verbs of the API."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import yaml
from aiohttp import web

from . import accept, discovery, errors, metrics, protobuf, streams, tables
from .authorization import Attributes, attributes
from .catalogue import Resource
from .cluster import Cluster
from .decoding import parse_body
from .deleting import delete, delete_collection
from .identity import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, TokenCheck, UserInfo
from .listing import page
from .options import WriteOptions, delete_options, list_options, write_options
from .patches import APPLY_PATCH
from .patching import patch
from .paths import Paths
from .proxy import Proxy
from .requests import RequestInfo, request_info
from .reviews import Reviews
from .store import Stored, dump
from .subresources import Subresources, scale_of, write_scale
from .watching import Watch

_LOG = logging.getLogger(__name__)
LARGEST_BODY = 3 * 1024 * 1024
_BODY_TYPES = ("application/json", "application/yaml")
_NEVER_UNCONDITIONAL = (
    "apiservices.apiregistration.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "leases.coordination.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "poddisruptionbudgets.policy",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)
_OWN_FORMATS = ("log", "proxy")  # subresources whose answers are no API objects


class Api:
    """Answers the requests of one cluster."""

    def __init__(self, cluster: Cluster, check: TokenCheck) -> None:
        self.cluster = cluster
        self.registry = cluster.registry
        self._check = check
        self._paths = Paths(cluster)
        self._authorizer = cluster.authorizer
        self._reviews = Reviews(self.registry, self._authorizer, self._authenticate)
        self._subresources = Subresources(self.registry, cluster.accounts)
        self._proxy = Proxy(self.registry)
        self._verbs: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The whole of one request; failures become Status objects."""
        try:
            return await self._answer(request)
        except errors.ApiError as error:
            return reply(error.body(), error.code)
        except web.HTTPRequestEntityTooLarge:
            text = f"Request entity too large: limit is {LARGEST_BODY}"
            return reply(errors.ApiError(413, "RequestEntityTooLarge", text).body(), 413)
        except (web.HTTPException, ConnectionError):  # an answer, or nobody to take one
            raise
        except Exception as error:
            _LOG.exception("%s %s", request.method, request.path)
            return reply(errors.ApiError(500, "InternalError", f"Internal error occurred: {error}").body(), 500)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        user = self._impersonated(request, self._user(request))
        info = request_info(request.method, request.path, request.query)
        self._authorizer.check(user, attributes(info))
        if not info.is_resource:
            return self._paths.answer(request)
        resource = self.cluster.catalogue.get(info.group, info.version, info.resource)
        if resource is None or (info.namespace and not resource.namespaced and resource.id != "namespaces"):
            raise errors.no_such_path()
        if info.subresource and info.subresource not in resource.subresources:
            raise errors.no_such_path()
        verbs = discovery.subresource_verbs(info.subresource) if info.subresource else resource.verbs
        if info.verb not in verbs or not _in_place(info, resource):
            raise errors.method_not_allowed()
        accepted = request.headers.get("Accept", "")
        if info.subresource not in _OWN_FORMATS and not accept.is_served(accepted):
            raise errors.not_acceptable(accept.SERVED)
        if info.subresource == "proxy":
            return await self._proxy.answer(request, resource, info)
        if info.subresource in ("exec", "portforward"):
            return await streams.answer(request, info, self.registry.get(resource, info.namespace, info.name).body)
        if info.group == metrics.GROUP:
            return reply(metrics.answer(self.registry, info, request.query.get("labelSelector", "")))
        response = await self._verbs[info.verb](Call(request, info, resource, user))
        if info.subresource not in _OWN_FORMATS and accept.is_yaml(accepted) and isinstance(response, web.Response):
            response.body = yaml.safe_dump(json.loads(response.text or "null")).encode()
            response.content_type = accept.YAML
        return response

    async def close(self) -> None:
        """Let go of connections to pods."""
        await self._proxy.close()

    def _user(self, request: web.BaseRequest) -> UserInfo:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return ANONYMOUS
        user = self._authenticate(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.unauthorized()
        if AUTHENTICATED not in user.groups:
            user = UserInfo(user.username, user.uid, (*user.groups, AUTHENTICATED), user.extra)
        return user

    def _impersonated(self, request: web.BaseRequest, user: UserInfo) -> UserInfo:
        """Whom the user asks to act as (``kubectl --as``), when RBAC lets them; 403 otherwise."""
        name = request.headers.get("Impersonate-User", "")
        groups = request.headers.getall("Impersonate-Group", [])
        if not name:
            if groups:
                raise errors.ApiError(500, "InternalError", "requested groups without impersonating a user")
            return user
        account = name.removeprefix("system:serviceaccount:").split(":")
        if name.startswith("system:serviceaccount:") and len(account) == 2:
            wanted = Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])
            groups = groups or ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}"]
        else:
            wanted = Attributes("impersonate", resource="users", name=name)
        self._authorizer.check(user, wanted)
        for group in request.headers.getall("Impersonate-Group", []):
            self._authorizer.check(user, Attributes("impersonate", resource="groups", name=group))
        own = UNAUTHENTICATED if name == ANONYMOUS.username else AUTHENTICATED
        return UserInfo(name, groups=(*groups, *(() if own in groups else (own,))))

    def _authenticate(self, token: str, audiences: Sequence[str] = ()) -> UserInfo | None:
        return self.cluster.accounts.user(token, audiences) or self._check(token)

    # --- verbs ----------------------------------------------------------------------------------------------------

    async def _get(self, call: Call) -> web.StreamResponse:
        stored = self.registry.get(call.resource, call.info.namespace, call.info.name)
        if call.info.subresource == "scale":
            return reply(scale_of(call.resource, stored.body))
        if call.info.subresource == "log":
            return await self.cluster.logs.answer(call.request, stored.body)
        return self._shown(call, stored)

    async def _list(self, call: Call) -> web.StreamResponse:
        found = page(self.registry.store, call.resource, call.info.namespace, list_options(call.request.query))
        wanted = accept.wanted(call.request.headers.get("Accept", ""))
        if wanted.shape == "Table":
            return reply(self._table(call, found.items, found.metadata()))
        if wanted.shape == "PartialObjectMetadataList":
            items = [tables.partial(item.body) for item in found.items]
            kind = {"kind": wanted.shape, "apiVersion": "meta.k8s.io/v1"}
            return reply({**kind, "metadata": found.metadata(), "items": items})
        if call.resource.storage_version or call.resource.stored_as:
            items_shown = [self.registry.shown(call.resource, item) for item in found.items]
            found = replace(found, items=items_shown)
        return raw(found.render(call.resource))

    def _shown(self, call: Call, stored: Stored, code: int = 200, warnings: list[str] | None = None) -> web.Response:
        wanted = accept.wanted(call.request.headers.get("Accept", ""))
        if wanted.shape == "Table":
            meta = {"resourceVersion": stored.body["metadata"].get("resourceVersion", "")}
            return reply(self._table(call, [stored], meta), code, warnings)
        if wanted.shape == "PartialObjectMetadata":
            return reply(tables.partial(stored.body), code, warnings)
        return raw(stored.raw, code, warnings)

    def _table(self, call: Call, items: list[Stored], meta: dict[str, Any]) -> dict[str, Any]:
        include = call.request.query.get("includeObject", "Metadata")
        return tables.table(call.resource, items, meta, self.registry.clock.wall(), include)

    async def _watch(self, call: Call) -> web.StreamResponse:
        shape = accept.wanted(call.request.headers.get("Accept", "")).shape

        def show(stored: Stored) -> bytes:
            if shape == "PartialObjectMetadata":
                return dump(tables.partial(stored.body))
            if shape == "Table":
                meta = {"resourceVersion": str(stored.revision)}
                return dump(self._table(call, [stored], meta))
            return self.registry.shown(call.resource, stored).raw

        def served() -> bool:
            one = call.resource
            return self.cluster.catalogue.get(one.group, one.version, one.plural) is not None

        options = list_options(call.request.query)
        watch = Watch(self.registry.store, call.resource, call.info.namespace, options, show, served)
        return await watch.stream(call.request)

    async def _create(self, call: Call) -> web.StreamResponse:
        options = call.write_options()
        body, repeated = await call.body()
        if call.info.subresource:
            key = (call.info.namespace, call.info.name)
            if options.dry_run and call.info.subresource == "eviction" and isinstance(body, dict):
                body = {**body, "deleteOptions": {**(body.get("deleteOptions") or {}), "dryRun": ["All"]}}
            made = self._subresources.create(call.resource, call.info.subresource, key, body, call.user)
            return reply(made, 201)
        decoded = self.registry.decode(call.resource, body, options, repeated)
        if self._reviews.knows(call.resource.plural):
            return reply(self._reviews.answer(call.resource.plural, decoded, call.user, call.info.namespace), 201)
        stored = self.registry.create(call.resource, call.info.namespace, decoded, options)
        return self._shown(call, stored, 201, options.warnings)

    async def _update(self, call: Call) -> web.StreamResponse:
        options = call.write_options()
        body, repeated = await call.body()
        old = self.registry.get(call.resource, call.info.namespace, call.info.name)
        if call.info.subresource == "scale":
            stored = write_scale(self.registry, call.resource, old, body, options)
            return reply(scale_of(call.resource, stored.body), 200, options.warnings)
        if call.info.subresource == "finalize":
            return raw(self._subresources.finalize(call.resource, ("", call.info.name), body).raw)
        decoded = self.registry.decode(call.resource, body, options, repeated)
        if _needs_version(call.resource) and not decoded["metadata"].get("resourceVersion"):
            cause = errors.Cause(
                "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update", "metadata.resourceVersion"
            )
            raise errors.invalid(call.resource.kind, call.resource.group, call.info.name, [cause])
        stored = self.registry.update(call.resource, old, decoded, options)
        return self._shown(call, stored, 200, options.warnings)

    async def _patch(self, call: Call) -> web.StreamResponse:
        options = call.write_options("PatchOptions")
        media, data = call.request.content_type, await call.request.read()
        if media == APPLY_PATCH and self.registry.find(call.resource, call.info.namespace, call.info.name) is None:
            self._authorizer.check(call.user, replace(attributes(call.info), verb="create"))
        stored, code = patch(self.registry, call.resource, call.info, media, data, options)
        if call.info.subresource == "scale":
            return reply(scale_of(call.resource, stored.body), code, options.warnings)
        return self._shown(call, stored, code, options.warnings)

    async def _delete(self, call: Call) -> web.StreamResponse:
        body, _ = await call.body()
        options = delete_options(call.request.query, body, call.user)
        answer, code = delete(self.registry, call.resource, call.info.namespace, call.info.name, options)
        return reply(answer, code, options.warnings)

    async def _delete_collection(self, call: Call) -> web.StreamResponse:
        body, _ = await call.body()
        query = call.request.query
        options = delete_options(query, body, call.user)
        found = delete_collection(self.registry, call.resource, call.info.namespace, list_options(query), options)
        return raw(found.render(call.resource), 200, options.warnings)


def _needs_version(resource: Resource) -> bool:
    """Whether an update has to say which version it is about."""
    return resource.custom is not None or resource.id in _NEVER_UNCONDITIONAL


def _in_place(info: RequestInfo, resource: Resource) -> bool:
    """Whether a path takes its verb: objects are made, and collections deleted, in a namespace if they have one."""
    if info.subresource:
        return True
    if info.verb == "create":
        return not info.name and bool(info.namespace or not resource.namespaced)
    if info.verb == "deletecollection":
        return bool(info.namespace or not resource.namespaced)
    return bool(info.name) or info.verb in ("list", "watch")


class Call:
    """One request about one resource."""

    def __init__(self, request: web.BaseRequest, info: RequestInfo, resource: Resource, user: UserInfo) -> None:
        self.request, self.info, self.resource, self.user = request, info, resource, user

    def write_options(self, kind: str = "CreateOptions") -> WriteOptions:
        """From query and headers."""
        agent = self.request.headers.get("User-Agent", "")
        options = write_options(self.request.query, self.user, agent, kind)
        options.subresource = self.info.subresource
        return options

    async def body(self) -> tuple[Any, list[str]]:
        """The body as plain data, and which keys it has twice; 415 for other formats."""
        data = await self.request.read()
        media = self.request.content_type
        if media == protobuf.MEDIA_TYPE:
            try:
                return protobuf.decode(data), []
            except protobuf.NotDecodable as problem:
                refusal = errors.unsupported_media(_BODY_TYPES)
                raise errors.ApiError(refusal.code, refusal.reason, f"{refusal.message} ({problem})") from None
        if data and media not in ("application/octet-stream", "text/plain") and media not in _BODY_TYPES:
            raise errors.unsupported_media(_BODY_TYPES)
        return parse_body(data, media)


def raw(body: bytes, code: int = 200, warnings: list[str] | None = None) -> web.Response:
    """An answer of stored JSON."""
    headers: list[tuple[str, str]] = [
        ("Audit-Id", str(uuid.uuid4())),
        ("Cache-Control", "no-cache, private"),
        ("Content-Type", "application/json"),
    ]
    headers += [("Warning", f"299 - {json.dumps(text)}") for text in dict.fromkeys(warnings or [])]
    return web.Response(body=body, status=code, headers=headers)


def reply(body: Any, code: int = 200, warnings: list[str] | None = None) -> web.Response:
    """An answer of plain data."""
    return raw(dump(body), code, warnings)
