"""An emulator of AWS Secrets Manager: labels, recovery windows, names that stay taken, secrets of other services."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World
from .lifecycle import Lifecycle
from .listing import Listing
from .state import Document
from .store import Store
from .values import Values


class SecretsManager:
    """All of Secrets Manager but replication and rotation by Lambda functions."""

    def __init__(self, world: World) -> None:
        self.store = Store(world)
        self._parts = (Lifecycle(self.store), Values(self.store), Listing(self.store))

    def register(self, hooks: Hooks) -> None:
        """Answer every operation of Secrets Manager."""
        for part in self._parts:
            part.register(hooks)
        hooks.replace("secretsmanager.*", _not_emulated)

    def reset(self) -> None:
        """Forget every secret."""
        self.store.reset()

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of every secret."""
        return ((secret.arn, secret.tags) for secret in self.store.visible(region))


def _not_emulated(call: Call) -> Document:
    raise AwsError("NotImplemented", f"{call.name} is not emulated", 501)
