"""Values of secrets and the labels on them."""

from __future__ import annotations

from ..hooks import Hooks
from ..wire import Call
from ..world import World
from .state import CURRENT, Document, Secret, Version, invalid_parameter, invalid_request, not_found, refuse
from .store import Store

_MOST_BYTES = 65536


def value_of(call: Call) -> Document:
    """The value in a request; empty when there is none."""
    return {key: call.params[key] for key in ("SecretString", "SecretBinary") if call.params.get(key) is not None}


def put_version(world: World, secret: Secret, call: Call, stages: list[str] | None = None) -> Version:
    """Add the value of a request. The same token with the same value is the same version."""
    value = value_of(call)
    if len(value) != 1:
        raise invalid_parameter("You must provide either SecretString or SecretBinary, and not both.")
    if len(next(iter(value.values()))) > _MOST_BYTES:
        raise invalid_parameter("The secret value is too long.")
    token = call.params.get("ClientRequestToken") or world.new_uuid()
    if not 32 <= len(token) <= 64:
        raise invalid_parameter("ClientRequestToken must be 32-64 characters long.")
    now = world.clock.wall()
    version = secret.versions.get(token)
    if version is None:
        version = Version(token, now, value)
    elif not version.value:
        version.value = value
    elif version.value != value:
        raise refuse(
            "ResourceExistsException",
            f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret "
            f"{secret.arn}.",
        )
    # The first version is the current one whatever labels it is given (API reference, PutSecretValue).
    first = not any(item.stages for item in secret.versions.values())
    labels = stages or [CURRENT]
    secret.add_version(version, [*labels, CURRENT] if first and CURRENT not in labels else labels, now)
    return version


class Values:
    """Handlers of the operations on values and labels."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("secretsmanager.GetSecretValue", self.get)
        hooks.replace("secretsmanager.BatchGetSecretValue", self.get_many)
        hooks.replace("secretsmanager.PutSecretValue", self.put)
        hooks.replace("secretsmanager.UpdateSecretVersionStage", self.move_label)
        hooks.replace("secretsmanager.ListSecretVersionIds", self.versions)

    def get(self, call: Call) -> Document:
        """GetSecretValue."""
        version_id, stage = call.params.get("VersionId"), call.params.get("VersionStage")
        return self._value(self._store.usable(call), version_id, stage)

    def _value(self, secret: Secret, version_id: str | None, stage: str | None) -> Document:
        if version_id:
            version = secret.versions.get(version_id)
            words = f"VersionId: {version_id}"
        else:
            version = secret.labelled(stage or CURRENT)
            words = f"staging label: {stage or CURRENT}"
        if version is None or not version.value:
            raise not_found(f"Secrets Manager can't find the specified secret value for {words}")
        if version_id and stage and stage not in version.stages:
            raise invalid_request("You provided a VersionStage that is not associated to the provided VersionId.")
        version.accessed = self._world.clock.wall()
        return {
            **secret.short(version.id),
            **version.value,
            "VersionStages": list(version.stages),
            "CreatedDate": version.created,
        }

    def get_many(self, call: Call) -> Document:
        """BatchGetSecretValue, by names or ARNs."""
        values, errors = [], []
        if call.params.get("Filters"):
            raise refuse("NotImplemented", "BatchGetSecretValue by filters is not emulated")
        for wanted in call.params.get("SecretIdList") or ():
            secret = self._store.find(call.region, wanted)
            if secret is None or secret.deleted is not None:
                code = "ResourceNotFoundException" if secret is None else "InvalidRequestException"
                errors.append({"SecretId": wanted, "ErrorCode": code, "Message": "The secret could not be read."})
            else:
                values.append(self._value(secret, None, None))
        return {"SecretValues": values, "Errors": errors}

    def put(self, call: Call) -> Document:
        """PutSecretValue."""
        secret = self._store.usable(call)
        if secret.owner is not None:
            raise invalid_request(
                "The secret is managed by another service, and you must use that service to update it."
            )
        version = put_version(self._world, secret, call, call.params.get("VersionStages"))
        return {**secret.short(version.id), "VersionStages": list(version.stages)}

    def move_label(self, call: Call) -> Document:
        """UpdateSecretVersionStage: moves, attaches or removes one label."""
        secret, wanted = self._store.usable(call), call.params
        stage, source, target = (
            wanted["VersionStage"],
            wanted.get("RemoveFromVersionId"),
            wanted.get("MoveToVersionId"),
        )
        for version_id in filter(None, (source, target)):
            if version_id not in secret.versions:
                raise invalid_parameter(f"Version {version_id} does not exist in this secret.")
        labelled = secret.labelled(stage)
        if source is None and labelled is not None and labelled.id != target:
            raise invalid_parameter(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to "
                f"version {labelled.id}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if source is not None and (labelled is None or labelled.id != source):
            raise invalid_parameter(f"Staging label {stage} is not attached to version {source}.")
        if target is None and stage == CURRENT:
            raise invalid_request("You can't remove the staging label AWSCURRENT from a secret.")
        secret.move(stage, secret.versions[target] if target else None)
        secret.changed = self._world.clock.wall()
        return secret.short()

    def versions(self, call: Call) -> Document:
        """ListSecretVersionIds: those with labels, or all."""
        secret = self._store.secret(call)
        shown = [
            {
                "VersionId": version.id,
                "VersionStages": list(version.stages),
                "CreatedDate": version.created,
                "KmsKeyIds": [secret.kms_key or "DefaultEncryptionKey"],
                **({"LastAccessedDate": version.accessed} if version.accessed else {}),
            }
            for version in secret.versions.values()
            if version.stages or call.params.get("IncludeDeprecated")
        ]
        return {**secret.short(), "Versions": shown}
