"""Who may do what inside of a cluster: Google's access tokens, and IAM beside Kubernetes' own RBAC.

Source: GKE documentation, "Authorize actions in clusters using Kubernetes RBAC" and the list of IAM roles; the words of
the refusal are those that clients report.
"""

from __future__ import annotations

from collections.abc import Callable

from ...kubernetes.authorization import Attributes, Verdict
from ...kubernetes.identity import UserInfo
from ..auth import Tokens
from ..permissions import roles_of
from ..state import State

_MAIL = "iam.gke.io/user-assertion"
_EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
_READING = ("get", "list", "watch")
_EVERYTHING = frozenset({"roles/owner", "roles/container.admin"})
_WRITING = frozenset({"roles/editor", "roles/container.developer"})
_LOOKING = frozenset({"roles/viewer", "roles/container.viewer"})
# Kinds that IAM writes in more than one word; of the built-in groups all others are written as they are.
_WORDS = """
    apiServices certificateSigningRequests clusterRoleBindings clusterRoles componentStatuses configMaps
    controllerRevisions cronJobs csiDrivers csiNodes customResourceDefinitions daemonSets endpointSlices
    horizontalPodAutoscalers ingressClasses limitRanges localSubjectAccessReviews mutatingWebhookConfigurations
    networkPolicies persistentVolumeClaims persistentVolumes podDisruptionBudgets podTemplates priorityClasses
    replicaSets replicationControllers resourceQuotas roleBindings runtimeClasses selfSubjectAccessReviews
    selfSubjectRulesReviews serviceAccounts statefulSets storageClasses subjectAccessReviews tokenReviews
    validatingWebhookConfigurations volumeAttachments volumeSnapshots volumeSnapshotClasses volumeSnapshotContents
"""
_SPELLED = {word.lower(): word for word in _WORDS.split()}
_BUILT_IN = (
    *("", "apps", "autoscaling", "batch", "policy", "extensions", "admissionregistration.k8s.io"),
    *("apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io"),
    *("certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "networking.k8s.io"),
    *("node.k8s.io", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "snapshot.storage.k8s.io"),
)
_VERBS = {"watch": "list", "patch": "update", "deletecollection": "delete"}
# Subresource and verb to the permission's last word.
_SUBRESOURCES = {
    "log": "getLogs",
    "exec": "exec",
    "attach": "attach",
    "portforward": "portForward",
    "proxy": "proxy",
    "eviction": "evict",
    "token": "createToken",
    "finalize": "finalize",
    "approval": "approve",
}


def users(tokens: Tokens, state: Callable[[], State]) -> Callable[[str], UserInfo | None]:
    """The token check of every cluster: any good token of Google's is somebody, whatever they may do.

    A token that was not asked for the scope ``userinfo.email`` names its holder by the account's unique id.
    """

    def check(token: str) -> UserInfo | None:
        grant = tokens.holder(token)
        if grant is None:
            return None
        account = state().service_accounts.get(grant.mail)
        if account is None:
            return None
        name = grant.mail if _EMAIL_SCOPE in grant.scopes else account["uniqueId"]
        return UserInfo(name, extra={_MAIL: [grant.mail]})

    return check


def decide(state: Callable[[], State]) -> Callable[[UserInfo, Attributes], Verdict]:
    """IAM beside RBAC: the project's policy as it is when it is asked."""

    def answer(user: UserInfo, wanted: Attributes) -> Verdict:
        if user.username.startswith("system:"):
            return _NO  # the cluster's own: RBAC alone
        roles = roles_of(state(), (user.extra.get(_MAIL) or [user.username])[0])
        if roles & _EVERYTHING:
            return Verdict(True)
        if wanted.path:
            return _NO
        if roles & _WRITING and _may_write(wanted):
            return Verdict(True)
        if roles & (_LOOKING | _WRITING) and _may_look(wanted):
            return Verdict(True)
        return Verdict(False, f'requires one of ["{permission(wanted)}"] permission(s).')

    return answer


_NO = Verdict(False)


def _may_write(wanted: Attributes) -> bool:
    """Developers and editors: everything but roles and acting as somebody else."""
    if wanted.group == "rbac.authorization.k8s.io":
        return wanted.verb in _READING
    return wanted.verb != "impersonate"


def _may_look(wanted: Attributes) -> bool:
    """Viewers: all but secrets, and not through proxies."""
    if wanted.verb not in _READING or wanted.resource == "secrets":
        return False
    return wanted.subresource in ("", "log", "status", "scale")


def permission(wanted: Attributes) -> str:
    """``container.pods.list``; objects of kinds that a cluster added are ``container.thirdPartyObjects``."""
    if wanted.path:
        return "container.clusters.get"
    own = wanted.group in _BUILT_IN
    name = _SPELLED.get(wanted.resource, wanted.resource) if own else "thirdPartyObjects"
    verb = _VERBS.get(wanted.verb, wanted.verb)
    if wanted.subresource in ("status", "scale"):
        part = wanted.subresource.capitalize()
        return f"container.{name}.{'get' if verb in ('get', 'list') else 'update'}{part}"
    return f"container.{name}.{_SUBRESOURCES.get(wanted.subresource, verb)}"
