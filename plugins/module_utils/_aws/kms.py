# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Customer keys, each known by its alias."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import Conflict, NotFound
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Status
from .._engine.tags import tag_changes
from .base import AwsResource, Item, as_dict
from .client import Session

_WAITING_DAYS = 7  # the shortest time that KMS keeps a key before it is gone for good
_GOING = ("PendingDeletion", "PendingReplicaDeletion")


class Key(AwsResource):
    """A symmetric key that KMS rotates every year. Its deletion is the start of KMS's waiting period, within which it
    can still be saved."""

    kind: ClassVar[str] = "aws.kms.key"
    fields: ClassVar[Fields] = Fields(
        {"Alias": MUTABLE, "Description": MUTABLE, "EnableKeyRotation": MUTABLE, "tags": MUTABLE}
    )
    replaceable: ClassVar[bool] = False

    def __init__(self, session: Session, name: str, description: str, **kwargs: Any) -> None:
        super().__init__(session, name, **kwargs)
        self.description = description

    @property
    def alias(self) -> str:
        return f"alias/{self.name}"

    def lists(self) -> Sequence[Hashable]:
        return (("kms", self.name),)

    def desired(self) -> dict[str, Any]:
        return {
            "Alias": self.alias,
            "Description": self.description,
            "EnableKeyRotation": True,
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        alias: str | None = self.alias
        found = self._describe(self.alias)
        if found is None:
            found, alias = self._without_alias(), None
        if found is None:
            return None
        key_id, disabled = found["KeyId"], found["KeyState"] == "Disabled"
        tags = as_dict(self.session.pages("kms", "list_resource_tags", "Tags", KeyId=key_id))
        rotation = self.session.call("kms", "get_key_rotation_status", KeyId=key_id)
        values = {
            "Alias": alias,
            "Description": found.get("Description", ""),
            "EnableKeyRotation": bool(rotation.get("KeyRotationEnabled")),
            "tags": tags,
        }
        status = Status.FAILED if disabled else Status.PENDING if found["KeyState"] in ("Creating",) else Status.READY
        reason = "The key is disabled." if disabled else ""
        return Observed(values, {"id": found["Arn"], "arn": found["Arn"], "key_id": key_id}, status, reason, tags)

    def _describe(self, key: str) -> Item | None:
        """The key, unless it is unknown or on its way out."""
        try:
            found: Item = self.session.call("kms", "describe_key", KeyId=key)["KeyMetadata"]
        except NotFound:
            return None
        return None if found["KeyState"] in _GOING else found

    def _without_alias(self) -> Item | None:
        """A key that a run made and died before it could name it: found by its tags."""
        wanted = [{"Key": key, "Values": [value]} for key, value in self.tags.items()]
        listed = self.session.pages(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            ResourceTypeFilters=["kms:key"],
            TagFilters=wanted,
        )
        found = (self._describe(item["ResourceARN"]) for item in listed)
        return next((item for item in found if item is not None), None)

    def create(self, desired: dict[str, Any]) -> Operation:
        answer = self.session.create(
            "kms",
            "create_key",
            Description=desired["Description"],
            Tags=[{"TagKey": key, "TagValue": str(value)} for key, value in desired["tags"].items()],
        )
        key_id = answer["KeyMetadata"]["KeyId"]
        self._name(key_id)
        self.session.create("kms", "enable_key_rotation", KeyId=key_id)
        return WATCH

    def _name(self, key_id: str) -> None:
        try:
            self.session.create("kms", "create_alias", AliasName=self.alias, TargetKeyId=key_id)
        except Conflict:
            # It still names a key that is on its way out.
            self.session.call("kms", "update_alias", AliasName=self.alias, TargetKeyId=key_id)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        key_id = observed.outputs["key_id"]
        if change.touches("Alias"):
            self._name(key_id)
        if change.touches("Description"):
            self.session.call("kms", "update_key_description", KeyId=key_id, Description=desired["Description"])
        if change.touches("EnableKeyRotation"):
            self.session.call("kms", "enable_key_rotation", KeyId=key_id)
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            self.session.call(
                "kms",
                "tag_resource",
                KeyId=key_id,
                Tags=[{"TagKey": key, "TagValue": str(value)} for key, value in tags.items()],
            )
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        if observed.values["Alias"]:
            self.session.call("kms", "delete_alias", AliasName=self.alias)
        self.session.call(
            "kms",
            "schedule_key_deletion",
            KeyId=observed.outputs["key_id"],
            PendingWindowInDays=_WAITING_DAYS,
        )
        return WATCH


class SharedKey(Key):
    """A key that may be needed by more than what one call is about. needed: whether it is, by the key's ARN."""

    stays: ClassVar[str] = "stays: what is left can only be read with it"

    def __init__(self, *arguments: Any, needed: Callable[[str], bool], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.needed = needed

    def lasts(self) -> bool:
        arn = self.outputs.get("arn")
        return bool(arn) and self.needed(str(arn))
