"""Secrets as such: made, described, changed, deleted, restored, tagged."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from ..hooks import Hooks
from ..query import tags_of
from ..wire import Call
from .state import Document, Secret, invalid_parameter, invalid_request, refuse
from .store import Store
from .values import put_version, value_of

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_DEFAULT_WINDOW_DAYS = 30


class Lifecycle:
    """Handlers of the operations on secrets, without their values."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        for action, handler in {
            "CreateSecret": self.create,
            "DescribeSecret": lambda call: self._store.secret(call).describe(),
            "UpdateSecret": self.update,
            "DeleteSecret": self.delete,
            "RestoreSecret": self.restore,
            "RotateSecret": self.rotate,
            "CancelRotateSecret": self.cancel_rotation,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "PutResourcePolicy": self.put_policy,
            "GetResourcePolicy": self.get_policy,
            "DeleteResourcePolicy": self.delete_policy,
            "ValidateResourcePolicy": self.validate_policy,
        }.items():
            hooks.replace(f"secretsmanager.{action}", handler)

    def create(self, call: Call) -> Document:
        """CreateSecret."""
        wanted, name = call.params, call.params["Name"]
        if not _NAME.fullmatch(name):
            raise invalid_parameter(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
                "-/_+=.@!"
            )
        if wanted.get("AddReplicaRegions"):
            raise refuse("NotImplemented", "Replicas of secrets are not emulated")
        existing = self._store.secrets(call.region).get(name)
        if existing is not None:
            return self._create_again(call, existing)
        self._check_key(call)
        secret = self._store.make(
            call.region,
            name,
            {},
            description=wanted.get("Description"),
            kms_key=wanted.get("KmsKeyId"),
            tags=tags_of(wanted.get("Tags")),
        )
        version = put_version(self._world, secret, call) if value_of(call) else None
        return secret.short(version.id if version else None)

    def _create_again(self, call: Call, existing: Secret) -> Document:
        """The same request a second time is answered as the first; another one finds the name taken."""
        if existing.deleted is not None:
            raise invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        version = existing.versions.get(call.params.get("ClientRequestToken") or "")
        if version is not None and version.value == value_of(call):
            return existing.short(version.id)
        raise refuse(
            "ResourceExistsException", f"The operation failed because the secret {existing.name} already exists."
        )

    def _check_key(self, call: Call) -> None:
        key = call.params.get("KmsKeyId")
        if key and not key.endswith("alias/aws/secretsmanager"):
            kms = self._world.kms(call.region)
            found = kms.any_id_to_key_id(key) in kms.keys
            if not found:
                raise refuse("AccessDeniedException", "Access to KMS is not allowed")

    def update(self, call: Call) -> Document:
        """UpdateSecret: description, key and value; what is not given stays."""
        secret, wanted = self._store.usable(call), call.params
        refuse_managed(secret)
        self._check_key(call)
        for key, attribute in (("Description", "description"), ("KmsKeyId", "kms_key")):
            if key in wanted:
                setattr(secret, attribute, wanted[key] or None)
        secret.changed = self._world.clock.wall()
        version = put_version(self._world, secret, call) if value_of(call) else None
        return secret.short(version.id if version else None)

    def delete(self, call: Call) -> Document:
        """DeleteSecret: after a recovery window, or at once; then the name stays taken for some seconds."""
        wanted = call.params
        days, force = wanted.get("RecoveryWindowInDays"), wanted.get("ForceDeleteWithoutRecovery", False)
        if days is not None and force:
            raise invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
            )
        if days is not None and not 7 <= days <= 30:
            raise invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
        now = self._world.clock.wall()
        secret = self._store.find(call.region, wanted["SecretId"])
        if secret is None and force:
            # A retry of a deletion that went through is not an error.
            return {"ARN": wanted["SecretId"], "Name": wanted["SecretId"], "DeletionDate": now}
        secret = self._store.secret(call)
        refuse_managed(secret)
        if secret.deleted is not None and not force:
            raise invalid_request("You tried to perform the operation on a secret that's currently marked deleted.")
        secret.deleted = now if force else now + timedelta(days=days or _DEFAULT_WINDOW_DAYS)
        if force:
            secret.gone_until = self._world.context.ends_at("secretsmanager.secret.delete")
        return {**secret.short(), "DeletionDate": secret.deleted}

    def restore(self, call: Call) -> Document:
        """RestoreSecret."""
        secret = self._store.secret(call)
        secret.deleted = None
        return secret.short()

    def rotate(self, call: Call) -> Document:
        """RotateSecret: another service's secret is rotated by that service; others need a Lambda function."""
        secret = self._store.usable(call)
        rotator = self._store.rotators.get(secret.owner or "")
        if rotator is not None:
            rotator(call.region, secret.arn)
            return secret.short()
        if call.params.get("RotationLambdaARN"):
            raise refuse(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
                "access to the principal secretsmanager.amazonaws.com.",
            )
        raise invalid_request("No Lambda rotation function ARN is associated with this secret.")

    def cancel_rotation(self, call: Call) -> Document:
        """CancelRotateSecret: nothing here has a rotation that could be cancelled."""
        refuse_managed(self._store.usable(call))
        raise invalid_request("No Lambda rotation function ARN is associated with this secret.")

    def tag(self, call: Call) -> Document:
        """TagResource."""
        self._store.usable(call).tags.update(tags_of(call.params["Tags"]))
        return {}

    def untag(self, call: Call) -> Document:
        """UntagResource."""
        secret = self._store.usable(call)
        for key in call.params["TagKeys"]:
            secret.tags.pop(key, None)
        return {}

    def put_policy(self, call: Call) -> Document:
        """PutResourcePolicy."""
        secret = self._store.usable(call)
        _check_policy(call.params["ResourcePolicy"])
        secret.policy = call.params["ResourcePolicy"]
        return secret.short()

    def get_policy(self, call: Call) -> Document:
        """GetResourcePolicy."""
        secret = self._store.secret(call)
        return {**secret.short(), **({"ResourcePolicy": secret.policy} if secret.policy else {})}

    def delete_policy(self, call: Call) -> Document:
        """DeleteResourcePolicy."""
        secret = self._store.usable(call)
        secret.policy = None
        return secret.short()

    @staticmethod
    def validate_policy(call: Call) -> Document:
        """ValidateResourcePolicy: whether it is a policy document at all."""
        _check_policy(call.params["ResourcePolicy"])
        return {"PolicyValidationPassed": True, "ValidationErrors": []}


def refuse_managed(secret: Secret) -> None:
    """A secret that another service keeps cannot be changed here."""
    if secret.owner is not None:
        raise invalid_request(
            f"The secret is managed by another service ({secret.owner}), and you must use that service to update it."
        )


def _check_policy(text: str) -> None:
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise refuse("MalformedPolicyDocumentException", "This resource policy contains invalid Json.") from error
    if not statements:
        raise refuse("MalformedPolicyDocumentException", "This resource policy contains no statement.")
