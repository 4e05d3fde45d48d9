# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's API server, on the official client. Single attempts: whoever calls decides what is tried again."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from .._engine.access import Access, Endpoint, Token
from .._engine.clock import Clock
from .._engine.errors import AuthError
from .discovery import Discovery
from .errors import map_exception
from .objects import Body, Ref, ref_of

T = TypeVar("T")

MANAGER = "multicloud.platform"
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 60.0
_EARLY_SECONDS = 60.0  # a token is not used in its last minute
_PAGE = 500
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
Propagation = Literal["Foreground", "Background", "Orphan"]


@dataclass(frozen=True)
class Answer:
    """Of a plain request. body: as it came."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body decoded. ValueError when it is something else."""
        return json.loads(self.body)


class Client:
    """Thread-safe. Made without a call; the first one asks the cloud for the endpoint and a token.

    The CA stays in memory, so does the token: it is made anew a minute before it ends, and once when the server says
    401. Every method raises errors of the engine's tree, as `errors.map_answer` has them.
    """

    def __init__(
        self, access: Access, clock: Clock, *, endpoint: Endpoint | None = None, read_timeout: float = _READ_SECONDS
    ) -> None:
        """endpoint: what the cloud has said already."""
        self.access = access
        self._endpoint = endpoint
        self.clock = clock
        self._timeout = (_CONNECT_SECONDS, read_timeout)
        self._lock = threading.RLock()
        self._dynamic: Any = None
        self._token: Token | None = None
        self._used = threading.local()  # .token: what this thread's last request was sent with
        self._discovery: Discovery | None = None
        self._warnings: dict[str, None] = {}

    # -- kinds -----------------------------------------------------------------------------------------------------

    @property
    def discovery(self) -> Discovery:
        """Which kinds there are. Learnt once, and again when one is not found."""
        self._connected()
        if self._discovery is None:
            raise RuntimeError("connected without discovery")
        return self._discovery

    def kind(self, api_version: str, kind: str) -> Any:
        """The kind as the server serves it: `.namespaced`, `.verbs`, `.name` (its plural). Raises UnknownKind with the
        nearest names."""
        return self.discovery.get(api_version=api_version, kind=kind)

    # -- objects ---------------------------------------------------------------------------------------------------

    def get(self, ref: Ref) -> Body:
        """Raises NotFound, and UnknownKind (which is one)."""
        return self._json("GET", self._path(ref))

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Body]:
        """All objects of a kind, in one namespace or all. Every one says its apiVersion and kind, unlike the API's."""
        resource = self.kind(api_version, kind)
        path = resource.path(namespace=namespace)
        asked = {"limit": _PAGE, "labelSelector": label_selector, "fieldSelector": field_selector}
        found: list[Body] = []
        while True:
            page = self._json("GET", path, asked)
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in page.get("items") or []]
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return found
            asked["continue"] = more

    def apply(self, manifest: Body, *, dry_run: bool = False, force: bool = False) -> Body:
        """Server-side apply as MANAGER; returns the object as it is (or, with dry_run, would be). The server refuses
        unknown and duplicate fields. Raises Invalid, FieldConflict unless `force`, and what the server has to say."""
        query = {
            "fieldManager": MANAGER,
            "fieldValidation": "Strict",
            "force": "true" if force else None,
            "dryRun": "All" if dry_run else None,
        }
        return self._json("PATCH", self._path(ref_of(manifest)), query, manifest, "application/apply-patch+yaml")

    def try_creation(self, manifest: Body, namespace: str) -> None:
        """Have an object checked in a namespace, without making it. metadata.generateName instead of a name, so that
        nothing there is in the way."""
        path = self.kind(manifest["apiVersion"], manifest["kind"]).path(namespace=namespace)
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "dryRun": "All"}
        self._json("POST", path, query, manifest)

    def delete(self, ref: Ref, *, propagation: Propagation = "Background", uid: str | None = None) -> None:
        """Start deletion. uid: only that very object (Conflict when it is another by now). Raises NotFound."""
        options: Body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        self._json("DELETE", self._path(ref), None, options)

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        tail: int | None = None,
        previous: bool = False,
    ) -> str:
        """What a container wrote. previous: before its last restart."""
        query = {"container": container, "tailLines": tail, "previous": "true" if previous else None}
        answer = self.raw("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query=query)
        return answer.body.decode(errors="replace")

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Answer:
        """Any path of the API server: subresources, proxies. Members of `query` that are None are left out.

        check: raise for a status of 400 and more; without it such an answer is returned (401 is always raised, after
        one more try with a new token). timeout: of reading, in seconds.
        """
        from kubernetes.client.exceptions import ApiException

        doing = f"{method} {path}"
        timeouts = (_CONNECT_SECONDS, timeout) if timeout else self._timeout

        def send() -> Answer:
            asked = [(name, str(value)) for name, value in (query or {}).items() if value is not None]
            try:
                response = self._connected().request(
                    method.lower(),
                    path,
                    body=body,
                    query_params=asked,
                    header_params=dict(headers or {}),
                    content_type=content_type,
                    serialize=False,
                    _request_timeout=timeouts,
                )
                answer = Answer(response.status, response.data, dict(response.headers))
            except ApiException as error:
                if check or not error.status or error.status == 401:
                    raise
                said = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
                return Answer(error.status, said, dict(error.headers or {}))
            self._heed(answer.headers)
            return answer

        return self._authorised(send, doing)

    def take_warnings(self) -> tuple[str, ...]:
        """What the server has warned of since this was last asked (deprecated versions, risky settings)."""
        with self._lock:
            said, self._warnings = tuple(self._warnings), {}
        return said

    # -- inside ----------------------------------------------------------------------------------------------------

    def _path(self, ref: Ref) -> str:
        return str(self.kind(ref.api_version, ref.kind).path(name=ref.name, namespace=ref.namespace or None))

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> Body:
        answer = self.raw(method, path, query=query, body=body, content_type=content_type)
        decoded: Body = answer.json()
        return decoded

    def _heed(self, headers: Mapping[str, str]) -> None:
        """`Warning: 299 - "text"` (RFC 7234), as API servers send it."""
        told = next((value for name, value in headers.items() if name.lower() == "warning"), "")
        for quoted in _WARNING.findall(told):
            with self._lock:
                self._warnings[quoted.replace('\\"', '"')] = None

    def _authorised(self, send: Callable[[], T], doing: str) -> T:
        for last in (False, True):
            try:
                return send()
            except Exception as error:
                mapped = map_exception(error, doing=doing)
                if mapped is None:
                    raise
                if last or not isinstance(mapped, AuthError) or mapped.status != 401:
                    raise mapped from error
                with self._lock:
                    if self._token is getattr(self._used, "token", None):  # nobody has made a new one meanwhile
                        self._token = None
        raise RuntimeError("not reached")

    def _connected(self) -> Any:
        """The official dynamic client, made on first use."""
        with self._lock:
            if self._dynamic is None:
                from kubernetes.client import ApiClient, Configuration
                from kubernetes.dynamic import DynamicClient

                endpoint = self._endpoint or self.access.endpoint()
                configuration = Configuration(host=endpoint.server.rstrip("/"))
                configuration.retries = False
                configuration.connection_pool_maxsize = 32
                configuration.refresh_api_key_hook = self._refresh
                configuration.api_key["authorization"] = ""  # so that the hook is asked
                api = ApiClient(configuration)
                api.user_agent = "multicloud.platform"
                # The pool takes a context, so that the CA need not be written into a file.
                api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = trusting(endpoint.ca)
                self._dynamic = DynamicClient(api, discoverer=self._discoverer)
            return self._dynamic

    def _discoverer(self, client: Any, _cache_file: str | None) -> Discovery:
        self._discovery = Discovery(client, lambda path, headers: self.raw("GET", path, headers=headers).body)
        return self._discovery

    def _refresh(self, configuration: Any) -> None:
        """Called before every request, in its thread."""
        with self._lock:
            token = self._token
            if token is None or (token.expires is not None and time.time() > token.expires - _EARLY_SECONDS):
                self._token = token = self.access.token()
            self._used.token = token
            configuration.api_key["authorization"] = f"Bearer {token.value}"


def trusting(ca: str) -> ssl.SSLContext:
    """Trusts this CA (PEM) alone; without one those of the system."""
    context = ssl.create_default_context(cadata=ca or None)
    # On from Python 3.13 on; the CAs of managed clusters lack an authority key identifier.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
