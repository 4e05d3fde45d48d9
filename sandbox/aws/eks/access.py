"""Access entries and access policies."""

from __future__ import annotations

from typing import Any

from ...core.connection import AWS_ACCESS_KEY
from ..hooks import Hooks
from ..identity import USER_NAME
from ..wire import Call
from ..world import World
from .catalog import ACCESS_POLICIES
from .checks import Checks
from .errors import in_use, invalid, invalid_request, not_found
from .paging import page
from .state import AccessEntry, Cluster, Document
from .store import Store

_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_NODE_TYPES = ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX")


def caller_arn(world: World, call: Call) -> str:
    """The principal that the call is signed by: a user, or the role behind a session."""
    if call.access_key in (None, AWS_ACCESS_KEY):
        return f"arn:aws:iam::{world.account}:user/{USER_NAME}"
    session = world.backend("sts", "aws").get_assumed_role_from_access_key(call.access_key)
    if session is not None:
        return str(session.role_arn)
    return str(world.iam().get_user_from_access_key_id(call.access_key).arn)


def bootstrap_entries(world: World, cluster: Cluster, call: Call) -> None:
    """The access entry that EKS makes for a cluster's creator."""
    wanted = call.params.get("accessConfig", {})
    if wanted.get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        if wanted.get("bootstrapClusterCreatorAdminPermissions", True):
            cluster.hidden_admin = caller_arn(world, call)
        return
    if wanted.get("bootstrapClusterCreatorAdminPermissions", True):
        entry = make_entry(world, cluster, caller_arn(world, call), "STANDARD", {})
        _associate(world, entry, _ADMIN, {"type": "cluster", "namespaces": []})


def node_role_entry(world: World, cluster: Cluster, role_arn: str) -> None:
    """The access entry that EKS makes for the role of a managed node group."""
    by_api = cluster.document["accessConfig"]["authenticationMode"] != "CONFIG_MAP"
    if by_api and role_arn not in cluster.access_entries:
        make_entry(world, cluster, role_arn, "EC2_LINUX", {})


def make_entry(world: World, cluster: Cluster, arn: str, kind: str, wanted: Document) -> AccessEntry:
    """Add an access entry with EKS's defaults for its type."""
    now = world.clock.wall()
    principal = arn.split(":", 5)[5]
    sort, _, name = principal.partition("/")
    node = kind in _NODE_TYPES
    document: Document = {
        "clusterName": cluster.name,
        "principalArn": arn,
        "kubernetesGroups": ["system:nodes"] if node else list(wanted.get("kubernetesGroups", [])),
        "accessEntryArn": (
            f"arn:aws:eks:{cluster.region}:{world.account}:access-entry/{cluster.name}/{sort}/{world.account}/"
            f"{name.rsplit('/', 1)[-1]}/{world.new_uuid()}"
        ),
        "createdAt": now,
        "modifiedAt": now,
        "tags": dict(wanted.get("tags", {})),
        "username": wanted.get("username") or _username(world, arn, sort, name, node),
        "type": kind,
    }
    entry = AccessEntry(document)
    cluster.access_entries[arn] = entry
    return entry


def _username(world: World, arn: str, sort: str, name: str, node: bool) -> str:
    if node:
        return "system:node:{{EC2PrivateDNSName}}"
    if sort == "role":
        return f"arn:aws:sts::{world.account}:assumed-role/{name.rsplit('/', 1)[-1]}/{{{{SessionName}}}}"
    return arn


def _associate(world: World, entry: AccessEntry, policy_arn: str, scope: Document) -> Document:
    now = world.clock.wall()
    before = entry.policies.get(policy_arn)
    entry.policies[policy_arn] = {
        "policyArn": policy_arn,
        "accessScope": {"type": scope["type"], "namespaces": list(scope.get("namespaces") or [])},
        "associatedAt": before["associatedAt"] if before else now,
        "modifiedAt": now,
    }
    return entry.policies[policy_arn]


class Access:
    """Handlers of the operations on access entries."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.CreateAccessEntry", self.create)
        hooks.replace("eks.DescribeAccessEntry", lambda call: {"accessEntry": self._entry(call).document})
        hooks.replace("eks.UpdateAccessEntry", self.update)
        hooks.replace("eks.DeleteAccessEntry", self.delete)
        hooks.replace("eks.ListAccessEntries", self.list_all)
        hooks.replace("eks.AssociateAccessPolicy", self.associate)
        hooks.replace("eks.DisassociateAccessPolicy", self.disassociate)
        hooks.replace("eks.ListAssociatedAccessPolicies", self.list_associated)
        hooks.replace("eks.ListAccessPolicies", self.list_policies)

    def _cluster(self, call: Call) -> Cluster:
        cluster = self._store.active_cluster(call)
        if cluster.document["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
            raise invalid_request(
                "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
                "operation.",
                clusterName=cluster.name,
            )
        return cluster

    def _entry(self, call: Call) -> AccessEntry:
        cluster = self._cluster(call)
        entry = cluster.access_entries.get(call.params["principalArn"])
        if entry is None:
            raise not_found(
                f"The specified principalArn could not be found. You must specify a principalArn of an existing "
                f"access entry: {call.params['principalArn']}",
                clusterName=cluster.name,
            )
        return entry

    def create(self, call: Call) -> Document:
        """CreateAccessEntry."""
        cluster, wanted = self._cluster(call), call.params
        arn, kind = wanted["principalArn"], wanted.get("type") or "STANDARD"
        if kind not in (*_NODE_TYPES, "STANDARD", "EC2"):
            raise invalid(f"Invalid access entry type: {kind}", clusterName=cluster.name)
        if arn in cluster.access_entries:
            raise in_use(
                "The specified access entry resource is already in use on this cluster.", clusterName=cluster.name
            )
        self._checks.principal(arn, clusterName=cluster.name)
        if kind != "STANDARD" and (wanted.get("kubernetesGroups") or wanted.get("username")):
            raise invalid(
                f"Cannot specify kubernetesGroups or username with access entry type {kind}", clusterName=cluster.name
            )
        _refuse_system_groups(wanted.get("kubernetesGroups", ()), cluster.name)
        return {"accessEntry": make_entry(self._world, cluster, arn, kind, wanted).document}

    def update(self, call: Call) -> Document:
        """UpdateAccessEntry."""
        entry, wanted = self._entry(call), call.params
        if entry.document["type"] != "STANDARD":
            raise invalid_request("Only access entries of type STANDARD can be updated")
        if wanted.get("kubernetesGroups") is not None:
            _refuse_system_groups(wanted["kubernetesGroups"], entry.document["clusterName"])
            entry.document["kubernetesGroups"] = list(wanted["kubernetesGroups"])
        if wanted.get("username"):
            entry.document["username"] = wanted["username"]
        entry.document["modifiedAt"] = self._world.clock.wall()
        return {"accessEntry": entry.document}

    def delete(self, call: Call) -> Document:
        """DeleteAccessEntry."""
        self._entry(call)
        del self._store.cluster(call).access_entries[call.params["principalArn"]]
        return {}

    def list_all(self, call: Call) -> Document:
        """ListAccessEntries, of all principals or of those with one policy."""
        policy = call.params.get("associatedPolicyArn")
        entries = self._cluster(call).access_entries
        return page(
            call,
            sorted(arn for arn, entry in entries.items() if not policy or policy in entry.policies),
            "accessEntries",
        )

    def associate(self, call: Call) -> Document:
        """AssociateAccessPolicy: sets the scope anew when the policy is already there."""
        entry, wanted = self._entry(call), call.params
        names: dict[str, Any] = {"clusterName": wanted["clusterName"]}
        if wanted["policyArn"] not in ACCESS_POLICIES:
            raise not_found(f"The specified policyArn could not be found: {wanted['policyArn']}", **names)
        if entry.document["type"] not in ("STANDARD", "EC2"):
            raise invalid_request("Access policies can only be associated with STANDARD access entries", **names)
        scope = wanted["accessScope"]
        if not scope.get("type") or (scope["type"] == "namespace") != bool(scope.get("namespaces")):
            raise invalid("Namespaces are required exactly when the access scope type is namespace", **names)
        associated = _associate(self._world, entry, wanted["policyArn"], scope)
        return {**names, "principalArn": wanted["principalArn"], "associatedAccessPolicy": associated}

    def disassociate(self, call: Call) -> Document:
        """DisassociateAccessPolicy."""
        entry = self._entry(call)
        if call.params["policyArn"] not in entry.policies:
            raise not_found(
                f"The specified policyArn is not associated: {call.params['policyArn']}",
                clusterName=call.params["clusterName"],
            )
        del entry.policies[call.params["policyArn"]]
        return {}

    def list_associated(self, call: Call) -> Document:
        """ListAssociatedAccessPolicies."""
        entry = self._entry(call)
        names = {key: call.params[key] for key in ("clusterName", "principalArn")}
        return {**names, **page(call, list(entry.policies.values()), "associatedAccessPolicies")}

    @staticmethod
    def list_policies(call: Call) -> Document:
        """ListAccessPolicies."""
        return page(call, [{"name": name, "arn": arn} for arn, name in ACCESS_POLICIES.items()], "accessPolicies")


def _refuse_system_groups(groups: Any, cluster: str) -> None:
    for group in groups:
        if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")):
            raise invalid(
                f"The kubernetes group name {group} is invalid, it cannot start with system:", clusterName=cluster
            )
