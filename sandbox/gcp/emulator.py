"""Finds out which method a request means, checks it, calls the handler and prints the answer."""

from __future__ import annotations

import inspect
import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict

from ..core.context import Context
from ..core.faults import FaultRule
from . import permissions, quotas
from .artifactregistry import images
from .auth import Tokens
from .calls import HANDLERS, Answer, Call, not_served
from .container.kubernetes import Clusters
from .discovery import VERSIONS, Library, Match
from .engines import Engines
from .errors import GoogleError, permission_denied, service_disabled
from .fields import partial
from .iam import public_keys
from .memorystore.instances import refresh_iam
from .schema import check_body, check_query
from .services import SERVICE_OF, TITLES, enabled
from .setup import fresh_project
from .state import NUMBER, PROJECT, State
from .storage.media import MEDIA_PREFIXES, media_route

_READ_VERBS = {"getIamPolicy", "testIamPermissions", "wait", "queryTestablePermissions", "queryGrantableRoles"}


class GcpEmulator:
    """Google Cloud, path-routed: ``/<api>/…`` replaces ``https://<api>.googleapis.com/…``.

    A path without the API's name in front is tried with every API.
    """

    name = "gcp"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._library = Library()
        self._tokens = Tokens(context)
        context.quotas.declare(quotas.DEFAULTS)
        self._engines = Engines(context)
        self._kubernetes = Clusters(context, self._tokens, lambda: self._state, self._catch_up)
        self._state = fresh_project(State(context, self._engines, self._kubernetes))
        self._tokens.keys = lambda mail: public_keys(self._state, mail)
        self._engines.access_tokens = self._tokens.good
        self._tokens.listeners.append(lambda: refresh_iam(self._state))

    def reset(self) -> None:
        """Back to a fresh project; access tokens stay good."""
        self._kubernetes.close_all()
        self._engines.reset()
        self._state = fresh_project(State(self._context, self._engines, self._kubernetes))

    def servers(self) -> list[dict[str, Any]]:
        """Real servers behind instances, and where they listen."""
        return list(self._engines.listing())

    def operation_name(self, request: web.Request, body: bytes) -> str:
        """The discovery method id."""
        if request.path == "/token":
            return "oauth2.token"
        if images.is_registry(request.path):
            return f"docker.{request.method.lower()}"
        found = self._find(request)
        return found.method.id if found else "unknown"

    def is_write(self, request: web.Request, body: bytes) -> bool:
        """Whether the request changes something."""
        operation = self.operation_name(request, body)
        if operation in ("oauth2.token", "unknown"):
            return False
        return request.method not in ("GET", "HEAD") and operation.rpartition(".")[2] not in _READ_VERBS

    def fault_response(self, rule: FaultRule) -> web.Response:
        """Google's answer when it throttles or fails."""
        if rule.kind == "throttle":
            error = GoogleError(
                rule.status or 429,
                rule.message or "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'.",
                status="RESOURCE_EXHAUSTED",
                reason=rule.code or "rateLimitExceeded",
            )
        else:
            status = rule.code if rule.code.isupper() else None
            error = GoogleError(
                rule.status or 503, rule.message or "The service is currently unavailable.", status=status
            )
        return _json(error.code, error.body("container"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self._catch_up()
        try:
            return await self._handle(request)
        finally:
            self._catch_up()

    def _catch_up(self) -> None:
        """Apply what is due by now, and let the engines begin with what it takes."""
        self._state.settle()
        self._engines.release()
        self._kubernetes.follow()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path == "/token":
            status, data = self._tokens.grant(body)
            return _json(status, data)
        if images.is_registry(request.path):
            return images.serve(self._state, self._tokens, request, body)
        found = self._find(request)
        if found is None:
            return _no_such_url(request)
        api = found.method.document.api
        try:
            return await self._answer(request, found, body)
        except GoogleError as error:
            self._engines.discard()
            return _json(error.code, error.body(api))

    async def _answer(self, request: web.Request, found: Match, body: bytes) -> web.Response:
        method = found.method
        mail = self._tokens.check(request.headers.get("Authorization"))
        media = media_route(request.rel_url.raw_path)
        pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        query = check_query(method, [pair for pair in pairs if not (media and pair[0] == "upload_id")])
        if media == "download":
            query["alt"] = "media"
        if media == "upload":
            query.update((key, value) for key, value in pairs if key == "upload_id")
        raw = None if media else _parse(body)
        call = Call(
            state=self._state,
            method=method,
            path=found.path,
            query=query,
            body={} if media else check_body(method, raw),
            raw=raw,
            content=body,
            headers=CIMultiDict([*request.headers.items(), (":method", request.method)]),
            url=f"{self._context.url}{request.path_qs}",
        )
        _check_project(call)
        permissions.check(call, mail)
        handler = HANDLERS.get(f"{method.id}#media" if media == "upload" else method.id)
        if handler is None:
            raise not_served(method)
        result = handler(call)
        if inspect.isawaitable(result):
            result = await result
        return _print(call, result)

    def _find(self, request: web.Request) -> Match | None:
        if "gcp.match" not in request:
            request["gcp.match"] = self._route(request.method, request.rel_url.raw_path.lstrip("/"))
        found: Match | None = request["gcp.match"]
        return found

    def _route(self, http_method: str, raw_path: str) -> Match | None:
        first, _, rest = raw_path.partition("/")
        if http_method == "HEAD":
            http_method = "GET"
        apis = (first,) if first in VERSIONS else ()
        for path, candidates in ((rest, apis), (raw_path, ())):
            if path is rest and not apis:
                continue
            for prefix in MEDIA_PREFIXES:
                if path.startswith(prefix):
                    # A resumable upload is continued by PUT on the address it was started at.
                    verb = "GET" if prefix.startswith("download") else "POST"
                    return self._library.find(verb, path[len(prefix) :], ("storage",))
            found = self._library.find(http_method, path, candidates)
            if found is not None:
                return found
        return None


def _check_project(call: Call) -> None:
    project = call.project
    api = call.document.api
    if project is not None and project not in (PROJECT, NUMBER, "-", "_"):
        if api == "compute":
            action = call.method.id.replace("compute.", "", 1)
            raise permission_denied(f"Required 'compute.{action}' permission for 'projects/{project}'")
        if api == "container":
            verb = call.method.id.rpartition(".")[2]
            raise permission_denied(f'Required "container.clusters.{verb}" permission(s) for "projects/{project}".')
        raise permission_denied()
    service = SERVICE_OF[api]
    if not enabled(call.state, service):
        raise service_disabled(service, TITLES[service], NUMBER)


def _parse(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise GoogleError(400, f"Invalid JSON payload received. {error}", reason="parseError") from None


def _print(call: Call, result: dict[str, Any] | Answer) -> web.Response:
    answer = result if isinstance(result, Answer) else Answer(body=result)
    if answer.body is None:
        return web.Response(status=answer.status, body=answer.content, headers=answer.headers)
    body = answer.body
    if "fields" in call.query and answer.status == 200:
        body = partial(body, call.query["fields"])
    response = _json(answer.status, body)
    response.headers.update(answer.headers)
    return response


def _json(status: int, body: dict[str, Any]) -> web.Response:
    # ensure_ascii costs nothing and keeps every client happy.
    return web.Response(status=status, text=json.dumps(body), content_type="application/json", charset="utf-8")


def _no_such_url(request: web.Request) -> web.Response:
    text = (
        "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
        f"<p><b>404.</b> <ins>That is an error.</ins><p>The requested URL <code>{_escape(request.path)}</code> was not "
        "found on this server. <ins>That is all we know.</ins>"
    )
    return web.Response(status=404, text=text, content_type="text/html")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
