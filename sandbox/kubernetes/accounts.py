"""Tokens of ServiceAccounts: signed by the cluster, good as long as their account is there."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from .errors import invalid, not_supported
from .identity import AUTHENTICATED, UserInfo
from .metadata import timestamp

if TYPE_CHECKING:
    from .registry import Registry

ISSUER = "https://kubernetes.default.svc.cluster.local"
_ALGORITHM = "ES256"
_DEFAULT_SECONDS = 3600
_LEAST_SECONDS = 600


class Accounts:
    """Issues and checks the tokens of one cluster."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._key = ec.generate_private_key(ec.SECP256R1())

    def issue(self, namespace: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a TokenRequest for an account that exists."""
        spec = request.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _DEFAULT_SECONDS
        if seconds < _LEAST_SECONDS:
            cause = not_supported("spec.expirationSeconds", seconds, [f"at least {_LEAST_SECONDS}"])
            raise invalid("TokenRequest", "authentication.k8s.io", "", [cause])
        account = self._registry.store.get("serviceaccounts", (namespace, name))
        uid = "" if account is None else account.body["metadata"]["uid"]
        now = self._registry.clock.wall()
        expires = now + timedelta(seconds=seconds)
        bound: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}
        reference = spec.get("boundObjectRef")
        if reference:
            bound[reference["kind"].lower()] = {"name": reference["name"], "uid": reference.get("uid", "")}
        audiences = spec.get("audiences") or [ISSUER]
        claims = {
            "aud": audiences,
            "exp": int(expires.timestamp()),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "iss": ISSUER,
            "jti": secrets.token_hex(16),
            "kubernetes.io": bound,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": timestamp(now)},
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": reference},
            "status": {"token": token, "expirationTimestamp": timestamp(expires)},
        }

    def user(self, token: str) -> UserInfo | None:
        """Whose token it is; None for one that is not ours, expired, or of an account that is gone."""
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token, self._key.public_key(), algorithms=[_ALGORITHM], audience=ISSUER, issuer=ISSUER, options=options
            )
        except jwt.PyJWTError:
            return None
        bound = claims["kubernetes.io"]
        namespace, account = bound["namespace"], bound["serviceaccount"]
        stored = self._registry.store.get("serviceaccounts", (namespace, account["name"]))
        if stored is None or stored.body["metadata"]["uid"] != account["uid"]:
            return None
        if claims["exp"] <= self._registry.clock.wall().timestamp():
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return UserInfo(claims["sub"], account["uid"], groups)
