"""An emulator of Amazon ElastiCache: replication groups of Valkey and Redis OSS, with real servers if there are any."""

from __future__ import annotations

from collections.abc import Iterator

from ...engines import Address
from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World
from .access import UserGroups, Users
from .changes import Changes
from .checks import Checks
from .families import ParameterGroups, SubnetGroups
from .groups import Groups
from .info import Info
from .snapshots import Snapshots
from .state import Document
from .store import Store


class ElastiCache:
    """Replication groups and what belongs to them; no Memcached, no serverless caches, no global datastores."""

    def __init__(self, world: World) -> None:
        self.store = Store(world)
        checks = Checks(self.store)
        self._info = Info(self.store)
        self._parts = (
            Groups(self.store, checks),
            Changes(self.store, checks),
            Snapshots(self.store),
            Users(self.store, checks),
            UserGroups(self.store, checks),
            SubnetGroups(self.store),
            ParameterGroups(self.store),
            self._info,
        )

    def register(self, hooks: Hooks) -> None:
        """Answer every operation of ElastiCache."""
        for service in ("elasticache", "ec2"):
            hooks.before(f"{service}.*", lambda call: self.store.settle(call.region))
        for part in self._parts:
            part.register(hooks)
        hooks.replace("elasticache.*", _not_emulated)

    def servers(self) -> Iterator[tuple[str, str, Address]]:
        """Kind, replication group and address of every real server."""
        for region in self.store.regions.values():
            for group in region.groups.values():
                if group.address is not None:
                    yield "redis", group.document["ARN"], group.address

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of everything in a region."""
        return self._info.tagged(region)

    def reset(self) -> None:
        """Forget everything."""
        self.store.reset()


def _not_emulated(call: Call) -> Document:
    raise AwsError("NotImplemented", f"{call.name} is not emulated", 501)
