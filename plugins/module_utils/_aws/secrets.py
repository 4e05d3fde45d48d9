# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager: the places of generated credentials, and the vault that puts values there.

A value on its way has the staging label AWSPENDING, the one in use AWSCURRENT (AWS Secrets Manager User Guide, "How
rotation works"). The first version of a secret gets AWSCURRENT whatever labels it is given (API reference,
PutSecretValue): as long as it has AWSPENDING too, nobody has confirmed it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.credential import Kept
from .._engine.errors import InvalidRequest, NotFound, NotYetConsistent
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .._engine.tags import tag_changes
from .base import AwsResource, Item, as_dict, as_list
from .client import Session

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
PROVIDER_KEY = "alias/aws/secretsmanager"  # what encrypts a secret that names no key


def describe_secret(session: Session, name: str) -> Item | None:
    """A secret by name or ARN, without its value; also one that is scheduled for deletion. Remembered. DescribeSecret
    of each, because ListSecrets may lag minutes behind (its API reference): too long after a kill."""

    def load() -> Item | None:
        try:
            return session.call("secretsmanager", "describe_secret", SecretId=name)
        except NotFound:
            return None

    return session.remember(("secrets", name), load)


def secret_value(session: Session, name: str, stage: str = CURRENT) -> str | None:
    """The value with a label, or None where there is none."""
    try:
        answer = session.steady(
            lambda: session.call("secretsmanager", "get_secret_value", SecretId=name, VersionStage=stage)
        )
    except NotFound:
        return None
    return str(answer["SecretString"]) if "SecretString" in answer else None


def labelled(found: Item, stage: str) -> str | None:
    """The id of the version that carries a label."""
    stages = found.get("VersionIdsToStages") or {}
    return next((version for version, labels in stages.items() if stage in labels), None)


class Secret(AwsResource):
    """A secret as a place, without a value. Deleted, it can be brought back for `recovery_days`: making it again within
    that time does so. fixed: without `key` AWS's own shall encrypt it; else whatever does so is left alone."""

    kind: ClassVar[str] = "aws.secretsmanager.secret"
    fields: ClassVar[Fields] = Fields(
        {
            "Description": MUTABLE,
            # Absent where the account's own key encrypts it (API reference, DescribeSecret).
            "KmsKeyId": Field(normalise=lambda value: value or PROVIDER_KEY),
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        description: str,
        *,
        key: Resource | None = None,
        fixed: bool = True,
        recovery_days: int = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [key] if key else [], **kwargs)
        self.description, self.encrypted_by, self.fixed = description, key, fixed
        self.recovery_days = recovery_days

    def lists(self) -> Sequence[Hashable]:
        return (("secrets", self.name),)

    def desired(self) -> dict[str, Any]:
        key = self.encrypted_by.out("arn") if self.encrypted_by else PROVIDER_KEY if self.fixed else None
        return {"Description": self.description, "KmsKeyId": key, "tags": self.tags}

    def read(self) -> Observed | None:
        found = describe_secret(self.session, self.name)
        if found is None:
            return None
        tags = as_dict(found.get("Tags"))
        if found.get("DeletedDate") and self.session.site.owner.owns(tags):
            return None  # ours to bring back; a stranger's takes the name, and is told as such
        values = {
            "Description": found.get("Description", ""),
            "KmsKeyId": found.get("KmsKeyId") or PROVIDER_KEY,
            "tags": tags,
        }
        return Observed(values, {"id": found["ARN"], "arn": found["ARN"]}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        """Make it, or bring back the one that is scheduled for deletion; what differs then is changed by updates."""
        key = desired["KmsKeyId"]
        found = describe_secret(self.session, self.name)
        if found is not None and found.get("DeletedDate"):
            self.session.call("secretsmanager", "restore_secret", SecretId=self.name)
            return WATCH
        try:
            self.session.create(
                "secretsmanager",
                "create_secret",
                Name=self.name,
                Description=desired["Description"],
                Tags=as_list(desired["tags"]),
                **({} if key in (None, PROVIDER_KEY) else {"KmsKeyId": key}),
            )
        except InvalidRequest as error:
            # Deleted without recovery: out of sight at once, but its name stays taken for a moment.
            if "scheduled for deletion" in error.message:
                raise NotYetConsistent(error.message, code=error.code, status=error.status) from error
            raise
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        found = describe_secret(self.session, self.name)
        if found is not None and found.get("DeletedDate"):  # a stranger's that is taken over
            self.session.call("secretsmanager", "restore_secret", SecretId=self.name)
        if change.touches("Description", "KmsKeyId"):
            self.session.call(
                "secretsmanager",
                "update_secret",
                SecretId=self.name,
                Description=desired["Description"],
                **({"KmsKeyId": desired["KmsKeyId"]} if desired["KmsKeyId"] else {}),
            )
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            self.session.call("secretsmanager", "tag_resource", SecretId=self.name, Tags=as_list(tags))
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call(
            "secretsmanager", "delete_secret", SecretId=self.name, RecoveryWindowInDays=self.recovery_days
        )
        return WATCH


class SecretVault:
    """The vault of one site. Secrets go by their logical names ("main-app"), and stand under the site's."""

    def __init__(self, session: Session, key: Resource | None, recovery_days: int, *, fixed: bool = True) -> None:
        self.session, self.key, self.recovery_days, self.fixed = session, key, recovery_days, fixed

    def full_name(self, name: str) -> str:
        return f"{self.session.site.base}/{name}"

    def place(self, name: str, description: str = "", *, present: bool = True) -> Secret:
        """The secret that holds a value; who uses it puts it among its resources."""
        return Secret(
            self.session,
            self.full_name(name),
            description or f"{name} of {self.session.site.base}",
            key=self.key,
            fixed=self.fixed,
            recovery_days=self.recovery_days,
            present=present,
        )

    def kept(self, name: str) -> Kept:
        found = describe_secret(self.session, self.full_name(name))
        if found is None or found.get("DeletedDate"):
            return Kept.NOTHING
        if labelled(found, PENDING):
            return Kept.PENDING
        return Kept.CURRENT if labelled(found, CURRENT) else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return secret_value(self.session, self.full_name(name), CURRENT)

    def pending(self, name: str) -> str | None:
        return secret_value(self.session, self.full_name(name), PENDING)

    def put_pending(self, name: str, value: str) -> None:
        full = self.full_name(name)
        try:
            self.session.create(
                "secretsmanager", "put_secret_value", SecretId=full, SecretString=value, VersionStages=[PENDING]
            )
        finally:
            self.session.forget(("secrets", full))

    def promote(self, name: str) -> None:
        """AWSCURRENT moves first, then AWSPENDING goes: between the two the value counts as on its way."""
        full = self.full_name(name)
        self.session.forget(("secrets", full))
        found = self.session.steady(lambda: describe_secret(self.session, full))
        pending = labelled(found, PENDING) if found else None
        if found is None or pending is None:
            return
        current = labelled(found, CURRENT)
        try:
            if current != pending:
                source = {"RemoveFromVersionId": current} if current else {}
                self._move(full, VersionStage=CURRENT, MoveToVersionId=pending, **source)
            self._move(full, VersionStage=PENDING, RemoveFromVersionId=pending)
        finally:
            self.session.forget(("secrets", full))

    def _move(self, full: str, **labels: str) -> None:
        self.session.call("secretsmanager", "update_secret_version_stage", SecretId=full, **labels)
