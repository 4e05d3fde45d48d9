"""The emulated Microsoft Entra: token endpoint, discovery documents, principals of the directory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qs

from aiohttp import web

from ..core import Context
from ..core.connection import AZURE_CLIENT, AZURE_GROUP, AZURE_SECRET, AZURE_SUBSCRIPTION, AZURE_TENANT
from .errors import ArmError

CLIENT_OBJECT = "00000000-0000-0000-0000-00000000eeee"
FOREIGN_SUBSCRIPTION = "00000000-0000-0000-0000-00000000dddd"  # exists in the tenant, but the client has no role in it
_CONFIGURATION = "/v2.0/.well-known/openid-configuration"
_LIFETIME = 3599
_SIGNING_KEY = b"sandbox-azure"  # tokens stay valid over a restart of the emulator


@dataclass
class Principal:
    """A service principal or a group; other services find it from ``visible_at`` (``clock.now()`` scale) on."""

    object_id: str
    client_id: str
    name: str
    visible_at: float


class Directory:
    """Principals of the tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._principals: dict[str, Principal] = {}
        self._keep(Principal(CLIENT_OBJECT, AZURE_CLIENT, "sandbox", float("-inf")))
        self._keep(Principal(AZURE_GROUP, "", "sandbox-admins", float("-inf")))

    def add(self, name: str) -> Principal:
        """Create the service principal of a managed identity; it takes a while to replicate."""
        visible_at = self._context.ends_at("azure.principal.replicate")
        return self._keep(Principal(str(uuid.uuid4()), str(uuid.uuid4()), name, visible_at))

    def remove(self, object_id: str) -> None:
        """Delete a principal."""
        self._principals.pop(object_id.lower(), None)

    def exists(self, object_id: str) -> bool:
        """Whether the directory holds the principal, replicated or not."""
        return object_id.lower() in self._principals

    def replicated(self, object_id: str) -> bool:
        """Whether other services can find the principal."""
        principal = self._principals.get(object_id.lower())
        return principal is not None and principal.visible_at <= self._context.clock.now()

    def _keep(self, principal: Principal) -> Principal:
        self._principals[principal.object_id] = principal
        return principal


class Authority:
    """The login service at ``/<tenant>/…`` and the check of bearer tokens."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def serves(self, path: str) -> bool:
        """Whether the path belongs to the login service."""
        return "/oauth2/" in path or "/.well-known/" in path or "/discovery/" in path

    def handle(self, request: web.Request, body: bytes) -> web.Response:
        """Answer a request to the login service."""
        path = request.path
        if path.endswith("/discovery/instance"):
            return self._instances()
        tenant = path.split("/")[1]
        if tenant.lower() != AZURE_TENANT:
            return self._refuse(
                400,
                "invalid_tenant",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud. Check with your subscription administrator, this may happen if there are no active "
                "subscriptions for the tenant.",
            )
        if path.endswith(_CONFIGURATION):
            return self._configuration()
        if path.endswith(("/oauth2/v2.0/token", "/oauth2/token")):
            return self._token({key: values[-1] for key, values in parse_qs(body.decode()).items()})
        if path.endswith("/keys"):
            return web.json_response({"keys": []})
        return web.Response(status=404)

    def authenticate(self, request: web.Request) -> dict[str, Any]:
        """The claims of the request's token; ArmError 401 as ARM answers."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token or scheme.lower() != "bearer":
            self._unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        claims = self.verify(token.strip())
        if claims is None:
            self._unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        # Real time: the clock of the clients is not moved when a test lets the emulator's time pass.
        if claims["exp"] <= time.time():
            self._unauthorized("ExpiredAuthenticationToken", "The access token expiry UTC time has passed.")
        return claims

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this authority signed; None for any other."""
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _sign(head).encode()):
            return None
        claims: dict[str, Any] = json.loads(_decode(head.partition(".")[2]))
        return claims

    def _unauthorized(self, code: str, message: str) -> NoReturn:
        challenge = (
            f'Bearer authorization_uri="{self._context.url}/{AZURE_TENANT}", error="invalid_token", '
            f'error_description="{message}"'
        )
        raise ArmError(401, code, message, headers={"WWW-Authenticate": challenge})

    def _token(self, form: dict[str, str]) -> web.Response:
        client = form.get("client_id", "")
        if client.lower() != AZURE_CLIENT:
            return self._refuse(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client}' was not found in the directory 'Sandbox'. This can happen if "
                "the application has not been installed by the administrator of the tenant or consented to by any user "
                "in the tenant. You may have sent your authentication request to the wrong tenant.",
            )
        if form.get("grant_type") != "client_credentials":
            return self._refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_secret") != AZURE_SECRET:
            return self._refuse(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client}'.",
            )
        audience = form.get("scope", form.get("resource", "")).removesuffix("/.default")
        if not audience:
            return self._refuse(400, "invalid_request", 90014, "The required field 'scope' is missing from the request")
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "ext_expires_in": _LIFETIME,
            "access_token": self.issue(audience),
        }
        return web.json_response(answer)

    def issue(self, audience: str) -> str:
        """An access token of the sandbox's client for ``audience``."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{AZURE_TENANT}/",
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME,
            "appid": AZURE_CLIENT,
            "groups": [AZURE_GROUP],
            "idtyp": "app",
            "oid": CLIENT_OBJECT,
            "sub": CLIENT_OBJECT,
            "tid": AZURE_TENANT,
            "ver": "1.0",
        }
        head = f"{_encode({'typ': 'JWT', 'alg': 'HS256', 'kid': 'sandbox'})}.{_encode(claims)}"
        return f"{head}.{_sign(head)}"

    def _refuse(self, status: int, error: str, number: int, message: str) -> web.Response:
        moment = self._context.clock.wall()
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        description = (
            f"AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {moment:%Y-%m-%d %H:%M:%SZ}"
        )
        answer = {
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": f"{moment:%Y-%m-%d %H:%M:%SZ}",
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{self._context.url}/error?code={number}",
        }
        return web.json_response(answer, status=status)

    def _configuration(self) -> web.Response:
        base = f"{self._context.url}/{AZURE_TENANT}"
        return web.json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "request_uri_parameter_supported": False,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
                "cloud_instance_name": self._host(),
            }
        )

    def _instances(self) -> web.Response:
        host = self._host()
        return web.json_response(
            {
                "tenant_discovery_endpoint": f"{self._context.url}/{AZURE_TENANT}{_CONFIGURATION}",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    def _host(self) -> str:
        return self._context.url.partition("://")[2]


def check_subscription(subscription: str, action: str, claims: dict[str, Any]) -> None:
    """ArmError unless the sandbox's client may work in the subscription."""
    try:
        uuid.UUID(subscription)
    except ValueError:
        message = f"The provided subscription identifier '{subscription}' is malformed or invalid."
        raise ArmError(400, "InvalidSubscriptionId", message) from None
    if subscription.lower() == AZURE_SUBSCRIPTION:
        return
    if subscription.lower() == FOREIGN_SUBSCRIPTION:
        raise ArmError(
            403,
            "AuthorizationFailed",
            f"The client '{claims['appid']}' with object id '{claims['oid']}' does not have authorization to perform "
            f"action '{action}' over scope '/subscriptions/{subscription}' or the scope is invalid. If access was "
            "recently granted, please refresh your credentials.",
        )
    raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def _encode(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sign(head: str) -> str:
    digest = hmac.new(_SIGNING_KEY, head.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
