# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session with Azure Resource Manager: credentials, transport, single attempts, errors mapped."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlparse

from .._engine.errors import AuthError, CloudError, SpecError
from .._spec.site import Site
from .errors import from_exception, from_response
from .versions import version_of

PUBLIC = "https://management.azure.com"
STORAGE_SCOPE = "https://storage.azure.com/.default"
VAULT_SCOPE = "https://vault.azure.net/.default"
_POOL = 32  # connections kept open: the engine asks from up to 16 threads
_CONNECT_SECONDS, _READ_SECONDS = 20, 120


@dataclass(frozen=True)
class Answer:
    """One answer below status 400. Header names are lower case; body is decoded JSON, text, or None."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def retry_after(self) -> float:
        """Seconds that the service asks to wait."""
        return _seconds(self.headers.get("retry-after", ""))


class Client:
    """Thread-safe; every call is one attempt. The SDK and the credentials are loaded with the first call."""

    def __init__(self, site: Site) -> None:
        self.site = site
        endpoints = site.endpoints or {}
        self.base_url = (endpoints.get("resource_manager") or endpoints.get("default") or PUBLIC).rstrip("/")
        self.authority = endpoints.get("active_directory") or endpoints.get("authority")
        self.subscription = f"/subscriptions/{site.account}"
        self._ca_bundle = site.ca_bundle or endpoints.get("ca_bundle")
        self._made: dict[str, Any] = {}
        self._guard = threading.Lock()

    # -- calls -----------------------------------------------------------------------------------------------------

    def get(self, path: str, kind: str, query: Mapping[str, str] | None = None) -> Any:
        """The body of one object or of the first page of a list. kind: the type that the API version is of."""
        return self.call("GET", self.url(path, kind, query)).body

    def pages(self, path: str, kind: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        url = self.url(path, kind, query)
        while url:
            body = self.call("GET", url).body or {}
            found += body.get("value") or []
            url = body.get("nextLink") or ""
        return found

    def send(self, method: str, path: str, kind: str, body: Any = None, etag: str = "") -> Answer:
        """One write. etag: the state that the write is based on; refused by the service when it is no longer so."""
        return self.call(method, self.url(path, kind), body, {"If-Match": etag} if etag else None)

    def url(self, path: str, kind: str, query: Mapping[str, str] | None = None) -> str:
        """The absolute URL of a path at the pinned version of its type."""
        asked = urlencode({"api-version": version_of(kind), **(query or {})})
        return f"{self.base_url}{quote(path, safe='/-_.~()')}?{asked}"

    def call(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request to Resource Manager. Raises: CloudError for every status of 400 or more."""
        if urlparse(url).scheme != urlparse(self.base_url).scheme:
            raise SpecError(f"The service names an address of another kind than {self.base_url}: {url}")
        return self._exchange(self._manager, method, url, body, headers)

    def blob(self, method: str, url: str) -> Answer:
        """One request to the data plane of a storage account, as the same principal. The body is XML text."""
        return self._exchange(self._storage, method, url, None, {"x-ms-version": "2023-11-03"})

    def vault(self, method: str, url: str, body: Any = None) -> Answer:
        """One request to the data plane of a key vault, as the same principal."""
        return self._exchange(lambda: self._once("vault", lambda: self._pipeline(_vault_scope(url))), method, url, body)

    def bare(self, method: str, url: str, *, form: Mapping[str, str] | None = None, bearer: str = "") -> Answer:
        """One request with the token given, or without any: to services with a sign-in of their own."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else None
        return self._exchange(
            lambda: self._once("bare", lambda: self._pipeline("")), method, url, headers=headers, form=form
        )

    def token(self, scope: str) -> str:
        """A token of the same principal for another service. Never to be shown."""
        return self.access_token(scope)[0]

    def access_token(self, scope: str, *, other_than: str = "") -> tuple[str, float]:
        """The same, and when it ends in seconds since the epoch. other_than: a token that is of no use any more: the
        credentials' memory is dropped if it still holds that one."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            found = self._credential().get_token(scope)
            if other_than and found.token == other_than:
                self._forget()
                found = self._credential().get_token(scope)
        except (AzureError, ValueError) as error:
            if isinstance(error, ClientAuthenticationError):
                self._forget()  # as in `_exchange`
            raise from_exception(error) from error
        return str(found.token), float(found.expires_on)

    def principal(self) -> tuple[str, str]:
        """Who the credentials are: object id and principal type, as their own token for Resource Manager says."""
        claims = _claims(self.token(f"{self._audience()}/.default"))
        if not claims.get("oid"):
            raise AuthError("the credentials' token does not tell whose it is: it has no object id.")
        person = claims.get("idtyp") == "user" or "scp" in claims
        return str(claims["oid"]), "User" if person else "ServicePrincipal"

    def _exchange(
        self,
        client: Any,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, url, headers=dict(headers or {}), json=body, data=form)
        try:
            sender = client() if callable(client) else client
            response = sender.send_request(request)
            response.read()
        except (AzureError, ValueError) as error:
            if isinstance(error, ClientAuthenticationError):
                self._forget()  # the sign-in library answers from memory for a minute after a failure
            raise from_exception(error) from error
        answered = {name.lower(): value for name, value in response.headers.items()}
        content = _decode(response.text(), answered.get("content-type", ""))
        if response.status_code >= 400:
            raise from_response(response.status_code, content, retry_after=_seconds(answered.get("retry-after", "")))
        return Answer(response.status_code, content, answered)

    # -- what is made once -----------------------------------------------------------------------------------------

    def _once(self, name: str, make: Any) -> Any:
        with self._guard:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def _forget(self) -> None:
        with self._guard:
            self._made.clear()

    def _manager(self) -> Any:
        return self._once("manager", self._make_manager)

    def _storage(self) -> Any:
        return self._once("storage", lambda: self._pipeline(STORAGE_SCOPE))

    def _make_manager(self) -> Any:
        from azure.mgmt.resource.resources import ResourceManagementClient

        # The SDK's own policies retry, and register resource providers unasked: the engine does the first better,
        # and the second only when enable_services says so.
        scope = f"{self._audience()}/.default"
        return ResourceManagementClient(
            self._credential(),
            self.site.account,
            self.base_url,
            credential_scopes=[scope],
            policies=self._policies(scope),
            transport=self._transport(),
        )

    def _audience(self) -> str:
        """The public audience also serves private and emulated endpoints; sovereign clouds have their own."""
        host = urlparse(self.base_url).netloc.lower()
        return self.base_url if host.startswith("management.") else PUBLIC

    def _pipeline(self, scope: str) -> Any:
        from azure.core import PipelineClient

        return PipelineClient("https://localhost", policies=self._policies(scope), transport=self._transport())

    def _policies(self, scope: str) -> list[Any]:
        from azure.core.pipeline import policies
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        return [
            policies.RequestIdPolicy(),
            policies.HeadersPolicy({"Accept": "application/json"} if scope != STORAGE_SCOPE else {}),
            policies.UserAgentPolicy("multicloud.platform", sdk_moniker="ansible"),
            policies.ProxyPolicy(),
            *([ARMChallengeAuthenticationPolicy(self._credential(), scope)] if scope else []),
        ]

    def _transport(self) -> Any:
        import requests
        from azure.core.pipeline.transport import RequestsTransport

        session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_POOL, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return RequestsTransport(
            session=session,
            session_owner=False,
            connection_verify=self._ca_bundle or True,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )

    def _credential(self) -> Any:
        if "credential" not in self._made:
            self._made["credential"] = self._make_credential()
        return self._made["credential"]

    def _make_credential(self) -> Any:
        from azure import identity

        given = self.site.credentials
        options: dict[str, Any] = {"retry_total": 0}
        if self.authority:
            options |= {"authority": self.authority, "disable_instance_discovery": True}
        if self._ca_bundle:
            options["connection_verify"] = self._ca_bundle
        if given.source == "environment":
            return identity.EnvironmentCredential(**options)
        if given.source == "managed_identity":
            return identity.ManagedIdentityCredential(client_id=given.client_id)
        if given.source == "cli":
            return identity.AzureCliCredential(tenant_id=given.tenant_id or "")
        if given.source == "default":
            if given.tenant_id:
                options["additionally_allowed_tenants"] = [given.tenant_id]
            return identity.DefaultAzureCredential(
                managed_identity_client_id=given.client_id, exclude_interactive_browser_credential=True, **options
            )
        raise SpecError(
            f"credentials.source: {given.source!r} does not exist on Azure. "
            "Use environment, managed_identity, cli or default."
        )

    @property
    def environment(self) -> str:
        """Azure's name for the cloud that Resource Manager's address belongs to."""
        host = urlparse(self.base_url).netloc.lower()
        clouds = {".chinacloudapi.cn": "AzureChinaCloud", ".usgovcloudapi.net": "AzureUSGovernmentCloud"}
        return next((name for end, name in clouds.items() if host.endswith(end)), "AzurePublicCloud")

    def tenant(self) -> str:
        """The tenant that the credentials sign in to, where they say so."""
        return str(getattr(self.site.credentials, "tenant_id", None) or "")


def _vault_scope(url: str) -> str:
    """The audience of a vault: its host without its own name. Vaults at other addresses take public tokens."""
    host = urlparse(url).netloc.lower().partition(".")[2]
    return f"https://{host}/.default" if host.startswith("vault.") else VAULT_SCOPE


def _claims(token: str) -> dict[str, Any]:
    """What a token says. It is not verified: the services do that."""
    part = token.split(".")[1] if "." in token else ""
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _decode(text: str, kind: str) -> Any:
    if not text.strip():
        return None
    if "json" in kind or text.lstrip()[:1] in "{[":
        try:
            return json.loads(text.lstrip("\ufeff"))
        except ValueError:
            return text
    return text


def _seconds(value: str) -> float:
    try:
        return max(0.0, float(value))
    except ValueError:
        return 0.0


__all__ = ["PUBLIC", "Answer", "Client", "CloudError"]
