"""An emulator of Amazon RDS: PostgreSQL and SQL Server instances, with real PostgreSQL servers where there are any."""

from __future__ import annotations

from collections.abc import Iterator

from ...engines import Address
from ..errors import AwsError
from ..hooks import Hooks
from ..iam_principals import Principals
from ..secretsmanager.store import Store as Secrets
from ..wire import Call
from ..world import World
from .building import Builder
from .changes import Changes
from .checks import Checks
from .groups import ParameterGroups, SubnetGroups
from .info import Info
from .instances import Instances
from .metrics import Metrics
from .modifying import Modifications
from .restores import Restores
from .retained import AutomatedBackups
from .snapshots import Snapshots
from .state import Document
from .store import Store


class Rds:
    """All of RDS but clusters, proxies, option groups and log files."""

    def __init__(self, world: World, principals: Principals, secrets: Secrets) -> None:
        self.store = Store(world, secrets)
        checks = Checks(self.store, principals)
        builder = Builder(self.store, checks)
        self._info = Info(self.store)
        self._parts = (
            Instances(builder),
            Changes(builder, Modifications(builder)),
            Snapshots(self.store, checks),
            Restores(builder),
            AutomatedBackups(self.store),
            SubnetGroups(self.store),
            ParameterGroups(self.store),
            Metrics(self.store),
            self._info,
        )

    def register(self, hooks: Hooks) -> None:
        """Answer every operation of RDS."""
        for service in ("rds", "ec2", "secretsmanager"):
            hooks.before(f"{service}.*", lambda call: self.store.settle(call.region))
        for part in self._parts:
            part.register(hooks)
        hooks.replace("rds.*", _not_emulated)

    def servers(self) -> Iterator[tuple[str, str, Address]]:
        """Kind, instance and address of every real server."""
        for region in self.store.regions.values():
            for instance in region.instances.values():
                if instance.address is not None:
                    yield "postgres", instance.arn, instance.address

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of everything in a region."""
        return self._info.tagged(region)

    def reset(self) -> None:
        """Forget everything."""
        self.store.reset()


def _not_emulated(call: Call) -> Document:
    raise AwsError("NotImplemented", f"{call.name} is not emulated", 501)
