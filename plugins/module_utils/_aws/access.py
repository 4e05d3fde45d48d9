# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a cluster: access entries for people, pod identity associations for workloads."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from .._engine.errors import Conflict, NotFound
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, WATCH, NotYetKnown, Observed, Operation, Resource
from .base import Item
from .client import Session
from .eks import EksResource

POLICIES = {
    "admin": "AmazonEKSClusterAdminPolicy",
    "edit": "AmazonEKSEditPolicy",
    "view": "AmazonEKSViewPolicy",
}


class AccessEntries(EksResource):
    """The principals of `access` and what each may do in the whole cluster.

    Entries that others made (the creator's, those of node roles) stay, unless the specification names their principal;
    entries made here whose principal is no longer named are taken away.
    grants: principal ARN -> role.
    """

    kind: ClassVar[str] = "aws.eks.access_entries"
    fields: ClassVar[Fields] = Fields({"entries": Field(key="principal"), "entries[].policies": Field(unordered=True)})

    def __init__(
        self, session: Session, name: str, cluster: Resource, grants: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(session, name, [cluster], **kwargs)
        self.cluster, self.grants = cluster, dict(grants)

    def desired(self) -> dict[str, Any]:
        return {
            "entries": [
                {"principal": principal, "policies": [POLICIES[role]]} for principal, role in self.grants.items()
            ]
        }

    def read(self) -> Observed | None:
        try:
            cluster = self.cluster.known("name")
            principals = self.session.pages("eks", "list_access_entries", "accessEntries", clusterName=cluster)
        except (NotFound, NotYetKnown):
            return None
        entries = []
        for principal in principals:
            if principal in self.grants or self._made_here(cluster, principal):
                entries.append({"principal": principal, "policies": self._policies(cluster, principal)})
        if not entries:
            return None
        return Observed({"entries": entries}, {"id": f"{self.cluster.known('arn')}/access-entries"})

    def _made_here(self, cluster: str, principal: str) -> bool:
        try:
            found = self.session.call("eks", "describe_access_entry", clusterName=cluster, principalArn=principal)
        except NotFound:
            return False
        return self.session.site.owner.owns(found["accessEntry"].get("tags") or {})

    def _policies(self, cluster: str, principal: str) -> list[str]:
        """Names of policies; one that is limited to namespaces says so and so is no policy of the specification."""
        listed = self.session.pages(
            "eks",
            "list_associated_access_policies",
            "associatedAccessPolicies",
            clusterName=cluster,
            principalArn=principal,
        )
        return [_shown(item) for item in listed]

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._change([], desired["entries"])

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._change(observed.values["entries"], desired["entries"])

    def _change(self, have: list[Item], want: list[Item]) -> Operation:
        cluster = self.cluster.known("name")
        there = {item["principal"]: item["policies"] for item in have}
        for item in want:
            principal = item["principal"]
            if principal not in there:
                # One that EKS made for its creator stays as it is: it must outlive its place in the specification.
                with suppress(Conflict):
                    self.session.create(
                        "eks",
                        "create_access_entry",
                        clusterName=cluster,
                        principalArn=principal,
                        type="STANDARD",
                        tags=self.tags,
                    )
            self._grant(cluster, principal, there.get(principal, []), item["policies"])
        for principal in there.keys() - {item["principal"] for item in want}:
            self._revoke(cluster, principal)
        return WATCH

    def _grant(self, cluster: str, principal: str, have: list[str], want: list[str]) -> None:
        for policy in want:
            if policy not in have:
                self.session.create(
                    "eks",
                    "associate_access_policy",
                    clusterName=cluster,
                    principalArn=principal,
                    policyArn=self._policy_arn(policy),
                    accessScope={"type": "cluster"},
                )
        for policy in have:
            name = policy.split(" ", maxsplit=1)[0]
            if policy not in want and name not in want:
                self.session.call(
                    "eks",
                    "disassociate_access_policy",
                    clusterName=cluster,
                    principalArn=principal,
                    policyArn=self._policy_arn(name),
                )

    def _policy_arn(self, name: str) -> str:
        return self.session.arn("eks", f"cluster-access-policy/{name}", region="", account="aws")

    def _revoke(self, cluster: str, principal: str) -> None:
        self.session.call("eks", "delete_access_entry", clusterName=cluster, principalArn=principal)

    def delete(self, observed: Observed) -> Operation:
        """Only what was made here goes: the creator's own entry stays, whether or not `access` names it."""
        cluster = self.cluster.known("name")
        for item in observed.values["entries"]:
            principal = item["principal"]
            if self.session.steady(lambda who=principal: self._made_here(cluster, who)):  # type: ignore[misc]
                self._revoke(cluster, principal)
        self.grants = {}
        return DONE


def _shown(item: Item) -> str:
    name = item["policyArn"].rpartition("/")[2]
    scope = item.get("accessScope") or {}
    if scope.get("type") == "namespace":
        return f"{name} (namespaces {', '.join(sorted(scope.get('namespaces') or ()))})"
    return str(name)


class PodIdentity(EksResource):
    """The IAM role of one service account. It may be there before the service account is."""

    kind: ClassVar[str] = "aws.eks.pod_identity_association"
    fields: ClassVar[Fields] = Fields({"roleArn": MUTABLE, "tags": MUTABLE})

    def __init__(
        self,
        session: Session,
        name: str,
        cluster: Resource,
        role: Resource,
        namespace: str,
        service_account: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [cluster, role], **kwargs)
        self.cluster, self.role = cluster, role
        self.namespace, self.service_account = namespace, service_account

    def lists(self) -> Sequence[Hashable]:
        return (("eks", "pod_identities"),)

    def desired(self) -> dict[str, Any]:
        return {"roleArn": self.role.out("arn"), "tags": self.tags}

    def read(self) -> Observed | None:
        try:
            cluster = self.cluster.known("name")
            listed = self._listed(cluster)
            summary = next(
                (
                    item
                    for item in listed
                    if (item["namespace"], item["serviceAccount"]) == (self.namespace, self.service_account)
                ),
                None,
            )
            if summary is None:
                return None
            found = self.session.call(
                "eks",
                "describe_pod_identity_association",
                clusterName=cluster,
                associationId=summary["associationId"],
            )["association"]
        except (NotFound, NotYetKnown):
            return None
        tags = found.get("tags") or {}
        outputs = {"id": found["associationArn"], "arn": found["associationArn"], "number": found["associationId"]}
        return Observed({"roleArn": found["roleArn"], "tags": tags}, outputs, tags=tags)

    def _listed(self, cluster: str) -> list[Item]:
        return self.session.remember(
            ("eks", "pod_identities", cluster),
            lambda: self.session.pages("eks", "list_pod_identity_associations", "associations", clusterName=cluster),
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "eks",
            "create_pod_identity_association",
            clusterName=self.cluster.known("name"),
            namespace=self.namespace,
            serviceAccount=self.service_account,
            roleArn=desired["roleArn"],
            tags=desired["tags"],
            clientRequestToken=self.session.token(self.key),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("roleArn"):
            self.session.create(
                "eks",
                "update_pod_identity_association",
                clusterName=self.cluster.known("name"),
                associationId=observed.outputs["number"],
                roleArn=desired["roleArn"],
            )
        if change.touches("tags"):
            self.retag(observed.outputs["arn"], observed, desired)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        self.session.call(
            "eks",
            "delete_pod_identity_association",
            clusterName=self.cluster.known("name"),
            associationId=observed.outputs["number"],
        )
        return WATCH
