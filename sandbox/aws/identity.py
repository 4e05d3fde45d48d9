"""Who the account's own access key belongs to."""

from __future__ import annotations

from typing import Any

from ..core.connection import AWS_ACCESS_KEY
from .errors import RawResponse
from .hooks import Hooks
from .wire import Call
from .world import World

USER_NAME = "sandbox"
USER_ID = "AIDASANDBOX0000000000"


class Identity:
    """STS names the caller: moto knows the users and roles that were made in it, not the key it was started with."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Answer GetCallerIdentity."""
        hooks.replace("sts.GetCallerIdentity", self._caller)

    def reset(self) -> None:
        """Nothing is kept."""

    def _caller(self, call: Call) -> dict[str, Any] | RawResponse:
        if call.access_key != AWS_ACCESS_KEY:
            return self._world.moto(call.environ, call.body)
        account = self._world.account
        arn = f"arn:aws:iam::{account}:user/{USER_NAME}"
        return {"UserId": USER_ID, "Account": account, "Arn": arn}
