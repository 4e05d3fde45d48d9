"""The token endpoint and the check of access tokens."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..core.connection import GCP_PROJECT, GCP_SERVICE_ACCOUNT_FILE
from ..core.context import Context
from .errors import unauthenticated

ACCOUNT = f"sandbox@{GCP_PROJECT}.iam.gserviceaccount.com"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600.0
_SKEW = 300


@dataclass(frozen=True)
class Grant:
    """An access token's holder, its end (``clock.now()`` scale) and what it was asked for."""

    mail: str
    end: float
    scopes: tuple[str, ...] = ()


class Tokens:
    """Issues access tokens to service accounts and knows which are good.

    The key file of the sandbox's own account (``service-account.json`` in the state directory) is made on first use
    and kept; its ``token_uri`` always names this server. ``keys`` finds the public keys (PEM) of all other accounts.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.file = context.state_dir / GCP_SERVICE_ACCOUNT_FILE
        self._public_key = _service_account(self.file, f"{context.url}/token")
        self._tokens: dict[str, Grant] = {}
        self._assertions: dict[str, Grant] = {}
        self.keys: Callable[[str], list[bytes]] = lambda mail: []
        # Called after a token was issued.
        self.listeners: list[Callable[[], None]] = []

    def grant(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a token request: HTTP status and JSON body."""
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form.get("grant_type") != _GRANT:
            return 400, {
                "error": "unsupported_grant_type",
                "error_description": f"Invalid grant_type: {form.get('grant_type', '')}",
            }
        # google-auth signs for Google's own endpoint, whatever token_uri the key file names.
        audience = [f"{self._context.url}/token", "https://oauth2.googleapis.com/token"]
        try:
            claims = self._claims(form.get("assertion", ""), audience)
        except ValueError as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}
        token = f"ya29.sandbox-{secrets.token_hex(24)}"
        scopes = tuple(str(claims.get("scope", "")).split())
        self._tokens[token] = Grant(claims["iss"], self._context.clock.now() + _LIFETIME, scopes)
        for listener in self.listeners:
            listener()
        return 200, {"access_token": token, "expires_in": int(_LIFETIME) - 1, "token_type": "Bearer"}

    def good(self) -> list[str]:
        """Every access token that has not expired."""
        now = self._context.clock.now()
        self._tokens = {token: grant for token, grant in self._tokens.items() if grant.end > now}
        return list(self._tokens)

    def holder(self, token: str) -> Grant | None:
        """Whose access token it is; None for one that is unknown or has expired. May be asked in any thread."""
        grant = self._tokens.get(token)
        return grant if grant is not None and grant.end > self._context.clock.now() else None

    def check(self, header: str | None) -> str:
        """The account that asks, or 401."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated()
        now = self._context.clock.now()
        grant = self._tokens.get(token)
        if grant is None and token.count(".") == 2 and not token.startswith("ya29."):
            # Google's APIs also take a JWT that the account signed itself.
            grant = self._assertions.get(token)
            if grant is None:
                try:
                    claims = self._claims(token, None)
                except ValueError:
                    raise unauthenticated() from None
                grant = self._assertions[token] = Grant(claims["iss"], now + _LIFETIME)
        if grant is None or grant.end <= now:
            raise unauthenticated()
        return grant.mail

    def _claims(self, assertion: str, audience: list[str] | None) -> dict[str, Any]:
        """What a signed JWT says; ValueError with the token endpoint's words when it is not accepted."""
        from google.auth import exceptions, jwt

        try:
            claims: dict[str, Any] = jwt.decode(assertion, verify=False)
            mail = str(claims.get("iss", ""))
            keys = [self._public_key] if mail == ACCOUNT else self.keys(mail)
        except (ValueError, exceptions.GoogleAuthError) as error:
            raise ValueError(f"Invalid JWT: {error}") from None
        if not keys:
            raise ValueError("Invalid grant: account not found")
        why = ""
        for key in keys:
            try:
                claims = jwt.decode(assertion, certs=key, audience=audience, clock_skew_in_seconds=_SKEW)
            except (ValueError, exceptions.GoogleAuthError) as error:
                why = "Invalid JWT Signature." if "signature" in str(error).lower() else f"Invalid JWT: {error}"
            else:
                return claims
        raise ValueError(why)


def _service_account(file: Path, token_uri: str) -> bytes:
    """Make or refresh the key file; returns the public key (PEM)."""
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if data:
        key: Any = serialization.load_pem_private_key(data["private_key"].encode(), password=None)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        data = {
            "type": "service_account",
            "project_id": GCP_PROJECT,
            "private_key_id": secrets.token_hex(20),
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "universe_domain": "googleapis.com",
        }
    if data.get("token_uri") != token_uri:
        data["token_uri"] = token_uri
        temporary = file.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(data, indent=2), encoding="utf-8")
        temporary.replace(file)
    public: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public
