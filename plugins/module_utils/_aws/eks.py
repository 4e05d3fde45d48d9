# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EKS control plane, changed one aspect at a time: EKS runs one update of a cluster at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .._engine.errors import Busy, Conflict, NotFound
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Progress, Recovery, Resource, State, Status
from .._engine.tags import tag_changes
from .base import AwsResource, Item
from .client import Session
from .eks_versions import minor, minor_name, skew_problem

_STATES = {"ACTIVE": Status.READY, "DELETING": Status.DELETING, "FAILED": Status.FAILED}
_UPDATE_STATES = {"Successful": State.DONE, "Failed": State.FAILED, "Cancelled": State.FAILED}
LOG_TYPES = {
    "api": "api",
    "audit": "audit",
    "authenticator": "authenticator",
    "controller_manager": "controllerManager",
    "scheduler": "scheduler",
}


def _same_mode(want: Any, have: Any) -> bool:
    """A cluster that also honours its aws-auth map is left so: taking that away could lock its users out."""
    return have == want or (want == "API" and have == "API_AND_CONFIG_MAP")


class EksResource(AwsResource):
    """What EKS changes by updates of their own, each with an id to ask for."""

    def poll(self, operation: Operation) -> Progress:
        if operation.handle is None:
            return Progress(State.DONE)  # the object's own status tells the rest
        update = self.session.call("eks", "describe_update", **operation.handle)["update"]
        state = _UPDATE_STATES.get(update["status"], State.RUNNING)
        if state is State.FAILED:
            words = [f"{item.get('errorMessage', '')} [{item.get('errorCode', '')}]" for item in update["errors"]]
            return Progress(state, "; ".join(words) or f"the update ended as {update['status']}")
        return Progress(state, f"{update['type']} {update['status']}")

    def retag(self, arn: str, observed: Observed, desired: dict[str, Any]) -> None:
        tags = tag_changes(desired["tags"], observed.values["tags"])
        self.session.call("eks", "tag_resource", resourceArn=arn, tags=tags)


def issues_of(found: Item) -> str:
    """What EKS says is wrong with an object."""
    issues = (found.get("health") or {}).get("issues") or ()
    return "; ".join(f"{item.get('message', '')} [{item.get('code', '')}]" for item in issues)


def settled(now: Sequence[str], wanted: Sequence[Any], *, least: int = 1) -> list[Any]:
    """The subnets that an object has, as long as the network still has them; else those wanted.

    EKS takes neither a cluster nor a node group to zones that it was not made in (Amazon EKS user guide, VPC and
    subnet requirements), and nothing has to move only because the network has grown.
    """
    return list(now) if len(now) >= least and set(now) <= set(wanted) else list(wanted)


class Cluster(EksResource):
    """One EKS cluster."""

    kind: ClassVar[str] = "aws.eks.cluster"
    fields: ClassVar[Fields] = Fields(
        {
            "version": MUTABLE,
            "roleArn": IMMUTABLE,
            "subnetIds": Field(unordered=True),
            "securityGroupIds": Field(unordered=True),
            "endpointPublicAccess": MUTABLE,
            "endpointPrivateAccess": MUTABLE,
            "publicAccessCidrs": Field(unordered=True),
            "serviceIpv4Cidr": IMMUTABLE,
            "logTypes": Field(unordered=True),
            "encryptionKey": MUTABLE,  # can be set once; check_update refuses the rest
            "authenticationMode": Field(equal=_same_mode),
            "bootstrapClusterCreatorAdminPermissions": CREATE_ONLY,
            "supportType": MUTABLE,
            "deletionProtection": MUTABLE,
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        *,
        role: Resource,
        subnets: Sequence[Resource],
        security_groups: Sequence[Resource],
        key: Resource | str,
        settings: dict[str, Any],
        needs: Sequence[Resource],
        **kwargs: Any,
    ) -> None:
        """key: the KMS key's resource, or "" for none. settings: members of `desired()` that need nothing."""
        keys = [key] if isinstance(key, Resource) else []
        super().__init__(session, name, [role, *subnets, *security_groups, *keys, *needs], **kwargs)
        self.role, self.subnets, self.security_groups = role, list(subnets), list(security_groups)
        self.key_source, self.settings = key, settings
        self._subnets_now: list[str] = []

    def desired(self) -> dict[str, Any]:
        source = self.key_source
        return {
            "roleArn": self.role.out("arn"),
            "subnetIds": settled(self._subnets_now, [subnet.out("id") for subnet in self.subnets], least=2),
            "securityGroupIds": [group.out("id") for group in self.security_groups],
            "endpointPrivateAccess": True,
            "encryptionKey": source.out("arn") if isinstance(source, Resource) else source,
            "authenticationMode": "API",
            # Whoever makes the cluster keeps access to it; others come by `access`.
            "bootstrapClusterCreatorAdminPermissions": True,
            **self.settings,
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        self._subnets_now = []
        try:
            found = self.session.call("eks", "describe_cluster", name=self.name)["cluster"]
        except NotFound:
            return None
        status = _STATES.get(found["status"], Status.PENDING)
        self._subnets_now = list(found["resourcesVpcConfig"].get("subnetIds") or ())
        return Observed(
            _values(found),
            self._outputs(found),
            status,
            issues_of(found) or found["status"],
            found.get("tags") or {},
            # A cluster only ends as FAILED when its creation failed: it holds nothing (Amazon EKS API reference).
            recovery=Recovery.RECREATE,
        )

    def _outputs(self, found: Item) -> dict[str, Any]:
        return {
            "id": found["arn"],
            "arn": found["arn"],
            "name": self.name,
            "version": found["version"],
            "endpoint": found.get("endpoint"),
            "ca": (found.get("certificateAuthority") or {}).get("data"),
            "issuer": ((found.get("identity") or {}).get("oidc") or {}).get("issuer"),
            "security_group_id": found["resourcesVpcConfig"].get("clusterSecurityGroupId"),
        }

    def create(self, desired: dict[str, Any]) -> Operation:
        body: dict[str, Any] = {
            "name": self.name,
            "roleArn": desired["roleArn"],
            "resourcesVpcConfig": {**_network(desired), **_endpoint(desired)},
            "accessConfig": {
                "authenticationMode": desired["authenticationMode"],
                "bootstrapClusterCreatorAdminPermissions": desired["bootstrapClusterCreatorAdminPermissions"],
            },
            # The add-ons are resources of their own; EKS would install unmanaged copies of three of them.
            "bootstrapSelfManagedAddons": False,
            "logging": _logging(desired["logTypes"]),
            "deletionProtection": desired["deletionProtection"],
            "tags": desired["tags"],
            "clientRequestToken": self.session.token(self.key),
        }
        if desired["version"]:
            body["version"] = desired["version"]
        if desired["serviceIpv4Cidr"]:
            body["kubernetesNetworkConfig"] = {"serviceIpv4Cidr": desired["serviceIpv4Cidr"]}
        if desired["encryptionKey"]:
            body["encryptionConfig"] = _encryption(desired["encryptionKey"])
        if desired["supportType"]:
            body["upgradePolicy"] = {"supportType": desired["supportType"]}
        self.session.create("eks", "create_cluster", **body)
        return WATCH

    def check_update(self, observed: Observed, change: Plan) -> str:
        if change.touches("encryptionKey") and observed.values["encryptionKey"]:
            return (
                f"encryptionKey is {observed.values['encryptionKey']}: EKS can neither change nor switch off the "
                "encryption of secrets. Write secrets_encryption: true and this key as encryption_key."
            )
        if not change.touches("version"):
            return ""
        have, want = observed.values["version"], str(self.settings["version"])
        if minor(want) < minor(have):
            return f"version is {have}: EKS cannot go back to {want}. Write version: '{have}', or leave it out."
        return skew_problem(have, want, self._oldest_pool())

    def _oldest_pool(self) -> str | None:
        """The lowest Kubernetes version of the cluster's node groups."""

        def look() -> list[str]:
            names = self.session.pages("eks", "list_nodegroups", "nodegroups", clusterName=self.name)
            found = (
                self.session.call("eks", "describe_nodegroup", clusterName=self.name, nodegroupName=name)
                for name in names
            )
            return [str(item["nodegroup"].get("version")) for item in found if item["nodegroup"].get("version")]

        return min(self.session.steady(look), key=minor, default=None)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        """One update of EKS a step: settings first, then the version, one minor at a time."""
        if change.touches("tags"):
            self.retag(observed.outputs["arn"], observed, desired)
        if change.touches("encryptionKey"):
            return self._start(
                "associate_encryption_config",
                clusterName=self.name,
                encryptionConfig=_encryption(desired["encryptionKey"]),
            )
        for paths, body in _configurations(observed, desired):
            if change.touches(*paths):
                return self._start("update_cluster_config", name=self.name, **body)
        if change.touches("version"):
            step = minor_name(observed.values["version"], 1)
            return self._start("update_cluster_version", name=self.name, version=step)
        return WATCH

    def _start(self, operation: str, **body: Any) -> Operation:
        update = self.session.call("eks", operation, **body)["update"]
        return Operation({"name": self.name, "updateId": update["id"]})

    def check_delete(self, observed: Observed) -> str:
        if observed.values["deletionProtection"]:
            return "deletion_protection is on. Set it to false, apply that, and then delete."
        return ""

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        try:
            self.session.call("eks", "delete_cluster", name=self.name)
        except Conflict as error:
            going, held = self._remove_node_groups()
            if going:
                raise Busy(f"node groups that are not in the specification go first: {', '.join(going)}") from error
            if held:
                error.hint = f"Node groups that somebody else made hold it: {', '.join(held)}. Delete them first."
            raise
        return WATCH

    def _remove_node_groups(self) -> tuple[list[str], list[str]]:
        """Delete the node groups that this site made and the specification does not name any more: a cluster goes with
        all that is ours in it. Returns their names, and the names of those that are not ours."""
        going, held = [], []
        names = self.session.steady(
            lambda: self.session.pages("eks", "list_nodegroups", "nodegroups", clusterName=self.name)
        )
        for name in names:
            found = self.session.call("eks", "describe_nodegroup", clusterName=self.name, nodegroupName=name)
            group = found["nodegroup"]
            if not self.session.site.owner.owns(group.get("tags") or {}):
                held.append(name)
                continue
            going.append(name)
            if group["status"] not in ("CREATING", "UPDATING", "DELETING"):
                self.session.call("eks", "delete_nodegroup", clusterName=self.name, nodegroupName=name)
        return going, held


def _values(found: Item) -> dict[str, Any]:
    vpc = found["resourcesVpcConfig"]
    groups = (found.get("logging") or {}).get("clusterLogging") or ()
    providers = [item.get("provider") or {} for item in found.get("encryptionConfig") or ()]
    return {
        "version": found["version"],
        "roleArn": found["roleArn"],
        "subnetIds": list(vpc.get("subnetIds") or ()),
        "securityGroupIds": list(vpc.get("securityGroupIds") or ()),
        "endpointPublicAccess": bool(vpc.get("endpointPublicAccess")),
        "endpointPrivateAccess": bool(vpc.get("endpointPrivateAccess")),
        "publicAccessCidrs": list(vpc.get("publicAccessCidrs") or ()),
        "serviceIpv4Cidr": (found.get("kubernetesNetworkConfig") or {}).get("serviceIpv4Cidr"),
        "logTypes": [kind for group in groups if group.get("enabled") for kind in group.get("types") or ()],
        "encryptionKey": next((item["keyArn"] for item in providers if item.get("keyArn")), ""),
        "authenticationMode": (found.get("accessConfig") or {}).get("authenticationMode"),
        "supportType": (found.get("upgradePolicy") or {}).get("supportType"),
        "deletionProtection": bool(found.get("deletionProtection")),
        "tags": found.get("tags") or {},
    }


def _configurations(observed: Observed, desired: dict[str, Any]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Fields, and the body that changes them. UpdateClusterConfig takes one of these at a time (API reference)."""
    return [
        # From a config map alone there is no way back, so the map goes on being honoured beside the API.
        (("authenticationMode",), {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}),
        (("logTypes",), {"logging": _logging(desired["logTypes"], observed.values["logTypes"])}),
        (("subnetIds", "securityGroupIds"), {"resourcesVpcConfig": _network(desired)}),
        (
            ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"),
            {"resourcesVpcConfig": _endpoint(desired)},
        ),
        (("supportType",), {"upgradePolicy": {"supportType": desired["supportType"]}}),
        (("deletionProtection",), {"deletionProtection": desired["deletionProtection"]}),
    ]


def _network(desired: dict[str, Any]) -> dict[str, Any]:
    return {"subnetIds": desired["subnetIds"], "securityGroupIds": desired["securityGroupIds"]}


def _endpoint(desired: dict[str, Any]) -> dict[str, Any]:
    body = {
        "endpointPublicAccess": desired["endpointPublicAccess"],
        "endpointPrivateAccess": desired["endpointPrivateAccess"],
    }
    cidrs = desired["publicAccessCidrs"] if desired["endpointPublicAccess"] else None
    return {**body, "publicAccessCidrs": cidrs} if cidrs else body


def _logging(wanted: Sequence[str], current: Sequence[str] = ()) -> dict[str, Any]:
    groups = [(list(wanted), True), ([kind for kind in current if kind not in wanted], False)]
    return {"clusterLogging": [{"types": types, "enabled": enabled} for types, enabled in groups if types]}


def _encryption(key_arn: str) -> list[dict[str, Any]]:
    return [{"resources": ["secrets"], "provider": {"keyArn": key_arn}}]
