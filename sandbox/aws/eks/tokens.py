"""Who a bearer token of an EKS cluster is: a presigned question to STS, and the cluster's access entry for the answer.

Sources: ``aws eks get-token`` of the AWS CLI; aws-iam-authenticator's token verifier (what an address may contain, how
long it is good); EKS User Guide, "Create access entries" (names of users).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from ...core.connection import AWS_ACCESS_KEY, AWS_SECRET_KEY
from ...kubernetes.identity import MASTERS, UserInfo
from ..identity import USER_ID, USER_NAME
from ..world import World
from .state import Cluster

PREFIX = "k8s-aws-v1."
_CLUSTER_HEADER = "x-k8s-aws-id"
_LONGEST = 4096
# STS takes a presigned GetCallerIdentity for 15 minutes, whatever it says of itself; clocks may differ a little.
_GOOD_FOR, _SKEW = timedelta(minutes=15), timedelta(minutes=5)
_HOST = re.compile(r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)")
_REQUIRED = {
    "Action": "GetCallerIdentity",
    "Version": "2011-06-15",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": None,
    "X-Amz-Date": None,
    "X-Amz-Expires": None,
    "X-Amz-SignedHeaders": None,
    "X-Amz-Signature": None,
}
_ALLOWED = {*_REQUIRED, "X-Amz-Security-Token"}
_ATTEMPTS = 3


@dataclass(frozen=True)
class Caller:
    """Whom STS would name. ``principal`` is what access entries are made for: a user, or a session's role."""

    principal: str
    arn: str
    user_id: str
    access_key: str
    session: str = ""


class Tokens:
    """The token check of one cluster. Reads the account's data without waiting for the emulator's worker."""

    def __init__(self, world: World, cluster: Cluster) -> None:
        self._world = world
        self._cluster = cluster

    def check(self, token: str) -> UserInfo | None:
        """The user; None (401) for anything that is not a good token of a principal that the cluster knows."""
        caller = self._caller(token)
        return None if caller is None else self._user(caller)

    # --- the address ----------------------------------------------------------------------------------------------

    def _caller(self, token: str) -> Caller | None:
        if not token.startswith(PREFIX) or len(token) > _LONGEST:
            return None
        encoded = token.removeprefix(PREFIX)
        try:
            if "=" in encoded:  # without padding
                return None
            text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
            parts = urlsplit(text)
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
        except (binascii.Error, ValueError):
            return None
        own = urlsplit(self._world.context.url)
        if (parts.scheme, parts.netloc) != (own.scheme, own.netloc) and not (
            parts.scheme == "https" and _HOST.fullmatch(parts.netloc)
        ):
            return None
        query = dict(pairs)
        if len(query) != len(pairs) or not set(_REQUIRED) <= set(query) <= _ALLOWED or parts.path not in ("", "/"):
            return None
        if any(value is not None and query[name] != value for name, value in _REQUIRED.items()):
            return None
        signed = query["X-Amz-SignedHeaders"].split(";")
        if "host" not in signed or _CLUSTER_HEADER not in signed or set(signed) - {"host", _CLUSTER_HEADER}:
            return None
        return self._signer(parts.netloc, query) if _is_fresh(query) else None

    def _signer(self, host: str, query: dict[str, str]) -> Caller | None:
        scope = query["X-Amz-Credential"].split("/")
        if len(scope) != 5 or scope[3:] != ["sts", "aws4_request"] or not query["X-Amz-Date"].startswith(scope[1]):
            return None
        found = _steadily(lambda: self._key(scope[0]))
        if found is None:
            return None
        secret, session_token, caller = found
        if query.get("X-Amz-Security-Token", "") != session_token:
            return None
        if not hmac.compare_digest(self._signature(secret, host, query, scope), query["X-Amz-Signature"]):
            return None
        return caller

    def _signature(self, secret: str, host: str, query: dict[str, str], scope: list[str]) -> str:
        """Of GET with no body; the cluster's name comes from the cluster, not from the token."""
        rest = sorted((name, value) for name, value in query.items() if name != "X-Amz-Signature")
        text = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in rest)
        headers = {"host": host, _CLUSTER_HEADER: self._cluster.name}
        signed = query["X-Amz-SignedHeaders"]
        lines = "".join(f"{name}:{headers[name]}\n" for name in signed.split(";"))
        request = "\n".join(("GET", "/", text, lines, signed, hashlib.sha256(b"").hexdigest()))
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = "\n".join(("AWS4-HMAC-SHA256", query["X-Amz-Date"], "/".join(scope[1:]), digest))
        key = f"AWS4{secret}".encode()
        for step in scope[1:]:
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()

    def _key(self, access_key: str) -> tuple[str, str, Caller] | None:
        """Secret, session token and owner of an access key of the account."""
        account = self._world.account
        if access_key == AWS_ACCESS_KEY:
            arn = f"arn:aws:iam::{account}:user/{USER_NAME}"
            return AWS_SECRET_KEY, "", Caller(arn, arn, USER_ID, access_key)
        session = self._world.backend("sts", "aws").get_assumed_role_from_access_key(access_key)
        if session is not None:
            if session.expiration.replace(tzinfo=UTC) <= datetime.now(UTC):
                return None
            caller = Caller(session.role_arn, session.arn, session.user_id, access_key, session.session_name)
            return session.secret_access_key, session.session_token, caller
        key = self._world.iam().access_keys.get(access_key)
        if key is None or key.status != "Active":
            return None
        user = self._world.iam().get_user_from_access_key_id(access_key)
        return key.secret_access_key, "", Caller(user.arn, user.arn, user.id, access_key)

    # --- the access entry -----------------------------------------------------------------------------------------

    def _user(self, caller: Caller) -> UserInfo | None:
        account = self._world.account
        identity = {
            "accessKeyId": [caller.access_key],
            "arn": [caller.arn],
            "canonicalArn": [caller.principal],
            "principalId": [caller.user_id.split(":")[0]],
            "sessionName": [caller.session],
        }
        uid = f"aws-iam-authenticator:{account}:{caller.user_id.split(':')[0]}"
        mode = self._cluster.document["accessConfig"]["authenticationMode"]
        entry = self._cluster.access_entries.get(caller.principal) if mode != "CONFIG_MAP" else None
        if entry is not None:
            name = str(entry.document["username"])
            name = name.replace("{{SessionName}}", caller.session.replace("@", "-"))
            name = name.replace("{{SessionNameRaw}}", caller.session).replace("{{AccountID}}", account)
            return UserInfo(name, uid, tuple(entry.document["kubernetesGroups"]), identity)
        if mode != "API" and caller.principal == self._cluster.hidden_admin:
            # Clusters that know the ConfigMap alone let their creator in without a word about it.
            return UserInfo("kubernetes-admin", uid, (MASTERS,), identity)
        return None


def _is_fresh(query: dict[str, str]) -> bool:
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(query["X-Amz-Expires"])
    except ValueError:
        return False
    # Signed by clocks that the emulator's own, which may be put forward, says nothing about.
    now = datetime.now(UTC)
    return 0 <= seconds <= _GOOD_FOR.total_seconds() and now - _GOOD_FOR <= signed <= now + _SKEW


def _steadily(look: Callable[[], tuple[str, str, Caller] | None]) -> tuple[str, str, Caller] | None:
    """Look again when the data changed under the look."""
    for _ in range(_ATTEMPTS):
        try:
            return look()
        except RuntimeError:  # a dictionary or list that grew meanwhile
            continue
    return None
