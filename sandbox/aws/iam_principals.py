"""Whether a principal exists in IAM, and whether a service can already assume it."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

from .hooks import Hooks
from .wire import Call
from .world import World


class Principals:
    """Roles become assumable some seconds after they were made: IAM is eventually consistent.

    A role (or a new trust policy) made while the time profile is ``realistic`` cannot be assumed before
    ``iam.role.assumable`` has passed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._assumable_at: dict[str, float] = {}

    def register(self, hooks: Hooks) -> None:
        """Watch roles being made."""
        hooks.before("iam.CreateRole", _check_trust)
        for action in ("CreateRole", "UpdateAssumeRolePolicy"):
            hooks.after(f"iam.{action}", self._changed)

    def reset(self) -> None:
        """Forget when roles were made."""
        self._assumable_at.clear()

    def _changed(self, call: Call, _: object) -> None:
        self._assumable_at[call.params["RoleName"]] = self._world.context.ends_at("iam.role.assumable")

    def role(self, arn: str) -> Any | None:
        """Moto's role of that ARN."""
        return next((role for role in self._world.iam().get_roles() if role.arn == arn), None)

    def user_exists(self, arn: str) -> bool:
        """Whether an IAM user has that ARN; the account's own user and root always do."""
        if arn in (f"arn:aws:iam::{self._world.account}:root", f"arn:aws:iam::{self._world.account}:user/sandbox"):
            return True
        return any(user.arn == arn for user in self._world.iam().users.values())

    def assumable_by(self, arn: str, service: str) -> bool:
        """Whether ``service`` (such as ``eks.amazonaws.com``) can assume the role now."""
        role = self.role(arn)
        if role is None or self._world.clock.now() < self._assumable_at.get(role.name, 0.0):
            return False
        return service in _trusted_services(role.assume_role_policy_document)


def _check_trust(call: Call) -> None:
    """Moto checks trust policies when they are changed, AWS also when a role is made."""
    IAMTrustPolicyDocumentValidator(call.params["AssumeRolePolicyDocument"]).validate()


def _trusted_services(document: str | dict[str, Any]) -> set[str]:
    policy = json.loads(document) if isinstance(document, str) else document
    trusted: set[str] = set()
    for statement in _listed(policy.get("Statement", [])):
        principal = statement.get("Principal", {})
        if statement.get("Effect") == "Allow" and isinstance(principal, dict):
            trusted.update(_listed(principal.get("Service", [])))
    return trusted


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
