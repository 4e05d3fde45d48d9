"""Who may do what inside of a cluster: Entra's access tokens and local accounts, Azure's roles beside Kubernetes' RBAC.

Source: AKS documentation, "Use Azure RBAC for Kubernetes Authorization" and "AKS-managed Microsoft Entra integration";
data actions as the authorizer behind it (kubeguard/guard) asks for them.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ....kubernetes.authorization import Attributes, Verdict
from ....kubernetes.identity import MASTERS, UserInfo
from ...store import Record
from ..authorization import permits
from .base import CLUSTERS
from .credentials import SERVER_APPLICATION, token

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_ADMIN = UserInfo("masterclient", groups=(MASTERS, "system:authenticated"))
_OID = "oid"
_DENIED = "User does not have access to the resource in Azure. Update role assignment to allow access."
_VERBS = {
    **dict.fromkeys(("get", "list", "watch"), "read"),
    **dict.fromkeys(("create", "update", "patch"), "write"),
    **dict.fromkeys(("delete", "deletecollection"), "delete"),
}
_T = TypeVar("_T")


def users(emulator: AzureEmulator, cluster_id: str) -> Callable[[str], UserInfo | None]:
    """The token check of a cluster."""

    def check(sent: str) -> UserInfo | None:
        cluster = emulator.store.get(cluster_id)
        if cluster is None:
            return None
        if _local(cluster, sent):
            return _ADMIN
        claims = emulator.authority.verify(sent) if sent.count(".") == 2 else None
        if claims is None or claims["aud"] != SERVER_APPLICATION or claims["exp"] <= time.time():
            return None
        profile = cluster.properties.get("aadProfile")
        return None if profile is None else _entra(profile, claims)

    return check


def _local(cluster: Record, sent: str) -> bool:
    """Static tokens: the administrator's while local accounts are on; the user's where there is no Entra."""
    if cluster.properties.get("disableLocalAccounts"):
        return False
    accounts = ["admin"] if cluster.properties.get("aadProfile") else ["admin", "user"]
    return any(hmac.compare_digest(sent.encode(), token(cluster, account).encode()) for account in accounts)


def _entra(profile: dict[str, Any], claims: dict[str, Any]) -> UserInfo:
    """An application is named by its object id, its groups by theirs."""
    groups = [str(one).lower() for one in claims.get("groups") or []]
    admins = {str(one).lower() for one in profile.get("adminGroupObjectIDs") or []}
    masters = (MASTERS,) if admins & set(groups) else ()
    return UserInfo(str(claims["oid"]), groups=(*groups, *masters), extra={_OID: [str(claims["oid"])]})


def decide(emulator: AzureEmulator, cluster_id: str) -> Callable[[UserInfo, Attributes], Verdict]:
    """Role assignments at the cluster, above it or at one of its namespaces, where Azure RBAC is on."""

    def answer(user: UserInfo, wanted: Attributes) -> Verdict:
        cluster = emulator.store.get(cluster_id)
        profile = (cluster.properties.get("aadProfile") or {}) if cluster is not None else {}
        if cluster is None or not profile.get("enableAzureRBAC") or user.username.startswith("system:"):
            return Verdict(False)
        if user.username == _ADMIN.username:
            return Verdict(False)
        principals = [*(user.extra.get(_OID) or [user.username]), *user.groups]
        scope = f"{cluster.id}/namespaces/{wanted.namespace}" if wanted.namespace else cluster.id
        allowed = _undisturbed(lambda: permits(emulator, principals, scope, data_action(wanted)))
        return Verdict(True) if allowed else Verdict(False, _DENIED)

    return answer


def data_action(wanted: Attributes) -> str:
    """``Microsoft.ContainerService/managedClusters/apps/deployments/write``."""
    if wanted.path:
        return f"{CLUSTERS}/{wanted.path.strip('/').partition('/')[0]}/read"
    name = f"{wanted.group}/{wanted.resource}" if wanted.group else wanted.resource
    if wanted.subresource in ("exec", "attach", "portforward", "proxy"):
        return f"{CLUSTERS}/{name}/{wanted.subresource}/action"
    verb = _VERBS.get(wanted.verb)
    return f"{CLUSTERS}/{name}/{verb}" if verb else f"{CLUSTERS}/{name}/{wanted.verb}/action"


def _undisturbed(look: Callable[[], _T]) -> _T:
    """Look into the store from another thread than its own: again when it changed meanwhile."""
    while True:
        try:
            return look()
        except RuntimeError:  # a dictionary changed its size
            continue
