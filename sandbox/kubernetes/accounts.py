"""Tokens of ServiceAccounts: signed by the cluster, good as long as their account is there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from .errors import ApiError, bad_value, conflict, invalid, not_found, required
from .identity import AUTHENTICATED, UserInfo
from .metadata import timestamp

if TYPE_CHECKING:
    from .registry import Registry

ISSUER = "https://kubernetes.default.svc.cluster.local"
_ALGORITHM = "ES256"
_DEFAULT_SECONDS = 3600
_LEAST_SECONDS = 600
# What a token may be bound to, and where that is stored.
_BINDABLE = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


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
            cause = bad_value("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
            raise invalid("TokenRequest", "authentication.k8s.io", "", [cause])
        account = self._registry.store.get("serviceaccounts", (namespace, name))
        uid = "" if account is None else account.body["metadata"]["uid"]
        now = self._registry.clock.wall()
        expires = now + timedelta(seconds=seconds)
        bound: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}
        reference = spec.get("boundObjectRef")
        if reference:
            uid = self._bound_to(namespace, reference)
            bound[reference["kind"].lower()] = {"name": reference["name"], "uid": uid}
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

    def _bound_to(self, namespace: str, reference: dict[str, Any]) -> str:
        """The uid of the object that a token is to end with; 404 when there is none."""
        kind, name = reference.get("kind", ""), reference.get("name", "")
        if not name:
            cause = required("spec.boundObjectRef.name")
            raise invalid("TokenRequest", "authentication.k8s.io", "", [cause])
        if kind not in _BINDABLE:
            raise ApiError(400, "BadRequest", f"cannot bind token for serviceaccount to type {kind}")
        stored = self._registry.store.get(_BINDABLE[kind], ("" if kind == "Node" else namespace, name))
        if stored is None:
            raise not_found(_BINDABLE[kind], "", name)
        uid = str(stored.body["metadata"]["uid"])
        if reference.get("uid", uid) != uid:
            text = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise conflict(_BINDABLE[kind], "", name, text)
        return uid

    def user(self, token: str, audiences: Sequence[str] = ()) -> UserInfo | None:
        """Whose token it is; None for one that is not ours, nor for one of ``audiences`` (this server), expired, or of
        an account or another object that is gone."""
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[_ALGORITHM],
                audience=audiences or ISSUER,
                issuer=ISSUER,
                options=options,
            )
        except jwt.PyJWTError:
            return None
        bound = claims["kubernetes.io"]
        namespace, account = bound["namespace"], bound["serviceaccount"]
        stored = self._registry.store.get("serviceaccounts", (namespace, account["name"]))
        if stored is None or stored.body["metadata"]["uid"] != account["uid"]:
            return None
        for kind, storage in _BINDABLE.items():
            held = bound.get(kind.lower())
            if held is not None:
                found = self._registry.store.get(storage, ("" if kind == "Node" else namespace, held["name"]))
                if found is None or found.body["metadata"]["uid"] != held["uid"]:
                    return None
        if claims["exp"] <= self._registry.clock.wall().timestamp():
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return UserInfo(claims["sub"], account["uid"], groups)
