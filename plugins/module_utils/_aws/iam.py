# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM roles and the OIDC provider of a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar

from .._engine.errors import Conflict, NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan, plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .._engine.tags import tag_changes
from .base import AwsResource, Item, as_dict, as_list
from .bulk import ROLES, role_details
from .client import Session
from .policies import same_policy

INLINE_POLICY = "platform"


class Role(AwsResource):
    """A role: who may assume it, AWS's policies attached to it, and one inline policy of its own.

    Policies that others attached stay. policies: ARNs; inline: a policy document, or a function that makes it of what
    may not be known yet, or None.
    """

    kind: ClassVar[str] = "aws.iam.role"
    fields: ClassVar[Fields] = Fields(
        {
            "AssumeRolePolicyDocument": Field(equal=same_policy),
            "ManagedPolicyArns": Field(unordered=True, open=True),
            "InlinePolicy": Field(equal=same_policy),
            "tags": MUTABLE,
        }
    )

    def __init__(
        self,
        session: Session,
        name: str,
        trust: Mapping[str, Any],
        *,
        description: str,
        policies: Sequence[str] = (),
        inline: Mapping[str, Any] | Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, **kwargs)
        session.roles_wanted += 1
        self.trust, self.description = dict(trust), description
        self.policies, self.inline = list(policies), inline or None

    def predicted(self) -> dict[str, Any]:
        arn = self.session.arn("iam", f"role/{self.name}", region="")
        return {"id": arn, "arn": arn, "name": self.name}

    def desired(self) -> dict[str, Any]:
        return {
            "AssumeRolePolicyDocument": self.trust,
            "ManagedPolicyArns": self.policies or None,
            "InlinePolicy": self.inline() if callable(self.inline) else self.inline,
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        """From the list of all roles when that is enough; else one call for the role, one for each sort of policy."""
        listed, details = role_details(self.session, self.name)
        if listed and details is None and not self.present:
            return None
        if details is not None:
            observed = self._observed(
                details,
                [item["PolicyArn"] for item in details.get("AttachedManagedPolicies") or ()],
                next(
                    (
                        i["PolicyDocument"]
                        for i in details.get("RolePolicyList") or ()
                        if i["PolicyName"] == INLINE_POLICY
                    ),
                    None,
                ),
            )
            if not plan(self.desired(), observed.values, self.fields):
                return observed
        try:
            found = self.session.call("iam", "get_role", RoleName=self.name)["Role"]
            attached = self._attached() if self.policies and self.present else None
            inline = self._inline() if self.inline and self.present else None
        except NotFound:
            return None
        return self._observed(found, attached, inline)

    def _observed(self, found: Item, attached: list[str] | None, inline: Any) -> Observed:
        tags = as_dict(found.get("Tags"))
        values = {
            "AssumeRolePolicyDocument": found["AssumeRolePolicyDocument"],
            "ManagedPolicyArns": attached,
            "InlinePolicy": inline,
            "tags": tags,
        }
        return Observed(values, {"id": found["Arn"], "arn": found["Arn"], "name": self.name}, tags=tags)

    def lists(self) -> Sequence[Hashable]:
        return (ROLES,)

    def _attached(self) -> list[str]:
        listed = self.session.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=self.name)
        return [item["PolicyArn"] for item in listed]

    def _inline(self) -> Any:
        try:
            return self.session.call("iam", "get_role_policy", RoleName=self.name, PolicyName=INLINE_POLICY)[
                "PolicyDocument"
            ]
        except NotFound:
            return None

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "iam",
            "create_role",
            RoleName=self.name,
            AssumeRolePolicyDocument=json.dumps(desired["AssumeRolePolicyDocument"]),
            Description=self.description,
            Tags=as_list(desired["tags"]),
        )
        self._attach(desired["ManagedPolicyArns"] or [])
        self._put_inline(desired)
        return WATCH

    def _attach(self, arns: Sequence[str]) -> None:
        for arn in arns:
            self.session.create("iam", "attach_role_policy", RoleName=self.name, PolicyArn=arn)

    def _put_inline(self, desired: dict[str, Any]) -> None:
        if desired["InlinePolicy"]:
            self.session.create(
                "iam",
                "put_role_policy",
                RoleName=self.name,
                PolicyName=INLINE_POLICY,
                PolicyDocument=json.dumps(desired["InlinePolicy"]),
            )

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("AssumeRolePolicyDocument"):
            self.session.call(
                "iam",
                "update_assume_role_policy",
                RoleName=self.name,
                PolicyDocument=json.dumps(desired["AssumeRolePolicyDocument"]),
            )
        if change.touches("ManagedPolicyArns"):
            have = observed.values["ManagedPolicyArns"] or []
            self._attach([arn for arn in desired["ManagedPolicyArns"] if arn not in have])
        if change.touches("InlinePolicy"):
            self._put_inline(desired)
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            self.session.call("iam", "tag_role", RoleName=self.name, Tags=as_list(tags))
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        for arn in self.session.steady(self._attached):
            self.session.call("iam", "detach_role_policy", RoleName=self.name, PolicyArn=arn)
        names = self.session.steady(
            lambda: self.session.pages("iam", "list_role_policies", "PolicyNames", RoleName=self.name)
        )
        for name in names:
            self.session.call("iam", "delete_role_policy", RoleName=self.name, PolicyName=name)
        try:
            self.session.call("iam", "delete_role", RoleName=self.name)
        except Conflict:
            self._leave_profiles()
            raise  # tried again by the engine, now without the profiles
        return WATCH

    def _leave_profiles(self) -> None:
        """EKS makes an instance profile for the nodes' role; one that it left behind holds the role."""
        listed = self.session.steady(
            lambda: self.session.pages("iam", "list_instance_profiles_for_role", "InstanceProfiles", RoleName=self.name)
        )
        for profile in listed:
            self.session.call(
                "iam",
                "remove_role_from_instance_profile",
                InstanceProfileName=profile["InstanceProfileName"],
                RoleName=self.name,
            )


class OidcProvider(AwsResource):
    """The cluster's token issuer as an identity provider of the account, for roles of service accounts (IRSA)."""

    kind: ClassVar[str] = "aws.iam.oidc_provider"
    fields: ClassVar[Fields] = Fields(
        {"Url": IMMUTABLE, "ClientIDList": Field(unordered=True, open=True), "tags": MUTABLE}
    )
    AUDIENCE = "sts.amazonaws.com"

    def __init__(self, session: Session, name: str, cluster: Resource, **kwargs: Any) -> None:
        super().__init__(session, name, [cluster], **kwargs)
        self.cluster = cluster

    def desired(self) -> dict[str, Any]:
        return {"Url": self.cluster.out("issuer"), "ClientIDList": [self.AUDIENCE], "tags": self.tags}

    def read(self) -> Observed | None:
        arn = self._arn(self.cluster.known("issuer"))
        try:
            found = self.session.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
        except NotFound:
            return None
        tags, url = as_dict(found.get("Tags")), found["Url"]
        values = {
            "Url": url if "://" in url else f"https://{url}",  # IAM drops the scheme
            "ClientIDList": list(found.get("ClientIDList") or ()),
            "tags": tags,
        }
        return Observed(values, {"id": arn, "arn": arn}, tags=tags)

    def _arn(self, issuer: str) -> str:
        return self.session.arn("iam", f"oidc-provider/{issuer.removeprefix('https://')}", region="")

    def create(self, desired: dict[str, Any]) -> Operation:
        # Without thumbprints: IAM trusts the issuers of EKS by their certificate authority (IAM user guide).
        self.session.create(
            "iam",
            "create_open_id_connect_provider",
            Url=desired["Url"],
            ClientIDList=desired["ClientIDList"],
            Tags=as_list(desired["tags"]),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        arn = observed.outputs["arn"]
        if change.touches("ClientIDList"):
            self.session.call(
                "iam",
                "add_client_id_to_open_id_connect_provider",
                OpenIDConnectProviderArn=arn,
                ClientID=self.AUDIENCE,
            )
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            self.session.call("iam", "tag_open_id_connect_provider", OpenIDConnectProviderArn=arn, Tags=as_list(tags))
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("iam", "delete_open_id_connect_provider", OpenIDConnectProviderArn=observed.outputs["arn"])
        return WATCH
