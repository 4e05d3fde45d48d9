# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service accounts, and what members may do on a project or a key: additive grants, never a whole policy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Resource
from .._engine.retry import retry_call
from .._engine.tags import as_description
from .client import Cloud
from .references import DESCRIPTION
from .rest import Request, RestResource, Style


class ServiceAccount(RestResource):
    """A service account of the project (IAM API v1). `name` is its account id."""

    kind = "gcp.iam.service_account"
    service = "iam"
    style = Style.AT_ONCE
    place = "projects/{project}/serviceAccounts"
    described = True
    fields = Fields({"displayName": MUTABLE, "description": DESCRIPTION})

    @property
    def email(self) -> str:
        return f"{self.name}@{self.project}.iam.gserviceaccount.com"

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.email}"

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path, "name": self.name, "email": self.email}

    def desired(self) -> dict[str, Any]:
        # A description holds 256 bytes: ownership, without the user's own tags.
        return {**self.body(), "description": as_description(self.cloud.site.owner.tags())}

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", self.collection, {"accountId": self.name, "serviceAccount": desired})

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        changed = {name: desired[name] for name in sorted(members)}
        return Request("PATCH", self.path, {"serviceAccount": changed, "updateMask": ",".join(changed)})


class Member(RestResource):
    """The roles of one member in one policy. Nothing else in the policy is touched.

    member: an IAM member ("user:…", "group:…", "serviceAccount:…"), or a function that knows it once asked.
    among: the roles that count; others that the member has are nobody's business here. None: all of them.
    Written as read-modify-write under the policy's etag: a concurrent change is Busy and tried again.
    """

    style = Style.AT_ONCE
    fields = Fields({"member": IMMUTABLE, "roles": Field(unordered=True)})

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        member: str | Callable[[], str],
        roles: Sequence[str],
        needs: Sequence[Resource] = (),
        *,
        among: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(cloud, name, {}, needs, **options)
        self._member = member
        self.roles = sorted(roles)
        self.among = None if among is None else frozenset(among)

    @property
    def member(self) -> str:
        return self._member if isinstance(self._member, str) else self._member()

    @property
    def target(self) -> str:
        """What the policy is attached to."""
        raise NotImplementedError

    def read_policy(self) -> dict[str, Any]:
        raise NotImplementedError

    def write_policy(self, policy: dict[str, Any]) -> None:
        raise NotImplementedError

    def predicted(self) -> dict[str, Any]:
        return {"id": f"{self.target}#{self.name}"}

    def body(self) -> dict[str, Any]:
        return {"member": self.member, "roles": self.roles}

    def fetch(self) -> dict[str, Any] | None:
        try:
            policy = self.cloud.shared.get(f"policy/{self.target}", self.read_policy)
        except NotFound:
            return None
        member = self.member
        roles = sorted(
            binding["role"]
            for binding in policy.get("bindings") or ()
            if member in (binding.get("members") or ()) and not binding.get("condition") and self._counts(binding)
        )
        return {"member": member, "roles": roles} if roles else None

    def _counts(self, binding: dict[str, Any]) -> bool:
        return self.among is None or binding["role"] in self.among

    def forget(self) -> None:
        self.cloud.shared.drop(f"policy/{self.target}")

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._grant(desired["roles"])

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._grant(desired["roles"])

    def delete(self, observed: Observed) -> Operation:
        return self._grant([])

    def _grant(self, roles: Sequence[str]) -> Operation:
        policy = retry_call(self.read_policy, self.cloud.clock)
        changed = granted(policy, self.member, roles, self._counts)
        if changed is not None:
            self.write_policy(changed)
        return DONE


def granted(
    policy: dict[str, Any], member: str, roles: Sequence[str], counts: Callable[[dict[str, Any]], bool]
) -> dict[str, Any] | None:
    """The policy with the member in exactly these of the roles that count; None when it is so already."""
    result = copy.deepcopy(policy)
    bindings = result.setdefault("bindings", [])
    plain = [each for each in bindings if not each.get("condition")]
    for binding in plain:
        held = member in (binding.get("members") or ())
        if held and counts(binding) and binding["role"] not in roles:
            binding["members"].remove(member)
    for role in roles:
        binding = next((each for each in plain if each["role"] == role), None)
        if binding is None:
            bindings.append({"role": role, "members": [member]})
        elif member not in binding.setdefault("members", []):
            binding["members"].append(member)
    result["bindings"] = [each for each in bindings if each.get("members")]
    result["version"] = 3  # otherwise conditions of other bindings would be lost
    before = {**policy, "bindings": policy.get("bindings") or [], "version": 3}
    return None if result == before else result


class ProjectMember(Member):
    """A member's roles on the project (Cloud Resource Manager API v1)."""

    kind = "gcp.project.iam_member"
    service = "cloudresourcemanager"

    def __init__(self, cloud: Cloud, name: str, *arguments: Any, **options: Any) -> None:
        super().__init__(cloud, name, *arguments, lock="policy/project", **options)

    @property
    def target(self) -> str:
        return f"projects/{self.project}"

    def read_policy(self) -> dict[str, Any]:
        body = {"options": {"requestedPolicyVersion": 3}}
        return self.cloud.call(self.service, "POST", f"{self.target}:getIamPolicy", body=body)

    def write_policy(self, policy: dict[str, Any]) -> None:
        self.cloud.call(self.service, "POST", f"{self.target}:setIamPolicy", body={"policy": policy})


class KeyMember(Member):
    """A member's roles on a KMS key. `key`: its full name."""

    kind = "gcp.kms.iam_member"
    service = "cloudkms"

    def __init__(self, cloud: Cloud, name: str, key: str, *arguments: Any, **options: Any) -> None:
        super().__init__(cloud, name, *arguments, lock=f"policy/{key}", **options)
        self.key_name = key

    def fetch(self) -> dict[str, Any] | None:
        if self.needs and not self.needs[0].outputs:
            return None  # without its key there is nothing to read
        return super().fetch()

    @property
    def target(self) -> str:
        return self.key_name

    def read_policy(self) -> dict[str, Any]:
        return self.get(f"{self.target}:getIamPolicy", {"options.requestedPolicyVersion": 3})

    def write_policy(self, policy: dict[str, Any]) -> None:
        self.cloud.call(self.service, "POST", f"{self.target}:setIamPolicy", body={"policy": policy})
