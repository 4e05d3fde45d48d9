# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator's password: RDS makes and keeps it, except where a PostgreSQL server has read replicas: RDS does
not make replicas of instances whose password it keeps (Amazon RDS User Guide, "Limitations for Secrets Manager
integration"). There it is ours, in the site's secret store.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.credential import IN_USE, Credential, Vault, unpack
from .._engine.errors import OperationFailed
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, WATCH, Observed, Operation, Progress, Resource, State, Status
from .base import AwsResource
from .rds import Instance
from .secrets import CURRENT, describe_secret, labelled, secret_value

_RENEW = "to be renewed"


class ManagedPassword(AwsResource):
    """The password that RDS keeps in a secret of its own, which goes with the instance. RDS renews it by itself every
    week and whenever it is told to: the server first, then the secret."""

    kind: ClassVar[str] = "aws.rds.master_password"
    fields: ClassVar[Fields] = Fields({"use": MUTABLE})
    inside: ClassVar[bool] = True

    def __init__(self, instance: Instance, *, rotate: bool = False) -> None:
        super().__init__(instance.session, instance.name, [instance], lock=instance.name)
        self.instance, self._due = instance, rotate
        self.goes_with = instance

    def lists(self) -> Sequence[Hashable]:
        return (*self.instance.lists(), ("secrets",))

    def desired(self) -> dict[str, Any]:
        return {"use": IN_USE}

    def read(self) -> Observed | None:
        self.instance.known("id")
        secret = (self.instance.item() or {}).get("MasterUserSecret")
        if secret is None:
            return None
        word = str(secret.get("SecretStatus") or "active")
        status = Status.FAILED if word == "impaired" else Status.READY if word == "active" else Status.PENDING
        reason = "RDS cannot reach the secret or its KMS key. Restore its permissions." if word == "impaired" else word
        return Observed({"use": _RENEW if self._due else IN_USE}, {"id": secret["SecretArn"]}, status, reason)

    def create(self, desired: dict[str, Any]) -> Operation:
        """RDS makes it with the instance, or when the instance is told to let it."""
        self._due = False
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if observed.status is Status.FAILED:
            raise OperationFailed(observed.reason)
        before = self._version(observed.outputs["id"])
        self.instance.call(
            "modify_db_instance",
            DBInstanceIdentifier=self.instance.name,
            RotateMasterUserPassword=True,
            ApplyImmediately=True,
        )
        self._due = False
        return Operation((observed.outputs["id"], before))

    def _version(self, arn: str) -> str | None:
        self.session.forget(("secrets", arn))
        found = self.session.steady(lambda: describe_secret(self.session, arn))
        return labelled(found, CURRENT) if found else None

    def poll(self, operation: Operation) -> Progress:
        """RDS says "rotating" only after a while: over is what has another value in use."""
        if operation.handle is None:
            return Progress(State.DONE)
        arn, before = operation.handle
        now = self._version(arn)
        return Progress(State.DONE if now not in (None, before) else State.RUNNING, "rotating")

    def delete(self, observed: Observed) -> Operation:
        return DONE  # with the instance

    def password(self) -> str:
        """As it is now."""
        return unpack(secret_value(self.session, self.known("id")) or "")


class OwnPassword(Credential):
    """The password that is ours, and that the instance is told."""

    kind: ClassVar[str] = "aws.rds.password"
    inside: ClassVar[bool] = True

    def __init__(self, instance: Instance, name: str, vault: Vault, place: Resource, **options: Any) -> None:
        super().__init__(name, vault, place, [instance], lock=instance.name, **options)
        self.instance = instance
        instance.credential = self

    def read(self) -> Observed | None:
        observed = super().read()
        self.instance.known("id")
        if observed is not None and self._kept_by_rds() and observed.values["use"] == IN_USE:
            observed.values["use"] = "kept by RDS"
        return observed

    def _kept_by_rds(self) -> bool:
        """RDS keeps it still: the server had no replicas until now."""
        return bool((self.instance.item() or {}).get("MasterUserSecret"))

    def give(self, password: str) -> Operation:
        over = {"ManageMasterUserPassword": False} if self._kept_by_rds() else {}
        self.instance.call(
            "modify_db_instance",
            DBInstanceIdentifier=self.instance.name,
            MasterUserPassword=password,
            ApplyImmediately=True,
            **over,
        )
        return Operation(handle="password")

    def follow(self, operation: Operation) -> Progress:
        """The password is among what is pending until the server has it."""
        self.instance.forget()
        found = self.instance.item() or {}
        word = str(found.get("DBInstanceStatus"))
        pending = found.get("PendingModifiedValues") or {}
        waits = "MasterUserPassword" in pending or word == "resetting-master-credentials"
        return Progress(State.RUNNING if waits else State.DONE, word)

    def forget(self) -> None:
        super().forget()
        self.instance.forget()

    def password(self) -> str:
        """One that the server takes: the current one, or, when none was confirmed yet, the one on its way."""
        return unpack(self.vault.current(self.secret) or self.vault.pending(self.secret) or "")
