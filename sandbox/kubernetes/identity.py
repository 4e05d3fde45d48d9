"""Who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"


@dataclass(frozen=True)
class UserInfo:
    """What authentication found out."""

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        """Whether RBAC is not asked at all."""
        return MASTERS in self.groups

    def body(self) -> dict[str, Any]:
        """As in reviews."""
        body: dict[str, Any] = {"username": self.username}
        if self.uid:
            body["uid"] = self.uid
        if self.groups:
            body["groups"] = list(self.groups)
        return {**body, "extra": self.extra} if self.extra else body


ANONYMOUS = UserInfo("system:anonymous", groups=(UNAUTHENTICATED,))

# A bearer token to its user; None refuses it (401).
TokenCheck = Callable[[str], UserInfo | None]
