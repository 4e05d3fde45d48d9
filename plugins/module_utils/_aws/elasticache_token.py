# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AUTH token of a cache: kept in Secrets Manager, renewed without locking a client out.

ElastiCache knows two tokens at a time. ROTATE adds one to the newest that it knows, and both open (Amazon ElastiCache
user guide, "Modifying the AUTH token on an existing cluster"). The token before goes on opening until the next
rotation, so that clients have that long to follow; to shut out a token that leaked, rotate twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from .._engine.credential import Credential
from .._engine.resource import DONE, Operation, Progress, Resource, State
from .base import Item
from .elasticache import ReplicationGroup, last_event
from .elasticache_lists import listed
from .secrets import PENDING, SecretVault

# A modification that is accepted may take this long to show.
_SHOWS_AFTER = 60.0


class AuthToken(Credential):
    """The token of one replication group."""

    kind: ClassVar[str] = "aws.elasticache.auth_token"
    inside: ClassVar[bool] = True

    def __init__(self, group: ReplicationGroup, vault: SecretVault, place: Resource, **kwargs: Any) -> None:
        super().__init__(group.name, vault, place, [group], **kwargs)
        self.group, self.session = group, group.session
        self._asked_at, self._begun = 0.0, False

    def give(self, password: str) -> Operation:
        if self._written() is None or self._taken():
            # The current token is in use already; the pending one was taken by a run that died before it could say so.
            # A token that is added once more would shut the other one out.
            return DONE
        self._asked_at, self._begun = self.session.clock.now(), False
        self.session.call(
            "elasticache",
            "modify_replication_group",
            ReplicationGroupId=self.group.group_id,
            AuthToken=password,
            AuthTokenUpdateStrategy="ROTATE",
            ApplyImmediately=True,
        )
        return Operation("rotation")

    def follow(self, operation: Operation) -> Progress:
        found = self._look()
        if found["Status"] != "available" or (found.get("PendingModifiedValues") or {}).get("AuthTokenStatus"):
            self._begun = True
            return Progress(State.RUNNING, found["Status"])
        if self._taken():
            return Progress(State.DONE)
        if not self._begun and self.session.clock.now() - self._asked_at < _SHOWS_AFTER:
            return Progress(State.RUNNING, "accepted")
        said = last_event(self.session, self.group.group_id)
        return Progress(State.FAILED, f"ElastiCache did not take the new AUTH token. {said}".rstrip())

    def _look(self) -> Item:
        self.group.forget()
        return listed(self.session, "groups")[self.group.group_id]

    def _taken(self) -> bool:
        """Whether the group has taken the pending value: its token was changed after that value was written."""
        found = self.session.steady(self._look)
        moments = [found.get("AuthTokenLastModifiedDate"), found.get("ReplicationGroupCreateTime")]
        changed = max((moment for moment in moments if moment), default=None)
        written = self._written()
        return changed is not None and written is not None and is_later(changed, written)

    def _written(self) -> datetime | None:
        """When the pending value was written."""
        answer = self.session.steady(
            lambda: self.session.call("secretsmanager", "list_secret_version_ids", SecretId=self.place.known("id"))
        )
        pending = (item for item in answer.get("Versions") or () if PENDING in (item.get("VersionStages") or ()))
        return next((item["CreatedDate"] for item in pending), None)

    def forget(self) -> None:
        super().forget()
        self.group.forget()


def is_later(changed: datetime, written: datetime) -> bool:
    """Whether a change came after a value was written. A change told in whole seconds counts within its second."""
    return changed >= written.replace(microsecond=0) if changed.microsecond == 0 else changed > written
